//! What all connections share.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use ::door::proxy_protocol::Introducers;
use ::door::{Rules, Shared};
use arc_swap::ArcSwap;
use bytes::Bytes;
use ledger::Sink;
use tokio_util::sync::CancellationToken;

use crate::bounds::Bounds;
use crate::clock::Clock;
use crate::http::proxy::Proxy;
use crate::http::reports::Reports;
use crate::levers::Levers;
use crate::settings::Settings;
use crate::standings::Desk;
use crate::sweep::Sweep;
use crate::tls::certificates::Certificates;
use accounts::{LinkReader, Memory};

/// What a reload replaces, all at once.
pub(crate) struct Live {
    /// What this process judges hellos by, at whichever listener.
    pub(crate) rules: Arc<Rules>,
    pub(crate) settings: Settings,
    /// The plan as iCalendar, made when it is first asked for.
    pub(crate) calendar: OnceLock<Bytes>,
}

impl Live {
    /// The plan as iCalendar.
    pub(crate) fn calendar(&self) -> Bytes {
        let make = || crate::calendar::icalendar(&self.plan).into();
        self.calendar.get_or_init(make).clone()
    }
}

impl Deref for Live {
    type Target = Rules;

    fn deref(&self) -> &Rules {
        &self.rules
    }
}

/// What lasts as long as the edge runs.
pub(crate) struct Core {
    pub(crate) live: ArcSwap<Live>,
    /// The same rules as in `live`, for the other listeners of this process.
    pub(crate) rules: Arc<ArcSwap<Rules>>,
    pub(crate) clock: Clock,
    pub(crate) sink: Sink,
    pub(crate) bounds: Arc<Bounds>,
    pub(crate) memory: Arc<Memory>,
    pub(crate) sweep: Sweep,
    pub(crate) reports: Reports,
    /// What private links say.
    pub(crate) links: LinkReader,
    pub(crate) desk: Desk,
    pub(crate) levers: Levers,
    pub(crate) started: Instant,
    /// Cancelled when the edge is to take no more connections: another process does, or it stops.
    pub(crate) leaving: CancellationToken,
    /// Cancelled when the edge is to stop: no new requests.
    pub(crate) stopping: CancellationToken,
    /// Cancelled when that holds for those too who were in the middle of a hello or a handshake then.
    pub(crate) stopped: CancellationToken,
}

impl Core {
    /// Puts other rules in force, at every listener.
    pub(crate) fn put_in_force(&self, live: Live) {
        self.rules.store(live.rules.clone());
        self.live.store(Arc::new(live));
    }

    /// What other listeners of this process share with the edge.
    pub(crate) fn shared(&self) -> Shared {
        Shared {
            rules: self.rules.clone(),
            clock: self.clock,
            sink: self.sink.clone(),
            bounds: self.bounds.clone(),
            memory: self.memory.clone(),
        }
    }
}

/// One listener.
pub(crate) struct Entrance {
    /// Its address, as sightings name it.
    pub(crate) name: Arc<str>,
    pub(crate) certificates: Certificates,
    pub(crate) proxy: Proxy,
    /// Who says whom its connections are for.
    pub(crate) introducers: Introducers,
}
