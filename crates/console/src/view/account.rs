//! One account: what it runs, what misses, what fixes it, what it will meet and when.

use std::collections::HashMap;

use floor::{Account as Shown, Moment, Plan, What};
use hello::{Offer, OfferId};
use jiff::Timestamp;
use jiff::civil::Date;
use ledger::people::{LetterState, People};
use ledger::standings::Standings;
use ledger::{Detail, LedgerError, Query, Range, Visitor, Who};
use report::{Options, Report};
use serde::Serialize;

use super::accounts::Standing;
use super::overview::date;
use crate::narrow::{Narrow, days_before};
use crate::picture::{Picture, options};

/// Programs whose days to come are told: an operator who has read that many knows enough.
const MOST_PROGRAMS: usize = 8;
/// Days of the history.
const HISTORY: i64 = 120;
/// Days to come that are told.
const MOST_DATES: usize = 24;

/// One account.
#[derive(Debug, Serialize)]
pub(crate) struct Account {
    /// The version of this form.
    pub(crate) format: u32,
    /// Its id.
    pub(crate) id: String,
    /// How it stands with each sunset.
    pub(crate) standings: Vec<OfSunset>,
    /// Requests in the last 30 days.
    pub(crate) requests_30_days: u64,
    /// What it did, and what fixes it: as `sundown report --account`.
    pub(crate) report: Report,
    /// What it will meet, date by date.
    pub(crate) dates: Vec<OnDate>,
    /// What it did by day.
    pub(crate) history: Vec<HistoryDay>,
    /// What people wrote about it.
    pub(crate) note: Option<Note>,
    /// The letters it was sent, the latest first.
    pub(crate) letters: Vec<Letter>,
}

/// What people wrote about an account.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Note {
    /// In their words.
    pub(crate) text: String,
    /// Who looks after it.
    pub(crate) owner: String,
    /// Where it is written to.
    pub(crate) contact: String,
    /// A customer, or what it is instead: then nothing of it counts.
    pub(crate) visitor: Visitor,
    /// When that was written.
    pub(crate) changed: Timestamp,
    /// Who wrote it.
    pub(crate) author: String,
}

/// A letter to an account.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Letter {
    /// The sunset it is about.
    pub(crate) sunset: String,
    /// What it was written for.
    pub(crate) occasion: String,
    /// Where it went.
    pub(crate) recipient: String,
    /// When it was begun.
    pub(crate) at: Timestamp,
    /// `begun`, `sent` or `failed`.
    pub(crate) state: &'static str,
    /// Why it failed.
    pub(crate) reason: Option<String>,
}

/// What people wrote about an account, and wrote to it.
pub(crate) fn written(
    people: &People,
    id: &str,
) -> Result<(Option<Note>, Vec<Letter>), LedgerError> {
    let note = people.note(id)?.map(|note| Note {
        text: note.text,
        owner: note.owner,
        contact: note.contact,
        visitor: note.visitor,
        changed: note.changed,
        author: note.author,
    });
    let letters = people.letters_to(id)?.into_iter().map(|letter| {
        let (state, reason) = match letter.state {
            LetterState::Begun => ("begun", None),
            LetterState::Sent => ("sent", None),
            LetterState::Failed(reason) => ("failed", Some(reason)),
        };
        Letter {
            sunset: letter.sunset,
            occasion: letter.occasion,
            recipient: letter.recipient,
            at: letter.begun,
            state,
            reason,
        }
    });
    Ok((note, letters.collect()))
}

/// How it stands with one sunset.
#[derive(Debug, Serialize)]
pub(crate) struct OfSunset {
    /// The sunset.
    pub(crate) sunset: String,
    /// How.
    pub(crate) standing: Standing,
}

/// What its programs meet from a moment on.
#[derive(Debug, Serialize)]
pub(crate) struct OnDate {
    /// From when on.
    pub(crate) at: Timestamp,
    /// What begins then.
    pub(crate) what: String,
    /// Of which sunset.
    pub(crate) sunset: Option<String>,
    /// What each program meets.
    pub(crate) programs: Vec<Meets>,
}

/// What a program meets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Meets {
    /// The program.
    pub(crate) program: String,
    /// `serve`, `warn`, `explain` or `refuse`.
    pub(crate) action: &'static str,
    /// An exception is why it is not turned away.
    pub(crate) excepted: bool,
}

/// What it did on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct HistoryDay {
    /// The day, UTC.
    pub(crate) date: Date,
    /// Connections and requests that meet every floor of a sunset that has begun.
    pub(crate) meets: u64,
    /// Those that miss one.
    pub(crate) misses: u64,
}

impl Account {
    /// `None` where nobody of that id was ever seen.
    pub(crate) fn new(
        picture: &Picture,
        reader: &dyn Query,
        kept: &Standings,
        people: &People,
        id: &str,
        now: Timestamp,
    ) -> Result<Option<Self>, LedgerError> {
        let Some(named) = reader.named(id)? else {
            return Ok(None);
        };
        let narrow = Narrow {
            reader,
            whose: named.whose,
            facts: named.facts.clone(),
        };
        let facts = named.facts;
        let plan = &picture.in_force.plan;
        let asked = Options {
            account: Some(id.to_owned()),
            // Who is no customer is looked at all the same.
            visitors: facts.is_some() && !named.is_customer,
            ..options(&picture.in_force, now)
        };
        let report = report::report(&narrow, plan, now, &asked)?;
        let range = Range {
            from: asked.since,
            until: None,
        };
        let details = reader.details(range, &Who::Known(id.into()))?;
        let (note, letters) = written(people, id)?;
        Ok(Some(Self {
            format: 1,
            note,
            letters,
            standings: standings(picture, &kept.of(id)?),
            requests_30_days: facts.as_ref().map_or(0, |facts| facts.requests_30_days),
            dates: dates(plan, id, &programs(picture, &details), now),
            history: history(picture, &narrow, facts.map(|facts| facts.first), now)?,
            id: id.to_owned(),
            report,
        }))
    }
}

fn standings(picture: &Picture, kept: &[(u64, u8)]) -> Vec<OfSunset> {
    let sunsets = picture.in_force.plan.sunsets.iter().zip(&picture.places);
    let standings = sunsets.map(|(sunset, place)| {
        let own = kept
            .iter()
            .find(|(number, _)| place.map(|place| place as u64) == Some(*number));
        OfSunset {
            sunset: sunset.name.clone(),
            standing: own
                .and_then(|(_, standing)| Standing::numbered(*standing))
                .unwrap_or(Standing::Ready),
        }
    });
    standings.collect()
}

/// One program and what it offers.
struct Offers<'a> {
    name: String,
    offer: &'a Offer,
    detail: Detail,
}

/// The programs that it ran lately, those that call most first.
fn programs<'a>(picture: &'a Picture, details: &[Detail]) -> Vec<Offers<'a>> {
    let mut by_offer: HashMap<OfferId, Vec<Detail>> = HashMap::new();
    for detail in details {
        if let (Some(offer), Visitor::Customer) = (detail.offer, detail.visitor) {
            by_offer.entry(offer).or_default().push(detail.clone());
        }
    }
    let mut programs: Vec<(u64, Offers<'a>)> = by_offer
        .into_iter()
        .filter_map(|(id, details)| {
            let weight = details
                .iter()
                .map(|detail| detail.counts.requests.total())
                .sum();
            let name = report::runtimes(&picture.offers, &details)
                .into_iter()
                .next()?;
            let detail = details
                .into_iter()
                .max_by_key(|detail| detail.counts.last)?;
            let offer = picture.offers.get(&id)?;
            Some((
                weight,
                Offers {
                    name,
                    offer,
                    detail,
                },
            ))
        })
        .collect();
    programs.sort_by(|(weight, one), (more, other)| (more, &one.name).cmp(&(weight, &other.name)));
    programs.truncate(MOST_PROGRAMS);
    programs.into_iter().map(|(_, program)| program).collect()
}

/// What happens from now on, and what each program meets then.
fn dates(plan: &Plan, id: &str, programs: &[Offers<'_>], now: Timestamp) -> Vec<OnDate> {
    let mut moments: Vec<(Timestamp, String, Option<usize>)> = vec![(now, "now".to_owned(), None)];
    for event in plan.calendar() {
        if event.at <= now {
            continue;
        }
        let (at, what) = match event.what {
            What::Phase(phase) => (event.at, format!("{phase} begins")),
            What::Brownout { run, .. } => {
                let Some(first) = run.windows_between(event.at, run.to).next() else {
                    continue;
                };
                (first.start, "first brownout window".to_owned())
            }
            What::ExceptionEnds(exception) => {
                if exception
                    .account
                    .as_deref()
                    .is_some_and(|account| account != id)
                {
                    continue;
                }
                (event.at, "an exception ends".to_owned())
            }
            What::BrownoutEnds => (event.at, "brownouts end".to_owned()),
            What::Preview(_) => continue,
        };
        moments.push((at, what, event.sunset));
    }
    moments.sort_by_key(|(at, ..)| *at);
    moments.truncate(MOST_DATES);
    let rows = moments.into_iter().map(|(at, what, sunset)| {
        let sunset = sunset.and_then(|index| plan.sunsets.get(index));
        let mut programs: Vec<Meets> = programs
            .iter()
            .map(|program| meets(plan, id, program, at))
            .collect();
        programs.dedup();
        OnDate {
            at,
            what,
            sunset: sunset.map(|sunset| sunset.name.clone()),
            programs,
        }
    });
    rows.collect()
}

fn meets(plan: &Plan, id: &str, program: &Offers<'_>, at: Timestamp) -> Meets {
    let ask = |account, moment| {
        let who = floor::Who {
            address: program.detail.address,
            sni: program.detail.sni.as_deref(),
            account,
        };
        plan.decide(program.offer, &who, moment, at)
    };
    // As an edge asks: at the hello by what it remembers, then at the request.
    let mut decision = ask(Shown::Remembered(id), Moment::Hello);
    if !matches!(decision.action, floor::Action::Refuse(_)) {
        decision = ask(Shown::Known(id), Moment::Request { path: "/" });
    }
    Meets {
        program: program.name.clone(),
        action: decision.action.name(),
        excepted: decision.exception.is_some(),
    }
}

/// Requests, and connections that made none, by day.
fn history(
    picture: &Picture,
    narrow: &Narrow<'_>,
    first: Option<Timestamp>,
    now: Timestamp,
) -> Result<Vec<HistoryDay>, LedgerError> {
    let Some(first) = first else {
        return Ok(Vec::new());
    };
    let from = first.max(days_before(now, HISTORY));
    let range = Range {
        from: Some(from),
        until: None,
    };
    let mut missing: HashMap<OfferId, bool> = HashMap::new();
    let begun: Vec<_> = picture
        .in_force
        .plan
        .sunsets
        .iter()
        .filter(|sunset| sunset.phase(now) > Some(floor::Phase::Observe))
        .collect();
    let mut days: Vec<HistoryDay> = Vec::new();
    narrow.days(range, &mut |date, group| {
        let misses = group.offer.is_some_and(|id| {
            *missing.entry(id).or_insert_with(|| {
                let offer = picture.offers.get(&id);
                offer.is_some_and(|offer| {
                    begun
                        .iter()
                        .any(|sunset| sunset.floor.judge(offer).misses())
                })
            })
        });
        if days.last().is_none_or(|day| day.date != date) {
            days.push(HistoryDay {
                date,
                meets: 0,
                misses: 0,
            });
        }
        if let Some(day) = days.last_mut() {
            let amount = group.counts.requests.total().max(group.counts.connections);
            *(if misses {
                &mut day.misses
            } else {
                &mut day.meets
            }) += amount;
        }
    })?;
    Ok(whole(days, date(now)))
}

/// With a row for the days on which there was nothing.
fn whole(days: Vec<HistoryDay>, today: Date) -> Vec<HistoryDay> {
    let Some(first) = days.first().map(|day| day.date) else {
        return days;
    };
    let mut found = days.into_iter().peekable();
    let dates = first
        .series(jiff::Span::new().days(1))
        .take_while(|date| *date <= today);
    dates
        .map(|date| {
            found.next_if(|day| day.date == date).unwrap_or(HistoryDay {
                date,
                meets: 0,
                misses: 0,
            })
        })
        .collect()
}
