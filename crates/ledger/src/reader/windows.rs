//! Whom the brownout windows hit.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::Connection;

use super::names::{self, Texts};
use super::rows;
use crate::amounts::{Amounts, DAY_HOURS, day_of, hour_of, moment};
use crate::{Range, Visitor, Who, WindowHit};

/// A key that a brownout window explained to or refused.
struct Hit {
    key: i64,
    /// The latest day on which it was seen.
    day: i64,
    window: i64,
    sunset: Arc<str>,
    who: Who,
    visitor: Visitor,
}

pub(super) fn windows(connection: &Connection, range: Range) -> rusqlite::Result<Vec<WindowHit>> {
    let hours = rows::hours(range);
    let mut sums: HashMap<(Arc<str>, i64, Who, Visitor), Amounts> = HashMap::new();
    for hit in hits(connection)? {
        let opened = hour_of(hit.window);
        let within = hours.start.max(opened)..hours.end;
        let mut sum = None;
        for day in day_of(within.start)..=hit.day {
            if day * DAY_HOURS >= within.end {
                break;
            }
            if let Some(found) = rows::of_key(connection, day, &within, hit.key)? {
                rows::add(&mut sum, &found);
            }
        }
        if let Some(sum) = sum {
            sums.entry((hit.sunset, hit.window, hit.who, hit.visitor))
                .and_modify(|all| all.add(&sum))
                .or_insert(sum);
        }
    }
    let mut hits: Vec<WindowHit> = sums
        .into_iter()
        .map(|((sunset, window, who, visitor), sum)| WindowHit {
            sunset,
            window: moment(window),
            who,
            visitor,
            counts: sum.counts(),
        })
        .collect();
    hits.sort_by(|a, b| (a.window, &a.sunset, &a.who).cmp(&(b.window, &b.sunset, &b.who)));
    Ok(hits)
}

fn hits(connection: &Connection) -> rusqlite::Result<Vec<Hit>> {
    let mut texts = Texts::default();
    let mut hits = Vec::new();
    let mut statement = connection.prepare(
        "SELECT key.id, key.day, window, sunset, visitor, kind, ids FROM key \
         JOIN client ON client.id = key.client JOIN who ON who.id = client.who \
         JOIN text ON text.id = key.action \
         WHERE window IS NOT NULL AND sunset IS NOT NULL AND text.value IN ('explain', 'refuse')",
    )?;
    let mut rows = statement.query(())?;
    while let Some(row) = rows.next()? {
        hits.push(Hit {
            key: row.get(0)?,
            day: row.get(1)?,
            window: row.get(2)?,
            sunset: texts.must(connection, row, 3)?,
            visitor: names::visitor(row, 4)?,
            who: names::who(row, 5)?,
        });
    }
    Ok(hits)
}
