//! What is checked, out of what was typed.

use std::net::IpAddr;

use anyhow::{Context, bail};
use hyper::Uri;

const HTTPS: u16 = 443;

/// One server, and where on it an answer is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// A name or an address, an IPv6 address without its brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Path and query, where the URL had more than `/`.
    pub(crate) path: Option<String>,
}

impl Target {
    pub(crate) fn parse(url: &str) -> anyhow::Result<Self> {
        if !url.contains("://") {
            bail!("{url:?} is no URL; write https://{url}");
        }
        let uri: Uri = url.parse().with_context(|| {
            format!("{url:?} is no URL; write https://host[:port][/path], the host in ASCII")
        })?;
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") => bail!("{url:?} is plain HTTP; write https:// to check TLS"),
            _ => bail!("{url:?} is no https URL; write https://host[:port][/path]"),
        }
        let (host, authority) = (
            uri.host().unwrap_or_default(),
            uri.authority().map_or("", |part| part.as_str()),
        );
        if authority.contains('@') {
            bail!(
                "{url:?} holds a user name, which is of no use before TLS; leave out what is before the @"
            );
        }
        let port = match authority.strip_prefix(host) {
            Some("") => HTTPS,
            rest => rest
                .and_then(|rest| rest.strip_prefix(':'))
                .and_then(|port| port.parse().ok())
                .filter(|port| *port != 0)
                .with_context(|| format!("{url:?} has no valid port; ports are 1 to 65535"))?,
        };
        // A dot at the end makes a name absolute for DNS; it is no part of the name in TLS (RFC 6066 section 3).
        let host = host.trim_matches(['[', ']']).trim_end_matches('.');
        if host.is_empty() {
            bail!("{url:?} names no host; write https://host[:port][/path]");
        }
        let path = uri.path_and_query().map(|path| path.as_str());
        Ok(Self {
            host: host.to_owned(),
            port,
            path: path
                .filter(|path| !path.is_empty() && *path != "/")
                .map(str::to_owned),
        })
    }

    /// The host as an address, where it is one.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// `host:port`, for messages and commands.
    pub(crate) fn place(&self) -> String {
        match self.address() {
            Some(IpAddr::V6(address)) => format!("[{address}]:{}", self.port),
            _ => format!("{}:{}", self.host, self.port),
        }
    }

    /// `host`, or `host:port` where the port is not the usual one, as a `Host` field has it.
    pub(crate) fn authority(&self) -> String {
        let place = self.place();
        let usual = place.strip_suffix(":443");
        usual.map(str::to_owned).unwrap_or(place)
    }

    /// The full URL of a path on this server.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.authority())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_gives_host_port_and_path() {
        let cases = [
            ("https://api.example.com", "api.example.com", 443, None),
            ("https://api.example.com./", "api.example.com", 443, None),
            (
                "https://localhost:8443/ssl/?a=b#c",
                "localhost",
                8443,
                Some("/ssl/?a=b"),
            ),
            ("https://[::1]:8443", "::1", 8443, None),
            ("https://[::1]", "::1", 443, None),
            ("HTTPS://192.0.2.7/x", "192.0.2.7", 443, Some("/x")),
        ];
        for (url, host, port, path) in cases {
            let wanted = Target {
                host: host.to_owned(),
                port,
                path: path.map(str::to_owned),
            };
            assert_eq!(Target::parse(url).unwrap(), wanted, "{url}");
        }
    }

    #[test]
    fn what_cannot_be_checked_is_refused_with_a_remedy() {
        let cases = [
            ("api.example.com", "write https://api.example.com"),
            ("http://api.example.com", "write https://"),
            ("ftp://api.example.com", "write https://host"),
            ("https://me:secret@api.example.com", "before the @"),
            ("https://api.example.com:99999", "1 to 65535"),
            ("https://api.example.com:0", "1 to 65535"),
            ("https://api.example.com:", "1 to 65535"),
            ("https://", "write https://host"),
            ("https://b\u{fc}cher.example", "ASCII"),
            ("", "write https://"),
        ];
        for (url, remedy) in cases {
            let error = format!("{:#}", Target::parse(url).unwrap_err());
            assert!(error.contains(remedy), "{url}: {error}");
        }
    }

    #[test]
    fn the_authority_is_as_a_host_field_has_it() {
        let authority = |url| Target::parse(url).unwrap().authority();
        assert_eq!(authority("https://[::1]:8443/"), "[::1]:8443");
        assert_eq!(authority("https://api.example.com:443/"), "api.example.com");
        assert_eq!(
            authority("https://api.example.com:1443/"),
            "api.example.com:1443"
        );
    }
}
