//! The running totals, for a caller on this machine.

use floor::Hold;
use hyper::{Response, StatusCode};
use jiff::Timestamp;
use ledger::{HealthSnapshot, Snapshot};
use serde::Serialize;

use super::body::Body;
use super::respond::{self, Form};
use crate::core::Core;
use crate::guard::share;

#[derive(Serialize)]
struct Health<'a> {
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
    /// What is on hold, by whom and why.
    holds: &'a [Hold],
    /// What the guard sees, where there is one.
    guard: Option<Guarded>,
}

#[derive(Serialize)]
struct Guarded {
    /// What customers asked for in its window, how much of it was turned away, and the share that is.
    asked: u64,
    turned_away: u64,
    share: f64,
    /// The share at which it acts, how far it looks back, and how much must have been asked for in that time.
    limit: f64,
    over_seconds: f64,
    least: u64,
}

pub(crate) fn answer(core: &Core) -> Response<Body> {
    let live = core.live.load();
    let guarded = core.levers.guarded(core.sink.totals().asked());
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
        holds: live.plan.holds(),
        guard: guarded.map(|(window, settings)| Guarded {
            asked: window.asked,
            turned_away: window.turned_away,
            share: share(window),
            limit: settings.refused,
            over_seconds: settings.over.as_secs_f64(),
            least: settings.least,
        }),
    };
    respond::json(StatusCode::OK, Form::Json, &health)
}
