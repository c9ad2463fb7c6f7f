//! Proof for an auditor.
//!
//! In: a ledger, the plan in force, the audit trail, and a period. Out: a pack, a directory with one page to read, the
//! same as data, an inventory of protocols, suites and groups (CycloneDX 1.7), and the audit trail, under sums that are
//! signed ([`seal`]). Anybody can check a pack with `minisign` and `sha256sum`; [`verify`] does it with words.
//!
//! A pack says what was seen, by whom it could not be judged and what is missing. It never says that somebody complies:
//! that is for the reader.
//!
//! It never opens a socket and never reads a clock.

#![forbid(unsafe_code)]

mod build;
mod cbom;
mod in_force;
mod inventory;
mod pack;
mod page;
mod seal;
mod verify;
mod write;

pub use build::{Sources, build};
pub use cbom::cbom;
pub use in_force::{Stated, stated};
pub use pack::{
    Change, Early, ExceptionFact, FloorSpan, Missing, Pack, Period, PhaseSpan, Served, SunsetFact,
    TrailFact, TurnedAway, Use,
};
pub use page::page;
pub use seal::{Key, seal};
pub use verify::{Checked, Finding, verify};
pub use write::{AUDIT, CBOM, DATA, PAGE, write};

/// Why a pack cannot be made or read. The text names the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// The ledger cannot be read.
    #[error(transparent)]
    Ledger(#[from] ledger::LedgerError),
    /// A file cannot be read or written.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: std::path::PathBuf,
        /// What the system said.
        #[source]
        reason: std::io::Error,
    },
    /// A key or a signature cannot be used.
    #[error("{path}: {reason}")]
    Key {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl EvidenceError {
    pub(crate) fn file(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        move |reason| Self::File {
            path: path.to_owned(),
            reason,
        }
    }
}
