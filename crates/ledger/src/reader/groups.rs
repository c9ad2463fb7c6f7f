//! A range by account and offer.

use std::collections::HashMap;
use std::ops::Range as Span;

use rusqlite::Connection;

use super::{crew, names, rows};
use crate::amounts::Amounts;
use crate::{Group, Range};

/// So many whole days are worth a crew: their summaries are most of what is read.
const DAYS_FOR_A_CREW: i64 = 8;

/// Whether a range is long enough to be walked over by several.
pub(super) fn is_long(range: Range) -> bool {
    let (whole, _) = rows::split(rows::hours(range));
    whole.end.saturating_sub(whole.start) >= DAYS_FOR_A_CREW
}

/// Whole days come from their summaries, which are a fraction of the rows; the hours around them from their rows.
pub(super) fn groups(
    connection: &Connection,
    crew: &mut [Connection],
    range: Range,
) -> rusqlite::Result<Vec<Group>> {
    let (whole, parts) = rows::split(rows::hours(range));
    let mut sums = summaries(connection, crew, &whole)?;
    // One key in many hours of a part is looked up once.
    let mut keys: HashMap<i64, Amounts> = HashMap::new();
    for part in parts {
        let mut add_key = |key: i64, amounts: Amounts| {
            keys.entry(key)
                .and_modify(|sum| sum.add(&amounts))
                .or_insert(amounts);
        };
        rows::scan_hours(connection, &part, &mut add_key)?;
        rows::scan_days(connection, &rows::days(&part), &mut add_key)?;
    }
    let mut client_of = connection.prepare("SELECT client FROM key WHERE id = ?")?;
    for (key, amounts) in keys {
        let client = client_of.query_row([key], |row| row.get(0))?;
        sums.entry(client)
            .and_modify(|sum| sum.add(&amounts))
            .or_insert(amounts);
    }
    let clients = names::clients(connection, |id| sums.contains_key(&id))?;
    if clients.len() != sums.len() {
        return Err(names::strange(0));
    }
    let groups = clients.into_iter().filter_map(|client| {
        Some(Group {
            counts: sums.get(&client.id)?.counts(),
            who: client.who,
            visitor: client.visitor,
            offer: client.offer,
            is_other: client.is_other,
        })
    });
    Ok(groups.collect())
}

/// The sums of whole days, by client.
fn summaries(
    connection: &Connection,
    crew: &mut [Connection],
    whole: &Span<i64>,
) -> rusqlite::Result<HashMap<i64, Amounts>> {
    let days = days(connection, whole)?;
    if days.is_empty() {
        return Ok(HashMap::new());
    }
    let clients: Vec<i64> = connection
        .prepare_cached("SELECT id FROM client ORDER BY id")?
        .query_map((), |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let walked = crew::walk(connection, crew, &days, |connection, days| {
        let mut sums = vec![None; clients.len()];
        for &day in days {
            rows::add_summaries(connection, day..day + 1, &clients, &mut sums)?;
        }
        Ok(sums)
    })?;
    let mut walked = walked.into_iter();
    let mut sums = walked.next().unwrap_or_default();
    for part in walked {
        for (sum, more) in sums.iter_mut().zip(part) {
            if let Some(more) = more {
                rows::add(sum, &more);
            }
        }
    }
    let found = clients.into_iter().zip(sums);
    Ok(found.filter_map(|(id, sum)| Some((id, sum?))).collect())
}

/// The days of a span that have a summary.
pub(super) fn days(connection: &Connection, whole: &Span<i64>) -> rusqlite::Result<Vec<i64>> {
    connection
        .prepare_cached("SELECT day FROM day WHERE day >= ? AND day < ? ORDER BY day")?
        .query_map([whole.start, whole.end], |row| row.get(0))?
        .collect()
}
