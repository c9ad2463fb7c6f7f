//! The services behind one name: which is next, and which are down.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize};

use crate::settings::{Health, Target};

/// Services in one list: those that were tried for a connection are bits of a number.
pub(crate) const MOST: usize = 64;

/// Services that stand for each other.
pub(crate) struct Pool {
    pub(crate) services: Vec<Service>,
    health: Health,
    /// Where the search begins, so that equals take turns.
    next: AtomicUsize,
}

/// One service.
pub(crate) struct Service {
    pub(crate) target: Target,
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
    pub(crate) fn new(targets: &[Target], health: Health) -> Arc<Self> {
        let service = |target: &Target| Service {
            target: target.clone(),
            open: AtomicUsize::new(0),
            is_down: AtomicBool::new(false),
            failures: AtomicU32::new(0),
            successes: AtomicU32::new(0),
        };
        Arc::new(Self {
            services: targets.iter().map(service).collect(),
            health,
            next: AtomicUsize::new(0),
        })
    }

    /// The service with the fewest connections among those that are up and were not tried; where all are down, among
    /// those.
    pub(crate) fn lease(self: &Arc<Self>, tried: &mut u64) -> Option<Lease> {
        let count = self.services.len().max(1);
        let start = self.next.fetch_add(1, Relaxed) % count;
        let (index, service) = (0..count)
            .map(|step| (start + step) % count)
            .filter(|index| *tried & (1 << index) == 0)
            .filter_map(|index| Some((index, self.services.get(index)?)))
            .min_by_key(|(_, service)| {
                (service.is_down.load(Relaxed), service.open.load(Relaxed))
            })?;
        *tried |= 1 << index;
        service.open.fetch_add(1, Relaxed);
        Some(Lease {
            pool: self.clone(),
            index,
        })
    }

    /// A client's connection or a check did not reach a service.
    pub(crate) fn failed(&self, index: usize) {
        let Some(service) = self.services.get(index) else {
            return;
        };
        service.successes.store(0, Relaxed);
        let failures = service.failures.fetch_add(1, Relaxed).saturating_add(1);
        if failures >= self.health.fall && !service.is_down.swap(true, Relaxed) {
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
        if successes >= self.health.rise {
            service.successes.store(0, Relaxed);
            service.is_down.store(false, Relaxed);
            tracing::info!(upstream = %service.target, "up again");
        }
    }

    pub(crate) const fn health(&self) -> Health {
        self.health
    }
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

    fn pool(count: u16) -> Arc<Pool> {
        let targets: Vec<Target> = (0..count)
            .map(|port| Target::Tcp(([127, 0, 0, 1], port + 1).into()))
            .collect();
        Pool::new(&targets, Health::default())
    }

    fn next(pool: &Arc<Pool>) -> Lease {
        pool.lease(&mut 0).expect("a service")
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
        let mut seen: Vec<usize> = std::iter::from_fn(|| pool.lease(&mut tried))
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
            pool.lease(&mut tried).map(|lease| lease.index),
            Some(0),
            "better than none"
        );
        pool.checked(0);
        assert_eq!(next(&pool).index, 1, "once is not enough");
        pool.checked(0);
        assert_eq!(next(&pool).index, 0);
    }
}
