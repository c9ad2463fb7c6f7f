//! The roll-up: takes entries off the channel, adds them up, shows them, and hands what it has added up to the store
//! whenever the store is free. It never waits for the disk or for whoever reads what is shown.

mod batch;
mod key;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, TrySendError};
use std::thread;
use std::time::{Duration, Instant};

pub(crate) use batch::{Adder, Batch, MOST_ROWS, Overflow, Row};
pub(crate) use key::{
    Digest, Key, phase_code, phase_from_code, visitor_code, visitor_from_code, who_from_parts,
    who_parts,
};

use crate::Entry;
use crate::sink::{Receiver, Shared};

/// How long entries are gathered before they are looked at: waking this thread for each would cost the edge more
/// than adding them up does.
const GATHER: Duration = Duration::from_millis(50);
/// How often the store is offered what was added up: a process that is killed loses no more than this, a commit and
/// what the edge has not handed over.
const COMMIT: Duration = Duration::from_millis(500);

/// Entries that are looked at before the store is offered a batch, however many more there are.
const MOST_AT_ONCE: usize = 65_536;

/// Adds up until every sink is gone; then hands over the rest, for which it waits.
pub(crate) fn run(
    entries: &Receiver,
    shown: &SyncSender<Box<Entry>>,
    store: &SyncSender<Batch>,
    shared: &Arc<Shared>,
    stopping: &AtomicBool,
) {
    let mut rollup = Rollup {
        adder: Adder::default(),
        batch: Batch::new(MOST_ROWS),
        shared,
    };
    let mut offered = Instant::now();
    loop {
        // With nothing to hand over there is nothing to wake up for.
        let first = if rollup.batch.is_empty() {
            entries.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            entries.recv_timeout(COMMIT.saturating_sub(offered.elapsed()).max(GATHER))
        };
        match first {
            Ok(first) => {
                thread::sleep(GATHER);
                rollup.take(first, shown);
                entries
                    .try_iter()
                    .take(MOST_AT_ONCE)
                    .for_each(|entry| rollup.take(entry, shown));
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        rollup.fetch_turned_away();
        if offered.elapsed() >= COMMIT {
            rollup.offer(store);
            offered = Instant::now();
        }
    }
    rollup.fetch_turned_away();
    stopping.store(true, Relaxed);
    if !rollup.batch.is_empty() {
        // Fails only where the store has gone, which has then said why.
        store.send(rollup.batch).ok();
    }
}

struct Rollup<'a> {
    adder: Adder,
    batch: Batch,
    shared: &'a Arc<Shared>,
}

impl Rollup<'_> {
    fn take(&mut self, entry: Box<Entry>, shown: &SyncSender<Box<Entry>>) {
        self.adder.add(&mut self.batch, &entry);
        if entry.is_last && matches!(shown.try_send(entry), Err(TrySendError::Full(_))) {
            self.shared.totals.dropped.fetch_add(1, Relaxed);
        }
        self.shared.health.gathering_since(self.batch.since);
    }

    fn fetch_turned_away(&mut self) {
        for (visitor, amounts) in self.shared.fetch_turned_away() {
            self.batch.add_other(visitor, Overflow::TooFast, &amounts);
        }
        self.shared.health.gathering_since(self.batch.since);
    }

    /// Hands the batch over if the store is free; else it goes on growing.
    fn offer(&mut self, store: &SyncSender<Batch>) {
        let health = &self.shared.health;
        if self.batch.is_empty() || health.is_storing() {
            return;
        }
        let batch = std::mem::replace(&mut self.batch, Batch::new(MOST_ROWS));
        health.storing_since(batch.since);
        if let Err(TrySendError::Full(batch) | TrySendError::Disconnected(batch)) =
            store.try_send(batch)
        {
            self.batch = batch;
        }
        health.gathering_since(self.batch.since);
    }
}
