//! The door: read the hello, decide, refuse or let in. Knows TCP and hellos, nothing of cryptography or HTTP.

use std::cell::RefCell;
use std::io;
use std::sync::Arc;

use floor::{Action, Decision, Moment, Who};
use hello::{HelloReader, MAX_WIRE, Malformed, NotTls, Offer, Progress, Scratch};
use ledger::{Account, Judged, Outcome};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::core::{Core, Live};
use crate::farewell;
use crate::record::Record;
use crate::tls::policy::Serving;

/// A connection that is let in.
pub(crate) struct Admitted {
    pub(crate) stream: TcpStream,
    /// What was read: the hello, and perhaps more.
    pub(crate) bytes: Vec<u8>,
    pub(crate) offer: Offer,
    pub(crate) sni: Option<Box<str>>,
    pub(crate) decision: Decision,
    pub(crate) serving: Serving,
}

/// How the first bytes of a connection turned out.
enum Opening {
    Hello { offer: Offer, sni: Option<Box<str>> },
    NotTls(NotTls),
    Malformed(Malformed),
    Closed,
}

thread_local! {
    /// Where hellos spread over several records are put together: one for each worker, not for each connection.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Room for most hellos, those with a post-quantum key share included, in one read.
const FIRST_READ: usize = 2048;

/// Reads the hello and acts on what the plan says of it. What is not let in has been answered and closed.
pub(crate) async fn admit(mut stream: TcpStream, core: &Core, live: &Live, record: &mut Record, address: std::net::IpAddr) -> Option<Admitted> {
    let mut bytes = Vec::new();
    let reading = timeout(live.settings.limits.hello, read_opening(&mut stream, &mut bytes));
    let opening = tokio::select! {
        opening = reading => opening,
        () = core.stopping.cancelled() => {
            record.note(|sighting| sighting.outcome = Outcome::Stopped);
            return None;
        }
    };
    let opening = match opening {
        Ok(Ok(opening)) => opening,
        // Reset by the client: closed early all the same.
        Ok(Err(_)) => Opening::Closed,
        Err(_) => {
            record.note(|sighting| sighting.outcome = Outcome::HelloTimeout);
            return None;
        }
    };
    let (offer, sni) = match opening {
        Opening::Hello { offer, sni } => (offer, sni),
        Opening::Closed => {
            record.note(|sighting| sighting.outcome = Outcome::ClosedEarly { bytes: bytes.len() });
            return None;
        }
        Opening::NotTls(protocol) => {
            record.note(|sighting| sighting.outcome = Outcome::NotTls { protocol });
            if protocol == NotTls::Http {
                farewell::send_plain_http_answer(stream).await;
            }
            return None;
        }
        Opening::Malformed(fault) => {
            record.note(|sighting| sighting.outcome = Outcome::Malformed { reason: fault.to_string() });
            farewell::send_alert(stream, farewell::DECODE_ERROR, hello::Version::TLSV1).await;
            return None;
        }
    };

    let decision = decide(core, live, &offer, sni.as_deref(), address, record);
    let refusal = match decision.action {
        Action::Refuse(alert) => Some((alert, Outcome::Refused { alert: alert.code() })),
        Action::Serve | Action::Warn | Action::Explain => None,
    };
    let (alert, outcome) = match (refusal, Serving::choose(&offer)) {
        (Some(refusal), _) => refusal,
        (None, Err(alert)) => (alert, Outcome::Unservable { alert: alert.code() }),
        (None, Ok(serving)) => return Some(Admitted { stream, bytes, offer, sni, decision, serving }),
    };
    let legacy_version = offer.legacy_version();
    record.note(|sighting| {
        sighting.sni = sni;
        sighting.offer = Some(offer);
        sighting.outcome = outcome;
    });
    farewell::send_alert(stream, alert.code(), legacy_version).await;
    None
}

fn decide(core: &Core, live: &Live, offer: &Offer, sni: Option<&str>, address: std::net::IpAddr, record: &mut Record) -> Decision {
    let remembered = if live.accounts.is_used() { core.memory.recall(address, offer.id()) } else { None };
    let account = remembered.as_deref().map_or(floor::Account::Unknown, floor::Account::Remembered);
    let who = Who { address: Some(address), sni, account };
    let decision = live.plan.decide(offer, &who, Moment::Hello, core.clock.now());
    record.note(|sighting| {
        sighting.offered = Some(offer.max_version());
        sighting.account = remembered.map(|id| Account { id, inferred: true });
        sighting.judged = Some(Judged {
            sunset: live.sunset(&decision).map(|sunset| Arc::from(sunset.name.as_str())),
            phase: decision.phase,
            action: decision.action.name(),
            preview: decision.preview,
        });
    });
    decision
}

async fn read_opening(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> io::Result<Opening> {
    let mut reader = HelloReader::default();
    bytes.reserve_exact(FIRST_READ);
    loop {
        if stream.read_buf(bytes).await? == 0 {
            return Ok(Opening::Closed);
        }
        let opening = SCRATCH.with_borrow_mut(|scratch| match reader.read(bytes, scratch) {
            Progress::NeedMore => None,
            Progress::Hello { hello, .. } => {
                Some(Opening::Hello { offer: Offer::from(&hello), sni: hello.server_name().map(|name| name.to_ascii_lowercase().into()) })
            }
            Progress::NotTls(protocol) => Some(Opening::NotTls(protocol)),
            Progress::Malformed(fault) => Some(Opening::Malformed(fault)),
        });
        if let Some(opening) = opening {
            return Ok(opening);
        }
        // The reader settles the matter within MAX_WIRE bytes, so this is all the room that can be needed.
        debug_assert!(bytes.len() <= MAX_WIRE, "the reader must have an answer by now");
        if bytes.len() == bytes.capacity() {
            bytes.reserve(bytes.len());
        }
    }
}
