//! Sightings from what is already there: access logs, packet captures, live traffic.
//!
//! In: bytes that somebody else recorded. Out: [`Evidence`], what a connection (or many that look alike) shows of
//! itself, for whoever records it. What the bytes do not show stays unknown: nothing here guesses.
//!
//! It never touches the traffic that it looks at, and never judges it.

mod evidence;

pub use accounts::Shown;
pub use evidence::Evidence;
