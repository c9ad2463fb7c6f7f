//! What is known of accounts over all time.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use hello::OfferId;
use rusqlite::Connection;

use super::{names, rows};
use crate::amounts::{Amounts, DAY_HOURS, HOUR, day_of, hour_of, moment};
use crate::{AccountFacts, Association, Who};

/// Days over which requests are counted.
pub(super) const DAYS: i64 = 30;

/// Read twice from the summaries: which days count for an account is known when its last is.
pub(super) fn accounts(
    transaction: &rusqlite::Transaction<'_>,
) -> rusqlite::Result<Vec<AccountFacts>> {
    let mut indices: HashMap<Arc<str>, usize> = HashMap::new();
    let mut facts: Vec<(Arc<str>, i64, i64, u64)> = Vec::new();
    let mut accounts: HashMap<i64, usize> = HashMap::new();
    for client in names::clients(transaction, |_| true)? {
        if let Who::Known(id) = client.who {
            let index = *indices.entry(id.clone()).or_insert_with(|| {
                facts.push((id, i64::MAX, i64::MIN, 0));
                facts.len() - 1
            });
            accounts.insert(client.id, index);
        }
    }
    each_summary(transaction, |_, client, sum| {
        let fact = accounts
            .get(&client)
            .and_then(|index| facts.get_mut(*index));
        if let Some((_, first, last, _)) = fact {
            *first = sum.first.min(*first);
            *last = sum.last.max(*last);
        }
    })?;
    each_summary(transaction, |day, client, sum| {
        let fact = accounts
            .get(&client)
            .and_then(|index| facts.get_mut(*index));
        if let Some((_, _, last, requests)) = fact
            && day > day_of(hour_of(*last)) - DAYS
        {
            *requests += sum.requests.total();
        }
    })?;
    let seen = facts
        .into_iter()
        .filter(|(_, first, last, _)| first <= last)
        .map(|(id, first, last, requests)| AccountFacts {
            id,
            first: moment(first),
            last: moment(last),
            requests_30_days: requests,
        });
    Ok(seen.collect())
}

fn each_summary(
    connection: &Connection,
    mut each: impl FnMut(i64, i64, Amounts),
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT day, client, {} FROM summary",
        rows::AMOUNTS
    ))?;
    let mut found = statement.query(())?;
    while let Some(row) = found.next()? {
        let day: i64 = row.get(0)?;
        let sum = rows::amounts(row, 2, day * DAY_HOURS * HOUR)?;
        each(day, row.get(1)?, sum);
    }
    Ok(())
}

/// The latest first. Keys know the latest day on which they were seen; the second is looked up among that day's rows.
pub(super) fn associations(
    connection: &Connection,
    most: usize,
) -> rusqlite::Result<Vec<Association>> {
    let mut statement = connection.prepare(
        "SELECT key.id, key.day, address, identity, ids FROM key \
         JOIN client ON client.id = key.client JOIN who ON who.id = client.who \
         JOIN offer ON offer.id = client.offer \
         WHERE kind = 1 AND address IS NOT NULL ORDER BY key.day DESC",
    )?;
    let mut found = statement.query(())?;
    let mut latest: HashMap<(IpAddr, OfferId, Arc<str>), i64> = HashMap::new();
    let mut ids: HashSet<Arc<str>> = HashSet::new();
    let mut oldest_day = i64::MIN;
    while let Some(row) = found.next()? {
        let (key, day): (i64, i64) = (row.get(0)?, row.get(1)?);
        // Of the day that fills it, all are looked at: which of them is the latest is only known then.
        if latest.len() >= most && day != oldest_day {
            break;
        }
        oldest_day = day;
        let [id]: [Arc<str>; 1] = serde_json::from_str(row.get_ref(4)?.as_str()?)
            .map_err(|error| names::unreadable(4, rusqlite::types::Type::Text, error))?;
        let id = match ids.get(&id) {
            Some(known) => known.clone(),
            None => {
                ids.insert(id.clone());
                id
            }
        };
        let address = names::address(row, 2)?.ok_or_else(|| names::strange(2))?;
        let place = (address, names::identity(row, 3)?, id);
        if latest
            .get(&place)
            .is_some_and(|last| day_of(hour_of(*last)) > day)
        {
            continue;
        }
        if let Some(last) = last_on(connection, day, key)? {
            let kept = latest.entry(place).or_insert(last);
            *kept = last.max(*kept);
        }
    }
    let mut associations: Vec<Association> = latest
        .into_iter()
        .map(|((address, offer, account), last)| Association {
            address,
            offer,
            account,
            last: moment(last),
        })
        .collect();
    associations.sort_unstable_by(|a, b| {
        (b.last, &a.account, a.address, a.offer).cmp(&(a.last, &b.account, b.address, b.offer))
    });
    associations.truncate(most);
    Ok(associations)
}

/// When a key was last seen on a day.
fn last_on(connection: &Connection, day: i64, key: i64) -> rusqlite::Result<Option<i64>> {
    let daily = rows::daily(connection, day, key)?.map(|found| found.last);
    let hours = day * DAY_HOURS..(day + 1) * DAY_HOURS;
    for hour in hours.rev() {
        if let Some(found) = rows::hourly(connection, hour, key)? {
            return Ok(daily.max(Some(found.last)));
        }
    }
    Ok(daily)
}
