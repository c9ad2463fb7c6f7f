//! What can go wrong with a ledger.

use std::path::PathBuf;

/// Why a ledger cannot be used. The text names the file and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// There is no ledger there.
    #[error("there is no ledger at {0}; `sundown serve` keeps one in its --data-dir")]
    Missing(PathBuf),
}
