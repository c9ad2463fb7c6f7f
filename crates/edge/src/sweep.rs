//! Hands over what long-lived connections have done since they were last asked, about twice a second.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::connection::Session;

/// How often. A process that is killed loses what came since: with the time that the ledger takes to write, less than
/// a second.
const EVERY: Duration = Duration::from_millis(500);

/// Connections that may wait for the sweep, 8 bytes each: more than an edge has open by default. Each is there at
/// most once. What finds no place is handed over at once, which costs more and loses nothing.
const MOST: usize = 65_536;

/// After how many connections others get their turn, and the ledger time to take what was handed over.
const BATCH: usize = 1024;
const PAUSE: Duration = Duration::from_millis(5);

/// The connections that have something to hand over.
#[derive(Default)]
pub(crate) struct Sweep {
    waiting: Mutex<Vec<Weak<Session>>>,
}

impl Sweep {
    /// Has a connection asked at the next turn; false where there is no place.
    pub(crate) fn expect(&self, session: &Arc<Session>) -> bool {
        // A list of connections: whatever panicked while holding it, each is in it or not.
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= MOST {
            return false;
        }
        waiting.push(Arc::downgrade(session));
        true
    }

    /// Asks them for ever: a connection that drains has something to hand over too.
    pub(crate) async fn run(&self) {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let waiting =
                std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
            for batch in waiting.chunks(BATCH) {
                batch
                    .iter()
                    .filter_map(Weak::upgrade)
                    .for_each(|session| session.hand_over());
                if batch.len() == BATCH {
                    sleep(PAUSE).await;
                }
            }
        }
    }
}
