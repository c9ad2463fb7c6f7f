//! Whether a ledger still holds what was written: every invariant of the store, checked.

use std::collections::{BTreeSet, HashMap};

use hello::Offer;
use rusqlite::Connection;

use super::names::Texts;
use super::{keys, names, rows};
use crate::Who;
use crate::amounts::{Amounts, DAY_HOURS, HOUR, moment};
use crate::store::check_day;

/// Problems that are told; a file with more is no more damaged than that.
const MOST_PROBLEMS: usize = 20;

/// A key as far as its rows go by it.
#[derive(Clone, Copy)]
struct Known {
    client: i64,
    /// The latest day on which it was seen, by the key.
    day: i64,
    /// The same by the rows gone through so far.
    last_row: Option<i64>,
    /// Counted for accounts that were inferred: its rows have an age, those of others none.
    is_inferred: bool,
}

/// Gives what is wrong; nothing where all is well. `progress` is told how many parts are done and how many there are.
pub(super) fn verify(
    connection: &Connection,
    mut progress: impl FnMut(u64, u64),
) -> rusqlite::Result<Vec<String>> {
    let days = all_days(connection)?;
    let parts = days.len() as u64 + 3;
    progress(0, parts);
    // The pages first: what they say is not worth reading where they are broken.
    let mut problems = pages(connection)?;
    if !problems.is_empty() {
        return Ok(problems);
    }
    progress(1, parts);
    offers(connection, &mut problems)?;
    progress(2, parts);
    let mut known = keys(connection, &mut problems)?;
    progress(3, parts);
    for (done, day) in days.into_iter().enumerate() {
        if problems.len() >= MOST_PROBLEMS {
            break;
        }
        problems.extend(check_day(connection, day)?);
        summaries(connection, day, &mut known, &mut problems)?;
        progress(done as u64 + 4, parts);
    }
    if problems.is_empty() {
        let wrong = |key: &&Known| key.last_row.is_some_and(|day| day != key.day);
        let wrong = known.values().filter(wrong).count();
        if wrong > 0 {
            problems.push(format!(
                "{wrong} keys were last seen on another day than they say"
            ));
        }
    }
    problems.truncate(MOST_PROBLEMS);
    Ok(problems)
}

fn all_days(connection: &Connection) -> rusqlite::Result<BTreeSet<i64>> {
    connection
        .prepare(
            "SELECT day FROM day UNION SELECT DISTINCT hour / 24 FROM hourly UNION SELECT DISTINCT day FROM daily \
             UNION SELECT DISTINCT day FROM summary",
        )?
        .query_map((), |row| row.get(0))?
        .collect()
}

fn pages(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let said: Vec<String> = connection
        .prepare(&format!("PRAGMA integrity_check({MOST_PROBLEMS})"))?
        .query_map((), |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    Ok(said.into_iter().filter(|said| said != "ok").collect())
}

fn offers(connection: &Connection, problems: &mut Vec<String>) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("SELECT identity, bytes FROM offer")?;
    let mut rows = statement.query(())?;
    while let Some(row) = rows.next()? {
        let identity = names::identity(row, 0)?;
        match Offer::from_bytes(row.get_ref(1)?.as_blob()?) {
            Ok(offer) if offer.id() == identity => {}
            Ok(_) => problems.push(format!("offer {identity} is not what its identity says")),
            Err(error) => problems.push(format!("offer {identity}: {error}")),
        }
    }
    Ok(())
}

/// Reads every key and checks it against its digest.
fn keys(
    connection: &Connection,
    problems: &mut Vec<String>,
) -> rusqlite::Result<HashMap<i64, Known>> {
    let (mut known, mut scratch) = (HashMap::new(), Vec::new());
    let mut texts = Texts::default();
    let mut statement = connection.prepare(keys::SELECT)?;
    let mut rows = statement.query(())?;
    while let Some(row) = rows.next()? {
        let stored = keys::read(connection, &mut texts, row)?;
        if stored.key.digest(&mut scratch) != stored.digest {
            problems.push(format!("key {} is not what its digest says", stored.id));
        }
        known.insert(
            stored.id,
            Known {
                client: stored.client,
                day: stored.day,
                last_row: None,
                is_inferred: matches!(stored.key.who, Who::Inferred { .. }),
            },
        );
    }
    let all: usize = connection.query_row("SELECT count(*) FROM key", (), |row| row.get(0))?;
    if all != known.len() {
        problems.push(format!(
            "{} keys belong to no client",
            all.saturating_sub(known.len())
        ));
    }
    Ok(known)
}

/// Adds up the rows of a day and compares what comes out with its summaries.
fn summaries(
    connection: &Connection,
    day: i64,
    known: &mut HashMap<i64, Known>,
    problems: &mut Vec<String>,
) -> rusqlite::Result<()> {
    let mut sums: HashMap<i64, Amounts> = HashMap::new();
    let (mut strays, mut ages) = (0_u64, 0_u64);
    let mut add = |key: i64, mut amounts: Amounts| match known.get_mut(&key) {
        Some(key) if key.day >= day => {
            // Days are gone through in their order.
            key.last_row = Some(day);
            ages += u64::from(amounts.age.take().is_some() != key.is_inferred);
            sums.entry(key.client)
                .and_modify(|sum| sum.add(&amounts))
                .or_insert(amounts);
        }
        _ => strays += 1,
    };
    rows::scan_hours(
        connection,
        &(day * DAY_HOURS..(day + 1) * DAY_HOURS),
        &mut add,
    )?;
    rows::scan_days(connection, &(day..day + 1), &mut add)?;
    let date = moment(day * DAY_HOURS * HOUR).strftime("%Y-%m-%d");
    if strays > 0 {
        problems.push(format!("{strays} rows of {date} belong to no key"));
    }
    if ages > 0 {
        problems.push(format!(
            "{ages} rows of {date} lack the age of an inferred account, or have one without such an account"
        ));
    }
    let mut statement = connection.prepare_cached(&format!(
        "SELECT client, {} FROM summary WHERE day = ?",
        rows::AMOUNTS
    ))?;
    let mut found = statement.query([day])?;
    while let Some(row) = found.next()? {
        let client = row.get(0)?;
        let summary = rows::amounts(row, 1, day * DAY_HOURS * HOUR)?;
        if sums.remove(&client) != Some(summary) {
            problems.push(format!(
                "the summary of client {client} on {date} is not what its rows add up to"
            ));
        }
    }
    if !sums.is_empty() {
        problems.push(format!("{} clients of {date} have no summary", sums.len()));
    }
    Ok(())
}
