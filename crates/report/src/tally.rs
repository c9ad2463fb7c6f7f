//! Sums by what a floor does to them.

use std::collections::HashMap;

use hello::{Offer, OfferId};
use jiff::Timestamp;
use ledger::{Detail, Group, Who};

use crate::model::{Shares, Usage, Volume};
use crate::subject::{Fate, Place, Subject};

/// How all of a range stands with one floor.
pub(crate) struct Tally<'g> {
    pub(crate) connections: Shares,
    pub(crate) requests: Shares,
    pub(crate) by_who: HashMap<&'g Who, OfOne>,
}

/// How one account's part stands.
#[derive(Clone, Debug, Default)]
pub(crate) struct OfOne {
    /// What misses.
    pub(crate) misses: Option<Usage>,
    /// The offers that miss.
    pub(crate) offers: Vec<(OfferId, Usage)>,
    /// When something that meets was last seen.
    pub(crate) met: Option<Timestamp>,
    /// Something that misses is let past by no exception on the day.
    pub(crate) breaks: bool,
    pub(crate) all: Volume,
    /// When anything was last seen.
    pub(crate) last: Option<Timestamp>,
}

impl<'g> Tally<'g> {
    /// Weighs exceptions by account. Where some are for places, nothing is let past here: see [`Tally::lift`].
    pub(crate) fn new(
        subject: &Subject<'_>,
        offers: &HashMap<OfferId, Offer>,
        groups: impl Iterator<Item = &'g Group>,
    ) -> Self {
        let mut tally = Self {
            connections: Shares::default(),
            requests: Shares::default(),
            by_who: HashMap::new(),
        };
        for group in groups {
            let usage = Usage::new(&group.counts);
            let one = tally.by_who.entry(&group.who).or_default();
            one.all.connections += usage.connections;
            one.all.requests += usage.requests;
            one.last = one.last.max(Some(usage.last));
            let offer = group.offer.and_then(|id| Some((id, offers.get(&id)?)));
            let (Some(verdict), Some((id, offer))) = (subject.verdict(group.offer), offer) else {
                tally.connections.unjudged += usage.connections;
                tally.requests.unjudged += usage.requests;
                continue;
            };
            // Where they came from is not known here: see `lift`.
            let fate = if verdict.meets() {
                Fate::Spared
            } else {
                subject.fate(offer, &group.who, Place::default(), subject.day)
            };
            if matches!(fate, Fate::Spared) {
                one.met = one.met.max(Some(usage.last));
                tally.connections.survive += usage.connections;
                tally.requests.survive += usage.requests;
                continue;
            }
            add(&mut one.misses, usage);
            one.offers.push((id, usage));
            tally.connections.breaks += usage.connections;
            tally.requests.breaks += usage.requests;
            if !subject.has_places() && matches!(fate, Fate::Excepted(_)) {
                tally.connections.excepted += usage.connections;
                tally.requests.excepted += usage.requests;
            } else {
                one.breaks = true;
            }
        }
        for shares in [&mut tally.connections, &mut tally.requests] {
            shares.total = shares.survive + shares.breaks + shares.unjudged;
        }
        tally
    }

    /// Weighs exceptions by account and place, by what the ledger says in detail of one that misses.
    pub(crate) fn lift(
        &mut self,
        subject: &Subject<'_>,
        offers: &HashMap<OfferId, Offer>,
        who: &Who,
        details: &[&Detail],
    ) {
        let Some(one) = self.by_who.get_mut(who) else {
            return;
        };
        let mut lifted = Volume::default();
        for detail in details {
            let Some(offer) = detail.offer.and_then(|id| offers.get(&id)) else {
                continue;
            };
            let place = Place::of(detail);
            let fate = subject.fate(offer, who, place, subject.day);
            if matches!(fate, Fate::Excepted(_)) {
                lifted.connections += detail.counts.connections;
                lifted.requests += detail.counts.requests.total();
            }
        }
        self.connections.excepted += lifted.connections;
        self.requests.excepted += lifted.requests;
        one.breaks = one.misses.is_some_and(|misses| {
            lifted.connections < misses.connections || lifted.requests < misses.requests
        });
    }

    /// Accounts that showed themselves. What is only inferred is nobody's for certain, and in no share of accounts.
    pub(crate) fn accounts(&self) -> Shares {
        let mut shares = Shares::default();
        for (who, one) in &self.by_who {
            if !matches!(who, Who::Known(_)) {
                continue;
            }
            shares.total += 1;
            if one.misses.is_some() {
                shares.breaks += 1;
                shares.excepted += u64::from(!one.breaks);
            } else if one.met.is_some() {
                shares.survive += 1;
            } else {
                shares.unjudged += 1;
            }
        }
        shares
    }
}

/// Adds to a sum that may not have begun.
pub(crate) fn add(sum: &mut Option<Usage>, usage: Usage) {
    match sum {
        Some(sum) => sum.add(usage),
        None => *sum = Some(usage),
    }
}
