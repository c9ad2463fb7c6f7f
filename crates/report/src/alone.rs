//! A ledger in which there is one account: a report of it asks nothing of all the others.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use hello::{Offer, OfferId};
use ledger::{
    AccountFacts, Association, Counts, Detail, Gap, Group, LedgerError, Query, Range, Visitor, Who,
    WindowHit,
};

/// What one account certainly did, and what was refused where it alone had been seen with the same hello. What may be
/// another's is not in it, so that it can be shown to the account itself.
pub struct Alone<'a> {
    ledger: &'a dyn Query,
    whose: [Who; 2],
    id: &'a str,
}

impl<'a> Alone<'a> {
    /// Of the account with this id.
    pub fn new(ledger: &'a dyn Query, id: &'a str) -> Self {
        let own: Arc<str> = id.into();
        let inferred = Who::Inferred {
            candidates: vec![own.clone()],
            more: false,
        };
        Self {
            ledger,
            whose: [Who::Known(own), inferred],
            id,
        }
    }

    /// What is certain, and what is inferred.
    pub const fn whose(&self) -> &[Who; 2] {
        &self.whose
    }
}

impl Query for Alone<'_> {
    /// Of all offers, those of this account.
    fn offers(&self) -> Result<Vec<(OfferId, Offer)>, LedgerError> {
        let mut own: HashSet<OfferId> = HashSet::new();
        for who in &self.whose {
            let details = self.ledger.details(Range::default(), who)?;
            own.extend(details.into_iter().filter_map(|detail| detail.offer));
        }
        let mut offers = self.ledger.offers()?;
        offers.retain(|(id, _)| own.contains(id));
        Ok(offers)
    }

    fn groups(&self, range: Range) -> Result<Vec<Group>, LedgerError> {
        let mut groups = Vec::new();
        for who in &self.whose {
            let mut sums: HashMap<(Visitor, Option<OfferId>), Counts> = HashMap::new();
            for detail in self.ledger.details(range, who)? {
                sums.entry((detail.visitor, detail.offer))
                    .and_modify(|sum| add(sum, &detail.counts))
                    .or_insert(detail.counts);
            }
            groups.extend(sums.into_iter().map(|((visitor, offer), counts)| Group {
                who: who.clone(),
                visitor,
                offer,
                is_other: false,
                counts,
            }));
        }
        Ok(groups)
    }

    fn details(&self, range: Range, who: &Who) -> Result<Vec<Detail>, LedgerError> {
        if self.whose.contains(who) {
            self.ledger.details(range, who)
        } else {
            Ok(Vec::new())
        }
    }

    /// None: who was hit in which window is asked of everybody at once.
    fn windows(&self, _: Range) -> Result<Vec<WindowHit>, LedgerError> {
        Ok(Vec::new())
    }

    fn accounts(&self) -> Result<Vec<AccountFacts>, LedgerError> {
        let mut facts: Option<AccountFacts> = None;
        for detail in self.ledger.details(Range::default(), &self.whose[0])? {
            let Counts { first, last, .. } = detail.counts;
            let facts = facts.get_or_insert_with(|| AccountFacts {
                id: self.id.into(),
                first,
                last,
                requests_30_days: 0,
            });
            facts.first = facts.first.min(first);
            facts.last = facts.last.max(last);
        }
        Ok(facts.into_iter().collect())
    }

    /// None: they say where others were.
    fn associations(&self, _: usize) -> Result<Vec<Association>, LedgerError> {
        Ok(Vec::new())
    }

    fn gaps(&self, range: Range) -> Result<Vec<Gap>, LedgerError> {
        self.ledger.gaps(range)
    }
}

fn add(sum: &mut Counts, more: &Counts) {
    sum.connections += more.connections;
    sum.refused += more.refused;
    sum.requests.served += more.requests.served;
    sum.requests.warned += more.requests.warned;
    sum.requests.explained += more.requests.explained;
    sum.requests.answered += more.requests.answered;
    sum.first = sum.first.min(more.first);
    sum.last = sum.last.max(more.last);
}
