//! All that was found, and the verdict. The field names are the contract with whoever parses `--json`.

use std::net::SocketAddr;
use std::time::Duration;

use edge::Offered;
use floor::{Floor, Verdict};
use hello::names;
use jiff::Timestamp;
use ledger::Negotiated;
use serde::Serialize;

use super::answer::{Answer, Explanation, ServerVerdict};
use super::handshake::Certificate;

/// What is said of one server.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) url: String,
    pub(super) at: Timestamp,
    pub(super) address: SocketAddr,
    pub(super) verdict: Overall,
    pub(super) decided_by: DecidedBy,
    pub(super) connect_ms: u64,
    pub(super) handshake_ms: u64,
    /// What this machine's hello really offered.
    pub(super) offered: Option<Offered>,
    /// The alert that refused it.
    pub(super) alert: Option<Alert>,
    pub(super) negotiated: Option<Agreement>,
    pub(super) certificate: Option<Certificate>,
    /// Every named floor, judged on what was negotiated.
    pub(super) floors: Vec<Judged>,
    pub(super) server: Option<Server>,
    pub(super) explanation: Option<Explanation>,
    /// Where an answer was looked for in vain.
    pub(super) unanswered: Vec<Unanswered>,
}

/// How this machine stands with the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Overall {
    /// The server says: meets every floor.
    Ok,
    /// The server says: misses a floor, and is still served.
    AtRisk,
    /// The server says: requests are turned away.
    Blocked,
    /// The server refused the handshake.
    Refused,
    /// What was negotiated meets the floor that was asked about.
    Meets,
    /// What was negotiated misses it.
    Misses,
}

impl Overall {
    /// Whether a client like this one has nothing to change.
    pub(super) const fn is_good(self) -> bool {
        matches!(self, Self::Ok | Self::Meets)
    }
}

impl From<ServerVerdict> for Overall {
    fn from(verdict: ServerVerdict) -> Self {
        match verdict {
            ServerVerdict::Ok => Self::Ok,
            ServerVerdict::AtRisk => Self::AtRisk,
            ServerVerdict::Blocked => Self::Blocked,
        }
    }
}

/// Who gave the verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum DecidedBy {
    /// The server itself.
    Server,
    /// A named floor, judged here.
    Floor(&'static str),
}

/// A TLS alert.
#[derive(Debug, Serialize)]
pub(super) struct Alert {
    pub(super) code: u8,
    pub(super) name: &'static str,
}

impl From<floor::Alert> for Alert {
    fn from(alert: floor::Alert) -> Self {
        Self {
            code: alert.code(),
            name: alert.name(),
        }
    }
}

/// What a handshake agreed on, in the field names of `/ssl/`.
#[derive(Debug, Serialize)]
pub(super) struct Agreement {
    pub(super) protocol: String,
    pub(super) cipher: &'static str,
    pub(super) cipher_iana: Option<&'static str>,
    pub(super) group: Option<&'static str>,
    pub(super) alpn: Option<&'static str>,
}

impl From<&Negotiated> for Agreement {
    fn from(negotiated: &Negotiated) -> Self {
        Self {
            protocol: negotiated.version.to_string(),
            cipher: negotiated.cipher,
            cipher_iana: negotiated.cipher_iana(),
            group: negotiated.group,
            alpn: negotiated.alpn,
        }
    }
}

/// One floor, and what it says of what was negotiated.
#[derive(Debug, Serialize)]
pub(super) struct Judged {
    pub(super) name: &'static str,
    pub(super) verdict: &'static str,
    /// A version, a suite or a group that would do instead.
    pub(super) needed: Vec<String>,
}

impl Judged {
    /// Every named floor, judged.
    pub(super) fn all(negotiated: &Negotiated) -> Vec<Self> {
        Floor::NAMES
            .into_iter()
            .filter_map(|name| Some((name, judge(Floor::named(name)?, negotiated))))
            .map(|(name, verdict)| Self {
                name,
                verdict: if verdict.meets() { "meets" } else { "misses" },
                needed: verdict
                    .shortfalls()
                    .map(|shortfall| shortfall.needed().to_string())
                    .collect(),
            })
            .collect()
    }
}

/// Whether what was negotiated meets a floor.
pub(super) fn judge(floor: &Floor, negotiated: &Negotiated) -> Verdict {
    // A suite that no table names is judged as 0x0000, TLS_NULL_WITH_NULL_NULL: the least there is.
    let suite = names::cipher_suite_by_name(negotiated.cipher).unwrap_or_default();
    let group = negotiated.group.and_then(names::group_by_name);
    floor.judge_negotiated(negotiated.version, suite, group)
}

/// What the server says it saw.
#[derive(Debug, Serialize)]
pub(super) struct Server {
    pub(super) url: String,
    /// The server saw another version than this machine negotiated: TLS ends somewhere between the two.
    pub(super) intermediary: bool,
    #[serde(flatten)]
    pub(super) answer: Answer,
}

/// Where no answer was.
#[derive(Debug, Serialize)]
pub(super) struct Unanswered {
    pub(super) path: String,
    pub(super) why: String,
}

/// Whole milliseconds.
pub(super) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
