//! `[links]`: where private links to the pages of accounts lead, and for how long.

use floor::config::Length;
use jiff::SignedDuration;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// `[links]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Links {
    /// The address of an edge as customers reach it: `"https://api.example.com"`, no path. Letters carry a link to the
    /// account's own page there. Default: none, and then they carry none.
    #[serde(deserialize_with = "url")]
    pub(crate) url: Option<String>,
    /// How long a link works. A letter about each step brings a new one. Default `"90d"`.
    #[serde(deserialize_with = "life")]
    pub(crate) life: SignedDuration,
}

impl Default for Links {
    fn default() -> Self {
        Self {
            url: None,
            life: SignedDuration::from_hours(90 * 24),
        }
    }
}

fn url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    base_url(&text).map(Some).map_err(D::Error::custom)
}

fn life<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SignedDuration, D::Error> {
    let life = Length(String::deserialize(deserializer)?)
        .duration()
        .map_err(D::Error::custom)?;
    if life.is_positive() {
        Ok(life)
    } else {
        Err(D::Error::custom(
            "a link must work for some time; write one such as \"90d\"",
        ))
    }
}

/// Scheme and server, without a path. It becomes a part of letters and commands: nothing else may stand in it.
pub(crate) fn base_url(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    let text = text.strip_suffix('/').unwrap_or(text);
    let server = text.strip_prefix("https://");
    if server.is_some_and(|server| !server.is_empty() && server.bytes().all(plain)) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "{text:?} is not the address of an edge; write it like \"https://api.example.com\", without a path"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_scheme_and_a_server() {
        let good = ["https://api.example.com", "https://[2001:db8::1]:8443"];
        for url in good {
            assert_eq!(base_url(url).as_deref(), Ok(url));
        }
        assert_eq!(
            base_url("https://a.example/").as_deref(),
            Ok("https://a.example")
        );
        for wrong in [
            "http://a.example",
            "https://",
            "a.example",
            "https://a.example/ssl",
            "https://a@b",
            "https://a.example$(id)",
            "https://a.example/?x",
        ] {
            assert!(base_url(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_life_has_days() {
        let links: Links = toml::from_str("url = \"https://a.example\"\nlife = \"14d\"").unwrap();
        assert_eq!(links.life, SignedDuration::from_hours(14 * 24));
        for wrong in [
            "life = \"0s\"",
            "life = \"soon\"",
            "url = \"a\"",
            "lief = \"1d\"",
        ] {
            assert!(toml::from_str::<Links>(wrong).is_err(), "{wrong}");
        }
    }
}
