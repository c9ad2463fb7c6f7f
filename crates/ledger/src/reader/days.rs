//! A range by day, account and offer.

use std::collections::HashMap;

use jiff::civil::Date;
use rusqlite::Connection;

use super::{names, rows};
use crate::amounts::{Amounts, DAY_HOURS, HOUR, moment};
use crate::days::date;
use crate::{Group, Range};

/// Whole days come from their summaries in one walk; days that the range cuts are asked for like any range.
pub(super) fn days(
    connection: &Connection,
    range: Range,
    each: &mut dyn FnMut(Date, &Group),
) -> rusqlite::Result<()> {
    let (whole, parts) = rows::split(rows::hours(range));
    let (before, after): (Vec<_>, Vec<_>) = parts
        .into_iter()
        .partition(|part| part.end <= whole.start * DAY_HOURS);
    let part = |part: &std::ops::Range<i64>, each: &mut dyn FnMut(Date, &Group)| {
        let within = Range {
            from: Some(moment(part.start * HOUR)),
            until: Some(moment(part.end.min(i64::MAX / HOUR / 2) * HOUR)),
        };
        for group in super::groups::groups(connection, &mut [], within)? {
            each(date(group.counts.first), &group);
        }
        Ok::<(), rusqlite::Error>(())
    };
    for cut in &before {
        part(cut, each)?;
    }
    let mut known: HashMap<i64, Group> = HashMap::new();
    let mut summary = connection.prepare(&format!(
        "SELECT day, client, {} FROM summary WHERE day >= ? AND day < ? ORDER BY day",
        rows::AMOUNTS
    ))?;
    let mut found = summary.query([whole.start, whole.end])?;
    while let Some(row) = found.next()? {
        let (day, client): (i64, i64) = (row.get(0)?, row.get(1)?);
        let start = day * DAY_HOURS * HOUR;
        let amounts: Amounts = rows::amounts(row, 2, start)?;
        if known.is_empty() {
            let clients = names::clients(connection, |_| true)?;
            known.extend(clients.into_iter().map(|client| {
                let group = Group {
                    who: client.who,
                    visitor: client.visitor,
                    offer: client.offer,
                    is_other: client.is_other,
                    counts: amounts.counts(),
                };
                (client.id, group)
            }));
        }
        let group = known.get_mut(&client).ok_or_else(|| names::strange(1))?;
        group.counts = amounts.counts();
        each(date(moment(start)), group);
    }
    for cut in &after {
        part(cut, each)?;
    }
    Ok(())
}
