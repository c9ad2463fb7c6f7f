//! Text for a terminal of any width. It reads the same without colour.

use std::collections::HashMap;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use comfy_table::presets::NOTHING;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table};

use crate::model::{
    AccountReport, Brownouts, Listed, Named, Outcome, Program, Report, Row, SunsetReport,
};
use crate::safe::{line, lines};
use crate::words::{self, a_day, number, percent, when};

/// Below this many columns tables of more than three columns cannot be read.
const NARROW: usize = 60;
/// Narrower than this, lines are as long as this: there is nothing to gain.
const LEAST: usize = 24;
/// Items of a list that are shown of each account; the number of the others is said.
const MOST: usize = 3;
/// Brownout windows that are shown; the latest count.
const MOST_WINDOWS: usize = 10;
/// Accounts that are named for each window.
const MOST_HIT: usize = 5;

const TITLE: Style = Style::new().bold();

/// Writes the report for a terminal of so many columns. Styles are ANSI escapes, and the only ones in it.
///
/// # Errors
///
/// When it cannot be written.
pub fn terminal(report: &Report, width: usize, out: &mut impl Write) -> io::Result<()> {
    let mut page = Page {
        out,
        width: width.max(LEAST),
        fixes: HashMap::new(),
    };
    if let Some(demo) = &report.demo {
        page.text(demo)?;
    }
    let from = report
        .range
        .from
        .map_or_else(|| "The beginning".to_owned(), when);
    page.text(&format!("{from} to {} (UTC).", when(report.range.until)))?;
    if report.seen.is_none() {
        page.text("")?;
        page.text(&nothing(report))?;
        return page.evidence(report);
    }
    for sunset in &report.sunsets {
        page.sunset(sunset, report)?;
    }
    if let Some(account) = &report.account {
        page.account(account)?;
    }
    page.evidence(report)?;
    page.verdict(report)
}

/// What an empty ledger means, and what to do next.
fn nothing(report: &Report) -> String {
    let others = &report.visitors;
    if !others.included && !others.seen.is_empty() {
        return "No customer was seen in this range.".to_owned();
    }
    match &report.account {
        Some(account) => format!("Nothing was seen of {} in this range.", account.id),
        None => "Nothing was seen in this range. `sundown serve` with the same --data-dir fills the ledger; \
                 --since takes a longer look back."
            .to_owned(),
    }
}

struct Page<'a, W> {
    out: &'a mut W,
    width: usize,
    /// Fixes that were printed, and for whom.
    fixes: HashMap<(String, Option<String>), String>,
}

impl<W: Write> Page<'_, W> {
    fn text(&mut self, text: &str) -> io::Result<()> {
        self.wrapped("", "", text)
    }

    /// Everything that was not written by this crate comes through here, a [`Table`] of [`cell`]s, or
    /// [`Page::command`].
    fn wrapped(&mut self, first: &str, rest: &str, text: &str) -> io::Result<()> {
        let options = textwrap::Options::new(self.width)
            .initial_indent(first)
            .subsequent_indent(rest)
            .word_splitter(textwrap::WordSplitter::NoHyphenation);
        // A number and its % stay together.
        let text = line(text).replace(" %", "\u{a0}%");
        let filled = textwrap::fill(&text, options).replace("\u{a0}%", " %");
        writeln!(self.out, "{}", filled.trim_end())
    }

    /// A line of a card: a label, and what it is.
    fn item(&mut self, label: &str, text: &str) -> io::Result<()> {
        if self.width < NARROW {
            self.wrapped("  ", "    ", &format!("{label}: {text}"))
        } else {
            self.wrapped(&format!("  {label:<10}"), "            ", text)
        }
    }

    /// Not wrapped: it is to be copied.
    fn command(&mut self, command: &str) -> io::Result<()> {
        for line in lines(command).lines() {
            writeln!(self.out, "      {line}")?;
        }
        Ok(())
    }

    fn title(&mut self, title: &str) -> io::Result<()> {
        let title = textwrap::fill(&line(title), self.width);
        writeln!(self.out, "\n{TITLE}{title}{TITLE:#}")
    }

    fn table<const N: usize>(&self, head: [&str; N], right: &[usize]) -> Table {
        let mut table = Table::new();
        table
            .load_style(NOTHING)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(u16::try_from(self.width).unwrap_or(u16::MAX))
            .set_header(head);
        for index in right {
            if let Some(column) = table.column_mut(*index) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        table
    }

    fn write(&mut self, table: &Table) -> io::Result<()> {
        for line in table.lines() {
            writeln!(self.out, "{}", line.trim_end())?;
        }
        Ok(())
    }

    fn sunset(&mut self, sunset: &SunsetReport, report: &Report) -> io::Result<()> {
        self.title(words::name(sunset))?;
        self.text(&format!("{}.", words::standing(sunset)))?;
        writeln!(self.out)?;
        self.shares(sunset)?;
        writeln!(self.out)?;
        self.text(&words::headline(sunset, report.range.only_new_since))?;
        if !sunset.breaking.is_empty() {
            writeln!(self.out)?;
            self.overview(sunset)?;
        }
        if let Some(more) = words::more(sunset) {
            self.text(&more)?;
        }
        for row in &sunset.breaking {
            self.row(row)?;
        }
        if let Some(brownouts) = &sunset.brownouts {
            self.brownouts(brownouts)?;
        }
        if !sunset.exceptions.is_empty() {
            self.title("Exceptions")?;
            for note in &sunset.exceptions {
                let mark = if note.state.nags() { "! " } else { "  " };
                self.wrapped(mark, "  ", &words::exception(note))?;
            }
        }
        Ok(())
    }

    fn shares(&mut self, sunset: &SunsetReport) -> io::Result<()> {
        let all = words::shares(sunset);
        if self.width < NARROW {
            for (what, shares) in all {
                writeln!(self.out, "{what} {}", number(shares.total))?;
                for (part, name) in [
                    (shares.survive, "would survive"),
                    (shares.breaks, "would break"),
                    (shares.unjudged, "not judged"),
                ] {
                    let percent = percent(part, shares.total);
                    writeln!(self.out, "  {name:<13} {:>9} {percent:>8}", number(part))?;
                }
            }
            return Ok(());
        }
        let head = ["", "TOTAL", "SURVIVE", "", "BREAK", "", "NOT JUDGED", ""];
        let mut table = self.table(head, &[1, 2, 3, 4, 5, 6, 7]);
        for (what, shares) in all {
            let mut row = vec![what.to_owned(), number(shares.total)];
            for part in [shares.survive, shares.breaks, shares.unjudged] {
                row.extend([number(part), percent(part, shares.total)]);
            }
            table.add_row(row);
        }
        self.write(&table)
    }

    fn overview(&mut self, sunset: &SunsetReport) -> io::Result<()> {
        if self.width < NARROW {
            let mut table = self.table(["ACCOUNT", "A DAY", "OF OWN"], &[1, 2]);
            for row in &sunset.breaking {
                table.add_row([
                    cell(&words::who(&row.who)),
                    cell(&a_day(row.requests_a_day)),
                    cell(&words::own_share(row)),
                ]);
            }
            return self.write(&table);
        }
        let head = [
            "ACCOUNT",
            "REQUESTS A DAY",
            "OF ITS OWN",
            "LAST SEEN",
            "PROGRAM",
        ];
        let mut table = self.table(head, &[1, 2]);
        for row in &sunset.breaking {
            let mut who = words::who(&row.who);
            if !row.breaks {
                who.push_str(" (exception)");
            }
            table.add_row([
                cell(&who),
                cell(&a_day(row.requests_a_day)),
                cell(&words::own_share(row)),
                cell(&words::state(row)),
                cell(&list(&row.programs, 2, words::program)),
            ]);
        }
        self.write(&table)
    }

    fn row(&mut self, row: &Row) -> io::Result<()> {
        let who = words::who(&row.who);
        self.title(&who)?;
        self.item("seen", &words::seen(row))?;
        if let Some(attribution) = words::attribution(row) {
            self.item("whose", &attribution)?;
        }
        for exception in &row.exceptions {
            self.item(
                "exception",
                &format!(
                    "until {}: {} ({})",
                    when(exception.until),
                    exception.reason,
                    exception.owner
                ),
            )?;
        }
        let from = list(&row.addresses, MOST, |one| {
            one.address
                .map_or_else(|| "(not kept)".to_owned(), |address| address.to_string())
        });
        self.item("from", &from)?;
        let (programs, more) = row.programs.first(MOST);
        for program in programs {
            self.program(program, &who)?;
        }
        if more > 0 {
            self.item(
                "",
                &format!("and {} more", words::count(more as u64, "program")),
            )?;
        }
        Ok(())
    }

    fn program(&mut self, program: &Program, who: &str) -> io::Result<()> {
        let mut what = words::program(program);
        if let Some(contradiction) = program
            .runtime
            .as_ref()
            .and_then(|runtime| runtime.contradiction.as_ref())
        {
            what.push_str(&format!(" (doubtful: {contradiction})"));
        }
        self.item("program", &what)?;
        self.item("lacks", &words::lacks(&program.shortfalls))?;
        let Some(advice) = &program.advice else {
            return Ok(());
        };
        let fix = (advice.summary.clone(), advice.snippet.clone());
        if let Some(first) = self.fixes.get(&fix) {
            let same = format!("as for {first} above");
            return self.item("fix", &same);
        }
        self.fixes.insert(fix, who.to_owned());
        self.item("fix", &advice.summary)?;
        if let Some(snippet) = &advice.snippet {
            self.command(snippet)?;
        }
        self.item("prove it", "")?;
        self.command(&advice.verify)
    }

    fn brownouts(&mut self, brownouts: &Brownouts) -> io::Result<()> {
        self.title("Brownouts")?;
        self.text(&words::brownouts(brownouts))?;
        let earlier = brownouts.windows.len().saturating_sub(MOST_WINDOWS);
        if earlier > 0 {
            let earlier = words::count(earlier as u64, "earlier window");
            self.text(&format!("{earlier} not shown."))?;
        }
        for window in brownouts
            .windows
            .iter()
            .skip(brownouts.windows.len().saturating_sub(MOST_WINDOWS))
        {
            let hits = window.hits.iter().take(MOST_HIT).map(|hit| {
                let refused = match hit.refused {
                    0 => String::new(),
                    refused => format!("{} refused, ", number(refused)),
                };
                let explained = match hit.explained {
                    0 => String::new(),
                    explained => format!("{} explained, ", number(explained)),
                };
                format!(
                    "{} ({refused}{explained}{})",
                    words::who(&hit.who),
                    hit.after.words()
                )
            });
            let mut hits: Vec<String> = hits.collect();
            let more = window.hits.len().saturating_sub(MOST_HIT);
            hits.extend((more > 0).then(|| format!("and {more} more")));
            self.wrapped(
                "  ",
                "    ",
                &format!("{}: {}", words::window(window), hits.join(", ")),
            )?;
        }
        Ok(())
    }

    fn account(&mut self, account: &AccountReport) -> io::Result<()> {
        self.title(&format!("All of {}", account.id))?;
        if let (Some(first), Some(last)) = (account.first, account.last) {
            self.text(&format!(
                "First seen {}, last {}, over all time.",
                when(first),
                when(last)
            ))?;
        } else {
            self.text("This account never showed itself: all of it is inferred.")?;
        }
        for part in &account.parts {
            writeln!(self.out)?;
            self.text(&format!(
                "{}: {}",
                words::who(&part.who),
                words::usage(&part.usage)
            ))?;
            let narrow = self.width < NARROW;
            let mut table = if narrow {
                self.table(["", "", "REQUESTS"], &[2])
            } else {
                self.table(
                    ["", "", "REQUESTS", "CONNECTIONS", "REFUSED", "LAST SEEN"],
                    &[2, 3, 4],
                )
            };
            let mut add = |what: &str, name: &str, usage: &crate::model::Usage| {
                let mut row = vec![
                    cell(what),
                    cell(name),
                    cell(&number(usage.requests)),
                    cell(&number(usage.connections)),
                    cell(&number(usage.refused)),
                    cell(&words::day(usage.last)),
                ];
                row.truncate(if narrow { 3 } else { row.len() });
                table.add_row(row);
            };
            for program in &part.programs.items {
                let what = format!(
                    "{}, {} at most",
                    words::program(program),
                    program.max_protocol
                );
                add("program", &what, &program.usage);
                for user_agent in &program.user_agents.items {
                    add("", &format!("\"{user_agent}\""), &program.usage);
                }
            }
            for one in &part.addresses.items {
                let address = one.address.map(|address| address.to_string());
                add(
                    "address",
                    address.as_deref().unwrap_or("(not kept)"),
                    &one.usage,
                );
            }
            let lists: [(&str, &Listed<Named>); 4] = [
                ("server name", &part.server_names),
                ("negotiated", &part.negotiated),
                ("decision", &part.decisions),
                ("outcome", &part.outcomes),
            ];
            for (what, list) in lists {
                for named in &list.items {
                    add(what, &words::named(named), &named.usage);
                }
            }
            self.write(&table)?;
        }
        Ok(())
    }

    fn evidence(&mut self, report: &Report) -> io::Result<()> {
        let sentences = words::evidence(report);
        if sentences.is_empty() {
            return Ok(());
        }
        self.title("Evidence")?;
        for sentence in sentences {
            self.wrapped("- ", "  ", &sentence)?;
        }
        Ok(())
    }

    fn verdict(&mut self, report: &Report) -> io::Result<()> {
        let (word, colour, why) = verdict(report.verdict);
        let style = TITLE.fg_color(Some(colour.into()));
        writeln!(self.out)?;
        writeln!(self.out, "{style}{word}{style:#}{why}")
    }
}

fn verdict(verdict: Outcome) -> (&'static str, AnsiColor, &'static str) {
    match verdict {
        Outcome::NobodyBreaks => ("Nobody would break.", AnsiColor::Green, ""),
        Outcome::SomebodyBreaks => ("Somebody would break.", AnsiColor::Red, ""),
        Outcome::CannotSay => (
            "It cannot be said",
            AnsiColor::Yellow,
            " who would break: too little could be judged.",
        ),
    }
}

/// The first few of a list, and how many more there are. One program in two settings is named once.
fn list<T>(listed: &Listed<T>, most: usize, name: impl Fn(&T) -> String) -> String {
    let (shown, more) = listed.first(most);
    let mut names: Vec<String> = shown.iter().map(name).collect();
    names.dedup();
    names.extend((more > 0).then(|| format!("and {more} more")));
    names.join(", ")
}

fn cell(text: &str) -> Cell {
    Cell::new(line(text))
}
