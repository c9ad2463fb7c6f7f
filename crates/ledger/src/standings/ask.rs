//! Questions to the standings.

use rusqlite::types::ToSql;
use rusqlite::{OptionalExtension, Row};

use super::{Placed, Standing, Standings};
use crate::amounts::moment;
use crate::reader::names;
use crate::{LedgerError, Who};

/// By what a list is ordered. Whoever is alike stands in the order of harm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The worst first.
    #[default]
    Harm,
    /// By id.
    Account,
    /// Those with most requests first.
    Requests,
    /// The last seen to miss first, or to call where nothing misses.
    Seen,
}

/// From where on a list is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Turn {
    /// From its beginning.
    #[default]
    First,
    /// What stands behind the one that has this place in the order of harm.
    After(u64),
    /// What stands before it.
    Before(u64),
}

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// The sunset.
    pub sunset: u64,
    /// The standings that are told; empty for all.
    pub standings: Vec<u8>,
    /// A part of an id, in lower case; empty for any.
    pub text: String,
    /// The owner, as it was written down; empty for any.
    pub owner: String,
    /// A part of the program's name, in lower case; empty for any.
    pub program: String,
    /// A part of what is lacking, in lower case; empty for any.
    pub lacks: String,
    /// The order.
    pub order: Order,
    /// From where on.
    pub turn: Turn,
    /// At most so many.
    pub most: u64,
}

/// A part of a list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// How many fit what was asked, on whatever page.
    pub total: u64,
    /// How many of them stand before these.
    pub before: u64,
    /// These.
    pub rows: Vec<Placed>,
}

impl Order {
    /// What rises along the list.
    const fn key(self) -> &'static str {
        match self {
            Self::Harm => "s.place",
            Self::Account => "w.search",
            Self::Requests => "-s.requests",
            Self::Seen => "-ifnull(ifnull(s.missed, s.seen), 0)",
        }
    }

    /// Where that is found.
    const fn from(self) -> &'static str {
        match self {
            Self::Account => "FROM standing s JOIN who w ON w.id = s.who",
            Self::Harm | Self::Requests | Self::Seen => "FROM standing s",
        }
    }
}

/// Conditions, and what is bound in them.
struct Where<'a> {
    text: String,
    bound: Vec<(&'static str, &'a dyn ToSql)>,
}

impl<'a> Where<'a> {
    /// Nothing of what was asked is in the text: it is bound.
    fn new(asked: &'a Asked) -> Self {
        let mut all = Self {
            text: "s.sunset = :sunset".to_owned(),
            bound: vec![(":sunset", &asked.sunset)],
        };
        if !asked.standings.is_empty() {
            let numbers: Vec<String> = asked.standings.iter().map(u8::to_string).collect();
            all.text += &format!(" AND s.standing IN ({})", numbers.join(", "));
        }
        for (name, value, condition) in [
            (
                ":text",
                &asked.text,
                "s.who IN (SELECT id FROM who WHERE instr(search, :text) > 0)",
            ),
            (
                ":owner",
                &asked.owner,
                "s.who IN (SELECT id FROM note JOIN who USING (account) WHERE owner = :owner)",
            ),
            (
                ":program",
                &asked.program,
                "s.program IN (SELECT id FROM phrase WHERE instr(search, :program) > 0)",
            ),
            (
                ":lacks",
                &asked.lacks,
                "s.lacks IN (SELECT id FROM phrase WHERE instr(search, :lacks) > 0)",
            ),
        ] {
            if !value.is_empty() {
                all.text += &format!(" AND {condition}");
                all.bound.push((name, value));
            }
        }
        all
    }
}

/// What [`placed`] reads.
const COLUMNS: &str = "s.place, w.kind, w.ids, s.standing, s.state, p.value, l.value, s.requests, s.share, s.missed, \
     s.seen, ifnull(n.owner, ''), ifnull(n.contact, '')";
const JOINED: &str = "JOIN who w ON w.id = s.who LEFT JOIN note n ON n.account = w.account \
     LEFT JOIN phrase p ON p.id = s.program LEFT JOIN phrase l ON l.id = s.lacks";

impl Standings {
    /// What is said of everybody together; `None` where nothing was judged yet.
    ///
    /// # Errors
    ///
    /// Each question fails when the file cannot be read.
    pub fn body(&self) -> Result<Option<String>, LedgerError> {
        self.connection
            .query_row("SELECT body FROM picture", (), |row| row.get(0))
            .optional()
            .map_err(|error| self.fault(&error))
    }

    /// How many there are of each standing with a sunset.
    ///
    /// # Errors
    ///
    /// As [`Standings::body`].
    pub fn counts(&self, sunset: u64) -> Result<Vec<(u8, u64)>, LedgerError> {
        let ask = || -> rusqlite::Result<Vec<_>> {
            self.connection
                .prepare(
                    "SELECT standing, count(*) FROM standing WHERE sunset = ? GROUP BY standing",
                )?
                .query_map([sunset], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        };
        ask().map_err(|error| self.fault(&error))
    }

    /// The standing of an account with each sunset in which it has one.
    ///
    /// # Errors
    ///
    /// As [`Standings::body`].
    pub fn of(&self, account: &str) -> Result<Vec<(u64, u8)>, LedgerError> {
        let ask = || -> rusqlite::Result<Vec<_>> {
            self.connection
                .prepare(
                    "SELECT sunset, standing FROM who JOIN standing ON standing.who = who.id \
                     WHERE account = ? ORDER BY sunset",
                )?
                .query_map([account], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        };
        ask().map_err(|error| self.fault(&error))
    }

    /// The programs that most of a sunset's accounts are seen with, but for those of one standing, at most `most`.
    ///
    /// # Errors
    ///
    /// As [`Standings::body`].
    pub fn programs(
        &self,
        sunset: u64,
        but: u8,
        most: u64,
    ) -> Result<Vec<(String, u64)>, LedgerError> {
        let ask = || -> rusqlite::Result<Vec<_>> {
            self.connection
                .prepare(
                    "SELECT value, accounts FROM (SELECT program, count(*) AS accounts FROM standing \
                     WHERE sunset = ? AND standing <> ? AND program IS NOT NULL GROUP BY program \
                     ORDER BY accounts DESC LIMIT ?) JOIN phrase ON phrase.id = program \
                     ORDER BY accounts DESC, value",
                )?
                .query_map((sunset, but, most), |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        };
        ask().map_err(|error| self.fault(&error))
    }

    /// The owners that are written down, sorted, at most `most`.
    ///
    /// # Errors
    ///
    /// As [`Standings::body`].
    pub fn owners(&self, most: u64) -> Result<Vec<String>, LedgerError> {
        let ask = || -> rusqlite::Result<Vec<_>> {
            self.connection
                .prepare(
                    "SELECT DISTINCT owner FROM note WHERE owner <> '' ORDER BY owner LIMIT ?",
                )?
                .query_map([most], |row| row.get(0))?
                .collect()
        };
        ask().map_err(|error| self.fault(&error))
    }

    /// A part of a list. Pages turn by place, not by number: the last one costs what the first does.
    ///
    /// # Errors
    ///
    /// As [`Standings::body`].
    pub fn page(&self, asked: &Asked) -> Result<Page, LedgerError> {
        self.ask_page(asked).map_err(|error| self.fault(&error))
    }

    fn ask_page(&self, asked: &Asked) -> rusqlite::Result<Page> {
        let transaction = self.connection.unchecked_transaction()?;
        let all = Where::new(asked);
        let from = asked.order.from();
        let count = |more: &str, bound: &[(&str, &dyn ToSql)]| {
            let text = format!("SELECT count(*) {from} WHERE {}{more}", all.text);
            transaction.query_row(&text, bound, |row| row.get::<_, u64>(0))
        };
        let total = count("", &all.bound)?;
        if total == 0 {
            return Ok(Page::default());
        }
        let key = asked.order.key();
        let place = match asked.turn {
            Turn::First => None,
            Turn::After(place) | Turn::Before(place) => Some(place),
        };
        let mut bound = all.bound.clone();
        bound.push((":place", &place));
        // One that is gone since has no key, and nothing stands behind or before it.
        let edge = format!("(SELECT {key} {from} WHERE s.sunset = :sunset AND s.place = :place)");
        let (side, direction) = match asked.turn {
            Turn::First => (String::new(), "ASC"),
            Turn::After(_) => (format!(" AND ({key}, s.place) > ({edge}, :place)"), "ASC"),
            Turn::Before(_) => (format!(" AND ({key}, s.place) < ({edge}, :place)"), "DESC"),
        };
        // What a row is joined with is looked up for those of the page alone.
        let text = format!(
            "WITH page AS (SELECT {key} AS key, s.place AS place {from} WHERE {}{side} \
             ORDER BY key {direction}, place {direction} LIMIT :most) \
             SELECT {COLUMNS} FROM page JOIN standing s ON s.sunset = :sunset AND s.place = page.place {JOINED} \
             ORDER BY page.key {direction}, page.place {direction}",
            all.text
        );
        let is_turned = place.is_some();
        let mut asking = if is_turned {
            bound.clone()
        } else {
            all.bound.clone()
        };
        asking.push((":most", &asked.most));
        let mut rows: Vec<Placed> = transaction
            .prepare(&text)?
            .query_map(asking.as_slice(), placed)?
            .collect::<Result<_, _>>()?;
        if matches!(asked.turn, Turn::Before(_)) {
            rows.reverse();
        }
        let before = match (rows.first(), is_turned) {
            (Some(first), true) => {
                let mut bound = all.bound.clone();
                bound.push((":place", &first.place));
                count(&format!(" AND ({key}, s.place) < ({edge}, :place)"), &bound)?
            }
            _ => 0,
        };
        Ok(Page {
            total,
            before,
            rows,
        })
    }

    /// All of a list in its order, one at a time.
    ///
    /// # Errors
    ///
    /// As [`Standings::body`].
    pub fn each(&self, asked: &Asked, mut each: impl FnMut(Placed)) -> Result<(), LedgerError> {
        let mut ask = || -> rusqlite::Result<()> {
            let all = Where::new(asked);
            let key = asked.order.key();
            let text = format!(
                "SELECT {COLUMNS} FROM standing s {JOINED} WHERE {} ORDER BY {key}, s.place",
                all.text
            );
            let mut statement = self.connection.prepare(&text)?;
            for row in statement.query_map(all.bound.as_slice(), placed)? {
                each(row?);
            }
            Ok(())
        };
        ask().map_err(|error| self.fault(&error))
    }
}

fn placed(row: &Row<'_>) -> rusqlite::Result<Placed> {
    let who: Who = names::who(row, 1)?;
    let time = |column| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(column)?.map(moment));
    Ok(Placed {
        place: row.get(0)?,
        standing: Standing {
            who,
            standing: row.get(3)?,
            state: row.get(4)?,
            program: row.get(5)?,
            lacks: row.get(6)?,
            requests_a_day: row.get(7)?,
            share: row.get(8)?,
            missed: time(9)?,
            seen: time(10)?,
        },
        owner: row.get(11)?,
        contact: row.get(12)?,
    })
}
