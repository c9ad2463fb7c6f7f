//! What was seen.
//!
//! In: one [`Sighting`] for each connection, from any observer. Out: [`Totals`] that are exact, and a stream
//! of sightings for whoever writes them down. The observer never waits: [`Sink::record`] counts first and
//! then offers the sighting to a bounded channel; what the channel could not take is counted as dropped and
//! is still in the totals.
//!
//! It never opens a socket and never reads a clock: a sighting carries its own time.

#![forbid(unsafe_code)]

mod account;
mod entry;
mod error;
mod query;
mod sighting;
mod sink;
mod totals;

pub use account::{Account, Association, Candidate, Inferred, MOST_CANDIDATES, Visitor};
pub use entry::Entry;
pub use error::LedgerError;
pub use query::{AccountFacts, Counts, Detail, Gap, Group, Query, Range, Who, WindowHit};
pub use sighting::{Judged, Negotiated, Outcome, Requests, Sighting};
pub use sink::{Receiver, Sink, channel};
pub use totals::{Snapshot, Totals};
