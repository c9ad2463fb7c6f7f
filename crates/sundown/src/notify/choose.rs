//! Who gets which letter.

use std::collections::{BTreeMap, HashMap, HashSet};

use floor::{Phase, Plan, Sunset};
use jiff::Timestamp;
use ledger::people::{Letter, LetterState, Note};
use ledger::{AccountFacts, Visitor, Who};
use lettre::Address;
use report::model::{Report, Row, State, SunsetReport};

use super::contacts::{Contact, Contacts};

/// What a letter is written for.
#[derive(Clone, Debug)]
pub(super) enum Why<'a> {
    /// Some of the account's traffic would break.
    Breaks(&'a Row),
    /// It was written to, and nothing of it would break any more.
    Fixed {
        /// When it was written to last.
        written: Timestamp,
        /// From when on nothing of it would; `None` for since ever.
        since: Option<Timestamp>,
    },
}

/// A letter that is to be written.
#[derive(Clone, Debug)]
pub(super) struct Chosen<'a> {
    pub(super) account: String,
    pub(super) sunset: &'a Sunset,
    pub(super) why: Why<'a>,
    /// An account gets one letter for each occasion of a sunset.
    pub(super) occasion: String,
    pub(super) to: Address,
}

/// Why somebody who would be written to is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Passed {
    NoContact,
    Unusable(String),
    /// Had its letter then.
    Already(Timestamp),
    /// Its letter was begun then, and nobody knows whether it was sent.
    Unknown(Timestamp),
}

impl Passed {
    pub(super) fn words(&self) -> String {
        let day = |at: &Timestamp| at.strftime("%Y-%m-%d").to_string();
        match self {
            Self::NoContact => "no address is known".to_owned(),
            Self::Unusable(contact) => format!("its contact is no mail address: {contact:?}"),
            Self::Already(at) => format!("was written to on {}", day(at)),
            Self::Unknown(at) => format!(
                "was perhaps written to on {}: that run was cut short, and it counts as sent",
                day(at)
            ),
        }
    }

    /// Whether somebody should act.
    pub(super) const fn nags(&self) -> bool {
        !matches!(self, Self::Already(_))
    }
}

/// Somebody who is not written to.
#[derive(Clone, Debug)]
pub(super) struct Skipped {
    pub(super) account: String,
    pub(super) sunset: String,
    pub(super) occasion: String,
    pub(super) why: Passed,
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Choice<'a> {
    pub(super) letters: Vec<Chosen<'a>>,
    pub(super) skipped: Vec<Skipped>,
    /// Sunsets on hold: their dates do not hold, so nobody is told them.
    pub(super) held: Vec<&'a str>,
    /// Sunsets that only observe: nobody is told of them yet.
    pub(super) unannounced: Vec<&'a str>,
    /// Those of whom some would break and who is only guessed.
    pub(super) uncertain: usize,
}

/// What is chosen from.
pub(super) struct Known<'a> {
    pub(super) plan: &'a Plan,
    pub(super) report: &'a Report,
    pub(super) notes: &'a [Note],
    pub(super) letters: &'a [Letter],
    pub(super) accounts: &'a [AccountFacts],
    pub(super) contacts: &'a Contacts,
    /// One sunset was asked for by its name: it is announced by this.
    pub(super) named: bool,
    pub(super) now: Timestamp,
}

/// What a thank-you is written for.
const FIXED: &str = "fixed";

/// The changes of a sunset, in order: its phases, and each run of brownouts once, however many windows it has.
fn changes(sunset: &Sunset) -> Vec<(Timestamp, Phase)> {
    let runs = sunset.brownouts.iter();
    let mut changes: Vec<(Timestamp, Phase)> = sunset
        .dates()
        .map(|change| (change.at, change.phase))
        .chain(runs.map(|run| (run.from, Phase::Brownout)))
        .collect();
    changes.sort_by_key(|(at, _)| *at);
    changes
}

/// What comes next.
pub(super) fn ahead(sunset: &Sunset, now: Timestamp) -> Option<(Timestamp, Phase)> {
    changes(sunset).into_iter().find(|(at, _)| *at > now)
}

/// The occasion to write to those who would break: the next change, or the latest where none is ahead.
fn occasion(sunset: &Sunset, now: Timestamp) -> String {
    match ahead(sunset, now).or_else(|| changes(sunset).pop()) {
        Some((at, phase)) => format!("breaks:{phase}:{}", at.strftime("%Y-%m-%d")),
        None => "breaks".to_owned(),
    }
}

pub(super) fn choose<'a>(known: &Known<'a>) -> Choice<'a> {
    let mut choice = Choice::default();
    let others: HashSet<&str> = known
        .notes
        .iter()
        .filter(|note| note.visitor != Visitor::Customer)
        .map(|note| note.account.as_str())
        .collect();
    for part in &known.report.sunsets {
        let sunset = part.sunset.as_ref().and_then(|name| {
            known
                .plan
                .sunsets
                .iter()
                .find(|sunset| sunset.name == *name)
        });
        let Some(sunset) = sunset else { continue };
        if part.hold.is_some() {
            choice.held.push(&sunset.name);
            continue;
        }
        if !known.named && matches!(part.phase, None | Some(Phase::Observe)) {
            choice.unannounced.push(&sunset.name);
            continue;
        }
        let had = had(known.letters, &sunset.name);
        let occasion = occasion(sunset, known.now);
        for row in part.breaking.iter().filter(|row| row.breaks) {
            let Who::Known(id) = &row.who.0 else {
                choice.uncertain += 1;
                continue;
            };
            if row.state != State::SeemsFixed && !others.contains(&**id) {
                let why = Why::Breaks(row);
                add(&mut choice, known, &had, sunset, id, why, occasion.clone());
            }
        }
        for (account, written) in thanked(known, part, &had) {
            if !others.contains(account) {
                let old = part
                    .breaking
                    .iter()
                    .find(|row| matches!(&row.who.0, Who::Known(id) if **id == *account));
                let since = old.map(|row| row.misses.last).or(known.report.range.from);
                let why = Why::Fixed { written, since };
                add(
                    &mut choice,
                    known,
                    &had,
                    sunset,
                    account,
                    why,
                    FIXED.to_owned(),
                );
            }
        }
    }
    choice
}

/// Letters of one sunset that count, by account and occasion.
type Had<'a> = BTreeMap<(&'a str, &'a str), &'a Letter>;

fn had<'a>(letters: &'a [Letter], sunset: &str) -> Had<'a> {
    letters
        .iter()
        .filter(|letter| letter.sunset == sunset && !matches!(letter.state, LetterState::Failed(_)))
        .map(|letter| ((letter.account.as_str(), letter.occasion.as_str()), letter))
        .collect()
}

/// Who was written to and has fixed all since, and when that was. Who was not seen since has not shown it; of whom
/// somebody unknown may be a part, it is not certain.
fn thanked<'a>(
    known: &Known<'a>,
    part: &'a SunsetReport,
    had: &Had<'a>,
) -> Vec<(&'a str, Timestamp)> {
    let mut unfixed: HashSet<&str> = HashSet::new();
    for row in &part.breaking {
        match &row.who.0 {
            Who::Known(id) if row.state != State::SeemsFixed => {
                unfixed.insert(id);
            }
            Who::Inferred { candidates, .. } => {
                unfixed.extend(candidates.iter().map(AsRef::as_ref))
            }
            Who::Known(_) | Who::Nobody => {}
        }
    }
    let last: HashMap<&str, Timestamp> = known
        .accounts
        .iter()
        .map(|facts| (&*facts.id, facts.last))
        .collect();
    let mut written: BTreeMap<&str, Timestamp> = BTreeMap::new();
    for ((account, occasion), letter) in had {
        if *occasion != FIXED && letter.state == LetterState::Sent {
            let at = written.entry(account).or_insert(letter.begun);
            *at = letter.begun.max(*at);
        }
    }
    let from = known.report.range.from.unwrap_or(Timestamp::MIN);
    written.retain(|account, at| {
        let last = last.get(account);
        !unfixed.contains(account) && last.is_some_and(|last| *last > *at && *last >= from)
    });
    written.into_iter().collect()
}

fn add<'a>(
    choice: &mut Choice<'a>,
    known: &Known<'a>,
    had: &Had<'_>,
    sunset: &'a Sunset,
    account: &str,
    why: Why<'a>,
    occasion: String,
) {
    let before = had.get(&(account, occasion.as_str()));
    let passed = match (before, known.contacts.of(account)) {
        (Some(letter), _) if letter.state == LetterState::Begun => Passed::Unknown(letter.begun),
        (Some(letter), _) => Passed::Already(letter.begun),
        (None, None) => Passed::NoContact,
        (None, Some(Contact::Unusable(contact))) => Passed::Unusable(contact.clone()),
        (None, Some(Contact::At(address))) => {
            choice.letters.push(Chosen {
                account: account.to_owned(),
                sunset,
                why,
                occasion,
                to: address.clone(),
            });
            return;
        }
    };
    choice.skipped.push(Skipped {
        account: account.to_owned(),
        sunset: sunset.name.clone(),
        occasion,
        why: passed,
    });
}
