//! One observed connection.

use std::net::IpAddr;
use std::sync::Arc;

use floor::Phase;
use hello::{NotTls, Offer, Version, names};
use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::{Account, Visitor};

/// One observed connection, from its first byte to its end.
#[derive(Clone, Debug, Serialize)]
pub struct Sighting {
    /// When the connection was accepted, on the plan's clock.
    pub at: Timestamp,
    /// How long it lasted, in milliseconds.
    pub duration_ms: u64,
    /// The listener it came to, as the configuration writes its address.
    pub edge: Arc<str>,
    /// Where it came from, as far as the privacy setting keeps it.
    pub address: Option<IpAddr>,
    /// The host name in the hello, lower case.
    pub sni: Option<Box<str>>,
    /// What the client offered; absent when no hello could be read.
    #[serde(serialize_with = "offer_id")]
    pub offer: Option<Offer>,
    /// The highest version offered.
    #[serde(serialize_with = "version")]
    pub offered: Option<Version>,
    /// What was agreed; absent when no handshake was completed.
    pub negotiated: Option<Negotiated>,
    /// Who it was.
    pub account: Option<Account>,
    /// Whether a customer is behind it.
    pub visitor: Visitor,
    /// The User-Agent of the last request that had one, at most 256 bytes of it.
    pub user_agent: Option<Box<str>>,
    /// What the plan said, at the hello or at the last request; absent when no hello could be read.
    pub judged: Option<Judged>,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// The requests on it.
    pub requests: Requests,
}

fn offer_id<S: Serializer>(offer: &Option<Offer>, serializer: S) -> Result<S::Ok, S::Error> {
    offer
        .as_ref()
        .map(|offer| offer.id().to_string())
        .serialize(serializer)
}

fn version<S: Serializer>(version: &Option<Version>, serializer: S) -> Result<S::Ok, S::Error> {
    version
        .map(|version| version.to_string())
        .serialize(serializer)
}

/// What a handshake agreed on, in the spelling of OpenSSL (versions, suites) and IANA (groups).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Negotiated {
    /// The protocol version.
    #[serde(serialize_with = "negotiated_version")]
    pub version: Version,
    /// The cipher suite.
    pub cipher: &'static str,
    /// The group; absent for RSA key exchange and for TLS 1.2 resumption.
    pub group: Option<&'static str>,
    /// The application protocol.
    pub alpn: Option<&'static str>,
    /// Whether an earlier session was resumed.
    pub resumed: bool,
}

impl Negotiated {
    /// The cipher suite's IANA name.
    pub fn cipher_iana(&self) -> Option<&'static str> {
        let code = names::cipher_suite_by_name(self.cipher)?;
        names::cipher_suite(code).map(|name| name.iana)
    }
}

fn negotiated_version<S: Serializer>(version: &Version, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(version)
}

/// What the plan said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Judged {
    /// The strictest sunset that this offer misses; absent when the offer meets every floor.
    pub sunset: Option<Arc<str>>,
    /// The phase that sunset was in.
    pub phase: Option<Phase>,
    /// What was to be done: `serve`, `warn`, `explain` or `refuse`.
    pub action: &'static str,
    /// When the brownout window that decided opened; absent where none did.
    pub window: Option<Timestamp>,
    /// The connection came to a preview name, where the plan's clock is set ahead.
    pub preview: bool,
}

/// How a connection ended. Every way a connection can end is one of these; none is folded into another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Outcome {
    /// The handshake was completed; `requests` says what followed.
    Terminated,
    /// The plan refused the hello; this alert was sent.
    Refused {
        /// The alert description (IANA "TLS Alerts").
        alert: u8,
    },
    /// No policy of the edge can serve the hello, whatever the plan says; this alert was sent.
    Unservable {
        /// The alert description.
        alert: u8,
    },
    /// The handshake began and failed.
    HandshakeFailed {
        /// The TLS library's name for the failure.
        reason: &'static str,
        /// The alert that the client sent, if it sent one.
        alert: Option<u8>,
    },
    /// The client closed or reset the connection during the handshake.
    HandshakeAbandoned,
    /// The handshake was not complete in time.
    HandshakeTimeout,
    /// Not TLS.
    NotTls {
        /// What it was instead.
        #[serde(serialize_with = "not_tls")]
        protocol: NotTls,
    },
    /// TLS, but broken.
    Malformed {
        /// What is wrong, and at which byte.
        reason: String,
    },
    /// The hello was not complete in time.
    HelloTimeout,
    /// Closed by the client before the hello was complete.
    ClosedEarly {
        /// How many bytes had come: none is a port check.
        bytes: usize,
    },
    /// The edge stopped before the hello was complete.
    Stopped,
    /// Turned away because a bound on connections was reached; nothing of it was read.
    Shed,
    /// Turned away because whoever is in front, which is to say whom its connections are for (PROXY protocol), did not.
    Unintroduced,
    /// Passed through to a service that took it: it answered with a hello of its own.
    Passed,
    /// To be passed through, and no address of the service could be reached.
    UpstreamUnreachable,
    /// Passed through to a service that refused it with this alert.
    UpstreamRefused {
        /// The alert description.
        alert: u8,
    },
    /// Passed through to a service that closed or reset the connection before it had answered.
    UpstreamClosed,
    /// Passed through to a service that did not answer in time.
    UpstreamSilent,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde's serialize_with passes a reference"
)]
fn not_tls<S: Serializer>(protocol: &NotTls, serializer: S) -> Result<S::Ok, S::Error> {
    protocol.label().serialize(serializer)
}

impl Outcome {
    /// Every label, in the order of [`Outcome::index`].
    pub const LABELS: [&'static str; 18] = [
        "terminated",
        "refused",
        "unservable",
        "handshake-failed",
        "handshake-abandoned",
        "handshake-timeout",
        "not-tls",
        "malformed",
        "hello-timeout",
        "closed-early",
        "shed",
        "stopped",
        "passed",
        "upstream-unreachable",
        "upstream-refused",
        "upstream-closed",
        "upstream-silent",
        "unintroduced",
    ];

    /// Where this outcome's label stands in [`Outcome::LABELS`].
    pub const fn index(&self) -> usize {
        match self {
            Self::Terminated => 0,
            Self::Refused { .. } => 1,
            Self::Unservable { .. } => 2,
            Self::HandshakeFailed { .. } => 3,
            Self::HandshakeAbandoned => 4,
            Self::HandshakeTimeout => 5,
            Self::NotTls { .. } => 6,
            Self::Malformed { .. } => 7,
            Self::HelloTimeout => 8,
            Self::ClosedEarly { .. } => 9,
            Self::Shed => 10,
            Self::Stopped => 11,
            Self::Passed => 12,
            Self::UpstreamUnreachable => 13,
            Self::UpstreamRefused { .. } => 14,
            Self::UpstreamClosed => 15,
            Self::UpstreamSilent => 16,
            Self::Unintroduced => 17,
        }
    }

    /// A stable word for logs and counters.
    pub fn label(&self) -> &'static str {
        Self::LABELS.get(self.index()).copied().unwrap_or_default()
    }
}

/// How many requests a connection carried, by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Requests {
    /// Passed on (or answered, where there is no upstream) without a word.
    pub served: u64,
    /// Passed on with warning headers.
    pub warned: u64,
    /// Answered with the explanation; never passed on.
    pub explained: u64,
    /// Answered by the edge itself: `/ssl/`, reports, health, a preview name.
    pub answered: u64,
}

impl Requests {
    /// All of them.
    pub const fn total(&self) -> u64 {
        self.served + self.warned + self.explained + self.answered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The label in the JSON and the label in the counters are derived in two places: hold them together.
    #[test]
    fn labels_are_the_serialized_tags() {
        let outcomes = [
            Outcome::Terminated,
            Outcome::Refused { alert: 70 },
            Outcome::Unservable { alert: 40 },
            Outcome::HandshakeFailed {
                reason: "x",
                alert: None,
            },
            Outcome::HandshakeAbandoned,
            Outcome::HandshakeTimeout,
            Outcome::NotTls {
                protocol: NotTls::Http,
            },
            Outcome::Malformed {
                reason: String::new(),
            },
            Outcome::HelloTimeout,
            Outcome::ClosedEarly { bytes: 0 },
            Outcome::Shed,
            Outcome::Stopped,
            Outcome::Passed,
            Outcome::UpstreamUnreachable,
            Outcome::UpstreamRefused { alert: 40 },
            Outcome::UpstreamClosed,
            Outcome::UpstreamSilent,
            Outcome::Unintroduced,
        ];
        assert_eq!(outcomes.len(), Outcome::LABELS.len());
        for outcome in outcomes {
            let json = serde_json::to_value(&outcome).expect("an outcome is plain data");
            assert_eq!(json["outcome"], outcome.label());
        }
    }
}
