//! A ledger as people have marked it.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use hello::{Offer, OfferId};
use jiff::Timestamp;
use jiff::civil::Date;

use super::{Note, PEOPLE, People};
use crate::{
    AccountFacts, Association, Client, Detail, Gap, Group, LedgerError, Named, Presence, Query,
    Range, Reader, Visitor, Wanted, Who, WindowHit,
};

/// A ledger in which accounts are what people say they are: what a test account or a monitor does counts as a
/// visitor's, wherever it is asked about.
#[derive(Debug)]
pub struct Marked<Q> {
    ledger: Q,
    visitors: HashMap<String, Visitor>,
}

impl Marked<Reader> {
    /// The ledger of a data directory as people have marked it.
    ///
    /// # Errors
    ///
    /// When there is no ledger there, or one of the two files cannot be read.
    pub fn open(data_directory: &Path) -> Result<Self, LedgerError> {
        let ledger = Reader::open(&data_directory.join(crate::FILE))?;
        let notes = People::read(&data_directory.join(PEOPLE))?.notes()?;
        Ok(Self::new(ledger, &notes))
    }
}

impl<Q: Query> Marked<Q> {
    /// The ledger itself.
    pub const fn ledger(&self) -> &Q {
        &self.ledger
    }

    /// A ledger with what was written about its accounts.
    pub fn new(ledger: Q, notes: &[Note]) -> Self {
        let marks = notes
            .iter()
            .filter(|note| note.visitor != Visitor::Customer)
            .map(|note| (note.account.clone(), note.visitor));
        Self {
            ledger,
            visitors: marks.collect(),
        }
    }

    /// What an account is said to be, where something is said. An account that was inferred among several is nobody's
    /// to mark.
    fn mark(&self, who: &Who) -> Option<Visitor> {
        if self.visitors.is_empty() {
            return None;
        }
        match who {
            Who::Known(id) => self.visitors.get(id.as_ref()).copied(),
            Who::Inferred {
                candidates,
                more: false,
            } => match candidates.as_slice() {
                [id] => self.visitors.get(id.as_ref()).copied(),
                _ => None,
            },
            Who::Nobody | Who::Inferred { .. } => None,
        }
    }

    fn marked(&self, who: &Who, mut details: Vec<Detail>) -> Vec<Detail> {
        if let Some(visitor) = self.mark(who) {
            for detail in &mut details {
                detail.visitor = visitor;
            }
        }
        details
    }
}

impl<Q: Query> Query for Marked<Q> {
    fn offers(&self) -> Result<Vec<(OfferId, Offer)>, LedgerError> {
        self.ledger.offers()
    }

    fn groups(&self, range: Range) -> Result<Vec<Group>, LedgerError> {
        let mut groups = self.ledger.groups(range)?;
        if !self.visitors.is_empty() {
            for group in &mut groups {
                if let Some(visitor) = self.mark(&group.who) {
                    group.visitor = visitor;
                }
            }
        }
        Ok(groups)
    }

    fn days(&self, range: Range, each: &mut dyn FnMut(Date, &Group)) -> Result<(), LedgerError> {
        self.ledger
            .days(range, &mut |date, group| match self.mark(&group.who) {
                Some(visitor) if visitor != group.visitor => {
                    let mut group = group.clone();
                    group.visitor = visitor;
                    each(date, &group);
                }
                _ => each(date, group),
            })
    }

    fn presence(
        &self,
        range: Range,
        each: &mut dyn FnMut(Presence<'_>),
    ) -> Result<(), LedgerError> {
        self.ledger.presence(range, &mut |part| match part {
            Presence::Clients(clients) if !self.visitors.is_empty() => {
                let mut clients = clients.to_vec();
                for client in &mut clients {
                    if let Some(visitor) = self.mark(&client.who) {
                        client.visitor = visitor;
                    }
                }
                each(Presence::Clients(&clients));
            }
            part => each(part),
        })
    }

    fn programs(&self, each: &mut dyn FnMut(&Client, Option<Arc<str>>)) -> Result<(), LedgerError> {
        self.ledger
            .programs(&mut |client, user_agent| match self.mark(&client.who) {
                Some(visitor) if visitor != client.visitor => {
                    let mut client = client.clone();
                    client.visitor = visitor;
                    each(&client, user_agent);
                }
                _ => each(client, user_agent),
            })
    }

    fn named(&self, id: &str) -> Result<Option<Named>, LedgerError> {
        let mut named = self.ledger.named(id)?;
        if let (Some(named), Some(visitor)) = (&mut named, self.visitors.get(id)) {
            named.is_customer = named.facts.is_some() && *visitor == Visitor::Customer;
        }
        Ok(named)
    }

    fn details(&self, range: Range, who: &Who) -> Result<Vec<Detail>, LedgerError> {
        Ok(self.marked(who, self.ledger.details(range, who)?))
    }

    fn details_of(
        &self,
        range: Range,
        who: &Who,
        offers: &[OfferId],
    ) -> Result<Vec<Detail>, LedgerError> {
        Ok(self.marked(who, self.ledger.details_of(range, who, offers)?))
    }

    fn details_of_each(
        &self,
        range: Range,
        wanted: &[Wanted],
        each: &mut dyn FnMut(usize, Vec<Detail>),
    ) -> Result<(), LedgerError> {
        self.ledger
            .details_of_each(range, wanted, &mut |place, details| {
                let details = match wanted.get(place) {
                    Some(wanted) => self.marked(&wanted.who, details),
                    None => details,
                };
                each(place, details);
            })
    }

    fn pieces(
        &self,
        range: Range,
        cuts: &[Timestamp],
        each: &mut dyn FnMut(&Who, &Detail),
    ) -> Result<(), LedgerError> {
        self.ledger
            .pieces(range, cuts, &mut |who, detail| match self.mark(who) {
                Some(visitor) if visitor != detail.visitor => {
                    let mut detail = detail.clone();
                    detail.visitor = visitor;
                    each(who, &detail);
                }
                _ => each(who, detail),
            })
    }

    fn windows(&self, range: Range) -> Result<Vec<WindowHit>, LedgerError> {
        let mut hits = self.ledger.windows(range)?;
        for hit in &mut hits {
            if let Some(visitor) = self.mark(&hit.who) {
                hit.visitor = visitor;
            }
        }
        Ok(hits)
    }

    fn accounts(&self) -> Result<Vec<AccountFacts>, LedgerError> {
        self.ledger.accounts()
    }

    fn associations(&self, most: usize) -> Result<Vec<Association>, LedgerError> {
        self.ledger.associations(most)
    }

    fn gaps(&self, range: Range) -> Result<Vec<Gap>, LedgerError> {
        self.ledger.gaps(range)
    }
}
