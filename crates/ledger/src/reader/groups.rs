//! A range by account and offer.

use std::collections::HashMap;

use rusqlite::Connection;

use super::{names, rows};
use crate::amounts::{Amounts, DAY_HOURS, HOUR};
use crate::{Group, Range};

/// Whole days come from their summaries, which are a fraction of the rows; the hours around them from their rows.
pub(super) fn groups(connection: &Connection, range: Range) -> rusqlite::Result<Vec<Group>> {
    let (whole, parts) = rows::split(rows::hours(range));
    let mut sums: HashMap<i64, Amounts> = HashMap::new();
    let mut add = |client: i64, amounts: &Amounts| {
        sums.entry(client)
            .and_modify(|sum| sum.add(amounts))
            .or_insert(*amounts);
    };
    let mut summary = connection.prepare(&format!(
        "SELECT day, client, {} FROM summary WHERE day >= ? AND day < ?",
        rows::AMOUNTS
    ))?;
    let mut found = summary.query([whole.start, whole.end])?;
    while let Some(row) = found.next()? {
        let start = row.get::<_, i64>(0)? * DAY_HOURS * HOUR;
        add(row.get(1)?, &rows::amounts(row, 2, start)?);
    }
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
        add(client_of.query_row([key], |row| row.get(0))?, &amounts);
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
