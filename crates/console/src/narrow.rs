//! A ledger in which there is one account: a report of it asks nothing of all the others.

use std::collections::HashMap;

use hello::{Offer, OfferId};
use jiff::Timestamp;
use ledger::{
    AccountFacts, Association, Counts, Detail, Gap, Group, LedgerError, Query, Range, Visitor, Who,
    WindowHit,
};

/// What one account did, by every attribution that names it.
pub(crate) struct Narrow<'a> {
    pub(crate) reader: &'a dyn Query,
    pub(crate) whose: Vec<Who>,
    pub(crate) facts: Option<AccountFacts>,
}

impl Query for Narrow<'_> {
    fn offers(&self) -> Result<Vec<(OfferId, Offer)>, LedgerError> {
        self.reader.offers()
    }

    fn groups(&self, range: Range) -> Result<Vec<Group>, LedgerError> {
        let mut groups = Vec::new();
        for who in &self.whose {
            let mut sums: HashMap<(Visitor, Option<OfferId>), Counts> = HashMap::new();
            for detail in self.reader.details(range, who)? {
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
        self.reader.details(range, who)
    }

    fn windows(&self, range: Range) -> Result<Vec<WindowHit>, LedgerError> {
        self.reader.windows(range)
    }

    fn accounts(&self) -> Result<Vec<AccountFacts>, LedgerError> {
        Ok(self.facts.iter().cloned().collect())
    }

    fn associations(&self, most: usize) -> Result<Vec<Association>, LedgerError> {
        self.reader.associations(most)
    }

    fn gaps(&self, range: Range) -> Result<Vec<Gap>, LedgerError> {
        self.reader.gaps(range)
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

/// The moment from which on a range of so many days before another begins.
pub(crate) fn days_before(at: Timestamp, days: i64) -> Timestamp {
    at.checked_sub(jiff::SignedDuration::from_hours(24 * days))
        .unwrap_or(Timestamp::MIN)
}
