//! How everybody stands with each sunset: results, kept to be searched and paged.
//!
//! The file beside the ledger holds what somebody judged, and no rule of its own; it is made from the ledger and the plan,
//! and may be removed at any time. It is replaced in one transaction: whoever reads sees all of one judgement or all of
//! the next.

mod ask;
mod write;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags};

use crate::{LedgerError, Who};
pub use ask::{Asked, Order, Page, Turn};

/// The file's name in a data directory.
pub const STANDINGS: &str = "standings.sqlite";

/// Marks the file: "SunS".
const APPLICATION: i64 = 0x5375_6e53;
/// Its format. A file of another one is made anew.
const FORMAT: i64 = 1;
/// Longest wait for another that writes.
const BUSY: Duration = Duration::from_secs(5);

/// How one stands with one sunset.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// Who.
    pub who: Who,
    /// How, as a number of the judge's.
    pub standing: u8,
    /// More about that, as a number of the judge's.
    pub state: Option<u8>,
    /// What it was last seen with.
    pub program: Option<Arc<str>>,
    /// What it lacks, as the judge wrote it.
    pub lacks: Option<Arc<str>>,
    /// Requests by day that the standing is about.
    pub requests_a_day: f64,
    /// Their share of its own.
    pub share: f64,
    /// When something of it last missed.
    pub missed: Option<Timestamp>,
    /// When it was last seen.
    pub seen: Option<Timestamp>,
}

/// A row of a page: a standing in its place, and what people wrote about its account.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    /// Its place in the order of harm.
    pub place: u64,
    /// The standing.
    pub standing: Standing,
    /// Who of the platform looks after the account; empty for nobody.
    pub owner: String,
    /// Where letters go; empty where none is known.
    pub contact: String,
}

/// The file, open.
#[derive(Debug)]
pub struct Standings {
    connection: Connection,
    path: PathBuf,
}

impl Standings {
    /// Opens the file to replace what is in it, or makes it. What is damaged, and what another version made, is made anew.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        match Self::prepare(path) {
            Err(LedgerError::Damaged { .. }) => {
                for ending in ["", "-wal", "-shm"] {
                    let mut file = path.to_owned().into_os_string();
                    file.push(ending);
                    // What is not there need not be removed; what cannot be is found damaged again.
                    std::fs::remove_file(file).ok();
                }
                Self::prepare(path)
            }
            opened => opened,
        }
    }

    fn prepare(path: &Path) -> Result<Self, LedgerError> {
        crate::people::create_private(path).map_err(|error| LedgerError::from_io(path, &error))?;
        let open = || {
            let mut connection = Connection::open(path)?;
            connection.busy_timeout(BUSY)?;
            connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
            // What a power failure takes is made again.
            connection.pragma_update(None, "synchronous", "off")?;
            let transaction =
                connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            let number = |name: &str| {
                transaction.query_row(&format!("PRAGMA {name}"), (), |row| row.get::<_, i64>(0))
            };
            if (number("application_id")?, number("user_version")?) != (APPLICATION, FORMAT) {
                for table in ["picture", "who", "phrase", "standing"] {
                    transaction.execute_batch(&format!("DROP TABLE IF EXISTS {table}"))?;
                }
                transaction.execute_batch(include_str!("standings/1.sql"))?;
                transaction.pragma_update(None, "application_id", APPLICATION)?;
                transaction.pragma_update(None, "user_version", FORMAT)?;
            }
            transaction.commit()?;
            Ok(connection)
        };
        let connection = open().map_err(|error| LedgerError::from_sqlite(path, &error))?;
        Ok(Self {
            connection,
            path: path.to_owned(),
        })
    }

    /// Opens the file to be asked, with what people wrote in `people`, if there is such a file.
    ///
    /// # Errors
    ///
    /// When one of them cannot be read.
    pub fn read(path: &Path, people: &Path) -> Result<Self, LedgerError> {
        let open = || {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(path, flags)?;
            connection.busy_timeout(BUSY)?;
            let notes = people.exists().then(|| people.to_string_lossy());
            connection.execute(
                "ATTACH DATABASE ? AS people",
                [notes.as_deref().unwrap_or(":memory:")],
            )?;
            if notes.is_none() {
                connection.execute_batch(
                    "CREATE TEMP TABLE note (account TEXT PRIMARY KEY, owner TEXT NOT NULL, contact TEXT NOT NULL)",
                )?;
            }
            Ok(connection)
        };
        let connection = open().map_err(|error| LedgerError::from_sqlite(path, &error))?;
        Ok(Self {
            connection,
            path: path.to_owned(),
        })
    }

    fn fault(&self, error: &rusqlite::Error) -> LedgerError {
        LedgerError::from_sqlite(&self.path, error)
    }
}

#[cfg(test)]
mod tests;
