//! Retention: old hours become days, old days go.

use rusqlite::{OptionalExtension, Transaction, TransactionBehavior};

use super::Store;
use crate::amounts::{DAY_HOURS, HOUR, day_of};

/// How many of the newest days may be a clock's mistake: what is old is judged from the day before these.
const DAYS_NOT_TRUSTED: i64 = 2;

/// What a step of compaction did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// An hour became part of its day.
    Moved,
    /// A day was dropped.
    Dropped,
    /// There is nothing to do.
    Nothing,
}

impl Store {
    /// Moves the oldest hour that is old enough into its day, or drops the oldest day that is old enough. One
    /// transaction, which takes some 100,000 rows at most and a fraction of a second.
    pub(crate) fn compact_a_step(&mut self) -> rusqlite::Result<Step> {
        let daily = i64::from(self.settings.daily);
        let hourly = i64::from(self.settings.hourly).min(daily);
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Deferred)?;
        let Some(present) = present(&transaction)? else {
            return Ok(Step::Nothing);
        };
        let step = if let Some(hour) = oldest(&transaction, "hour", "hourly")?
            && day_of(hour) < present - hourly
        {
            move_hour(&transaction, hour)?;
            Step::Moved
        } else if let Some(day) = oldest(&transaction, "day", "day")?
            && day < present - daily
        {
            drop_day(&transaction, day)?;
            // What nothing points at any more is looked for once, after the last of them.
            if oldest(&transaction, "day", "day")?.is_none_or(|next| next >= present - daily) {
                sweep(&transaction, present - daily)?;
                self.known.forget();
            }
            Step::Dropped
        } else {
            return Ok(Step::Nothing);
        };
        transaction.commit()?;
        Ok(step)
    }

    /// How many hours wait to be moved and how many days to be dropped.
    pub(crate) fn to_compact(&self) -> rusqlite::Result<u64> {
        let Some(present) = present(&self.connection)? else {
            return Ok(0);
        };
        let daily = i64::from(self.settings.daily);
        let hourly = i64::from(self.settings.hourly).min(daily);
        let count = |sql: &str, bound: i64| {
            self.connection
                .query_row(sql, [bound], |row| row.get::<_, u64>(0))
        };
        Ok(count(
            "SELECT count(DISTINCT hour) FROM hourly WHERE hour < ?",
            (present - hourly) * DAY_HOURS,
        )? + count("SELECT count(*) FROM day WHERE day < ?", present - daily)?)
    }

    /// Gives back the room of what was dropped. Takes as much room again while it runs.
    pub(crate) fn vacuum(&self) -> rusqlite::Result<()> {
        self.connection.execute_batch("VACUUM")?;
        self.connection
            .pragma_update_and_check(None, "wal_checkpoint", "truncate", |_| Ok(()))
    }
}

/// The day from which ages are counted; `None` while there are too few days to be sure of any.
fn present(connection: &rusqlite::Connection) -> rusqlite::Result<Option<i64>> {
    connection
        .query_row(
            "SELECT day FROM day ORDER BY day DESC LIMIT 1 OFFSET ?",
            [DAYS_NOT_TRUSTED],
            |row| row.get(0),
        )
        .optional()
}

fn oldest(
    transaction: &Transaction<'_>,
    column: &str,
    table: &str,
) -> rusqlite::Result<Option<i64>> {
    transaction
        .prepare_cached(&format!("SELECT min({column}) FROM {table}"))?
        .query_row((), |row| row.get(0))
}

fn move_hour(transaction: &Transaction<'_>, hour: i64) -> rusqlite::Result<()> {
    let day = day_of(hour);
    transaction
        .prepare_cached(
            "INSERT INTO daily SELECT ?2, key, connections, refused, served, warned, explained, answered, \
             first + ?3, last + ?3, age FROM hourly WHERE hour = ?1 ON CONFLICT DO UPDATE SET \
             connections = connections + excluded.connections, refused = refused + excluded.refused, \
             served = served + excluded.served, warned = warned + excluded.warned, \
             explained = explained + excluded.explained, answered = answered + excluded.answered, \
             first = min(first, excluded.first), last = max(last, excluded.last), \
             age = max(ifnull(age, excluded.age), ifnull(excluded.age, age))",
        )?
        .execute((hour, day, (hour - day * DAY_HOURS) * HOUR))?;
    transaction
        .prepare_cached("DELETE FROM hourly WHERE hour = ?")?
        .execute([hour])?;
    Ok(())
}

fn drop_day(transaction: &Transaction<'_>, day: i64) -> rusqlite::Result<()> {
    for table in ["daily", "summary", "day"] {
        transaction
            .prepare_cached(&format!("DELETE FROM {table} WHERE day = ?"))?
            .execute([day])?;
    }
    transaction
        .prepare_cached("DELETE FROM gap WHERE last < ?")?
        .execute([(day + 1) * DAY_HOURS * HOUR])?;
    Ok(())
}

/// Removes keys that were last seen before `day`, then whatever nothing points at any more.
fn sweep(transaction: &Transaction<'_>, day: i64) -> rusqlite::Result<()> {
    transaction.execute("DELETE FROM key WHERE day < ?", [day])?;
    transaction.execute_batch(
        "DELETE FROM client WHERE id NOT IN (SELECT client FROM key);
         DELETE FROM who WHERE id NOT IN (SELECT who FROM client);
         DELETE FROM offer WHERE id NOT IN (SELECT offer FROM client);
         DELETE FROM text WHERE id NOT IN (
             SELECT edge FROM key UNION SELECT action FROM key UNION SELECT outcome FROM key
             UNION SELECT ifnull(sni, 0) FROM key UNION SELECT ifnull(user_agent, 0) FROM key
             UNION SELECT ifnull(version, 0) FROM key UNION SELECT ifnull(cipher, 0) FROM key
             UNION SELECT ifnull(tls_group, 0) FROM key UNION SELECT ifnull(sunset, 0) FROM key);",
    )
}
