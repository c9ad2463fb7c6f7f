//! Keys of session tickets (RFC 5077, RFC 8446 section 4.6.1): made in memory, changed every few hours, never written
//! down.
//!
//! A ticket spares a client that comes again the costly half of its handshake. It vouches for nothing else: the hello
//! that brings it is judged like any other, and a client that is served under the legacy policy gets none.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use s2n_tls::config;
use s2n_tls::error::Error as S2nError;
use serde::{Deserialize, Serialize};

/// How long a key makes tickets. It takes them for as long again, so a ticket is good for 4 to 8 hours; whoever gets
/// hold of this process's memory can read recorded TLS 1.2 sessions that were resumed within that time, and no others.
const TURN: Duration = Duration::from_secs(4 * 60 * 60);
/// A key makes tickets a little longer than its turn, so that there is always one that does.
const OVERLAP: Duration = Duration::from_secs(60);
/// The key whose turn it is and the one before.
const KEYS: usize = 2;

/// The machine's time, whatever the plan's clock says: s2n-tls reckons the age of a key by it.
#[expect(
    clippy::disallowed_methods,
    reason = "keys age in real time; the plan knows nothing of them"
)]
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}

/// The keys in use.
pub(crate) struct Tickets {
    keys: Mutex<VecDeque<Key>>,
}

/// One key. It is passed on to the process that takes this one's place, and to nobody else.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Key {
    /// Tells the key of a ticket; also tells one state of all the keys from another.
    name: [u8; 16],
    secret: [u8; 32],
    since: SystemTime,
}

impl Key {
    fn new(now: SystemTime) -> Result<Self, getrandom::Error> {
        let mut key = Self {
            name: [0; 16],
            secret: [0; 32],
            since: now,
        };
        getrandom::fill(&mut key.name)?;
        getrandom::fill(&mut key.secret)?;
        Ok(key)
    }
}

impl Tickets {
    /// `keys` of the process before this one, the newest first; where there are none a new one is made.
    ///
    /// # Errors
    ///
    /// When the system gives no random numbers.
    pub(crate) fn new(keys: Vec<Key>, now: SystemTime) -> Result<Self, getrandom::Error> {
        let tickets = Self {
            keys: Mutex::new(keys.into()),
        };
        tickets.turn(now)?;
        Ok(tickets)
    }

    /// Makes a new key where the newest has had its turn.
    pub(crate) fn turn(&self, now: SystemTime) -> Result<(), getrandom::Error> {
        let mut keys = self.lock();
        // A clock that was set back makes a key from the future, which s2n-tls would not use.
        let has_turn = |key: &Key| now.duration_since(key.since).is_ok_and(|age| age < TURN);
        if !keys.front().is_some_and(has_turn) {
            keys.push_front(Key::new(now)?);
            keys.truncate(KEYS);
        }
        Ok(())
    }

    /// The name of the newest key.
    pub(crate) fn newest(&self) -> Option<[u8; 16]> {
        self.lock().front().map(|key| key.name)
    }

    /// The keys, the newest first.
    pub(crate) fn keys(&self) -> Vec<Key> {
        self.lock().iter().cloned().collect()
    }

    /// Makes a configuration issue and take tickets.
    pub(crate) fn apply(&self, config: &mut config::Builder) -> Result<(), S2nError> {
        config.set_ticket_key_encrypt_decrypt_lifetime(TURN + OVERLAP)?;
        config.set_ticket_key_decrypt_lifetime(TURN)?;
        for key in self.lock().iter().rev() {
            config.add_session_ticket_key(&key.name, &key.secret, key.since)?;
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Key>> {
        // Each change is whole, whatever panicked after it.
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_its_turn_and_one_more_turn_after() {
        let start = now();
        let tickets = Tickets::new(Vec::new(), start).unwrap();
        let first = tickets.newest().unwrap();
        tickets.turn(start + TURN / 2).unwrap();
        assert_eq!(tickets.newest(), Some(first), "its turn is not over");
        tickets.turn(start + TURN).unwrap();
        assert_ne!(tickets.newest(), Some(first));
        assert_eq!(tickets.keys().last().map(|key| key.name), Some(first));
        tickets.turn(start + 2 * TURN).unwrap();
        assert_eq!(tickets.keys().len(), KEYS);
        assert!(
            tickets.keys().iter().all(|key| key.name != first),
            "forgotten"
        );
    }

    #[test]
    fn the_process_after_this_one_goes_on_with_its_keys() {
        let now = now();
        let before = Tickets::new(Vec::new(), now).unwrap();
        let after = Tickets::new(before.keys(), now + TURN / 2).unwrap();
        assert_eq!(after.newest(), before.newest());
    }

    #[test]
    fn a_clock_that_was_set_back_leaves_no_time_without_a_key() {
        let now = now();
        let tickets = Tickets::new(Vec::new(), now).unwrap();
        let first = tickets.newest();
        tickets
            .turn(now - Duration::from_secs(24 * 60 * 60))
            .unwrap();
        assert_ne!(tickets.newest(), first);
    }
}
