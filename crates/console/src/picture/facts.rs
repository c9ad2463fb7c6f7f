//! What is known of each account over all time.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use ledger::{AccountFacts, Group, Visitor, Who};

/// Days over which requests are counted, as the ledger counts them.
const DAYS: i64 = 30;

/// What is known of accounts.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    by_id: HashMap<Arc<str>, Known>,
}

/// What is known of one account.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    /// When it first and last showed itself; absent for one that is only inferred.
    pub(crate) seen: Option<(Timestamp, Timestamp)>,
    /// Whether anything of it counts as a customer's: it does not where people say that it is none.
    pub(crate) is_customer: bool,
    /// Requests in the last 30 days of the picture.
    pub(crate) requests: u64,
    /// Under which attributions it appears.
    pub(crate) whose: Vec<Who>,
}

impl Facts {
    /// Takes what somebody did on a day.
    pub(super) fn take(&mut self, date: Date, group: &Group, today: Date) {
        match &group.who {
            Who::Nobody => {}
            Who::Known(id) => {
                let known = self.known(id, &group.who);
                let (first, last) = known
                    .seen
                    .unwrap_or((group.counts.first, group.counts.last));
                known.seen = Some((first.min(group.counts.first), last.max(group.counts.last)));
                known.is_customer |= group.visitor == Visitor::Customer;
                if group.visitor == Visitor::Customer && date > today.saturating_sub(DAYS.days()) {
                    known.requests += group.counts.requests.total();
                }
            }
            Who::Inferred { candidates, .. } => {
                for id in candidates {
                    self.known(id, &group.who);
                }
            }
        }
    }

    fn known(&mut self, id: &Arc<str>, who: &Who) -> &mut Known {
        let known = self.by_id.entry(id.clone()).or_insert_with(|| Known {
            seen: None,
            is_customer: false,
            requests: 0,
            whose: Vec::new(),
        });
        // A client behind a shared address can have candidates in any combination; an account page needs a few.
        if known.whose.len() < MOST_WHOSE && !known.whose.contains(who) {
            known.whose.push(who.clone());
        }
        known
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Known> {
        self.by_id.get(id)
    }

    /// Every customer that showed itself, in no order.
    pub(crate) fn shown(&self) -> impl Iterator<Item = (&Arc<str>, &Known)> {
        self.by_id
            .iter()
            .filter(|(_, known)| known.seen.is_some() && known.is_customer)
    }

    /// As the ledger tells it.
    pub(crate) fn as_facts(&self, id: &str) -> Option<AccountFacts> {
        let (id, known) = self.by_id.get_key_value(id)?;
        let (first, last) = known.seen?;
        Some(AccountFacts {
            id: id.clone(),
            first,
            last,
            requests_30_days: known.requests,
        })
    }
}

/// Attributions that are kept of one account.
const MOST_WHOSE: usize = 64;
