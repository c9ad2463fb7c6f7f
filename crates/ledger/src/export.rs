//! The roll-up as a table, for other programs.
//!
//! One line for each roll-up row, streamed: memory does not grow with the ledger. The columns are named in one place
//! and are the same in every format.

mod columns;
mod csv;
mod json_lines;
mod parquet;

use std::collections::HashMap;
use std::io::{self, Write};
use std::rc::Rc;

use rusqlite::{Connection, OptionalExtension};

use crate::error::LedgerError;
use crate::reader::{Reader, Texts, keys, rows};
use crate::{Range, reader};
use columns::{Line, Named};

/// Keys whose names are kept at hand. Rows come by the hour, and an hour repeats the keys of the hour before.
const MOST_KEYS: usize = 65_536;

/// How a table is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated, RFC 4180, with a head. A text that a spreadsheet would take for a formula has an apostrophe
    /// before it.
    Csv,
    /// A JSON object on each line.
    JsonLines,
    /// Apache Parquet, compressed with Snappy.
    Parquet,
}

/// Why an export failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The ledger cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The table cannot be written.
    #[error("the table cannot be written: {0}")]
    Output(#[from] io::Error),
}

/// Writes lines in one format.
trait Table {
    fn write(&mut self, line: &Line<'_>) -> io::Result<()>;

    fn finish(self: Box<Self>) -> io::Result<()>;
}

impl Reader {
    /// Writes every roll-up row of a range; gives their number. `progress` is told how many are written and how many
    /// there are.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read or the table cannot be written.
    pub fn export(
        &self,
        range: Range,
        format: Format,
        out: impl Write + Send + 'static,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<u64, ExportError> {
        let mut table: Box<dyn Table> = match format {
            Format::Csv => Box::new(csv::Csv::new(out)?),
            Format::JsonLines => Box::new(json_lines::JsonLines::new(out)),
            Format::Parquet => Box::new(parquet::Parquet::new(out)?),
        };
        let fault = |error: rusqlite::Error| LedgerError::from_sqlite(self.path(), &error);
        let transaction = self.transaction().map_err(fault)?;
        let (hours, mut names) = (rows::hours(range), Names::new(&transaction));
        let total = rows::count(&transaction, &hours).map_err(fault)?;
        let mut written = 0;
        let mut failure = None;
        let mut write = |period, start, key, amounts| {
            let named = match names.get(key) {
                Ok(named) => named,
                Err(error) => {
                    failure = Some(ExportError::Ledger(fault(error)));
                    return false;
                }
            };
            let line = Line {
                period,
                start,
                named: &named,
                amounts,
            };
            if let Err(error) = table.write(&line) {
                failure = Some(ExportError::Output(error));
                return false;
            }
            written += 1;
            if written % 1024 == 0 {
                progress(written, total);
            }
            true
        };
        rows::walk_days(&transaction, &rows::days(&hours), |start, key, amounts| {
            write("day", start, key, amounts)
        })
        .map_err(fault)?;
        rows::walk_hours(&transaction, &hours, |start, key, amounts| {
            write("hour", start, key, amounts)
        })
        .map_err(fault)?;
        if let Some(failure) = failure {
            return Err(failure);
        }
        table.finish()?;
        progress(written, total);
        Ok(written)
    }
}

/// Keys by their ids, as they are shown.
struct Names<'a> {
    connection: &'a Connection,
    texts: Texts,
    keys: HashMap<i64, Rc<Named>>,
}

impl<'a> Names<'a> {
    fn new(connection: &'a Connection) -> Self {
        Self {
            connection,
            texts: Texts::default(),
            keys: HashMap::new(),
        }
    }

    fn get(&mut self, id: i64) -> rusqlite::Result<Rc<Named>> {
        if let Some(named) = self.keys.get(&id) {
            return Ok(named.clone());
        }
        let stored = self
            .connection
            .prepare_cached(&format!("{} WHERE key.id = ?", keys::SELECT))?
            .query_row([id], |row| {
                keys::read(self.connection, &mut self.texts, row)
            })?;
        let offer = match &stored.key.offer {
            Some(identity) => self
                .connection
                .prepare_cached("SELECT bytes FROM offer WHERE identity = ?")?
                .query_row([identity.0.as_slice()], |row| reader::offer(row, 0))
                .optional()?,
            None => None,
        };
        let named = Rc::new(Named::new(stored.key, offer.as_ref()));
        if self.keys.len() >= MOST_KEYS {
            self.keys.clear();
        }
        self.keys.insert(id, named.clone());
        Ok(named)
    }
}
