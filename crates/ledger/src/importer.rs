//! Filling a ledger from what can wait: a log, a capture, a bench.

use std::path::Path;

use jiff::Timestamp;

use crate::rollup::{Adder, Batch, MOST_ROWS};
use crate::store::{Committed, Delay, Move, Store};
use crate::{Entry, LedgerError, LedgerSettings, Place};

/// Fills a ledger in the caller's own time: nothing is turned away for coming too fast. For a live edge there is
/// [`Writer`](crate::Writer).
#[derive(Debug)]
pub struct Importer {
    store: Store,
    batch: Batch,
    /// Batches that are full and wait for [`Importer::commit_read`].
    full: Vec<Batch>,
    /// Whether they do.
    gathers: bool,
    adder: Adder,
    number: i64,
    without_details: u64,
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
        let mut store = Store::open(path, settings, now)?;
        store.spare_memory().map_err(|error| store.fault(&error))?;
        Ok(Self {
            store,
            batch: Batch::new(MOST_ROWS),
            full: Vec::new(),
            gathers: false,
            adder: Adder::default(),
            number: 0,
            without_details: 0,
        })
    }

    /// From now on nothing is committed before [`Importer::commit_read`] or [`Importer::commit`], however much is added:
    /// whoever adds sees to it that it fits into memory.
    pub fn gather(&mut self) {
        self.gathers = true;
    }

    /// How far logs were read into this ledger, those that were read last first.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub fn places(&self) -> Result<Vec<Place>, LedgerError> {
        self.store
            .places()
            .map_err(|error| self.store.fault(&error))
    }

    /// Connections and requests that were counted without their details, because there were too many different clients on
    /// a day.
    pub fn without_details(&self) -> u64 {
        self.without_details
    }

    /// Adds an entry; commits first where there is no more room for another row.
    ///
    /// # Errors
    ///
    /// When the commit fails. The entry is then not added.
    pub fn add(&mut self, entry: &Entry) -> Result<(), LedgerError> {
        if self.batch.is_full() {
            if self.gathers {
                self.full
                    .push(std::mem::replace(&mut self.batch, Batch::new(MOST_ROWS)));
            } else {
                self.commit()?;
            }
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
        let mut rows = 0;
        while let Some(full) = self.full.pop() {
            let committed = self.commit_one(&full);
            if committed.is_err() {
                self.full.push(full);
            }
            rows += committed?;
        }
        let mut batch = std::mem::replace(&mut self.batch, Batch::new(MOST_ROWS));
        let committed = self.commit_one(&batch);
        if committed.is_ok() {
            batch.clear();
        }
        self.batch = batch;
        Ok(rows + committed?)
    }

    fn commit_one(&mut self, batch: &Batch) -> Result<usize, LedgerError> {
        self.number += 1;
        let committed = self.store.commit(self.number, batch, Delay::default());
        let committed = committed.map_err(|error| self.store.fault(&error))?;
        self.note(&committed);
        Ok(committed.rows)
    }

    fn note(&mut self, committed: &Committed) {
        self.without_details += committed.others.iter().map(|(_, count)| count).sum::<u64>();
    }

    /// Commits what was added and with it how far the log was read that it comes from, in one transaction: both are in
    /// the file or neither is. `from` is where that log stood before; the place's row is put into it.
    ///
    /// # Errors
    ///
    /// When the storage fails, and when another program has read on in that log. What was added stays.
    pub fn commit_read(&mut self, place: &mut Place, from: u64) -> Result<usize, LedgerError> {
        self.number += 1;
        self.full
            .push(std::mem::replace(&mut self.batch, Batch::new(MOST_ROWS)));
        let moved = Move {
            place: place.clone(),
            from,
        };
        let committed = self
            .store
            .commit_read(self.number, &self.full, &moved)
            .map_err(|error| self.store.fault(&error))
            .and_then(|committed| {
                committed.ok_or_else(|| LedgerError::ReadByAnother(place.name.clone()))
            });
        match committed {
            Ok((committed, row)) => {
                // Room for what comes next, without asking for it anew.
                if let Some(mut batch) = self.full.pop() {
                    batch.clear();
                    self.batch = batch;
                }
                self.full.clear();
                self.note(&committed);
                place.id = Some(row);
                Ok(committed.rows)
            }
            Err(error) => {
                self.batch = self.full.pop().unwrap_or_else(|| Batch::new(MOST_ROWS));
                Err(error)
            }
        }
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
