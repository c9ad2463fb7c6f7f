//! Connections by day, for a picture of where it goes.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use ledger::{LedgerError, Range};

use crate::build::{Inquiry, names, subjects};
use crate::model::{Day, SunsetReport, Usage};
use crate::tally::{Tally, add};

/// Bars that fit a picture. A longer range has bars of several days.
const MOST_BARS: u32 = 62;

/// Adds the days of the range to each sunset. Roll-ups are by the hour or by the day UTC, so days cut nothing in two.
pub(crate) fn add_days(
    inquiry: &Inquiry<'_>,
    sunsets: &mut [SunsetReport],
) -> Result<(), LedgerError> {
    let mut all = None;
    for group in inquiry.groups {
        add(&mut all, Usage::new(&group.counts));
    }
    let Some(all) = all else {
        return Ok(());
    };
    let (first, last) = (date(all.first), date(all.last));
    let count = (last.duration_since(first).as_hours() / 24 + 1).unsigned_abs();
    let step = u32::try_from(count.div_ceil(u64::from(MOST_BARS))).unwrap_or(u32::MAX);
    let mut subjects = subjects(inquiry.plan, inquiry.options, inquiry.now);
    for subject in &mut subjects {
        subject.judge(inquiry.offers);
    }
    let mut start = first;
    while start <= last {
        let end = start.saturating_add(i64::from(step).days());
        let asked = inquiry.options.range();
        let range = Range {
            from: Some(midnight(start)).max(asked.from),
            until: Some(
                asked
                    .until
                    .map_or(midnight(end), |until| until.min(midnight(end))),
            ),
        };
        let mut groups = inquiry.ledger.groups(range)?;
        groups.retain(|group| {
            let account = inquiry.options.account.as_deref();
            inquiry.counts(group.visitor) && account.is_none_or(|id| names(&group.who, id))
        });
        for (subject, sunset) in subjects.iter().zip(sunsets.iter_mut()) {
            let tally = Tally::new(subject, inquiry.offers, groups.iter());
            sunset.days.push(Day {
                date: start,
                days: step,
                connections: tally.connections,
            });
        }
        if end <= start {
            break;
        }
        start = end;
    }
    Ok(())
}

fn date(at: Timestamp) -> Date {
    TimeZone::UTC.to_datetime(at).date()
}

fn midnight(date: Date) -> Timestamp {
    TimeZone::UTC
        .to_timestamp(date.at(0, 0, 0, 0))
        .unwrap_or(Timestamp::MAX)
}
