//! The plan for programs. Fields hold data, never prose; their names are the contract with whoever parses
//! `--json`. Lengths of time are written as in ISO 8601: `PT10M`.

use floor::{Brownout, Cidr, Exception, Measure, Phase, Plan, What};
use jiff::{SignedDuration, Timestamp};
use serde::{Serialize, Serializer};

/// One line of the calendar.
#[derive(Serialize)]
pub(super) struct Entry<'a> {
    at: Timestamp,
    past: bool,
    sunset: Option<&'a str>,
    #[serde(flatten)]
    happening: Happening<'a>,
}

/// What happens, told apart by `kind`.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum Happening<'a> {
    Phase { phase: Phase },
    Brownout(Run<'a>),
    BrownoutEnd,
    ExceptionEnd(ExceptionData<'a>),
    Preview { sni: &'a str },
}

/// A run of brownout windows.
#[derive(Serialize)]
struct Run<'a> {
    ends: Timestamp,
    windows: u64,
    length: SignedDuration,
    every: SignedDuration,
    offset: SignedDuration,
    share: f64,
    #[serde(rename = "as")]
    measure: Measure,
    exempt: &'a [String],
}

#[derive(Serialize)]
struct ExceptionData<'a> {
    account: Option<&'a str>,
    #[serde(serialize_with = "range")]
    address: Option<Cidr>,
    sni: Option<&'a str>,
    /// What must be met all the same.
    floor: Option<&'a str>,
    until: Timestamp,
    owner: &'a str,
    reason: &'a str,
}

fn range<S: Serializer>(range: &Option<Cidr>, serializer: S) -> Result<S::Ok, S::Error> {
    range.map(|range| range.to_string()).serialize(serializer)
}

impl<'a> From<&'a Exception> for ExceptionData<'a> {
    fn from(exception: &'a Exception) -> Self {
        Self {
            account: exception.account.as_deref(),
            address: exception.address,
            sni: exception.sni.as_deref(),
            floor: exception.floor.as_ref().map(floor::Floor::name),
            until: exception.until,
            owner: &exception.owner,
            reason: &exception.reason,
        }
    }
}

impl<'a> Run<'a> {
    fn new(run: &'a Brownout, windows: u64) -> Self {
        Self {
            ends: run.to,
            windows,
            length: run.length,
            every: run.every,
            offset: run.offset,
            share: run.share.get(),
            measure: run.measure,
            exempt: &run.exempt,
        }
    }
}

pub(super) fn calendar(plan: &Plan, now: Timestamp) -> Vec<Entry<'_>> {
    let entries = plan.calendar().into_iter().map(|event| Entry {
        at: event.at,
        past: event.at <= now,
        sunset: super::sunset_name(plan, &event),
        happening: match event.what {
            What::Phase(phase) => Happening::Phase { phase },
            What::Brownout { run, windows } => Happening::Brownout(Run::new(run, windows)),
            What::BrownoutEnds => Happening::BrownoutEnd,
            What::ExceptionEnds(exception) => Happening::ExceptionEnd(exception.into()),
            What::Preview(preview) => Happening::Preview { sni: &preview.sni },
        },
    });
    entries.collect()
}

/// One brownout window.
#[derive(Serialize)]
pub(super) struct WindowData<'a> {
    start: Timestamp,
    end: Timestamp,
    sunset: &'a str,
    #[serde(rename = "as")]
    measure: Measure,
    share: f64,
}

pub(super) fn windows(plan: &Plan) -> Vec<WindowData<'_>> {
    let mut all = Vec::new();
    for sunset in &plan.sunsets {
        for run in &sunset.brownouts {
            all.extend(run.windows().map(|window| WindowData {
                start: window.start,
                end: window.end,
                sunset: &sunset.name,
                measure: run.measure,
                share: run.share.get(),
            }));
        }
    }
    all
}

/// Where one sunset stands.
#[derive(Serialize)]
pub(super) struct StateData<'a> {
    at: Timestamp,
    sunset: &'a str,
    floor: &'a str,
    /// Absent before the first.
    phase: Option<Phase>,
    /// The brownout window that is open.
    window: Option<Span>,
    next: Option<Next>,
    exceptions: Vec<ExceptionData<'a>>,
    /// See [`floor::SunsetState::handshakes_until`].
    handshakes_until: Option<Timestamp>,
}

#[derive(Serialize)]
struct Span {
    start: Timestamp,
    end: Timestamp,
}

#[derive(Serialize)]
struct Next {
    phase: Phase,
    at: Timestamp,
}

pub(super) fn state(plan: &Plan, at: Timestamp) -> Vec<StateData<'_>> {
    let states = plan.sunsets.iter().zip(plan.state(at));
    let states = states.map(|(sunset, state)| StateData {
        at,
        sunset: &sunset.name,
        floor: sunset.floor.name(),
        phase: state.phase,
        window: state.window.map(|window| Span {
            start: window.start,
            end: window.end,
        }),
        next: state.next.map(|next| Next {
            phase: next.phase,
            at: next.at,
        }),
        exceptions: state
            .exceptions
            .iter()
            .filter_map(|index| plan.exceptions.get(*index))
            .map(Into::into)
            .collect(),
        handshakes_until: state.handshakes_until,
    });
    states.collect()
}
