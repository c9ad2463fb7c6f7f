//! The floor that was in force by date, from the audit trail: each plan's own words, the calendar of phases in them, and
//! what was on hold.
//!
//! A plan is recorded as facts, a line each. Those that are read here are `NAME: floor FLOOR` and `NAME: PHASE from MOMENT`;
//! others say nothing of when a floor bites.

use std::collections::BTreeSet;

use audit::Record;
use floor::Phase;
use jiff::Timestamp;

use crate::pack::{FloorSpan, Period};

/// Between a sunset's name and its floor.
const FLOOR: &str = ": floor ";

/// A sunset, as a recorded plan states it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stated {
    /// Its name.
    pub sunset: String,
    /// Its floor: a name, or the beginning of a hash and a title.
    pub floor: String,
    /// Its phases, in order of date.
    pub phases: Vec<(Phase, Timestamp)>,
}

/// The sunsets that the facts of a plan state.
pub fn stated<'a>(facts: impl Iterator<Item = &'a str> + Clone) -> Vec<Stated> {
    let floors = facts.clone().filter_map(|fact| fact.split_once(FLOOR));
    let sunsets = floors.map(|(name, floor)| {
        let mut phases: Vec<(Phase, Timestamp)> = facts
            .clone()
            .filter_map(|fact| phase(fact.strip_prefix(name)?.strip_prefix(": ")?))
            .collect();
        phases.sort_by_key(|(_, at)| *at);
        Stated {
            sunset: name.to_owned(),
            floor: floor.to_owned(),
            phases,
        }
    });
    sunsets.collect()
}

/// `warn from 2026-02-01T00:00:00Z`
fn phase(fact: &str) -> Option<(Phase, Timestamp)> {
    let (name, at) = fact.split_once(" from ")?;
    let phase = Phase::ALL.into_iter().find(|phase| phase.name() == name)?;
    Some((phase, at.parse().ok()?))
}

/// What changes when.
enum Change {
    Plan(Vec<Stated>),
    /// A sunset, or everything.
    Hold(Option<String>),
    Resume(Option<String>),
    /// A phase begins by itself.
    Date,
}

/// How a sunset stood.
#[derive(Clone, Debug, PartialEq, Eq)]
struct State {
    floor: String,
    phase: Option<Phase>,
    on_hold: bool,
}

/// The floors in force in a period, sunset by sunset; and the first plan that is known, `None` where none is.
pub(crate) fn floors(records: &[Record], period: Period) -> (Vec<FloorSpan>, Option<Timestamp>) {
    let mut changes: Vec<(Timestamp, Change)> = records.iter().filter_map(change).collect();
    let since = changes
        .iter()
        .find(|(_, change)| matches!(change, Change::Plan(_)))
        .map(|(at, _)| *at);
    let dates: BTreeSet<Timestamp> = changes
        .iter()
        .filter_map(|(_, change)| match change {
            Change::Plan(plan) => Some(plan),
            _ => None,
        })
        .flatten()
        .flat_map(|sunset| sunset.phases.iter().map(|(_, at)| *at))
        .collect();
    changes.extend(dates.into_iter().map(|at| (at, Change::Date)));
    // What was recorded at a moment is in force before its calendar is looked at.
    changes.sort_by_key(|(at, _)| *at);
    let mut plan: Vec<Stated> = Vec::new();
    let mut holds: BTreeSet<Option<String>> = BTreeSet::new();
    let mut spans: Vec<FloorSpan> = Vec::new();
    let mut changes = changes.into_iter().peekable();
    while let Some((at, change)) = changes.next() {
        match change {
            Change::Plan(now) => plan = now,
            Change::Hold(sunset) => {
                holds.insert(sunset);
            }
            // Everything is resumed, also what was on hold by itself.
            Change::Resume(None) => holds.clear(),
            Change::Resume(sunset) => {
                holds.remove(&sunset);
            }
            Change::Date => {}
        }
        let until = changes.peek().map_or(Timestamp::MAX, |(next, _)| *next);
        let (from, until) = (at.max(period.from), until.min(period.until));
        if from >= until {
            continue;
        }
        for sunset in &plan {
            let on_hold = holds.contains(&None) || holds.contains(&Some(sunset.sunset.clone()));
            let begun = sunset.phases.iter().rev().find(|(_, begins)| *begins <= at);
            let state = State {
                floor: sunset.floor.clone(),
                phase: begun.map(|(phase, _)| *phase),
                on_hold,
            };
            put(&mut spans, &sunset.sunset, state, from, until);
        }
    }
    spans.sort_by(|one, other| (&one.sunset, one.from).cmp(&(&other.sunset, other.from)));
    (spans, since)
}

/// Adds a stretch to the one before, where nothing has changed.
fn put(spans: &mut Vec<FloorSpan>, sunset: &str, state: State, from: Timestamp, until: Timestamp) {
    let last = spans.iter_mut().rev().find(|span| span.sunset == sunset);
    if let Some(last) = last
        && last.until == from
        && (&last.floor, last.phase, last.on_hold) == (&state.floor, state.phase, state.on_hold)
    {
        last.until = until;
        return;
    }
    spans.push(FloorSpan {
        sunset: sunset.to_owned(),
        floor: state.floor,
        phase: state.phase,
        on_hold: state.on_hold,
        from,
        until,
    });
}

fn change(record: &Record) -> Option<(Timestamp, Change)> {
    let sunset = || record.text("sunset").map(str::to_owned);
    let change = match record.kind.as_str() {
        "plan" => {
            let lines: Vec<&str> = record.texts("lines").collect();
            Change::Plan(stated(lines.iter().copied()))
        }
        "hold" => Change::Hold(sunset()),
        "resume" => Change::Resume(sunset()),
        _ => return None,
    };
    // Phases go by the plan's clock.
    Some((record.plan_at.unwrap_or(record.at), change))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        format!("{text}T00:00:00Z").parse().unwrap()
    }

    fn record(day: &str, kind: &str, details: serde_json::Value) -> Record {
        let mut record = serde_json::json!({
            "seq": 1, "at": at(day), "by": "user", "kind": kind, "previous": "", "hash": "",
        });
        record
            .as_object_mut()
            .unwrap()
            .extend(details.as_object().unwrap().clone());
        serde_json::from_value(record).unwrap()
    }

    fn plan(day: &str, lines: &[&str]) -> Record {
        record(day, "plan", serde_json::json!({ "lines": lines }))
    }

    fn told(records: &[Record], from: &str, until: &str) -> Vec<String> {
        let period = Period {
            from: at(from),
            until: at(until),
        };
        let day = |at: Timestamp| at.strftime("%m-%d").to_string();
        let (spans, _) = floors(records, period);
        let told = spans.iter().map(|span| {
            let phase = span.phase.map_or("not begun", Phase::name);
            let hold = if span.on_hold { ", on hold" } else { "" };
            let (from, until) = (day(span.from), day(span.until));
            format!(
                "{from} {until} {}: {} {phase}{hold}",
                span.sunset, span.floor
            )
        });
        told.collect()
    }

    #[test]
    fn each_day_shows_the_floor_that_applied_then() {
        let records = [
            plan(
                "2026-01-10",
                &[
                    "old: floor tls1.1",
                    "old: warn from 2026-02-01T00:00:00Z",
                    "old: refuse from 2026-04-01T00:00:00Z",
                    "old: contact warn from 2026-03-03T00:00:00Z",
                ],
            ),
            record("2026-04-05", "hold", serde_json::json!({ "sunset": null })),
            record(
                "2026-04-07",
                "resume",
                serde_json::json!({ "sunset": null }),
            ),
            plan(
                "2026-05-01",
                &["old: floor tls1.2", "old: refuse from 2026-05-20T00:00:00Z"],
            ),
            plan(
                "2026-05-01",
                &[
                    "old: floor tls1.2",
                    "old: refuse from 2026-05-20T00:00:00Z",
                    "new: odd: floor pq",
                ],
            ),
        ];
        assert_eq!(
            told(&records, "2026-01-01", "2026-06-01"),
            [
                "05-01 06-01 new: odd: pq not begun",
                "01-10 02-01 old: tls1.1 not begun",
                "02-01 04-01 old: tls1.1 warn",
                "04-01 04-05 old: tls1.1 refuse",
                "04-05 04-07 old: tls1.1 refuse, on hold",
                "04-07 05-01 old: tls1.1 refuse",
                "05-01 05-20 old: tls1.2 not begun",
                "05-20 06-01 old: tls1.2 refuse",
            ]
        );
        assert_eq!(
            told(&records, "2026-04-06", "2026-04-20"),
            [
                "04-06 04-07 old: tls1.1 refuse, on hold",
                "04-07 04-20 old: tls1.1 refuse"
            ]
        );
        assert!(told(&records, "2025-01-01", "2025-06-01").is_empty());
        let period = Period {
            from: at("2026-01-01"),
            until: at("2026-06-01"),
        };
        assert_eq!(floors(&records, period).1, Some(at("2026-01-10")));
        assert_eq!(floors(&[], period), (Vec::new(), None));
    }

    #[test]
    fn what_another_version_wrote_is_passed_over() {
        let facts = [
            "old: floor",
            "x",
            ": floor y",
            "old: warn from soon",
            "old: brownouts from a to b",
        ];
        let found = stated(facts.iter().copied());
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found.iter().all(|one| one.phases.is_empty()));
    }
}
