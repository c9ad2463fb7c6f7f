//! The door: accept, read the hello, decide, refuse or let in. Knows TCP and hellos, nothing of cryptography
//! or HTTP.
//!
//! Most hellos are there when their connection is accepted. Such a connection is judged on the spot, and if
//! it is refused, that is all it costs: an accept, a read, a write, a close. The others wait in a task.

mod accept;
mod knock;

use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;

use ::door::last_words::LastWords;
use ::door::{Greeting, Judgement, Opening, Permit, refuse_to_read};
use accounts::Seen;
use floor::Action;
use hello::{Offer, OfferId};
use ledger::Outcome;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

pub(crate) use accept::{accept, divert_to};

use crate::core::{Core, Live};
use crate::farewell;
use crate::record::Record;
use crate::tls::policy::Serving;
use knock::Knock;

/// Whose connection it is.
struct Caller {
    peer: SocketAddr,
    record: Record,
    permit: Permit,
    /// Whoever is in front has to say first whom it is for.
    awaits_introduction: bool,
}

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
    TurnAway(LastWords),
    Close,
}

impl Answer {
    /// Acts on the answer, if that takes no waiting; gives it back if it does.
    fn act_at_once(self, socket: impl AsFd) -> Option<Self> {
        match self {
            Self::Close => None,
            Self::TurnAway(last_words) if last_words.say_at_once(socket) => None,
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
            Self::TurnAway(last_words) => farewell::say(stream, last_words, stopping).await,
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
    match refuse_to_read(opening, bytes.len()) {
        Err(greeting) => judge(greeting, bytes, core, live, address, record),
        Ok((outcome, last_words)) => {
            let visitor = live.visitors.who(&Seen {
                address: Some(address),
                hello: None,
                request: None,
            });
            record.note(|sighting| {
                sighting.outcome = outcome;
                sighting.visitor = visitor;
            });
            last_words.map_or(Answer::Close, Answer::TurnAway)
        }
    }
}

fn judge(
    greeting: Greeting,
    bytes: Vec<u8>,
    core: &Core,
    live: &Live,
    address: IpAddr,
    record: &mut Record,
) -> Answer {
    let now = core.clock.now();
    let Judgement { decision, offer_id } =
        ::door::judge(&greeting, address, live, &core.memory, now, record);
    let Greeting { offer, sni, unread } = greeting;
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
            Answer::TurnAway(LastWords::Alert {
                description: alert.code(),
                legacy_version,
                unread,
            })
        }
    }
}
