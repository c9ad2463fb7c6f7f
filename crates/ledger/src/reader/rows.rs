//! Rows of the roll-up, and which of them a range touches.

use std::ops::Range as Span;

use rusqlite::{Connection, OptionalExtension, Row};

use crate::amounts::{Amounts, DAY_HOURS, HOUR, day_of, hour_of};
use crate::{Range, Requests};

/// The columns that [`amounts`] reads.
pub(crate) const AMOUNTS: &str =
    "connections, refused, served, warned, explained, answered, first, last";

/// The amounts in a row, from column `from` on. `start` is the second from which its times are counted.
pub(crate) fn amounts(row: &Row<'_>, from: usize, start: i64) -> rusqlite::Result<Amounts> {
    Ok(Amounts {
        connections: row.get(from)?,
        refused: row.get(from + 1)?,
        requests: Requests {
            served: row.get(from + 2)?,
            warned: row.get(from + 3)?,
            explained: row.get(from + 4)?,
            answered: row.get(from + 5)?,
        },
        first: start + row.get::<_, i64>(from + 6)?,
        last: start + row.get::<_, i64>(from + 7)?,
        age: None,
    })
}

/// The hours that a range touches.
pub(crate) fn hours(range: Range) -> Span<i64> {
    let start = range.from.map_or(0, |from| hour_of(from.as_second()));
    let end = range.until.map_or(hour_of(i64::MAX / 2), |until| {
        // An hour that begins at the end of the range is not in it.
        let last = until.as_second() - i64::from(until.subsec_nanosecond() == 0);
        hour_of(last) + 1
    });
    start..end.max(start)
}

/// The days that a span of hours touches.
pub(crate) fn days(hours: &Span<i64>) -> Span<i64> {
    if hours.is_empty() {
        return 0..0;
    }
    day_of(hours.start)..day_of(hours.end - 1) + 1
}

/// A span of hours in whole days and what is left before and after them.
pub(crate) fn split(hours: Span<i64>) -> (Span<i64>, Vec<Span<i64>>) {
    let first_whole = day_of(hours.start + DAY_HOURS - 1);
    let after_whole = day_of(hours.end).max(first_whole);
    let before = hours.start..hours.end.min(first_whole * DAY_HOURS);
    let after = (after_whole * DAY_HOURS).max(before.end)..hours.end;
    let parts = [before, after].into_iter().filter(|part| !part.is_empty());
    (first_whole..after_whole, parts.collect())
}

/// Gives every row of these hours to `each`, with its key.
pub(crate) fn scan_hours(
    connection: &Connection,
    hours: &Span<i64>,
    mut each: impl FnMut(i64, Amounts),
) -> rusqlite::Result<()> {
    walk_hours(connection, hours, |_, key, amounts| {
        each(key, amounts);
        true
    })
}

/// The same for compacted days.
pub(crate) fn scan_days(
    connection: &Connection,
    days: &Span<i64>,
    mut each: impl FnMut(i64, Amounts),
) -> rusqlite::Result<()> {
    walk_days(connection, days, |_, key, amounts| {
        each(key, amounts);
        true
    })
}

/// Gives the rows of these hours to `each`, with the second at which the hour starts and the key, until it says no.
pub(crate) fn walk_hours(
    connection: &Connection,
    hours: &Span<i64>,
    each: impl FnMut(i64, i64, Amounts) -> bool,
) -> rusqlite::Result<()> {
    walk(connection, "hourly", "hour", HOUR, hours, each)
}

/// The same for compacted days.
pub(crate) fn walk_days(
    connection: &Connection,
    days: &Span<i64>,
    each: impl FnMut(i64, i64, Amounts) -> bool,
) -> rusqlite::Result<()> {
    walk(connection, "daily", "day", DAY_HOURS * HOUR, days, each)
}

fn walk(
    connection: &Connection,
    table: &str,
    column: &str,
    seconds: i64,
    span: &Span<i64>,
    mut each: impl FnMut(i64, i64, Amounts) -> bool,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {column}, key, {AMOUNTS}, age FROM {table} WHERE {column} >= ? AND {column} < ?"
    ))?;
    let mut rows = statement.query([span.start, span.end])?;
    while let Some(row) = rows.next()? {
        let start = row.get::<_, i64>(0)? * seconds;
        let mut found = amounts(row, 2, start)?;
        found.age = row.get(10)?;
        if !each(start, row.get(1)?, found) {
            break;
        }
    }
    Ok(())
}

/// Adds the rows of these hours to the sums of `keys`, which are sorted.
pub(crate) fn add_hours(
    connection: &Connection,
    hours: Span<i64>,
    keys: &[i64],
    sums: &mut [Option<Amounts>],
) -> rusqlite::Result<()> {
    let table = Table {
        name: "hourly",
        number: "hour",
        key: "key",
        age: "age",
        seconds: HOUR,
    };
    add_up(connection, &table, hours, (keys, sums))
}

/// The same for compacted days.
pub(crate) fn add_days(
    connection: &Connection,
    days: Span<i64>,
    keys: &[i64],
    sums: &mut [Option<Amounts>],
) -> rusqlite::Result<()> {
    let table = Table {
        name: "daily",
        number: "day",
        key: "key",
        age: "age",
        seconds: DAY_HOURS * HOUR,
    };
    add_up(connection, &table, days, (keys, sums))
}

/// The same for whole days and their clients: `clients` are sorted.
pub(crate) fn add_summaries(
    connection: &Connection,
    days: Span<i64>,
    clients: &[i64],
    sums: &mut [Option<Amounts>],
) -> rusqlite::Result<()> {
    let table = Table {
        name: "summary",
        number: "day",
        key: "client",
        age: "NULL",
        seconds: DAY_HOURS * HOUR,
    };
    add_up(connection, &table, days, (clients, sums))
}

/// A table of amounts by time and key.
struct Table {
    name: &'static str,
    /// The column of the hour or the day.
    number: &'static str,
    key: &'static str,
    /// The column of the age, or what stands for it.
    age: &'static str,
    /// Seconds of an hour or a day.
    seconds: i64,
}

/// Millions of rows go through here, and getting a column costs as much as finding the row: both times are one column,
/// and what most rows have none of is only got where `rare` says that there is some.
///
/// Rows of one hour come by key, so they and the keys are gone through side by side, and nothing is searched for.
fn add_up(
    connection: &Connection,
    table: &Table,
    span: Span<i64>,
    (keys, sums): (&[i64], &mut [Option<Amounts>]),
) -> rusqlite::Result<()> {
    /// Bits for a second of a day.
    const BITS: i64 = 17;
    let Table {
        name,
        number,
        key,
        age,
        seconds,
    } = table;
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {key}, connections, served, first << {BITS} | last, \
         refused | warned | explained | answered | ({age} IS NOT NULL) AS rare, \
         refused, warned, explained, answered, {age} FROM {name} WHERE {number} = ? ORDER BY {key}"
    ))?;
    for number in span {
        let start = number * seconds;
        let mut wanted = keys.iter().zip(sums.iter_mut()).peekable();
        let mut rows = statement.query([number])?;
        while let Some(row) = rows.next()? {
            let key: i64 = row.get(0)?;
            while wanted.next_if(|(known, _)| **known < key).is_some() {}
            let Some((_, sum)) = wanted.next_if(|(known, _)| **known == key) else {
                continue;
            };
            let times: i64 = row.get(3)?;
            let mut found = Amounts {
                connections: row.get(1)?,
                refused: 0,
                requests: Requests {
                    served: row.get(2)?,
                    ..Requests::default()
                },
                first: start + (times >> BITS),
                last: start + (times & ((1 << BITS) - 1)),
                age: None,
            };
            if row.get::<_, i64>(4)? != 0 {
                found.refused = row.get(5)?;
                found.requests.warned = row.get(6)?;
                found.requests.explained = row.get(7)?;
                found.requests.answered = row.get(8)?;
                found.age = row.get(9)?;
            }
            add(sum, &found);
        }
    }
    Ok(())
}

/// How many rows these hours, and the days that they touch, have.
pub(crate) fn count(connection: &Connection, hours: &Span<i64>) -> rusqlite::Result<u64> {
    let count = |sql: &str, span: &Span<i64>| {
        connection.query_row(sql, [span.start, span.end], |row| row.get::<_, u64>(0))
    };
    Ok(count(
        "SELECT count(*) FROM hourly WHERE hour >= ? AND hour < ?",
        hours,
    )? + count(
        "SELECT count(*) FROM daily WHERE day >= ? AND day < ?",
        &days(hours),
    )?)
}

/// The row of an hour and a key.
pub(crate) fn hourly(
    connection: &Connection,
    hour: i64,
    key: i64,
) -> rusqlite::Result<Option<Amounts>> {
    one(connection, "hourly", "hour", hour, hour * HOUR, key)
}

/// The row of a compacted day and a key.
pub(crate) fn daily(
    connection: &Connection,
    day: i64,
    key: i64,
) -> rusqlite::Result<Option<Amounts>> {
    one(connection, "daily", "day", day, day * DAY_HOURS * HOUR, key)
}

fn one(
    connection: &Connection,
    table: &str,
    column: &str,
    number: i64,
    start: i64,
    key: i64,
) -> rusqlite::Result<Option<Amounts>> {
    connection
        .prepare_cached(&format!(
            "SELECT {AMOUNTS}, age FROM {table} WHERE {column} = ? AND key = ?"
        ))?
        .query_row([number, key], |row| {
            let mut found = amounts(row, 0, start)?;
            found.age = row.get(8)?;
            Ok(found)
        })
        .optional()
}

/// Everything of one key within a day, as far as `hours` reach; a compacted day is whole.
pub(crate) fn of_key(
    connection: &Connection,
    day: i64,
    hours: &Span<i64>,
    key: i64,
) -> rusqlite::Result<Option<Amounts>> {
    let mut sum = daily(connection, day, key)?;
    let first = hours.start.max(day * DAY_HOURS);
    let end = hours.end.min((day + 1) * DAY_HOURS);
    for hour in first..end {
        if let Some(more) = hourly(connection, hour, key)? {
            add(&mut sum, &more);
        }
    }
    Ok(sum)
}

/// Adds to what may be nothing yet.
pub(crate) fn add(sum: &mut Option<Amounts>, more: &Amounts) {
    match sum {
        Some(sum) => sum.add(more),
        none => *none = Some(*more),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(
        clippy::single_range_in_vec_init,
        reason = "a part that is one range is what is meant"
    )]
    fn a_span_is_its_whole_days_and_what_is_around_them() {
        for (hours, whole, parts) in [
            (0..48, 0..2, vec![]),
            (5..48, 1..2, vec![5..24]),
            (5..50, 1..2, vec![5..24, 48..50]),
            (0..10, 0..0, vec![0..10]),
            (5..10, 1..1, vec![5..10]),
            (5..30, 1..1, vec![5..24, 24..30]),
            (7..7, 1..1, vec![]),
        ] {
            assert_eq!(split(hours.clone()), (whole, parts), "{hours:?}");
        }
    }

    #[test]
    fn a_range_touches_the_hours_it_begins_and_ends_in() {
        let hours = |from: &str, until: &str| {
            let hours = hours(Range {
                from: Some(from.parse().unwrap()),
                until: Some(until.parse().unwrap()),
            });
            hours.end - hours.start
        };
        assert_eq!(hours("2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z"), 1);
        assert_eq!(hours("2026-01-01T00:59:59Z", "2026-01-01T01:00:00.1Z"), 2);
        assert_eq!(hours("2026-01-01T01:00:00Z", "2026-01-01T00:00:00Z"), 0);
    }
}
