//! The running totals, for a caller on this machine.

use hyper::{Response, StatusCode};
use jiff::Timestamp;
use ledger::{HealthSnapshot, Snapshot};
use serde::Serialize;

use super::body::Body;
use super::respond::{self, Form};
use crate::core::Core;

#[derive(Serialize)]
struct Health {
    status: &'static str,
    /// The plan's clock.
    now: Timestamp,
    uptime_seconds: u64,
    /// Connections open now, the one that asks included.
    open: usize,
    /// Connections that have ended.
    totals: Snapshot,
    /// Whether sightings reach the ledger, and how far behind it is.
    ledger: HealthSnapshot,
}

pub(crate) fn answer(core: &Core) -> Response<Body> {
    let health = Health {
        status: if core.stopping.is_cancelled() {
            "stopping"
        } else {
            "ok"
        },
        now: core.clock.now(),
        uptime_seconds: core.started.elapsed().as_secs(),
        open: core.bounds.open(),
        totals: core.sink.totals().snapshot(),
        ledger: core.sink.health().snapshot(),
    };
    respond::json(StatusCode::OK, Form::Json, &health)
}
