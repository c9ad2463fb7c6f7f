//! One sunset's part of a report: sums, then the rows, worst first.

use std::collections::HashMap;
use std::sync::Arc;

use floor::Verdict;
use jiff::Timestamp;
use ledger::{Detail, LedgerError, Range, Wanted, Who};

use crate::brownouts;
use crate::build::{Gathered, Inquiry};
use crate::clients::{addresses, lack};
use crate::exceptions::Needs;
use crate::model::{
    Brownouts, InForce, More, Next, Ranked, Ranking, Ready, Row, RowWho, State, SunsetReport, Usage,
};
use crate::subject::{Fate, Place, Subject};
use crate::tally::{OfOne, Tally};
use crate::words::days_between;

/// After so long without a sighting it may be over: a weekly job has had its turn.
pub(crate) const QUIET_DAYS: i64 = 8;

/// Offers of one account by which its details are read, the most used first. A client can make offers without end;
/// programs that anybody runs are told by far fewer.
pub(crate) const MOST_OFFERS: usize = 500;

/// One sunset's part of a report in the making.
pub(crate) struct Part<'s, 'p, 'g> {
    subject: &'s Subject<'p>,
    tally: Tally<'g>,
    missing: Vec<Missing>,
    /// When somebody who may be this account was last refused: who is refused shows no account.
    refused: HashMap<Arc<str>, Timestamp>,
    brownouts: Option<Brownouts>,
    needs: Needs<'s, 'p>,
    rows: Vec<Option<Row>>,
}

/// Somebody who misses.
struct Missing {
    who: Who,
    misses: Usage,
    listed: bool,
    /// By its own row, and not in the number of the others.
    in_full: bool,
}

impl<'s, 'p, 'g> Part<'s, 'p, 'g> {
    pub(crate) fn new(
        inquiry: &Inquiry<'_>,
        subject: &'s Subject<'p>,
        tally: Tally<'g>,
    ) -> Result<Self, LedgerError> {
        let old = already_missing(inquiry, subject)?;
        let brownouts = match subject.sunset {
            Some((_, sunset)) => brownouts::report(inquiry, sunset, &tally)?,
            None => None,
        };
        let most = inquiry.options.most.unwrap_or(usize::MAX);
        let mut places = 0;
        let missing: Vec<Missing> = ranked(&tally)
            .into_iter()
            .map(|(who, misses)| {
                let listed = old.as_ref().is_none_or(|old| !old.contains_key(&who));
                let in_full = listed && places < most;
                places += usize::from(in_full);
                Missing {
                    who,
                    misses,
                    listed,
                    in_full,
                }
            })
            .collect();
        Ok(Self {
            needs: Needs::new(subject),
            refused: perhaps_refused(&tally),
            rows: missing.iter().map(|_| None).collect(),
            subject,
            tally,
            missing,
            brownouts,
        })
    }

    /// Whose details it needs, and of which offers: the places of all who miss, and `None` where it needs none.
    pub(crate) fn wanted(&self) -> impl Iterator<Item = (usize, Option<Wanted>)> {
        self.missing.iter().enumerate().map(|(place, missing)| {
            let needs_details = missing.in_full || self.subject.has_places();
            let one = self.tally.by_who.get(&missing.who);
            let wanted = one.filter(|_| needs_details).map(|one| {
                let mut offers = one.offers.clone();
                offers.sort_by_key(|(_, usage)| usage.rank());
                Wanted {
                    who: missing.who.clone(),
                    offers: offers
                        .into_iter()
                        .map(|(id, _)| id)
                        .take(MOST_OFFERS)
                        .collect(),
                }
            });
            (place, wanted)
        })
    }

    /// Takes the details of the one who misses at this place: of the offers that were wanted, and of those who count.
    pub(crate) fn take(
        &mut self,
        inquiry: &Inquiry<'_>,
        place: usize,
        details: &[&Detail],
        gathered: &mut Gathered<'_>,
    ) {
        let Some(missing) = self.missing.get(place) else {
            return;
        };
        let who = &missing.who;
        if self.subject.has_places() {
            self.tally.lift(self.subject, inquiry.offers, who, details);
        }
        let Some(one) = self.tally.by_who.get(who) else {
            return;
        };
        self.needs.weigh(inquiry, who, one, details);
        if missing.in_full {
            let row = self.row(inquiry, who, one, details, gathered);
            if let Some(kept) = self.rows.get_mut(place) {
                *kept = Some(row);
            }
        }
    }

    /// The part, when all who miss have been taken.
    pub(crate) fn finish(self, inquiry: &Inquiry<'_>) -> SunsetReport {
        let Self { subject, tally, .. } = self;
        let mut more = More::default();
        for missing in &self.missing {
            if missing.listed && !missing.in_full {
                more.rows += 1;
                more.connections += missing.misses.connections;
                more.requests += missing.misses.requests;
            }
        }
        let state = subject
            .sunset
            .map(|(_, sunset)| (sunset.phase(inquiry.now), sunset.next_change(inquiry.now)));
        let (phase, next) = state.unwrap_or_default();
        SunsetReport {
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
            breaking: self.rows.into_iter().flatten().collect(),
            more,
            exceptions: self.needs.notes(inquiry, &tally),
            brownouts: self.brownouts,
            days: Vec::new(),
        }
    }

    /// How everybody stands, whether or not they are listed.
    pub(crate) fn ranking(&self, inquiry: &Inquiry<'_>) -> Ranking {
        let missing = self.missing.iter().filter_map(|missing| {
            let one = self.tally.by_who.get(&missing.who)?;
            let (state, days_since) = self.state(inquiry, &missing.who, one, missing.misses);
            let worst = one.offers.iter().min_by_key(|(_, usage)| usage.rank());
            let worst = worst.map(|(id, _)| *id);
            let verdict = self.subject.verdict(worst);
            Some(Ranked {
                who: RowWho(missing.who.clone()),
                breaks: one.breaks,
                misses: missing.misses,
                requests_a_day: missing.misses.requests as f64 / inquiry.days,
                all: one.all,
                state,
                days_since,
                met: one.met,
                last: one.last.unwrap_or(missing.misses.last),
                worst,
                lacks: verdict
                    .into_iter()
                    .flat_map(Verdict::shortfalls)
                    .map(lack)
                    .collect(),
            })
        });
        let ready = self.tally.by_who.iter().filter_map(|(who, one)| {
            let (Who::Known(id), None) = (who, one.misses) else {
                return None;
            };
            Some(Ready {
                id: id.clone(),
                all: one.all,
                requests_a_day: one.all.requests as f64 / inquiry.days,
                last: one.last?,
            })
        });
        let mut ready: Vec<Ready> = ready.collect();
        ready.sort_by(|one, other| {
            (other.all.requests, &one.id).cmp(&(one.all.requests, &other.id))
        });
        Ranking {
            missing: missing.collect(),
            ready,
        }
    }

    /// Whether what misses still comes, and how many days ago the last of it was.
    fn state(&self, inquiry: &Inquiry<'_>, who: &Who, one: &OfOne, misses: Usage) -> (State, i64) {
        let days_since = days_between(misses.last, inquiry.until).max(0);
        let refused_since = match who {
            Who::Known(id) => self.refused.get(id) > Some(&misses.last),
            _ => false,
        };
        let state = if days_since < QUIET_DAYS {
            State::Active
        } else if refused_since {
            State::PerhapsRefused
        } else if one.met > Some(misses.last) {
            State::SeemsFixed
        } else {
            State::GoneQuiet
        };
        (state, days_since)
    }

    fn row(
        &self,
        inquiry: &Inquiry<'_>,
        who: &Who,
        one: &OfOne,
        details: &[&Detail],
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
        let (state, days_since) = self.state(inquiry, who, one, misses);
        let verdict = |id| {
            self.subject
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
            addresses: addresses(details.iter().copied()),
            programs: gathered.clients.programs(details.iter().copied(), verdict),
            exceptions: in_force(inquiry, self.subject, who, details),
            who: named,
        }
    }
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

/// When somebody who may be this account was last refused, by account.
fn perhaps_refused(tally: &Tally<'_>) -> HashMap<Arc<str>, Timestamp> {
    let mut last: HashMap<Arc<str>, Timestamp> = HashMap::new();
    for (who, one) in &tally.by_who {
        let (Who::Inferred { candidates, .. }, Some(misses)) = (who, one.misses) else {
            continue;
        };
        for id in candidates.iter().filter(|_| misses.refused > 0) {
            let known = last.entry(id.clone()).or_insert(misses.last);
            *known = misses.last.max(*known);
        }
    }
    last
}

/// The exceptions that let some of this past now.
fn in_force(
    inquiry: &Inquiry<'_>,
    subject: &Subject<'_>,
    who: &Who,
    details: &[&Detail],
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
