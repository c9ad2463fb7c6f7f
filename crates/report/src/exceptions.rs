//! Which exceptions somebody should act on.

use std::collections::HashSet;

use jiff::Timestamp;
use ledger::{Detail, Who};

use crate::build::Inquiry;
use crate::model::{ExceptionNote, ExceptionState, RowWho, Usage};
use crate::subject::{Lone, Place, Subject};
use crate::tally::{OfOne, Tally, add};
use crate::words::days_between;

/// An exception that ends within this many days is said to end soon: two weeks, as a release takes.
const SOON_DAYS: i64 = 14;

/// What still needs each exception of a sunset.
pub(crate) struct Needs<'s, 'p> {
    needs: Vec<(&'s Lone<'p>, Option<Usage>)>,
}

impl<'s, 'p> Needs<'s, 'p> {
    pub(crate) fn new(subject: &'s Subject<'p>) -> Self {
        let exceptions = subject.exceptions().iter();
        Self {
            needs: exceptions.map(|lone| (lone, None)).collect(),
        }
    }

    /// Counts what of somebody's traffic each exception, were there no other and no end to it, would let past.
    pub(crate) fn weigh(
        &mut self,
        inquiry: &Inquiry<'_>,
        who: &Who,
        one: &OfOne,
        details: &[&Detail],
    ) {
        // All of them are in force then.
        let always = Timestamp::MIN;
        let id = RowWho(who.clone()).id().cloned();
        for (lone, need) in &mut self.needs {
            let account = lone.exception.account.as_deref();
            if account.is_some() && account != id.as_deref() {
                continue;
            }
            if lone.has_place() {
                for detail in details {
                    let Some(offer) = detail.offer.and_then(|id| inquiry.offers.get(&id)) else {
                        continue;
                    };
                    if lone.lifts(offer, who, Place::of(detail), always) {
                        add(need, Usage::new(&detail.counts));
                    }
                }
                continue;
            }
            for (id, usage) in &one.offers {
                let Some(offer) = inquiry.offers.get(id) else {
                    continue;
                };
                if lone.lifts(offer, who, Place::default(), always) {
                    add(need, *usage);
                }
            }
        }
    }

    /// What is to be said of each.
    pub(crate) fn notes(self, inquiry: &Inquiry<'_>, tally: &Tally<'_>) -> Vec<ExceptionNote> {
        let asked_for = inquiry.options.account.as_deref();
        let mut ids: HashSet<&str> = HashSet::new();
        for who in tally.by_who.keys() {
            match who {
                Who::Nobody => {}
                Who::Known(id) => {
                    ids.insert(id);
                }
                Who::Inferred { candidates, .. } => {
                    ids.extend(candidates.iter().map(AsRef::as_ref))
                }
            }
        }
        let seen = |id: &str| ids.contains(id);
        let notes = self.needs.into_iter().filter_map(|(lone, needed_by)| {
            let exception = lone.exception;
            // A report on one account says nothing of what others need.
            let concerns = asked_for.is_none()
                || exception.account.as_deref() == asked_for
                || needed_by.is_some();
            if !concerns {
                return None;
            }
            let days_left = days_between(inquiry.now, exception.until);
            let state = if exception.until <= inquiry.now {
                ExceptionState::Ended
            } else if needed_by.is_none() {
                ExceptionState::NotNeeded
            } else if days_left < SOON_DAYS {
                ExceptionState::EndsSoon
            } else {
                ExceptionState::InForce
            };
            Some(ExceptionNote {
                account: exception.account.clone(),
                address: exception.address.as_ref().map(ToString::to_string),
                sni: exception.sni.clone(),
                owner: exception.owner.clone(),
                reason: exception.reason.clone(),
                until: exception.until,
                state,
                days_left,
                needed_by,
                account_seen: exception.account.as_deref().map(seen),
            })
        });
        notes.collect()
    }
}
