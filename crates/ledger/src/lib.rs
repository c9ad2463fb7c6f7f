//! What was seen.
//!
//! In: [`Entry`]s, the parts of connections, from any observer. Out: [`Totals`] that are exact, a stream of sightings
//! for whoever shows them, and a file in which everything is rolled up ([`Writer`]) and that can be asked about
//! ([`Reader`], by [`Query`]). The observer never waits: [`Sink::record`] counts first and then offers the entry to a
//! bounded channel; what the channel could not take is counted, in the totals and in the ledger, without its details.
//!
//! It never opens a socket and never reads a clock: an entry carries its own time.

#![forbid(unsafe_code)]

mod account;
mod amounts;
mod compaction;
mod days;
mod entry;
mod error;
mod export;
mod health;
mod importer;
pub mod people;
mod pieces;
mod place;
mod query;
mod reader;
mod rollup;
mod settings;
mod sighting;
mod sink;
pub mod standings;
mod store;
mod tallies;
#[cfg(test)]
mod tests;
mod totals;
mod writer;

pub use account::{Account, Association, Candidate, Inferred, MOST_CANDIDATES, Visitor};
pub use compaction::{Compacted, compact};
pub use entry::Entry;
pub use error::LedgerError;
pub use export::{ExportError, Format};
pub use health::{Health, HealthSnapshot, State};
pub use importer::Importer;
pub use place::{Mark, Place};
pub use query::{
    AccountFacts, Client, Counts, Detail, Gap, Group, Named, Presence, Query, Range, Wanted, Who,
    WindowHit,
};
pub use reader::{Info, Reader};
pub use settings::LedgerSettings;
pub use sighting::{Judged, Negotiated, Outcome, Requests, Sighting};
pub use sink::{Receiver, Sink, channel, channel_without_ledger};
pub use store::FILE;
pub use tallies::{Asked, Tally};
pub use totals::{Snapshot, Totals};
pub use writer::Writer;
