//! Sightings that open connections have in common, so that each is held once.
//!
//! A connection that is passed through may last for days, and until its end nothing is added to its sighting. Clients of
//! one program and one platform differ in when and from where they came alone: what they offer, what was judged and what
//! was agreed on is the same, and some 800 bytes.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use ledger::Sighting;

/// Kinds that are looked among. A platform's clients are a few hundred programs, of which some are most of the traffic.
/// What is not found is held by its connection alone, as it would be without this.
const MOST: usize = 256;

/// The kinds of connection seen last, for one thread.
pub struct Kinds {
    places: Vec<Option<Arc<Sighting>>>,
    /// Keyed, so that nobody can keep a kind out by taking its place.
    hasher: RandomState,
}

impl Default for Kinds {
    fn default() -> Self {
        Self {
            places: vec![None; MOST],
            hasher: RandomState::new(),
        }
    }
}

impl Kinds {
    /// A sighting that is the same but for its time, its length and its address; this one from now on, where there is none.
    pub(crate) fn find(&mut self, sighting: Sighting) -> Arc<Sighting> {
        let offer = sighting.offer.as_ref().map(hello::Offer::as_bytes);
        let hash = self.hasher.hash_one((offer, &sighting.sni));
        let index = usize::try_from(hash % MOST as u64).unwrap_or_default();
        let Some(place) = self.places.get_mut(index) else {
            return Arc::new(sighting);
        };
        match place {
            Some(kind) if is_same(kind, &sighting) => kind.clone(),
            _ => place.insert(Arc::new(sighting)).clone(),
        }
    }
}

fn is_same(one: &Sighting, other: &Sighting) -> bool {
    let Sighting {
        at: _,
        duration_ms: _,
        edge,
        address: _,
        sni,
        offer,
        offered,
        negotiated,
        account,
        visitor,
        user_agent,
        judged,
        outcome,
        requests,
    } = one;
    *edge == other.edge
        && *sni == other.sni
        && *offer == other.offer
        && *offered == other.offered
        && *negotiated == other.negotiated
        && *account == other.account
        && *visitor == other.visitor
        && *user_agent == other.user_agent
        && *judged == other.judged
        && *outcome == other.outcome
        && *requests == other.requests
}

#[cfg(test)]
mod tests {
    use super::*;
    use hello::{Facts, Offer, Version};
    use jiff::Timestamp;
    use ledger::{Outcome, Requests, Visitor};

    fn sighting(second: i64, suite: u16, outcome: Outcome) -> Sighting {
        Sighting {
            at: Timestamp::from_second(second).unwrap(),
            duration_ms: 0,
            edge: "127.0.0.1:443".into(),
            address: None,
            sni: Some("api.example.com".into()),
            offer: Some(Offer::from(&Facts {
                legacy_version: Version::TLSV1_2,
                suites: vec![suite],
                ..Facts::default()
            })),
            offered: Some(Version::TLSV1_2),
            negotiated: None,
            account: None,
            visitor: Visitor::Customer,
            user_agent: None,
            judged: None,
            outcome,
            requests: Requests::default(),
        }
    }

    #[test]
    fn a_kind_is_held_once_and_a_difference_is_another() {
        let mut kinds = Kinds::default();
        let first = kinds.find(sighting(1, 0xc02f, Outcome::Passed));
        let again = kinds.find(sighting(2, 0xc02f, Outcome::Passed));
        assert!(Arc::ptr_eq(&first, &again));
        let other = kinds.find(sighting(3, 0xc02f, Outcome::UpstreamClosed));
        assert_eq!(other.outcome, Outcome::UpstreamClosed);
        let offer = kinds.find(sighting(4, 0xc030, Outcome::Passed));
        assert_ne!(offer.offer, first.offer);
    }

    #[test]
    fn as_many_as_there_are_places_and_no_more_are_kept() {
        let mut kinds = Kinds::default();
        for suite in 0..4 * MOST as u16 {
            kinds.find(sighting(1, suite, Outcome::Passed));
        }
        assert!(kinds.places.len() == MOST && kinds.places.iter().flatten().count() > MOST / 2);
    }
}
