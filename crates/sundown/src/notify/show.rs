//! What is shown of letters: one as a preview, and of all of them what is or would be done.

use std::io::Write;

use lettre::message::Mailbox;
use report::{count, printable};
use serde::Serialize;

use super::NotifyArguments;
use super::choose::Choice;
use super::letter::Letter;
use super::outbox::Fate;
use crate::demo;
use crate::table;

/// Most accounts listed that are not written to.
const MOST: usize = 20;

/// A letter as it is read.
pub(super) fn preview(letter: &Letter, from: Option<&Mailbox>) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if let Some(from) = from {
        writeln!(out, "From: {}", printable(&from.to_string()))?;
    }
    writeln!(
        out,
        "To: {}\nSubject: {}\n",
        printable(letter.to.as_ref()),
        printable(&letter.subject)
    )?;
    for line in letter.text.lines() {
        writeln!(out, "{}", printable(line))?;
    }
    Ok(())
}

#[derive(Serialize)]
struct Shown<'a> {
    /// Where nobody was seen, what is said of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    demo: Option<String>,
    sent: bool,
    letters: Vec<One<'a>>,
    not_written_to: Vec<Skipped<'a>>,
    on_hold: &'a [&'a str],
    unannounced: &'a [&'a str],
    uncertain: usize,
}

#[derive(Serialize)]
struct One<'a> {
    account: &'a str,
    sunset: &'a str,
    occasion: &'a str,
    to: &'a str,
    subject: &'a str,
    id: &'a str,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

#[derive(Serialize)]
struct Skipped<'a> {
    account: &'a str,
    sunset: &'a str,
    occasion: &'a str,
    because: String,
}

fn state(fate: Option<&Fate>) -> (&'static str, Option<&str>) {
    match fate {
        None => ("to send", None),
        Some(Fate::Sent) => ("sent", None),
        Some(Fate::Failed(reason)) => ("failed", Some(reason)),
        Some(Fate::Unknown(reason)) => ("unknown", Some(reason)),
        Some(Fate::Elsewhere) => ("sent elsewhere", None),
    }
}

/// All letters, and who gets none.
pub(super) fn done(
    arguments: &NotifyArguments,
    choice: &Choice<'_>,
    letters: &[Letter],
    fates: Option<&[Fate]>,
) -> anyhow::Result<()> {
    let fate = |index: usize| fates.and_then(|fates| fates.get(index));
    if arguments.json {
        let shown = Shown {
            demo: demo::words(&arguments.data_dir),
            sent: fates.is_some(),
            letters: letters
                .iter()
                .enumerate()
                .map(|(index, letter)| {
                    let (state, reason) = state(fate(index));
                    One {
                        account: &letter.account,
                        sunset: &letter.sunset,
                        occasion: &letter.occasion,
                        to: letter.to.as_ref(),
                        subject: &letter.subject,
                        id: &letter.id,
                        state,
                        reason,
                    }
                })
                .collect(),
            not_written_to: choice
                .skipped
                .iter()
                .map(|skipped| Skipped {
                    account: &skipped.account,
                    sunset: &skipped.sunset,
                    occasion: &skipped.occasion,
                    because: skipped.why.words(),
                })
                .collect(),
            on_hold: &choice.held,
            unannounced: &choice.unannounced,
            uncertain: choice.uncertain,
        };
        let mut out = std::io::stdout().lock();
        serde_json::to_writer_pretty(&mut out, &shown)?;
        writeln!(out)?;
        return Ok(());
    }
    let mut out = anstream::stdout().lock();
    if !letters.is_empty() {
        let mut rows = table::new(["Account", "To", "Sunset", "Occasion", "State"]);
        for (index, letter) in letters.iter().enumerate() {
            let (state, reason) = state(fate(index));
            let state = match reason {
                Some(reason) => format!("{state}: {reason}"),
                None => state.to_owned(),
            };
            let cells = [
                letter.account.as_str(),
                letter.to.as_ref(),
                &letter.sunset,
                &letter.occasion,
                &state,
            ];
            rows.add_row(cells.map(|cell| printable(cell).into_owned()));
        }
        writeln!(out, "{rows}\n")?;
    }
    let nagging: Vec<_> = choice
        .skipped
        .iter()
        .filter(|skipped| skipped.why.nags())
        .collect();
    if !nagging.is_empty() {
        writeln!(out, "Not written to:")?;
        for skipped in nagging.iter().take(MOST) {
            let account = printable(&skipped.account);
            writeln!(out, "  {account}: {}", printable(&skipped.why.words()))?;
        }
        if let Some(more) = nagging.len().checked_sub(MOST).filter(|more| *more > 0) {
            writeln!(
                out,
                "  and {}; --json lists all",
                count(more as u64, "more account")
            )?;
        }
        writeln!(out)?;
    }
    for name in &choice.unannounced {
        writeln!(
            out,
            "{name} only observes, so nobody is told of it yet; --sunset {name:?} does."
        )?;
    }
    for held in &choice.held {
        writeln!(
            out,
            "{held} is on hold, so its dates do not hold: nobody is written to about it."
        )?;
    }
    let had = choice.skipped.len() - nagging.len();
    if had > 0 {
        writeln!(out, "{} had theirs before.", count(had as u64, "account"))?;
    }
    if choice.uncertain > 0 {
        writeln!(
            out,
            "{} whose account is only guessed: nobody is written to on a guess.",
            count(choice.uncertain as u64, "client")
        )?;
    }
    writeln!(out, "{}", ending(arguments, letters, fates))?;
    Ok(())
}

fn ending(arguments: &NotifyArguments, letters: &[Letter], fates: Option<&[Fate]>) -> String {
    let all = count(letters.len() as u64, "letter");
    let Some(fates) = fates else {
        return match (letters.is_empty(), &arguments.out) {
            (true, _) => "There is nobody to write to.".to_owned(),
            (false, Some(directory)) => format!(
                "{all} written to {}, to look at; --send records them as sent.",
                directory.display()
            ),
            (false, None) => format!(
                "{all} would be sent; nothing was. --preview shows one; --send, with --smtp, --webhook or --out, sends them."
            ),
        };
    };
    let of = |wanted: fn(&Fate) -> bool| fates.iter().filter(|fate| wanted(fate)).count();
    let sent = of(|fate| matches!(fate, Fate::Sent));
    let failed = of(|fate| matches!(fate, Fate::Failed(_)));
    let unknown = of(|fate| matches!(fate, Fate::Unknown(_)));
    let mut said = format!("{sent} of {all} sent.");
    if failed > 0 {
        said.push_str(&format!(
            " {failed} failed; the same command tries those again."
        ));
    }
    if unknown > 0 {
        said.push_str(&format!(
            " Of {unknown} nobody knows; they count as sent, and the server's log tells."
        ));
    }
    said
}
