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

use floor::{Action, Moment, Who};
use hello::{Offer, OfferId, Version};
use jiff::Timestamp;
use ledger::{Account, Candidate, Inferred, Judged, Outcome};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

pub(crate) use accept::accept;

use crate::core::{Core, Live};
use crate::farewell::{self, Unread};
use crate::record::Record;
use crate::tls::policy::Serving;
use accounts::AtHello;
use accounts::{Hello, Seen};
use knock::{Knock, Opening};

/// A connection that is let in.
pub(crate) struct Admitted {
    /// What was read: the hello, and perhaps more.
    pub(crate) bytes: Vec<u8>,
    pub(crate) offer: Offer,
    /// Where it was needed.
    pub(crate) offer_id: Option<OfferId>,
    pub(crate) sni: Option<Box<str>>,
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
    let visitor = live.visitors.who(&Seen {
        address: Some(address),
        hello: None,
        request: None,
    });
    record.note(|sighting| {
        sighting.outcome = outcome;
        sighting.visitor = visitor;
    });
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
    let now = core.clock.now();
    let offer_id = live.accounts.is_used().then(|| offer.id());
    let showing = offer_id.map_or(Showing::default(), |id| {
        showing(core, live, address, sni.as_deref(), id, now)
    });
    let who = Who {
        address: Some(address),
        sni: sni.as_deref(),
        account: showing.account(),
    };
    let decision = live.plan.decide(&offer, &who, Moment::Hello, now);
    let visitor = live.visitors.who(&Seen {
        address: Some(address),
        hello: Some(Hello {
            sni: sni.as_deref(),
            offer: &offer,
        }),
        request: None,
    });

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
        sighting.visitor = visitor;
        sighting.account = showing.noted;
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
                offer_id,
                sni,
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

/// What a hello shows of the account behind it.
#[derive(Default)]
struct Showing {
    /// What is noted.
    noted: Option<Account>,
    /// What may be decided by, and whether it is certain.
    decides: Option<(Arc<str>, bool)>,
}

impl Showing {
    fn account(&self) -> floor::Account<'_> {
        match &self.decides {
            Some((account, true)) => floor::Account::Known(account),
            Some((account, false)) => floor::Account::Remembered(account),
            None => floor::Account::Unknown,
        }
    }
}

/// The account, where it is certain before any request; else those that were seen here before; else the one whose
/// network or name this is.
fn showing(
    core: &Core,
    live: &Live,
    address: IpAddr,
    sni: Option<&str>,
    offer: OfferId,
    now: Timestamp,
) -> Showing {
    let inferred = |inferred| Some(Account::Inferred(inferred));
    let at_hello = live.accounts.at_hello(address, sni);
    if let AtHello::Certain(account) = at_hello {
        return Showing {
            noted: Some(Account::Known(account.clone())),
            decides: Some((account, true)),
        };
    }
    let privacy = live.settings.privacy.addresses;
    if let Some(remembered) = core.memory.recall(address, offer, privacy, now) {
        return Showing {
            noted: inferred(remembered.inferred),
            decides: remembered.only.map(|only| (only, false)),
        };
    }
    Showing {
        noted: match at_hello {
            AtHello::Unless(id) => inferred(Inferred {
                candidates: vec![Candidate { id, age_seconds: 0 }],
                more: false,
            }),
            _ => None,
        },
        decides: None,
    }
}
