//! `sundown plan --check`: what is doubtful about a plan that can be used. One that cannot never gets here:
//! reading it is an error.

use std::io::Write;

use annotate_snippets::Renderer;
use floor::{Plan, Severity};
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

pub(super) fn run(plan: &Plan, source: Source, now: Timestamp, json: bool) -> anyhow::Result<()> {
    let problems = plan.check(now);
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
