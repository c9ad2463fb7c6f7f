//! Which accounts were last seen where. A client that is refused sends no request, so this is all there is to
//! attribute it by.

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use floor::Plan;
use hello::{Offer, OfferId};
use jiff::Timestamp;
use ledger::{Association, Candidate, Inferred, MOST_CANDIDATES};
use lru::LruCache;

use crate::privacy::{Addresses, kept};

/// Pairs of an address and an offer that are remembered; the one not seen for longest is forgotten first. About 130
/// bytes each with one account, 800 with as many as are kept: measured, 13 MB when full, and 80 at most, in each of two
/// places.
const PLACES: NonZeroUsize = NonZeroUsize::new(100_000).unwrap();

/// Associations to begin with: what there is room for.
pub const MOST_ASSOCIATIONS: usize = PLACES.get();

/// Accounts by the place they were seen at: an address and an offer.
///
/// All that show themselves are remembered, for a sunset may be planned tomorrow. Offers that miss a floor of the plan
/// have a place of their own: they are few, they are who will be refused, and the many others must not push them out.
pub struct Memory {
    misses: Mutex<Places>,
    meets: Mutex<Places>,
}

type Places = LruCache<(IpAddr, OfferId), Seen>;

/// The accounts of one place, at most [`MOST_CANDIDATES`].
#[derive(Default)]
struct Seen {
    /// In no order.
    accounts: Vec<(Arc<str>, Timestamp)>,
    /// There were more.
    more: bool,
}

impl Seen {
    fn note(&mut self, account: &Arc<str>, at: Timestamp) {
        let known = self.accounts.iter_mut().find(|(known, _)| known == account);
        if let Some((_, last)) = known {
            *last = at.max(*last);
            return;
        }
        if self.accounts.len() < MOST_CANDIDATES {
            // Most places have one account for ever; `push` would make room for four.
            self.accounts.reserve_exact(1);
            self.accounts.push((account.clone(), at));
            return;
        }
        self.more = true;
        if let Some(oldest) = self.accounts.iter_mut().min_by_key(|(_, last)| *last)
            && oldest.1 <= at
        {
            *oldest = (account.clone(), at);
        }
    }
}

/// What is remembered of a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// The accounts that it may be, with the age of what is known.
    pub inferred: Inferred,
    /// The one account that was ever seen at exactly this address: what a decision may go by. Of several nobody can
    /// tell from here which it is, and one that was seen somewhere in the same network may be a neighbour.
    pub only: Option<Arc<str>>,
}

impl Default for Memory {
    fn default() -> Self {
        // Boxes are made as places fill up; `new` would take the room for all of them at once.
        let places = || {
            let mut places = LruCache::unbounded();
            places.resize(PLACES);
            Mutex::new(places)
        };
        Self {
            misses: places(),
            meets: places(),
        }
    }
}

impl Memory {
    /// What an earlier run of the edge saw, the latest first.
    pub fn recalling(associations: &[Association]) -> Self {
        let memory = Self::default();
        // The latest last, so that it is forgotten last. Whether it misses a floor, the offer alone would say, which
        // is not here: one that does moves when it is seen again.
        for Association {
            address,
            offer,
            account,
            last,
        } in associations.iter().rev()
        {
            note(
                &memory.misses,
                (address.to_canonical(), *offer),
                account,
                *last,
            );
        }
        memory
    }

    /// An account showed itself.
    pub fn remember(
        &self,
        plan: &Plan,
        address: IpAddr,
        (offer, id): (&Offer, OfferId),
        account: &Arc<str>,
        at: Timestamp,
    ) {
        let misses = plan
            .sunsets
            .iter()
            .any(|sunset| sunset.floor.judge(offer).misses());
        let places = if misses { &self.misses } else { &self.meets };
        note(places, (address.to_canonical(), id), account, at);
    }

    /// Which accounts were seen at this address with this offer. What an earlier run saw is known by as much of the
    /// address as `privacy` let it keep.
    pub fn recall(
        &self,
        address: IpAddr,
        offer: OfferId,
        privacy: Addresses,
        now: Timestamp,
    ) -> Option<Remembered> {
        let address = address.to_canonical();
        let mut here = Seen::default();
        self.collect((address, offer), &mut here);
        let only = match here.accounts.as_slice() {
            [(only, _)] if !here.more => Some(only.clone()),
            _ => None,
        };
        let network = kept(address, privacy).filter(|network| *network != address);
        if let Some(network) = network {
            self.collect((network, offer), &mut here);
        }
        let Seen { mut accounts, more } = here;
        if accounts.is_empty() {
            return None;
        }
        let alone = accounts.len() == 1 && !more;
        accounts.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
        let candidates = accounts
            .into_iter()
            .map(|(id, last)| Candidate {
                id,
                age_seconds: u64::try_from(now.duration_since(last).as_secs()).unwrap_or_default(),
            })
            .collect();
        Some(Remembered {
            inferred: Inferred { candidates, more },
            only: only.filter(|_| alone),
        })
    }

    fn collect(&self, place: (IpAddr, OfferId), into: &mut Seen) {
        for places in [&self.misses, &self.meets] {
            if let Some(seen) = lock(places).get(&place) {
                for (account, last) in &seen.accounts {
                    into.note(account, *last);
                }
                into.more |= seen.more;
            }
        }
    }
}

fn note(places: &Mutex<Places>, place: (IpAddr, OfferId), account: &Arc<str>, at: Timestamp) {
    lock(places)
        .get_or_insert_mut(place, Seen::default)
        .note(account, at);
}

fn lock(places: &Mutex<Places>) -> MutexGuard<'_, Places> {
    // A cache: whatever panicked while holding it, an entry is whole or not there.
    places.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use floor::config::PlanTables;
    use floor::{Account, Action, Moment, Who};
    use hello::{Facts, Version};
    use proptest::prelude::*;

    const OFFER: OfferId = OfferId([7; 16]);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn ids(remembered: &Remembered) -> Vec<(&str, u64)> {
        let candidates = &remembered.inferred.candidates;
        candidates
            .iter()
            .map(|candidate| (&*candidate.id, candidate.age_seconds))
            .collect()
    }

    fn remembering(seen: &[(&str, &str, i64)]) -> Memory {
        let memory = Memory::default();
        for (place, account, second) in seen {
            note(
                &memory.meets,
                (address(place), OFFER),
                &Arc::from(*account),
                at(*second),
            );
        }
        memory
    }

    #[test]
    fn two_behind_one_address_are_two_candidates_and_never_one() {
        let memory = remembering(&[
            ("192.0.2.1", "acme", 10),
            ("192.0.2.1", "globex", 20),
            ("192.0.2.1", "acme", 30),
            ("192.0.2.2", "initech", 5),
        ]);
        let recall = |place| memory.recall(address(place), OFFER, Addresses::Whole, at(100));
        let both = recall("192.0.2.1").unwrap();
        assert_eq!(ids(&both), [("acme", 70), ("globex", 80)]);
        assert_eq!(both.only, None);
        let one = recall("::ffff:192.0.2.2").unwrap();
        assert_eq!(ids(&one), [("initech", 95)]);
        assert_eq!(one.only.as_deref(), Some("initech"));
        assert_eq!(recall("192.0.2.3"), None);
        let other = memory.recall(
            address("192.0.2.2"),
            OfferId([8; 16]),
            Addresses::Whole,
            at(9),
        );
        assert_eq!(other, None, "another program there is somebody else");
    }

    #[test]
    fn of_more_than_are_kept_the_latest_are_listed() {
        let names: Vec<String> = (0..20).map(|n| format!("account {n}")).collect();
        let memory = Memory::default();
        for (second, name) in (0..).zip(&names) {
            note(
                &memory.misses,
                (address("192.0.2.1"), OFFER),
                &Arc::from(name.as_str()),
                at(second),
            );
        }
        let found = memory
            .recall(address("192.0.2.1"), OFFER, Addresses::Whole, at(20))
            .unwrap();
        assert_eq!(found.inferred.candidates.len(), MOST_CANDIDATES);
        assert!(found.inferred.more);
        assert_eq!(ids(&found)[0], ("account 19", 1));
    }

    #[test]
    fn what_was_kept_of_an_address_finds_candidates_but_decides_nothing() {
        let association = |place: &str| Association {
            address: address(place),
            offer: OFFER,
            account: "acme".into(),
            last: at(10),
        };
        let whole = Memory::recalling(&[association("192.0.2.7")]);
        let found = whole
            .recall(address("192.0.2.7"), OFFER, Addresses::Whole, at(60))
            .unwrap();
        assert_eq!(found.only.as_deref(), Some("acme"), "survives a restart");
        let truncated = Memory::recalling(&[association("192.0.2.0")]);
        let recall = |privacy| truncated.recall(address("192.0.2.7"), OFFER, privacy, at(60));
        let found = recall(Addresses::Truncated).unwrap();
        assert_eq!(ids(&found), [("acme", 50)]);
        assert_eq!(found.only, None, "a neighbour, perhaps");
        assert_eq!(recall(Addresses::None), None);
    }

    #[test]
    fn places_are_bounded() {
        let memory = Memory::default();
        for n in 0..u32::try_from(PLACES.get()).unwrap() + 10 {
            note(
                &memory.meets,
                (IpAddr::V4(n.into()), OFFER),
                &"acme".into(),
                at(1),
            );
        }
        assert_eq!(lock(&memory.meets).len(), PLACES.get());
    }

    /// Refuses, with an exception for one account.
    fn plan() -> Plan {
        let text = r#"
            [[sunset]]
            name = "old"
            floor = "tls1.2"
            refuse = "1970-01-01"
            [[exception]]
            account = "account 3"
            sunset = "old"
            until = "1970-01-02"
            owner = "jo"
            reason = "kiosks"
        "#;
        toml::from_str::<PlanTables>(text)
            .unwrap()
            .build([0; 16])
            .unwrap()
    }

    fn tls10() -> Offer {
        Offer::from(&Facts {
            legacy_version: Version::TLSV1,
            suites: vec![0x002f],
            ..Facts::default()
        })
    }

    proptest! {
        /// Whoever shares an address with an account that is excepted: its handshake is not refused, for it might be
        /// that account's. This holds whatever was seen there before.
        #[test]
        fn an_exception_keeps_handshakes_alive_behind_a_shared_address(
            seen in prop::collection::vec((0..12_u8, 0..1000_i64), 0..40),
        ) {
            let memory = Memory::default();
            for (account, second) in &seen {
                let account: Arc<str> = format!("account {account}").into();
                note(&memory.misses, (address("192.0.2.1"), OFFER), &account, at(*second));
            }
            let found = memory.recall(address("192.0.2.1"), OFFER, Addresses::Whole, at(2000));
            let only = found.and_then(|found| found.only);
            let account = only.as_deref().map_or(Account::Unknown, Account::Remembered);
            let who = Who { account, ..Who::default() };
            let action = plan().decide(&tls10(), &who, Moment::Hello, at(2000)).action;
            let all_another = !seen.is_empty()
                && seen.iter().all(|(account, _)| *account != 3 && *account == seen[0].0);
            prop_assert_eq!(matches!(action, Action::Refuse(_)), all_another);
        }
    }
}
