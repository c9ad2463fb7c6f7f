//! What people write down about accounts: notes, owners, contacts, marks, and the letters they were sent.
//!
//! It is a file of its own beside the ledger, since the two live differently: a ledger that is damaged is set aside and
//! begun anew, and its old days are dropped, but a customer who was written to must never be forgotten. It is small:
//! one row for each account somebody wrote about, one for each letter. Several programs may use it at once.
//!
//! A letter is recorded before it is sent ([`People::begin`]) and again once it was ([`People::sent`]). Whoever is killed
//! in between leaves a letter that may or may not have gone out; it counts as sent, so that nobody is written to twice.

mod letters;
mod marked;
mod notes;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

use crate::LedgerError;

pub use letters::{Letter, LetterState};
pub use marked::Marked;
pub use notes::Note;

/// The file's name in a data directory.
pub const PEOPLE: &str = "people.sqlite";

/// Marks the file: "SunP".
const APPLICATION: i64 = 0x5375_6e50;
/// Its format. A step that was released never changes; a later format is a further step.
const STEPS: [&str; 1] = [include_str!("people/1.sql")];
const NEWEST: i64 = STEPS.len() as i64;

/// Longest wait for another program that writes.
const BUSY: Duration = Duration::from_secs(5);

/// What people wrote down.
#[derive(Debug)]
pub struct People {
    connection: Connection,
    path: PathBuf,
}

impl People {
    /// Opens the file, or makes it, readable by its owner alone: it holds addresses of people.
    ///
    /// # Errors
    ///
    /// When the file cannot be used, is not of this program, or is of a later version of it.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        create_private(path).map_err(|error| LedgerError::from_io(path, &error))?;
        let connection = Connection::open(path);
        Self::prepare(connection, path)
    }

    /// The same to be read; where nobody has written anything yet, there is nothing in it.
    ///
    /// # Errors
    ///
    /// As [`People::open`].
    pub fn read(path: &Path) -> Result<Self, LedgerError> {
        if path.exists() {
            Self::open(path)
        } else {
            Self::prepare(Connection::open_in_memory(), path)
        }
    }

    fn prepare(connection: rusqlite::Result<Connection>, path: &Path) -> Result<Self, LedgerError> {
        let failed = |error| LedgerError::from_sqlite(path, &error);
        let mut connection = connection.map_err(failed)?;
        let found = migrate(&mut connection).map_err(failed)?;
        if found > NEWEST {
            return Err(LedgerError::Newer {
                path: path.to_owned(),
                found,
                known: NEWEST,
            });
        }
        let application: i64 = connection
            .query_row("PRAGMA application_id", (), |row| row.get(0))
            .map_err(failed)?;
        if application != APPLICATION {
            return Err(LedgerError::NotPeople(path.to_owned()));
        }
        Ok(Self {
            connection,
            path: path.to_owned(),
        })
    }

    fn fault(&self, error: &rusqlite::Error) -> LedgerError {
        LedgerError::from_sqlite(&self.path, error)
    }
}

pub(crate) fn create_private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    fs::OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .map(drop)
}

/// Brings a file up to date and gives the format it was found in. One that is not ours is left as it is.
fn migrate(connection: &mut Connection) -> rusqlite::Result<i64> {
    connection.busy_timeout(BUSY)?;
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    // A letter that is recorded as begun must be so after a power failure.
    connection.pragma_update(None, "synchronous", "full")?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let format: i64 = transaction.query_row("PRAGMA user_version", (), |row| row.get(0))?;
    let tables: i64 =
        transaction.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))?;
    if format < NEWEST && (format > 0 || tables == 0) {
        for step in STEPS
            .iter()
            .skip(usize::try_from(format).unwrap_or(usize::MAX))
        {
            transaction.execute_batch(step)?;
        }
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", NEWEST)?;
    }
    transaction.commit()?;
    Ok(format)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_not_ours_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(PEOPLE);
        let other = Connection::open(&path).unwrap();
        other.execute_batch("CREATE TABLE theirs (x)").unwrap();
        drop(other);
        let error = People::open(&path).unwrap_err();
        assert!(matches!(error, LedgerError::NotPeople(_)), "{error}");
        let other = Connection::open(&path).unwrap();
        let tables: i64 = other
            .query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))
            .unwrap();
        assert_eq!(tables, 1);
        fs::write(
            &path,
            b"no database at all, and long enough to be seen as none",
        )
        .unwrap();
        assert!(matches!(
            People::open(&path),
            Err(LedgerError::Damaged { .. } | LedgerError::NotPeople(_))
        ));
    }

    #[test]
    fn a_later_format_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(PEOPLE);
        drop(People::open(&path).unwrap());
        let plain = Connection::open(&path).unwrap();
        plain.pragma_update(None, "user_version", 9).unwrap();
        drop(plain);
        assert!(matches!(
            People::open(&path),
            Err(LedgerError::Newer { found: 9, .. })
        ));
    }

    #[test]
    fn its_owner_alone_can_read_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(PEOPLE);
        drop(People::open(&path).unwrap());
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_nobody_wrote_is_empty_and_makes_no_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(PEOPLE);
        assert!(People::read(&path).unwrap().notes().unwrap().is_empty());
        assert!(!path.exists());
    }
}
