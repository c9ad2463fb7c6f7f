//! What a request says it is for.

use std::net::IpAddr;

use http::{HeaderMap, header};

/// Whether the `Host` names this machine to itself. Another name means that a page elsewhere sent its visitor's browser
/// here under a name of its own.
pub(super) fn is_loopback(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return false;
    };
    let Ok(host) = host.to_str() else {
        return false;
    };
    let name = without_port(host);
    if name.eq_ignore_ascii_case("localhost") {
        return true;
    }
    let address = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'))
        .unwrap_or(name);
    address
        .parse::<IpAddr>()
        .is_ok_and(|address| address.to_canonical().is_loopback())
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port))
            if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') =>
        {
            name
        }
        _ => host,
    }
}

/// Whether a browser says that a page of this console sent the request, or nothing against it.
pub(super) fn is_same_origin(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if let Some(site) = text(http::HeaderName::from_static("sec-fetch-site"))
        && !matches!(site, "same-origin" | "none")
    {
        return false;
    }
    let Some(origin) = text(header::ORIGIN) else {
        return true;
    };
    let host = text(header::HOST).unwrap_or_default();
    let named = origin
        .strip_prefix("https://")
        .or_else(|| origin.strip_prefix("http://"));
    !host.is_empty() && named.is_some_and(|named| named.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn only_a_loopback_name_is_one() {
        for host in [
            "localhost",
            "LOCALHOST:8444",
            "127.0.0.1:8444",
            "127.9.9.9",
            "[::1]:8444",
            "[::ffff:127.0.0.1]",
        ] {
            assert!(is_loopback(&with(&[("host", host)])), "{host}");
        }
        for host in [
            "evil.example",
            "127.0.0.1.evil.example",
            "localhost.evil.example:8444",
            "10.0.0.1",
            "",
            "[::2]:1",
            ":8444",
        ] {
            assert!(!is_loopback(&with(&[("host", host)])), "{host}");
        }
        assert!(!is_loopback(&with(&[])));
        assert!(!is_loopback(&with(&[
            ("host", "localhost"),
            ("host", "evil.example")
        ])));
    }

    #[test]
    fn another_origin_shows() {
        let host = ("host", "127.0.0.1:8444");
        assert!(is_same_origin(&with(&[host])));
        assert!(is_same_origin(&with(&[
            host,
            ("origin", "http://127.0.0.1:8444")
        ])));
        for origin in [
            "http://evil.example",
            "null",
            "http://127.0.0.1:8445",
            "127.0.0.1:8444",
        ] {
            assert!(
                !is_same_origin(&with(&[host, ("origin", origin)])),
                "{origin}"
            );
        }
        assert!(!is_same_origin(&with(&[
            host,
            ("sec-fetch-site", "cross-site")
        ])));
        assert!(!is_same_origin(&with(&[
            host,
            ("sec-fetch-site", "same-site")
        ])));
    }
}
