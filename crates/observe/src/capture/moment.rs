//! Times of packets.

use jiff::Timestamp;

const HOUR: i64 = 3_600_000_000_000;

/// From the first packet of a connection to its last, in nanoseconds since 1970. Clocks go backwards; spans do not.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    first: i64,
    last: i64,
}

impl Span {
    pub(super) const fn new(at: i64) -> Self {
        Self {
            first: at,
            last: at,
        }
    }

    pub(super) fn extend(&mut self, at: i64) {
        self.last = self.last.max(at);
    }

    /// The first moment and the last of its hour.
    pub(super) fn within_an_hour(self) -> (Timestamp, Timestamp) {
        let end = self
            .first
            .div_euclid(HOUR)
            .saturating_mul(HOUR)
            .saturating_add(HOUR - 1);
        (timestamp(self.first), timestamp(self.last.min(end)))
    }
}

fn timestamp(nanoseconds: i64) -> Timestamp {
    // Every 64-bit number of nanoseconds lies within jiff's years.
    Timestamp::from_nanosecond(nanoseconds.into()).unwrap_or(Timestamp::UNIX_EPOCH)
}
