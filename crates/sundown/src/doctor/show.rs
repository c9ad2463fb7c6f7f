//! The report, for people: a table as wide as the terminal, and below it what to change.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use comfy_table::{Cell, Color, ContentArrangement};
use edge::Offered;

use super::judge::{By, Judged, Verdict};
use super::overrides::{Override, Weight};
use super::report::{Ended, Entry, Overall, Report};
use crate::table;

/// The width of a terminal that does not say how wide it is.
const WIDTH: usize = 100;

/// From here on the names of cipher suites have room.
const WIDE: usize = 110;

pub(super) fn show(out: &mut impl Write, report: &Report) -> io::Result<()> {
    let width = terminal_size::terminal_size().map_or(WIDTH, |(width, _)| usize::from(width.0));
    let fixes = Fixes::of(report);
    runtimes(out, report, &fixes, width)?;
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
            "Which programs really connect, and with what: `sudo sundown watch --live any --processes` shows it.",
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

    fn number(&self, index: usize) -> Option<usize> {
        let found = self
            .0
            .iter()
            .position(|fix| fix.of.iter().any(|(of, _)| *of == index));
        found.map(|place| place + 1)
    }
}

/// A line for each runtime as wide as the terminal allows, below it where it is and what there is to say.
fn runtimes(
    out: &mut impl Write,
    report: &Report,
    fixes: &Fixes<'_>,
    width: usize,
) -> io::Result<()> {
    let ciphers = width >= WIDE;
    let mut head = vec!["RUNTIME".to_owned(), "TLS LIBRARY".to_owned()];
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
    let mut table = table::new(head);
    // One line each, so that more can stand below it; `anstream` takes the colours off where nothing shows them.
    table
        .set_content_arrangement(ContentArrangement::Disabled)
        .enforce_styling();
    for entry in &report.runtimes {
        let mut row = vec![
            Cell::new(entry.title()),
            Cell::new(entry.library.as_deref().unwrap_or_default()),
            negotiated(entry, ciphers),
        ];
        row.extend(entry.floors.iter().map(verdict_cell));
        table.add_row(row);
    }
    let columns = table.column_count();
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, if index + 1 < columns { 2 } else { 0 }));
    }
    let mut lines = table.lines();
    if let Some(head) = lines.next() {
        writeln!(out, "{}", head.trim_end())?;
    }
    let dim = Style::new().dimmed();
    for (index, (line, entry)) in lines.zip(&report.runtimes).enumerate() {
        writeln!(out, "{}", line.trim_end())?;
        let fix = match fixes.number(index) {
            Some(number) => format!(" (fix {number})"),
            None => String::new(),
        };
        writeln!(out, "   {dim}{}{dim:#}{fix}", short(&entry.path))?;
        if let Some((style, words)) = remark(entry) {
            for line in textwrap::wrap(&words, indented(width, "   ")) {
                writeln!(out, "{style}{line}{style:#}")?;
            }
        }
    }
    writeln!(out)
}

/// What there is to say of a runtime that fits into no column.
fn remark(entry: &Entry) -> Option<(Style, String)> {
    let error = entry.own.error.as_deref().unwrap_or("it does not say why");
    let (colour, words) = match (&entry.not_asked, &entry.handshake) {
        (Some(why), _) => (AnsiColor::Yellow, format!("not asked: {why}")),
        (None, None) => return None,
        (None, Some(handshake)) => match handshake.outcome {
            Ended::Agreed => {
                let explanation = entry.explanation.as_ref()?;
                (
                    AnsiColor::Red,
                    format!("its request is turned away: {}", explanation.title),
                )
            }
            Ended::Broken => (AnsiColor::Yellow, format!("the runtime ended it: {error}")),
            Ended::Refused => {
                let alert = handshake.alert.as_deref().unwrap_or_default();
                (AnsiColor::Red, format!("the server refused it: {alert}"))
            }
            Ended::Failed => (AnsiColor::Red, handshake.why.clone().unwrap_or_default()),
        },
    };
    Some((colour.on_default(), words))
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

fn negotiated(entry: &Entry, ciphers: bool) -> Cell {
    if entry.not_asked.is_some() {
        return Cell::new("?").fg(Color::Yellow);
    }
    let Some(handshake) = &entry.handshake else {
        return Cell::new(offered(entry.offered.as_ref()));
    };
    let cipher = handshake.cipher.as_ref().filter(|_| ciphers);
    let chosen = [
        handshake.protocol.as_ref(),
        cipher,
        handshake.group.as_ref(),
    ];
    let chosen = chosen
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(" ");
    match handshake.outcome {
        Ended::Agreed => Cell::new(chosen),
        Ended::Broken => Cell::new(chosen).fg(Color::Yellow),
        Ended::Refused => Cell::new("refused").fg(Color::Red),
        Ended::Failed => Cell::new("none").fg(Color::Red),
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
