//! How often somebody may show what is no token. Both limits are by the minute, with time as an argument.
//!
//! A token has 16 characters at least, and is not guessed in any number of attempts that fit a minute; the limits keep
//! the log readable and whoever tries busy. An address that once showed a right token is turned away for its own attempts
//! alone: others cannot lock a scraper out.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

/// Seconds over which attempts are counted.
const WINDOW: i64 = 60;
/// Attempts of one address in that time that fail.
const OF_ONE: u32 = 10;
/// The same of all addresses. It bounds the number of addresses that are remembered, too.
const IN_ALL: u32 = 100;
/// Addresses that are remembered because they showed a right token: scrapers and colleagues.
const MOST_PROVEN: usize = 1_000;

/// Counts what failed.
#[derive(Debug, Default)]
pub(crate) struct Attempts(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    failed: HashMap<IpAddr, Window>,
    in_all: Window,
    /// When each last showed a right token.
    proven: HashMap<IpAddr, i64>,
}

/// Attempts since a second.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    since: i64,
    count: u32,
}

impl Window {
    fn is_over(self, now: i64) -> bool {
        now >= self.since + WINDOW || now < self.since
    }

    fn add(&mut self, now: i64) {
        if self.is_over(now) {
            *self = Self {
                since: now,
                count: 0,
            };
        }
        self.count = self.count.saturating_add(1);
    }

    /// Seconds until the next attempt, where there were as many as there may be.
    fn wait(self, most: u32, now: i64) -> Option<u64> {
        let is_full = !self.is_over(now) && self.count >= most;
        is_full.then(|| (self.since + WINDOW - now).unsigned_abs())
    }
}

impl Attempts {
    /// Seconds for which an address is not listened to; `None` where it is.
    pub(crate) fn wait(&self, ip: IpAddr, now: Timestamp) -> Option<u64> {
        let (ip, now) = (network(ip), now.as_second());
        let counts = self.counts();
        let own = counts.failed.get(&ip);
        let own = own.and_then(|window| window.wait(OF_ONE, now));
        let all = || counts.in_all.wait(IN_ALL, now);
        own.or_else(|| (!counts.proven.contains_key(&ip)).then(all).flatten())
    }

    /// Somebody showed what is no token.
    pub(crate) fn failed(&self, ip: IpAddr, now: Timestamp) {
        let now = now.as_second();
        let mut counts = self.counts();
        counts.failed.retain(|_, window| !window.is_over(now));
        counts.in_all.add(now);
        counts.failed.entry(network(ip)).or_default().add(now);
    }

    /// Somebody showed a token.
    pub(crate) fn succeeded(&self, ip: IpAddr, now: Timestamp) {
        let (ip, mut counts) = (network(ip), self.counts());
        if counts.proven.len() >= MOST_PROVEN && !counts.proven.contains_key(&ip) {
            let oldest = counts.proven.iter().min_by_key(|(_, last)| **last);
            let oldest = oldest.map(|(ip, _)| *ip);
            oldest.and_then(|ip| counts.proven.remove(&ip));
        }
        counts.proven.insert(ip, now.as_second());
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        // Counts are true whoever failed beside them.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One household, company or machine has a /64 of IPv6 addresses (RFC 6177).
fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => {
            let prefix = u128::from(ip) & (u128::MAX << 64);
            IpAddr::V6(Ipv6Addr::from(prefix))
        }
        ip => ip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_772_000_000 + second).unwrap()
    }

    fn ip(number: u32) -> IpAddr {
        IpAddr::from((0x0a00_0000 + number).to_be_bytes())
    }

    #[test]
    fn one_address_waits_for_its_minute() {
        let attempts = Attempts::default();
        for second in 0..10 {
            assert_eq!(attempts.wait(ip(1), at(second)), None);
            attempts.failed(ip(1), at(second));
        }
        assert_eq!(attempts.wait(ip(1), at(20)), Some(40));
        assert_eq!(attempts.wait(ip(2), at(20)), None);
        assert_eq!(attempts.wait(ip(1), at(60)), None);
    }

    #[test]
    fn all_together_wait_but_for_those_who_showed_a_token() {
        let attempts = Attempts::default();
        attempts.succeeded(ip(0), at(0));
        for number in 1..=100 {
            assert_eq!(attempts.wait(ip(number), at(1)), None);
            attempts.failed(ip(number), at(1));
        }
        assert_eq!(attempts.wait(ip(5_000), at(2)), Some(59));
        assert_eq!(attempts.wait(ip(0), at(2)), None);
        for _ in 0..10 {
            attempts.failed(ip(0), at(3));
        }
        assert_eq!(attempts.wait(ip(0), at(4)), Some(59));
    }

    #[test]
    fn neighbours_of_one_network_count_as_one() {
        let attempts = Attempts::default();
        for host in 0..10_u16 {
            let ip = Ipv6Addr::new(0x2001, 0xdb8, 0, 1, host, 2, 3, 4);
            attempts.failed(ip.into(), at(0));
        }
        let neighbour = Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 9, 9, 9, 9).into();
        assert_eq!(attempts.wait(neighbour, at(0)), Some(60));
        let another = Ipv6Addr::new(0x2001, 0xdb8, 0, 2, 9, 9, 9, 9).into();
        assert_eq!(attempts.wait(another, at(0)), None);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let attempts = Attempts::default();
        for number in 0..5_000 {
            let now = at(i64::from(number));
            if attempts.wait(ip(number), now).is_none() {
                attempts.failed(ip(number), now);
            }
            attempts.succeeded(ip(number), now);
        }
        let counts = attempts.counts();
        assert!(counts.failed.len() <= IN_ALL as usize + OF_ONE as usize);
        assert_eq!(counts.proven.len(), MOST_PROVEN);
        assert!(counts.proven.contains_key(&ip(4_999)));
    }
}
