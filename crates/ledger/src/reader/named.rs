//! One account: what is known of it, and the attributions that name it.

use std::sync::Arc;

use rusqlite::Connection;

use super::{groups, names, rows};
use crate::amounts::{Amounts, DAY_HOURS, HOUR, day_of, hour_of, moment};
use crate::query::Named;
use crate::reader::accounts::DAYS;
use crate::{AccountFacts, Visitor, Who};

pub(super) fn named(connection: &Connection, id: &str) -> rusqlite::Result<Option<Named>> {
    let text = serde_json::to_string(&[id]).unwrap_or_default();
    let mut clients: Vec<(i64, Visitor)> = Vec::new();
    let mut statement = connection.prepare_cached(
        "SELECT client.id, visitor FROM who JOIN client ON client.who = who.id WHERE kind = 1 AND ids = ?",
    )?;
    let mut found = statement.query([&text])?;
    while let Some(row) = found.next()? {
        clients.push((row.get(0)?, names::visitor(row, 1)?));
    }
    let mut whose = Vec::new();
    if !clients.is_empty() {
        whose.push(Who::Known(id.into()));
    }
    inferred(connection, id, &mut whose)?;
    if whose.is_empty() {
        return Ok(None);
    }
    Ok(Some(Named {
        facts: facts(connection, id, &clients)?,
        is_customer: clients
            .iter()
            .any(|(_, visitor)| *visitor == Visitor::Customer),
        whose,
    }))
}

/// Attributions among whose candidates it is.
fn inferred(connection: &Connection, id: &str, whose: &mut Vec<Who>) -> rusqlite::Result<()> {
    let quoted = serde_json::to_string(id).unwrap_or_default();
    let mut statement = connection
        .prepare_cached("SELECT kind, ids FROM who WHERE kind IN (2, 3) AND instr(ids, ?) > 0")?;
    let mut rows = statement.query([&quoted])?;
    while whose.len() < Named::MOST
        && let Some(row) = rows.next()?
    {
        let who = names::who(row, 0)?;
        // Within another id, these bytes are no end of it.
        if matches!(&who, Who::Inferred { candidates, .. } if candidates.iter().any(|one| **one == *id))
        {
            whose.push(who);
        }
    }
    Ok(())
}

/// Looked up day by day: an account has a few clients, and a ledger a few hundred days.
fn facts(
    connection: &Connection,
    id: &str,
    clients: &[(i64, Visitor)],
) -> rusqlite::Result<Option<AccountFacts>> {
    let days = groups::days(connection, &(i64::MIN..i64::MAX))?;
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {} FROM summary WHERE day = ? AND client = ?",
        rows::AMOUNTS
    ))?;
    let mut by_day: Vec<(i64, Amounts)> = Vec::new();
    for day in days {
        let mut sum = None;
        for (client, _) in clients {
            let mut rows = statement.query([day, *client])?;
            if let Some(row) = rows.next()? {
                rows::add(&mut sum, &rows::amounts(row, 0, day * DAY_HOURS * HOUR)?);
            }
        }
        by_day.extend(sum.map(|sum| (day, sum)));
    }
    let first = by_day.iter().map(|(_, sum)| sum.first).min();
    let last = by_day.iter().map(|(_, sum)| sum.last).max();
    let (Some(first), Some(last)) = (first, last) else {
        return Ok(None);
    };
    let since = day_of(hour_of(last)) - DAYS;
    let recent = by_day.iter().filter(|(day, _)| *day > since);
    Ok(Some(AccountFacts {
        id: Arc::from(id),
        first: moment(first),
        last: moment(last),
        requests_30_days: recent.map(|(_, sum)| sum.requests.total()).sum(),
    }))
}
