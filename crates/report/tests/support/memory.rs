//! A ledger in memory: every entry as it was handed over. It answers by adding up what it holds, so that what the
//! report makes of an answer can be held against the entries themselves.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use hello::{Offer, OfferId};
use jiff::Timestamp;
use ledger::{
    Account, AccountFacts, Association, Counts, Detail, Entry, Gap, Group, LedgerError, Outcome,
    Query, Range, Requests, Visitor, Who, WindowHit,
};

#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) entries: Vec<Entry>,
    /// What is counted without its details: connections, requests, when.
    pub(crate) other: Vec<(u64, u64, Timestamp)>,
    pub(crate) gaps: Vec<Gap>,
}

impl Memory {
    fn entries(&self, range: Range) -> impl Iterator<Item = &Entry> {
        self.entries
            .iter()
            .filter(move |entry| within(range, entry.at))
    }
}

/// Hours that the range touches are in it whole.
fn within(range: Range, at: Timestamp) -> bool {
    let hour = |at: Timestamp| at.as_second().div_euclid(3_600);
    range.from.is_none_or(|from| hour(from) <= hour(at))
        && range.until.is_none_or(|until| {
            at < until || (hour(at) == hour(until) && until.as_second() % 3_600 != 0)
        })
}

pub(crate) fn who(account: Option<&Account>) -> Who {
    match account {
        None => Who::Nobody,
        Some(Account::Known(id)) => Who::Known(id.clone()),
        Some(Account::Inferred(inferred)) => {
            let mut candidates: Vec<Arc<str>> = inferred
                .candidates
                .iter()
                .map(|candidate| candidate.id.clone())
                .collect();
            candidates.sort();
            Who::Inferred {
                candidates,
                more: inferred.more,
            }
        }
    }
}

fn counts(entry: &Entry) -> Counts {
    let refused = matches!(entry.sighting.outcome, Outcome::Refused { .. });
    Counts {
        connections: entry.connections,
        refused: if refused { entry.connections } else { 0 },
        requests: entry.requests,
        first: entry.at,
        last: entry.at,
    }
}

fn add(sum: &mut Counts, other: Counts) {
    sum.connections += other.connections;
    sum.refused += other.refused;
    sum.requests.served += other.requests.served;
    sum.requests.warned += other.requests.warned;
    sum.requests.explained += other.requests.explained;
    sum.requests.answered += other.requests.answered;
    sum.first = sum.first.min(other.first);
    sum.last = sum.last.max(other.last);
}

fn sums<K: Ord>(all: impl Iterator<Item = (K, Counts)>) -> BTreeMap<K, Counts> {
    let mut sums = BTreeMap::new();
    for (key, counts) in all {
        match sums.entry(key) {
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert(counts);
            }
            std::collections::btree_map::Entry::Occupied(mut entry) => add(entry.get_mut(), counts),
        }
    }
    sums
}

impl Query for Memory {
    fn offers(&self) -> Result<Vec<(OfferId, Offer)>, LedgerError> {
        let offers = self.entries.iter().filter_map(|entry| {
            let offer = entry.sighting.offer.clone()?;
            Some((offer.id(), offer))
        });
        let offers: HashMap<OfferId, Offer> = offers.collect();
        Ok(offers.into_iter().collect())
    }

    fn groups(&self, range: Range) -> Result<Vec<Group>, LedgerError> {
        let all = self.entries(range).map(|entry| {
            let sighting = &entry.sighting;
            let offer = sighting.offer.as_ref().map(Offer::id);
            let who = who(sighting.account.as_ref());
            ((who, sighting.visitor, offer), counts(entry))
        });
        let mut groups: Vec<Group> = sums(all)
            .into_iter()
            .map(|((who, visitor, offer), counts)| Group {
                who,
                visitor,
                offer,
                is_other: false,
                counts,
            })
            .collect();
        let others = self.other.iter().filter(|(_, _, at)| within(range, *at));
        groups.extend(others.map(|&(connections, served, at)| Group {
            who: Who::Nobody,
            visitor: Visitor::Customer,
            offer: None,
            is_other: true,
            counts: Counts {
                connections,
                refused: 0,
                requests: Requests {
                    served,
                    ..Requests::default()
                },
                first: at,
                last: at,
            },
        }));
        Ok(groups)
    }

    fn details(&self, range: Range, asked: &Who) -> Result<Vec<Detail>, LedgerError> {
        let entries = self
            .entries(range)
            .filter(|entry| who(entry.sighting.account.as_ref()) == *asked);
        let details = entries.map(|entry| {
            let sighting = &entry.sighting;
            let negotiated = sighting.negotiated.as_ref();
            let judged = sighting.judged.as_ref();
            Detail {
                visitor: sighting.visitor,
                edge: sighting.edge.clone(),
                address: sighting.address,
                sni: sighting.sni.as_deref().map(Into::into),
                offer: sighting.offer.as_ref().map(Offer::id),
                user_agent: sighting.user_agent.as_deref().map(Into::into),
                version: negotiated.map(|negotiated| negotiated.version.to_string().into()),
                cipher: negotiated.map(|negotiated| negotiated.cipher.into()),
                group: negotiated.and_then(|negotiated| negotiated.group.map(Into::into)),
                sunset: judged.and_then(|judged| judged.sunset.clone()),
                phase: judged.and_then(|judged| judged.phase),
                action: judged.map_or("", |judged| judged.action).into(),
                outcome: if entry.is_last {
                    sighting.outcome.label()
                } else {
                    "open"
                }
                .into(),
                age_seconds: match &sighting.account {
                    Some(Account::Inferred(inferred)) => inferred
                        .candidates
                        .iter()
                        .map(|candidate| candidate.age_seconds)
                        .max(),
                    _ => None,
                },
                counts: counts(entry),
            }
        });
        Ok(details.collect())
    }

    fn windows(&self, range: Range) -> Result<Vec<WindowHit>, LedgerError> {
        let hits = self.entries(range).filter_map(|entry| {
            let judged = entry.sighting.judged.as_ref()?;
            let key = (
                judged.sunset.clone()?,
                judged.window?,
                who(entry.sighting.account.as_ref()),
                entry.sighting.visitor,
            );
            Some((key, counts(entry)))
        });
        let hits = sums(hits)
            .into_iter()
            .map(|((sunset, window, who, visitor), counts)| WindowHit {
                sunset,
                window,
                who,
                visitor,
                counts,
            });
        Ok(hits.collect())
    }

    fn accounts(&self) -> Result<Vec<AccountFacts>, LedgerError> {
        let known = self
            .entries
            .iter()
            .filter_map(|entry| match &entry.sighting.account {
                Some(Account::Known(id)) => Some((id.clone(), counts(entry))),
                _ => None,
            });
        let facts = sums(known).into_iter().map(|(id, counts)| AccountFacts {
            id,
            first: counts.first,
            last: counts.last,
            requests_30_days: counts.requests.total(),
        });
        Ok(facts.collect())
    }

    fn associations(&self, _: usize) -> Result<Vec<Association>, LedgerError> {
        Ok(Vec::new())
    }

    fn gaps(&self, _: Range) -> Result<Vec<Gap>, LedgerError> {
        Ok(self.gaps.clone())
    }
}
