//! Every detail of one account, and whom the brownout windows hit.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Range as Span;
use std::sync::Arc;

use hello::OfferId;
use rusqlite::Connection;

use super::names::{self, Texts};
use super::rows;
use crate::amounts::{Amounts, DAY_HOURS, day_of, hour_of, moment};
use crate::rollup::{phase_from_code, who_parts};
use crate::{Detail, Range, Visitor, Who, WindowHit};

/// Lookups of single rows for one day; with more, reading the whole day is quicker.
const MOST_LOOKUPS: usize = 20_000;

pub(super) fn details(
    connection: &Connection,
    range: Range,
    who: &Who,
    offers: Option<&[OfferId]>,
) -> rusqlite::Result<Vec<Detail>> {
    let hours = rows::hours(range);
    let keys_of = keys_by_client(connection, who, offers)?;
    let mut sums: HashMap<i64, Amounts> = HashMap::new();
    let mut add = |key: i64, amounts: Amounts| {
        sums.entry(key)
            .and_modify(|sum| sum.add(&amounts))
            .or_insert(amounts);
    };
    for (day, clients) in active_days(connection, &rows::days(&hours), &keys_of)? {
        let keys: HashSet<i64> = clients
            .iter()
            .filter_map(|client| keys_of.get(client))
            .flatten()
            .copied()
            .collect();
        if keys.len() * 24 <= MOST_LOOKUPS {
            for key in keys {
                if let Some(found) = rows::of_key(connection, day, &hours, key)? {
                    add(key, found);
                }
            }
            continue;
        }
        let part = hours.start.max(day * DAY_HOURS)..hours.end.min((day + 1) * DAY_HOURS);
        let mut add_wanted = |key: i64, amounts: Amounts| {
            if keys.contains(&key) {
                add(key, amounts);
            }
        };
        rows::scan_hours(connection, &part, &mut add_wanted)?;
        rows::scan_days(connection, &(day..day + 1), &mut add_wanted)?;
    }
    let mut texts = Texts::default();
    let mut details = Vec::with_capacity(sums.len());
    for (key, amounts) in sums {
        details.push(detail(connection, &mut texts, key, &amounts)?);
    }
    Ok(details)
}

/// The keys of all that somebody did, or did with these offers, by client.
fn keys_by_client(
    connection: &Connection,
    who: &Who,
    offers: Option<&[OfferId]>,
) -> rusqlite::Result<HashMap<i64, Vec<i64>>> {
    let (kind, ids) = who_parts(who);
    let ids = serde_json::to_string(ids).unwrap_or_default();
    let mut clients: HashSet<i64> = HashSet::new();
    match offers {
        None => {
            let mut statement = connection.prepare_cached(
                "SELECT client.id FROM who JOIN client ON client.who = who.id \
                 WHERE kind = ? AND ids = ? AND NOT is_other",
            )?;
            let mut rows = statement.query((kind, &ids))?;
            while let Some(row) = rows.next()? {
                clients.insert(row.get(0)?);
            }
        }
        Some(offers) => {
            let mut statement = connection.prepare_cached(
                "SELECT client.id FROM who JOIN client ON client.who = who.id \
                 JOIN offer ON offer.id = client.offer WHERE kind = ? AND ids = ? AND identity = ? AND NOT is_other",
            )?;
            for offer in offers {
                let mut rows = statement.query((kind, &ids, &offer.0))?;
                while let Some(row) = rows.next()? {
                    clients.insert(row.get(0)?);
                }
            }
        }
    }
    let mut keys: HashMap<i64, Vec<i64>> = HashMap::new();
    let mut statement = connection.prepare_cached("SELECT id FROM key WHERE client = ?")?;
    for client in clients {
        let mut rows = statement.query([client])?;
        while let Some(row) = rows.next()? {
            keys.entry(client).or_default().push(row.get(0)?);
        }
    }
    Ok(keys)
}

/// On which days which of these clients was there.
fn active_days(
    connection: &Connection,
    days: &Span<i64>,
    clients: &HashMap<i64, Vec<i64>>,
) -> rusqlite::Result<HashMap<i64, BTreeSet<i64>>> {
    let mut active: HashMap<i64, BTreeSet<i64>> = HashMap::new();
    if clients.is_empty() {
        return Ok(active);
    }
    let (first, last): (Option<i64>, Option<i64>) = connection.query_row(
        "SELECT (SELECT min(day) FROM summary), (SELECT max(day) FROM summary)",
        (),
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let (Some(first), Some(last)) = (first, last) else {
        return Ok(active);
    };
    let days = days.start.max(first)..days.end.min(last + 1);
    let lookups = usize::try_from(days.end - days.start).unwrap_or(0) * clients.len();
    if lookups <= MOST_LOOKUPS {
        let mut statement =
            connection.prepare_cached("SELECT 1 FROM summary WHERE day = ? AND client = ?")?;
        for day in days {
            for &client in clients.keys() {
                if statement.exists((day, client))? {
                    active.entry(day).or_default().insert(client);
                }
            }
        }
        return Ok(active);
    }
    let mut statement =
        connection.prepare_cached("SELECT day, client FROM summary WHERE day >= ? AND day < ?")?;
    let mut rows = statement.query([days.start, days.end])?;
    while let Some(row) = rows.next()? {
        let client = row.get(1)?;
        if clients.contains_key(&client) {
            active.entry(row.get(0)?).or_default().insert(client);
        }
    }
    Ok(active)
}

fn detail(
    connection: &Connection,
    texts: &mut Texts,
    key: i64,
    amounts: &Amounts,
) -> rusqlite::Result<Detail> {
    connection
        .prepare_cached(
            "SELECT edge, sni, user_agent, version, cipher, tls_group, sunset, action, outcome, address, phase, \
             identity, visitor FROM key JOIN client ON client.id = key.client LEFT JOIN offer ON offer.id = client.offer \
             WHERE key.id = ?",
        )?
        .query_row([key], |row| {
            let phase: Option<u8> = row.get(10)?;
            Ok(Detail {
                visitor: names::visitor(row, 12)?,
                edge: texts.must(connection, row, 0)?,
                sni: texts.get(connection, row, 1)?,
                user_agent: texts.get(connection, row, 2)?,
                version: texts.get(connection, row, 3)?,
                cipher: texts.get(connection, row, 4)?,
                group: texts.get(connection, row, 5)?,
                sunset: texts.get(connection, row, 6)?,
                action: texts.must(connection, row, 7)?,
                outcome: texts.must(connection, row, 8)?,
                address: names::address(row, 9)?,
                phase: match phase {
                    None => None,
                    Some(code) => {
                        Some(phase_from_code(code).ok_or_else(|| names::strange(10))?)
                    }
                },
                offer: names::optional_identity(row, 11)?,
                age_seconds: amounts.age,
                counts: amounts.counts(),
            })
        })
}

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
