//! Sightings from what is already there: access logs, packet captures, live traffic.
//!
//! In: bytes that somebody else recorded. Out: [`Evidence`], what a connection (or many that look alike) shows of
//! itself, and from it entries in a ledger ([`Recorder`]). What the bytes do not show stays unknown: nothing here guesses.
//!
//! It never touches the traffic that it looks at, and never judges it.

pub mod capture;
mod evidence;
pub mod live;
pub mod logs;
pub mod programs;
mod recorder;

pub use accounts::Shown;
pub use evidence::Evidence;
pub use recorder::{Recorder, RecorderError, Rules};
