//! Every detail of some accounts: for a few looked up key by key, for many in one walk over the rows.

use std::collections::HashMap;
use std::ops::Range as Span;

use hello::OfferId;
use rusqlite::{Connection, OptionalExtension};

use super::names::{self, Texts};
use super::{crew, rows};
use crate::amounts::{Amounts, DAY_HOURS};
use crate::rollup::{phase_from_code, who_parts};
use crate::{Detail, Range, Who};

/// Lookups of single rows for one day; with more, reading the whole day is quicker.
const MOST_LOOKUPS: usize = 20_000;

/// Keys that are added up at once, some 25 MB of sums. For more accounts the rows are walked over again.
const MOST_KEYS: usize = 250_000;

/// Whose details, and of which offers; `None` for all.
pub(super) type Whose<'a> = (&'a Who, Option<&'a [OfferId]>);

/// The keys of some accounts, and which of them are whose.
#[derive(Default)]
struct Keys {
    by_client: HashMap<i64, Vec<i64>>,
    /// By account, in the order in which they were asked for.
    by_account: Vec<Vec<i64>>,
    /// All of them, sorted.
    all: Vec<i64>,
}

impl Keys {
    fn index(&self, key: i64) -> Option<usize> {
        self.all.binary_search(&key).ok()
    }
}

/// Gives the details of each of `wanted` to `each`, in that order, with its place there.
pub(super) fn details(
    connection: &Connection,
    crew: &mut [Connection],
    range: Range,
    wanted: &[Whose<'_>],
    each: &mut dyn FnMut(usize, Vec<Detail>),
) -> rusqlite::Result<()> {
    let hours = rows::hours(range);
    let mut texts = Texts::default();
    let mut place = 0;
    let mut rest = wanted;
    while !rest.is_empty() {
        let keys = keys(connection, &mut rest)?;
        let sums = sums(connection, crew, &hours, &keys)?;
        for own in &keys.by_account {
            let mut details = Vec::with_capacity(own.len());
            for &key in own {
                let sum = keys.index(key).and_then(|index| *sums.get(index)?);
                if let Some(sum) = sum {
                    details.push(detail(connection, &mut texts, key, &sum)?);
                }
            }
            each(place, details);
            place += 1;
        }
    }
    Ok(())
}

/// The keys of as many accounts as are added up at once, one at least. Takes these accounts off `rest`.
fn keys(connection: &Connection, rest: &mut &[Whose<'_>]) -> rusqlite::Result<Keys> {
    let mut found = Keys::default();
    let mut of_client = connection.prepare_cached("SELECT id FROM key WHERE client = ?")?;
    while let Some(((who, offers), others)) = rest.split_first()
        && found.all.len() < MOST_KEYS
    {
        *rest = others;
        let mut own = Vec::new();
        for client in clients(connection, who, *offers)? {
            let ids: Vec<i64> = of_client
                .query_map([client], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            own.extend_from_slice(&ids);
            found.by_client.insert(client, ids);
        }
        found.all.extend_from_slice(&own);
        found.by_account.push(own);
    }
    found.all.sort_unstable();
    found.all.dedup();
    Ok(found)
}

/// Somebody with each of these offers, sorted.
fn clients(
    connection: &Connection,
    who: &Who,
    offers: Option<&[OfferId]>,
) -> rusqlite::Result<Vec<i64>> {
    let (kind, ids) = who_parts(who);
    let ids = serde_json::to_string(ids).unwrap_or_default();
    let mut clients: Vec<i64> = Vec::new();
    match offers {
        None => {
            let mut statement = connection.prepare_cached(
                "SELECT client.id FROM who JOIN client ON client.who = who.id \
                 WHERE kind = ? AND ids = ? AND NOT is_other",
            )?;
            let mut rows = statement.query((kind, &ids))?;
            while let Some(row) = rows.next()? {
                clients.push(row.get(0)?);
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
                    clients.push(row.get(0)?);
                }
            }
        }
    }
    clients.sort_unstable();
    clients.dedup();
    Ok(clients)
}

/// How much each key has in these hours, in the order of `keys.all`.
fn sums(
    connection: &Connection,
    crew: &mut [Connection],
    hours: &Span<i64>,
    keys: &Keys,
) -> rusqlite::Result<Vec<Option<Amounts>>> {
    let mut sums = vec![None; keys.all.len()];
    let mut crowded = Vec::new();
    each_active_day(connection, &rows::days(hours), keys, |day, clients| {
        let own = || {
            clients
                .iter()
                .filter_map(|client| keys.by_client.get(client))
        };
        if own().map(Vec::len).sum::<usize>() * 24 > MOST_LOOKUPS {
            crowded.push(day);
            return Ok(());
        }
        for &key in own().flatten() {
            if let Some(found) = rows::of_key(connection, day, hours, key)?
                && let Some(sum) = keys.index(key).and_then(|index| sums.get_mut(index))
            {
                rows::add(sum, &found);
            }
        }
        Ok(())
    })?;
    let walked = crew::walk(connection, crew, &crowded, |connection, days| {
        let mut sums = vec![None; keys.all.len()];
        for &day in days {
            let part = hours.start.max(day * DAY_HOURS)..hours.end.min((day + 1) * DAY_HOURS);
            rows::add_hours(connection, part, &keys.all, &mut sums)?;
            rows::add_days(connection, day..day + 1, &keys.all, &mut sums)?;
        }
        Ok(sums)
    })?;
    for part in walked {
        for (sum, more) in sums.iter_mut().zip(part) {
            if let Some(more) = more {
                rows::add(sum, &more);
            }
        }
    }
    Ok(sums)
}

/// Tells `each` on which days which of the clients were there.
fn each_active_day(
    connection: &Connection,
    days: &Span<i64>,
    keys: &Keys,
    mut each: impl FnMut(i64, &[i64]) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let ends: Option<(i64, i64)> = connection
        .query_row(
            "SELECT (SELECT min(day) FROM summary), (SELECT max(day) FROM summary)",
            (),
            |row| Ok(row.get::<_, Option<i64>>(0)?.zip(row.get(1)?)),
        )
        .optional()?
        .flatten();
    let (Some((first, last)), false) = (ends, keys.by_client.is_empty()) else {
        return Ok(());
    };
    let days = days.start.max(first)..days.end.min(last + 1);
    let lookups = usize::try_from(days.end - days.start).unwrap_or(0) * keys.by_client.len();
    let mut active = Vec::new();
    if lookups <= MOST_LOOKUPS {
        let mut statement =
            connection.prepare_cached("SELECT 1 FROM summary WHERE day = ? AND client = ?")?;
        for day in days {
            active.clear();
            for &client in keys.by_client.keys() {
                if statement.exists((day, client))? {
                    active.push(client);
                }
            }
            if !active.is_empty() {
                each(day, &active)?;
            }
        }
        return Ok(());
    }
    let mut statement = connection.prepare_cached("SELECT client FROM summary WHERE day = ?")?;
    for day in days {
        active.clear();
        let mut rows = statement.query([day])?;
        while let Some(row) = rows.next()? {
            let client = row.get(0)?;
            if keys.by_client.contains_key(&client) {
                active.push(client);
            }
        }
        if !active.is_empty() {
            each(day, &active)?;
        }
    }
    Ok(())
}

/// What a key stands for, with so much of it.
pub(super) fn detail(
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
