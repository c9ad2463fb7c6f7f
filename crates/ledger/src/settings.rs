//! `[ledger]`: what is kept, and for how long.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// `[ledger]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LedgerSettings {
    /// How long what was seen is kept by the hour; after that by the day. Whole days. Default `"35d"`.
    #[serde(deserialize_with = "days")]
    pub hourly: u32,
    /// How long it is kept at all. Whole days, at least as many as `hourly`. Default `"800d"`.
    #[serde(deserialize_with = "days")]
    pub daily: u32,
    /// How many clients that are new to the ledger are kept apart on one day, those with a certain account and those
    /// without each by themselves; a client is a combination of account, address, offer, User-Agent, outcome and so
    /// on. Those beyond are counted together. Whoever sends another hello on every connection fills this every day,
    /// which takes some 20 MB then. Default 100000.
    #[serde(deserialize_with = "clients")]
    pub clients_per_day: u32,
}

impl Default for LedgerSettings {
    fn default() -> Self {
        Self {
            hourly: 35,
            daily: 800,
            clients_per_day: 100_000,
        }
    }
}

/// The longest that can be asked for: a hundred years.
const MOST_DAYS: u32 = 36_525;

fn days<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.strip_suffix('d')
        .and_then(|days| days.trim_end().parse().ok())
        .filter(|days| (1..=MOST_DAYS).contains(days))
        .ok_or_else(|| {
            D::Error::custom(format!(
                "{text:?} is no number of days; write one like \"35d\", at most {MOST_DAYS}d"
            ))
        })
}

fn clients<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    match u32::deserialize(deserializer)? {
        0 => Err(D::Error::custom(
            "with 0 nothing would be kept apart; the default is 100000",
        )),
        clients => Ok(clients),
    }
}
