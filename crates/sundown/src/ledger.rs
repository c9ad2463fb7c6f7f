//! `sundown ledger`: what an edge has seen, as a file.

use std::fs::{self, File};
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use edge::Clock;
use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};
use ledger::{Format, Gap, Info, Query, Range, Reader};
use serde::Serialize;

use crate::cli::{
    LedgerCommand, LedgerCompactArguments, LedgerExportArguments, LedgerInfoArguments, TableFormat,
};
use crate::words::when;
use crate::{config, demo, table};

/// What a verdict of "no" ends with.
const NO: u8 = 1;
/// The key that decides shares is not needed to compact.
const NO_KEY: [u8; 16] = [0; 16];

pub(crate) fn run(command: &LedgerCommand) -> anyhow::Result<ExitCode> {
    match command {
        LedgerCommand::Info(arguments) => info(arguments),
        LedgerCommand::Compact(arguments) => compact(arguments),
        LedgerCommand::Export(arguments) => export(arguments),
    }
}

/// What `info` says, as JSON.
#[derive(Serialize)]
struct Said {
    /// Where nobody was seen, what is said of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    demo: Option<String>,
    #[serde(flatten)]
    info: Info,
    gaps: Vec<Gap>,
    /// What `--verify` found; absent without it.
    problems: Option<Vec<String>>,
}

fn info(arguments: &LedgerInfoArguments) -> anyhow::Result<ExitCode> {
    let reader = Reader::open(&arguments.data_dir.join(ledger::FILE))?;
    let bar = progress("reading");
    let problems = arguments
        .verify
        .then(|| reader.verify(|done, all| show(&bar, done, all)))
        .transpose()?;
    bar.finish_and_clear();
    // A file that does not verify may be too damaged to say anything else.
    let info = match (reader.info(), &problems) {
        (Err(_), Some(problems)) if !problems.is_empty() => {
            bail!("the ledger is damaged: {}", problems.join("; "))
        }
        (info, _) => info?,
    };
    let said = Said {
        demo: demo::words(&arguments.data_dir),
        info,
        gaps: reader.gaps(Range::default())?,
        problems,
    };
    let mut out = io::stdout().lock();
    if arguments.json {
        serde_json::to_writer_pretty(&mut out, &said)?;
        writeln!(out)?;
    } else {
        write_info(&mut out, &said)?;
    }
    let is_sound = said.problems.is_none_or(|problems| problems.is_empty());
    Ok(ExitCode::from(if is_sound { 0 } else { NO }))
}

fn write_info(out: &mut impl Write, said: &Said) -> io::Result<()> {
    let info = &said.info;
    let span = match (info.first, info.last) {
        (Some(first), Some(last)) => format!("{} to {}", when(first), when(last)),
        _ => "empty".to_owned(),
    };
    let each = info
        .bytes_per_row
        .map_or_else(String::new, |bytes| format!(", {bytes:.0} bytes a row"));
    let mut lines = vec![
        ("file", info.path.display().to_string()),
        ("format", info.format.to_string()),
        ("size", format!("{}{each}", HumanBytes(info.bytes))),
        ("seen (UTC)", span),
        (
            "rows",
            format!(
                "{} by the hour, {} by the day",
                HumanCount(info.hourly_rows),
                HumanCount(info.daily_rows)
            ),
        ),
        (
            "kept apart",
            format!(
                "{} keys of {} clients with {} offers",
                HumanCount(info.keys),
                HumanCount(info.clients),
                HumanCount(info.offers)
            ),
        ),
        (
            "connections",
            format!(
                "{}, of these {} without their details",
                HumanCount(info.connections),
                HumanCount(info.connections_without_details)
            ),
        ),
        ("requests", HumanCount(info.requests).to_string()),
        ("written by", writers(info.writers)),
    ];
    for path in &info.set_aside {
        lines.push(("set aside", path.display().to_string()));
    }
    if let Some(problems) = &said.problems {
        let verdict = if problems.is_empty() {
            "it holds what was written"
        } else {
            "IT IS DAMAGED"
        };
        lines.push(("verified", verdict.to_owned()));
        for problem in problems {
            lines.push(("", problem.clone()));
        }
    }
    let mut shown = table::new(["", ""]);
    shown.set_header(Vec::<&str>::new());
    for (name, value) in lines {
        shown.add_row([name, &value]);
    }
    writeln!(out, "{shown}")?;
    if !said.gaps.is_empty() {
        let mut shown = table::new(["FROM (UTC)", "UNTIL (UTC)", "GAP", "WITHOUT DETAILS"]);
        for gap in &said.gaps {
            let until = gap.until.map_or_else(|| "now".to_owned(), second);
            let connections = match gap.connections {
                0 => "-".to_owned(),
                connections => format!("{} connections", HumanCount(connections)),
            };
            shown.add_row([&second(gap.from), &until, gap.reason.as_ref(), &connections]);
        }
        writeln!(out, "\n{shown}")?;
    }
    Ok(())
}

fn second(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

fn writers(count: u64) -> String {
    match count {
        0 => "nobody; it was stopped properly".to_owned(),
        1 => "an edge, now or until it was not stopped properly".to_owned(),
        count => format!("{count} programs, now or until they were not stopped properly"),
    }
}

fn compact(arguments: &LedgerCompactArguments) -> anyhow::Result<ExitCode> {
    let settings = config::load(arguments.config.as_deref(), NO_KEY)?.ledger;
    let path = arguments.data_dir.join(ledger::FILE);
    let before = size(&path);
    let bar = progress("compacting");
    let done = ledger::compact(&path, &settings, Clock::default().now(), |done, all| {
        show(&bar, done, all);
        if done == all {
            bar.set_message("giving room back");
        }
    })?;
    bar.finish_and_clear();
    anstream::println!(
        "{} hours became part of their day, {} days were dropped; {} before, {} now.",
        done.hours,
        done.days,
        HumanBytes(before),
        HumanBytes(size(&path))
    );
    Ok(ExitCode::SUCCESS)
}

fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |file| file.len())
}

fn export(arguments: &LedgerExportArguments) -> anyhow::Result<ExitCode> {
    let format = format(arguments);
    let reader = Reader::open(&arguments.data_dir.join(ledger::FILE))?;
    let range = Range {
        from: arguments.since,
        until: arguments.until,
    };
    let bar = progress("exporting");
    let each = |done, all| show(&bar, done, all);
    let Some(path) = &arguments.output else {
        if format == Format::Parquet && io::stdout().is_terminal() {
            bail!("Parquet is not for terminals; `-o FILE` writes a file");
        }
        // A bar among the lines of a table helps nobody.
        if io::stdout().is_terminal() {
            bar.set_draw_target(indicatif::ProgressDrawTarget::hidden());
        }
        reader.export(range, format, io::stdout(), each)?;
        return Ok(ExitCode::SUCCESS);
    };
    // Under its name lies a whole table or none.
    let part = path.with_added_extension("part");
    let write = || -> anyhow::Result<u64> {
        let rows = reader.export(range, format, File::create(&part)?, each)?;
        fs::rename(&part, path)?;
        Ok(rows)
    };
    let rows = write().with_context(|| {
        fs::remove_file(&part).ok();
        format!("cannot write {}", path.display())
    })?;
    bar.finish_and_clear();
    anstream::eprintln!("{} rows in {}", HumanCount(rows), path.display());
    Ok(ExitCode::SUCCESS)
}

fn format(arguments: &LedgerExportArguments) -> Format {
    let ending = arguments
        .output
        .as_ref()
        .and_then(|path| path.extension()?.to_str());
    match (arguments.format, ending) {
        (Some(TableFormat::Csv), _) => Format::Csv,
        (Some(TableFormat::Jsonl), _) | (None, Some("jsonl" | "ndjson")) => Format::JsonLines,
        (Some(TableFormat::Parquet), _) | (None, Some("parquet")) => Format::Parquet,
        (None, _) => Format::Csv,
    }
}

/// A bar on standard error, where that is a terminal.
fn progress(what: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(0).with_message(what);
    let style = ProgressStyle::with_template("{msg:<17} {wide_bar} {percent:>3} %  {eta}");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn show(bar: &ProgressBar, done: u64, all: u64) {
    bar.set_length(all);
    bar.set_position(done);
}
