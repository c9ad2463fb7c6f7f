//! A ledger opened to be asked. Any number of readers work while an edge writes, also from other processes.

mod accounts;
mod details;
mod groups;
mod info;
pub(crate) mod keys;
mod names;
pub(crate) mod rows;
mod verify;

use std::path::{Path, PathBuf};
use std::time::Duration;

use hello::{Offer, OfferId};
use rusqlite::{Connection, OpenFlags, Transaction};

use crate::amounts::moment;
use crate::error::{LedgerError, Trouble};
use crate::store::schema;
use crate::{AccountFacts, Association, Detail, Gap, Group, Query, Range, Who, WindowHit};
pub use info::Info;
pub(crate) use names::{Texts, offer};

/// How long a question waits for a lock. Readers and a writer do not lock each other out; recovery after a kill does,
/// for a moment.
const BUSY: Duration = Duration::from_secs(5);

/// A ledger opened to be asked.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    connection: Connection,
}

impl Reader {
    /// Opens the ledger in a file, which is not changed. It may be on storage that cannot be written.
    ///
    /// # Errors
    ///
    /// When there is none, when it cannot be read, and when it is of another format than this version's.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        if !path.exists() {
            return Err(LedgerError::Missing(path.to_owned()));
        }
        let fault = |error: &rusqlite::Error| LedgerError::from_sqlite(path, error);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let opened = Connection::open_with_flags(path, flags)
            .and_then(|connection| Ok((schema::stamp(&connection)?, connection)));
        let (stamp, connection) = match opened {
            Ok(opened) => opened,
            // Where SQLite may not keep its index of the log, it reads only a file that it is told nobody changes.
            Err(error) if Trouble::of(&error) != Trouble::Damaged && !has_log(path) => {
                let flags = flags | OpenFlags::SQLITE_OPEN_URI;
                Connection::open_with_flags(unchanging(path), flags)
                    .and_then(|connection| Ok((schema::stamp(&connection)?, connection)))
                    .map_err(|error| fault(&error))?
            }
            Err(error) => return Err(fault(&error)),
        };
        let path = path.to_owned();
        match stamp {
            (schema::APPLICATION, format) if format > schema::NEWEST => {
                return Err(LedgerError::Newer {
                    path,
                    found: format,
                    known: schema::NEWEST,
                });
            }
            (schema::APPLICATION, format) if format < schema::NEWEST => {
                return Err(LedgerError::Older {
                    path,
                    found: format,
                    known: schema::NEWEST,
                });
            }
            (schema::APPLICATION, _) => {}
            // An edge is about to make it.
            _ if schema::is_empty(&connection).unwrap_or(false) => {
                return Err(LedgerError::Missing(path));
            }
            _ => {
                return Err(LedgerError::Damaged {
                    path,
                    reason: "it is not marked as a ledger".to_owned(),
                });
            }
        }
        let prepared = connection
            .busy_timeout(BUSY)
            .and_then(|()| connection.pragma_update(None, "cell_size_check", true))
            .and_then(|()| connection.pragma_update(None, "cache_size", -64 * 1024));
        prepared.map_err(|error| LedgerError::from_sqlite(&path, &error))?;
        Ok(Self { path, connection })
    }

    /// How much it holds.
    ///
    /// # Errors
    ///
    /// As [`Query::offers`].
    pub fn info(&self) -> Result<Info, LedgerError> {
        self.ask(|transaction| info::info(transaction, &self.path))
    }

    /// Checks everything that must hold of a ledger, and gives what is wrong in words. Reads all of it: some seconds
    /// for ten million rows. `progress` is told how many parts are done and how many there are.
    ///
    /// # Errors
    ///
    /// When the storage cannot be read. A file that is too damaged to be read is what is wrong, and no error.
    pub fn verify(&self, progress: impl FnMut(u64, u64)) -> Result<Vec<String>, LedgerError> {
        match self.ask(|transaction| verify::verify(transaction, progress)) {
            Err(LedgerError::Damaged { reason, .. }) => Ok(vec![reason]),
            verified => verified,
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What is committed while it lasts is not seen by it.
    pub(crate) fn transaction(&self) -> rusqlite::Result<Transaction<'_>> {
        self.connection.unchecked_transaction()
    }

    /// Asks within one transaction: what is committed meanwhile is in the whole answer or in none of it.
    fn ask<T>(
        &self,
        question: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, LedgerError> {
        self.transaction()
            .and_then(|transaction| question(&transaction))
            .map_err(|error| LedgerError::from_sqlite(&self.path, &error))
    }
}

impl Query for Reader {
    fn offers(&self) -> Result<Vec<(OfferId, Offer)>, LedgerError> {
        self.ask(|transaction| {
            transaction
                .prepare("SELECT identity, bytes FROM offer")?
                .query_map((), |row| Ok((names::identity(row, 0)?, offer(row, 1)?)))?
                .collect()
        })
    }

    fn groups(&self, range: Range) -> Result<Vec<Group>, LedgerError> {
        self.ask(|transaction| groups::groups(transaction, range))
    }

    fn details(&self, range: Range, who: &Who) -> Result<Vec<Detail>, LedgerError> {
        self.ask(|transaction| details::details(transaction, range, who, None))
    }

    fn details_of(
        &self,
        range: Range,
        who: &Who,
        offers: &[OfferId],
    ) -> Result<Vec<Detail>, LedgerError> {
        self.ask(|transaction| details::details(transaction, range, who, Some(offers)))
    }

    fn windows(&self, range: Range) -> Result<Vec<WindowHit>, LedgerError> {
        self.ask(|transaction| details::windows(transaction, range))
    }

    fn accounts(&self) -> Result<Vec<AccountFacts>, LedgerError> {
        self.ask(accounts::accounts)
    }

    fn associations(&self, most: usize) -> Result<Vec<Association>, LedgerError> {
        self.ask(|transaction| accounts::associations(transaction, most))
    }

    fn gaps(&self, range: Range) -> Result<Vec<Gap>, LedgerError> {
        let from = range.from.map_or(i64::MIN, |from| from.as_second());
        let until = range.until.map_or(i64::MAX, |until| until.as_second());
        self.ask(|transaction| {
            transaction
                .prepare(
                    "SELECT first, last, reason, connections FROM gap WHERE last >= ? AND first <= ? \
                     ORDER BY first, last",
                )?
                .query_map([from, until], |row| {
                    Ok(Gap {
                        from: moment(row.get(0)?),
                        until: Some(moment(row.get(1)?)),
                        reason: row.get(2)?,
                        connections: row.get(3)?,
                    })
                })?
                .collect()
        })
    }
}

/// Whether changes lie beside the file that are not in it yet.
fn has_log(path: &Path) -> bool {
    std::fs::metadata(info::beside(path, "-wal")).is_ok_and(|log| log.len() > 0)
}

/// The file as a URI that tells SQLite that nobody changes it.
fn unchanging(path: &Path) -> String {
    let mut uri = "file:".to_owned();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' => uri.push(char::from(*byte)),
            byte if byte.is_ascii_alphanumeric() => uri.push(char::from(*byte)),
            byte => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri + "?immutable=1"
}
