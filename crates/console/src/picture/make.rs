//! Makes a picture: a report of the last month, and one walk over all days.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use floor::{Moment, Plan};
use hello::{Offer, OfferId};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use ledger::people::Marked;
use ledger::{LedgerError, Query, Range, Visitor, Who};
use report::{Options, Progress, pace};

use super::{Action, Facts, Picture};
use crate::source::InForce;
use crate::view::accounts::Standing;
use crate::view::recent;

/// The days that figures are of, as in `sundown report`.
pub(crate) const DAYS: i64 = 30;
/// The longest that the burn-down looks back: a year and a month.
const MOST_DAYS: usize = 400;

/// What figures are of.
pub(crate) fn options(in_force: &InForce, now: Timestamp) -> Options {
    let length = SignedDuration::from_hours(24 * DAYS);
    Options {
        since: Some(now.checked_sub(length).unwrap_or(Timestamp::MIN)),
        check_path: Some(in_force.check_path.clone()),
        ..Options::default()
    }
}

pub(super) fn picture(
    data_dir: &Path,
    in_force: Arc<InForce>,
    now: Timestamp,
) -> Result<Picture, LedgerError> {
    let reader = Marked::open(data_dir)?;
    let options = Options {
        most: Some(0),
        ..options(&in_force, now)
    };
    let (report, rankings) = report::ranked(&reader, &in_force.plan, now, &options)?;
    let offers: HashMap<OfferId, Offer> = reader.offers()?.into_iter().collect();
    let spared = rankings
        .iter()
        .map(|ranking| {
            let spared = ranking.iter().filter(|one| !one.breaks);
            spared
                .filter_map(|one| match &one.who.0 {
                    Who::Known(id) => Some(id.clone()),
                    _ => None,
                })
                .collect::<HashSet<_>>()
        })
        .collect();
    let hour = Range {
        from: now.checked_sub(SignedDuration::from_hours(1)).ok(),
        until: None,
    };
    let recent = recent::latest(reader.groups(hour)?, &offers, &in_force.plan, now);
    let today = TimeZone::UTC.to_datetime(now).date();
    let mut facts = Facts::default();
    let mut progress = Progress::new(&in_force.plan, &offers, now, spared);
    let since = options.since.unwrap_or(Timestamp::MIN);
    let mut actions: HashMap<OfferId, u64> = HashMap::new();
    reader.days(Range::default(), &mut |date, group| {
        progress.take(date, group);
        facts.take(date, group, today);
        if let Some(id) = group.offer
            && group.visitor == Visitor::Customer
            && group.counts.last >= since
        {
            *actions.entry(id).or_default() += group.counts.connections;
        }
    })?;
    let mut days = progress.finish(today, MOST_DAYS);
    // A day is cut at midnight, a week of a ranking is not: today is what the ranking says.
    for (days, ranking) in days.iter_mut().zip(&rankings) {
        if let Some(last) = days.last_mut() {
            let not_ready = ranking
                .iter()
                .filter(|ranked| Standing::of(ranked) == Standing::NotReady);
            last.not_ready = not_ready.count() as u64;
        }
    }
    Ok(Picture {
        actions: decided(&in_force.plan, &offers, &actions, now),
        at: now,
        ready: crate::view::accounts::ready(&rankings, &facts, since),
        paces: days.iter().map(|days| pace(days)).collect(),
        days,
        in_force,
        offers,
        report,
        rankings,
        facts,
        recent,
    })
}

/// What the plan decides of nobody in particular.
fn decided(
    plan: &Plan,
    offers: &HashMap<OfferId, Offer>,
    connections: &HashMap<OfferId, u64>,
    now: Timestamp,
) -> Vec<Action> {
    let mut sums: BTreeMap<(String, &'static str), u64> = BTreeMap::new();
    for (id, count) in connections {
        if let Some(offer) = offers.get(id) {
            let decision = plan.decide(offer, &floor::Who::default(), Moment::Hello, now);
            let key = (offer.max_version().to_string(), decision.action.name());
            *sums.entry(key).or_default() += count;
        }
    }
    sums.into_iter()
        .map(|((version, action), connections)| Action {
            version,
            action,
            connections,
        })
        .collect()
}
