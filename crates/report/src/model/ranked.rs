//! One who misses, without the details of the traffic.

use jiff::Timestamp;
use serde::Serialize;

use super::{Lack, RowWho, State, Usage, Volume};

/// One who misses, in the place that its harm gives it: worst first.
#[derive(Clone, Debug, Serialize)]
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
    /// What the most used offer that misses lacks.
    pub lacks: Vec<Lack>,
}
