//! Markdown (GitHub's), to paste into a ticket. Ids and everything else from a ledger stand in code, where nothing is
//! a link, a mention or markup.

use std::io::{self, Write};

use crate::model::{AccountReport, Brownouts, Named, Report, Row, Shares, SunsetReport};
use crate::safe::{lines, markdown as text, markdown_code as code};
use crate::words::{self, a_day, count, day, number, percent, when};

/// Addresses, programs and windows that are listed; the number of the others is said.
const MOST: usize = 5;

/// Writes the report.
///
/// # Errors
///
/// When it cannot be written.
pub fn markdown(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let from = report
        .range
        .from
        .map_or_else(|| "the beginning".to_owned(), when);
    writeln!(
        out,
        "# Who would break\n\n{}\n",
        text(&format!(
            "From {from} to {} (UTC); made {}.",
            when(report.range.until),
            when(report.at)
        ))
    )?;
    if let Some(demo) = &report.demo {
        writeln!(out, "**{}**\n", text(demo))?;
    }
    if report.seen.is_none() {
        return writeln!(out, "{}", text("Nothing was seen in this range."));
    }
    for sunset in &report.sunsets {
        self::sunset(out, sunset, report)?;
    }
    if let Some(account) = &report.account {
        self::account(out, account)?;
    }
    let evidence = words::evidence(report);
    if !evidence.is_empty() {
        writeln!(out, "## Evidence\n")?;
        for sentence in evidence {
            writeln!(out, "- {}", text(&sentence))?;
        }
    }
    Ok(())
}

fn sunset(out: &mut impl Write, sunset: &SunsetReport, report: &Report) -> io::Result<()> {
    let name = words::name(sunset);
    writeln!(out, "## {}\n", text(name))?;
    writeln!(out, "{}\n", text(&format!("{}.", words::standing(sunset))))?;
    writeln!(
        out,
        "| | total | would survive | would break | cannot be judged |\n| --- | ---: | ---: | ---: | ---: |"
    )?;
    for (what, shares) in words::shares(sunset) {
        writeln!(out, "{}", shares_row(what, shares))?;
    }
    writeln!(
        out,
        "\n{}\n",
        text(&words::headline(sunset, report.range.only_new_since))
    )?;
    if !sunset.breaking.is_empty() {
        writeln!(
            out,
            "| account | requests a day | of its own | last seen | program | from |\n| --- | ---: | ---: | --- | --- | --- |"
        )?;
        for row in &sunset.breaking {
            writeln!(out, "{}", overview(row))?;
        }
        writeln!(out)?;
    }
    if let Some(more) = words::more(sunset) {
        writeln!(out, "{}\n", text(&more))?;
    }
    for row in &sunset.breaking {
        self::row(out, row)?;
    }
    exceptions(out, sunset)?;
    if let Some(brownouts) = &sunset.brownouts {
        self::brownouts(out, brownouts)?;
    }
    Ok(())
}

fn shares_row(what: &str, shares: Shares) -> String {
    let part = |part| format!("{} ({})", number(part), percent(part, shares.total));
    format!(
        "| {what} | {} | {} | {} | {} |",
        number(shares.total),
        part(shares.survive),
        part(shares.breaks),
        part(shares.unjudged)
    )
}

/// An account in code; what is said about it in text.
fn who(row: &Row) -> String {
    named(&row.who)
}

fn named(who: &crate::model::RowWho) -> String {
    match &who.0 {
        ledger::Who::Nobody => "(no account)".to_owned(),
        ledger::Who::Known(id) => code(id),
        ledger::Who::Inferred { candidates, more } => {
            let mut names: Vec<String> = candidates.iter().map(|id| code(id)).collect();
            names.extend(more.then(|| "others".to_owned()));
            format!("{} (inferred)", names.join(" or "))
        }
    }
}

fn overview(row: &Row) -> String {
    let (programs, more) = row.programs.first(MOST);
    let mut programs: Vec<String> = programs
        .iter()
        .map(|program| code(&words::program(program)))
        .collect();
    programs.extend((more > 0).then(|| format!("and {more} more")));
    format!(
        "| {} | {} | {} | {} | {} | {} |",
        who(row),
        text(&a_day(row.requests_a_day)),
        text(&words::own_share(row)),
        text(&words::state(row)),
        programs.join(", "),
        addresses(row)
    )
}

fn addresses(row: &Row) -> String {
    let (addresses, more) = row.addresses.first(MOST);
    let mut addresses: Vec<String> = addresses
        .iter()
        .filter_map(|one| Some(code(&one.address?.to_string())))
        .collect();
    addresses.extend((more > 0).then(|| format!("and {more} more")));
    addresses.join(", ")
}

fn row(out: &mut impl Write, row: &Row) -> io::Result<()> {
    writeln!(out, "### {}\n", who(row))?;
    writeln!(out, "- {}", text(&words::seen(row)))?;
    if let Some(attribution) = words::attribution(row) {
        writeln!(out, "- {}", text(&attribution))?;
    }
    for exception in &row.exceptions {
        writeln!(
            out,
            "- exception until {}: {} ({})",
            text(&when(exception.until)),
            text(&exception.reason),
            code(&exception.owner)
        )?;
    }
    let (programs, _) = row.programs.first(MOST);
    for program in programs {
        writeln!(
            out,
            "- {}: {}",
            code(&words::program(program)),
            text(&words::lacks(&program.shortfalls))
        )?;
        let Some(advice) = &program.advice else {
            continue;
        };
        writeln!(out, "  - {}", text(&advice.summary))?;
        if let Some(snippet) = &advice.snippet {
            fenced(out, snippet)?;
        }
        writeln!(out, "  - to prove it:")?;
        fenced(out, &advice.verify)?;
    }
    writeln!(out)
}

/// A block of code inside a list, with a fence that no line of it can close (CommonMark section 4.5).
fn fenced(out: &mut impl Write, code: &str) -> io::Result<()> {
    let longest = code.split(|character| character != '`').map(str::len).max();
    let fence = "`".repeat(longest.unwrap_or(0).max(2) + 1);
    writeln!(out, "\n    {fence}")?;
    for line in lines(code).lines() {
        writeln!(out, "    {line}")?;
    }
    writeln!(out, "    {fence}\n")
}

fn exceptions(out: &mut impl Write, sunset: &SunsetReport) -> io::Result<()> {
    if sunset.exceptions.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "Exceptions:\n\n| for | state | until | needed by | owner | reason |\n| --- | --- | --- | --- | --- | --- |"
    )?;
    for note in &sunset.exceptions {
        let state = note.state.words();
        let state = if note.state.nags() {
            format!("**{state}**")
        } else {
            state.to_owned()
        };
        let needed = note.needed_by.map_or_else(
            || "nothing in this range".to_owned(),
            |usage| {
                format!(
                    "{}, last on {}",
                    count(usage.weight(), "request"),
                    day(usage.last)
                )
            },
        );
        writeln!(
            out,
            "| {} | {state} | {} | {} | {} | {} |",
            code(&words::whom(note)),
            text(&when(note.until)),
            text(&needed),
            code(&note.owner),
            text(&note.reason)
        )?;
    }
    writeln!(out)
}

fn brownouts(out: &mut impl Write, brownouts: &Brownouts) -> io::Result<()> {
    writeln!(
        out,
        "{}\n\n| window | hit | explained | refused | since |\n| --- | --- | ---: | ---: | --- |",
        text(&words::brownouts(brownouts))
    )?;
    for window in &brownouts.windows {
        for hit in &window.hits {
            writeln!(
                out,
                "| {} | {} | {} | {} | {} |",
                text(&words::window(window)),
                named(&hit.who),
                number(hit.explained),
                number(hit.refused),
                hit.after.words()
            )?;
        }
    }
    writeln!(out)
}

fn account(out: &mut impl Write, account: &AccountReport) -> io::Result<()> {
    writeln!(out, "## All of {}\n", code(&account.id))?;
    for part in &account.parts {
        writeln!(
            out,
            "### {}\n\n{}\n",
            named(&part.who),
            text(&words::usage(&part.usage))
        )?;
        writeln!(
            out,
            "| program | offers | requests | connections | last seen |\n| --- | --- | ---: | ---: | --- |"
        )?;
        for program in &part.programs.items {
            writeln!(
                out,
                "| {} | {} | {} | {} | {} |",
                code(&words::program(program)),
                text(&format!("{} at most", program.max_protocol)),
                number(program.usage.requests),
                number(program.usage.connections),
                text(&day(program.usage.last))
            )?;
        }
        writeln!(out)?;
        let named_lists: [(&str, &[Named]); 4] = [
            ("server name", &part.server_names.items),
            ("negotiated", &part.negotiated.items),
            ("decision", &part.decisions.items),
            ("outcome", &part.outcomes.items),
        ];
        writeln!(
            out,
            "| | | requests | connections |\n| --- | --- | ---: | ---: |"
        )?;
        for address in &part.addresses.items {
            let shown = address
                .address
                .map_or_else(String::new, |address| code(&address.to_string()));
            writeln!(
                out,
                "| address | {shown} | {} | {} |",
                number(address.usage.requests),
                number(address.usage.connections)
            )?;
        }
        for (what, list) in named_lists {
            for named in list {
                writeln!(
                    out,
                    "| {what} | {} | {} | {} |",
                    code(&words::named(named)),
                    number(named.usage.requests),
                    number(named.usage.connections)
                )?;
            }
        }
        writeln!(out)?;
    }
    Ok(())
}
