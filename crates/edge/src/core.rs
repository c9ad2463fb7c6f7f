//! What all connections share.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use arc_swap::ArcSwap;
use bytes::Bytes;
use floor::{Decision, Plan, Sunset};
use ledger::Sink;
use tokio_util::sync::CancellationToken;

use crate::bounds::Bounds;
use crate::clock::Clock;
use crate::http::proxy::Proxy;
use crate::http::reports::Reports;
use crate::levers::Levers;
use crate::settings::Settings;
use crate::sweep::Sweep;
use crate::tls::certificates::Certificates;
use accounts::Visitors;
use accounts::{Accounts, Memory};

/// What a reload replaces, all at once.
pub(crate) struct Live {
    pub(crate) plan: Plan,
    pub(crate) settings: Settings,
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) visitors: Arc<Visitors>,
    /// The plan as iCalendar, made when it is first asked for.
    pub(crate) calendar: OnceLock<Bytes>,
}

impl Live {
    /// The plan as iCalendar.
    pub(crate) fn calendar(&self) -> Bytes {
        let make = || crate::calendar::icalendar(&self.plan).into();
        self.calendar.get_or_init(make).clone()
    }

    /// The sunset that decided.
    pub(crate) fn sunset(&self, decision: &Decision) -> Option<&Sunset> {
        self.plan.sunsets.get(decision.sunset?)
    }
}

/// What lasts as long as the edge runs.
pub(crate) struct Core {
    pub(crate) live: ArcSwap<Live>,
    pub(crate) clock: Clock,
    pub(crate) sink: Sink,
    pub(crate) bounds: Arc<Bounds>,
    pub(crate) memory: Memory,
    pub(crate) sweep: Sweep,
    pub(crate) reports: Reports,
    pub(crate) levers: Levers,
    pub(crate) started: Instant,
    /// Cancelled when the edge is to take no more connections: another process does, or it stops.
    pub(crate) leaving: CancellationToken,
    /// Cancelled when the edge is to stop: no new requests.
    pub(crate) stopping: CancellationToken,
}

/// One listener.
pub(crate) struct Entrance {
    /// Its address, as sightings name it.
    pub(crate) name: Arc<str>,
    pub(crate) certificates: Certificates,
    pub(crate) proxy: Proxy,
}
