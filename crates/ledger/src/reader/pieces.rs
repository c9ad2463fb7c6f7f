//! Everybody's details, piece by piece in time.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::Connection;

use super::details::detail;
use super::names::{self, Texts};
use super::rows;
use crate::amounts::Amounts;
use crate::pieces::spans;
use crate::{Detail, Range, Who};

/// Keys whose meaning is remembered, some 100 MB. Most are in piece after piece.
const MOST_KNOWN: usize = 250_000;

pub(super) fn pieces(
    connection: &Connection,
    range: Range,
    cuts: &[Timestamp],
    each: &mut dyn FnMut(&Who, &Detail),
) -> rusqlite::Result<()> {
    let hours = rows::hours(range);
    let mut known = Known::default();
    let mut sums: HashMap<i64, Amounts> = HashMap::new();
    for span in spans(hours.clone(), cuts) {
        rows::scan_hours(connection, &span, |key, amounts| {
            sums.entry(key)
                .and_modify(|sum| sum.add(&amounts))
                .or_insert(amounts);
        })?;
        for (key, amounts) in sums.drain() {
            known.tell(connection, key, &amounts, each)?;
        }
    }
    let mut told = Ok(());
    rows::walk_days(connection, &rows::days(&hours), |_, key, amounts| {
        told = known.tell(connection, key, &amounts, each);
        told.is_ok()
    })?;
    told
}

/// What keys stand for; `None` for what is counted without details.
#[derive(Default)]
struct Known {
    keys: HashMap<i64, Option<(Who, Detail)>>,
    texts: Texts,
}

impl Known {
    fn tell(
        &mut self,
        connection: &Connection,
        key: i64,
        amounts: &Amounts,
        each: &mut dyn FnMut(&Who, &Detail),
    ) -> rusqlite::Result<()> {
        if !self.keys.contains_key(&key) {
            if self.keys.len() >= MOST_KNOWN {
                self.keys.clear();
            }
            let whose = who(connection, key)?;
            let found = match whose {
                Some(who) => Some((who, detail(connection, &mut self.texts, key, amounts)?)),
                None => None,
            };
            self.keys.insert(key, found);
        }
        if let Some(Some((who, detail))) = self.keys.get_mut(&key) {
            detail.counts = amounts.counts();
            detail.age_seconds = amounts.age;
            each(who, detail);
        }
        Ok(())
    }
}

fn who(connection: &Connection, key: i64) -> rusqlite::Result<Option<Who>> {
    connection
        .prepare_cached(
            "SELECT is_other, kind, ids FROM key JOIN client ON client.id = key.client \
             JOIN who ON who.id = client.who WHERE key.id = ?",
        )?
        .query_row([key], |row| {
            let is_other: bool = row.get(0)?;
            if is_other {
                return Ok(None);
            }
            names::who(row, 1).map(Some)
        })
}
