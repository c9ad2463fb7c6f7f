//! What curl and Wget read from files of their own.

use std::path::{Path, PathBuf};

use super::environment::masked;
use super::{Override, Variables, Weight, files};

/// The settings that concern TLS.
pub(super) fn read(variables: &Variables) -> Vec<Override> {
    let variable = |name: &str| {
        variables
            .get(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let home = variable("HOME");
    let curl = variable("CURL_HOME")
        .map(|home| home.join(".curlrc"))
        .into_iter()
        .chain(variable("XDG_CONFIG_HOME").map(|config| config.join("curlrc")))
        .chain(home.iter().map(|home| home.join(".curlrc")))
        .find(|path| path.is_file());
    let own = variable("WGETRC").or_else(|| Some(home?.join(".wgetrc")));
    let wget = [Some(PathBuf::from("/etc/wgetrc")), own];
    let curl = curl.iter().flat_map(|path| of_file(path, of_curl, "curl"));
    let wget = wget
        .iter()
        .flatten()
        .flat_map(|path| of_file(path, of_wget, "Wget"));
    curl.chain(wget).collect()
}

fn of_file(
    path: &Path,
    told: fn(&str, &str) -> Option<(Weight, &'static str)>,
    affects: &'static str,
) -> Vec<Override> {
    let text = files::text(path).unwrap_or_default();
    let lines = text.lines().enumerate().filter_map(|(index, line)| {
        let line = line.trim();
        let end = line.find(['=', ' ', '\t', ':']).unwrap_or(line.len());
        let (name, value) = line.split_at_checked(end)?;
        let value = value
            .trim_start_matches(['=', ' ', '\t', ':'])
            .trim_matches('"');
        (!name.is_empty() && !name.starts_with('#')).then_some((index + 1, name, value))
    });
    lines
        .filter_map(|(line, name, value)| {
            let told = told(name.trim_start_matches('-'), value)?;
            Some(Override::new(
                name,
                &masked(value),
                files::place(path, line),
                told,
                affects,
            ))
        })
        .collect()
}

fn of_curl(name: &str, value: &str) -> Option<(Weight, &'static str)> {
    Some(match name {
        "tls-max" if value != "1.3" && value != "default" => {
            (Weight::Lowers, "takes newer versions away")
        }
        "tlsv1.0" | "tlsv1.1" | "tlsv1" | "1" => {
            (Weight::Lowers, "holds old releases of it to that version")
        }
        "sslv2" | "sslv3" | "2" | "3" => (Weight::Lowers, "names a version that is gone"),
        "tlsv1.2" | "tlsv1.3" => (Weight::Sets, "takes older versions away"),
        "ciphers" | "tls13-ciphers" => (Weight::Sets, "names the cipher suites that are offered"),
        "curves" => (Weight::Lowers, "names the groups that are offered"),
        "insecure" | "k" => (Weight::Exposes, "lets any certificate pass"),
        "cacert" | "capath" => (Weight::Sets, "names the authorities that are trusted"),
        "proxy" | "x" | "socks5" | "socks5-hostname" | "preproxy" => {
            (Weight::Routes, "leads connections through a proxy")
        }
        "noproxy" => (Weight::Routes, "names what is reached without a proxy"),
        _ => return None,
    })
}

fn of_wget(name: &str, value: &str) -> Option<(Weight, &'static str)> {
    Some(
        match name.replace(['_', '-'], "").to_ascii_lowercase().as_str() {
            "secureprotocol" => match value.to_ascii_lowercase().as_str() {
                "auto" | "pfs" => (Weight::Sets, "chooses versions"),
                "tlsv1_3" => (Weight::Sets, "takes older versions away"),
                _ => (
                    Weight::Lowers,
                    "holds it to that version, or to nothing above it",
                ),
            },
            "ciphers" => (Weight::Sets, "names the cipher suites that are offered"),
            "checkcertificate" if matches!(value, "off" | "no" | "0") => {
                (Weight::Exposes, "lets any certificate pass")
            }
            "cacertificate" => (Weight::Sets, "names the authorities that are trusted"),
            "httpsproxy" => (Weight::Routes, "leads connections through a proxy"),
            _ => return None,
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_curl_and_wget_are_read_in_every_spelling() {
        let home = tempfile::tempdir().unwrap();
        let curlrc = "# tls-max 1.0\n--tls-max 1.2\ninsecure\nproxy = \"http://me:secret@p:1\"\nuser-agent: x\n-k\n";
        std::fs::write(home.path().join(".curlrc"), curlrc).unwrap();
        std::fs::write(
            home.path().join(".wgetrc"),
            "secure_protocol = TLSv1\ncheck-certificate=off\n",
        )
        .unwrap();
        let variables = Variables::from([("HOME".to_owned(), home.path().display().to_string())]);
        let found: Vec<String> = read(&variables)
            .into_iter()
            .filter(|one| !one.place.starts_with("/etc/"))
            .map(|one| format!("{:?} {}={}", one.weight, one.name, one.value))
            .collect();
        let expected = [
            "Lowers --tls-max=1.2",
            "Exposes insecure=",
            "Routes proxy=http://***@p:1",
            "Exposes -k=",
            "Lowers secure_protocol=TLSv1",
            "Exposes check-certificate=off",
        ];
        assert_eq!(found, expected);
    }
}
