//! The plan: what happens when, what is on hold, who is let past, and who did what.

use audit::{Holds, Trail};
use floor::{Hold, Phase, Plan, What};
use jiff::Timestamp;
use report::model::ExceptionNote;
use serde::Serialize;

use crate::console::Console;
use crate::fault::Fault;
use crate::picture::Picture;

/// Records that are shown, the latest of all.
const MOST_RECORDS: usize = 100;
/// Lines of one record.
const MOST_LINES: usize = 40;

/// The plan.
#[derive(Debug, Serialize)]
pub(crate) struct PlanView {
    /// The version of this form.
    pub(crate) format: u32,
    /// Now, on the plan's clock.
    pub(crate) at: Timestamp,
    /// Where the plan comes from.
    pub(crate) plan: String,
    /// How every sunset stands.
    pub(crate) sunsets: Vec<State>,
    /// What is on hold.
    pub(crate) holds: Vec<Hold>,
    /// Whether an edge runs that takes up a hold; absent where it cannot be told.
    pub(crate) edge_runs: Option<bool>,
    /// Everything that happens, in order of time.
    pub(crate) calendar: Vec<Entry>,
    /// Server names that show a day to come.
    pub(crate) previews: Vec<Preview>,
    /// Who is let past.
    pub(crate) exceptions: Vec<OfSunset>,
    /// Who did what, the latest first.
    pub(crate) trail: Vec<Deed>,
    /// What is wrong with the trail; absent where it is as it was written.
    pub(crate) trail_fault: Option<String>,
}

/// How a sunset stands.
#[derive(Debug, Serialize)]
pub(crate) struct State {
    /// Its name.
    pub(crate) name: String,
    /// Its floor.
    pub(crate) floor: String,
    /// What the floor asks.
    pub(crate) title: String,
    /// The phase by its dates.
    pub(crate) phase: Option<Phase>,
    /// Whether it is on hold.
    pub(crate) held: bool,
}

/// Something that happens.
#[derive(Debug, Serialize)]
pub(crate) struct Entry {
    /// When.
    pub(crate) at: Timestamp,
    /// Whether it has happened.
    pub(crate) past: bool,
    /// Of which sunset.
    pub(crate) sunset: Option<String>,
    /// `phase`, `brownout`, `brownout-end`, `exception-end` or `preview`.
    pub(crate) kind: &'static str,
    /// In words.
    pub(crate) what: String,
}

/// A server name that shows a day to come.
#[derive(Debug, Serialize)]
pub(crate) struct Preview {
    /// The name.
    pub(crate) sni: String,
    /// What its clock shows.
    pub(crate) at: Timestamp,
}

/// An exception and its sunset.
#[derive(Debug, Serialize)]
pub(crate) struct OfSunset {
    /// The sunset.
    pub(crate) sunset: String,
    /// The exception.
    #[serde(flatten)]
    pub(crate) note: ExceptionNote,
}

/// Something that was done.
#[derive(Debug, Serialize)]
pub(crate) struct Deed {
    /// Its number in the trail.
    pub(crate) seq: u64,
    /// When, on the real clock.
    pub(crate) at: Timestamp,
    /// By whom.
    pub(crate) by: String,
    /// What: the name of a deed.
    pub(crate) kind: String,
    /// More about it, a line each.
    pub(crate) lines: Vec<String>,
}

impl PlanView {
    pub(crate) fn new(console: &Console, picture: &Picture, now: Timestamp) -> Result<Self, Fault> {
        let plan = &picture.in_force.plan;
        let reading = Trail::of(&console.data_dir).read()?;
        let records = reading.records.iter().rev().take(MOST_RECORDS);
        Ok(Self {
            format: 1,
            at: now,
            plan: picture.in_force.name.clone(),
            sunsets: plan
                .sunsets
                .iter()
                .zip(plan.state(now))
                .map(|(sunset, state)| State {
                    name: sunset.name.clone(),
                    floor: sunset.floor.name().to_owned(),
                    title: sunset.floor.title().to_owned(),
                    phase: state.planned,
                    held: state.held,
                })
                .collect(),
            holds: plan.holds().to_vec(),
            edge_runs: Holds::of(&console.data_dir).is_watched(),
            calendar: calendar(plan, now),
            previews: plan
                .previews
                .iter()
                .map(|preview| Preview {
                    sni: preview.sni.clone(),
                    at: preview.at,
                })
                .collect(),
            exceptions: exceptions(picture),
            trail: records.map(deed).collect(),
            trail_fault: reading.fault.map(|fault| fault.to_string()),
        })
    }
}

fn calendar(plan: &Plan, now: Timestamp) -> Vec<Entry> {
    let entries = plan.calendar().into_iter().map(|event| {
        let (kind, what) = match event.what {
            What::Phase(phase) => ("phase", format!("{phase} begins")),
            What::Brownout { run, windows } => {
                let share = match run.share.get() {
                    share if share < 1.0 => format!(" for {:.0} % of accounts", share * 100.0),
                    _ => String::new(),
                };
                let plural = if windows == 1 { "" } else { "s" };
                (
                    "brownout",
                    format!(
                        "brownouts: {windows} window{plural} of {:#}, {}{share}",
                        run.length, run.measure
                    ),
                )
            }
            What::BrownoutEnds => ("brownout-end", "brownouts end".to_owned()),
            What::ExceptionEnds(exception) => {
                let whom = [
                    exception.account.clone(),
                    exception.address.map(|range| range.to_string()),
                    exception.sni.clone(),
                ];
                let whom: Vec<String> = whom.into_iter().flatten().collect();
                (
                    "exception-end",
                    format!("the exception for {} ends", whom.join(", ")),
                )
            }
            What::Preview(preview) => ("preview", format!("the day that {} shows", preview.sni)),
        };
        let sunset = event.sunset.and_then(|index| plan.sunsets.get(index));
        Entry {
            at: event.at,
            past: event.at <= now,
            sunset: sunset.map(|sunset| sunset.name.clone()),
            kind,
            what,
        }
    });
    entries.collect()
}

fn exceptions(picture: &Picture) -> Vec<OfSunset> {
    let sunsets = picture.figures.sunsets.iter();
    sunsets
        .flat_map(|sunset| {
            sunset.exceptions.iter().map(|note| OfSunset {
                sunset: sunset.name.clone(),
                note: note.clone(),
            })
        })
        .collect()
}

fn deed(record: &audit::Record) -> Deed {
    let mut lines: Vec<String> = Vec::new();
    for field in ["sunset", "reason", "exception", "source", "version"] {
        if let Some(text) = record.text(field) {
            let name = if matches!(field, "sunset" | "version") {
                format!("{field} ")
            } else {
                String::new()
            };
            lines.push(format!("{name}{text}"));
        }
    }
    lines.extend(record.texts("added").map(|line| format!("+ {line}")));
    lines.extend(record.texts("removed").map(|line| format!("- {line}")));
    let more = lines.len().saturating_sub(MOST_LINES);
    lines.truncate(MOST_LINES);
    if more > 0 {
        lines.push(format!("and {more} more; `sundown audit --json` shows all"));
    }
    Deed {
        seq: record.seq,
        at: record.at,
        by: record.by.clone(),
        kind: record.kind.clone(),
        lines,
    }
}
