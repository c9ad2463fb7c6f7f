//! Filling a ledger from what can wait: a log, a capture, a bench.

use std::path::Path;

use jiff::Timestamp;

use crate::rollup::{Adder, Batch, MOST_ROWS};
use crate::store::{Delay, Store};
use crate::{Entry, LedgerError, LedgerSettings};

/// Fills a ledger in the caller's own time: nothing is turned away for coming too fast. For a live edge there is
/// [`Writer`](crate::Writer).
#[derive(Debug)]
pub struct Importer {
    store: Store,
    batch: Batch,
    adder: Adder,
    number: i64,
}

impl Importer {
    /// Opens the ledger in a file, or makes one. `now` is the plan's clock.
    ///
    /// # Errors
    ///
    /// When the file cannot be used or was written by a later version.
    pub fn open(
        path: &Path,
        settings: &LedgerSettings,
        now: Timestamp,
    ) -> Result<Self, LedgerError> {
        Ok(Self {
            store: Store::open(path, settings, now)?,
            batch: Batch::new(MOST_ROWS),
            adder: Adder::default(),
            number: 0,
        })
    }

    /// Adds an entry; commits first where there is no more room for another row.
    ///
    /// # Errors
    ///
    /// When the commit fails. The entry is then not added.
    pub fn add(&mut self, entry: &Entry) -> Result<(), LedgerError> {
        if self.batch.is_full() {
            self.commit()?;
        }
        self.adder.add(&mut self.batch, entry);
        Ok(())
    }

    /// Commits what was added; gives the number of roll-up rows written.
    ///
    /// # Errors
    ///
    /// When the storage fails. What was added stays, to be tried again.
    pub fn commit(&mut self) -> Result<usize, LedgerError> {
        self.number += 1;
        let committed = self
            .store
            .commit(self.number, &self.batch, Delay::default())
            .map_err(|error| self.store.fault(&error))?;
        self.batch = Batch::new(MOST_ROWS);
        Ok(committed.rows)
    }

    /// Commits the rest and closes the file in order.
    ///
    /// # Errors
    ///
    /// As [`Importer::commit`].
    pub fn finish(mut self) -> Result<(), LedgerError> {
        self.commit()?;
        self.store.finish()
    }
}
