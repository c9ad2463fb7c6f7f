//! What a run says at its end.

use std::io::{self, Write};

use indicatif::{HumanBytes, HumanCount};
use jiff::Timestamp;
use serde::Serialize;

use super::captures;
use super::crew::All;
use super::live::Outgoing;
use super::logs::Read;
use super::tally::{Judging, Tally, Volume};
use crate::table;
use crate::words::when;

/// Days that `sundown report` looks back by itself.
const REPORTED_DAYS: i64 = 30;

/// What a run came to.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    /// The ledger was not touched.
    pub(crate) dry_run: bool,
    /// It was stopped before all was read.
    pub(crate) interrupted: bool,
    pub(crate) sources: Vec<Read>,
    pub(crate) lines: u64,
    pub(crate) without_tls: u64,
    pub(crate) malformed: u64,
    #[serde(flatten)]
    pub(crate) volume: Volume,
    pub(crate) from: Option<Timestamp>,
    pub(crate) until: Option<Timestamp>,
    pub(crate) accounts: usize,
    /// There were more accounts than are told apart in a summary.
    pub(crate) more_accounts: bool,
    /// By negotiated version.
    pub(crate) versions: std::collections::BTreeMap<String, Volume>,
    pub(crate) floors: Vec<Judging>,
    /// This machine's programs, where they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) outgoing: Option<Outgoing>,
    /// Counted in the ledger, but not by whose they are: too many different clients on a day.
    pub(crate) without_details: u64,
    /// What to type next.
    pub(crate) next: String,
}

impl Summary {
    pub(crate) fn new(
        all: All,
        outgoing: Option<Outgoing>,
        tally: Tally,
        dry_run: bool,
        without_details: u64,
        now: Timestamp,
        place: &str,
    ) -> Self {
        let sources = all.reads;
        let sum = |of: fn(&Read) -> u64| sources.iter().map(of).sum();
        let (accounts, more_accounts) = tally.accounts();
        Self {
            dry_run,
            interrupted: all.interrupted,
            lines: sum(|read| read.lines),
            without_tls: sum(|read| read.without_tls),
            malformed: sum(|read| read.malformed),
            sources,
            volume: tally.volume,
            from: tally.first,
            until: tally.last,
            accounts,
            more_accounts,
            versions: tally.versions,
            floors: tally.floors,
            outgoing,
            without_details,
            next: next(tally.first, now, place),
        }
    }

    /// Whether something was not counted.
    pub(crate) fn is_partial(&self) -> bool {
        let lost = |read: &Read| {
            let dropped = read.captured.and_then(|captured| captured.dropped);
            read.error.is_some() || dropped.is_some_and(|dropped| dropped > 0)
        };
        self.interrupted || self.malformed > 0 || self.sources.iter().any(lost)
    }

    /// Whether nothing could be counted at all: no source could be read.
    pub(crate) fn is_failure(&self) -> bool {
        let unread = |read: &Read| {
            read.lines == 0 && read.rows == 0 && read.from == 0 && read.error.is_some()
        };
        let garbled = |read: &Read| read.malformed > 0 && read.malformed == read.lines;
        self.sources
            .iter()
            .all(|read| unread(read) || garbled(read))
            && !self.sources.is_empty()
    }

    /// As text.
    pub(crate) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        for read in &self.sources {
            source(out, read)?;
        }
        if self.interrupted {
            writeln!(
                out,
                "Stopped before the end. What was read is counted, and the same command reads files on from there."
            )?;
        }
        let mut shown = table::new(["", ""]);
        shown.set_header(Vec::<&str>::new());
        for (name, value) in self.rows() {
            shown.add_row([name, &value]);
        }
        writeln!(out, "{shown}")?;
        if self.volume.connections > 0 {
            let mut shown = table::new(["FLOOR", "MEETS", "MISSES", "CANNOT TELL", "SUNSET"]);
            for judging in &self.floors {
                let all = judging.meets + judging.misses + judging.cannot_tell;
                shown.add_row([
                    judging.floor.clone(),
                    share(judging.meets, all),
                    share(judging.misses, all),
                    share(judging.cannot_tell, all),
                    judging.sunset.clone().unwrap_or_else(|| "-".to_owned()),
                ]);
            }
            writeln!(out, "\nOf all connections:\n{shown}")?;
        }
        if let Some(outgoing) = &self.outgoing {
            programs(out, outgoing)?;
        }
        let mut hints: Vec<&String> = self
            .sources
            .iter()
            .filter_map(|read| read.hint.as_ref())
            .collect();
        hints.sort();
        hints.dedup();
        for hint in hints {
            writeln!(out, "\n{hint}.")?;
        }
        if self.volume.connections > 0 && !self.dry_run {
            writeln!(out, "\nWho would break:\n  {}", self.next)?;
        }
        if self.dry_run {
            writeln!(out, "\nNothing was kept: this was --dry-run.")?;
        }
        Ok(())
    }

    fn rows(&self) -> Vec<(&'static str, String)> {
        let count = |count: u64| HumanCount(count).to_string();
        let mut rows = Vec::new();
        // Captures and live traffic have none.
        if self.sources.iter().any(|read| read.captured.is_none()) {
            rows.push(("lines", count(self.lines)));
        }
        if self.without_tls > 0 {
            rows.push(("without TLS", count(self.without_tls)));
        }
        if self.malformed > 0 {
            rows.push(("unreadable", count(self.malformed)));
        }
        rows.push((
            "counted",
            format!(
                "{} connections, {} requests",
                HumanCount(self.volume.connections),
                HumanCount(self.volume.requests)
            ),
        ));
        if let (Some(from), Some(until)) = (self.from, self.until) {
            rows.push(("period (UTC)", format!("{} to {}", when(from), when(until))));
            let more = if self.more_accounts { "more than " } else { "" };
            rows.push((
                "accounts",
                format!("{more}{}", HumanCount(self.accounts as u64)),
            ));
        }
        for (version, volume) in &self.versions {
            let all = self.volume.connections;
            rows.push((
                "",
                format!(
                    "{version}: {} connections ({})",
                    HumanCount(volume.connections),
                    share(volume.connections, all)
                ),
            ));
        }
        if self.without_details > 0 {
            rows.push((
                "without details",
                format!(
                    "{}: more different clients on a day than [ledger] clients_per_day keeps apart",
                    HumanCount(self.without_details)
                ),
            ));
        }
        rows
    }
}

fn source(out: &mut impl Write, read: &Read) -> io::Result<()> {
    let name = report::printable(&read.source).to_string();
    if let Some(format) = read.format {
        let before = match read.from {
            0 => String::new(),
            from => format!(", after {} that were counted before", HumanBytes(from)),
        };
        let what = match &read.captured {
            Some(captured) => format!(
                "{} packets, {} TLS connections",
                HumanCount(captured.packets),
                HumanCount(captured.connections)
            ),
            None if format == captures::FORMAT => "nothing new".to_owned(),
            None => format!("{} lines", HumanCount(read.lines)),
        };
        writeln!(out, "{name}: {format}, {what}{before}")?;
        if let Some(dropped) = read.captured.and_then(|captured| captured.dropped) {
            writeln!(out, "  {}", drops(dropped))?;
        }
        if let Some(quic) = read.captured.map(|captured| captured.quic)
            && quic > 0
        {
            writeln!(
                out,
                "  QUIC is not read: {} packets open a connection",
                HumanCount(quic)
            )?;
        }
    }
    // A mistake in a pattern is shown with the place, on lines of its own.
    for line in read.error.iter().flat_map(|error| error.lines()) {
        writeln!(out, "{}", report::printable(line))?;
    }
    if read.malformed > 0 {
        writeln!(
            out,
            "  {} lines cannot be read, for instance",
            HumanCount(read.malformed)
        )?;
    }
    for example in &read.examples {
        let after = if read.from > 0 {
            " of what was new"
        } else {
            ""
        };
        writeln!(
            out,
            "  line {}{after}, column {}: {}\n    {}",
            HumanCount(example.line),
            example.column,
            report::printable(&example.reason),
            report::printable(&example.text)
        )?;
    }
    Ok(())
}

fn drops(dropped: u64) -> String {
    match dropped {
        0 => "no packet was dropped".to_owned(),
        dropped => format!(
            "{} packets were dropped: what was in them is not counted; a larger --buffer holds more",
            HumanCount(dropped)
        ),
    }
}

/// Programs that are listed; the report has all of them.
const MOST_PROGRAMS: usize = 20;

fn programs(out: &mut impl Write, outgoing: &Outgoing) -> io::Result<()> {
    if !outgoing.programs.is_empty() {
        let misses = format!("MISS {}", outgoing.floor);
        let mut shown = table::new(["PROGRAM", "CONNECTIONS", &misses, "LAST PID"]);
        for seen in outgoing.programs.iter().take(MOST_PROGRAMS) {
            shown.add_row([
                report::printable(&seen.program).to_string(),
                HumanCount(seen.connections).to_string(),
                HumanCount(seen.misses).to_string(),
                seen.pid
                    .map_or_else(|| "-".to_owned(), |pid| pid.to_string()),
            ]);
        }
        writeln!(out, "\nThe programs of this machine:\n{shown}")?;
        let more = outgoing.programs.len().saturating_sub(MOST_PROGRAMS);
        if more > 0 {
            writeln!(out, "and {more} more, which the report lists")?;
        }
    }
    let counts = &outgoing.counts;
    let all = HumanCount(counts.gone + counts.named + counts.not_allowed);
    if counts.gone > 0 {
        writeln!(
            out,
            "\nNot named, as the program was gone before it could be looked for: {} of {all} connections.",
            HumanCount(counts.gone),
        )?;
    }
    if counts.not_allowed > 0 {
        writeln!(
            out,
            "\nNot named, as it is another user's program, which only root may look into (sudo): {} of {all} connections.",
            HumanCount(counts.not_allowed)
        )?;
    }
    if outgoing.incoming > 0 {
        writeln!(
            out,
            "\nNot counted with --processes, as another machine opened them: {} TLS connections.",
            HumanCount(outgoing.incoming)
        )?;
    }
    Ok(())
}

/// A share of all, in percent.
fn share(part: u64, all: u64) -> String {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a share is shown with three digits"
    )]
    let percent = part as f64 * 100.0 / all.max(1) as f64;
    match part {
        0 => "0 %".to_owned(),
        _ if percent < 0.1 => "< 0.1 %".to_owned(),
        _ if part < all && percent > 99.9 => "> 99.9 %".to_owned(),
        _ => format!("{percent:.1} %"),
    }
}

/// The command that says who would break, over all of what was read.
fn next(first: Option<Timestamp>, now: Timestamp, place: &str) -> String {
    let is_old =
        first.is_some_and(|first| now.duration_since(first).as_hours() >= REPORTED_DAYS * 24);
    let since = match first {
        Some(first) if is_old => format!(" --since {}", first.strftime("%Y-%m-%d")),
        _ => String::new(),
    };
    format!("sundown report{since}{place}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_never_round_to_all_or_nothing() {
        for (part, all, text) in [
            (0, 0, "0 %"),
            (1, 10_000, "< 0.1 %"),
            (9_999, 10_000, "> 99.9 %"),
            (10, 10, "100.0 %"),
            (1, 3, "33.3 %"),
        ] {
            assert_eq!(share(part, all), text);
        }
    }

    #[test]
    fn the_report_looks_back_as_far_as_the_log() {
        let now: Timestamp = "2026-11-25T12:00:00Z".parse().unwrap();
        let at = |text: &str| Some(text.parse::<Timestamp>().unwrap());
        assert_eq!(next(at("2026-11-20T00:00:00Z"), now, ""), "sundown report");
        assert_eq!(
            next(at("2026-01-20T23:00:00Z"), now, ""),
            "sundown report --since 2026-01-20"
        );
    }
}
