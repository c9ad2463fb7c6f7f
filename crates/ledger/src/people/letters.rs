//! Letters to accounts, each recorded before it is sent.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, Row};

use super::People;
use crate::LedgerError;
use crate::amounts::moment;
use crate::reader::names::strange;

/// How far a letter came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LetterState {
    /// It was about to be sent. Where nothing followed, nobody knows whether it was.
    Begun,
    /// It was handed over.
    Sent,
    /// It was not, for this reason.
    Failed(String),
}

/// A letter to an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// The account.
    pub account: String,
    /// The sunset it is about.
    pub sunset: String,
    /// What it was written for: an account gets one letter for each occasion of a sunset.
    pub occasion: String,
    /// A mail address, a file or a URL.
    pub recipient: String,
    /// Its Message-ID (RFC 5322 section 3.6.4), or what the receiver knows it by.
    pub message_id: String,
    /// When it was begun.
    pub begun: Timestamp,
    /// When it was sent or failed.
    pub ended: Option<Timestamp>,
    /// How far it came.
    pub state: LetterState,
}

const SELECT: &str = "SELECT account, sunset, occasion, recipient, message_id, begun, ended, state, reason FROM letter";

fn read(row: &Row<'_>) -> rusqlite::Result<Letter> {
    Ok(Letter {
        account: row.get(0)?,
        sunset: row.get(1)?,
        occasion: row.get(2)?,
        recipient: row.get(3)?,
        message_id: row.get(4)?,
        begun: moment(row.get(5)?),
        ended: row.get::<_, Option<i64>>(6)?.map(moment),
        state: match row.get(7)? {
            0 => LetterState::Begun,
            1 => LetterState::Sent,
            2 => LetterState::Failed(row.get(8)?),
            _ => return Err(strange(7)),
        },
    })
}

impl People {
    /// All letters, the latest first.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or is damaged.
    pub fn letters(&self) -> Result<Vec<Letter>, LedgerError> {
        let all = || -> rusqlite::Result<Vec<Letter>> {
            self.connection
                .prepare_cached(&format!("{SELECT} ORDER BY begun DESC, id DESC"))?
                .query_map((), read)?
                .collect()
        };
        all().map_err(|error| self.fault(&error))
    }

    /// The letters to one account, the latest first.
    ///
    /// # Errors
    ///
    /// As [`People::letters`].
    pub fn letters_to(&self, account: &str) -> Result<Vec<Letter>, LedgerError> {
        let some = || -> rusqlite::Result<Vec<Letter>> {
            self.connection
                .prepare_cached(&format!(
                    "{SELECT} WHERE account = ? ORDER BY begun DESC, id DESC"
                ))?
                .query_map([account], read)?
                .collect()
        };
        some().map_err(|error| self.fault(&error))
    }

    /// Records that a letter is about to be sent, where the account has had none for this occasion of this sunset; gives
    /// its number then, and `None` where it has. A letter that failed does not count. Two programs that ask at once do
    /// not both get a number. `state` and `ended` of the letter do not matter.
    ///
    /// # Errors
    ///
    /// When the file cannot be written: then it must not be sent.
    pub fn begin(&self, letter: &Letter) -> Result<Option<i64>, LedgerError> {
        self.connection
            .prepare_cached(
                "INSERT INTO letter (account, sunset, occasion, recipient, message_id, state, begun, ended, reason) \
                 SELECT ?1, ?2, ?3, ?4, ?5, 0, ?6, NULL, '' WHERE NOT EXISTS (SELECT 1 FROM letter \
                 WHERE account = ?1 AND sunset = ?2 AND occasion = ?3 AND state <> 2) RETURNING id",
            )
            .and_then(|mut statement| {
                statement
                    .query_row(
                        (
                            &letter.account,
                            &letter.sunset,
                            &letter.occasion,
                            &letter.recipient,
                            &letter.message_id,
                            letter.begun.as_second(),
                        ),
                        |row| row.get(0),
                    )
                    .optional()
            })
            .map_err(|error| self.fault(&error))
    }

    /// Records that a letter was handed over.
    ///
    /// # Errors
    ///
    /// When the file cannot be written; the letter then stays begun, which counts as sent.
    pub fn sent(&self, number: i64, now: Timestamp) -> Result<(), LedgerError> {
        self.end(number, 1, now, "")
    }

    /// Records that a letter was certainly not handed over; it may be begun again.
    ///
    /// # Errors
    ///
    /// As [`People::sent`].
    pub fn failed(&self, number: i64, now: Timestamp, reason: &str) -> Result<(), LedgerError> {
        self.end(number, 2, now, reason)
    }

    fn end(
        &self,
        number: i64,
        state: i64,
        now: Timestamp,
        reason: &str,
    ) -> Result<(), LedgerError> {
        self.connection
            .prepare_cached("UPDATE letter SET state = ?, ended = ?, reason = ? WHERE id = ?")
            .and_then(|mut statement| statement.execute((state, now.as_second(), reason, number)))
            .map(drop)
            .map_err(|error| self.fault(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(occasion: &str) -> Letter {
        Letter {
            account: "acme".into(),
            sunset: "tls1.2".into(),
            occasion: occasion.into(),
            recipient: "it@acme.example".into(),
            message_id: "<1@example>".into(),
            begun: at(0),
            ended: None,
            state: LetterState::Begun,
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_772_000_000 + second).unwrap()
    }

    #[test]
    fn nobody_is_written_to_twice_for_one_occasion() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(super::super::PEOPLE);
        let (one, other) = (People::open(&path).unwrap(), People::open(&path).unwrap());
        let number = one.begin(&letter("breaks")).unwrap().unwrap();
        assert_eq!(
            other.begin(&letter("breaks")).unwrap(),
            None,
            "begun counts"
        );
        one.failed(number, at(1), "450 try again later").unwrap();
        assert_eq!(
            other.letters().unwrap()[0].state,
            LetterState::Failed("450 try again later".into())
        );
        let again = other.begin(&letter("breaks")).unwrap().unwrap();
        other.sent(again, at(2)).unwrap();
        assert_eq!(one.begin(&letter("breaks")).unwrap(), None);
        assert!(one.begin(&letter("fixed")).unwrap().is_some());
        let sent = one.letters_to("acme").unwrap();
        assert_eq!(sent.len(), 3);
        assert_eq!(sent[1].state, LetterState::Sent);
        assert_eq!(sent[1].ended, Some(at(2)));
        assert!(one.letters_to("another").unwrap().is_empty());
    }
}
