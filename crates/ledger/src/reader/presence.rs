//! Who was there on which days.

use rusqlite::Connection;

use super::{crew, groups, names, rows};
use crate::amounts::{DAY_HOURS, HOUR, moment};
use crate::days::date;
use crate::query::{Client, Presence};
use crate::{LedgerError, Range};

/// Days that each of a crew walks over before they are told: their clients are held until then, four bytes each.
const DAYS_AT_ONCE: usize = 8;

/// A whole day is in its summary, sorted by client; a day that the range cuts is told whole.
pub(super) fn presence(
    connection: &Connection,
    crew: &mut [Connection],
    range: Range,
    each: &mut dyn FnMut(Presence<'_>),
) -> rusqlite::Result<()> {
    let mut clients = names::clients(connection, |_| true)?;
    clients.sort_unstable_by_key(|client| client.id);
    let (ids, clients): (Vec<i64>, Vec<Client>) = clients
        .into_iter()
        .map(|client| (client.id, client.told()))
        .unzip();
    each(Presence::Clients(&clients));
    let days = groups::days(connection, &rows::days(&rows::hours(range)))?;
    for some in days.chunks(DAYS_AT_ONCE * (crew.len() + 1)) {
        let walked = crew::walk(connection, crew, some, |connection, days| {
            days.iter()
                .map(|day| Ok((*day, on_day(connection, *day, &ids)?)))
                .collect::<rusqlite::Result<Vec<_>>>()
        })?;
        for (day, found) in walked.into_iter().flatten() {
            let date = date(moment(day * DAY_HOURS * HOUR));
            each(Presence::Day(date, &found));
        }
    }
    Ok(())
}

/// The places in `ids`, which are sorted, of those who were there on a day.
fn on_day(connection: &Connection, day: i64, ids: &[i64]) -> rusqlite::Result<Vec<u32>> {
    let mut statement =
        connection.prepare_cached("SELECT client FROM summary WHERE day = ? ORDER BY client")?;
    let mut rows = statement.query([day])?;
    let mut places = (0_u32..).zip(ids).peekable();
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let client: i64 = row.get(0)?;
        while places.next_if(|(_, id)| **id < client).is_some() {}
        match places.next_if(|(_, id)| **id == client) {
            Some((place, _)) => found.push(place),
            None => return Err(names::strange(0)),
        }
    }
    Ok(found)
}

/// Made from the groups of each day, for what has no summaries.
pub(crate) fn of_days(
    query: &(impl crate::Query + ?Sized),
    range: Range,
    each: &mut dyn FnMut(Presence<'_>),
) -> Result<(), LedgerError> {
    let mut clients: Vec<Client> = Vec::new();
    let mut places: std::collections::HashMap<Client, u32> = std::collections::HashMap::new();
    let mut days: Vec<(jiff::civil::Date, Vec<u32>)> = Vec::new();
    query.days(range, &mut |date, group| {
        let client = Client {
            who: group.who.clone(),
            visitor: group.visitor,
            offer: group.offer,
            is_other: group.is_other,
        };
        let next = u32::try_from(clients.len()).unwrap_or(u32::MAX);
        let place = *places.entry(client).or_insert_with_key(|client| {
            clients.push(client.clone());
            next
        });
        if days.last().is_none_or(|(last, _)| *last != date) {
            days.push((date, Vec::new()));
        }
        if let Some((_, found)) = days.last_mut() {
            found.push(place);
        }
    })?;
    each(Presence::Clients(&clients));
    for (date, found) in &days {
        each(Presence::Day(*date, found));
    }
    Ok(())
}
