//! What is known, in tables.

use std::io::Write;
use std::process::ExitCode;

use advice::{Goal, Knowledge, Row, Support};
use floor::Floor;
use serde::Serialize;

use crate::table;

/// The releases of one family before one goal.
#[derive(Serialize)]
struct Releases {
    what: String,
    releases: Vec<Row>,
}

pub(super) fn run(typed: &str, floor: &Floor, json: bool) -> anyhow::Result<ExitCode> {
    let mut out = anstream::stdout().lock();
    if typed.is_empty() {
        families(&mut out, json)?;
    } else {
        let runtime = Knowledge::embedded().look_up(typed)?;
        releases(&mut out, runtime.family, &runtime.runtime, floor, json)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn families(out: &mut impl Write, json: bool) -> anyhow::Result<()> {
    let entries = Knowledge::embedded().entries();
    if json {
        serde_json::to_writer_pretty(&mut *out, &entries)?;
        writeln!(out)?;
        return Ok(());
    }
    let mut table = table::new(["NAME", "KIND", "ALSO CALLED", "RULES"]);
    for entry in &entries {
        table.add_row([
            entry.name.clone(),
            format!("{:?}", entry.kind).to_lowercase(),
            entry.aliases.join(", "),
            entry.rules.to_string(),
        ]);
    }
    writeln!(
        out,
        "{table}\n\n{} families. `sundown advise --list NAME` shows the releases of one.",
        entries.len()
    )?;
    Ok(())
}

fn releases(
    out: &mut impl Write,
    id: &str,
    name: &str,
    floor: &Floor,
    json: bool,
) -> anyhow::Result<()> {
    let all: Vec<Releases> = Goal::of_floor(floor)
        .into_iter()
        .map(|goal| Releases {
            what: goal.to_string(),
            releases: Knowledge::embedded().table(id, goal),
        })
        .collect();
    if json {
        serde_json::to_writer_pretty(&mut *out, &all)?;
        writeln!(out)?;
        return Ok(());
    }
    for Releases { what, releases } in &all {
        let upper = format!("OFFERS {what}");
        let mut table = table::new([name, &upper, "WHAT TO DO"]);
        for row in releases {
            let versions = match &row.when {
                Some(when) => format!("{} ({when})", row.versions),
                None => row.versions.clone(),
            };
            let todo = match row.support {
                Support::Default => "nothing".to_owned(),
                _ => [Some(row.fix.clone()), row.snippet.clone()]
                    .into_iter()
                    .flatten()
                    .collect::<Vec<_>>()
                    .join("\n"),
            };
            table.add_row([versions, row.support.to_string(), todo]);
        }
        writeln!(out, "{table}\n")?;
    }
    Ok(())
}
