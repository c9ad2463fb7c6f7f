//! The advice, for people.

use std::io::{self, Write};

use advice::{Otherwise, Runtime, Support, Trust};
use anstyle::{AnsiColor, Style};

use super::{Need, Report};

pub(super) fn show(out: &mut impl Write, report: &Report<'_>) -> io::Result<()> {
    let Some(client) = &report.client else {
        return Ok(());
    };
    writeln!(out, "{}", who(client))?;
    if let Some(contradiction) = &client.contradiction {
        writeln!(out, "The clues disagree: {contradiction}.")?;
    }
    if !client.candidates.is_empty() {
        writeln!(
            out,
            "Seen with this handshake: {}.",
            client.candidates.join(", ")
        )?;
    }
    for need in &report.needs {
        show_need(out, need)?;
    }
    if !report.also.is_empty() {
        writeln!(
            out,
            "\nThe floor limits {} too: `sundown floors {}` lists them, and /ssl/ tells a client which it lacks.",
            report.also.join(" and "),
            report.floor
        )?;
    }
    Ok(())
}

/// The client in one line, with how far it is known.
fn who(client: &Runtime) -> String {
    let bold = Style::new().bold();
    let mut line = client.runtime.clone();
    if let Some(version) = &client.version {
        line.push_str(&format!(" {version}"));
    }
    if let Some(library) = &client.library
        && *library != client.runtime
    {
        line.push_str(&format!(", {library}"));
    }
    if let Some(like) = &client.like {
        line.push_str(&format!(", offers like {like}"));
    }
    let line = format!("{bold}{line}{bold:#}");
    if client.from.is_empty() {
        return line;
    }
    format!(
        "{line} (confidence {}, from {})",
        client.confidence,
        client.from.join(", ")
    )
}

fn show_need(out: &mut impl Write, need: &Need) -> io::Result<()> {
    let Need { what, prospect } = need;
    let support = prospect.support;
    let color = match support {
        Support::Default => AnsiColor::Green,
        Support::Never => AnsiColor::Red,
        Support::OptIn | Support::Depends | Support::Unknown => AnsiColor::Yellow,
    }
    .on_default();
    let advice = &prospect.advice;
    writeln!(out, "\n{what}: {color}{support}{color:#}\n")?;
    writeln!(out, "{}", advice.summary)?;
    if let (Some(snippet), Some(language)) = (&advice.snippet, &advice.language) {
        writeln!(out, "\n  {snippet}\n  ({language})")?;
    }
    for other in &prospect.otherwise {
        show_other(out, other)?;
    }
    if let Some(find) = &advice.find {
        writeln!(out, "\nSee the version   {find}")?;
    }
    writeln!(out, "Prove it          {}", advice.verify)?;
    let trust = match advice.confidence {
        Trust::Sourced => "",
        Trust::Partial => " (a boundary or a default is general knowledge)",
        Trust::Unsourced => " none",
    };
    writeln!(out, "Sources{trust}")?;
    for source in &advice.sources {
        writeln!(out, "  {source}")?;
    }
    Ok(())
}

fn show_other(out: &mut impl Write, other: &Otherwise) -> io::Result<()> {
    write!(out, "\n{}: {}.", other.when, other.support)?;
    if !other.fix.is_empty() {
        write!(out, " {}", other.fix)?;
    }
    writeln!(out)?;
    if let Some(snippet) = &other.snippet {
        writeln!(out, "  {snippet}")?;
    }
    Ok(())
}
