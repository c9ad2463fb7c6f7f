//! What ids stand for.

use std::collections::HashMap;
use std::error::Error;
use std::net::IpAddr;
use std::sync::Arc;

use hello::{Offer, OfferId};
use rusqlite::types::Type;
use rusqlite::{Connection, Row};

use crate::rollup::who_from_parts;
use crate::{Visitor, Who};

/// A value that no writer wrote.
pub(crate) fn unreadable(
    column: usize,
    kind: Type,
    error: impl Error + Send + Sync + 'static,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, kind, Box::new(error))
}

#[derive(Debug, thiserror::Error)]
#[error("column {0} holds what no ledger writes")]
pub(crate) struct Strange(usize);

/// The same without a deeper reason.
pub(crate) fn strange(column: usize) -> rusqlite::Error {
    unreadable(column, Type::Null, Strange(column))
}

pub(crate) fn identity(row: &Row<'_>, column: usize) -> rusqlite::Result<OfferId> {
    optional_identity(row, column)?.ok_or_else(|| strange(column))
}

pub(crate) fn optional_identity(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<OfferId>> {
    let bytes = row.get_ref(column)?.as_blob_or_null()?;
    bytes
        .map(|bytes| bytes.try_into().map(OfferId))
        .transpose()
        .map_err(|error| unreadable(column, Type::Blob, error))
}

pub(crate) fn offer(row: &Row<'_>, column: usize) -> rusqlite::Result<Offer> {
    Offer::from_bytes(row.get_ref(column)?.as_blob()?)
        .map_err(|error| unreadable(column, Type::Blob, error))
}

pub(crate) fn visitor(row: &Row<'_>, column: usize) -> rusqlite::Result<Visitor> {
    crate::rollup::visitor_from_code(row.get(column)?).ok_or_else(|| strange(column))
}

pub(crate) fn address(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<IpAddr>> {
    let Some(bytes) = row.get_ref(column)?.as_blob_or_null()? else {
        return Ok(None);
    };
    if let Ok(octets) = <[u8; 4]>::try_from(bytes) {
        return Ok(Some(octets.into()));
    }
    match <[u8; 16]>::try_from(bytes) {
        Ok(octets) => Ok(Some(octets.into())),
        Err(error) => Err(unreadable(column, Type::Blob, error)),
    }
}

/// A `who` from its kind and its ids, in two columns.
pub(crate) fn who(row: &Row<'_>, column: usize) -> rusqlite::Result<Who> {
    let ids: Vec<Arc<str>> = serde_json::from_str(row.get_ref(column + 1)?.as_str()?)
        .map_err(|error| unreadable(column + 1, Type::Text, error))?;
    who_from_parts(row.get(column)?, ids).ok_or_else(|| strange(column))
}

/// Somebody with an offer.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) id: i64,
    pub(crate) who: Who,
    pub(crate) visitor: Visitor,
    pub(crate) offer: Option<OfferId>,
    pub(crate) is_other: bool,
}

impl Client {
    /// Without its number.
    pub(crate) fn told(self) -> crate::Client {
        crate::Client {
            who: self.who,
            visitor: self.visitor,
            offer: self.offer,
            is_other: self.is_other,
        }
    }
}

/// The clients that `wanted` picks by their ids.
pub(crate) fn clients(
    connection: &Connection,
    wanted: impl Fn(i64) -> bool,
) -> rusqlite::Result<Vec<Client>> {
    let mut known: HashMap<i64, Who> = HashMap::new();
    let mut found = Vec::new();
    let mut statement = connection.prepare(
        "SELECT client.id, visitor, is_other, identity, who.id, kind, ids FROM client \
         JOIN who ON who.id = client.who LEFT JOIN offer ON offer.id = client.offer",
    )?;
    let mut rows = statement.query(())?;
    while let Some(row) = rows.next()? {
        let id = row.get(0)?;
        if !wanted(id) {
            continue;
        }
        let number = row.get(4)?;
        let whose = match known.get(&number) {
            Some(whose) => whose.clone(),
            None => known.entry(number).or_insert(who(row, 5)?).clone(),
        };
        found.push(Client {
            id,
            who: whose,
            visitor: visitor(row, 1)?,
            offer: optional_identity(row, 3)?,
            is_other: row.get(2)?,
        });
    }
    Ok(found)
}

/// Texts held at once; most are repeated many times over.
const MOST_TEXTS: usize = 65_536;

/// Texts by their ids, each held once.
#[derive(Debug, Default)]
pub(crate) struct Texts(HashMap<i64, Arc<str>>);

impl Texts {
    /// The text whose id is in a column.
    pub(crate) fn get(
        &mut self,
        connection: &Connection,
        row: &Row<'_>,
        column: usize,
    ) -> rusqlite::Result<Option<Arc<str>>> {
        let Some(id) = row.get::<_, Option<i64>>(column)? else {
            return Ok(None);
        };
        self.of(connection, id).map(Some)
    }

    /// The text of an id.
    pub(crate) fn of(&mut self, connection: &Connection, id: i64) -> rusqlite::Result<Arc<str>> {
        if let Some(text) = self.0.get(&id) {
            return Ok(text.clone());
        }
        let text: Arc<str> = connection
            .prepare_cached("SELECT value FROM text WHERE id = ?")?
            .query_row([id], |row| row.get(0))?;
        if self.0.len() >= MOST_TEXTS {
            self.0.clear();
        }
        self.0.insert(id, text.clone());
        Ok(text)
    }

    /// The same where there must be one.
    pub(crate) fn must(
        &mut self,
        connection: &Connection,
        row: &Row<'_>,
        column: usize,
    ) -> rusqlite::Result<Arc<str>> {
        self.get(connection, row, column)?
            .ok_or_else(|| strange(column))
    }
}
