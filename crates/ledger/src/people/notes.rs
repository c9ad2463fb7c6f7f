//! Notes about accounts.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, Row};

use super::People;
use crate::amounts::moment;
use crate::reader::names::visitor;
use crate::rollup::visitor_code;
use crate::{LedgerError, Visitor};

/// The longest text of a note, in bytes; what is longer is turned away by whoever takes it in.
const MOST_TEXT: usize = 16 * 1024;
/// The longest owner, contact or author, in bytes.
const MOST_NAME: usize = 320;

/// What people wrote about an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The account.
    pub account: String,
    /// Anything.
    pub text: String,
    /// Who of the platform looks after the account; empty for nobody.
    pub owner: String,
    /// Where letters go: a mail address; empty where none is known.
    pub contact: String,
    /// What the account is said to be: all but a customer is left out of the figures.
    pub visitor: Visitor,
    /// When that was written.
    pub changed: Timestamp,
    /// Who wrote it.
    pub author: String,
}

const SELECT: &str = "SELECT account, note, owner, contact, visitor, changed, author FROM note";

fn read(row: &Row<'_>) -> rusqlite::Result<Note> {
    Ok(Note {
        account: row.get(0)?,
        text: row.get(1)?,
        owner: row.get(2)?,
        contact: row.get(3)?,
        visitor: visitor(row, 4)?,
        changed: moment(row.get(5)?),
        author: row.get(6)?,
    })
}

impl Note {
    /// What is too long in it, by the name of the field.
    fn too_long(&self) -> Option<&'static str> {
        [
            ("note", self.text.len(), MOST_TEXT),
            ("owner", self.owner.len(), MOST_NAME),
            ("contact", self.contact.len(), MOST_NAME),
            ("author", self.author.len(), MOST_NAME),
            ("account", self.account.len(), MOST_NAME),
        ]
        .into_iter()
        .find_map(|(field, length, most)| (length > most).then_some(field))
    }
}

impl People {
    /// All notes, by account.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or is damaged.
    pub fn notes(&self) -> Result<Vec<Note>, LedgerError> {
        let all = || -> rusqlite::Result<Vec<Note>> {
            self.connection
                .prepare_cached(&format!("{SELECT} ORDER BY account"))?
                .query_map((), read)?
                .collect()
        };
        all().map_err(|error| self.fault(&error))
    }

    /// What was written about one account.
    ///
    /// # Errors
    ///
    /// As [`People::notes`].
    pub fn note(&self, account: &str) -> Result<Option<Note>, LedgerError> {
        let one = || {
            self.connection
                .prepare_cached(&format!("{SELECT} WHERE account = ?"))?
                .query_row([account], read)
                .optional()
        };
        one().map_err(|error| self.fault(&error))
    }

    /// Writes a note in the place of what was there about its account.
    ///
    /// # Errors
    ///
    /// When one of its texts is too long, and when the file cannot be written.
    pub fn write(&self, note: &Note) -> Result<(), LedgerError> {
        if let Some(field) = note.too_long() {
            return Err(LedgerError::TooLong(field));
        }
        self.connection
            .prepare_cached(
                "INSERT INTO note (account, note, owner, contact, visitor, changed, author) VALUES (?, ?, ?, ?, ?, ?, ?) \
                 ON CONFLICT (account) DO UPDATE SET note = excluded.note, owner = excluded.owner, \
                 contact = excluded.contact, visitor = excluded.visitor, changed = excluded.changed, \
                 author = excluded.author",
            )
            .and_then(|mut statement| {
                statement.execute((
                    &note.account,
                    &note.text,
                    &note.owner,
                    &note.contact,
                    visitor_code(note.visitor),
                    note.changed.as_second(),
                    &note.author,
                ))
            })
            .map(drop)
            .map_err(|error| self.fault(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_written_over_and_read_back() {
        let directory = tempfile::tempdir().unwrap();
        let people = People::open(&directory.path().join(super::super::PEOPLE)).unwrap();
        let mut note = Note {
            account: "acme".into(),
            text: "calls back on Monday; '); DROP TABLE note; --".into(),
            owner: "ann".into(),
            contact: "it@acme.example".into(),
            visitor: Visitor::Customer,
            changed: "2026-03-01T10:00:00Z".parse().unwrap(),
            author: "ann".into(),
        };
        people.write(&note).unwrap();
        assert_eq!(people.notes().unwrap(), [note.clone()]);
        note.visitor = Visitor::Bot;
        people.write(&note).unwrap();
        assert_eq!(people.note("acme").unwrap(), Some(note.clone()));
        assert_eq!(people.note("nobody").unwrap(), None);
        note.text = "x".repeat(MOST_TEXT + 1);
        assert!(matches!(
            people.write(&note),
            Err(LedgerError::TooLong("note"))
        ));
    }
}
