//! The file.
//!
//! # Format
//!
//! One SQLite database in WAL mode, `application_id` "SunD", `user_version` the number of the format
//! (`store/schema.rs`); the tables and their columns are in `store/schema/*.sql`. Times are whole seconds of the Unix
//! epoch on the plan's clock; an hour is such a second divided by 3600, a day an hour divided by 24, so days are UTC's.
//! Beside the file lies `ledger.lock`, empty, which every program that writes holds shared.
//!
//! # Invariants
//!
//! 1. **The sum over `hourly` and `daily` is what was recorded**, for connections, refusals and each kind of request.
//!    What has no row of its own is in a row whose client `is_other`, in its hour, with its visitor.
//! 2. **A batch is in the file once or not at all.** It is one transaction, which also writes the batch's number to
//!    `writer`.
//! 3. **`summary` is `hourly` and `daily` added up** by day and client, `day` the same by day.
//! 4. **An hour is in `hourly` until it is compacted, and then in `daily`**: moved in one transaction, never in both.
//!    What comes later for an hour that was compacted is in `hourly` again until it is moved too.
//! 5. **A row points at a key, a key at a client and texts, a client at a `who` and an offer, and none of these is
//!    removed while something points at it.** `key.day` is no earlier than any row of the key.
//! 6. **A key is what its digest says, an offer what its identity says.** Neither is ever changed.
//! 7. **A log is counted up to its place and no further**: `place` is written in the transaction that counts what was read
//!    up to it, and only where nobody else has moved it.
//! 8. **On a day at most `clients_per_day` keys are new to that day, and at most 64 MiB of offers new to the file.**
//!
//! # Recovery
//!
//! - *Killed, or out of power*: SQLite rolls back what was not committed. Who opens the file next and finds a `writer`
//!   of which no program is alive (nobody else holds `ledger.lock`) records a gap of a second, "not stopped properly".
//!   `synchronous = NORMAL`: a kill loses nothing that was committed; a power failure can lose what was committed since
//!   the last checkpoint, and never leaves half of a batch.
//! - *A commit fails* (full, read-only or broken disk): the batch is kept and tried again. Before that the file is
//!   opened anew and asked for the writer's number: a commit that reported a failure and happened is not done twice.
//!   Meanwhile the next batch goes on growing up to its bounds. The time of it is recorded as a gap, with the number
//!   of connections that are in `other` because of it.
//! - *Damaged* (SQLite says so, or invariant 3 does not hold for the newest day when it is opened): the file is renamed
//!   to `ledger.sqlite.damaged-<time>`, with its `-wal`, and a new one begun, with a gap over what the old one held.
//!   Nothing is deleted. `sundown ledger info --verify` checks every invariant.
//! - *From an earlier version*: brought up to date in one transaction when it is opened to be written.
//! - *From a later version*: refused, untouched.
//! - *The clock jumps*: an entry counts in the hour it carries, whichever that is. What is old enough to be compacted
//!   or dropped is judged by the third newest day that holds anything, so that a clock that was wrong for a day or two
//!   deletes nothing.

mod bulk;
mod commit;
mod compact;
mod damage;
mod known;
mod open;
mod places;
pub(crate) mod schema;
#[cfg(test)]
mod tests;
mod thread;
mod verify;

use std::fs::File;
use std::path::PathBuf;

use rusqlite::Connection;

use crate::{LedgerError, LedgerSettings, Place as LogPlace};
use known::Known;

pub(crate) use commit::{Committed, Delay};
pub(crate) use compact::Step;
pub(crate) use places::Move;
pub(crate) use thread::{Place, run};
pub(crate) use verify::check_day;

/// The name of the file in the data directory.
pub const FILE: &str = "ledger.sqlite";

/// A ledger opened to be written.
#[derive(Debug)]
pub(crate) struct Store {
    path: PathBuf,
    connection: Connection,
    known: Known,
    /// Its row in `writer`.
    writer: i64,
    settings: LedgerSettings,
    /// SQLite's number of changes by others, when `known` was last true.
    data_version: i64,
    /// Held shared while this program writes.
    _lock: File,
}

impl Store {
    /// What SQLite said about it.
    pub(crate) fn fault(&self, error: &rusqlite::Error) -> LedgerError {
        LedgerError::from_sqlite(&self.path, error)
    }

    /// As [`Store::close`], with an error that names the file.
    pub(crate) fn finish(self) -> Result<(), LedgerError> {
        let path = self.path.clone();
        self.close()
            .map_err(|error| LedgerError::from_sqlite(&path, &error))
    }

    /// Every place of a log that is kept.
    pub(crate) fn places(&self) -> rusqlite::Result<Vec<LogPlace>> {
        places::all(&self.connection)
    }

    /// An orderly end: what is in the log goes into the file, and no gap is recorded by whoever comes next.
    pub(crate) fn close(self) -> rusqlite::Result<()> {
        self.connection
            .execute("DELETE FROM writer WHERE id = ?", [self.writer])?;
        self.connection.close().map_err(|(_, error)| error)
    }
}
