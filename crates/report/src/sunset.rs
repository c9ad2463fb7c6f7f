//! One sunset's part of a report: sums, then the rows, worst first.

use std::collections::HashMap;
use std::sync::Arc;

use floor::Verdict;
use hello::OfferId;
use jiff::Timestamp;
use ledger::{Detail, LedgerError, Range, Who};

use crate::brownouts;
use crate::build::{Gathered, Inquiry};
use crate::clients::addresses;
use crate::exceptions::Needs;
use crate::model::{InForce, More, Next, Row, RowWho, State, SunsetReport, Usage};
use crate::subject::{Fate, Place, Subject};
use crate::tally::{OfOne, Tally};
use crate::words::days_between;

/// After so long without a sighting it may be over: a weekly job has had its turn.
const QUIET_DAYS: i64 = 8;

/// Offers of one account by which its details are read, the most used first. A client can make offers without end;
/// programs that anybody runs are told by far fewer.
const MOST_OFFERS: usize = 500;

/// Reports one sunset.
pub(crate) fn report(
    inquiry: &Inquiry<'_>,
    subject: &Subject<'_>,
    mut tally: Tally<'_>,
    gathered: &mut Gathered<'_>,
) -> Result<SunsetReport, LedgerError> {
    let missing = ranked(&tally);
    let old = already_missing(inquiry, subject)?;
    let brownouts = match subject.sunset {
        Some((_, sunset)) => brownouts::report(inquiry, sunset, &tally)?,
        None => None,
    };
    let most = inquiry.options.most.unwrap_or(usize::MAX);
    let mut needs = Needs::new(subject);
    let mut breaking = Vec::new();
    let mut more = More::default();
    for (who, misses) in missing {
        let listed = old.as_ref().is_none_or(|old| !old.contains_key(&who));
        let in_full = listed && breaking.len() < most;
        let details = if in_full || subject.has_places() {
            details(inquiry, &who, &tally)?
        } else {
            Vec::new()
        };
        if subject.has_places() {
            tally.lift(subject, inquiry.offers, &who, &details);
        }
        let Some(one) = tally.by_who.get(&who) else {
            continue;
        };
        needs.weigh(inquiry, &who, one, &details);
        if in_full {
            breaking.push(row(inquiry, subject, &tally, &who, one, &details, gathered));
        } else if listed {
            more.rows += 1;
            more.connections += misses.connections;
            more.requests += misses.requests;
        }
    }
    let state = subject
        .sunset
        .map(|(_, sunset)| (sunset.phase(inquiry.now), sunset.next_change(inquiry.now)));
    let (phase, next) = state.unwrap_or_default();
    Ok(SunsetReport {
        sunset: subject.sunset.map(|(_, sunset)| sunset.name.clone()),
        floor: subject.floor.name().to_owned(),
        title: subject.floor.title().to_owned(),
        cohort: subject
            .sunset
            .and_then(|(_, sunset)| inquiry.plan.cohort_of(sunset))
            .map(|cohort| cohort.name.clone()),
        phase,
        hold: subject
            .sunset
            .and_then(|(index, _)| inquiry.plan.hold_of(index))
            .cloned(),
        next: next.map(|next| Next {
            phase: next.phase,
            at: next.at,
        }),
        ends: subject.sunset.and_then(|(_, sunset)| sunset.ends_at()),
        connections: tally.connections,
        requests: tally.requests,
        accounts: tally.accounts(),
        breaking,
        more,
        exceptions: needs.notes(inquiry, &tally),
        brownouts,
        days: Vec::new(),
    })
}

/// All who miss, worst first. What is inferred of one account stands behind what is certain of it.
fn ranked(tally: &Tally<'_>) -> Vec<(Who, Usage)> {
    let mut by_id: HashMap<Arc<str>, Usage> = HashMap::new();
    let mut missing: Vec<(RowWho, Usage)> = Vec::new();
    for (who, one) in &tally.by_who {
        let Some(misses) = one.misses else {
            continue;
        };
        let who = RowWho((*who).clone());
        if let Some(id) = who.id() {
            by_id
                .entry(id.clone())
                .and_modify(|sum| sum.add(misses))
                .or_insert(misses);
        }
        missing.push((who, misses));
    }
    missing.sort_by_cached_key(|(who, misses)| {
        let of_account = who.id().and_then(|id| by_id.get(id)).unwrap_or(misses);
        (
            // Whoever has no name cannot be written to: last.
            who.0 == Who::Nobody,
            of_account.rank(),
            who.id().cloned(),
            who.attribution() != "known",
            who.0.clone(),
        )
    });
    missing
        .into_iter()
        .map(|(who, misses)| (who.0, misses))
        .collect()
}

/// Who missed before the time that counts as new; `None` where new and old are listed alike.
fn already_missing(
    inquiry: &Inquiry<'_>,
    subject: &Subject<'_>,
) -> Result<Option<HashMap<Who, Timestamp>>, LedgerError> {
    let Some(since) = inquiry.new_since() else {
        return Ok(None);
    };
    let before = Range {
        from: None,
        until: Some(since),
    };
    let mut old = HashMap::new();
    for group in inquiry.ledger.groups(before)? {
        let misses = subject.verdict(group.offer).is_some_and(Verdict::misses);
        // The range ends within an hour, and that whole hour is in the answer.
        if misses && inquiry.counts(group.visitor) && group.counts.first < since {
            old.insert(group.who, group.counts.first);
        }
    }
    Ok(Some(old))
}

/// Whether somebody was refused since who may be this account: who is refused shows no account.
fn perhaps_refused(tally: &Tally<'_>, who: &Who, since: Timestamp) -> bool {
    let Who::Known(id) = who else {
        return false;
    };
    tally.by_who.iter().any(|(other, one)| {
        let may_be = matches!(other, Who::Inferred { candidates, .. } if candidates.contains(id));
        may_be
            && one
                .misses
                .is_some_and(|misses| misses.refused > 0 && misses.last > since)
    })
}

/// The details of what misses, of those who count.
fn details(
    inquiry: &Inquiry<'_>,
    who: &Who,
    tally: &Tally<'_>,
) -> Result<Vec<Detail>, LedgerError> {
    let Some(one) = tally.by_who.get(who) else {
        return Ok(Vec::new());
    };
    let mut offers = one.offers.clone();
    offers.sort_by_key(|(_, usage)| usage.rank());
    let offers: Vec<OfferId> = offers
        .into_iter()
        .map(|(id, _)| id)
        .take(MOST_OFFERS)
        .collect();
    let mut details = inquiry
        .ledger
        .details_of(inquiry.options.range(), who, &offers)?;
    details.retain(|detail| inquiry.counts(detail.visitor));
    Ok(details)
}

fn row(
    inquiry: &Inquiry<'_>,
    subject: &Subject<'_>,
    tally: &Tally<'_>,
    who: &Who,
    one: &OfOne,
    details: &[Detail],
    gathered: &mut Gathered<'_>,
) -> Row {
    let named = RowWho(who.clone());
    for name in details.iter().filter_map(|detail| detail.sni.as_ref()) {
        gathered.server_name(name, &named);
    }
    let misses = one.misses.unwrap_or(Usage {
        connections: 0,
        refused: 0,
        requests: 0,
        first: inquiry.until,
        last: inquiry.until,
    });
    let days_since = days_between(misses.last, inquiry.until).max(0);
    let state = if days_since < QUIET_DAYS {
        State::Active
    } else if perhaps_refused(tally, who, misses.last) {
        State::PerhapsRefused
    } else if one.met > Some(misses.last) {
        State::SeemsFixed
    } else {
        State::GoneQuiet
    };
    let verdict = |id| {
        subject
            .verdict(Some(id))
            .copied()
            .unwrap_or_else(Verdict::default)
    };
    Row {
        breaks: one.breaks,
        misses,
        requests_a_day: misses.requests as f64 / inquiry.days,
        all: one.all,
        state,
        days_since,
        age_seconds: details.iter().filter_map(|detail| detail.age_seconds).max(),
        addresses: addresses(details.iter()),
        programs: gathered.clients.programs(details.iter(), verdict),
        exceptions: in_force(inquiry, subject, who, details),
        who: named,
    }
}

/// The exceptions that let some of this past now.
fn in_force(
    inquiry: &Inquiry<'_>,
    subject: &Subject<'_>,
    who: &Who,
    details: &[Detail],
) -> Vec<InForce> {
    let mut found = Vec::new();
    for detail in details {
        let Some(offer) = detail.offer.and_then(|id| inquiry.offers.get(&id)) else {
            continue;
        };
        let fate = subject.fate(offer, who, Place::of(detail), inquiry.now);
        let Fate::Excepted(exception) = fate else {
            continue;
        };
        let exception = InForce {
            owner: exception.owner.clone(),
            reason: exception.reason.clone(),
            until: exception.until,
        };
        if !found.contains(&exception) {
            found.push(exception);
        }
    }
    found
}
