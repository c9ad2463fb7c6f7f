//! Places of logs in the file.

use rusqlite::{Connection, OptionalExtension, Transaction};

use crate::place::{MOST_PLACES, Mark, Place};

/// Every place that is kept, the last read first.
pub(crate) fn all(connection: &Connection) -> rusqlite::Result<Vec<Place>> {
    connection
        .prepare(
            "SELECT id, head, head_length, tail, tail_length, position, server, seen, name FROM place \
             ORDER BY seen DESC, id DESC",
        )?
        .query_map((), |row| {
            Ok(Place {
                id: row.get(0)?,
                head: Mark {
                    digest: row.get(1)?,
                    length: row.get(2)?,
                },
                tail: Mark {
                    digest: row.get(3)?,
                    length: row.get(4)?,
                },
                position: row.get(5)?,
                server: row.get(6)?,
                seen: row.get(7)?,
                name: row.get(8)?,
            })
        })?
        .collect()
}

/// A place to be kept, and where the log stood before what is counted with it.
#[derive(Clone, Debug)]
pub(crate) struct Move {
    pub(crate) place: Place,
    pub(crate) from: u64,
}

/// Keeps a place; gives its row. `None` where another program has moved it meanwhile: what it read must not be counted
/// again.
pub(super) fn keep(transaction: &Transaction<'_>, moved: &Move) -> rusqlite::Result<Option<i64>> {
    let place = &moved.place;
    let id = match place.id {
        Some(id) => {
            let found: Option<u64> = transaction
                .query_row("SELECT position FROM place WHERE id = ?", [id], |row| {
                    row.get(0)
                })
                .optional()?;
            if found != Some(moved.from) {
                return Ok(None);
            }
            Some(id)
        }
        None => {
            let others: u64 = transaction.query_row(
                "SELECT count(*) FROM place WHERE head = ? AND tail = ? AND position = ?",
                (
                    place.head.digest.as_slice(),
                    place.tail.digest.as_slice(),
                    place.position,
                ),
                |row| row.get(0),
            )?;
            if others > 0 {
                return Ok(None);
            }
            None
        }
    };
    transaction.execute(
        "INSERT OR REPLACE INTO place (id, head, head_length, tail, tail_length, position, server, seen, name) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        rusqlite::params![
            id,
            place.head.digest.as_slice(),
            place.head.length,
            place.tail.digest.as_slice(),
            place.tail.length,
            place.position,
            place.server,
            place.seen,
            place.name,
        ],
    )?;
    let kept = transaction.last_insert_rowid();
    if id.is_none() {
        transaction.execute(
            "DELETE FROM place WHERE id IN (SELECT id FROM place ORDER BY seen DESC, id DESC LIMIT -1 OFFSET ?)",
            [MOST_PLACES],
        )?;
    }
    Ok(Some(id.unwrap_or(kept)))
}
