//! What the environment overrules. Of variables that may hold secrets only the words that concern TLS are shown.

use super::{Override, Variables, Weight, list_of_protocols};

/// What a value does, where it does anything.
type Told = Option<(Weight, String)>;

/// One variable whose whole value may be shown.
struct Plain {
    name: &'static str,
    told: fn(&str) -> Told,
    affects: &'static str,
}

const fn plain(name: &'static str, told: fn(&str) -> Told, affects: &'static str) -> Plain {
    Plain {
        name,
        told,
        affects,
    }
}

const OPENSSL: &str = "Python, Ruby, PHP, Perl, curl, openssl and all else on OpenSSL";
const JAVA: &str = "every Java";

static PLAIN: [Plain; 30] = [
    plain(
        "OPENSSL_CONF",
        |_| sets("is read instead of the default openssl.cnf"),
        OPENSSL,
    ),
    plain(
        "SSL_CERT_FILE",
        |_| sets("names the authorities that are trusted"),
        "Python, Ruby, Perl, curl, Go and all else on OpenSSL",
    ),
    plain(
        "SSL_CERT_DIR",
        |_| sets("names the authorities that are trusted"),
        "Python, Ruby, Perl, curl, Go and all else on OpenSSL",
    ),
    plain(
        "SSLKEYLOGFILE",
        |_| {
            exposes("writes the keys of every connection there: whoever reads it reads the traffic")
        },
        "Python 3.8 and later, curl, browsers",
    ),
    plain(
        "LD_PRELOAD",
        |_| sets("loads that into every program; it may bring another TLS library"),
        "every program",
    ),
    plain(
        "LD_LIBRARY_PATH",
        |_| sets("is where libraries are looked for first; another libssl may be there"),
        "every program",
    ),
    plain(
        "NODE_TLS_REJECT_UNAUTHORIZED",
        |value| (value == "0").then_some((Weight::Exposes, "lets any certificate pass".to_owned())),
        "Node.js",
    ),
    plain(
        "NODE_EXTRA_CA_CERTS",
        |_| sets("names authorities that are trusted too"),
        "Node.js",
    ),
    plain(
        "PYTHONHTTPSVERIFY",
        |value| (value == "0").then_some((Weight::Exposes, "lets any certificate pass".to_owned())),
        "Python 2.7",
    ),
    plain(
        "REQUESTS_CA_BUNDLE",
        |_| sets("names the authorities that are trusted"),
        "Python's requests",
    ),
    plain(
        "CURL_CA_BUNDLE",
        |_| sets("names the authorities that are trusted"),
        "curl, Python's requests",
    ),
    plain(
        "CURL_HOME",
        |_| sets("is where .curlrc is looked for"),
        "curl",
    ),
    plain(
        "CURL_SSL_BACKEND",
        |_| sets("chooses the TLS library"),
        "curl with several",
    ),
    plain(
        "MONO_TLS_PROVIDER",
        |value| match value {
            "legacy" | "old" => Some((
                Weight::Lowers,
                "chooses the TLS that ends at TLSv1".to_owned(),
            )),
            _ => sets("chooses the TLS library"),
        },
        "Mono",
    ),
    plain(
        "CLR_OPENSSL_VERSION_OVERRIDE",
        |_| sets("chooses the OpenSSL that is loaded"),
        ".NET",
    ),
    plain(
        "PERL_NET_HTTPS_SSL_SOCKET_CLASS",
        |value| {
            match value {
        "Net::SSL" => Some((Weight::Lowers, "chooses Crypt::SSLeay, which is no longer kept and offers TLSv1 at most in old releases".to_owned())),
        _ => sets("chooses the TLS module"),
    }
        },
        "Perl's LWP",
    ),
    plain(
        "PERL_LWP_SSL_VERIFY_HOSTNAME",
        |value| {
            (value == "0").then_some((
                Weight::Exposes,
                "lets a certificate of any name pass".to_owned(),
            ))
        },
        "Perl's LWP",
    ),
    plain(
        "HTTPS_VERSION",
        |_| Some((Weight::Lowers, "names one protocol version".to_owned())),
        "Perl's Crypt::SSLeay",
    ),
    plain(
        "HTTPS_CA_FILE",
        |_| sets("names the authorities that are trusted"),
        "Perl's Crypt::SSLeay",
    ),
    plain(
        "GNUTLS_SYSTEM_PRIORITY_FILE",
        |_| sets("is read instead of the default settings of GnuTLS"),
        "Wget and all else on GnuTLS",
    ),
    plain(
        "GNUTLS_SYSTEM_PRIORITY_FAIL_ON_INVALID",
        |_| sets("ends programs whose settings of GnuTLS are wrong"),
        "all on GnuTLS",
    ),
    plain("WGETRC", |_| sets("is read instead of ~/.wgetrc"), "Wget"),
    plain(
        "GOTOOLCHAIN",
        |_| sets("chooses the release of Go that builds"),
        "Go",
    ),
    plain(
        "CARGO_HTTP_SSL_VERSION",
        |value| Some(list_of_protocols(value)),
        "cargo",
    ),
    plain(
        "CARGO_HTTP_CAINFO",
        |_| sets("names the authorities that are trusted"),
        "cargo",
    ),
    plain(
        "CARGO_HTTP_CHECK_REVOKE",
        |value| {
            (value == "false")
                .then_some((Weight::Exposes, "lets revoked certificates pass".to_owned()))
        },
        "cargo",
    ),
    plain(
        "GIT_SSL_NO_VERIFY",
        |_| exposes("lets any certificate pass"),
        "git",
    ),
    plain(
        "GIT_SSL_VERSION",
        |value| Some(list_of_protocols(&value.replace("tlsv", "TLSv"))),
        "git",
    ),
    plain(
        "NO_PROXY",
        |_| {
            Some((
                Weight::Routes,
                "names what is reached without a proxy".to_owned(),
            ))
        },
        "whoever goes through one",
    ),
    plain(
        "no_proxy",
        |_| {
            Some((
                Weight::Routes,
                "names what is reached without a proxy".to_owned(),
            ))
        },
        "whoever goes through one",
    ),
];

fn sets(effect: &str) -> Told {
    Some((Weight::Sets, effect.to_owned()))
}

fn exposes(effect: &str) -> Told {
    Some((Weight::Exposes, effect.to_owned()))
}

/// Everything in the environment that overrules a runtime.
pub(in crate::doctor) fn read(variables: &Variables) -> Vec<Override> {
    let set = |name: &str| {
        variables
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    };
    let mut found: Vec<Override> = PLAIN
        .iter()
        .filter_map(|known| {
            let value = set(known.name)?;
            let told = (known.told)(value)?;
            Some(Override::new(known.name, value, PLACE, told, known.affects))
        })
        .collect();
    for name in [
        "HTTPS_PROXY",
        "https_proxy",
        "ALL_PROXY",
        "all_proxy",
        "CARGO_HTTP_PROXY",
    ] {
        found.extend(set(name).map(|value| {
            let told = (Weight::Routes, "leads connections through a proxy");
            Override::new(name, &masked(value), PLACE, told, proxied(name))
        }));
    }
    for name in [
        "JAVA_TOOL_OPTIONS",
        "_JAVA_OPTIONS",
        "JDK_JAVA_OPTIONS",
        "JAVA_OPTS",
        "MAVEN_OPTS",
        "CATALINA_OPTS",
    ] {
        found.extend(set(name).into_iter().flat_map(|value| java(name, value)));
    }
    found.extend(set("NODE_OPTIONS").into_iter().flat_map(node));
    found.extend(
        set("RUBYOPT")
            .into_iter()
            .flat_map(|value| loads("RUBYOPT", value, "-r", "Ruby")),
    );
    found.extend(
        set("PERL5OPT")
            .into_iter()
            .flat_map(|value| loads("PERL5OPT", value, "-M", "Perl")),
    );
    found.extend(set("GODEBUG").into_iter().flat_map(go));
    for (name, value) in variables.range("DOTNET_SYSTEM_NET_".to_owned()..) {
        if !name.starts_with("DOTNET_SYSTEM_NET_") {
            break;
        }
        found.push(Override::new(
            name,
            value,
            PLACE,
            (Weight::Sets, "changes how .NET connects"),
            ".NET",
        ));
    }
    found
}

const PLACE: &str = "environment";

fn proxied(name: &str) -> &'static str {
    match name {
        "CARGO_HTTP_PROXY" => "cargo",
        "HTTPS_PROXY" | "https_proxy" => {
            "curl, Wget, Python, Ruby, Go, Perl's LWP, .NET, and Node.js from 24 on when told so; not Java or PHP's streams"
        }
        _ => "curl, Python's requests, .NET",
    }
}

/// An address without the name and the password in it.
pub(in crate::doctor) fn masked(address: &str) -> String {
    let (scheme, rest) = match address.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), address),
    };
    match rest.rsplit_once('@') {
        Some((_, place)) => format!("{scheme}***@{place}"),
        None => format!("{scheme}{rest}"),
    }
}

/// The system properties that concern TLS; of the others nothing is said, as passwords are among them.
fn java(variable: &str, value: &str) -> Vec<Override> {
    const LISTS: [&str; 2] = ["https.protocols", "jdk.tls.client.protocols"];
    const OTHERS: [(&str, Weight, &str); 9] = [
        (
            "jdk.tls.namedGroups",
            Weight::Lowers,
            "names the groups that are offered",
        ),
        (
            "https.cipherSuites",
            Weight::Lowers,
            "names the cipher suites that are offered",
        ),
        (
            "jdk.tls.client.cipherSuites",
            Weight::Lowers,
            "names the cipher suites that are offered",
        ),
        (
            "java.security.properties",
            Weight::Sets,
            "names a file that overrules java.security",
        ),
        (
            "javax.net.ssl.trustStore",
            Weight::Sets,
            "names the authorities that are trusted",
        ),
        (
            "jdk.tls.disabledAlgorithms",
            Weight::Sets,
            "has no effect as a system property: it belongs into java.security",
        ),
        (
            "https.proxyHost",
            Weight::Routes,
            "leads connections through a proxy",
        ),
        (
            "socksProxyHost",
            Weight::Routes,
            "leads connections through a proxy",
        ),
        (
            "com.sun.net.ssl.checkRevocation",
            Weight::Sets,
            "says whether revocation is checked",
        ),
    ];
    let affects = match variable {
        "JAVA_TOOL_OPTIONS" | "_JAVA_OPTIONS" => JAVA,
        "JDK_JAVA_OPTIONS" => "Java 9 and later, when started as `java`",
        "MAVEN_OPTS" => "Maven",
        "CATALINA_OPTS" => "Tomcat",
        _ => "Javas whose start script reads it",
    };
    let properties = value.split_whitespace().filter_map(|word| {
        word.trim_matches(['"', '\''])
            .strip_prefix("-D")?
            .split_once('=')
    });
    properties
        .filter_map(|(name, value)| {
            let told = match LISTS.contains(&name) {
                true => list_of_protocols(value),
                false => {
                    let (_, weight, effect) = OTHERS.iter().find(|(known, ..)| *known == name)?;
                    (*weight, (*effect).to_owned())
                }
            };
            Some(Override::new(
                format!("{variable}: -D{name}"),
                value,
                PLACE,
                told,
                affects,
            ))
        })
        .collect()
}

fn node(value: &str) -> Vec<Override> {
    let told = |word: &str| -> Told {
        let (name, _) = word.split_once('=').unwrap_or((word, ""));
        Some(match name {
            "--tls-max-v1.2" => (Weight::Lowers, "holds it to TLSv1.2 at most".to_owned()),
            "--tls-max-v1.3" => (Weight::Sets, "lets it offer TLSv1.3".to_owned()),
            "--tls-min-v1.0" | "--tls-min-v1.1" => (
                Weight::Exposes,
                "lets it go down to versions that are no longer safe".to_owned(),
            ),
            "--tls-min-v1.2" | "--tls-min-v1.3" => {
                (Weight::Sets, "takes older versions away".to_owned())
            }
            "--tls-cipher-list" => (
                Weight::Lowers,
                "names the cipher suites that are offered".to_owned(),
            ),
            "--tls-keylog" => (
                Weight::Exposes,
                "writes the keys of every connection to a file".to_owned(),
            ),
            "--openssl-config" => (
                Weight::Sets,
                "names the openssl.cnf that is read".to_owned(),
            ),
            "--openssl-shared-config" => (
                Weight::Sets,
                "reads the openssl_conf section of openssl.cnf".to_owned(),
            ),
            "--openssl-legacy-provider" => {
                (Weight::Exposes, "brings back old algorithms".to_owned())
            }
            "--use-openssl-ca" | "--use-system-ca" => {
                (Weight::Sets, "trusts the machine's authorities".to_owned())
            }
            "--security-revert" => (Weight::Exposes, "takes back a security fix".to_owned()),
            "--require" | "-r" | "--import" => (
                Weight::Sets,
                "loads a module first, which may change tls.DEFAULT_MAX_VERSION".to_owned(),
            ),
            _ => return None,
        })
    };
    let words = value.split_whitespace().map(|word| word.trim_matches('"'));
    words
        .filter_map(|word| {
            Some(Override::new(
                "NODE_OPTIONS",
                word,
                PLACE,
                told(word)?,
                "Node.js",
            ))
        })
        .collect()
}

/// Options that load something first.
fn loads(
    variable: &'static str,
    value: &str,
    option: &str,
    affects: &'static str,
) -> Vec<Override> {
    let effect = match variable {
        "RUBYOPT" => "loads that first, which may change OpenSSL::SSL::SSLContext::DEFAULT_PARAMS",
        _ => "loads that first, which may change the defaults of IO::Socket::SSL",
    };
    let words = value
        .split_whitespace()
        .filter(|word| word.starts_with(option));
    words
        .map(|word| Override::new(variable, word, PLACE, (Weight::Sets, effect), affects))
        .collect()
}

/// <https://go.dev/doc/godebug>
fn go(value: &str) -> Vec<Override> {
    let told = |name: &str, value: &str| -> Told {
        Some(match (name, value) {
            ("tlsmlkem" | "tlskyber", "0") => (
                Weight::Lowers,
                "takes the post-quantum groups away".to_owned(),
            ),
            ("tlssecpmlkem", "0") => (
                Weight::Lowers,
                "takes two post-quantum groups away; X25519MLKEM768 stays".to_owned(),
            ),
            ("tls13", "0") => (Weight::Lowers, "takes TLSv1.3 away, in Go 1.13".to_owned()),
            ("tls10default", "1") => (Weight::Exposes, "lets it go down to TLSv1".to_owned()),
            ("tls10server", "1") => (
                Weight::Exposes,
                "lets its servers go down to TLSv1".to_owned(),
            ),
            ("tls3des", "1") => (Weight::Exposes, "brings back 3DES".to_owned()),
            ("tlsrsakex", "1") => (
                Weight::Exposes,
                "brings back key exchange without forward secrecy".to_owned(),
            ),
            ("tlssha1", "1") => (
                Weight::Exposes,
                "brings back signatures with SHA-1".to_owned(),
            ),
            ("x509sha1", "1") => (
                Weight::Exposes,
                "lets certificates signed with SHA-1 pass".to_owned(),
            ),
            ("x509usefallbackroots", _) => (
                Weight::Sets,
                "chooses the authorities that are trusted".to_owned(),
            ),
            _ => return None,
        })
    };
    let pairs = value
        .split(',')
        .filter_map(|pair| pair.trim().split_once('='));
    pairs
        .filter_map(|(name, value)| {
            let told = told(name, value)?;
            Some(Override::new(
                "GODEBUG",
                &format!("{name}={value}"),
                PLACE,
                told,
                "programs built with Go",
            ))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, value: &str) -> Vec<(Weight, String)> {
        let variables = Variables::from([(name.to_owned(), value.to_owned())]);
        read(&variables)
            .into_iter()
            .map(|one| (one.weight, one.value))
            .collect()
    }

    #[test]
    fn what_holds_a_runtime_down_is_told_from_what_does_not() {
        let lowers = |value: &str| vec![(Weight::Lowers, value.to_owned())];
        assert_eq!(
            found("NODE_OPTIONS", "--max-old-space-size=4096 --tls-max-v1.2"),
            lowers("--tls-max-v1.2")
        );
        assert_eq!(
            found(
                "JAVA_TOOL_OPTIONS",
                "-Xmx1g -Dhttps.protocols=TLSv1,TLSv1.1"
            ),
            lowers("TLSv1,TLSv1.1")
        );
        assert_eq!(
            found("JAVA_TOOL_OPTIONS", "-Djdk.tls.client.protocols=TLSv1.2"),
            lowers("TLSv1.2")
        );
        assert_eq!(
            found("GODEBUG", "http2client=0,tlsmlkem=0"),
            lowers("tlsmlkem=0")
        );
        assert_eq!(found("MONO_TLS_PROVIDER", "legacy"), lowers("legacy"));
        assert_eq!(
            found("NODE_TLS_REJECT_UNAUTHORIZED", "0"),
            [(Weight::Exposes, "0".to_owned())]
        );
        assert!(found("NODE_TLS_REJECT_UNAUTHORIZED", "1").is_empty());
        assert!(found("OPENSSL_CONF", "").is_empty() && found("RUBYOPT", "-W0").is_empty());
        assert_eq!(found("RUBYOPT", "-W0 -r/opt/tls.rb").len(), 1);
        assert_eq!(found("DOTNET_SYSTEM_NET_SECURITY_X", "1").len(), 1);
        assert!(found("PATH", "/usr/bin").is_empty() && found("DOTNET_SYSTEM_NOT", "1").is_empty());
    }

    #[test]
    fn secrets_are_not_shown() {
        let variables: Variables = [
            ("HTTPS_PROXY", "http://me:hunter2@proxy.example:3128"),
            ("all_proxy", "socks5://me:hun@ter2@proxy.example"),
            ("JAVA_TOOL_OPTIONS", "-Djavax.net.ssl.keyStorePassword=hunter2 -Dhttps.protocols=TLSv1.3 -Dtoken=hunter2"),
            ("NODE_OPTIONS", "--require=/opt/tls.js --title=hunter2"),
            ("AWS_SECRET_ACCESS_KEY", "hunter2"),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
        let shown = format!("{:?}", read(&variables));
        assert!(
            !shown.contains("hunter2") && !shown.contains("ter2"),
            "{shown}"
        );
        assert!(
            shown.contains("***@proxy.example:3128") && shown.contains("TLSv1.3"),
            "{shown}"
        );
    }

    #[test]
    fn hostile_values_are_bounded_and_harmless() {
        let value = format!("/x\u{1b}[2J{}", "y".repeat(100_000));
        let shown = found("OPENSSL_CONF", &value);
        assert!(
            shown
                .iter()
                .all(|(_, value)| value.chars().count() <= 201 && !value.contains('\u{1b}'))
        );
    }
}
