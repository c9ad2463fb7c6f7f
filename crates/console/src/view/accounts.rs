//! All accounts, worst first: filtered, searched, a page at a time.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;
use ledger::{LedgerError, Query, Range, Who};
use report::model::{Lack, Ranked, RowWho, State};
use serde::{Deserialize, Serialize};

use crate::picture::Picture;

/// Rows of a page.
pub(crate) const SIZE: usize = 50;
/// The longest text that is searched for: ids are 256 bytes at most.
const LONGEST: usize = 256;

/// How an account stands with a sunset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Standing {
    /// Misses the floor, and still comes.
    NotReady,
    /// Misses, and an exception lets it past.
    Excepted,
    /// Missed, and has shown only what meets since.
    Fixed,
    /// Missed, and has not been seen since.
    Quiet,
    /// Somebody who was refused, and showed no account: who was seen there before may be it.
    Inferred,
    /// Nothing of it misses.
    Ready,
}

impl Standing {
    pub(crate) const ALL: [Self; 6] = [
        Self::NotReady,
        Self::Excepted,
        Self::Fixed,
        Self::Quiet,
        Self::Inferred,
        Self::Ready,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::NotReady => "not-ready",
            Self::Excepted => "excepted",
            Self::Fixed => "fixed",
            Self::Quiet => "quiet",
            Self::Inferred => "inferred",
            Self::Ready => "ready",
        }
    }

    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::NotReady => "not ready",
            Self::Excepted => "exception",
            Self::Fixed => "fixed",
            Self::Quiet => "gone quiet",
            Self::Inferred => "inferred",
            Self::Ready => "ready",
        }
    }

    pub(crate) fn of(ranked: &Ranked) -> Self {
        if ranked.who.attribution() != "known" {
            return Self::Inferred;
        }
        match ranked.state {
            State::SeemsFixed => Self::Fixed,
            State::GoneQuiet => Self::Quiet,
            _ if !ranked.breaks => Self::Excepted,
            State::Active | State::PerhapsRefused => Self::NotReady,
        }
    }
}

/// What is asked for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    /// The sunset, by its place in the plan.
    pub(crate) sunset: usize,
    /// The standing; empty for all who miss or missed.
    pub(crate) show: String,
    /// A part of the id.
    pub(crate) q: String,
    /// From 1.
    pub(crate) page: usize,
}

/// A page of accounts.
#[derive(Debug, Serialize)]
pub(crate) struct Accounts {
    /// The version of this form.
    pub(crate) format: u32,
    /// When the ledger was read.
    pub(crate) at: Timestamp,
    /// The sunset that they are judged by.
    pub(crate) sunset: Option<String>,
    /// Its place in the plan.
    pub(crate) index: usize,
    /// What is shown: a standing, or `missing` for all but those that are ready, or `all`.
    pub(crate) show: String,
    /// What was searched for.
    pub(crate) q: String,
    /// This page, from 1.
    pub(crate) page: usize,
    /// How many there are.
    pub(crate) pages: usize,
    /// How many accounts fit what was asked.
    pub(crate) total: usize,
    /// How many there are of each standing, whatever is searched for.
    pub(crate) counts: Vec<Count>,
    /// The rows of this page.
    pub(crate) rows: Vec<Row>,
}

/// How many of a standing.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Count {
    /// The standing.
    pub(crate) standing: Standing,
    /// Accounts.
    pub(crate) accounts: usize,
}

/// One account.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    /// Who.
    pub(crate) who: RowWho,
    /// How it stands.
    pub(crate) standing: Standing,
    /// Whether what misses still comes; absent for who is ready.
    pub(crate) state: Option<State>,
    /// Requests that miss by day; of who is ready, all.
    pub(crate) requests_a_day: f64,
    /// The share of its own requests, or of its connections where it made none, that misses.
    pub(crate) share: f64,
    /// When something of it last missed.
    pub(crate) last_missed: Option<Timestamp>,
    /// When it last showed itself.
    pub(crate) last_seen: Option<Timestamp>,
    /// What it lacks.
    pub(crate) lacks: Vec<Lack>,
    /// The program that it was last seen with.
    pub(crate) program: Option<String>,
}

/// One account of the list, before its details are known.
pub(crate) enum Item<'a> {
    Ranked(&'a Ranked),
    Ready(&'a Arc<str>),
}

impl Item<'_> {
    fn standing(&self) -> Standing {
        match self {
            Self::Ranked(ranked) => Standing::of(ranked),
            Self::Ready(_) => Standing::Ready,
        }
    }

    fn contains(&self, text: &str) -> bool {
        let within = |id: &str| id.to_lowercase().contains(text);
        match self {
            Self::Ready(id) => within(id),
            Self::Ranked(ranked) => match &ranked.who.0 {
                Who::Nobody => false,
                Who::Known(id) => within(id),
                Who::Inferred { candidates, .. } => candidates.iter().any(|id| within(id)),
            },
        }
    }
}

/// The whole list of a sunset in its order.
pub(crate) fn all<'a>(picture: &'a Picture, index: usize) -> impl Iterator<Item = Item<'a>> {
    let ranked = picture.rankings.get(index).map_or(&[][..], Vec::as_slice);
    let ready = picture.ready.get(index).map_or(&[][..], Vec::as_slice);
    // What shows no account is nobody's row.
    let ranked = ranked.iter().filter(|ranked| ranked.who.0 != Who::Nobody);
    ranked
        .map(Item::Ranked)
        .chain(ready.iter().map(Item::Ready))
}

impl Accounts {
    pub(crate) fn new(picture: &Picture, asked: &Asked) -> Self {
        let show = match asked.show.as_str() {
            "" => "not-ready",
            show => show,
        };
        let only = Standing::ALL
            .into_iter()
            .find(|standing| standing.name() == show);
        let show = match only {
            Some(standing) => standing.name(),
            None if show == "missing" => show,
            None => "all",
        };
        let text: String = asked.q.trim().chars().take(LONGEST).collect();
        let searched = text.to_lowercase();
        let mut counts = Standing::ALL.map(|standing| Count {
            standing,
            accounts: 0,
        });
        let page = asked.page.max(1);
        let first = (page - 1).saturating_mul(SIZE);
        let mut total = 0;
        let mut rows = Vec::new();
        for item in all(picture, asked.sunset) {
            let standing = item.standing();
            if let Some(count) = counts.iter_mut().find(|count| count.standing == standing) {
                count.accounts += 1;
            }
            let fits = match only {
                Some(only) => only == standing,
                None => show == "all" || standing != Standing::Ready,
            };
            if !fits || !(searched.is_empty() || item.contains(&searched)) {
                continue;
            }
            if total >= first && rows.len() < SIZE {
                rows.push(row(picture, &item, standing));
            }
            total += 1;
        }
        let sunset = picture.in_force.plan.sunsets.get(asked.sunset);
        Self {
            format: 1,
            at: picture.at,
            sunset: sunset.map(|sunset| sunset.name.clone()),
            index: asked.sunset,
            show: show.to_owned(),
            q: text,
            page,
            pages: total.div_ceil(SIZE).max(1),
            total,
            counts: counts.to_vec(),
            rows,
        }
    }

    /// Adds the program that each was last seen with.
    pub(crate) fn add_programs(
        &mut self,
        picture: &Picture,
        reader: &dyn Query,
    ) -> Result<(), LedgerError> {
        let floor = picture
            .in_force
            .plan
            .sunsets
            .get(self.index)
            .map(|sunset| &sunset.floor);
        for row in &mut self.rows {
            let Some(last) = row.last_missed.or(row.last_seen) else {
                continue;
            };
            let hour = jiff::SignedDuration::from_hours(1);
            let range = Range {
                from: Some(last),
                until: last.checked_add(hour).ok(),
            };
            let mut details = reader.details(range, &row.who.0)?;
            if let Some(floor) = floor.filter(|_| row.last_missed.is_some()) {
                details.retain(|detail| {
                    let offer = detail.offer.and_then(|id| picture.offers.get(&id));
                    offer.is_some_and(|offer| floor.judge(offer).misses())
                });
            }
            row.program = report::runtimes(&picture.offers, &details)
                .into_iter()
                .next();
        }
        Ok(())
    }
}

fn row(picture: &Picture, item: &Item<'_>, standing: Standing) -> Row {
    match item {
        Item::Ready(id) => {
            let known = picture.facts.get(id);
            Row {
                who: RowWho(Who::Known((*id).clone())),
                standing,
                state: None,
                requests_a_day: known.map_or(0, |known| known.requests) as f64
                    / crate::picture::DAYS as f64,
                share: 0.0,
                last_missed: None,
                last_seen: known.and_then(|known| known.seen).map(|(_, last)| last),
                lacks: Vec::new(),
                program: None,
            }
        }
        Item::Ranked(ranked) => {
            let share = if ranked.all.requests > 0 {
                report::words::share(ranked.misses.requests, ranked.all.requests)
            } else {
                report::words::share(ranked.misses.connections, ranked.all.connections)
            };
            let known = ranked.who.id().and_then(|id| picture.facts.get(id));
            let seen = known.and_then(|known| known.seen).map(|(_, last)| last);
            Row {
                who: ranked.who.clone(),
                standing,
                state: Some(ranked.state),
                requests_a_day: ranked.requests_a_day,
                share,
                last_missed: Some(ranked.misses.last),
                last_seen: seen.max(Some(ranked.misses.last)),
                lacks: ranked.lacks.clone(),
                program: None,
            }
        }
    }
}

/// For each sunset the accounts of which nothing misses, those that call most first.
pub(crate) fn ready(
    rankings: &[Vec<Ranked>],
    facts: &crate::picture::Facts,
    since: Timestamp,
) -> Vec<Vec<Arc<str>>> {
    let mut all: Vec<(&Arc<str>, u64)> = facts
        .shown()
        .filter(|(_, known)| known.seen.is_some_and(|(_, last)| last >= since))
        .map(|(id, known)| (id, known.requests))
        .collect();
    all.sort_by(|(id, requests), (other, more)| (more, id).cmp(&(requests, other)));
    let lists = rankings.iter().map(|ranking| {
        let missing: HashSet<&Arc<str>> = ranking
            .iter()
            .filter_map(|ranked| match &ranked.who.0 {
                Who::Known(id) => Some(id),
                _ => None,
            })
            .collect();
        all.iter()
            .filter(|(id, _)| !missing.contains(id))
            .map(|(id, _)| (*id).clone())
            .collect()
    });
    lists.collect()
}
