//! What is checked, out of what was typed.

use crate::{unable, Unable};

pub(crate) struct Target {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) path: String,
}

impl Target {
    pub(crate) fn parse(url: &str) -> Result<Self, Unable> {
        let starts = |scheme: &str| {
            url.get(..scheme.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        };
        if starts("http://") {
            return Err(unable(
                "the URL is plain HTTP; write https:// to check TLS",
                None,
            ));
        }
        starts("https://")
            .then(|| url.get("https://".len()..))
            .flatten()
            .and_then(Self::read)
            .ok_or_else(|| {
                unable(
                    "the URL is not one to check; write https://host[:port][/path]",
                    None,
                )
            })
    }

    fn read(rest: &str) -> Option<Self> {
        if !rest.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if path.starts_with('#') {
            return None;
        }
        let (host, port) = match authority.rfind(':').filter(|_| !authority.ends_with(']')) {
            Some(colon) => (authority.get(..colon)?, authority.get(colon + 1..)?),
            None => (authority, "443"),
        };
        let is_name = |host: &str| {
            host.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        };
        let is_address = |host: &str| {
            host.bytes()
                .all(|byte| byte.is_ascii_hexdigit() || b":.".contains(&byte))
        };
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        if host.is_empty()
            || !bare.map_or_else(|| is_name(host), is_address)
            || !port.bytes().all(|byte| byte.is_ascii_digit())
        {
            return None;
        }
        let path = path.split('#').next().unwrap_or_default();
        let path = if path.starts_with('?') {
            format!("/{path}")
        } else {
            path.to_owned()
        };
        Some(Self {
            host: host.to_ascii_lowercase(),
            port: port.parse().ok().filter(|port| *port != 0)?,
            path: if path.is_empty() || path == "/" {
                "/ssl/".to_owned()
            } else {
                path
            },
        })
    }

    /// The host without the brackets of an IPv6 address.
    pub(crate) fn bare(&self) -> &str {
        self.host.trim_matches(['[', ']'])
    }

    pub(crate) fn place(&self) -> String {
        match self.port {
            443 => self.host.clone(),
            port => format!("{}:{port}", self.host),
        }
    }
}
