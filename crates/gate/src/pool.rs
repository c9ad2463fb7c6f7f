//! The services behind one name: which is next, and which are down.

use std::hash::Hasher;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize};

use door::bounds::counted;
use siphasher::sip::SipHasher13;

use crate::settings::{Balance, Health, SendProxyProtocol, Target};

/// Services in one list: those that were tried for a connection are bits of a number.
pub(crate) const MOST: usize = 64;

/// Services that stand for each other.
pub(crate) struct Pool {
    pub(crate) services: Vec<Service>,
    manner: Manner,
    /// Where the search begins, so that equals take turns.
    next: AtomicUsize,
}

/// How a list of services is used.
#[derive(Clone, Copy, Default)]
pub(crate) struct Manner {
    pub(crate) health: Health,
    pub(crate) balance: Balance,
    pub(crate) tells: SendProxyProtocol,
}

/// One service.
pub(crate) struct Service {
    pub(crate) target: Target,
    /// What it is told apart by where clients are spread by a hash.
    hash: u64,
    open: AtomicUsize,
    is_down: AtomicBool,
    failures: AtomicU32,
    successes: AtomicU32,
}

/// A connection to a service, counted while it lasts.
pub(crate) struct Lease {
    pub(crate) pool: Arc<Pool>,
    pub(crate) index: usize,
}

impl Pool {
    pub(crate) fn new(targets: &[Target], manner: Manner) -> Arc<Self> {
        let service = |target: &Target| Service {
            target: target.clone(),
            hash: hash(target.to_string().as_bytes()),
            open: AtomicUsize::new(0),
            is_down: AtomicBool::new(false),
            failures: AtomicU32::new(0),
            successes: AtomicU32::new(0),
        };
        Arc::new(Self {
            services: targets.iter().map(service).collect(),
            manner,
            next: AtomicUsize::new(0),
        })
    }

    /// What a connection is spread by.
    pub(crate) fn key(&self, address: IpAddr, sni: Option<&str>) -> u64 {
        match self.manner.balance {
            Balance::LeastConnections => 0,
            Balance::HashAddress => match counted(address) {
                IpAddr::V4(address) => hash(&address.octets()),
                IpAddr::V6(address) => hash(&address.octets()),
            },
            Balance::HashName => hash(sni.unwrap_or_default().as_bytes()),
        }
    }

    /// The service for a connection with this key among those that are up and were not tried; where all are down, among
    /// those.
    pub(crate) fn lease(self: &Arc<Self>, key: u64, tried: &mut u64) -> Option<Lease> {
        let count = self.services.len().max(1);
        let start = self.next.fetch_add(1, Relaxed) % count;
        let (index, service) = (0..count)
            .map(|step| (start + step) % count)
            .filter(|index| *tried & (1 << index) == 0)
            .filter_map(|index| Some((index, self.services.get(index)?)))
            .min_by_key(|(_, service)| (service.is_down.load(Relaxed), self.rank(service, key)))?;
        *tried |= 1 << index;
        service.open.fetch_add(1, Relaxed);
        Some(Lease {
            pool: self.clone(),
            index,
        })
    }

    /// How far from being next a service is. By hash it is rendezvous hashing: each service has a rank of its own for each
    /// key, whichever others there are.
    fn rank(&self, service: &Service, key: u64) -> u64 {
        match self.manner.balance {
            Balance::LeastConnections => service.open.load(Relaxed) as u64,
            Balance::HashAddress | Balance::HashName => {
                SipHasher13::new_with_keys(service.hash, key).finish()
            }
        }
    }

    /// A client's connection or a check did not reach a service.
    pub(crate) fn failed(&self, index: usize) {
        let Some(service) = self.services.get(index) else {
            return;
        };
        service.successes.store(0, Relaxed);
        let failures = service.failures.fetch_add(1, Relaxed).saturating_add(1);
        if failures >= self.manner.health.fall && !service.is_down.swap(true, Relaxed) {
            tracing::warn!(upstream = %service.target, "down: {failures} connections in a row failed");
        }
    }

    /// A client's connection reached a service.
    pub(crate) fn reached(&self, index: usize) {
        if let Some(service) = self.services.get(index) {
            service.failures.store(0, Relaxed);
        }
    }

    /// A check reached a service.
    pub(crate) fn checked(&self, index: usize) {
        self.reached(index);
        let Some(service) = self.services.get(index) else {
            return;
        };
        if !service.is_down.load(Relaxed) {
            return;
        }
        let successes = service.successes.fetch_add(1, Relaxed).saturating_add(1);
        if successes >= self.manner.health.rise {
            service.successes.store(0, Relaxed);
            service.is_down.store(false, Relaxed);
            tracing::info!(upstream = %service.target, "up again");
        }
    }

    pub(crate) const fn health(&self) -> Health {
        self.manner.health
    }

    pub(crate) const fn tells(&self) -> SendProxyProtocol {
        self.manner.tells
    }
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(bytes);
    hasher.finish()
}

impl Lease {
    pub(crate) fn target(&self) -> Option<&Target> {
        Some(&self.pool.services.get(self.index)?.target)
    }

    pub(crate) fn failed(self) {
        self.pool.failed(self.index);
    }

    pub(crate) fn reached(&self) {
        self.pool.reached(self.index);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(service) = self.pool.services.get(self.index) {
            service.open.fetch_sub(1, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn targets(count: u16) -> Vec<Target> {
        (0..count)
            .map(|port| Target::Tcp(([127, 0, 0, 1], port + 1).into()))
            .collect()
    }

    fn pool(count: u16) -> Arc<Pool> {
        Pool::new(&targets(count), Manner::default())
    }

    fn by_hash(targets: &[Target], balance: Balance) -> Arc<Pool> {
        let manner = Manner {
            balance,
            ..Manner::default()
        };
        Pool::new(targets, manner)
    }

    fn next(pool: &Arc<Pool>) -> Lease {
        pool.lease(0, &mut 0).expect("a service")
    }

    /// The service for a client's address.
    fn service(pool: &Arc<Pool>, address: IpAddr) -> Target {
        let lease = pool.lease(pool.key(address, None), &mut 0);
        lease.and_then(|lease| lease.target().cloned()).unwrap()
    }

    #[test]
    fn the_fewest_connections_are_next_and_equals_take_turns() {
        let pool = pool(3);
        let leases: Vec<Lease> = (0..6).map(|_| next(&pool)).collect();
        let mut counts = [0; 3];
        for lease in &leases {
            counts[lease.index] += 1;
        }
        assert_eq!(counts, [2, 2, 2]);
        let freed = leases[0].index;
        drop(
            leases
                .into_iter()
                .filter(|lease| lease.index == freed)
                .collect::<Vec<_>>(),
        );
        assert_eq!(next(&pool).index, freed);
    }

    #[test]
    fn each_is_tried_once_for_a_connection() {
        let pool = pool(3);
        let mut tried = 0;
        let mut seen: Vec<usize> = std::iter::from_fn(|| pool.lease(0, &mut tried))
            .map(|lease| lease.index)
            .collect();
        seen.sort_unstable();
        assert_eq!(seen, [0, 1, 2]);
    }

    #[test]
    fn one_that_is_down_is_last_until_checks_reach_it_again() {
        let pool = pool(2);
        for _ in 0..3 {
            pool.failed(0);
        }
        let held: Vec<Lease> = (0..4).map(|_| next(&pool)).collect();
        assert!(held.iter().all(|lease| lease.index == 1));
        let mut tried = 0b10;
        assert_eq!(
            pool.lease(0, &mut tried).map(|lease| lease.index),
            Some(0),
            "better than none"
        );
        pool.checked(0);
        assert_eq!(next(&pool).index, 1, "once is not enough");
        pool.checked(0);
        assert_eq!(next(&pool).index, 0);
    }

    #[test]
    fn a_hash_is_the_same_for_a_client_and_spreads_many() {
        let pool = by_hash(&targets(4), Balance::HashAddress);
        let client = |number: u32| IpAddr::from(number.to_be_bytes());
        let mut counts = std::collections::HashMap::new();
        for number in 0..4000 {
            let chosen = service(&pool, client(number));
            assert_eq!(service(&pool, client(number)), chosen);
            *counts.entry(chosen).or_insert(0) += 1;
        }
        assert!(counts.len() == 4 && counts.values().all(|count| (800..1200).contains(count)));
        // A client may change its address within its own network.
        let [one, other] = ["2001:db8::1", "2001:db8::2"].map(|it| it.parse().unwrap());
        assert_eq!(service(&pool, one), service(&pool, other));
        // Fixed for ever: gates of two releases beside each other are to agree.
        let known = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::"];
        let chosen = known.map(|it| service(&pool, it.parse().unwrap()).to_string());
        assert_eq!(
            chosen,
            ["127.0.0.1:1", "127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:4"]
        );
    }

    #[test]
    fn names_are_spread_without_regard_to_addresses() {
        let pool = by_hash(&targets(8), Balance::HashName);
        let addresses: [IpAddr; 2] = ["192.0.2.1", "2001:db8::1"].map(|it| it.parse().unwrap());
        let mut seen = std::collections::HashSet::new();
        for name in 0..100 {
            let name = format!("{name}.example.com");
            let [one, other] = addresses.map(|address| pool.key(address, Some(&name)));
            assert_eq!(one, other);
            seen.insert(pool.lease(one, &mut 0).unwrap().index);
        }
        assert_eq!(seen.len(), 8);
    }

    proptest! {
        /// A service that goes takes its own clients along and no others; in whatever order the list is written.
        #[test]
        fn one_that_goes_moves_only_its_own(
            count in 2_u16..20,
            gone in any::<prop::sample::Index>(),
            turned in any::<prop::sample::Index>(),
            clients in prop::collection::vec(any::<u32>(), 1..60),
        ) {
            let mut list = targets(count);
            let all = by_hash(&list, Balance::HashAddress);
            let (turned, gone) = (turned.index(list.len()), gone.index(list.len()));
            list.rotate_left(turned);
            let gone = list.remove(gone);
            let fewer = by_hash(&list, Balance::HashAddress);
            let down = all.services.iter().position(|service| service.target == gone).unwrap();
            let before: Vec<Target> = clients.iter().map(|it| service(&all, IpAddr::from(it.to_be_bytes()))).collect();
            for _ in 0..Health::default().fall {
                all.failed(down);
            }
            for (client, before) in clients.iter().zip(before) {
                let address = IpAddr::from(client.to_be_bytes());
                let now = service(&fewer, address);
                prop_assert_ne!(&now, &gone);
                prop_assert!(before == gone || before == now);
                prop_assert_eq!(service(&all, address), now, "down is as good as gone");
            }
        }
    }
}
