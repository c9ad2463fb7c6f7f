//! The life of one connection: door, handshake, HTTP.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use floor::Decision;
use hello::Offer;
use ledger::{Negotiated, Outcome};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::bounds::Permit;
use crate::core::{Core, Entrance};
use crate::door::Admitted;
use crate::http;
use crate::lingering::Lingering;
use crate::record::Record;
use crate::tls::{self, HandshakeError, Resting};
use crate::wire::Wire;

/// A connection after its handshake: what every request on it needs to know.
pub(crate) struct Session {
    pub(crate) core: Arc<Core>,
    pub(crate) entrance: Arc<Entrance>,
    pub(crate) peer: SocketAddr,
    pub(crate) sni: Option<Box<str>>,
    pub(crate) offer: Offer,
    pub(crate) negotiated: Negotiated,
    /// What was decided at the hello.
    pub(crate) at_hello: Decision,
    record: Mutex<Record>,
    _permit: Permit,
}

impl Session {
    pub(crate) fn record(&self) -> MutexGuard<'_, Record> {
        // Each change to a record is whole, whatever panicked after it.
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves a connection that was let in until it ends. Its sighting is recorded when the last part of it is
/// dropped.
pub(crate) async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    admitted: Admitted,
    mut record: Record,
    permit: Permit,
    core: Arc<Core>,
    entrance: Arc<Entrance>,
) {
    let Admitted {
        bytes,
        offer,
        sni,
        decision,
        serving,
    } = admitted;
    let live = core.live.load_full();
    let limits = &live.settings.limits;
    // HTTP/2 asks for TLS 1.2 (RFC 9113 section 9.2), and old clients that offer it below that mean it less.
    let http2 = serving == tls::policy::Serving::Modern;
    let handshake = tls::accept(
        Wire::new(Lingering::new(stream, core.stopping.clone()), bytes),
        entrance.certificates.config(),
        serving,
        http2,
    );
    let failure = match timeout(limits.handshake, handshake).await {
        Ok(Ok((stream, negotiated))) => {
            record.note(|sighting| {
                sighting.negotiated = Some(negotiated.clone());
                sighting.outcome = Outcome::Terminated;
            });
            let session = Session {
                core,
                entrance,
                peer,
                sni,
                offer,
                negotiated,
                at_hello: decision,
                record: Mutex::new(record),
                _permit: permit,
            };
            http::serve(Resting::new(stream), Arc::new(session), limits).await;
            return;
        }
        Ok(Err(HandshakeError::Abandoned)) => Outcome::HandshakeAbandoned,
        Ok(Err(HandshakeError::Failed { reason, alert })) => {
            Outcome::HandshakeFailed { reason, alert }
        }
        Err(_) => Outcome::HandshakeTimeout,
    };
    record.note(|sighting| sighting.outcome = failure);
}
