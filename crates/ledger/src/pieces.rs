//! Where a range is cut into pieces that are whole hours.

use std::ops::Range as Span;

use jiff::Timestamp;

use crate::Range;
use crate::amounts::{HOUR, hour_of, moment};

/// The pieces of a span of hours: between two cuts, and the hour around each cut that is not on the hour.
pub(crate) fn spans(hours: Span<i64>, cuts: &[Timestamp]) -> Vec<Span<i64>> {
    let mut ends: Vec<i64> = cuts
        .iter()
        .flat_map(|cut| {
            let hour = hour_of(cut.as_second());
            let is_whole = cut.as_second().rem_euclid(HOUR) == 0 && cut.subsec_nanosecond() == 0;
            [hour, hour + i64::from(!is_whole)]
        })
        .filter(|hour| hours.contains(hour))
        .chain([hours.start, hours.end])
        .collect();
    ends.sort_unstable();
    ends.dedup();
    let nexts = ends.iter().skip(1);
    ends.iter()
        .zip(nexts)
        .map(|(start, end)| *start..*end)
        .collect()
}

/// The same as ranges of time. The ends of the range stay as they are.
pub(crate) fn ranges(range: Range, cuts: &[Timestamp]) -> Vec<Range> {
    let hours = crate::reader::rows::hours(range);
    let (start, end) = (hours.start, hours.end);
    spans(hours, cuts)
        .into_iter()
        .map(|span| Range {
            from: if span.start == start {
                range.from
            } else {
                Some(moment(span.start * HOUR))
            },
            until: if span.end == end {
                range.until
            } else {
                Some(moment(span.end * HOUR))
            },
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_inside_an_hour_makes_a_piece_of_that_hour() {
        let at = |text: &str| -> Timestamp { text.parse().unwrap() };
        let hour = |text: &str| hour_of(at(text).as_second());
        let day = hour("2026-03-01T00:00:00Z")..hour("2026-03-02T00:00:00Z");
        let cuts = [
            at("2026-02-01T00:00:00Z"),
            at("2026-03-01T06:00:00Z"),
            at("2026-03-01T09:07:00Z"),
            at("2026-03-01T09:17:00Z"),
            at("2026-03-01T10:00:00.5Z"),
        ];
        let spans = spans(day.clone(), &cuts);
        let told: Vec<_> = spans
            .iter()
            .map(|span| (span.start - day.start, span.end - day.start))
            .collect();
        assert_eq!(told, [(0, 6), (6, 9), (9, 10), (10, 11), (11, 24)]);
    }
}
