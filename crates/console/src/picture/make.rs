//! Makes a picture: a report of the last month, who was there on which days, and what everybody was last seen with.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use floor::{Moment, Plan};
use hello::{Offer, OfferId};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use ledger::people::Marked;
use ledger::{LedgerError, Query, Range, Who};
use report::model::Ranking;
use report::{Everybody, Options, Progress};

use super::figures::{Action, Figures};
use super::rows::{self, Programs};
use super::{Picture, Store};
use crate::fault::Fault;
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

/// Makes it and keeps it.
pub(super) fn picture(
    data_dir: &Path,
    store: &Store,
    in_force: Arc<InForce>,
    now: Timestamp,
) -> Result<Picture, Fault> {
    let reader = Marked::open(data_dir)?;
    let offers: HashMap<OfferId, Offer> = reader.offers()?.into_iter().collect();
    let options = Options {
        most: Some(0),
        ..options(&in_force, now)
    };
    let plan = &in_force.plan;
    let Everybody {
        report,
        rankings,
        connections,
    } = report::ranked(&reader, plan, now, &options)?;
    let days = days(&reader, plan, &offers, &rankings, now)?;
    let actions = actions(plan, &offers, connections, now);
    let recent = recent::latest(&reader, &offers, plan, now)?;
    let figures = Figures::new(&report, days, recent, actions);
    let mut programs = Programs::new(&reader, &offers)?;
    let mut standings = store.open()?;
    let sunsets = rankings
        .iter()
        .map(|ranking| rows::of(ranking, &mut programs));
    // One sunset's rows are held at a time.
    standings.replace(&figures.to_text(), sunsets)?;
    Ok(Picture::new(figures, in_force, offers, false))
}

/// The picture that was kept; `None` where there is none that can be used.
pub(super) fn kept(
    data_dir: &Path,
    store: &Store,
    in_force: Arc<InForce>,
) -> Result<Option<Picture>, Fault> {
    let reader = Marked::open(data_dir)?;
    let Some(body) = store.open()?.body()? else {
        return Ok(None);
    };
    let offers = reader.offers()?.into_iter().collect();
    let figures = Figures::from_text(&body);
    Ok(figures.map(|figures| Picture::new(figures, in_force, offers, true)))
}

/// How many are not ready by day, for each sunset.
fn days(
    reader: &dyn Query,
    plan: &Plan,
    offers: &HashMap<OfferId, Offer>,
    rankings: &[Ranking],
    now: Timestamp,
) -> Result<Vec<Vec<report::ReadyDay>>, LedgerError> {
    let spared = rankings.iter().map(|ranking| {
        let spared = ranking.missing.iter().filter(|one| !one.breaks);
        let known = spared.filter_map(|one| match &one.who.0 {
            Who::Known(id) => Some(id.clone()),
            _ => None,
        });
        known.collect::<HashSet<_>>()
    });
    let mut progress = Progress::new(plan, offers, now, spared.collect());
    reader.presence(Range::default(), &mut |part| progress.take(part))?;
    let mut days = progress.finish(TimeZone::UTC.to_datetime(now).date(), MOST_DAYS);
    // A day is cut at midnight, a week of a ranking is not: today is what the ranking says.
    for (days, ranking) in days.iter_mut().zip(rankings) {
        if let Some(last) = days.last_mut() {
            let missing = ranking.missing.iter();
            let not_ready = missing.filter(|one| Standing::of(one) == Standing::NotReady);
            last.not_ready = not_ready.count() as u64;
        }
    }
    Ok(days)
}

/// Connections by what the plan decides of nobody in particular.
fn actions(
    plan: &Plan,
    offers: &HashMap<OfferId, Offer>,
    connections: HashMap<OfferId, u64>,
    now: Timestamp,
) -> Vec<Action> {
    let mut sums: BTreeMap<(String, &'static str), u64> = BTreeMap::new();
    for (id, count) in connections {
        if let Some(offer) = offers.get(&id) {
            let decision = plan.decide(offer, &floor::Who::default(), Moment::Hello, now);
            let key = (offer.max_version().to_string(), decision.action.name());
            *sums.entry(key).or_default() += count;
        }
    }
    sums.into_iter()
        .map(|((version, action), connections)| Action {
            version,
            action: action.to_owned(),
            connections,
        })
        .collect()
}
