//! The tables, and how a file of an earlier version becomes one of this version.

use rusqlite::Connection;

/// Marks a file as a ledger of Sundown: "SunD".
pub(crate) const APPLICATION: i64 = 0x5375_6e44;

/// The steps from an empty file to the newest format; a file's format is the number of steps it has seen. A step
/// that was released never changes.
const STEPS: [&str; 3] = [
    include_str!("schema/1.sql"),
    include_str!("schema/2.sql"),
    include_str!("schema/3.sql"),
];

/// The newest format.
pub(crate) const NEWEST: i64 = STEPS.len() as i64;

/// What a file says it is: its application and its format.
pub(crate) fn stamp(connection: &Connection) -> rusqlite::Result<(i64, i64)> {
    Ok((
        connection.query_row("PRAGMA application_id", (), |row| row.get(0))?,
        connection.query_row("PRAGMA user_version", (), |row| row.get(0))?,
    ))
}

/// Whether a file has no tables at all.
pub(crate) fn is_empty(connection: &Connection) -> rusqlite::Result<bool> {
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))?;
    Ok(tables == 0)
}

/// Brings a file up to date. All steps are one transaction: a file is in its old format or in the newest.
pub(crate) fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    migrate_to(connection, NEWEST)
}

fn migrate_to(connection: &mut Connection, newest: i64) -> rusqlite::Result<()> {
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    // Read again under the lock: another process may have been quicker.
    let (_, found) = stamp(&transaction)?;
    let done = usize::try_from(found).unwrap_or(usize::MAX);
    let wanted = usize::try_from(newest).unwrap_or_default();
    for step in STEPS.iter().take(wanted).skip(done) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", newest.max(found))?;
    transaction.commit()
}

#[cfg(test)]
pub(crate) fn make_format(connection: &mut Connection, format: i64) {
    migrate_to(connection, format).expect("an empty file");
}
