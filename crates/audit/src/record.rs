//! One record of the trail, as it is written and as it is read.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// What was done.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Deed {
    /// An edge started.
    Started {
        /// The program's version.
        version: String,
        /// The plan in force: see [`Deed::Plan`].
        plan_sha256: String,
    },
    /// An edge stopped as it was told to.
    Stopped,
    /// A plan was put in force.
    Plan {
        /// The file it came from.
        source: String,
        /// The SHA-256 of `lines`, joined by line feeds.
        sha256: String,
        /// All that the plan says, a fact a line.
        lines: Vec<String>,
        /// Those that the plan before did not have.
        added: Vec<String>,
        /// Those of the plan before that it does not have.
        removed: Vec<String>,
    },
    /// A plan was not put in force, and the old one stayed.
    ReloadRefused {
        /// What is wrong with it.
        reason: String,
    },
    /// A sunset was put on hold, or all of them.
    Hold {
        /// Its name; `None` for all.
        sunset: Option<String>,
        /// Why.
        reason: String,
    },
    /// A hold was lifted, or all of them.
    Resume {
        /// The sunset; `None` for all.
        sunset: Option<String>,
        /// Why.
        reason: String,
    },
    /// The guard's limit was passed; a record of the hold follows.
    Guard {
        /// What customers had asked for in its window.
        asked: u64,
        /// How much of that was turned away.
        turned_away: u64,
        /// The share at which it acts.
        limit: f64,
        /// The length of its window.
        over_seconds: f64,
    },
    /// An exception came into force.
    ExceptionBegun {
        /// The exception, in words.
        exception: String,
    },
    /// An exception is no longer in force.
    ExceptionEnded {
        /// The exception, in words.
        exception: String,
        /// Why: its date came, or it was taken out of the plan.
        reason: String,
    },
    /// An unfinished record was found at the end, and stayed there.
    Recovered {
        /// How long it is.
        bytes: usize,
        /// Its SHA-256.
        sha256: String,
    },
}

/// When something was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct When {
    /// On the real clock.
    pub real: Timestamp,
    /// On the plan's, where that shows another time.
    pub plan: Option<Timestamp>,
}

/// A record as it is read. `details` are the fields of its kind, known to this version or not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Its number, from 1.
    pub seq: u64,
    /// When, on the real clock.
    pub at: Timestamp,
    /// The time on the plan's clock, where that was another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan_at: Option<Timestamp>,
    /// Who did it.
    pub by: String,
    /// What was done: the name of a [`Deed`].
    pub kind: String,
    /// More about it.
    #[serde(flatten)]
    pub details: Map<String, Value>,
    /// The hash of the record before.
    pub previous: String,
    /// This record's.
    pub hash: String,
}

impl Record {
    /// A detail that is text.
    pub fn text(&self, field: &str) -> Option<&str> {
        self.details.get(field)?.as_str()
    }

    /// A detail that is a list of texts.
    pub fn texts(&self, field: &str) -> impl Iterator<Item = &str> {
        let list = self.details.get(field).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str)
    }
}

/// A record as it is written, but for its hash.
#[derive(Serialize)]
struct Draft<'a> {
    seq: u64,
    at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan_at: Option<Timestamp>,
    by: &'a str,
    #[serde(flatten)]
    deed: &'a Deed,
    previous: &'a str,
}

/// Between what is hashed and the hash.
const HASH: &str = ",\"hash\":\"";
/// The hash before the first record.
pub(crate) const NOTHING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Writes a line, without its line feed, and gives its hash.
pub(crate) fn line(
    seq: u64,
    when: When,
    by: &str,
    deed: &Deed,
    previous: &str,
) -> serde_json::Result<(String, String)> {
    let mut line = serde_json::to_string(&Draft {
        seq,
        at: when.real,
        plan_at: when.plan,
        by,
        deed,
        previous,
    })?;
    // The brace of the object, which the hash comes before.
    line.pop();
    let hash = sha256(line.as_bytes());
    line.push_str(HASH);
    line.push_str(&hash);
    line.push_str("\"}");
    Ok((line, hash))
}

/// Reads a line: a record, and whether its hash is that of its text. `None` for what is no record.
pub(crate) fn read(line: &[u8]) -> Option<(Record, bool)> {
    let text = std::str::from_utf8(line).ok()?;
    let record: Record = serde_json::from_str(text).ok()?;
    let (hashed, end) = text.rsplit_once(HASH)?;
    let is_whole = end == format!("{}\"}}", record.hash);
    let is_right = is_whole && record.hash == sha256(hashed.as_bytes());
    Some((record, is_right))
}

/// In hex.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        // Writing to a String does not fail.
        write!(hex, "{byte:02x}").ok();
    }
    hex
}
