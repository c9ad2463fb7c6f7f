//! The plan for programs. Fields hold data, never prose; their names are the contract with whoever parses
//! `--json`. Lengths of time are written as in ISO 8601: `PT10M`.

use floor::{Brownout, Cidr, Exception, Hold, Measure, Phase, Plan, What};
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
    /// Absent before the first; observe while on hold.
    phase: Option<Phase>,
    /// The phase by its dates.
    planned: Option<Phase>,
    /// The hold it is under.
    hold: Option<&'a Hold>,
    /// The cohort it is for; absent where it is for everybody.
    cohort: Option<&'a str>,
    /// The brownout window that is open.
    window: Option<Span>,
    next: Option<Next>,
    exceptions: Vec<ExceptionData<'a>>,
    /// See [`floor::SunsetState::handshakes_until`].
    handshakes_until: Option<Timestamp>,
    /// See [`floor::SunsetState::handshakes_of_strangers`].
    handshakes_of_strangers: bool,
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
        planned: state.planned,
        hold: plan.hold_of(state.sunset),
        cohort: plan.cohort_of(sunset).map(|cohort| cohort.name.as_str()),
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
        handshakes_of_strangers: state.handshakes_of_strangers,
    });
    states.collect()
}

#[cfg(test)]
mod tests {
    use floor::config::PlanTables;
    use serde_json::{Value, json};

    use super::*;

    const PLAN: &str = r#"
        [[sunset]]
        name = "old"
        floor = "tls1.2"
        warn = "2026-01-01"
        refuse = "2026-03-01"
        [[sunset.brownout]]
        from = "2026-02-01"
        to = "2026-02-02"
        length = "10m"
        every = "1h"
        share = 0.25
        as = "refuse"
        [[exception]]
        address = "192.0.2.0/24"
        sunset = "old"
        until = "2026-04-01"
        owner = "jo"
        reason = "kiosks"
        [[preview]]
        sni = "next.example"
        at = "2026-03-02"
    "#;

    fn plan() -> Plan {
        let tables: PlanTables = toml::from_str(PLAN).unwrap();
        tables.build([0; 16]).unwrap()
    }

    fn at(date: &str) -> Timestamp {
        date.parse().unwrap()
    }

    #[test]
    fn the_calendar_is_data() {
        let plan = plan();
        let calendar = calendar(&plan, at("2026-02-01T12:00Z"));
        let calendar: Vec<Value> = serde_json::from_value(json!(calendar)).unwrap();
        let kinds: Vec<_> = calendar.iter().map(|entry| &entry["kind"]).collect();
        assert_eq!(
            kinds,
            [
                "phase",
                "brownout",
                "brownout-end",
                "phase",
                "preview",
                "exception-end"
            ]
        );
        let past: Vec<_> = calendar.iter().map(|entry| entry["past"] == true).collect();
        assert_eq!(past, [true, true, false, false, false, false]);
        assert_eq!(
            calendar[1],
            json!({
                "at": "2026-02-01T00:00:00Z", "past": true, "sunset": "old", "kind": "brownout",
                "ends": "2026-02-02T00:00:00Z", "windows": 24, "length": "PT10M", "every": "PT1H",
                "offset": "PT0S", "share": 0.25, "as": "refuse", "exempt": [],
            })
        );
        assert_eq!(calendar[4]["sni"], "next.example");
        assert_eq!(calendar[4]["sunset"], Value::Null);
        assert_eq!(calendar[5]["address"], "192.0.2.0/24");
    }

    #[test]
    fn a_state_says_what_is_open_and_what_comes_next() {
        let plan = plan();
        let state = json!(state(&plan, at("2026-02-01T12:05Z")));
        assert_eq!(state[0]["phase"], "brownout");
        assert_eq!(state[0]["window"]["end"], "2026-02-01T12:10:00Z");
        assert_eq!(
            state[0]["next"],
            json!({ "phase": "warn", "at": "2026-02-01T12:10:00Z" })
        );
        assert_eq!(state[0]["exceptions"][0]["owner"], "jo");
        assert_eq!(windows(&plan).len(), 24);
    }
}
