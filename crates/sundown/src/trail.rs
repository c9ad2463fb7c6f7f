//! `sundown audit`: the record of what was done, or whether it is as it was written.

use std::io::Write;
use std::process::ExitCode;

use anyhow::bail;
use audit::{Reading, Record, Trail};
use serde::Serialize;

use crate::cli::AuditArguments;
use crate::table;

/// The trail is not as it was written.
const CHANGED: u8 = 1;
/// Lines of a plan's changes that the table shows.
const MOST_CHANGES: usize = 8;

pub(crate) fn run(arguments: &AuditArguments) -> anyhow::Result<ExitCode> {
    let trail = Trail::of(&arguments.data_dir);
    if !trail.path().exists() {
        bail!(
            "there is no audit trail at {}; `sundown serve` begins one in its --data-dir",
            trail.path().display()
        );
    }
    let mut reading = trail.read()?;
    let name = trail.path().display().to_string();
    if arguments.verify {
        verify(&reading, &name, arguments.json)?;
    } else {
        reading
            .records
            .retain(|record| arguments.since.is_none_or(|since| record.at >= since));
        show(&reading, &name, arguments.json)?;
    }
    Ok(match reading.fault {
        Some(_) => ExitCode::from(CHANGED),
        None => ExitCode::SUCCESS,
    })
}

/// What `--verify --json` says.
#[derive(Serialize)]
struct Verified<'a> {
    file: &'a str,
    verdict: &'static str,
    records: usize,
    /// The first place where it is not as it was written.
    fault: Option<Place>,
    /// Bytes of an unfinished record at the end.
    unfinished: usize,
    /// Unfinished records that were found and gone on from.
    recovered: usize,
    last_hash: Option<&'a str>,
}

#[derive(Serialize)]
struct Place {
    line: usize,
    seq: Option<u64>,
    message: String,
}

fn verify(reading: &Reading, name: &str, json: bool) -> anyhow::Result<()> {
    let recovered = reading
        .records
        .iter()
        .filter(|record| record.kind == "recovered");
    let recovered = recovered.count();
    let last = reading.records.last();
    let mut out = anstream::stdout().lock();
    if json {
        let verified = Verified {
            file: name,
            verdict: if reading.fault.is_some() {
                "changed"
            } else {
                "intact"
            },
            records: reading.records.len(),
            fault: reading.fault.as_ref().map(|fault| Place {
                line: fault.line,
                seq: fault.seq,
                message: fault.to_string(),
            }),
            unfinished: reading.unfinished,
            recovered,
            last_hash: last.map(|record| record.hash.as_str()),
        };
        serde_json::to_writer_pretty(&mut out, &verified)?;
        writeln!(out)?;
        return Ok(());
    }
    let count = reading.records.len();
    let records = if count == 1 { "record" } else { "records" };
    match (&reading.fault, last) {
        (Some(fault), _) => writeln!(
            out,
            "{name}: {fault}. What stands from there on cannot be relied on."
        )?,
        (None, Some(last)) => writeln!(
            out,
            "{name}: {count} {records}, each as it was written. The last is {} with the hash\n{}\nNoted elsewhere, it shows later that none is missing.",
            last.seq, last.hash
        )?,
        (None, None) => writeln!(out, "{name}: no records.")?,
    }
    if recovered > 0 {
        writeln!(
            out,
            "Unfinished records that were found and gone on from: {recovered}."
        )?;
    }
    say_unfinished(&mut out, reading)?;
    Ok(())
}

fn say_unfinished(out: &mut impl Write, reading: &Reading) -> std::io::Result<()> {
    if reading.unfinished > 0 {
        writeln!(
            out,
            "It ends with {} bytes of an unfinished record: something stopped while it was written. The next one goes on from there.",
            reading.unfinished
        )?;
    }
    Ok(())
}

fn show(reading: &Reading, name: &str, json: bool) -> anyhow::Result<()> {
    if json {
        let mut out = std::io::stdout().lock();
        serde_json::to_writer_pretty(&mut out, &reading.records)?;
        writeln!(out)?;
        return Ok(());
    }
    let mut out = anstream::stdout().lock();
    let two_clocks = reading
        .records
        .iter()
        .any(|record| record.plan_at.is_some());
    let mut head = vec!["", "WHEN (UTC)", "PLAN'S CLOCK", "WHO", "WHAT", "MORE"];
    if !two_clocks {
        head.remove(2);
    }
    let mut table = table::new(head);
    for record in &reading.records {
        let time = |at: jiff::Timestamp| at.strftime("%Y-%m-%d %H:%M:%S").to_string();
        let mut row = vec![
            record.seq.to_string(),
            time(record.at),
            record.plan_at.map_or_else(String::new, time),
            shown(&record.by),
            shown(&record.kind),
            more(record),
        ];
        if !two_clocks {
            row.remove(2);
        }
        table.add_row(row);
    }
    writeln!(out, "{table}")?;
    if let Some(fault) = &reading.fault {
        writeln!(out, "\n{name}: {fault}. See `sundown audit --verify`.")?;
    }
    say_unfinished(&mut out, reading)?;
    Ok(())
}

/// What a record says besides its kind.
fn more(record: &Record) -> String {
    let text = |field| record.text(field).map(shown).unwrap_or_default();
    let of = |sunset: Option<&str>| sunset.map_or_else(|| "everything".to_owned(), shown);
    match record.kind.as_str() {
        "started" => format!("version {}", text("version")),
        "plan" => changes(record),
        "hold" | "resume" => format!("{}: {}", of(record.text("sunset")), text("reason")),
        "exception-begun" => text("exception"),
        "exception-ended" => format!("{}: {}", text("reason"), text("exception")),
        "reload-refused" => text("reason"),
        "guard" => {
            let number = |field: &str| record.details.get(field).map(ToString::to_string);
            let number = |field| number(field).unwrap_or_default();
            format!(
                "{} of {} turned away within {} s; the limit is a share of {}",
                number("turned_away"),
                number("asked"),
                number("over_seconds"),
                number("limit")
            )
        }
        "recovered" => "an unfinished record was found before this one".to_owned(),
        "stopped" => String::new(),
        _ => shown(&serde_json::to_string(&record.details).unwrap_or_default()),
    }
}

/// A plan's changes, a line each.
fn changes(record: &Record) -> String {
    let source = record.text("source").map(shown).unwrap_or_default();
    let removed = record
        .texts("removed")
        .map(|line| format!("- {}", shown(line)));
    let added = record
        .texts("added")
        .map(|line| format!("+ {}", shown(line)));
    let mut lines: Vec<String> = [source].into_iter().chain(removed).chain(added).collect();
    let count = lines.len().saturating_sub(1);
    if count > MOST_CHANGES {
        lines.truncate(MOST_CHANGES + 1);
        lines.push(format!(
            "and {} more; --json shows all",
            count - MOST_CHANGES
        ));
    }
    lines.join("\n")
}

/// Text without what would steer a terminal.
fn shown(text: &str) -> String {
    let visible = text
        .chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .filter(|c| !c.is_control());
    visible.collect()
}
