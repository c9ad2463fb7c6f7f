//! `[guard]` and `[admin]`.

use std::net::SocketAddr;
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// `[guard]`: when the edge puts every sunset on hold by itself. Without the table it never does.
///
/// Whoever can send many old hellos, or old requests, can trip it; what they gain is that old TLS is served until
/// somebody resumes.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GuardSettings {
    /// The share of what customers asked for that may be turned away: requests that were explained to and connections
    /// that were refused, of these and all API requests. Preview names do not count. Above 0 and at most 1. Default 0.02.
    #[serde(deserialize_with = "share")]
    pub refused: f64,
    /// The time that it looks back over. Default `"5m"`.
    #[serde(deserialize_with = "super::duration")]
    pub over: Duration,
    /// How much must have been asked for in that time before it acts. Default 100.
    pub least: u64,
}

impl Default for GuardSettings {
    fn default() -> Self {
        Self {
            refused: 0.02,
            over: Duration::from_secs(300),
            least: 100,
        }
    }
}

fn share<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let share = f64::deserialize(deserializer)?;
    if share > 0.0 && share <= 1.0 {
        Ok(share)
    } else {
        Err(D::Error::custom(format!(
            "{share} is no share; write a number above 0 and at most 1: 0.02 is 2 %"
        )))
    }
}

/// `[admin]`: a listener for those who run the edge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Admin {
    /// Where it listens, plain HTTP: `/metrics` for Prometheus, `/healthz`. A loopback address. Default: nowhere.
    #[serde(deserialize_with = "loopback")]
    pub address: Option<SocketAddr>,
}

fn loopback<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    let address = SocketAddr::deserialize(deserializer)?;
    if address.ip().to_canonical().is_loopback() {
        Ok(Some(address))
    } else {
        Err(D::Error::custom(format!(
            "{address} can be reached from other machines, and this listener asks nobody who they are; write a loopback address such as \"127.0.0.1:9464\""
        )))
    }
}

/// A path of the edge's own, or nothing.
pub(super) fn path_or_nowhere<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<String, D::Error> {
    let path = String::deserialize(deserializer)?;
    if path.is_empty() || path.starts_with('/') {
        Ok(path)
    } else {
        Err(D::Error::custom(format!(
            "path {path:?} does not begin with a slash; write it like \"/ssl/calendar.ics\", or \"\" for nowhere"
        )))
    }
}
