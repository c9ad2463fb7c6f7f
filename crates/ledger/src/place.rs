//! How far a log was read: kept in the ledger, in the transaction that counts what was read.

use sha2::{Digest, Sha256};

/// Logs whose place is kept; of those that were not read for longest the places are dropped. A log a day of a thousand
/// machines fills this in three months.
pub(crate) const MOST_PLACES: u64 = 100_000;

/// Some bytes of a log, to know it again by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Mark {
    /// The SHA-256 of the bytes.
    pub digest: [u8; 32],
    /// How many they are.
    pub length: u64,
}

impl Mark {
    /// The mark of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self {
            digest: Sha256::digest(bytes).into(),
            length: bytes.len() as u64,
        }
    }
}

/// How far a log was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its row, where the ledger has one.
    pub id: Option<i64>,
    /// The first bytes of its content.
    pub head: Mark,
    /// The bytes before `position`.
    pub tail: Mark,
    /// The byte of its content up to which it was read.
    pub position: u64,
    /// The latest version that its server was seen to speak, by its code point; 0 for none. Of a capture that was not read
    /// to its end it is 1.
    pub server: u16,
    /// When it was read last, in seconds of the Unix epoch.
    pub seen: i64,
    /// What it was called then.
    pub name: String,
}
