//! Many rows with one statement: to begin one and to end it takes longer than to write a row.

use rusqlite::Connection;
use rusqlite::types::{ToSqlOutput, Value};

/// Rows of one statement. More of them save next to nothing, and make it larger.
const AT_ONCE: usize = 16;

/// A value of a row.
pub(super) type Cell<'a> = ToSqlOutput<'a>;

/// A number, or none.
pub(super) fn number(number: Option<i64>) -> Cell<'static> {
    Cell::Owned(number.map_or(Value::Null, Value::Integer))
}

/// How rows of a table are written.
pub(super) struct Bulk<const COLUMNS: usize> {
    /// The table.
    pub(super) table: &'static str,
    /// What becomes of a row that is there already; empty where none can be.
    pub(super) there: &'static str,
}

impl<const COLUMNS: usize> Bulk<COLUMNS> {
    /// Writes rows in their order; `cells` gives the values of one, in the order of the columns.
    ///
    /// Where one cannot be written, those before it are: whoever calls gives the whole transaction up then, and SQLite need
    /// not keep for every statement what its pages held before.
    pub(super) fn write<T>(
        &self,
        connection: &Connection,
        rows: &[T],
        cells: impl Fn(&T) -> [Cell<'_>; COLUMNS],
    ) -> rusqlite::Result<()> {
        let (many, rest) = rows.as_chunks::<AT_ONCE>();
        for (count, rows) in [(AT_ONCE, many.as_flattened()), (1, rest)] {
            if rows.is_empty() {
                continue;
            }
            let mut statement = connection.prepare_cached(&self.text(count))?;
            for chunk in rows.chunks(count) {
                for (cell, place) in chunk.iter().flat_map(&cells).zip(1..) {
                    statement.raw_bind_parameter(place, cell)?;
                }
                statement.raw_execute()?;
            }
        }
        Ok(())
    }

    fn text(&self, count: usize) -> String {
        let row = format!("({})", ["?"; COLUMNS].join(", "));
        let rows = vec![row; count].join(", ");
        let Self { table, there } = self;
        format!("INSERT OR FAIL INTO {table} VALUES {rows} {there}")
    }
}
