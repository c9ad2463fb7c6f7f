//! The holds in force, as a small file that a running edge watches.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use floor::Hold;
use serde::{Deserialize, Serialize};

use crate::{AuditError, files};

/// The file of the holds in force.
#[derive(Clone, Debug)]
pub struct Holds {
    directory: PathBuf,
}

/// What tells that the file was replaced: cheap to ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp(Option<(u64, i64, i64, u64)>);

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    holds: Vec<Hold>,
}

impl Holds {
    /// The holds of the edge with this data directory.
    pub fn of(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
        }
    }

    /// Where they are.
    pub fn path(&self) -> PathBuf {
        self.directory.join("holds.json")
    }

    /// Changes when the file does.
    pub fn stamp(&self) -> Stamp {
        let metadata = fs::metadata(self.path()).ok();
        Stamp(metadata.map(|file| (file.ino(), file.mtime(), file.mtime_nsec(), file.size())))
    }

    /// The holds in force; none where there is no file.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or is not what was written.
    pub fn read(&self) -> Result<Vec<Hold>, AuditError> {
        self.try_read()
            .map_err(|reason| self.error("cannot read", reason))
    }

    fn try_read(&self) -> io::Result<Vec<Hold>> {
        match fs::read(self.path()) {
            Ok(text) => Ok(serde_json::from_slice::<Text>(&text)?.holds),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Changes the holds: reads them, and replaces the file by one with what `change` made of them. Nobody ever sees
    /// half of it, and of two changes at once none is lost. A file that cannot be read counts as none: whoever changes
    /// it must not be kept from doing so.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn change<T>(&self, change: impl FnOnce(&mut Vec<Hold>) -> T) -> Result<T, AuditError> {
        self.try_change(change)
            .map_err(|reason| self.error("cannot write", reason))
    }

    fn try_change<T>(&self, change: impl FnOnce(&mut Vec<Hold>) -> T) -> io::Result<T> {
        files::make_directory(&self.directory)?;
        let lock = self.directory.join("holds.lock");
        // One that another user made can still be locked, though not written.
        let lock = files::open(&lock, OpenOptions::new().read(true).write(true))
            .or_else(|_| File::open(&lock))?;
        lock.lock()?;
        let mut holds = self.try_read().unwrap_or_default();
        let outcome = change(&mut holds);
        let next = self.directory.join("holds.json.next");
        // What a crash left.
        fs::remove_file(&next).ok();
        let mut file = files::open(&next, OpenOptions::new().write(true))?;
        let mut text = serde_json::to_string_pretty(&Text { holds })?;
        text.push('\n');
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&next, self.path())?;
        files::sync_directory(&next)?;
        Ok(outcome)
    }

    /// Says that an edge watches these holds, for as long as the file is kept open; the end of the process ends that
    /// too.
    ///
    /// # Errors
    ///
    /// When the file that says so cannot be made.
    pub fn watch(&self) -> Result<File, AuditError> {
        let watched = files::make_directory(&self.directory).and_then(|()| {
            let file = self.watched(OpenOptions::new().read(true).write(true))?;
            // Edges that hand over to one another share it.
            file.lock_shared()?;
            Ok(file)
        });
        watched.map_err(|reason| self.error("cannot watch", reason))
    }

    /// Whether an edge watches these holds now; `None` where that cannot be told.
    pub fn is_watched(&self) -> Option<bool> {
        let file = match File::open(self.directory.join("edge.lock")) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Some(false),
            Err(_) => return None,
        };
        match file.try_lock() {
            Ok(()) => Some(false),
            Err(TryLockError::WouldBlock) => Some(true),
            Err(TryLockError::Error(_)) => None,
        }
    }

    fn watched(&self, options: &mut OpenOptions) -> io::Result<File> {
        files::open(&self.directory.join("edge.lock"), options)
    }

    fn error(&self, what: &'static str, reason: io::Error) -> AuditError {
        AuditError {
            what,
            path: self.path(),
            reason,
        }
    }
}
