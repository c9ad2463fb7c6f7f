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
    /// How many different clients (accounts, addresses, offers, User-Agents and the rest, each combination once)
    /// are kept apart on one day; those beyond are counted together, without their details. Someone who sends a
    /// different hello on every connection fills this: 100,000 take about 30 MB a day. Default 100000.
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
                "{text:?} is no number of days; write one like \"35d\" (1d to {MOST_DAYS}d)"
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
