//! The report, for people: a table as wide as the terminal, and below it what to change.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use comfy_table::{Cell, Color, Table};
use edge::Offered;

use super::judge::{By, Judged, Verdict};
use super::overrides::{Override, Weight};
use super::report::{Ended, Entry, Handshake, Overall, Report};
use crate::table;

/// The width of a terminal that does not say how wide it is.
const WIDTH: usize = 100;

pub(super) fn show(out: &mut impl Write, report: &Report) -> io::Result<()> {
    let width = terminal_size::terminal_size().map_or(WIDTH, |(width, _)| usize::from(width.0));
    let fixes = Fixes::of(report);
    writeln!(out, "{}\n", runtimes(report, &fixes))?;
    legend(out, report, width)?;
    intermediaries(out, report, width)?;
    for (number, fix) in fixes.0.iter().enumerate() {
        show_fix(out, number + 1, fix, width)?;
    }
    overrides(out, &report.overrides, width)?;
    for note in &report.notes {
        writeln!(out, "{}\n", textwrap::fill(note, width))?;
    }
    verdict(out, report)?;
    writeln!(
        out,
        "\n{}",
        textwrap::fill(
            "Which programs really connect, and with what, `sundown watch --live --processes` shows.",
            width
        )
    )
}

/// What to change, each thing once, and for whom.
struct Fixes<'r>(Vec<Fix<'r>>);

struct Fix<'r> {
    floor: &'static str,
    summary: &'r str,
    snippet: Option<&'r str>,
    verify: &'r str,
    /// What it says without the runtime's own name.
    nameless: String,
    /// Places in the list of runtimes, and what they are called.
    of: Vec<(usize, String)>,
}

impl<'r> Fixes<'r> {
    /// For each runtime the first floor that it does not meet.
    fn of(report: &'r Report) -> Self {
        let mut fixes: Vec<Fix<'r>> = Vec::new();
        for (index, entry) in report.runtimes.iter().enumerate() {
            let first = entry
                .floors
                .iter()
                .find(|judged| judged.verdict != Verdict::Meets);
            let Some((floor, advice)) =
                first.and_then(|judged| Some((judged.name, judged.fix.as_ref()?)))
            else {
                continue;
            };
            let nameless = match &entry.version {
                Some(version) => advice.summary.replace(version, ""),
                None => advice.summary.clone(),
            };
            let same = |fix: &&mut Fix<'_>| fix.floor == floor && fix.nameless == nameless;
            match fixes.iter_mut().find(same) {
                Some(fix) => fix.of.push((index, entry.title())),
                None => fixes.push(Fix {
                    floor,
                    summary: &advice.summary,
                    snippet: advice.snippet.as_deref(),
                    verify: &advice.verify,
                    nameless,
                    of: vec![(index, entry.title())],
                }),
            }
        }
        // What is due first comes first.
        let place = |fix: &Fix<'_>| {
            let floors = report.runtimes.iter().find_map(|entry| {
                entry
                    .floors
                    .iter()
                    .position(|judged| judged.name == fix.floor)
            });
            floors.unwrap_or(usize::MAX)
        };
        fixes.sort_by_key(place);
        Self(fixes)
    }

    fn number(&self, index: usize) -> String {
        let found = self
            .0
            .iter()
            .position(|fix| fix.of.iter().any(|(of, _)| *of == index));
        found.map_or_else(String::new, |place| format!("{}", place + 1))
    }
}

fn runtimes(report: &Report, fixes: &Fixes<'_>) -> Table {
    let mut head = vec![
        "RUNTIME".to_owned(),
        "WHERE".to_owned(),
        "TLS LIBRARY".to_owned(),
    ];
    head.push(
        if report.url.is_some() {
            "NEGOTIATED"
        } else {
            "OFFERS"
        }
        .to_owned(),
    );
    let floors = report
        .runtimes
        .first()
        .map_or(&[][..], |entry| &entry.floors);
    head.extend(floors.iter().map(|judged| judged.name.to_uppercase()));
    head.push("FIX".to_owned());
    let mut table = table::new(head);
    for (index, entry) in report.runtimes.iter().enumerate() {
        let mut row = vec![
            Cell::new(entry.title()),
            Cell::new(short(&entry.path)),
            Cell::new(entry.library.as_deref().unwrap_or_default()),
            negotiated(entry, report.url.is_some()),
        ];
        row.extend(entry.floors.iter().map(verdict_cell));
        row.push(Cell::new(fixes.number(index)));
        table.add_row(row);
    }
    table
}

/// A path in the home directory, as a shell writes it.
fn short(path: &str) -> String {
    let home = std::env::var("HOME").unwrap_or_default();
    match path.strip_prefix(&home) {
        Some(rest) if !home.is_empty() && rest.starts_with('/') => format!("~{rest}"),
        _ => path.to_owned(),
    }
}

fn verdict_cell(judged: &Judged) -> Cell {
    let (word, colour) = match judged.verdict {
        Verdict::Meets => ("meets", Color::Green),
        Verdict::Misses => ("misses", Color::Red),
        Verdict::Unknown => return Cell::new("?").fg(Color::Yellow),
    };
    match judged.by {
        By::Hello => Cell::new(word).fg(colour),
        By::Release => Cell::new(format!("{word}?")).fg(colour),
    }
}

fn negotiated(entry: &Entry, server: bool) -> Cell {
    if let Some(why) = &entry.not_asked {
        return Cell::new(format!("not asked: {why}"));
    }
    match &entry.handshake {
        Some(handshake) => handshaken(handshake, entry),
        None if server => Cell::new(""),
        None => Cell::new(offered(entry.offered.as_ref())),
    }
}

fn handshaken(handshake: &Handshake, entry: &Entry) -> Cell {
    let chosen = [&handshake.protocol, &handshake.cipher, &handshake.group];
    let chosen: Vec<&str> = chosen.into_iter().filter_map(Option::as_deref).collect();
    let error = entry.own.error.as_deref().unwrap_or_default();
    match handshake.outcome {
        Ended::Agreed if entry.explanation.is_some() => {
            Cell::new(format!("{}; its request is turned away", chosen.join(" "))).fg(Color::Red)
        }
        Ended::Agreed => Cell::new(chosen.join(" ")),
        Ended::Broken => {
            Cell::new(format!("{}, then ended by it: {error}", chosen.join(" "))).fg(Color::Yellow)
        }
        Ended::Refused => {
            let alert = handshake.alert.as_deref().unwrap_or_default();
            Cell::new(format!("refused: {alert}")).fg(Color::Red)
        }
        Ended::Failed => Cell::new(format!(
            "none: {}",
            handshake.why.as_deref().unwrap_or_default()
        ))
        .fg(Color::Red),
    }
}

/// The highest protocol, and the group that no quantum computer breaks.
fn offered(offered: Option<&Offered>) -> String {
    let Some(names) = offered.map(Offered::names) else {
        return String::new();
    };
    let pq = names.groups.iter().find(|group| group.contains("MLKEM"));
    let words = [
        Some(names.max_protocol.to_string()),
        pq.map(ToString::to_string),
    ];
    words.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn legend(out: &mut impl Write, report: &Report, width: usize) -> io::Result<()> {
    let judged = || report.runtimes.iter().flat_map(|entry| &entry.floors);
    if judged().any(|judged| judged.by == By::Release) {
        let words = "A question mark: it was not seen what it offers; the verdict is what is known of its release.";
        writeln!(out, "{}\n", textwrap::fill(words, width))?;
    }
    Ok(())
}

fn intermediaries(out: &mut impl Write, report: &Report, width: usize) -> io::Result<()> {
    let bold = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
    for (number, entry) in report.runtimes.iter().enumerate() {
        let Some(advice) = &entry.intermediary else {
            continue;
        };
        // What stands between stands between the server and all of them; one sentence for those that are alike.
        let before = report.runtimes.iter().take(number);
        let mut before = before.filter_map(|entry| entry.intermediary.as_ref());
        if before.any(|other| other.summary == advice.summary) {
            continue;
        }
        writeln!(out, "{bold}Something in between{bold:#}")?;
        writeln!(
            out,
            "{}\n",
            textwrap::fill(&advice.summary, indented(width, "  "))
        )?;
    }
    Ok(())
}

fn indented<'a>(width: usize, indent: &'a str) -> textwrap::Options<'a> {
    textwrap::Options::new(width)
        .initial_indent(indent)
        .subsequent_indent(indent)
}

fn show_fix(out: &mut impl Write, number: usize, fix: &Fix<'_>, width: usize) -> io::Result<()> {
    let bold = Style::new().bold();
    let number = format!("{number}.");
    let text = format!("{}: {}", fix.floor, fix.summary);
    let options = indented(width, "    ").initial_indent("");
    let wrapped = textwrap::fill(&format!("{number:<4}{text}"), options);
    match wrapped.split_once(':') {
        Some((front, rest)) => writeln!(out, "{bold}{front}{bold:#}:{rest}")?,
        None => writeln!(out, "{wrapped}")?,
    }
    let mut likewise: Vec<&str> = Vec::new();
    for (_, title) in fix.of.iter().skip(1) {
        if !likewise.contains(&title.as_str()) {
            likewise.push(title);
        }
    }
    if !likewise.is_empty() {
        let words = format!("Likewise {}.", likewise.join(", "));
        writeln!(out, "{}", textwrap::fill(&words, indented(width, "    ")))?;
    }
    for line in fix.snippet.into_iter().flat_map(str::lines) {
        writeln!(out, "      {line}")?;
    }
    writeln!(out, "    Prove it: {}\n", fix.verify)
}

fn overrides(out: &mut impl Write, overrides: &[Override], width: usize) -> io::Result<()> {
    if overrides.is_empty() {
        return Ok(());
    }
    let bold = Style::new().bold();
    writeln!(out, "{bold}What overrules them{bold:#}")?;
    for one in overrides {
        let colour = match one.weight {
            Weight::Lowers => AnsiColor::Red.on_default(),
            Weight::Exposes => AnsiColor::Yellow.on_default(),
            Weight::Routes | Weight::Sets => Style::new(),
        };
        let value = match one.value.as_str() {
            "" => String::new(),
            value => format!(" = {value}"),
        };
        writeln!(out, "  {colour}{}{value}{colour:#}", one.name)?;
        let said = format!("{}; {}. Set in {}.", one.effect, one.affects, one.place);
        writeln!(out, "{}", textwrap::fill(&said, indented(width, "      ")))?;
    }
    writeln!(out)
}

fn verdict(out: &mut impl Write, report: &Report) -> io::Result<()> {
    let floors = report.decided_by.join(" and ");
    let counted = |wanted: Verdict| {
        let deciding = |entry: &&Entry| {
            entry
                .floors
                .iter()
                .any(|judged| report.decided_by.contains(&judged.name) && judged.verdict == wanted)
        };
        report.runtimes.iter().filter(deciding).count()
    };
    let refused = report
        .runtimes
        .iter()
        .filter(|entry| entry.is_refused())
        .count();
    let (word, colour) = match report.verdict {
        Overall::Meets => ("meets", AnsiColor::Green),
        Overall::Misses => ("misses", AnsiColor::Red),
        Overall::Unknown => ("unknown", AnsiColor::Yellow),
    };
    let style = Style::new().bold().fg_color(Some(colour.into()));
    let mut parts = Vec::new();
    let mut part = |count: usize, what: String| {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    };
    part(
        counted(Verdict::Misses),
        format!(
            "miss{} {floors}",
            if counted(Verdict::Misses) == 1 {
                "es"
            } else {
                ""
            }
        ),
    );
    part(
        refused,
        format!(
            "{} turned away by the server",
            if refused == 1 { "is" } else { "are" }
        ),
    );
    let at_risk = report
        .runtimes
        .iter()
        .filter(|entry| entry.is_at_risk())
        .count();
    part(at_risk, "at risk by the server's own plan".to_owned());
    part(counted(Verdict::Unknown), "could not be judged".to_owned());
    if parts.is_empty() {
        parts.push(format!("all meet {floors}"));
    }
    let count = match report.runtimes.len() {
        1 => "1 runtime".to_owned(),
        count => format!("{count} runtimes"),
    };
    writeln!(
        out,
        "{style}{word}{style:#}: of {count}, {}.",
        parts.join(", ")
    )
}
