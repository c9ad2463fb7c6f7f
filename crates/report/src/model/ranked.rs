//! Everybody by how they stand with one sunset, without the details of the traffic.

use std::sync::Arc;

use hello::OfferId;
use jiff::Timestamp;

use super::{Lack, RowWho, State, Usage, Volume};

/// Everybody by how they stand with one sunset.
#[derive(Clone, Debug, Default)]
pub struct Ranking {
    /// Who misses, worst first.
    pub missing: Vec<Ranked>,
    /// The accounts of which nothing misses, those that call most first.
    pub ready: Vec<Ready>,
}

/// An account of which nothing misses.
#[derive(Clone, Debug)]
pub struct Ready {
    /// The account.
    pub id: Arc<str>,
    /// All that it did.
    pub all: Volume,
    /// Its requests by day.
    pub requests_a_day: f64,
    /// When it was last seen.
    pub last: Timestamp,
}

/// One who misses, in the place that its harm gives it: worst first.
#[derive(Clone, Debug)]
pub struct Ranked {
    /// Who.
    pub who: RowWho,
    /// Whether it would break: `false` where an exception lets all of it past on the day.
    pub breaks: bool,
    /// What misses.
    pub misses: Usage,
    /// Requests that miss, by day.
    pub requests_a_day: f64,
    /// All that these did, whether or not it misses.
    pub all: Volume,
    /// Whether what misses still comes.
    pub state: State,
    /// Days from the last of it to the end of the range.
    pub days_since: i64,
    /// When something that meets was last seen.
    pub met: Option<Timestamp>,
    /// When anything was last seen.
    pub last: Timestamp,
    /// The offer that misses and is used most.
    pub worst: Option<OfferId>,
    /// What that offer lacks.
    pub lacks: Vec<Lack>,
}
