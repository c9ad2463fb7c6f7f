//! A simulation in words: for a terminal, Markdown, HTML and CSV.

use std::io::{self, Write};

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{Fate, Listing, Simulated, Simulation, picture};
use crate::page::{Block, Page, Tone};
use crate::safe::{cell, line};
use crate::words::{count, when};

const STYLE: &str = include_str!("../format/html/style.css");
const OWN_STYLE: &str = include_str!("style.css");

/// The title.
pub(super) fn title(simulation: &Simulation) -> String {
    match simulation.at {
        Some(at) => format!("{} on {}, on known clients", simulation.name, when(at)),
        None => format!("{} on known clients", simulation.name),
    }
}

/// How many there are of each, in a sentence.
pub(super) fn summary(simulation: &Simulation) -> String {
    let sums = simulation.sums;
    if sums.clients == 0 {
        return "No client has such a name.".to_owned();
    }
    let parts: Vec<String> = Fate::ALL
        .into_iter()
        .filter(|fate| sums.of(*fate) > 0)
        .map(|fate| match fate {
            Fate::Works => format!("{} work", sums.works),
            Fate::OptIn => format!("{} can, but not by default", sums.opt_in),
            Fate::Never => format!("{} never will", sums.never),
            Fate::Unknown => format!("of {} it is not known", sums.unknown),
        })
        .collect();
    format!(
        "Of {}, {}.",
        count(sums.clients as u64, "known client"),
        parts.join(", ")
    )
}

/// What it negotiates, or why not.
pub(super) fn negotiates(client: &Simulated) -> String {
    if !client.because.is_empty() {
        return client.because.join("; ");
    }
    let Some(negotiates) = &client.negotiates else {
        return String::new();
    };
    let mut parts = vec![negotiates.version.as_str(), negotiates.cipher.as_str()];
    parts.extend(negotiates.group.as_deref());
    let mut text = parts.join(" ");
    if client.needs_retry {
        text.push_str(", after a HelloRetryRequest");
    }
    text
}

/// What becomes of it; with a plan, also what the plan does.
pub(super) fn verdict(client: &Simulated) -> String {
    match client.action {
        Some(action) if action != "serve" => format!("{} ({action})", client.fate.words()),
        _ => client.fate.words().to_owned(),
    }
}

/// The simulation as a page.
pub fn page(simulation: &Simulation) -> Page {
    let mut page = Page {
        title: title(simulation),
        blocks: Vec::new(),
    };
    page.heading(title(simulation));
    for asks in &simulation.asks {
        page.text(format!("{asks}."));
    }
    let sums = simulation.sums;
    let tone = if sums.clients == 0 {
        Tone::Unsure
    } else if sums.works == sums.clients {
        Tone::Good
    } else {
        Tone::Bad
    };
    page.blocks.push(Block::Verdict(tone, summary(simulation)));
    let rows = simulation.clients.iter().map(|client| {
        vec![
            client.name.clone(),
            client.best.clone(),
            negotiates(client),
            verdict(client),
        ]
    });
    page.table(
        vec![
            ("client", false),
            ("best it offers", false),
            ("negotiates, or why not", false),
            ("verdict", false),
        ],
        rows.collect(),
    );
    page
}

/// The clients and the best that each offers.
pub fn list(clients: &[Listing]) -> Page {
    let mut page = Page {
        title: "Known clients".to_owned(),
        blocks: Vec::new(),
    };
    let rows = clients.iter().map(|client| {
        let common = if client.common { "yes" } else { "" };
        vec![
            client.name.clone(),
            client.best.clone(),
            client.ja4.clone(),
            common.to_owned(),
        ]
    });
    page.table(
        vec![
            ("client", false),
            ("best it offers", false),
            ("ja4", false),
            ("in common use", false),
        ],
        rows.collect(),
    );
    page.text(format!("{}.", count(clients.len() as u64, "known client")));
    page
}

/// A class of the style sheets.
pub(super) const fn class(fate: Fate) -> &'static str {
    match fate {
        Fate::Works => "works",
        Fate::OptIn => "opt-in",
        Fate::Never => "never",
        Fate::Unknown => "unknown",
    }
}

/// The simulation as HTML that needs nothing else, in light and dark.
pub fn html(simulation: &Simulation) -> String {
    let title = title(simulation);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (line(&title)) }
                style { (PreEscaped(STYLE)) (PreEscaped(OWN_STYLE)) }
            }
            body {
                h1 { (line(&title)) }
                @for asks in &simulation.asks { p class="small" { (line(asks)) "." } }
                p { b { (summary(simulation)) } }
                (PreEscaped(picture::bar(simulation)))
                div class="wide" { table {
                    thead { tr { th { "client" } th { "best it offers" } th { "negotiates, or why not" } th { "verdict" } } }
                    tbody { @for client in &simulation.clients { (row(client)) } }
                } }
            }
        }
    };
    page.into_string()
}

fn row(client: &Simulated) -> Markup {
    html! {
        tr {
            td { (line(&client.name)) }
            td { (client.best) }
            td {
                (negotiates(client))
                @if let Some(fix) = &client.fix { details { summary class="small" { "the fix" } (line(fix)) } }
            }
            td { span class={ "fate " (class(client.fate)) } { (verdict(client)) } }
        }
    }
}

const HEAD: [&str; 11] = [
    "client", "common", "best", "verdict", "action", "version", "cipher", "group", "retry",
    "because", "fix",
];

/// Writes each client as CSV (RFC 4180).
///
/// # Errors
///
/// When it cannot be written.
pub fn csv(simulation: &Simulation, out: &mut impl Write) -> io::Result<()> {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(out);
    writer.write_record(HEAD)?;
    for client in &simulation.clients {
        let negotiates = client.negotiates.as_ref();
        let record: [String; HEAD.len()] = [
            client.name.clone(),
            client.common.to_string(),
            client.best.clone(),
            class(client.fate).to_owned(),
            client.action.unwrap_or_default().to_owned(),
            negotiates
                .map(|one| one.version.clone())
                .unwrap_or_default(),
            negotiates.map(|one| one.cipher.clone()).unwrap_or_default(),
            negotiates
                .and_then(|one| one.group.clone())
                .unwrap_or_default(),
            client.needs_retry.to_string(),
            client.because.join("; "),
            client.fix.clone().unwrap_or_default(),
        ];
        writer.write_record(record.iter().map(|field| cell(field)))?;
    }
    writer.flush()
}
