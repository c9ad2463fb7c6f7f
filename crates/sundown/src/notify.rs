//! `sundown notify`: letters to the accounts that would break, and a thank-you to those who did something about it.
//!
//! One way: report, notes and record say who gets which letter (`choose`), it is composed (`compose`) as the notice is,
//! becomes text, HTML and a mail (`letter`), and is handed over by a carrier (`outbox`).

mod arguments;
mod carrier;
mod choose;
mod compose;
mod contacts;
mod files;
mod letter;
mod outbox;
mod show;
mod smtp;
mod unsubscribe;
mod webhook;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use audit::Holds;
use edge::Clock;
use floor::Cohort;
use ledger::Query;
use ledger::people::{Marked, PEOPLE, People};
use lettre::message::Mailbox;
use report::Options;

pub(crate) use arguments::NotifyArguments;
use carrier::Carrier;
use choose::{Choice, Chosen, Known};
use compose::Page;
use contacts::Contacts;
use files::Files;
use letter::{Letter, Template, Templates};
use outbox::{Fate, Outbox};
use smtp::Smtp;
use unsubscribe::{Address, Unsubscribe};
use webhook::Webhook;

use crate::config::{self, Config};
use crate::demo;
use crate::link::Linker;
use crate::notice::content::Subject;
use crate::report::{check_path, moment, sunset};
use crate::serve::roster_from;

/// The key that decides shares is not needed to look back.
const NO_KEY: [u8; 16] = [0; 16];
/// Some letters were not sent.
const SOME_FAILED: u8 = 1;

pub(crate) fn run(arguments: &NotifyArguments) -> anyhow::Result<ExitCode> {
    let Config {
        mut plan,
        settings,
        links,
        ..
    } = config::load(arguments.config.as_deref(), NO_KEY)?;
    if plan.sunsets.is_empty() {
        bail!("the plan retires nothing, so there is nobody to write to; add a [[sunset]]");
    }
    if arguments.one_click && !arguments.unsubscribe.iter().any(Address::takes_posts) {
        bail!("--one-click is for an https:// address; add one with --unsubscribe");
    }
    let now = arguments.as_of.unwrap_or_else(|| Clock::default().now());
    plan.hold(Holds::of(&arguments.data_dir).read()?);
    let ledger = Marked::open(&arguments.data_dir)?;
    if plan.cohorts.iter().any(Cohort::needs_roster) {
        plan.take_roster(Arc::new(roster_from(&ledger, now)?));
    }
    let options = Options {
        since: moment(arguments.since, now),
        sunset: match &arguments.sunset {
            Some(name) => Some(sunset(&plan, name)?),
            None => None,
        },
        check_url: arguments.check_url.clone(),
        check_path: Some(check_path(&settings)),
        ..Options::default()
    };
    let report = report::report(&ledger, &plan, now, &options)?;
    let people_file = arguments.data_dir.join(PEOPLE);
    let people = People::read(&people_file)?;
    let (notes, written) = (people.notes()?, people.letters()?);
    let mut contacts = Contacts::of_notes(&notes);
    if let Some(file) = &arguments.contacts {
        contacts.overrule(file)?;
    }
    let accounts = ledger.accounts()?;
    let choice = choose::choose(&Known {
        plan: &plan,
        report: &report,
        notes: &notes,
        letters: &written,
        accounts: &accounts,
        contacts: &contacts,
        named: arguments.sunset.is_some(),
        now,
    });
    if choice.letters.is_empty() {
        return nothing(arguments, &choice);
    }

    let Some(check_url) = report.check_url.as_deref() else {
        bail!("no client named the server it asked for; say with --check-url where customers test");
    };
    // Asked for by name or found in the ledger: of the second, only names made of plain characters count.
    let (url, path) = apart(check_url);
    let subject = Subject {
        plan: &plan,
        now,
        service: &arguments.service,
        url,
        path,
        status: settings.answers.explain_status,
    };
    let templates = Templates {
        text: template(arguments.template.as_deref())?,
        html: template(arguments.html_template.as_deref())?,
    };
    let demo = demo::is_demo(&arguments.data_dir);
    let linker = match &links.url {
        Some(url) => {
            let path = config::ssl_path(&settings);
            Some(Linker::new(&arguments.data_dir, url, &path, links.life)?)
        }
        None => None,
    };
    let write = |chosen: &Chosen<'_>| {
        // An id that is too long for a link gets a letter without one.
        let page = linker.as_ref().and_then(|linker| {
            let link = linker.link(&chosen.account).ok()?;
            let until = linker.until();
            Some(Page { link, until })
        });
        let document = compose::compose(chosen, &subject, page.as_ref(), demo);
        let mut letter = Letter::new(chosen, &document, &subject, page.as_ref(), &templates)?;
        letter.unsubscribe =
            Unsubscribe::of(&chosen.account, &arguments.unsubscribe, arguments.one_click);
        anyhow::Ok(letter)
    };
    if let Some(account) = &arguments.preview {
        let chosen = previewed(&choice, account.as_deref())?;
        show::preview(&write(chosen)?, arguments.from.as_ref())?;
        return Ok(ExitCode::SUCCESS);
    }
    let letters = choice
        .letters
        .iter()
        .map(write)
        .collect::<anyhow::Result<Vec<Letter>>>()?;
    let carrier = carrier(arguments)?;
    let fates = match &carrier {
        Some(carrier) if arguments.send => {
            carrier.ready()?;
            let outbox = Outbox {
                people: &People::open(&people_file)?,
                carrier: &**carrier,
                pace: if arguments.out.is_some() {
                    std::time::Duration::ZERO
                } else {
                    arguments.rate
                },
                retry_after: arguments.retry_after,
                now,
            };
            Some(outbox.send(&letters)?)
        }
        // Files are written to be looked at; whoever sends them says --send.
        Some(carrier) if arguments.out.is_some() => {
            for letter in &letters {
                if let Err(refusal) = carrier.carry(letter) {
                    bail!("{}", refusal.reason());
                }
            }
            None
        }
        _ => None,
    };
    show::done(arguments, &choice, &letters, fates.as_deref())?;
    let some = |fate: &Fate| matches!(fate, Fate::Failed(_) | Fate::Unknown(_));
    Ok(match fates {
        Some(fates) if fates.iter().any(some) => ExitCode::from(SOME_FAILED),
        _ => ExitCode::SUCCESS,
    })
}

fn nothing(arguments: &NotifyArguments, choice: &Choice<'_>) -> anyhow::Result<ExitCode> {
    if let Some(account) = &arguments.preview {
        previewed(choice, account.as_deref())?;
    }
    show::done(arguments, choice, &[], None)?;
    Ok(ExitCode::SUCCESS)
}

/// The letter to show.
fn previewed<'a, 'b>(
    choice: &'b Choice<'a>,
    account: Option<&str>,
) -> anyhow::Result<&'b Chosen<'a>> {
    let fits = |found: &str| account.is_none_or(|account| account == found);
    if let Some(chosen) = choice.letters.iter().find(|chosen| fits(&chosen.account)) {
        return Ok(chosen);
    }
    let passed = choice
        .skipped
        .iter()
        .find(|skipped| account.is_some() && fits(&skipped.account));
    match (account, passed) {
        (Some(account), Some(passed)) => bail!("no letter to {account:?}: {}", passed.why.words()),
        (Some(account), None) => bail!(
            "no letter to {account:?}: nothing of it that is known for certain would break; \
             `sundown report --account` tells more"
        ),
        (None, _) => bail!("there is no letter to show; `sundown notify` says why"),
    }
}

fn carrier(arguments: &NotifyArguments) -> anyhow::Result<Option<Box<dyn Carrier>>> {
    let ca = arguments.ca.as_deref();
    let carrier: Box<dyn Carrier> = if let Some(directory) = &arguments.out {
        Box::new(Files::new(directory, from(arguments)?)?)
    } else if let Some(server) = &arguments.smtp {
        let (user, password) = (
            arguments.user.as_deref(),
            arguments.password_file.as_deref(),
        );
        Box::new(Smtp::new(server, from(arguments)?, user, password, ca)?)
    } else if let Some(hook) = &arguments.webhook {
        let secret: PathBuf = arguments.secret_file.clone().unwrap_or_default();
        Box::new(Webhook::new(hook, &secret, ca)?)
    } else {
        return Ok(None);
    };
    Ok(Some(carrier))
}

fn from(arguments: &NotifyArguments) -> anyhow::Result<Mailbox> {
    arguments
        .from
        .clone()
        .context("say who the letters are from, with --from 'Example API <api@example.com>'")
}

fn template(file: Option<&Path>) -> anyhow::Result<Option<Template<'_>>> {
    let Some(file) = file else { return Ok(None) };
    let source = fs::read_to_string(file)
        .with_context(|| format!("{}: the template cannot be read", file.display()))?;
    Ok(Some(Template { file, source }))
}

/// Scheme and server, and what is behind them.
fn apart(url: &str) -> (&str, &str) {
    let host = url.find("://").map_or(0, |at| at + 3);
    let behind = url.get(host..).and_then(|rest| rest.find('/'));
    behind
        .and_then(|at| url.split_at_checked(host + at))
        .unwrap_or((url, "/ssl/"))
}

/// The address of `/ssl/`: whatever stands in it, it is part of a command in a letter.
fn check_address(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]/_~".contains(&byte);
    let rest = text.strip_prefix("https://");
    if rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(plain)) {
        Ok(text.to_owned())
    } else {
        Err("write it like https://api.example.com/ssl/".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_apart_behind_its_server() {
        assert_eq!(
            apart("https://a.example:8443/ssl/"),
            ("https://a.example:8443", "/ssl/")
        );
        assert_eq!(apart("https://a.example"), ("https://a.example", "/ssl/"));
        assert!(check_address("https://a.example/ssl/").is_ok());
        assert!(check_address("https://a.example/$(id)").is_err());
        assert!(check_address("http://a.example/").is_err());
    }
}
