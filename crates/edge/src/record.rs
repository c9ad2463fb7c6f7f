//! The sighting of a connection while it lasts.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use ledger::{Entry, Outcome, Requests, Sighting, Sink};

use crate::privacy::kept;
use crate::settings::Addresses;

/// A sighting under way. Recorded when dropped, so that a connection counts once, however it ends.
pub(crate) struct Record {
    sink: Sink,
    started: Instant,
    sighting: Option<Sighting>,
}

impl Record {
    pub(crate) fn new(
        sink: Sink,
        edge: Arc<str>,
        peer: SocketAddr,
        privacy: Addresses,
        at: Timestamp,
    ) -> Self {
        let sighting = Sighting {
            at,
            duration_ms: 0,
            edge,
            address: kept(peer.ip(), privacy),
            sni: None,
            offer: None,
            offered: None,
            negotiated: None,
            account: None,
            visitor: ledger::Visitor::default(),
            user_agent: None,
            judged: None,
            // Holds until something better is known.
            outcome: Outcome::ClosedEarly { bytes: 0 },
            requests: Requests::default(),
        };
        Self {
            sink,
            started: Instant::now(),
            sighting: Some(sighting),
        }
    }

    /// Changes the sighting.
    pub(crate) fn note(&mut self, change: impl FnOnce(&mut Sighting)) {
        if let Some(sighting) = &mut self.sighting {
            change(sighting);
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        if let Some(mut sighting) = self.sighting.take() {
            sighting.duration_ms =
                u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.sink.record(Entry {
                at: sighting.at,
                connections: 1,
                requests: sighting.requests,
                is_last: true,
                sighting,
            });
        }
    }
}
