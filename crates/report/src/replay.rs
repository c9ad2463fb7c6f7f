//! What a plan would have done to what was seen.
//!
//! In: a [`ledger::Query`] and plans that are not in force, or one that is. Out: a [`Replay`]: who would have been
//! turned away, when, and how that differs from another plan. Every decision is [`floor::Plan::decide`]'s, asked as an
//! edge asks it: at the hello, and again at the request.
//!
//! A ledger keeps hours, and days once they are compacted. A change of the plan inside of one (a brownout window of ten
//! minutes) splits what was seen then by time alone: what is certain, what is likely and what is at most are told apart
//! ([`Estimate`]).

mod clock;
mod fate;
mod model;
mod recorded;
mod sums;
mod words;

use std::collections::{HashMap, HashSet};

use floor::Plan;
use hello::{Offer, OfferId};
use jiff::{SignedDuration, Timestamp};
use ledger::{Detail, LedgerError, Query, Visitor, Wanted, Who};

use crate::build::{Gathered, check_url};
use crate::clients::{addresses, advise};
use crate::model::{Listed, Outcome, RowWho, Usage};
use crate::options::Options;
use crate::tally::add;

pub use model::{
    Accounts, By, Changes, Difference, Estimate, Fates, PlanReplay, Recorded, Replay, Stage,
    TurnedAway, WindowReplay, Windows,
};
pub use words::{csv, page};

use clock::Clock;
use recorded::Comparison;
use sums::Sums;

/// Connections that cannot be judged, above which it cannot be said that nobody would be turned away.
const MOST_UNKNOWN: f64 = 0.01;

/// A plan to be replayed.
#[derive(Clone, Copy, Debug)]
pub struct Draft<'a> {
    /// What it is called in the answer.
    pub name: &'a str,
    /// The plan. Holds are not looked at.
    pub plan: &'a Plan,
}

/// What is replayed.
#[derive(Clone, Copy, Debug)]
pub struct Replaying<'a> {
    /// The plan that is asked about.
    pub draft: Draft<'a>,
    /// The plan that it is compared with.
    pub against: Option<Draft<'a>>,
    /// The plan whose decisions the ledger recorded, where they are to be compared with what it decides now.
    pub recorded: Option<&'a Plan>,
    /// How far the plans' clock is ahead of the ledger's.
    pub shift: SignedDuration,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum ReplayError {
    /// The ledger cannot be read.
    Ledger(LedgerError),
    /// The plan changes too often in the range.
    TooManyChanges {
        /// How often it may.
        most: usize,
    },
}

impl std::fmt::Display for ReplayError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ledger(error) => error.fmt(f),
            Self::TooManyChanges { most } => write!(
                f,
                "the plan has more than {most} changes of phase in this range; replay a shorter one"
            ),
        }
    }
}

impl std::error::Error for ReplayError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Ledger(error) => error.source(),
            Self::TooManyChanges { .. } => None,
        }
    }
}

impl From<LedgerError> for ReplayError {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

/// Replays a plan over a range.
///
/// # Errors
///
/// When the ledger cannot be read, and when the plan changes too often in the range.
pub fn replay(
    ledger: &dyn Query,
    replaying: &Replaying<'_>,
    now: Timestamp,
    options: &Options,
) -> Result<Replay, ReplayError> {
    let range = options.range();
    let until = options.until.unwrap_or(now);
    let offers: HashMap<OfferId, Offer> = ledger.offers()?.into_iter().collect();
    let counts = |visitor| visitor == Visitor::Customer || options.visitors;
    let mut seen: Option<Usage> = None;
    let mut other = 0;
    for group in ledger.groups(range)? {
        if counts(group.visitor) {
            add(&mut seen, Usage::new(&group.counts));
            other += if group.is_other {
                group.counts.connections
            } else {
                0
            };
        }
    }
    let within = (
        seen.map_or(until, |seen| seen.first),
        seen.map_or(until, |seen| seen.last),
    );

    let mut sums = Vec::new();
    for draft in std::iter::once(replaying.draft).chain(replaying.against) {
        let clock = Clock::new(draft.plan, replaying.shift, within)?;
        sums.push(Sums::new(draft, clock, &offers));
    }
    let mut comparison = match replaying.recorded {
        Some(plan) => Some(Comparison::new(
            plan,
            Clock::new(plan, SignedDuration::ZERO, within)?,
        )),
        None => None,
    };
    let mut cuts: Vec<Timestamp> = sums.iter().flat_map(|sums| sums.clock.cuts()).collect();
    cuts.extend(comparison.iter().flat_map(|one| one.clock.cuts()));
    cuts.sort_unstable();
    cuts.dedup();
    ledger.pieces(range, &cuts, &mut |who, detail| {
        let offer = detail.offer.and_then(|id| offers.get(&id));
        if let (Some(comparison), Some(offer)) = (&mut comparison, offer) {
            comparison.take(who, detail, offer);
        }
        if counts(detail.visitor) {
            for one in &mut sums {
                one.take(who, detail, offer);
            }
        }
    })?;

    let days = seen.map_or(1.0, |seen| {
        let length = until.max(seen.last).duration_since(seen.first);
        (length.as_secs_f64() / 86_400.0).max(1.0)
    });
    let changes = match sums.as_slice() {
        [draft, against] => Some(sums::changes(draft, against)),
        _ => None,
    };
    let mut sums = sums.into_iter();
    let mut plan = None;
    if let Some(sums) = sums.next() {
        plan = Some(finish(ledger, sums, &offers, options, (days, other))?);
    }
    // Whom it turns away is known; who they are is told of the plan that is asked about.
    let against = sums.next().map(|sums| sums.finish(days, 0, other).0);
    let plan = plan.unwrap_or_default();
    Ok(Replay {
        format: model::FORMAT,
        demo: None,
        at: now,
        from: range.from,
        until,
        plan_clock_from: (!replaying.shift.is_zero())
            .then(|| within.0.checked_add(replaying.shift).ok())
            .flatten(),
        seen: seen.map(|seen| (seen.first, seen.last)).map(Into::into),
        days,
        verdict: verdict(&plan, seen.is_some()),
        plan,
        against,
        changes,
        recorded: comparison.map(Comparison::finish),
    })
}

fn verdict(plan: &PlanReplay, is_anything: bool) -> Outcome {
    let total = plan.connections.total;
    if plan.connections.turned_away().at_most > 0 || plan.requests.turned_away().at_most > 0 {
        Outcome::SomebodyBreaks
    } else if !is_anything
        || plan.stages.is_empty()
        || crate::words::share(plan.connections.unjudged, total) > MOST_UNKNOWN
    {
        Outcome::CannotSay
    } else {
        Outcome::NobodyBreaks
    }
}

/// Adds who they are to whom the plan turns away.
fn finish(
    ledger: &dyn Query,
    sums: Sums<'_>,
    offers: &HashMap<OfferId, Offer>,
    options: &Options,
    (days, other): (f64, u64),
) -> Result<PlanReplay, LedgerError> {
    let most = options.most.unwrap_or(usize::MAX);
    let (mut plan, verdicts) = sums.finish(days, most, other);
    let wanted: Vec<Wanted> = plan
        .turned_away
        .iter()
        .map(|row| Wanted {
            who: row.who.0.clone(),
            offers: offers_of(&verdicts, &row.who.0),
        })
        .collect();
    let mut gathered = Gathered::new(offers);
    let rows = &mut plan.turned_away;
    ledger.details_of_each(options.range(), &wanted, &mut |place, details| {
        let Some(row) = rows.get_mut(place) else {
            return;
        };
        let own = || {
            details
                .iter()
                .filter(|detail: &&Detail| detail.visitor == Visitor::Customer || options.visitors)
        };
        for name in own().filter_map(|detail| detail.sni.as_ref()) {
            gathered.server_name(name, &row.who);
        }
        let known = verdicts.get(&row.who.0);
        row.addresses = addresses(own());
        row.programs = gathered.clients.programs(own(), |id| {
            let verdict = known.and_then(|known| known.get(&id));
            verdict.copied().unwrap_or_default()
        });
    })?;
    let url = check_url(options, &gathered);
    for row in &mut plan.turned_away {
        for program in &mut row.programs.items {
            program.advice = advise(program, &url);
        }
    }
    plan.runtimes = runtimes(&plan.turned_away);
    Ok(plan)
}

/// The offers by which somebody is turned away, as many as are looked at of one account.
fn offers_of(verdicts: &sums::Verdicts, who: &Who) -> Vec<OfferId> {
    let known = verdicts.get(who).into_iter().flatten();
    let mut offers: Vec<OfferId> = known.map(|(id, _)| *id).collect();
    offers.sort_unstable();
    offers.truncate(crate::sunset::MOST_OFFERS);
    offers
}

/// The client programs behind all rows, with how many accounts run each, the most first.
fn runtimes(rows: &[TurnedAway]) -> Listed<By> {
    /// A list that is read to its end.
    const MOST: usize = 20;
    let mut all: HashMap<String, HashSet<&RowWho>> = HashMap::new();
    for row in rows {
        for program in &row.programs.items {
            let name = crate::words::program(program);
            all.entry(name).or_default().insert(&row.who);
        }
    }
    let mut all: Vec<By> = all
        .into_iter()
        .map(|(name, accounts)| By {
            name,
            accounts: accounts.len() as u64,
        })
        .collect();
    all.sort_by(|one, other| (other.accounts, &one.name).cmp(&(one.accounts, &other.name)));
    Listed::new(all, MOST)
}
