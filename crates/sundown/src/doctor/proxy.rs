//! The proxy that the environment names for a server.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::check::target::Target;

/// A proxy over HTTP.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Proxy {
    pub(super) host: String,
    pub(super) port: u16,
    /// The credentials of `Basic`; never shown.
    pub(super) authorization: Option<String>,
    /// The variable that names it.
    pub(super) variable: &'static str,
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

/// Where programs look, the first that is there counts.
const VARIABLES: [&str; 4] = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];

/// The proxy for a server, by these variables. None for a name of this machine, and for what `NO_PROXY` names.
///
/// # Errors
///
/// The variable that holds what cannot be used here.
pub(super) fn for_server(
    variable: impl Fn(&str) -> Option<String>,
    target: &Target,
) -> Result<Option<Proxy>, String> {
    let local = target.host.eq_ignore_ascii_case("localhost")
        || target
            .address()
            .is_some_and(|address| address.is_loopback());
    let found = VARIABLES.into_iter().find_map(|name| {
        let value = variable(name).filter(|value| !value.trim().is_empty())?;
        Some((name, value))
    });
    let Some((name, value)) = found.filter(|_| !local) else {
        return Ok(None);
    };
    let excepted = ["no_proxy", "NO_PROXY"]
        .into_iter()
        .find_map(&variable)
        .is_some_and(|list| is_excepted(&list, target));
    if excepted {
        return Ok(None);
    }
    parse(name, value.trim())
        .map(Some)
        .ok_or_else(|| format!("{name} names a proxy that is not reached over plain HTTP, so the server is asked directly"))
}

fn parse(variable: &'static str, value: &str) -> Option<Proxy> {
    let rest = match value.split_once("://") {
        Some(("http", rest)) => rest,
        Some(_) => return None,
        None => value,
    };
    let rest = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let (credentials, place) = match rest.rsplit_once('@') {
        Some((credentials, place)) => (Some(credentials), place),
        None => (None, rest),
    };
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port.parse().ok()?),
        _ => (place, 80),
    };
    let host = host.trim_matches(['[', ']']);
    (!host.is_empty()).then(|| Proxy {
        host: host.to_owned(),
        port,
        authorization: credentials.map(|credentials| STANDARD.encode(decoded(credentials))),
        variable,
    })
}

/// Percent-decoded (RFC 3986 section 2.1).
fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = match (first, after) {
            (b'%', [high, low, ..]) => std::str::from_utf8(&[*high, *low])
                .ok()
                .and_then(|digits| u8::from_str_radix(digits, 16).ok()),
            _ => None,
        };
        bytes.push(escaped.unwrap_or(*first));
        rest = match escaped {
            Some(_) => after.get(2..).unwrap_or_default(),
            None => after,
        };
    }
    bytes
}

/// Whether a list of `NO_PROXY` names the server: `*`, a name and all below it, with or without a port.
fn is_excepted(list: &str, target: &Target) -> bool {
    let host = target.host.to_lowercase();
    list.split([',', ' ']).any(|entry| {
        let entry = entry.trim().to_lowercase();
        let (name, port) = match entry.rsplit_once(':') {
            Some((name, port)) if port.parse::<u16>().is_ok() && !name.contains(':') => {
                (name, port.parse().ok())
            }
            _ => (entry.as_str(), None),
        };
        let name = name.trim_start_matches('*').trim_start_matches('.');
        let below = host
            .strip_suffix(name)
            .is_some_and(|front| front.is_empty() || front.ends_with('.'));
        entry == "*"
            || !name.is_empty() && below && port.is_none_or(|port: u16| port == target.port)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(variables: &[(&str, &str)], url: &str) -> Result<Option<String>, String> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let found = for_server(variable, &Target::parse(url).unwrap())?;
        Ok(found.map(|proxy| format!("{proxy} {:?}", proxy.authorization)))
    }

    #[test]
    fn a_proxy_is_named_with_or_without_a_scheme_and_credentials() {
        let server = "https://api.example.com/";
        for (value, expected) in [
            ("http://proxy.example:3128", "proxy.example:3128 None"),
            ("proxy.example:3128/", "proxy.example:3128 None"),
            ("http://[::1]:8080", "::1:8080 None"),
            ("http://proxy.example", "proxy.example:80 None"),
            (
                "http://me:s%40crt@proxy.example:1",
                "proxy.example:1 Some(\"bWU6c0BjcnQ=\")",
            ),
        ] {
            assert_eq!(
                proxy(&[("HTTPS_PROXY", value)], server),
                Ok(Some(expected.to_owned()))
            );
        }
        let error = proxy(
            &[("https_proxy", "socks5://me:secret@proxy.example:1080")],
            server,
        )
        .unwrap_err();
        assert!(
            error.contains("https_proxy") && !error.contains("secret"),
            "{error}"
        );
        assert_eq!(proxy(&[("HTTP_PROXY", "http://x:1")], server), Ok(None));
    }

    #[test]
    fn exceptions_are_names_and_what_is_below_them() {
        let with = |list: &str, url: &str| {
            proxy(&[("HTTPS_PROXY", "http://p:1"), ("NO_PROXY", list)], url)
                .unwrap()
                .is_none()
        };
        for list in [
            "*",
            "example.com",
            ".example.com",
            "x, *.example.com",
            "api.example.com:443",
        ] {
            assert!(with(list, "https://api.example.com"), "{list}");
        }
        for list in [
            "",
            ",",
            "ample.com",
            "api.example.com:8443",
            "example.org",
            "*.",
            ".",
        ] {
            assert!(!with(list, "https://api.example.com"), "{list}");
        }
        assert!(with("", "https://localhost:8443") && with("", "https://127.0.0.1"));
    }
}
