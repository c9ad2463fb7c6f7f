//! How much: what is added up in a roll-up.

use jiff::Timestamp;

use crate::{Counts, Entry, Outcome, Requests};

/// Seconds of an hour.
pub(crate) const HOUR: i64 = 60 * 60;
/// Hours of a day, which is a day in UTC.
pub(crate) const DAY_HOURS: i64 = 24;

/// The hour that a second of the Unix epoch is in, counted from that epoch.
pub(crate) const fn hour_of(second: i64) -> i64 {
    second.div_euclid(HOUR)
}

/// The day that an hour is in, both counted from the Unix epoch.
pub(crate) const fn day_of(hour: i64) -> i64 {
    hour.div_euclid(DAY_HOURS)
}

/// Counts of connections and requests, and when the first and the last of them was. Adding is associative and
/// commutative: in whatever pieces something is counted, the sum is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Amounts {
    pub(crate) connections: u64,
    pub(crate) refused: u64,
    pub(crate) requests: Requests,
    /// Seconds of the Unix epoch.
    pub(crate) first: i64,
    /// Seconds of the Unix epoch.
    pub(crate) last: i64,
    /// For an inferred account: how long ago it had been seen, in seconds, at most.
    pub(crate) age: Option<u64>,
}

impl Amounts {
    /// What an entry adds.
    pub(crate) fn of(entry: &Entry) -> Self {
        // No clock that is right shows a time before the epoch.
        let at = entry.at.as_second().max(0);
        let is_refused = matches!(entry.sighting.outcome, Outcome::Refused { .. });
        let age = match &entry.sighting.account {
            Some(crate::Account::Inferred(inferred)) => inferred
                .candidates
                .iter()
                .map(|candidate| candidate.age_seconds)
                .max(),
            _ => None,
        };
        Self {
            connections: entry.connections,
            refused: if is_refused { entry.connections } else { 0 },
            requests: entry.requests,
            first: at,
            last: at,
            age,
        }
    }

    /// Nothing is counted.
    pub(crate) const fn is_nothing(&self) -> bool {
        self.connections == 0 && self.refused == 0 && self.requests.total() == 0
    }

    pub(crate) fn add(&mut self, more: &Self) {
        self.connections = self.connections.saturating_add(more.connections);
        self.refused = self.refused.saturating_add(more.refused);
        let (mine, theirs) = (&mut self.requests, &more.requests);
        mine.served = mine.served.saturating_add(theirs.served);
        mine.warned = mine.warned.saturating_add(theirs.warned);
        mine.explained = mine.explained.saturating_add(theirs.explained);
        mine.answered = mine.answered.saturating_add(theirs.answered);
        self.first = self.first.min(more.first);
        self.last = self.last.max(more.last);
        self.age = self.age.max(more.age);
    }

    /// As an answer to a question.
    pub(crate) fn counts(&self) -> Counts {
        Counts {
            connections: self.connections,
            refused: self.refused,
            requests: self.requests,
            first: moment(self.first),
            last: moment(self.last),
        }
    }
}

/// A second of the Unix epoch; past the ends of the calendar, its end.
pub(crate) fn moment(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or(if second < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}
