//! Where pictures are kept.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use ledger::standings::{STANDINGS, Standings};
use tempfile::TempDir;

use crate::fault::Fault;

/// Held by the console whose pictures are kept in a data directory.
const LOCK: &str = "standings.lock";

/// The file that pictures are kept in.
#[derive(Debug)]
pub(crate) struct Store {
    path: PathBuf,
    _held: Held,
}

/// What keeps others from writing there.
#[derive(Debug)]
#[expect(dead_code, reason = "held until it is dropped")]
enum Held {
    Lock(File),
    /// A directory of its own: another console, which may have another plan, keeps its pictures in the data directory,
    /// or nothing can be written there.
    Own(TempDir),
}

impl Store {
    pub(super) fn new(data_dir: &Path) -> Result<Self, Fault> {
        let lock = OpenOptions::new()
            .create(true)
            .append(true)
            .open(data_dir.join(LOCK));
        if let Ok(lock) = lock
            && lock.try_lock().is_ok()
        {
            return Ok(Self {
                path: data_dir.join(STANDINGS),
                _held: Held::Lock(lock),
            });
        }
        let own = tempfile::tempdir()
            .map_err(|error| Fault::broken(format!("nothing can be kept anywhere: {error}")))?;
        Ok(Self {
            path: own.path().join(STANDINGS),
            _held: Held::Own(own),
        })
    }

    pub(super) fn open(&self) -> Result<Standings, Fault> {
        Ok(Standings::open(&self.path)?)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}
