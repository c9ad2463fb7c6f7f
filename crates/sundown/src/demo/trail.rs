//! The demo's audit trail: who did what to the plan, and when.

use std::path::Path;

use audit::{AuditError, Deed, Trail, When};
use floor::Plan;
use jiff::{SignedDuration, Timestamp};

use crate::plan::{exception_in_words, facts, hex};

const OPERATOR: &str = "dana";

/// Writes it. `hold` is from when until when everything was on hold.
pub(super) fn write(
    data_dir: &Path,
    plan: &Plan,
    start: Timestamp,
    hold: (Timestamp, Timestamp),
    now: Timestamp,
) -> Result<(), AuditError> {
    let all = facts(plan);
    let is_exception = |line: &String| line.starts_with("exception: ");
    let next = plan
        .sunsets
        .get(1)
        .map(|sunset| format!("{}: ", sunset.name));
    let is_next = |line: &String| {
        next.as_ref()
            .is_some_and(|name| line.starts_with(name.as_str()))
    };
    let first: Vec<String> = all
        .iter()
        .filter(|line| !is_exception(line) && !is_next(line))
        .cloned()
        .collect();
    let second: Vec<String> = all
        .iter()
        .filter(|line| !is_exception(line))
        .cloned()
        .collect();

    let after = |days: i64, hours: i64| start + SignedDuration::from_hours(days * 24 + hours);
    let mut deeds: Vec<(Timestamp, &str, Vec<Deed>)> = vec![
        (
            after(0, 8),
            OPERATOR,
            vec![started(&first), change(&[], &first)],
        ),
        (after(52, 10), OPERATOR, vec![change(&first, &second)]),
        (
            after(56, 14),
            "ravi",
            [vec![change(&second, &all)], begun(plan)].concat(),
        ),
        (after(78, 5), OPERATOR, vec![Deed::Stopped]),
        (after(78, 6), OPERATOR, vec![started(&all)]),
    ];
    let reason = |text: &str| text.to_owned();
    deeds.push((
        hold.0,
        OPERATOR,
        vec![Deed::Hold {
            sunset: None,
            reason: reason("a payment gateway retries without end; looking at it with them"),
        }],
    ));
    deeds.push((
        hold.1,
        OPERATOR,
        vec![Deed::Resume {
            sunset: None,
            reason: reason("their retries have a limit now"),
        }],
    ));
    for exception in plan
        .exceptions
        .iter()
        .filter(|exception| exception.until <= now)
    {
        let ended = Deed::ExceptionEnded {
            exception: exception_in_words(plan, exception),
            reason: reason("its date came"),
        };
        deeds.push((exception.until, "edge", vec![ended]));
    }
    deeds.sort_by_key(|(at, ..)| *at);
    let trail = Trail::of(data_dir);
    for (at, by, deeds) in deeds {
        let when = When {
            real: at,
            plan: None,
        };
        trail.append(when, by, &deeds)?;
    }
    Ok(())
}

fn started(lines: &[String]) -> Deed {
    Deed::Started {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        plan_sha256: hash(lines),
    }
}

fn change(before: &[String], now: &[String]) -> Deed {
    let without = |these: &[String], those: &[String]| {
        these
            .iter()
            .filter(|line| !those.contains(line))
            .cloned()
            .collect()
    };
    Deed::Plan {
        source: "sundown.toml".to_owned(),
        sha256: hash(now),
        lines: now.to_vec(),
        added: without(now, before),
        removed: without(before, now),
    }
}

fn begun(plan: &Plan) -> Vec<Deed> {
    let exceptions = plan.exceptions.iter();
    exceptions
        .map(|exception| Deed::ExceptionBegun {
            exception: exception_in_words(plan, exception),
        })
        .collect()
}

fn hash(lines: &[String]) -> String {
    hex(lines.join("\n").as_bytes())
}
