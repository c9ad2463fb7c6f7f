//! One judgement takes the place of the one before.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, TransactionBehavior};

use super::{Standing, Standings};
use crate::rollup::who_parts;
use crate::{LedgerError, Who};

impl Standings {
    /// Puts everybody's standings with each sunset, in the order of harm, in the place of what was there. `body` is what
    /// is said of all of them together.
    ///
    /// # Errors
    ///
    /// When the file cannot be written; then it stays as it was.
    pub fn replace<S>(
        &mut self,
        body: &str,
        sunsets: impl IntoIterator<Item = S>,
    ) -> Result<(), LedgerError>
    where
        S: IntoIterator<Item = Standing>,
    {
        self.write(body, sunsets)
            .map_err(|error| self.fault(&error))
    }

    fn write<S>(&mut self, body: &str, sunsets: impl IntoIterator<Item = S>) -> rusqlite::Result<()>
    where
        S: IntoIterator<Item = Standing>,
    {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(
            "DELETE FROM standing; DROP INDEX standing_kind; DROP INDEX standing_who",
        )?;
        let mut known = Known::read(&transaction)?;
        {
            let mut insert = transaction.prepare(
                "INSERT INTO standing (sunset, place, standing, who, state, program, lacks, requests, share, missed, seen) \
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )?;
            for (sunset, standings) in sunsets.into_iter().enumerate() {
                for (place, one) in standings.into_iter().enumerate() {
                    let program = known.phrase(&transaction, one.program.as_ref())?;
                    let lacks = known.phrase(&transaction, one.lacks.as_ref())?;
                    insert.execute((
                        sunset,
                        place,
                        one.standing,
                        known.who(&transaction, &one.who)?,
                        one.state,
                        program,
                        lacks,
                        one.requests_a_day,
                        one.share,
                        one.missed.map(|at| at.as_second()),
                        one.seen.map(|at| at.as_second()),
                    ))?;
                }
            }
        }
        // Built at once they take a fraction of what row by row takes.
        transaction.execute_batch(
            "CREATE INDEX standing_kind ON standing (sunset, standing, place);
             CREATE INDEX standing_who ON standing (who);
             DELETE FROM who WHERE id NOT IN (SELECT who FROM standing);
             DELETE FROM phrase WHERE id NOT IN (SELECT program FROM standing WHERE program IS NOT NULL
                 UNION SELECT lacks FROM standing WHERE lacks IS NOT NULL)",
        )?;
        transaction.execute(
            "INSERT OR REPLACE INTO picture (id, body) VALUES (1, ?)",
            [body],
        )?;
        transaction.commit()
    }
}

/// What has a number already.
struct Known {
    who: HashMap<(u8, String), i64>,
    phrases: HashMap<Arc<str>, i64>,
}

impl Known {
    fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let who = connection
            .prepare("SELECT kind, ids, id FROM who")?
            .query_map((), |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)))?
            .collect::<Result<_, _>>()?;
        let phrases = connection
            .prepare("SELECT value, id FROM phrase")?
            .query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        Ok(Self { who, phrases })
    }

    fn who(&mut self, connection: &Connection, who: &Who) -> rusqlite::Result<i64> {
        let (kind, ids) = who_parts(who);
        let text = serde_json::to_string(ids).unwrap_or_default();
        let key = (kind, text);
        if let Some(id) = self.who.get(&key) {
            return Ok(*id);
        }
        let account = match who {
            Who::Known(id) => Some(id),
            _ => None,
        };
        let id = connection
            .prepare_cached(
                "INSERT INTO who (kind, ids, account, search) VALUES (?, ?, ?, ?) RETURNING id",
            )?
            .query_row(
                (kind, &key.1, account, ids.join("\n").to_lowercase()),
                |row| row.get(0),
            )?;
        self.who.insert(key, id);
        Ok(id)
    }

    fn phrase(
        &mut self,
        connection: &Connection,
        phrase: Option<&Arc<str>>,
    ) -> rusqlite::Result<Option<i64>> {
        let Some(phrase) = phrase else {
            return Ok(None);
        };
        if let Some(id) = self.phrases.get(phrase) {
            return Ok(Some(*id));
        }
        let id = connection
            .prepare_cached("INSERT INTO phrase (value, search) VALUES (?, ?) RETURNING id")?
            .query_row((phrase, phrase.to_lowercase()), |row| row.get(0))?;
        self.phrases.insert(phrase.clone(), id);
        Ok(Some(id))
    }
}
