//! The report, for people.

use std::io::{self, Write};

use advice::Knowledge;
use anstyle::{AnsiColor, Style};
use comfy_table::Table;
use edge::Offered;
use jiff::Timestamp;

use super::answer::{Advice, Standing};
use super::report::{DecidedBy, Overall, Report};
use crate::table;
use crate::words::{NO_CHANGE, NOT_BEGUN, change, when};

/// Writes the report.
pub(super) fn show(out: &mut impl Write, report: &Report) -> io::Result<()> {
    writeln!(out, "{}\n", facts(report))?;
    if !report.floors.is_empty() {
        writeln!(out, "{}\n", floors(report))?;
    }
    if let Some(server) = &report.server {
        if !server.answer.floors.is_empty() {
            writeln!(out, "{}\n", plan(&server.answer.floors))?;
        }
        if server.intermediary {
            let here = report.negotiated.as_ref();
            let here = here.map_or("another version", |negotiated| negotiated.protocol.as_str());
            let advice = Knowledge::embedded().advise_intermediary(
                here,
                &server.answer.protocol,
                &server.url,
            );
            writeln!(out, "{}\n", advice.summary)?;
        }
    }
    for unanswered in &report.unanswered {
        writeln!(out, "{}: {}.", unanswered.path, unanswered.why)?;
    }
    verdict(out, report)
}

/// What was negotiated here, beside what the server says it saw.
fn facts(report: &Report) -> Table {
    let Report {
        negotiated,
        certificate,
        offered,
        ..
    } = report;
    let seen = report.server.as_ref().map(|server| &server.answer);
    let mut table = match seen {
        Some(_) => table::new(["", "NEGOTIATED HERE", "SEEN BY THE SERVER"]),
        None => table::new(["", "NEGOTIATED HERE"]),
    };
    let mut row = |name: &str, here: String, there: Option<&str>| {
        let there = seen.map(|_| there.unwrap_or_default().to_owned());
        table.add_row(
            [Some(name.to_owned()), Some(here), there]
                .into_iter()
                .flatten(),
        );
    };
    row(
        "server",
        format!("{} ({})", report.url, report.address),
        None,
    );
    if let Some(negotiated) = negotiated {
        let or_none = |name: Option<&str>| name.unwrap_or("none").to_owned();
        row(
            "protocol",
            negotiated.protocol.clone(),
            seen.map(|seen| seen.protocol.as_str()),
        );
        row(
            "cipher",
            negotiated.cipher.to_owned(),
            seen.and_then(|seen| seen.cipher.as_deref()),
        );
        row(
            "IANA name",
            negotiated.cipher_iana.unwrap_or_default().to_owned(),
            seen.and_then(|seen| seen.cipher_iana.as_deref()),
        );
        row(
            "group",
            or_none(negotiated.group),
            seen.and_then(|seen| seen.group.as_deref()),
        );
        row("ALPN", or_none(negotiated.alpn), None);
    } else {
        row("protocol", "none, refused".to_owned(), None);
    }
    if let Some(client) = seen.and_then(|seen| seen.client.as_deref()) {
        row("client", "Sundown (s2n-tls)".to_owned(), Some(client));
    }
    if let Some(certificate) = certificate {
        row("certificate", certificate.subject.clone(), None);
        row("issued by", certificate.issuer.clone(), None);
        row(
            "expires",
            format!(
                "{}, {}",
                when(certificate.expires),
                days(report.at, certificate.expires)
            ),
            None,
        );
        row("verified by", certificate.verified_by.clone(), None);
    }
    if let Some(offered) = offered.as_ref().map(Offered::names) {
        row("offered", offered.protocols.join(", "), None);
        // A signalling value stands among the suites and is none (RFC 5746 section 3.3).
        let suites = offered
            .ciphers
            .iter()
            .filter(|name| !name.ends_with("_SCSV"))
            .count();
        row("", format!("{suites} cipher suites"), None);
        row("", offered.groups.join(", "), None);
    }
    row(
        "time",
        format!(
            "{} ms to connect, {} ms for the handshake",
            report.connect_ms, report.handshake_ms
        ),
        None,
    );
    table
}

fn floors(report: &Report) -> Table {
    let mut table = table::new(["FLOOR", "WHAT WAS NEGOTIATED"]);
    for floor in &report.floors {
        let needed = match floor.needed.as_slice() {
            [] => String::new(),
            needed => format!(": {} needed", needed.join(", ")),
        };
        table.add_row([floor.name, &format!("{}{needed}", floor.verdict)]);
    }
    table
}

/// The server's own floors.
fn plan(floors: &[Standing]) -> Table {
    let mut table = table::new(["THE SERVER'S SUNSET", "FLOOR", "THIS CLIENT", "NOW", "NEXT"]);
    for floor in floors {
        let verdict = floor.verdict.as_deref().unwrap_or("unknown");
        let because = match floor.because.as_slice() {
            [] => String::new(),
            because => format!(": {}", because.join("; ")),
        };
        let next = match (&floor.next, floor.exception_until) {
            (_, Some(until)) => format!("its exception ends {}", when(until)),
            (Some(next), None) => change(&next.phase, next.at),
            (None, None) => NO_CHANGE.to_owned(),
        };
        table.add_row([
            floor.sunset.as_deref().unwrap_or_default(),
            floor.name.as_deref().unwrap_or_default(),
            &format!("{verdict}{because}"),
            floor.phase.as_deref().unwrap_or(NOT_BEGUN),
            &next,
        ]);
    }
    table
}

fn verdict(out: &mut impl Write, report: &Report) -> io::Result<()> {
    let (word, colour) = match report.verdict {
        Overall::Ok => ("ok", AnsiColor::Green),
        Overall::Meets => ("meets", AnsiColor::Green),
        Overall::AtRisk => ("at risk", AnsiColor::Yellow),
        Overall::Misses => ("misses", AnsiColor::Red),
        Overall::Blocked => ("blocked", AnsiColor::Red),
        Overall::Refused => ("refused", AnsiColor::Red),
    };
    let style = Style::new().bold().fg_color(Some(colour.into()));
    writeln!(out, "{style}{word}{style:#}: {}", sentence(report))?;
    let answer = report.server.as_ref().map(|server| &server.answer);
    let explained = report.explanation.as_ref();
    if let Some(advice) = answer
        .and_then(|answer| answer.advice.as_ref())
        .or(explained.and_then(|explained| explained.advice.as_ref()))
    {
        self::advice(out, advice)?;
    }
    if let Some(contact) = explained.and_then(|explained| explained.contact.as_deref()) {
        writeln!(out, "Help: {contact}")?;
    }
    if let Some(report) = answer.and_then(|answer| answer.report.as_deref()) {
        writeln!(
            out,
            "The server's answer, to read again or from elsewhere: {report}"
        )?;
    }
    Ok(())
}

fn sentence(report: &Report) -> String {
    if let Some(alert) = &report.alert {
        return format!(
            "the server ended the handshake with alert {} {}.",
            alert.code, alert.name
        );
    }
    if let Some(explanation) = &report.explanation {
        return format!("the server turned the request away: {}.", explanation.title);
    }
    match (&report.decided_by, report.verdict) {
        (DecidedBy::Floor(floor), Overall::Meets) => {
            format!("what was negotiated meets {floor}; the server gave no verdict of its own.")
        }
        (DecidedBy::Floor(floor), _) => {
            format!("what was negotiated misses {floor}; the server gave no verdict of its own.")
        }
        (DecidedBy::Server, Overall::Ok) => {
            "the server says that this client meets its floors.".to_owned()
        }
        (DecidedBy::Server, Overall::AtRisk) => {
            "the server says that this client is served today and misses a floor.".to_owned()
        }
        (DecidedBy::Server, _) => {
            "the server says that it turns this client's requests away.".to_owned()
        }
    }
}

fn advice(out: &mut impl Write, advice: &Advice) -> io::Result<()> {
    writeln!(out, "To fix it: {}", advice.summary)?;
    match &advice.snippet {
        Some(snippet) => writeln!(out, "\n{snippet}\n"),
        None => Ok(()),
    }
}

fn days(now: Timestamp, then: Timestamp) -> String {
    match then.duration_since(now).as_hours() / 24 {
        0 => "today".to_owned(),
        1 => "in 1 day".to_owned(),
        days => format!("in {days} days"),
    }
}
