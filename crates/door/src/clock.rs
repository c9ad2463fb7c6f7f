//! The plan's clock.

use jiff::{SignedDuration, Timestamp};

/// Tells the time the plan runs by: the real time, or one that started at another moment (`--as-of`) and
/// goes on from there.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    offset: SignedDuration,
}

impl Clock {
    /// A clock that shows `start` at this moment.
    pub fn starting_at(start: Timestamp) -> Self {
        Self {
            offset: start.duration_since(real_now()),
        }
    }

    /// The time now. Past the end of the calendar it stands still.
    pub fn now(self) -> Timestamp {
        real_now()
            .checked_add(self.offset)
            .unwrap_or(Timestamp::MAX)
    }
}

/// The real time, for what the world outside judges by it: certificates.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the clock is read"
)]
pub fn real_now() -> Timestamp {
    Timestamp::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_clock_goes_on_from_where_it_was_set() {
        let start: Timestamp = "2016-12-15T00:00:00Z".parse().unwrap();
        let clock = Clock::starting_at(start);
        let elapsed = clock.now().duration_since(start);
        assert!(
            elapsed >= SignedDuration::ZERO && elapsed < SignedDuration::from_mins(1),
            "{elapsed:?}"
        );
    }
}
