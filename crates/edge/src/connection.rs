//! The life of one connection: door, handshake, HTTP.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use hello::{Offer, OfferId};
use ledger::{Negotiated, Outcome};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::bounds::Permit;
use crate::core::{Core, Entrance};
use crate::door::Admitted;
use crate::http;
use crate::http::timers::Timers;
use crate::lingering::Lingering;
use crate::record::{Made, Record, Treated};
use crate::tls::{self, HandshakeError, Resting};
use crate::wire::Wire;
use accounts::ClientCertificate;
use accounts::Place;

/// A connection after its handshake: what every request on it needs to know.
pub(crate) struct Session {
    pub(crate) core: Arc<Core>,
    /// Cancelled when it is to take no more requests.
    pub(crate) stopping: CancellationToken,
    pub(crate) entrance: Arc<Entrance>,
    pub(crate) peer: SocketAddr,
    pub(crate) sni: Option<Box<str>>,
    pub(crate) offer: Offer,
    /// Known once somebody has asked for it.
    offer_id: OnceLock<OfferId>,
    pub(crate) negotiated: Negotiated,
    /// The client's certificate, where one was asked for and sent.
    pub(crate) certificate: Option<ClientCertificate>,
    pub(crate) told: http::Told,
    /// For what its requests wait for.
    pub(crate) timers: Timers,
    record: Mutex<Record>,
    _permit: Permit,
}

impl Session {
    pub(crate) fn record(&self) -> MutexGuard<'_, Record> {
        // Each change to a record is whole, whatever panicked after it.
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What all its requests show alike.
    pub(crate) fn place(&self) -> Place<'_> {
        Place {
            address: self.peer.ip(),
            sni: self.sni.as_deref(),
            certificate: self
                .certificate
                .as_ref()
                .map(|certificate| &certificate.account),
        }
    }

    /// Counts a request.
    pub(crate) fn count(self: &Arc<Self>, made: &Made<'_>, treated: Treated) {
        let is_news = self.record().request(made, treated);
        if is_news && !self.core.sweep.expect(self) {
            self.hand_over();
        }
    }

    /// Hands over what it has done since the last time.
    pub(crate) fn hand_over(&self) {
        let account = self.record().swept();
        if let Some(account) = account {
            self.remember(&account);
        }
    }

    /// Remembers the account for a hello from here that will be refused.
    pub(crate) fn remember(&self, account: &Arc<str>) {
        let id = *self.offer_id.get_or_init(|| self.offer.id());
        self.core.memory.remember(
            &self.core.live.load().plan,
            self.peer.ip(),
            (&self.offer, id),
            account,
            self.core.clock.now(),
        );
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
        offer_id,
        sni,
        serving,
    } = admitted;
    let live = core.live.load_full();
    let limits = &live.settings.limits;
    // HTTP/2 asks for TLS 1.2 (RFC 9113 section 9.2), and old clients that offer it below that mean it less.
    let http2 = serving == tls::policy::Serving::Modern;
    let handshake = tls::accept(
        Wire::new(Lingering::new(stream, core.stopping.clone()), bytes),
        entrance.certificates.config(serving, sni.as_deref()),
        serving,
        http2,
    );
    let failure = match timeout(limits.handshake, handshake).await {
        Ok(Ok((stream, negotiated))) => {
            record.note(|sighting| {
                sighting.negotiated = Some(negotiated.clone());
                sighting.outcome = Outcome::Terminated;
            });
            let certificate = tls::client_certificate(stream.as_ref());
            // Who came before the stop and has its handshake behind it only now may ask once.
            let stopping = if core.stopping.is_cancelled() {
                core.stopped.clone()
            } else {
                core.stopping.clone()
            };
            let session = Session {
                core,
                stopping,
                entrance,
                peer,
                sni,
                offer,
                offer_id: offer_id.map_or_else(OnceLock::new, OnceLock::from),
                told: http::Told::new(
                    peer.ip(),
                    &negotiated,
                    certificate
                        .as_ref()
                        .map(|certificate| certificate.subject.as_str()),
                ),
                negotiated,
                certificate,
                timers: Timers::default(),
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
