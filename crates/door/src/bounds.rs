//! How many connections may be open, in all and from one address.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts open connections. The map holds only addresses with an open connection, so the bound on
/// connections bounds it too.
#[derive(Debug, Default)]
pub struct Bounds {
    open: AtomicUsize,
    by_address: Mutex<HashMap<IpAddr, usize>>,
}

/// One open connection; gives its place back when dropped.
#[derive(Debug)]
pub struct Permit {
    bounds: Arc<Bounds>,
    address: IpAddr,
}

impl Bounds {
    /// A place for a connection from `address`, unless that would be one too many.
    pub fn admit(
        self: &Arc<Self>,
        address: IpAddr,
        most: usize,
        most_per_address: usize,
    ) -> Option<Permit> {
        let address = counted(address);
        let mut by_address = self.by_address();
        if self.open.load(Relaxed) >= most || most_per_address == 0 {
            return None;
        }
        match by_address.entry(address) {
            Entry::Occupied(count) if *count.get() >= most_per_address => return None,
            Entry::Occupied(mut count) => *count.get_mut() += 1,
            Entry::Vacant(count) => _ = count.insert(1),
        }
        self.open.fetch_add(1, Relaxed);
        drop(by_address);
        Some(Permit {
            bounds: self.clone(),
            address,
        })
    }

    /// How many connections are open.
    pub fn open(&self) -> usize {
        self.open.load(Relaxed)
    }

    fn by_address(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        // Counters stay right whatever panicked while holding them: each change is a single step.
        self.by_address
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.bounds.open.fetch_sub(1, Relaxed);
        let mut by_address = self.bounds.by_address();
        if let Entry::Occupied(mut count) = by_address.entry(self.address) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

/// What counts as one address: an IPv6 client commands a whole /64.
pub fn counted(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_hold_in_all_and_for_each_address() {
        let bounds = Arc::new(Bounds::default());
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let first = bounds.admit(address("192.0.2.1"), 3, 2).expect("room");
        let _second = bounds.admit(address("192.0.2.1"), 3, 2).expect("room");
        assert!(
            bounds.admit(address("192.0.2.1"), 3, 2).is_none(),
            "two is the most for one address"
        );
        let _third = bounds.admit(address("2001:db8::1"), 3, 1).expect("room");
        assert!(
            bounds.admit(address("2001:db8::2"), 9, 1).is_none(),
            "one /64 is one address"
        );
        assert!(
            bounds.admit(address("192.0.2.9"), 3, 2).is_none(),
            "three is the most in all"
        );
        drop(first);
        assert_eq!(bounds.open(), 2);
        assert!(bounds.admit(address("192.0.2.1"), 3, 2).is_some());
        assert_eq!(
            bounds.by_address().len(),
            2,
            "an address without connections is forgotten"
        );
    }
}
