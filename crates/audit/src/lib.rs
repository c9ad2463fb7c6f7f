//! What operators do to an edge, kept in its data directory.
//!
//! In: deeds (a hold, a plan put in force, a start), each with who, why and when. Out: `audit.jsonl`, a record that
//! cannot be changed unseen, and `holds.json`, what is on hold. Several processes may write at once: a lock orders
//! them. It never opens a socket and never reads a clock.
//!
//! # The trail
//!
//! One JSON object a line, only ever appended and synced to the disk. `hash` is the SHA-256 of the line up to
//! `,"hash":`, and `previous` is the `hash` of the record before (zeros before the first), so a record that is changed,
//! removed or put in is found. What no chain can show is that its last records are missing: compare the last hash with
//! one noted elsewhere. Without this program:
//!
//! ```sh
//! sed 's/,"hash":".*$//' audit.jsonl | while IFS= read -r line; do printf %s "$line" | sha256sum; done
//! ```
//!
//! A crash can leave an unfinished line. It stays, and the next record is of the kind `recovered` and holds the SHA-256
//! of what was found.

#![forbid(unsafe_code)]

mod files;
mod holds;
mod record;
mod trail;
mod verify;

pub use holds::{Holds, Stamp};
pub use record::{Deed, Record, When};
pub use trail::Trail;
pub use verify::{Fault, Reading, Wrong};

/// Why the record or the holds cannot be read or written. The text names the file.
#[derive(Debug, thiserror::Error)]
#[error("{what} {}: {reason}", path.display())]
pub struct AuditError {
    what: &'static str,
    path: std::path::PathBuf,
    #[source]
    reason: std::io::Error,
}
