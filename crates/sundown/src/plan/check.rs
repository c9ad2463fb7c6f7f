//! `sundown plan --check`: what is doubtful about a plan that can be used. One that cannot never gets here:
//! reading it is an error.

use std::io::Write;

use annotate_snippets::Renderer;
use edge::settings::Settings;
use floor::{Measure, Plan, Problem, Severity};
use jiff::Timestamp;
use serde::Serialize;

use crate::config::{Problems, Source};

#[derive(Serialize)]
struct Doubt<'a> {
    key: &'a str,
    message: &'a str,
    help: &'a str,
    severity: &'static str,
}

pub(super) fn run(
    plan: &Plan,
    settings: &Settings,
    gates: &[gate::settings::Listener],
    source: Source,
    now: Timestamp,
    json: bool,
) -> anyhow::Result<()> {
    let mut problems = plan.check(now);
    problems.extend(no_guard(plan, settings));
    problems.extend(no_accounts(plan, settings));
    problems.extend(nobody_explains(plan, settings, gates));
    if json {
        let doubts = problems.iter().map(|problem| Doubt {
            key: &problem.key,
            message: &problem.message,
            help: &problem.help,
            severity: match problem.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            },
        });
        return super::write_json(&doubts.collect::<Vec<_>>());
    }
    let mut out = anstream::stdout().lock();
    let name = source.name();
    match problems.len() {
        0 => writeln!(
            out,
            "{name}: the plan can be used; nothing about it is doubtful."
        )?,
        count => {
            let doubts = if count == 1 {
                "one thing about it is doubtful".to_owned()
            } else {
                format!("{count} things about it are doubtful")
            };
            let shown = Problems { source, problems }.render(&Renderer::styled());
            writeln!(out, "{shown}\n\n{name}: the plan can be used; {doubts}.")?;
        }
    }
    Ok(())
}

/// A plan that turns clients away with nobody watching.
fn no_guard(plan: &Plan, settings: &Settings) -> Option<Problem> {
    let refuses = |sunset: &floor::Sunset| {
        let windows = sunset
            .brownouts
            .iter()
            .any(|run| run.measure == Measure::Refuse);
        sunset.refuse.is_some() || windows
    };
    let refusing = plan.sunsets.iter().find(|sunset| refuses(sunset))?;
    settings.guard.is_none().then(|| {
        doubt(
            "guard",
            format!("`{}` refuses clients and nothing stops it when it refuses too many", refusing.name),
            "add [guard]: it puts everything on hold when more than `refused = 0.02` of what customers ask for is turned away",
        )
    })
}

/// Cohorts where no account ever shows itself.
fn no_accounts(plan: &Plan, settings: &Settings) -> Option<Problem> {
    let sunset = plan.sunsets.iter().find(|sunset| sunset.cohort.is_some())?;
    settings.account.sources.is_empty().then(|| {
        doubt(
            "account.sources",
            format!(
                "`{}` is for a cohort of accounts, and nothing says which account a request is of",
                sunset.name
            ),
            "add `sources` to [account], such as [\"header:X-Api-Key\"]",
        )
    })
}

/// Gates, and nobody to divert to whom the plan explains to.
fn nobody_explains(
    plan: &Plan,
    settings: &Settings,
    gates: &[gate::settings::Listener],
) -> Option<Problem> {
    let explains = |sunset: &floor::Sunset| {
        let windows = sunset
            .brownouts
            .iter()
            .any(|run| run.measure == Measure::Explain);
        sunset.explain.is_some() || windows
    };
    let explaining = plan.sunsets.iter().find(|sunset| explains(sunset))?;
    let nobody = !gates.is_empty() && settings.listeners.is_empty();
    nobody.then(|| {
        doubt(
            "listener",
            format!(
                "`{}` explains, and a gate has no keys to explain with: it passes these clients through",
                explaining.name
            ),
            "add a [[listener]] of mode \"edge\" with your certificate: the gate diverts to it whoever is to be explained to",
        )
    })
}

/// A doubt about what is not in the file.
fn doubt(key: &str, message: String, help: &str) -> Problem {
    Problem {
        span: 0..0,
        key: key.to_owned(),
        message,
        help: help.to_owned(),
        severity: Severity::Warning,
    }
}
