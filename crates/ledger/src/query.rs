//! The questions that can be asked of a ledger. No SQL outside this crate: whoever asks knows these types and
//! [`Query`], and another engine can stand behind them.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;

use floor::Phase;
use hello::{Offer, OfferId};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{Association, LedgerError, Requests, Visitor};

/// A stretch of time. Roll-ups are by the hour, and by the day once they are compacted: what is in an hour (or a day)
/// that the range touches is in the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// Its first moment; `None` for since ever.
    pub from: Option<Timestamp>,
    /// The first moment after it; `None` for until now.
    pub until: Option<Timestamp>,
}

/// Whom a roll-up row counts for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Who {
    /// No account showed itself and none was seen there before.
    Nobody,
    /// This account, certain.
    Known(Arc<str>),
    /// One of these accounts, sorted by id; one alone is an inference all the same.
    Inferred {
        /// The ids.
        candidates: Vec<Arc<str>>,
        /// There were more than are listed.
        more: bool,
    },
}

/// What a roll-up row counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Connections.
    pub connections: u64,
    /// Of these, those that the plan refused.
    pub refused: u64,
    /// Requests, by what became of them.
    #[serde(flatten)]
    pub requests: Requests,
    /// The first of them.
    pub first: Timestamp,
    /// The last of them.
    pub last: Timestamp,
}

/// Everything one account did with one offer, over a range: what a floor is judged by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Whose.
    pub who: Who,
    /// A customer or not.
    pub visitor: Visitor,
    /// The offer; `None` where no hello was read, and for what is counted without its details (`other`).
    pub offer: Option<OfferId>,
    /// How much is counted here without its details, because there was no room for another key or no time to look.
    /// Such a group has no offer and its `who` is [`Who::Nobody`].
    pub is_other: bool,
    /// How much.
    pub counts: Counts,
}

/// What one account did, in every respect that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detail {
    /// A customer or not.
    pub visitor: Visitor,
    /// The listener.
    pub edge: Arc<str>,
    /// The client's address, as far as the privacy setting kept it.
    pub address: Option<IpAddr>,
    /// The server name.
    pub sni: Option<Arc<str>>,
    /// The offer.
    pub offer: Option<OfferId>,
    /// The User-Agent.
    pub user_agent: Option<Arc<str>>,
    /// The version negotiated, as OpenSSL spells it.
    pub version: Option<Arc<str>>,
    /// The cipher suite, as OpenSSL spells it.
    pub cipher: Option<Arc<str>>,
    /// The group, as IANA spells it.
    pub group: Option<Arc<str>>,
    /// The sunset that decided.
    pub sunset: Option<Arc<str>>,
    /// The phase it was in.
    pub phase: Option<Phase>,
    /// `serve`, `warn`, `explain` or `refuse`; empty where nothing was judged.
    pub action: Arc<str>,
    /// How the connections ended ([`Outcome::LABELS`](crate::Outcome::LABELS)), or `open` for requests that came
    /// before their connection's end.
    pub outcome: Arc<str>,
    /// For an inferred account: how long ago at most it had been seen, in seconds.
    pub age_seconds: Option<u64>,
    /// How much.
    pub counts: Counts,
}

/// Somebody with an offer: what a floor is judged by, whenever it was there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Client {
    /// Who.
    pub who: Who,
    /// A customer or not.
    pub visitor: Visitor,
    /// The offer; `None` as in [`Group::offer`].
    pub offer: Option<OfferId>,
    /// As [`Group::is_other`].
    pub is_other: bool,
}

/// A part of the answer to [`Query::presence`].
#[derive(Clone, Copy, Debug)]
pub enum Presence<'a> {
    /// Everybody, told first and once.
    Clients(&'a [Client]),
    /// A day (UTC) and the places among the clients of those who were there. Days come in order.
    Day(Date, &'a [u32]),
}

/// Under what an account is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// What is known of it; `None` where it never showed itself and is only inferred.
    pub facts: Option<AccountFacts>,
    /// Whether anything of it counts as a customer's: it does not where people say that it is none.
    pub is_customer: bool,
    /// The attributions that name it, itself first, at most [`Named::MOST`].
    pub whose: Vec<Who>,
}

impl Named {
    /// Attributions that are told: a client behind a shared address can have candidates in any combination, and a few
    /// tell what there is to tell.
    pub const MOST: usize = 64;
}

/// Somebody whose details are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Who.
    pub who: Who,
    /// The offers whose details are wanted.
    pub offers: Vec<OfferId>,
}

/// Whom one brownout window hit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowHit {
    /// The sunset.
    pub sunset: Arc<str>,
    /// When the window opened.
    pub window: Timestamp,
    /// Who was explained to or refused in it.
    pub who: Who,
    /// A customer or not.
    pub visitor: Visitor,
    /// How much of what they did was explained or refused.
    pub counts: Counts,
}

/// What is known of an account over all time: what cohorts are made by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountFacts {
    /// The account's id.
    pub id: Arc<str>,
    /// When it was first seen.
    pub first: Timestamp,
    /// When it was last seen.
    pub last: Timestamp,
    /// Its requests in the 30 days before `last`.
    pub requests_30_days: u64,
}

/// A stretch of time of which the ledger knows less than happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// From when.
    pub from: Timestamp,
    /// Until when; `None` while it lasts.
    pub until: Option<Timestamp>,
    /// Why, in a word or two: `not stopped properly`, `disk full`, …
    pub reason: Arc<str>,
    /// Connections that are counted without their details; 0 where it is not known how many are missing.
    pub connections: u64,
}

/// Questions to a ledger.
pub trait Query {
    /// Every distinct offer that was ever seen.
    ///
    /// # Errors
    ///
    /// Each question fails when the storage cannot be read or is damaged; the error names the file and the remedy.
    fn offers(&self) -> Result<Vec<(OfferId, Offer)>, LedgerError>;

    /// The range by account and offer, customers and others; every connection is in exactly one group.
    ///
    /// # Errors
    ///
    /// As [`Query::offers`].
    fn groups(&self, range: Range) -> Result<Vec<Group>, LedgerError>;

    /// The range by day, account and offer: the groups of each day (UTC) that has any, day after day. What is compacted
    /// and what is not are alike here.
    ///
    /// # Errors
    ///
    /// As [`Query::offers`].
    fn days(&self, range: Range, each: &mut dyn FnMut(Date, &Group)) -> Result<(), LedgerError> {
        for (date, day) in crate::days::of(range, &self.groups(range)?) {
            for group in self.groups(day)? {
                each(date, &group);
            }
        }
        Ok(())
    }

    /// Who was there on which days, without how much: a fraction of what [`Query::days`] reads. A day that the range cuts
    /// may be told whole.
    ///
    /// # Errors
    ///
    /// As [`Query::offers`].
    fn presence(
        &self,
        range: Range,
        each: &mut dyn FnMut(Presence<'_>),
    ) -> Result<(), LedgerError> {
        crate::reader::presence::of_days(self, range, each)
    }

    /// The User-Agent that everybody with an offer sent on the latest day on which it was seen; of several, the one that
    /// is newest to the ledger.
    ///
    /// # Errors
    ///
    /// As [`Query::offers`].
    fn programs(&self, each: &mut dyn FnMut(&Client, Option<Arc<str>>)) -> Result<(), LedgerError> {
        for group in self.groups(Range::default())? {
            let offers: Vec<OfferId> = group.offer.into_iter().collect();
            let details = self.details_of(Range::default(), &group.who, &offers)?;
            let latest = details
                .into_iter()
                .filter(|detail| detail.visitor == group.visitor)
                .max_by_key(|detail| detail.counts.last);
            let client = Client {
                who: group.who,
                visitor: group.visitor,
                offer: group.offer,
                is_other: group.is_other,
            };
            each(&client, latest.and_then(|detail| detail.user_agent));
        }
        Ok(())
    }

    /// What an account is found under; `None` where nothing names it.
    ///
    /// # Errors
    ///
    /// As [`Query::offers`].
    fn named(&self, id: &str) -> Result<Option<Named>, LedgerError> {
        let mut named = Named {
            facts: self.accounts()?.into_iter().find(|facts| *facts.id == *id),
            is_customer: false,
            whose: Vec::new(),
        };
        for group in self.groups(Range::default())? {
            let is_known = match &group.who {
                Who::Nobody => continue,
                Who::Known(known) => **known == *id,
                Who::Inferred { candidates, .. } => {
                    if !candidates.iter().any(|one| **one == *id) {
                        continue;
                    }
                    false
                }
            };
            named.is_customer |= is_known && group.visitor == Visitor::Customer;
            let is_new = !named.whose.contains(&group.who) && named.whose.len() < Named::MOST;
            if is_new && (is_known || matches!(group.who, Who::Inferred { .. })) {
                named.whose.push(group.who);
            }
        }
        named.whose.sort();
        Ok((!named.whose.is_empty()).then_some(named))
    }

    /// The range in every detail, for one account.
    ///
    /// # Errors
    ///
    /// As [`Query::offers`].
    fn details(&self, range: Range, who: &Who) -> Result<Vec<Detail>, LedgerError>;

    /// The same for these offers alone. Where no account shows itself, "one account" is everybody: an engine that can
    /// look for a few offers should.
    ///
    /// # Errors
    ///
    /// As [`Query::offers`].
    fn details_of(
        &self,
        range: Range,
        who: &Who,
        offers: &[OfferId],
    ) -> Result<Vec<Detail>, LedgerError> {
        let offers: HashSet<&OfferId> = offers.iter().collect();
        let mut details = self.details(range, who)?;
        details.retain(|detail| {
            detail
                .offer
                .as_ref()
                .is_some_and(|offer| offers.contains(offer))
        });
        Ok(details)
    }

    /// The same for many accounts: the details of each are given to `each`, in the order of `wanted`, with its place
    /// there. They come one account at a time, so that nobody has to hold all of them. An engine that can answer this in
    /// one pass over what it holds should.
    ///
    /// # Errors
    ///
    /// As [`Query::offers`].
    fn details_of_each(
        &self,
        range: Range,
        wanted: &[Wanted],
        each: &mut dyn FnMut(usize, Vec<Detail>),
    ) -> Result<(), LedgerError> {
        for (place, Wanted { who, offers }) in wanted.iter().enumerate() {
            each(place, self.details_of(range, who, offers)?);
        }
        Ok(())
    }

    /// The range in every detail, for everybody, in pieces of time: what is in one piece and differs in nothing but time
    /// is added up. A piece ends at each of `cuts`, which are sorted, as nearly as the hours and the compacted days
    /// allow in which everything is kept: an hour (or a day) with a cut inside is a piece by itself, and its
    /// [`Counts::first`] and [`Counts::last`] say how much of it was used. Pieces come in no order.
    ///
    /// # Errors
    ///
    /// As [`Query::offers`].
    fn pieces(
        &self,
        range: Range,
        cuts: &[Timestamp],
        each: &mut dyn FnMut(&Who, &Detail),
    ) -> Result<(), LedgerError> {
        for piece in crate::pieces::ranges(range, cuts) {
            let groups = self.groups(piece)?.into_iter();
            let whose: HashSet<Who> = groups
                .filter(|group| !group.is_other)
                .map(|group| group.who)
                .collect();
            for who in whose {
                for detail in self.details(piece, &who)? {
                    each(&who, &detail);
                }
            }
        }
        Ok(())
    }

    /// Whom each brownout window of the range hit.
    ///
    /// # Errors
    ///
    /// As [`Query::offers`].
    fn windows(&self, range: Range) -> Result<Vec<WindowHit>, LedgerError>;

    /// Every account that ever showed itself.
    ///
    /// # Errors
    ///
    /// As [`Query::offers`].
    fn accounts(&self) -> Result<Vec<AccountFacts>, LedgerError>;

    /// Where accounts that showed themselves were last seen, the latest first, at most `most`.
    ///
    /// # Errors
    ///
    /// As [`Query::offers`].
    fn associations(&self, most: usize) -> Result<Vec<Association>, LedgerError>;

    /// Where the ledger knows less than happened.
    ///
    /// # Errors
    ///
    /// As [`Query::offers`].
    fn gaps(&self, range: Range) -> Result<Vec<Gap>, LedgerError>;
}
