//! The days (UTC) of a range.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::{Group, Range};

/// The day that a moment is in.
pub(crate) fn date(at: Timestamp) -> Date {
    TimeZone::UTC.to_datetime(at).date()
}

/// The days in which these groups have something, each with as much of it as is in the range.
pub(crate) fn of(range: Range, groups: &[Group]) -> impl Iterator<Item = (Date, Range)> {
    let first = groups.iter().map(|group| group.counts.first).min();
    let last = groups.iter().map(|group| group.counts.last).max();
    let mut next = first.map(date);
    let last = last.map(date);
    std::iter::from_fn(move || {
        let day = next.filter(|day| Some(*day) <= last)?;
        let after = day.saturating_add(1.day());
        next = (after > day).then_some(after);
        let (start, end) = (midnight(day), midnight(after));
        let day_range = Range {
            from: Some(range.from.map_or(start, |from| from.max(start))),
            until: Some(range.until.map_or(end, |until| until.min(end))),
        };
        Some((day, day_range))
    })
}

fn midnight(date: Date) -> Timestamp {
    TimeZone::UTC
        .to_timestamp(date.at(0, 0, 0, 0))
        .unwrap_or(Timestamp::MAX)
}
