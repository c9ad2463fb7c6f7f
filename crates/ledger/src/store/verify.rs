//! Whether a ledger still holds what was written.

use rusqlite::{Connection, OptionalExtension};

use crate::amounts::DAY_HOURS;

type Sums = [i64; 6];

const SUMS: &str = "ifnull(sum(connections), 0), ifnull(sum(refused), 0), ifnull(sum(served), 0), \
                    ifnull(sum(warned), 0), ifnull(sum(explained), 0), ifnull(sum(answered), 0)";

/// Checks that the newest day adds up: its rows, its summaries and its total are written together. Gives what is
/// wrong. Reads that day only, so that opening a ledger takes the same time however much it holds.
pub(super) fn newest_day(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let newest: Option<i64> = connection
        .query_row("SELECT max(day) FROM day", (), |row| row.get(0))
        .optional()?
        .flatten();
    newest.map_or(Ok(None), |day| check_day(connection, day))
}

/// Checks that a day adds up; gives what is wrong.
pub(crate) fn check_day(connection: &Connection, day: i64) -> rusqlite::Result<Option<String>> {
    let sums = |from: &str, bounds: [i64; 2]| {
        connection
            .prepare_cached(&format!("SELECT {SUMS} FROM {from}"))?
            .query_row(bounds, |row| {
                let mut sums = Sums::default();
                for (index, sum) in sums.iter_mut().enumerate() {
                    *sum = row.get(index)?;
                }
                Ok(sums)
            })
    };
    let hours = [day * DAY_HOURS, (day + 1) * DAY_HOURS];
    let mut rows = sums("hourly WHERE hour >= ? AND hour < ?", hours)?;
    let daily = sums("daily WHERE day >= ? AND day < ?", [day, day + 1])?;
    for (sum, more) in rows.iter_mut().zip(daily) {
        *sum = sum.saturating_add(more);
    }
    let summary = sums("summary WHERE day >= ? AND day < ?", [day, day + 1])?;
    let total = sums("day WHERE day >= ? AND day < ?", [day, day + 1])?;
    let date = crate::amounts::moment(day * 86_400).strftime("%Y-%m-%d");
    Ok((rows != summary || rows != total).then(|| {
        format!("on {date} its rows add up to {rows:?}, their summaries to {summary:?}, the day's total is {total:?}")
    }))
}
