//! Whom a sunset's brownouts hit, and whether they came back modern.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use floor::Sunset;
use jiff::Timestamp;
use ledger::{LedgerError, Who};

use crate::build::{Inquiry, names};
use crate::model::{After, Brownouts, Hit, RowWho, WindowReport};
use crate::tally::Tally;

/// When an account last showed something that misses, and something that meets.
#[derive(Default)]
struct Last {
    missed: Option<Timestamp>,
    met: Option<Timestamp>,
}

/// Reports the windows of the range; `None` when they hit nobody.
pub(crate) fn report(
    inquiry: &Inquiry<'_>,
    sunset: &Sunset,
    tally: &Tally<'_>,
) -> Result<Option<Brownouts>, LedgerError> {
    let mut windows: BTreeMap<Timestamp, Vec<(Hit, Timestamp)>> = BTreeMap::new();
    for hit in inquiry.ledger.windows(inquiry.options.range())? {
        let account = inquiry.options.account.as_deref();
        let asked_for = account.is_none_or(|id| names(&hit.who, id));
        if *hit.sunset != *sunset.name || !inquiry.counts(hit.visitor) || !asked_for {
            continue;
        }
        let one = Hit {
            who: RowWho(hit.who),
            explained: hit.counts.requests.explained,
            refused: hit.counts.refused,
            after: After::Unknown,
        };
        windows
            .entry(hit.window)
            .or_default()
            .push((one, hit.counts.last));
    }
    if windows.is_empty() {
        return Ok(None);
    }

    let last = last_seen(tally);
    let mut latest: HashMap<Arc<str>, After> = HashMap::new();
    let mut reports = Vec::new();
    for (start, hits) in windows {
        let end = closes(sunset, start);
        let mut hits: Vec<Hit> = hits
            .into_iter()
            .map(|(mut hit, last_hit)| {
                if let Some(id) = hit.who.id().cloned() {
                    let over = end.map_or(last_hit, |end| end.max(last_hit));
                    hit.after = after(last.get(&id), over);
                    // Windows come in order: the last one tells how it ended.
                    latest.insert(id, hit.after);
                }
                hit
            })
            .collect();
        hits.sort_by_cached_key(|hit| {
            (
                std::cmp::Reverse(hit.explained + hit.refused),
                hit.who.0.clone(),
            )
        });
        reports.push(WindowReport { start, end, hits });
    }
    let how_many = |after| latest.values().filter(|found| **found == after).count() as u64;
    Ok(Some(Brownouts {
        accounts: latest.keys().collect::<HashSet<_>>().len() as u64,
        modern_since: how_many(After::ModernSince),
        still_old: how_many(After::StillOld),
        not_seen_since: how_many(After::NotSeenSince),
        windows: reports,
    }))
}

/// By account, what is certain and what is inferred of it alone.
fn last_seen(tally: &Tally<'_>) -> HashMap<Arc<str>, Last> {
    let mut all: HashMap<Arc<str>, Last> = HashMap::new();
    for (who, one) in &tally.by_who {
        let id = match who {
            Who::Known(id) => id,
            Who::Inferred { candidates, more } => match candidates.as_slice() {
                [only] if !more => only,
                _ => continue,
            },
            Who::Nobody => continue,
        };
        let last = all.entry(id.clone()).or_default();
        last.met = last.met.max(one.met);
        last.missed = last.missed.max(one.misses.map(|misses| misses.last));
    }
    all
}

fn after(last: Option<&Last>, over: Timestamp) -> After {
    match last {
        Some(last) if last.missed > Some(over) => After::StillOld,
        Some(last) if last.met > Some(over) => After::ModernSince,
        _ => After::NotSeenSince,
    }
}

/// When the window that opened at `start` closed, where the plan still has it.
fn closes(sunset: &Sunset, start: Timestamp) -> Option<Timestamp> {
    sunset
        .brownouts
        .iter()
        .filter_map(|run| run.window_at(start))
        .find(|window| window.start == start)
        .map(|window| window.end)
}
