//! `/metrics`: what was counted, for Prometheus, as OpenMetrics text. Read from the running totals when it is asked
//! for. Labels come from fixed tables, and the names of sunsets from the plan.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use floor::Phase;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use ledger::{State, Tally};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

use super::body::Body;
use super::respond::{self, Form};
use crate::core::Core;
use crate::guard::share;

const KIND: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

pub(crate) fn answer(core: &Arc<Core>) -> Response<Body> {
    let mut registry = Registry::with_prefix("sundown");
    registry.register_collector(Box::new(Counted(core.clone())));
    let mut written = String::new();
    match text::encode(&mut written, &registry) {
        Ok(()) => {
            let mut answer = respond::with(StatusCode::OK, Form::Text, written);
            answer.headers_mut().insert(CONTENT_TYPE, KIND);
            answer
        }
        Err(error) => respond::plain(
            StatusCode::INTERNAL_SERVER_ERROR,
            &format!("The metrics cannot be written: {error}\n"),
        ),
    }
}

/// All that an edge has counted.
struct Counted(Arc<Core>);

impl fmt::Debug for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Counted")
    }
}

impl Collector for Counted {
    fn encode(&self, encoder: DescriptorEncoder) -> fmt::Result {
        let mut page = Page(encoder);
        connections(&mut page, &self.0)?;
        requests(&mut page, &self.0)?;
        ledger(&mut page, &self.0)?;
        levers(&mut page, &self.0)?;
        process(&mut page, &self.0)
    }
}

fn connections(page: &mut Page<'_>, core: &Core) -> fmt::Result {
    let totals = core.sink.totals();
    let outcomes = totals.snapshot().outcomes.into_iter();
    let outcomes: Vec<_> = outcomes.map(|(name, count)| ([name], count)).collect();
    page.counters(
        "connections",
        "Connections that have ended, by how",
        ["outcome"],
        &outcomes,
    )?;
    page.counters(
        "hellos",
        "Hellos dealt with, preview names apart: by phase of the strictest sunset missed, whether one is missed, and highest version offered",
        ["phase", "verdict", "version"],
        &totals.hellos(),
    )?;
    page.counters(
        "preview_hellos",
        "Hellos that came to a preview name",
        [],
        &[([], totals.previews())],
    )?;
    page.counters(
        "handshakes",
        "Handshakes completed, by version and group",
        ["version", "group"],
        &totals.handshakes(),
    )?;
    page.counters(
        "attributions",
        "Connections that have ended, by what is known of their account",
        ["account"],
        &totals.attributions(),
    )?;
    page.counters(
        "visitors",
        "Connections that have ended, by whether a customer is behind them",
        ["visitor"],
        &totals.visitors(),
    )?;
    page.gauge(
        "open_connections",
        "Connections open now",
        core.bounds.open() as f64,
    )
}

fn requests(page: &mut Page<'_>, core: &Core) -> fmt::Result {
    let requests = core.sink.totals().snapshot().requests;
    page.counters(
        "requests",
        "Requests, by what became of them",
        ["fate"],
        &[
            (["served"], requests.served),
            (["warned"], requests.warned),
            (["explained"], requests.explained),
            (["answered"], requests.answered),
        ],
    )
}

fn ledger(page: &mut Page<'_>, core: &Core) -> fmt::Result {
    let health = core.sink.health().snapshot();
    let is_well = health.state == State::Ok;
    page.gauge(
        "ledger_well",
        "Whether sightings reach the ledger",
        f64::from(u8::from(is_well)),
    )?;
    // Milliseconds of an age fit an f64 exactly.
    let lag = Duration::from_millis(health.lag_ms).as_secs_f64();
    page.gauge_in(
        "ledger_lag",
        "The age of the oldest entry that is not committed yet",
        &Unit::Seconds,
        lag,
    )?;
    page.counters(
        "ledger_commits",
        "Transactions of the ledger",
        [],
        &[([], health.commits)],
    )?;
    page.counters(
        "ledger_rows",
        "Roll-up rows that the ledger wrote",
        [],
        &[([], health.rows)],
    )?;
    page.counters(
        "ledger_other",
        "Connections and requests that the ledger counts without their details, by why",
        ["reason"],
        &[
            (["too-fast"], health.too_fast),
            (["too-many-clients"], health.too_many_keys),
            (["lost"], health.lost),
        ],
    )?;
    page.counters(
        "ledger_dropped",
        "Entries counted here that a reader was too slow to take",
        [],
        &[([], core.sink.totals().snapshot().dropped)],
    )
}

fn levers(page: &mut Page<'_>, core: &Core) -> fmt::Result {
    let live = core.live.load();
    let (plan, now) = (&live.plan, core.clock.now());
    page.gauge("holds", "Holds in force", plan.holds().len() as f64)?;
    let states = plan.state(now);
    let sunsets = || plan.sunsets.iter().zip(&states);
    let held = sunsets().map(|(sunset, state)| {
        let labels = vec![("sunset", sunset.name.as_str())];
        (labels, f64::from(u8::from(state.held)))
    });
    page.gauges("sunset_held", "Whether a sunset is on hold", held)?;
    let phases = sunsets().map(|(sunset, state)| {
        let phase = state.phase.map_or("none", Phase::name);
        (
            vec![("sunset", sunset.name.as_str()), ("phase", phase)],
            1.0,
        )
    });
    page.gauges("sunset_phase", "The phase that a sunset acts in", phases)?;
    page.counters(
        "guard_trips",
        "How often the guard has put everything on hold",
        [],
        &[([], core.levers.trips())],
    )?;
    let asked = core.sink.totals().asked();
    let Some((window, settings)) = core.levers.guarded(asked) else {
        return Ok(());
    };
    page.gauge(
        "guard_share",
        "The share of what customers asked for that is turned away, over the guard's window",
        share(window),
    )?;
    page.gauge(
        "guard_limit",
        "The share at which the guard acts",
        settings.refused,
    )
}

fn process(page: &mut Page<'_>, core: &Core) -> fmt::Result {
    let uptime = core.started.elapsed().as_secs_f64();
    page.gauge_in("uptime", "Time since the start", &Unit::Seconds, uptime)?;
    let mut metric = page
        .0
        .encode_descriptor("build", "The program", None, MetricType::Info)?;
    metric.encode_info(&[("version", env!("CARGO_PKG_VERSION"))])
}

/// What is written to, metric by metric.
struct Page<'a>(DescriptorEncoder<'a>);

impl Page<'_> {
    fn counters<const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        labels: [&'static str; N],
        tallies: &[Tally<N>],
    ) -> fmt::Result {
        let mut metric = self
            .0
            .encode_descriptor(name, help, None, MetricType::Counter)?;
        for (values, count) in tallies {
            let set: Vec<_> = labels.into_iter().zip(*values).collect();
            metric
                .encode_family(&set)?
                .encode_counter::<NoLabelSet, _, u64>(count, None)?;
        }
        Ok(())
    }

    fn gauge(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        let mut metric = self
            .0
            .encode_descriptor(name, help, None, MetricType::Gauge)?;
        metric.encode_gauge(&value)
    }

    fn gauge_in(&mut self, name: &str, help: &str, unit: &Unit, value: f64) -> fmt::Result {
        let mut metric = self
            .0
            .encode_descriptor(name, help, Some(unit), MetricType::Gauge)?;
        metric.encode_gauge(&value)
    }

    fn gauges<'a>(
        &mut self,
        name: &str,
        help: &str,
        values: impl Iterator<Item = (Vec<(&'static str, &'a str)>, f64)>,
    ) -> fmt::Result {
        let mut metric = self
            .0
            .encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (labels, value) in values {
            metric.encode_family(&labels)?.encode_gauge(&value)?;
        }
        Ok(())
    }
}
