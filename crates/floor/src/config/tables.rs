//! The tables as they are written. Every key, what it means, and its default.

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use toml::Spanned;

use super::{Length, When};
use crate::Measure;

/// The plan's tables, as a configuration file holds them among others.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanTables {
    /// What is retired, and when. Default: nothing.
    #[serde(default)]
    pub sunset: Vec<Spanned<SunsetTable>>,
    /// Who is let past. Default: nobody.
    #[serde(default)]
    pub exception: Vec<Spanned<ExceptionTable>>,
    /// Server names that show a day to come. Default: none.
    #[serde(default)]
    pub preview: Vec<Spanned<PreviewTable>>,
    /// Groups of accounts that a sunset can be for. Default: none.
    #[serde(default)]
    pub cohort: Vec<Spanned<CohortTable>>,
}

/// `[[sunset]]`: one floor plus its dated phases. Phases are optional; those given come in this order.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SunsetTable {
    /// What is retired, in words; unique. Required.
    pub name: Spanned<String>,
    /// What a client must be able to do: a named floor or an inline table. Required.
    pub floor: Spanned<FloorValue>,
    /// The name of the cohort it is for. Default: everybody.
    pub cohort: Option<Spanned<String>>,
    /// From when clients that miss are counted apart. Default: no such phase.
    pub observe: Option<Spanned<When>>,
    /// From when they are told in headers. Default: no such phase.
    pub warn: Option<Spanned<When>>,
    /// Runs of brownout windows. Default: none.
    #[serde(default)]
    pub brownout: Vec<Spanned<BrownoutTable>>,
    /// From when every request is answered with an explanation. Default: no such phase.
    pub explain: Option<Spanned<When>>,
    /// From when the handshake is refused. Default: no such phase.
    pub refuse: Option<Spanned<When>>,
    /// Where a client's owner can ask for help: a URL or an address. Default: none.
    pub contact: Option<Spanned<String>>,
    /// Paths on which card data can be sent; checking the plan then warns of explain. Default: none.
    #[serde(default)]
    pub card_data_paths: Vec<Spanned<String>>,
}

/// A floor: its name, or a table.
#[derive(Clone, Debug)]
pub enum FloorValue {
    /// One of [`Floor::NAMES`](crate::Floor::NAMES).
    Named(String),
    /// `{ min = "TLSv1.2", suites = [...], groups = [...] }`.
    Inline(InlineFloor),
}

/// A floor of one's own.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InlineFloor {
    /// The earliest version, as OpenSSL spells it. Required.
    pub min: Spanned<String>,
    /// Allowed cipher suites, by OpenSSL or IANA name. Default: any that the versions can use.
    pub suites: Option<Spanned<Vec<Spanned<String>>>>,
    /// Allowed groups, by IANA name. Default: any that the suite needs.
    pub groups: Option<Spanned<Vec<Spanned<String>>>>,
}

/// `[[sunset.brownout]]`: windows in which a floor bites before its date.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrownoutTable {
    /// Start of the run. Required.
    pub from: Spanned<When>,
    /// End of the run. Required.
    pub to: Spanned<When>,
    /// How long a window lasts. Default: to the end of the run.
    pub length: Option<Spanned<Length>>,
    /// From one window's start to the next. Default: one window only.
    pub every: Option<Spanned<Length>>,
    /// From the start of the run to the first window. Default: none.
    pub offset: Option<Spanned<Length>>,
    /// The share of accounts that is hit, above 0 and at most 1. Default: 1, everybody.
    pub share: Option<Spanned<f64>>,
    /// Paths that are spared, with all below them; only where `as = "explain"`. Default: none.
    #[serde(default)]
    pub exempt: Vec<Spanned<String>>,
    /// What a window does: `explain` or `refuse`. Default: `explain`.
    #[serde(rename = "as")]
    pub measure: Option<Spanned<Measure>>,
}

/// `[[exception]]`: who is let past a sunset. At least one of `account`, `address`, `sni`; all given must fit.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExceptionTable {
    /// The account. Default: any.
    pub account: Option<Spanned<String>>,
    /// An address or a range of them (CIDR). Default: any.
    pub address: Option<Spanned<String>>,
    /// The server name. Default: any.
    pub sni: Option<Spanned<String>>,
    /// The name of the sunset. Required.
    pub sunset: Spanned<String>,
    /// What the client must be able to do all the same. Default: nothing.
    pub floor: Option<Spanned<FloorValue>>,
    /// When it ends. Required.
    pub until: Spanned<When>,
    /// Who answers for it. Required.
    pub owner: Option<Spanned<String>>,
    /// Why it is needed. Required.
    pub reason: Option<Spanned<String>>,
}

/// `[[cohort]]`: a group of accounts that a sunset can be for. At least one criterion; all given must fit.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CohortTable {
    /// Its name; unique. Required.
    pub name: Spanned<String>,
    /// The accounts that are in it. Default: any.
    pub accounts: Option<Spanned<Vec<Spanned<String>>>>,
    /// Accounts first seen after this. Default: whenever.
    pub first_seen_after: Option<Spanned<When>>,
    /// Accounts that made fewer requests than this in the last 30 days. Default: however many.
    pub requests_a_month_below: Option<Spanned<u64>>,
}

/// `[[preview]]`: a server name that shows a day to come.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreviewTable {
    /// The server name; unique. Required.
    pub sni: Spanned<String>,
    /// The day it shows. Required.
    pub at: Spanned<When>,
}

impl<'de> Deserialize<'de> for FloorValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameOrTable;

        impl<'de> Visitor<'de> for NameOrTable {
            type Value = FloorValue;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(
                    "the name of a floor, such as \"tls1.2\", or a table { min = \"TLSv1.2\" }",
                )
            }

            fn visit_str<E>(self, name: &str) -> Result<FloorValue, E> {
                Ok(FloorValue::Named(name.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<FloorValue, A::Error> {
                InlineFloor::deserialize(MapAccessDeserializer::new(map)).map(FloorValue::Inline)
            }
        }

        deserializer.deserialize_any(NameOrTable)
    }
}
