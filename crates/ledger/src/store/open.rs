//! Opening a ledger to write it.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};

use super::known::Known;
use super::{Store, damage, schema};
use crate::LedgerSettings;
use crate::amounts::moment;
use crate::error::LedgerError;

/// How long a write waits for another program's: `compact` holds the file for a fraction of a second at a time.
const BUSY: Duration = Duration::from_secs(5);

/// What lies beside the ledger, and who holds it writes.
const LOCK: &str = "ledger.lock";

/// A gap's reason.
const NOT_STOPPED: &str = "not stopped properly";
/// A gap's reason.
const DAMAGED: &str = "the file was damaged";

/// KiB of pages where memory is spared: the upper pages of every index of a ledger of a year, and the rows of a batch.
const SMALL_CACHE: i64 = 12 * 1024;

impl Store {
    /// Opens a ledger, or makes one. One that is damaged is set aside. `now` names it then.
    pub(crate) fn open(
        path: &Path,
        settings: &LedgerSettings,
        now: Timestamp,
    ) -> Result<Self, LedgerError> {
        match Self::try_open(path, settings, now) {
            Err(LedgerError::Damaged { reason, .. }) => Self::renew(path, settings, now, &reason),
            opened => opened,
        }
    }

    /// Sets a damaged ledger aside and begins a new one. The gap is from the first thing the old one held until now.
    pub(super) fn renew(
        path: &Path,
        settings: &LedgerSettings,
        now: Timestamp,
        reason: &str,
    ) -> Result<Self, LedgerError> {
        let aside =
            damage::set_aside(path, now).map_err(|error| LedgerError::from_io(path, &error))?;
        tracing::error!(
            %reason,
            "{} is damaged; it is kept as {}, and a new ledger is begun",
            path.display(),
            aside.display()
        );
        let store = Self::try_open(path, settings, now)?;
        let (first, last) = damage::extent(&aside).unwrap_or((0, 0));
        store
            .connection
            .execute(
                "INSERT INTO gap (first, last, reason, connections) VALUES (?, ?, ?, 0)",
                (first, now.as_second().max(last), DAMAGED),
            )
            .map_err(|error| LedgerError::from_sqlite(path, &error))?;
        Ok(store)
    }

    fn try_open(
        path: &Path,
        settings: &LedgerSettings,
        now: Timestamp,
    ) -> Result<Self, LedgerError> {
        if !path.exists() {
            // Accounts and addresses are nobody else's business, and SQLite gives its logs the mode of the file. One
            // that exists is not opened here: closing it again would end the locks of every connection of this
            // process to it (POSIX).
            OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(path)
                .map_err(|error| LedgerError::from_io(path, &error))?;
        }
        let lock_path = path.with_file_name(LOCK);
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&lock_path)
            .map_err(|error| LedgerError::from_io(&lock_path, &error))?;
        let opened = connect(path).and_then(|mut connection| {
            prepare(path, &mut connection)?;
            let writer = register(&mut connection, &lock, now)?;
            Ok((connection, writer))
        });
        let (connection, writer) = opened.map_err(|failure| failure.into_error(path))?;
        Ok(Self {
            path: path.to_owned(),
            connection,
            known: Known::default(),
            writer,
            settings: settings.clone(),
            data_version: 0,
            _lock: lock,
        })
    }

    /// Opens the same file anew, after a failure; gives the number of the last batch it holds of this writer.
    pub(super) fn reopen(&mut self) -> Result<i64, LedgerError> {
        let connection = connect(&self.path).map_err(|failure| failure.into_error(&self.path))?;
        let batch = self
            .last_batch(&connection)
            .map_err(|error| LedgerError::from_sqlite(&self.path, &error))?;
        self.connection = connection;
        self.known.forget();
        Ok(batch)
    }

    fn last_batch(&self, connection: &Connection) -> rusqlite::Result<i64> {
        let found = connection
            .query_row(
                "SELECT batch FROM writer WHERE id = ?",
                [self.writer],
                |row| row.get(0),
            )
            .optional()?;
        if let Some(batch) = found {
            return Ok(batch);
        }
        // Somebody removed the lock file, and the next program took this one for gone.
        connection.execute(
            "INSERT INTO writer (id, batch, alive) VALUES (?, 0, 0)",
            [self.writer],
        )?;
        Ok(0)
    }
}

/// Why a file cannot be opened.
pub(super) enum Failure {
    Sqlite(rusqlite::Error),
    Newer(i64),
    Damaged(String),
    Lock(std::io::Error),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl Failure {
    fn into_error(self, path: &Path) -> LedgerError {
        let path = path.to_owned();
        match self {
            Self::Sqlite(error) => LedgerError::from_sqlite(&path, &error),
            Self::Newer(found) => LedgerError::Newer {
                path,
                found,
                known: schema::NEWEST,
            },
            Self::Damaged(reason) => LedgerError::Damaged { path, reason },
            Self::Lock(error) => LedgerError::from_io(&path, &error),
        }
    }
}

impl Store {
    /// From now on this takes little memory, and some time instead: for a run that ends.
    pub(crate) fn spare_memory(&mut self) -> rusqlite::Result<()> {
        self.known = Known::small();
        // What a row points at is put into the file before it, and nothing is removed here: to ask for each of them again
        // is a third of what a row costs. `sundown ledger info --verify` asks.
        self.connection.pragma_update(None, "foreign_keys", false)?;
        self.connection
            .pragma_update(None, "cache_size", -SMALL_CACHE)
    }
}

fn connect(path: &Path) -> Result<Connection, Failure> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(64);
    // A cell that lies outside its page is found when the page is read, not when it is followed.
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "normal")?;
    // 64 MiB of pages: an hour's rows, the keys in use and the dictionaries fit in it.
    connection.pragma_update(None, "cache_size", -64 * 1024)?;
    // A log that grew behind a long read is cut down again.
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    Ok(connection)
}

/// Makes sure that the file is a ledger of this format and that its newest day adds up.
fn prepare(path: &Path, connection: &mut Connection) -> Result<(), Failure> {
    let (application, format) = schema::stamp(connection)?;
    let is_empty = schema::is_empty(connection)?;
    if application != schema::APPLICATION && !is_empty {
        return Err(Failure::Damaged("it is not marked as a ledger".to_owned()));
    }
    match format {
        // Of no format and yet not empty: the number was overwritten.
        0 if !is_empty => return Err(Failure::Damaged("it has lost its format".to_owned())),
        format if format > schema::NEWEST => return Err(Failure::Newer(format)),
        format if format < schema::NEWEST => {
            schema::migrate(connection)?;
            if format > 0 {
                tracing::info!(
                    "{} was brought from format {format} to {}",
                    path.display(),
                    schema::NEWEST
                );
            }
        }
        _ => {}
    }
    match super::verify::newest_day(connection)? {
        Some(reason) => Err(Failure::Damaged(reason)),
        None => Ok(()),
    }
}

/// Enters this program as a writer, and records a gap for each that has gone without an end.
fn register(connection: &mut Connection, lock: &File, now: Timestamp) -> Result<i64, Failure> {
    match lock.try_lock() {
        Ok(()) => {
            let transaction = begin(connection)?;
            let left: Vec<i64> = transaction
                .prepare("SELECT alive FROM writer")?
                .query_map((), |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            for alive in left {
                tracing::warn!(
                    "the ledger was not stopped properly; up to a second of what came after {} is missing",
                    moment(alive)
                );
                transaction.execute(
                    "INSERT INTO gap (first, last, reason, connections) VALUES (?, ?, ?, 0)",
                    (alive, alive + 1, NOT_STOPPED),
                )?;
            }
            transaction.execute("DELETE FROM writer", ())?;
            transaction.commit()?;
            lock.unlock().map_err(Failure::Lock)?;
        }
        // Another one writes: an edge whose last requests are finishing while this one takes over.
        Err(TryLockError::WouldBlock) => {}
        Err(TryLockError::Error(error)) => return Err(Failure::Lock(error)),
    }
    // Entered only once it is held: whoever looks in between sees no writer of ours and takes us for none.
    lock.lock_shared().map_err(Failure::Lock)?;
    let transaction = begin(connection)?;
    transaction.execute(
        "INSERT INTO writer (batch, alive) VALUES (0, ?)",
        [now.as_second()],
    )?;
    let writer = transaction.last_insert_rowid();
    transaction.commit()?;
    Ok(writer)
}

fn begin(connection: &mut Connection) -> rusqlite::Result<Transaction<'_>> {
    connection.transaction_with_behavior(TransactionBehavior::Immediate)
}
