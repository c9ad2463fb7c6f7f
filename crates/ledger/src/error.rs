//! What can go wrong with a ledger.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

/// Why a ledger cannot be used. The text names the file and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// There is no ledger there.
    #[error(
        "there is no ledger at {0}; `sundown serve` and `sundown watch` keep one in their --data-dir"
    )]
    Missing(PathBuf),
    /// A later version of this program wrote it.
    #[error(
        "{path} was written by a newer Sundown (its format is {found}, this one reads up to {known}); use that \
         version, or move the file away to begin a new one"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The newest format that this version reads.
        known: i64,
    },
    /// An earlier version of this program wrote it, and it was opened only to be read.
    #[error(
        "{path} was written by an older Sundown (its format is {found}, this one reads {known}); `sundown ledger \
         compact` or `sundown serve` brings it up to date"
    )]
    Older {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The format that this version reads.
        known: i64,
    },
    /// It does not hold what was written.
    #[error(
        "{path} is damaged ({reason}); `sundown serve` sets it aside by itself and begins a new one, and `sundown \
         ledger info --verify` says what is wrong"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// How it shows.
        reason: String,
    },
    /// Another program reads the same log into it.
    #[error(
        "another `sundown watch` has read on in {0} meanwhile, and counted it; nothing is counted twice: leave it to that \
         one, or start again"
    )]
    ReadByAnother(String),
    /// A file of another program lies where notes and letters are kept.
    #[error(
        "{0} holds something else than notes and letters; move it away, and a new one is begun"
    )]
    NotPeople(PathBuf),
    /// A text of a note is too long.
    #[error("the {0} is too long")]
    TooLong(&'static str),
    /// The storage does not let us.
    #[error("{path} cannot be used: {reason}")]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What stands in the way, in a few words.
        word: &'static str,
        /// The same in full, and what to do about it.
        reason: String,
    },
}

impl LedgerError {
    /// What SQLite said about a file.
    pub(crate) fn from_sqlite(path: &Path, error: &rusqlite::Error) -> Self {
        let path = path.to_owned();
        match Trouble::of(error) {
            Trouble::Damaged => Self::Damaged {
                path,
                reason: error.to_string(),
            },
            Trouble::Storage(word) => Self::Unusable {
                path,
                word,
                reason: format!("{word} ({error}); {}", remedy(word)),
            },
        }
    }

    /// What the file system said about a file.
    pub(crate) fn from_io(path: &Path, error: &io::Error) -> Self {
        Self::Unusable {
            path: path.to_owned(),
            word: "it cannot be opened",
            reason: format!("{error}; {}", remedy("it cannot be opened")),
        }
    }
}

/// Whose fault a failure of SQLite is: that decides what is done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The file does not hold what was written to it: it is set aside.
    Damaged,
    /// The storage fails, in a word or two: it is tried again.
    Storage(&'static str),
}

impl Trouble {
    pub(crate) fn of(error: &rusqlite::Error) -> Self {
        let code = match error {
            rusqlite::Error::SqliteFailure(failure, _) => failure.code,
            // What SQLite hands out is not of the type that was put in.
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::Utf8Error(..)
            | rusqlite::Error::SqlInputError { .. }
            | rusqlite::Error::QueryReturnedNoRows => return Self::Damaged,
            _ => return Self::Storage("it cannot be written"),
        };
        match code {
            // A constraint can only fail where an index and its table disagree; a table can only be missing where
            // the schema was overwritten, which SQLite reports as an unknown error.
            ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase
            | ErrorCode::ConstraintViolation
            | ErrorCode::TypeMismatch
            | ErrorCode::Unknown => Self::Damaged,
            ErrorCode::DiskFull => Self::Storage("the disk is full"),
            ErrorCode::ReadOnly => Self::Storage("it is read-only"),
            ErrorCode::CannotOpen | ErrorCode::PermissionDenied => {
                Self::Storage("it cannot be opened")
            }
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
                Self::Storage("another program holds it")
            }
            _ => Self::Storage("the disk fails"),
        }
    }
}

fn remedy(word: &str) -> &'static str {
    match word {
        "the disk is full" => "free some space, or `sundown ledger compact`",
        "it is read-only" | "it cannot be opened" => {
            "see that its directory can be written by this user, or copy the file together with its -wal"
        }
        "another program holds it" => "see which with `fuser`",
        _ => "see the system's log",
    }
}
