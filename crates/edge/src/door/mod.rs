//! The door: accept, read the hello, decide, refuse or let in. Knows TCP and hellos, nothing of cryptography
//! or HTTP.
//!
//! Most hellos are there when their connection is accepted. Such a connection is judged on the spot, and if
//! it is refused, that is all it costs: an accept, a read, a write, a close. The others wait in a task.

mod accept;
mod knock;

use std::net::IpAddr;
use std::os::fd::AsFd;
use std::sync::Arc;

use floor::{Action, Decision, Moment, Who};
use hello::{Offer, Version};
use ledger::{Account, Candidate, Inferred, Judged, Outcome};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

pub(crate) use accept::accept;

use crate::core::{Core, Live};
use crate::farewell::{self, Unread};
use crate::record::Record;
use crate::tls::policy::Serving;
use knock::{Knock, Opening};

/// A connection that is let in.
pub(crate) struct Admitted {
    /// What was read: the hello, and perhaps more.
    pub(crate) bytes: Vec<u8>,
    pub(crate) offer: Offer,
    pub(crate) sni: Option<Box<str>>,
    pub(crate) decision: Decision,
    pub(crate) serving: Serving,
}

/// What becomes of a connection at the door.
enum Answer {
    LetIn(Box<Admitted>),
    Alert {
        description: u8,
        legacy_version: Version,
        unread: Unread,
    },
    PlainHttp,
    Close,
}

impl Answer {
    /// Acts on the answer, if that takes no waiting; gives it back if it does.
    fn act_at_once(self, socket: impl AsFd) -> Option<Self> {
        match self {
            Self::Close => None,
            Self::Alert {
                description,
                legacy_version,
                unread: Unread::Nothing,
            } if farewell::send_alert_at_once(socket, description, legacy_version) => None,
            answer => Some(answer),
        }
    }

    /// Acts on the answer; gives back a connection that is let in.
    async fn act(
        self,
        stream: TcpStream,
        stopping: &CancellationToken,
    ) -> Option<(TcpStream, Box<Admitted>)> {
        match self.act_at_once(&stream)? {
            Self::LetIn(admitted) => return Some((stream, admitted)),
            Self::Alert {
                description,
                legacy_version,
                ..
            } => {
                farewell::send_alert(stream, description, legacy_version, stopping).await;
            }
            Self::PlainHttp => farewell::send_plain_http_answer(stream, stopping).await,
            Self::Close => {}
        }
        None
    }
}

/// Judges what came through the door, and notes it.
fn answer(
    opening: Opening,
    bytes: Vec<u8>,
    core: &Core,
    live: &Live,
    address: IpAddr,
    record: &mut Record,
) -> Answer {
    let (outcome, answer) = match opening {
        Opening::Hello { offer, sni, unread } => {
            return judge(offer, sni, unread, bytes, core, live, address, record);
        }
        Opening::NotTls(protocol) => (
            Outcome::NotTls { protocol },
            if protocol == hello::NotTls::Http {
                Answer::PlainHttp
            } else {
                Answer::Close
            },
        ),
        Opening::Malformed(fault) => (
            Outcome::Malformed {
                reason: fault.to_string(),
            },
            Answer::Alert {
                description: farewell::DECODE_ERROR,
                legacy_version: Version::TLSV1,
                unread: Unread::Perhaps,
            },
        ),
        Opening::Closed => (Outcome::ClosedEarly { bytes: bytes.len() }, Answer::Close),
        Opening::Late => (Outcome::HelloTimeout, Answer::Close),
        Opening::Stopping => (Outcome::Stopped, Answer::Close),
    };
    record.note(|sighting| sighting.outcome = outcome);
    answer
}

#[expect(
    clippy::too_many_arguments,
    reason = "a hello, what it is judged by, and where that is noted"
)]
fn judge(
    offer: Offer,
    sni: Option<Box<str>>,
    unread: Unread,
    bytes: Vec<u8>,
    core: &Core,
    live: &Live,
    address: IpAddr,
    record: &mut Record,
) -> Answer {
    let remembered = if live.accounts.is_used() {
        core.memory.recall(address, offer.id())
    } else {
        None
    };
    let account = remembered
        .as_deref()
        .map_or(floor::Account::Unknown, floor::Account::Remembered);
    let who = Who {
        address: Some(address),
        sni: sni.as_deref(),
        account,
    };
    let decision = live
        .plan
        .decide(&offer, &who, Moment::Hello, core.clock.now());

    let legacy_version = offer.legacy_version();
    let serving = match decision.action {
        Action::Refuse(alert) => Err((
            alert,
            Outcome::Refused {
                alert: alert.code(),
            },
        )),
        Action::Serve | Action::Warn | Action::Explain => {
            Serving::choose(&offer).map_err(|alert| {
                (
                    alert,
                    Outcome::Unservable {
                        alert: alert.code(),
                    },
                )
            })
        }
    };
    record.note(|sighting| {
        sighting.sni.clone_from(&sni);
        sighting.offered = Some(offer.max_version());
        sighting.account = remembered.map(|id| {
            Account::Inferred(Inferred {
                candidates: vec![Candidate { id, age_seconds: 0 }],
                more: false,
            })
        });
        sighting.judged = Some(Judged {
            sunset: live
                .sunset(&decision)
                .map(|sunset| Arc::from(sunset.name.as_str())),
            phase: decision.phase,
            action: decision.action.name(),
            window: decision.window.map(|window| window.start),
            preview: decision.preview,
        });
    });
    match serving {
        Ok(serving) => {
            record.note(|sighting| {
                sighting.offer = Some(offer.clone());
                // Holds until the handshake ends in another way.
                sighting.outcome = Outcome::HandshakeAbandoned;
            });
            Answer::LetIn(Box::new(Admitted {
                bytes,
                offer,
                sni,
                decision,
                serving,
            }))
        }
        Err((alert, outcome)) => {
            record.note(|sighting| {
                sighting.offer = Some(offer);
                sighting.outcome = outcome;
            });
            Answer::Alert {
                description: alert.code(),
                legacy_version,
                unread,
            }
        }
    }
}
