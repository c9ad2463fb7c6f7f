//! Makes a pack from what is kept.

use std::collections::HashMap;

use audit::{Reading, Record};
use floor::{Exception, Plan, Sunset};
use hello::{OfferId, Version};
use jiff::{SignedDuration, Timestamp};
use ledger::{Query, Range, Visitor};

use crate::EvidenceError;
use crate::in_force::floors;
use crate::inventory::Inventory;
use crate::pack::{Change, ExceptionFact, Missing, Pack, Period, PhaseSpan, SunsetFact, TrailFact};

/// Seconds of a day in UTC.
const DAY: i64 = 86_400;
/// Days that are told apart; what is before them is one.
const MOST_DAYS: i64 = 3660;

/// What a pack is made from.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// What was seen.
    pub ledger: &'a dyn Query,
    /// The plan in force.
    pub plan: &'a Plan,
    /// What operators did.
    pub trail: &'a Reading,
    /// The version of the program.
    pub version: &'a str,
    /// Made-up data.
    pub demo: bool,
}

/// Makes the pack of a period. `now` is when.
///
/// # Errors
///
/// When the ledger cannot be read.
pub fn build(sources: Sources<'_>, period: Period, now: Timestamp) -> Result<Pack, EvidenceError> {
    let range = Range {
        from: Some(period.from),
        until: Some(period.until),
    };
    let offers: HashMap<OfferId, Version> = sources
        .ledger
        .offers()?
        .into_iter()
        .map(|(id, offer)| (id, offer.max_version()))
        .collect();
    let mut inventory = Inventory::default();
    sources
        .ledger
        .pieces(range, &midnights(period), &mut |who, detail| {
            if detail.visitor == Visitor::Customer {
                let offered = detail.offer.as_ref().and_then(|id| offers.get(id)).copied();
                inventory.take(who, detail, offered);
            }
        })?;
    let groups = sources.ledger.groups(range)?;
    let without_details = groups
        .iter()
        .filter(|group| group.is_other)
        .map(|group| group.counts.connections)
        .sum();
    let plan = sources.plan;
    let (in_force, in_force_known_since) = floors(&sources.trail.records, period);
    Ok(Pack {
        in_force,
        in_force_known_since,
        made_by: format!("sundown {}", sources.version),
        made_at: now,
        demo: sources.demo,
        period,
        sunsets: plan
            .sunsets
            .iter()
            .map(|sunset| fact(sunset, period))
            .collect(),
        served: inventory.served(),
        inventory: inventory.uses(),
        early: inventory.early(),
        turned_away: inventory.turned_away(),
        exceptions: plan
            .exceptions
            .iter()
            .filter(|exception| exception.until > period.from)
            .map(|exception| exception_fact(exception, plan))
            .collect(),
        changes: sources
            .trail
            .records
            .iter()
            .filter(|record| period.from <= record.at && record.at < period.until)
            .map(change)
            .collect(),
        trail: TrailFact {
            records: sources.trail.records.len(),
            fault: sources.trail.fault.as_ref().map(ToString::to_string),
            last_hash: sources.trail.records.last().map(|last| last.hash.clone()),
        },
        missing: Missing {
            gaps: sources.ledger.gaps(range)?,
            without_details,
        },
    })
}

/// The starts of the days within a period, sorted.
fn midnights(period: Period) -> Vec<Timestamp> {
    let number = |at: Timestamp| at.as_second().div_euclid(DAY);
    let (first, last) = (number(period.from) + 1, number(period.until));
    (first..=last.min(first + MOST_DAYS))
        .filter_map(|day| Timestamp::from_second(day * DAY).ok())
        .collect()
}

fn fact(sunset: &Sunset, period: Period) -> SunsetFact {
    let dates: Vec<_> = sunset
        .dates()
        .filter(|change| change.phase != floor::Phase::Brownout)
        .collect();
    let mut phases: Vec<PhaseSpan> = Vec::new();
    for change in dates {
        if let Some(before) = phases.last_mut() {
            before.until = Some(change.at);
        }
        phases.push(PhaseSpan {
            phase: change.phase,
            from: change.at,
            until: None,
        });
    }
    let windows = sunset
        .brownouts
        .iter()
        .map(|run| run.windows_between(period.from, period.until).count() as u64);
    SunsetFact {
        name: sunset.name.clone(),
        floor: sunset.floor.name().to_owned(),
        floor_title: sunset.floor.title().to_owned(),
        brownout_windows: windows.sum(),
        phases,
    }
}

fn exception_fact(exception: &Exception, plan: &Plan) -> ExceptionFact {
    let parts = [
        exception.account.as_ref().map(|id| format!("account {id}")),
        exception.address.map(|range| format!("address {range}")),
        exception
            .sni
            .as_ref()
            .map(|sni| format!("server name {sni}")),
    ];
    ExceptionFact {
        sunset: plan
            .sunsets
            .get(exception.sunset)
            .map(|sunset| sunset.name.clone())
            .unwrap_or_default(),
        who: parts.into_iter().flatten().collect::<Vec<_>>().join(", "),
        floor: exception
            .floor
            .as_ref()
            .map(|floor| floor.name().to_owned()),
        until: exception.until,
        owner: exception.owner.clone(),
        reason: exception.reason.clone(),
    }
}

fn change(record: &Record) -> Change {
    let mut lines = Vec::new();
    for field in [
        "sunset",
        "exception",
        "reason",
        "source",
        "version",
        "sha256",
    ] {
        lines.extend(record.text(field).map(|text| format!("{field}: {text}")));
    }
    lines.extend(record.texts("removed").map(|line| format!("- {line}")));
    lines.extend(record.texts("added").map(|line| format!("+ {line}")));
    Change {
        seq: record.seq,
        at: record.at,
        by: record.by.clone(),
        kind: record.kind.clone(),
        lines,
    }
}

impl Period {
    /// The period of this length before a moment.
    pub fn before(until: Timestamp, length: SignedDuration) -> Self {
        Self {
            from: until.checked_sub(length).unwrap_or(Timestamp::MIN),
            until,
        }
    }
}
