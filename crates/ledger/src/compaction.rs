//! Compaction on demand.

use std::path::Path;

use jiff::Timestamp;

use crate::store::{Step, Store};
use crate::{LedgerError, LedgerSettings};

/// What a compaction did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Compacted {
    /// Hours that became part of their day.
    pub hours: u64,
    /// Days that were dropped.
    pub days: u64,
}

/// Does at once what a running edge does by itself, as these settings say: hours become days, old days are dropped. Then
/// gives the room back to the file system. `progress` is told how many steps are done and how many there are. May
/// run beside an edge.
///
/// # Errors
///
/// When there is no ledger, or it cannot be written.
pub fn compact(
    path: &Path,
    settings: &LedgerSettings,
    now: Timestamp,
    mut progress: impl FnMut(u64, u64),
) -> Result<Compacted, LedgerError> {
    if !path.exists() {
        return Err(LedgerError::Missing(path.to_owned()));
    }
    let mut store = Store::open(path, settings, now)?;
    let steps = store.to_compact().map_err(|error| store.fault(&error))?;
    let mut compacted = Compacted::default();
    loop {
        progress(compacted.hours + compacted.days, steps);
        match store.compact_a_step() {
            Ok(Step::Moved) => compacted.hours += 1,
            Ok(Step::Dropped) => compacted.days += 1,
            Ok(Step::Nothing) => break,
            Err(error) => return Err(store.fault(&error)),
        }
    }
    store.vacuum().map_err(|error| store.fault(&error))?;
    store.finish()?;
    Ok(compacted)
}
