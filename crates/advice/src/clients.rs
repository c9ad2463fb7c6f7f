//! Known clients and what they offer by default: whom a floor can be tried on before anybody was seen.

use std::sync::OnceLock;

use hello::{Facts, Offer, Version};
use serde::Deserialize;

use crate::knowledge::Knowledge;
use crate::recognise::Runtime;

const CLIENTS: &str = include_str!("../data/clients.toml");

/// A client whose hello was recorded.
#[derive(Clone, Debug)]
pub struct KnownClient {
    /// What it is called in the list that it is from.
    pub name: String,
    /// Whether it was still in common use when the list was made.
    pub common: bool,
    /// What the knowledge base knows it as; `None` for what it has no rules for (search engines' programs).
    pub runtime: Option<Runtime>,
    /// What it offers, with no setting turned.
    pub offer: Offer,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    client: Vec<Row>,
}

/// A client as `data/clients.toml` has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    runtime: Option<String>,
    #[serde(default)]
    common: bool,
    version: Codes,
    #[serde(default)]
    versions: Codes,
    suites: Codes,
    #[serde(default)]
    groups: Codes,
    #[serde(default)]
    key_shares: Codes,
    #[serde(default)]
    schemes: Codes,
    #[serde(default)]
    extensions: Codes,
    #[serde(default)]
    point_formats: Codes,
    #[serde(default)]
    compression: Codes,
    #[serde(default)]
    alpn: Vec<String>,
    #[serde(default)]
    grease: bool,
    #[serde(default)]
    sni: bool,
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "the tests hold the offers against them")
    )]
    ja3: String,
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "the tests hold the offers against them")
    )]
    ja4: String,
}

/// Code points in hexadecimal, with a space between two.
#[derive(Default, Deserialize)]
#[serde(try_from = "String")]
struct Codes(Vec<u16>);

impl TryFrom<String> for Codes {
    type Error = std::num::ParseIntError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let words = text.split_ascii_whitespace();
        let codes = words.map(|word| u16::from_str_radix(word, 16));
        Ok(Self(codes.collect::<Result<_, _>>()?))
    }
}

impl Codes {
    fn bytes(&self) -> Vec<u8> {
        let bytes = self.0.iter().map(|code| u8::try_from(*code));
        bytes.filter_map(Result::ok).collect()
    }

    fn versions(&self) -> Vec<Version> {
        self.0.iter().map(|code| Version(*code)).collect()
    }
}

impl Row {
    fn facts(&self) -> Facts {
        Facts {
            sni: self.sni,
            grease: self.grease,
            legacy_version: self.version.versions().first().copied().unwrap_or_default(),
            supported_versions: self.versions.versions(),
            suites: self.suites.0.clone(),
            compression: self.compression.bytes(),
            groups: self.groups.0.clone(),
            key_shares: self.key_shares.0.clone(),
            signature_algorithms: self.schemes.0.clone(),
            point_formats: self.point_formats.bytes(),
            alpn: self
                .alpn
                .iter()
                .map(|name| name.clone().into_bytes())
                .collect(),
            extensions: self.extensions.0.clone(),
            ..Facts::default()
        }
    }
}

fn rows() -> Result<Vec<Row>, toml::de::Error> {
    Ok(toml::from_str::<File>(CLIENTS)?.client)
}

impl Knowledge {
    /// Every known client, in the order of its list: by kind, the oldest first. Read on first use, and then shared.
    ///
    /// # Panics
    ///
    /// When the embedded data cannot be read, which the tests of a build rule out.
    pub fn known_clients() -> &'static [KnownClient] {
        static CLIENTS: OnceLock<Vec<KnownClient>> = OnceLock::new();
        CLIENTS.get_or_init(|| {
            #[expect(
                clippy::expect_used,
                reason = "the embedded data is read by a test of this crate"
            )]
            let rows = rows().expect("the embedded list of clients");
            rows.into_iter()
                .map(|row| KnownClient {
                    offer: Offer::from(&row.facts()),
                    runtime: row
                        .runtime
                        .and_then(|typed| Self::embedded().look_up(&typed).ok()),
                    name: row.name,
                    common: row.common,
                })
                .collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// The fingerprints were recorded with the hellos, by others.
    #[test]
    fn the_offers_have_the_fingerprints_that_were_recorded() {
        let rows = rows().unwrap();
        assert!(rows.len() >= 175, "{}", rows.len());
        for (row, client) in rows.iter().zip(Knowledge::known_clients()) {
            assert_eq!(hello::ja3(&client.offer), row.ja3, "{}", row.name);
            assert_eq!(hello::ja4(&client.offer), row.ja4, "{}", row.name);
        }
    }

    #[test]
    fn each_is_named_once_and_known_by_its_runtime() {
        let mut names = HashSet::new();
        for row in rows().unwrap() {
            assert!(names.insert(row.name.clone()), "{} stands twice", row.name);
            if let Some(typed) = &row.runtime {
                let found = Knowledge::embedded().look_up(typed);
                let runtime = found.unwrap_or_else(|miss| panic!("{}: {miss}", row.name));
                assert!(runtime.version.is_some(), "{typed}");
            }
        }
    }
}
