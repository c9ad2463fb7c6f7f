//! A ledger opened to be asked. Any number of readers work while an edge writes, also from other processes.

mod accounts;
mod crew;
mod days;
mod details;
mod groups;
mod info;
pub(crate) mod keys;
mod named;
pub(crate) mod names;
mod pieces;
pub(crate) mod presence;
mod programs;
pub(crate) mod rows;
mod verify;
mod windows;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hello::{Offer, OfferId};
use jiff::Timestamp;
use jiff::civil::Date;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Transaction};

use crate::amounts::moment;
use crate::error::{LedgerError, Trouble};
use crate::query::{Client, Named, Presence};
use crate::store::schema;
use crate::{AccountFacts, Association, Detail, Gap, Group, Query, Range, Wanted, Who, WindowHit};
use details::Whose;
pub use info::Info;
pub(crate) use names::{Texts, offer};

/// How long a question waits for a lock. Readers and a writer do not lock each other out; recovery after a kill does,
/// for a moment.
const BUSY: Duration = Duration::from_secs(5);

/// What SQLite keeps of the file in memory, in KiB below zero.
const CACHE: i64 = -64 * 1024;

/// A ledger opened to be asked.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    connection: Connection,
    /// SQLite was told that nobody changes the file.
    is_unchanging: bool,
}

/// Opens a file to be read; gives its stamp, and whether SQLite had to be told that nobody changes it.
fn connect(path: &Path) -> rusqlite::Result<(Connection, (i64, i64), bool)> {
    let open = |is_unchanging| {
        let connection = connect_as(path, is_unchanging)?;
        let stamp = schema::stamp(&connection)?;
        Ok((connection, stamp, is_unchanging))
    };
    match open(false) {
        // Where SQLite may not keep its index of the log, it reads only a file that it is told nobody changes.
        Err(error) if Trouble::of(&error) != Trouble::Damaged && !has_log(path) => open(true),
        opened => opened,
    }
}

fn connect_as(path: &Path, is_unchanging: bool) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = if is_unchanging {
        Connection::open_with_flags(unchanging(path), flags | OpenFlags::SQLITE_OPEN_URI)?
    } else {
        Connection::open_with_flags(path, flags)?
    };
    connection.busy_timeout(BUSY)?;
    // Else a statement that is kept is planned anew for each value that is bound to it.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "cache_size", CACHE)?;
    Ok(connection)
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
        let (connection, stamp, is_unchanging) =
            connect(path).map_err(|error| LedgerError::from_sqlite(path, &error))?;
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
        Ok(Self {
            path,
            connection,
            is_unchanging,
        })
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

    fn details_of_one(&self, range: Range, whose: Whose<'_>) -> Result<Vec<Detail>, LedgerError> {
        let mut found = Vec::new();
        self.ask(|transaction| {
            details::details(transaction, &mut [], range, &[whose], &mut |_, details| {
                found = details;
            })
        })?;
        Ok(found)
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
        if groups::is_long(range) {
            crew::ask(self, |transaction, crew| {
                groups::groups(transaction, crew, range)
            })
        } else {
            self.ask(|transaction| groups::groups(transaction, &mut [], range))
        }
    }

    fn days(&self, range: Range, each: &mut dyn FnMut(Date, &Group)) -> Result<(), LedgerError> {
        self.ask(|transaction| days::days(transaction, range, each))
    }

    fn presence(
        &self,
        range: Range,
        each: &mut dyn FnMut(Presence<'_>),
    ) -> Result<(), LedgerError> {
        crew::ask(self, |transaction, crew| {
            presence::presence(transaction, crew, range, each)
        })
    }

    fn programs(&self, each: &mut dyn FnMut(&Client, Option<Arc<str>>)) -> Result<(), LedgerError> {
        self.ask(|transaction| programs::programs(transaction, each))
    }

    fn named(&self, id: &str) -> Result<Option<Named>, LedgerError> {
        self.ask(|transaction| named::named(transaction, id))
    }

    fn details(&self, range: Range, who: &Who) -> Result<Vec<Detail>, LedgerError> {
        self.details_of_one(range, (who, None))
    }

    fn details_of(
        &self,
        range: Range,
        who: &Who,
        offers: &[OfferId],
    ) -> Result<Vec<Detail>, LedgerError> {
        self.details_of_one(range, (who, Some(offers)))
    }

    fn details_of_each(
        &self,
        range: Range,
        wanted: &[Wanted],
        each: &mut dyn FnMut(usize, Vec<Detail>),
    ) -> Result<(), LedgerError> {
        let wanted: Vec<Whose<'_>> = wanted
            .iter()
            .map(|wanted| (&wanted.who, Some(wanted.offers.as_slice())))
            .collect();
        crew::ask(self, |transaction, crew| {
            details::details(transaction, crew, range, &wanted, each)
        })
    }

    fn pieces(
        &self,
        range: Range,
        cuts: &[Timestamp],
        each: &mut dyn FnMut(&Who, &Detail),
    ) -> Result<(), LedgerError> {
        self.ask(|transaction| pieces::pieces(transaction, range, cuts, each))
    }

    fn windows(&self, range: Range) -> Result<Vec<WindowHit>, LedgerError> {
        self.ask(|transaction| windows::windows(transaction, range))
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
