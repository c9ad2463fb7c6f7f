//! The thread that writes.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::Store;
use super::commit::{Committed, Delay};
use super::compact::Step;
use crate::LedgerSettings;
use crate::amounts::moment;
use crate::error::{LedgerError, Trouble};
use crate::health::State;
use crate::rollup::Batch;
use crate::sink::Shared;

/// Between two tries to store what could not be stored.
const TRY_AGAIN: Duration = Duration::from_millis(500);
/// How long a stop goes on trying. Whoever stops an edge waits for this.
const LAST_TRIES: Duration = Duration::from_secs(5);
/// Between two looks for something to compact.
const COMPACT: Duration = Duration::from_secs(60);
/// Between two steps of compaction, so that the disk has time for others.
const BETWEEN_STEPS: Duration = Duration::from_millis(20);

/// What is needed to open the file, at the start and after a failure.
pub(crate) struct Place {
    pub(crate) path: PathBuf,
    pub(crate) settings: LedgerSettings,
    /// The plan's clock at the start.
    pub(crate) now: Timestamp,
}

/// Stores every batch until there are no more. `store` is absent where the file could not be opened yet. `stopping`
/// says that the batch at hand is the last.
pub(crate) fn run(
    store: Option<Store>,
    place: Place,
    batches: &Receiver<Batch>,
    shared: &Arc<Shared>,
    stopping: &AtomicBool,
) {
    let mut keeper = Keeper {
        store,
        place,
        shared,
        stopping,
        number: 0,
        is_unsure: false,
        behind: None,
    };
    let mut wait = BETWEEN_STEPS;
    loop {
        match batches.recv_timeout(wait) {
            Ok(batch) => {
                keeper.keep(&batch);
                shared.health.storing_since(None);
            }
            Err(RecvTimeoutError::Timeout) => {
                wait = keeper.idle();
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    if let Some(Err(error)) = keeper.store.map(Store::close) {
        tracing::warn!(%error, "the ledger was not closed in order; the next start notes a gap of a second");
    }
}

struct Keeper<'a> {
    store: Option<Store>,
    place: Place,
    shared: &'a Shared,
    stopping: &'a AtomicBool,
    /// The number of the last batch that was tried.
    number: i64,
    /// A commit failed, and whether it happened is not known.
    is_unsure: bool,
    /// Why the batch before this one had to wait, if it had.
    behind: Option<&'static str>,
}

impl Keeper<'_> {
    /// Stores a batch, however long it takes; gives it up only where the program stops meanwhile.
    fn keep(&mut self, batch: &Batch) {
        self.number += 1;
        if let Some(latest) = batch.latest {
            self.place.now = moment(latest);
        }
        let mut delay = Delay {
            waited: None,
            behind: self.behind.take(),
        };
        let mut last_tries = None;
        loop {
            let error = match self.store(batch, delay) {
                Ok(committed) => {
                    self.stored(&committed, delay.waited.is_some());
                    self.behind = delay.waited;
                    return;
                }
                Err(error) => error,
            };
            if delay.waited.is_none() {
                tracing::error!(
                    "sightings cannot be stored, and are kept as far as there is room: {error}"
                );
            }
            delay.waited = Some(word(&error));
            let reason = State::Failing(error.to_string().into());
            self.shared.health.set_state(reason);
            if self.stopping.load(Relaxed)
                && last_tries.get_or_insert_with(Instant::now).elapsed() >= LAST_TRIES
            {
                let count = batch.count();
                tracing::error!(count, "connections and requests are lost: {error}");
                self.shared.health.gave_up(count);
                return;
            }
            thread::sleep(TRY_AGAIN);
        }
    }

    fn stored(&self, committed: &Committed, was_failing: bool) {
        let health = &self.shared.health;
        health.committed(committed.rows);
        for (why, count) in &committed.others {
            health.overflowed(*why, *count);
        }
        if was_failing {
            tracing::info!("sightings are stored again");
        }
        health.set_state(State::Ok);
    }

    fn store(&mut self, batch: &Batch, delay: Delay) -> Result<Committed, LedgerError> {
        // What is written to a file that has no name is lost when it is closed.
        if self.store.is_some() && !self.place.path.exists() {
            tracing::error!(
                "{} was taken away; a new ledger is begun",
                self.place.path.display()
            );
            self.store = None;
            self.is_unsure = false;
        }
        let store = match &mut self.store {
            Some(store) => store,
            none => none.insert(Store::open(
                &self.place.path,
                &self.place.settings,
                self.place.now,
            )?),
        };
        if self.is_unsure {
            let found = store.reopen();
            match found {
                Ok(number) if number == self.number => {
                    self.is_unsure = false;
                    return Ok(Committed::default());
                }
                Ok(_) => self.is_unsure = false,
                Err(LedgerError::Damaged { reason, .. }) => {
                    return self.renew(batch, delay, &reason);
                }
                Err(error) => return Err(error),
            }
        }
        match store.commit(self.number, batch, delay) {
            Ok(committed) => Ok(committed),
            Err(error) if Trouble::of(&error) == Trouble::Damaged => {
                self.renew(batch, delay, &error.to_string())
            }
            Err(error) => {
                self.is_unsure = true;
                Err(LedgerError::from_sqlite(&self.place.path, &error))
            }
        }
    }

    /// Stores a batch in a new file, the old one being damaged.
    fn renew(
        &mut self,
        batch: &Batch,
        delay: Delay,
        reason: &str,
    ) -> Result<Committed, LedgerError> {
        let Place {
            path,
            settings,
            now,
        } = &self.place;
        // Closed before it is renamed: closing removes the log by its name.
        self.store = None;
        self.is_unsure = false;
        let store = self
            .store
            .insert(Store::renew(path, settings, *now, reason)?);
        store.commit(self.number, batch, delay).map_err(|error| {
            self.is_unsure = true;
            LedgerError::from_sqlite(path, &error)
        })
    }

    /// Something useful while there is no batch; gives how long to wait for one then.
    fn idle(&mut self) -> Duration {
        let Some(store) = &mut self.store else {
            let place = &self.place;
            if let Ok(store) = Store::open(&place.path, &place.settings, place.now) {
                tracing::info!("the ledger can be used now");
                self.store = Some(store);
                self.shared.health.set_state(State::Ok);
            }
            return TRY_AGAIN;
        };
        match store.compact_a_step() {
            Ok(Step::Nothing) => COMPACT,
            Ok(_) => BETWEEN_STEPS,
            Err(error) => {
                // The next batch meets the same trouble and deals with it.
                tracing::warn!(%error, "the ledger cannot be compacted now");
                COMPACT
            }
        }
    }
}

/// A gap's reason.
fn word(error: &LedgerError) -> &'static str {
    match error {
        LedgerError::Unusable { word, .. } => word,
        _ => "the file could not be opened",
    }
}
