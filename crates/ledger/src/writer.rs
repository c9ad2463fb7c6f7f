//! A ledger that is being written: a thread that adds up and a thread that stores.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::health::State;
use crate::sink::{self, Receiver};
use crate::store::{self, Place, Store};
use crate::{LedgerError, LedgerSettings, Sink, rollup};

/// Entries that may wait to be added up, and sightings that may wait to be shown. They are taken every 50 ms: this is
/// 300,000 a second, in 5 MB each.
const MOST_WAITING: usize = 16_384;

/// How long a ledger that was not closed is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// A ledger that is being written.
#[derive(Debug)]
pub struct Writer {
    threads: Vec<JoinHandle<()>>,
}

impl Writer {
    /// Opens the ledger in a file, or makes one, and starts to write what its [`Sink`] takes. Sightings that are over
    /// come out of the [`Receiver`] to be shown; what it does not take in time is in the ledger all the same. `now`
    /// is the plan's clock.
    ///
    /// A damaged file is set aside and a new one begun. Where the storage fails, it is tried again for as long as
    /// this lasts; [`Sink::health`] says so.
    ///
    /// # Errors
    ///
    /// When the file was written by a later version of this program, or no thread can be started.
    pub fn open(
        path: &Path,
        settings: &LedgerSettings,
        now: Timestamp,
    ) -> Result<(Self, Sink, Receiver), LedgerError> {
        let (store, state) = match Store::open(path, settings, now) {
            Ok(store) => (Some(store), State::Ok),
            Err(error @ LedgerError::Unusable { .. }) => {
                tracing::error!("the ledger cannot be used now, and is tried again: {error}");
                (None, State::Failing(error.to_string().into()))
            }
            Err(error) => return Err(error),
        };
        let place = Place {
            path: path.to_owned(),
            settings: settings.clone(),
            now,
        };
        let (sink, entries, shared) = sink::open(MOST_WAITING, state);
        let (shower, shown) = mpsc::sync_channel(MOST_WAITING);
        let (batcher, batches) = mpsc::sync_channel(1);
        let stopping = Arc::new(AtomicBool::new(false));
        let start = |name: &str, work: Box<dyn FnOnce() + Send>| {
            thread::Builder::new()
                .name(name.to_owned())
                .spawn(work)
                .map_err(|error| LedgerError::from_io(path, &error))
        };
        let (theirs, stop) = (shared.clone(), stopping.clone());
        let storing = start(
            "ledger store",
            Box::new(move || store::run(store, place, &batches, &theirs, &stop)),
        )?;
        let rolling = start(
            "ledger roll-up",
            Box::new(move || rollup::run(&entries, &shower, &batcher, &shared, &stopping)),
        )?;
        Ok((
            Self {
                threads: vec![rolling, storing],
            },
            sink,
            shown,
        ))
    }

    /// Waits until everything is stored. Every [`Sink`] must be gone: what is recorded after this is not.
    pub fn close(mut self) {
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!(
                    "a thread of the ledger panicked; some of the last second is missing"
                );
            }
        }
    }
}

impl Drop for Writer {
    /// Where a start fails half way, its ledger was stopped properly all the same. A sink that is still held
    /// somewhere must not hold up the end.
    fn drop(&mut self) {
        let begun = Instant::now();
        while self.threads.iter().any(|thread| !thread.is_finished()) && begun.elapsed() < PATIENCE
        {
            thread::sleep(Duration::from_millis(5));
        }
    }
}
