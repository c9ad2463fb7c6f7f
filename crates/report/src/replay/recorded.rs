//! Whether the ledger recorded what a plan decides.

use floor::{Phase, Plan};
use hello::Offer;
use ledger::{Detail, Who};

use super::clock::Clock;
use super::fate::{AtHello, decide};
use super::model::{Difference, Recorded, Said};
use crate::model::RowWho;

/// Differences that are listed; the number of the others is said.
const MOST: usize = 100;

/// The comparison as it adds up.
pub(super) struct Comparison<'a> {
    plan: &'a Plan,
    pub(super) clock: Clock,
    recorded: Recorded,
}

impl<'a> Comparison<'a> {
    pub(super) fn new(plan: &'a Plan, clock: Clock) -> Self {
        Self {
            plan,
            clock,
            recorded: Recorded::default(),
        }
    }

    pub(super) fn take(&mut self, who: &Who, detail: &Detail, offer: &Offer) {
        let amount = detail.counts.connections + detail.counts.requests.total();
        if detail.action.is_empty() || offer.is_partial() {
            self.recorded.cannot_tell += amount;
            return;
        }
        let found = Said {
            sunset: detail.sunset.as_deref().map(str::to_owned),
            phase: detail.phase,
            action: detail.action.as_ref().to_owned(),
        };
        let mut said: Vec<Said> = Vec::new();
        for (at, _) in self.clock.times(detail.counts.first, detail.counts.last) {
            for at_hello in [AtHello::Remembered, AtHello::New] {
                let one = self.said(who, detail, offer, at, at_hello);
                // The first connection of an account from somewhere differs from all later ones only while it is
                // refused at the hello by what is remembered. The ledger does not say which it was.
                if at_hello == AtHello::Remembered || one == found {
                    said.push(one);
                }
            }
        }
        said.dedup();
        match said.as_slice() {
            [first, rest @ ..] if rest.iter().all(|one| one == first) => {
                if *first == found {
                    self.recorded.agree += amount;
                } else {
                    self.differ(who, found, first.clone(), amount);
                }
            }
            all if all.contains(&found) => {
                // By time alone it can be either; by what was recorded it is this.
                self.recorded.agree += amount;
            }
            [first, ..] => self.differ(who, found, first.clone(), amount),
            [] => self.recorded.cannot_tell += amount,
        }
    }

    fn said(
        &self,
        who: &Who,
        detail: &Detail,
        offer: &Offer,
        at: jiff::Timestamp,
        at_hello: AtHello,
    ) -> Said {
        let decision = decide(self.plan, offer, who, detail, at, at_hello);
        let sunset = decision
            .sunset
            .and_then(|index| self.plan.sunsets.get(index));
        Said {
            sunset: sunset.map(|sunset| sunset.name.clone()),
            phase: decision.phase as Option<Phase>,
            action: decision.action.name().to_owned(),
        }
    }

    fn differ(&mut self, who: &Who, recorded: Said, replayed: Said, amount: u64) {
        self.recorded.differ += amount;
        let differences = &mut self.recorded.differences;
        let is_room = differences.len() < MOST;
        let known = differences
            .iter_mut()
            .find(|one| one.who.0 == *who && one.recorded == recorded && one.replayed == replayed);
        match known {
            Some(known) => known.amount += amount,
            None if is_room => differences.push(Difference {
                who: RowWho(who.clone()),
                recorded,
                replayed,
                amount,
            }),
            None => {}
        }
    }

    pub(super) fn finish(mut self) -> Recorded {
        self.recorded
            .differences
            .sort_by(|one, other| (other.amount, &one.who.0).cmp(&(one.amount, &other.who.0)));
        self.recorded
    }
}
