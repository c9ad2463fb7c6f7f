//! One batch, one transaction.

use std::collections::btree_map::Entry as Slot;
use std::collections::{BTreeMap, HashMap};

use rusqlite::{OptionalExtension, Transaction, TransactionBehavior};

use super::Store;
use super::bulk::{Bulk, Cell, number};
use super::known::{Known, KnownKey};
use super::places::{self, Move};
use crate::amounts::{Amounts, DAY_HOURS, HOUR, day_of, hour_of};
use crate::rollup::{Batch, Digest, Key, Overflow, Row};
use crate::{Visitor, Who};

/// Bytes of offers that are new to the file, on one day. Real clients bring a few a day, of some 200 bytes; a client
/// that makes them up can bring 64 KiB with every hello.
const MOST_NEW_OFFER_BYTES: i64 = 64 << 20;

/// What held a batch up.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Delay {
    /// Why it could not be stored at first: noted as a gap, for as long as this lasted a kill would have lost it.
    pub(crate) waited: Option<&'static str>,
    /// Why the batch before it could not be stored at first: this one grew meanwhile, and if it grew beyond its
    /// bounds it did so for that reason.
    pub(crate) behind: Option<&'static str>,
}

/// What a commit did.
#[derive(Debug, Default)]
pub(crate) struct Committed {
    pub(crate) rows: usize,
    /// Connections and requests counted without their details, and why.
    pub(crate) others: Vec<(Overflow, u64)>,
    /// The row of the place that was kept.
    place: Option<i64>,
}

impl Store {
    /// Writes a batch with its number.
    pub(crate) fn commit(
        &mut self,
        number: i64,
        batch: &Batch,
        delay: Delay,
    ) -> rusqlite::Result<Committed> {
        let result = self.write(number, std::slice::from_ref(batch), delay, None);
        if result.is_err() {
            // It may hold ids that were rolled back.
            self.known.forget();
        }
        Ok(result?.unwrap_or_default())
    }

    /// Writes some batches together with how far the log was read that they come from; gives the row of that place.
    /// `None`, and nothing is written, where another program has read on in that log.
    pub(crate) fn commit_read(
        &mut self,
        number: i64,
        batches: &[Batch],
        moved: &Move,
    ) -> rusqlite::Result<Option<(Committed, i64)>> {
        let result = self.write(number, batches, Delay::default(), Some(moved));
        if !matches!(result, Ok(Some(_))) {
            self.known.forget();
        }
        Ok(result?.map(|committed| {
            let row = committed.place.unwrap_or_default();
            (committed, row)
        }))
    }

    fn write(
        &mut self,
        number: i64,
        batches: &[Batch],
        delay: Delay,
        moved: Option<&Move>,
    ) -> rusqlite::Result<Option<Committed>> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let version =
            transaction.pragma_query_value(None, "data_version", |row| row.get::<_, i64>(0))?;
        if version != self.data_version {
            self.known.forget();
            self.data_version = version;
        }
        let place = match moved {
            Some(moved) => match places::keep(&transaction, moved)? {
                Some(row) => Some(row),
                None => return Ok(None),
            },
            None => None,
        };
        let mut all = Committed {
            place,
            ..Committed::default()
        };
        for batch in batches {
            let mut writing = Writing {
                transaction: &transaction,
                known: &mut self.known,
                most_keys: i64::from(self.settings.clients_per_day),
                days: BTreeMap::new(),
                rows: Vec::with_capacity(batch.rows.len()),
                others: HashMap::new(),
            };
            for ((hour, digest), row) in &batch.rows {
                writing.place(*hour, digest, row, batch)?;
            }
            for ((hour, visitor, why), amounts) in &batch.others {
                writing.other(*hour, *visitor, *why, amounts);
            }
            let committed = writing.finish(delay)?;
            all.rows += committed.rows;
            all.others.extend(committed.others);
        }
        let latest = batches.iter().filter_map(|batch| batch.latest).max();
        transaction
            .prepare_cached("UPDATE writer SET batch = ?, alive = ifnull(?, alive) WHERE id = ?")?
            .execute((number, latest, self.writer))?;
        transaction.commit()?;
        Ok(Some(all))
    }
}

/// A day's sums and what counts against its bounds.
#[derive(Clone, Copy, Debug)]
struct Day {
    new_keys: i64,
    new_keys_of_accounts: i64,
    new_offer_bytes: i64,
    sum: Amounts,
}

struct Writing<'a> {
    transaction: &'a Transaction<'a>,
    known: &'a mut Known,
    most_keys: i64,
    days: BTreeMap<i64, Day>,
    rows: Vec<(i64, KnownKey, Amounts)>,
    others: HashMap<(i64, Visitor, Overflow), Amounts>,
}

impl Writing<'_> {
    /// Finds or makes the key of a row. Without room for another key, the row counts among the others.
    fn place(
        &mut self,
        hour: i64,
        digest: &Digest,
        row: &Row,
        batch: &Batch,
    ) -> rusqlite::Result<()> {
        let day = day_of(hour);
        self.known.prepare(self.transaction)?;
        let key = match self.known.key(self.transaction, digest)? {
            Some(key) => {
                if key.day < day {
                    self.known.seen(self.transaction, digest, key, day)?;
                }
                key
            }
            None => {
                let offer = row.key.offer.and_then(|id| batch.offers.get(&id));
                let offer_bytes = match &row.key.offer {
                    Some(id) if !self.known.has_offer(self.transaction, id)? => {
                        offer.map_or(0, |offer| signed(offer.as_bytes().len() as u64))
                    }
                    _ => 0,
                };
                let most_keys = self.most_keys;
                let bounds = self.day(day)?;
                // Accounts have room of their own: a flood of hellos that never get as far as an account must not
                // hide a customer's new program.
                let keys = match row.key.who {
                    Who::Known(_) => &mut bounds.new_keys_of_accounts,
                    _ => &mut bounds.new_keys,
                };
                if *keys >= most_keys
                    || bounds.new_offer_bytes.saturating_add(offer_bytes) > MOST_NEW_OFFER_BYTES
                {
                    self.other(hour, row.key.visitor, Overflow::TooManyKeys, &row.amounts);
                    return Ok(());
                }
                *keys += 1;
                bounds.new_offer_bytes += offer_bytes;
                self.known
                    .add_key(self.transaction, digest, &row.key, offer, day)?
            }
        };
        self.rows.push((hour, key, row.amounts));
        Ok(())
    }

    fn other(&mut self, hour: i64, visitor: Visitor, why: Overflow, amounts: &Amounts) {
        self.others
            .entry((hour, visitor, why))
            .and_modify(|sum| sum.add(amounts))
            .or_insert(*amounts);
    }

    fn finish(mut self, delay: Delay) -> rusqlite::Result<Committed> {
        let mut committed = Committed::default();
        let mut scratch = Vec::new();
        for ((hour, visitor, why), amounts) in std::mem::take(&mut self.others) {
            let key = Key::other(visitor);
            let digest = key.digest(&mut scratch);
            self.known.prepare(self.transaction)?;
            let known = match self.known.key(self.transaction, &digest)? {
                Some(known) => {
                    if known.day < day_of(hour) {
                        self.known
                            .seen(self.transaction, &digest, known, day_of(hour))?;
                    }
                    known
                }
                None => self
                    .known
                    .add_key(self.transaction, &digest, &key, None, day_of(hour))?,
            };
            self.rows.push((hour, known, amounts));
            let reason = delay.behind.unwrap_or(why.reason());
            note_gap(self.transaction, reason, &amounts)?;
            committed
                .others
                .push((why, amounts.connections + amounts.requests.total()));
        }
        self.known.flush(self.transaction)?;
        // In the order of the file, so that each of its pages is visited once.
        self.rows
            .sort_unstable_by_key(|(hour, key, _)| (*hour, key.id));
        committed.rows = self.rows.len();
        let rows = std::mem::take(&mut self.rows);
        if let Some(reason) = delay.waited {
            let mut all = EMPTY_DAY.sum;
            rows.iter().for_each(|(_, _, amounts)| all.add(amounts));
            all.connections = 0;
            note_gap(self.transaction, reason, &all)?;
        }
        HOURLY.write(self.transaction, &rows, |(hour, key, amounts)| {
            let start = hour * HOUR;
            let [connections, refused, served, warned, explained, answered] = counts(amounts);
            [
                (*hour).into(),
                key.id.into(),
                connections,
                refused,
                served,
                warned,
                explained,
                answered,
                (amounts.first - start).into(),
                (amounts.last - start).into(),
                number(amounts.age.map(signed)),
            ]
        })?;
        let mut clients = Vec::with_capacity(rows.len());
        for (hour, key, amounts) in rows {
            let day = day_of(hour);
            clients.push(((day, key.client), amounts));
            self.day(day)?.sum.add(&amounts);
        }
        clients.sort_unstable_by_key(|(place, _)| *place);
        clients.dedup_by(|(place, amounts), (before, sum)| {
            let is_same = place == before;
            if is_same {
                sum.add(amounts);
            }
            is_same
        });
        SUMMARY.write(self.transaction, &clients, |((day, client), amounts)| {
            let start = day * DAY_HOURS * HOUR;
            let [connections, refused, served, warned, explained, answered] = counts(amounts);
            [
                (*day).into(),
                (*client).into(),
                connections,
                refused,
                served,
                warned,
                explained,
                answered,
                (amounts.first - start).into(),
                (amounts.last - start).into(),
            ]
        })?;
        for (number, day) in &self.days {
            write_day(self.transaction, *number, day)?;
        }
        Ok(committed)
    }

    fn day(&mut self, number: i64) -> rusqlite::Result<&mut Day> {
        match self.days.entry(number) {
            Slot::Occupied(found) => Ok(found.into_mut()),
            Slot::Vacant(place) => Ok(place.insert(read_day(self.transaction, number)?)),
        }
    }
}

const HOURLY: Bulk<11> = Bulk {
    table: "hourly",
    there: "ON CONFLICT DO UPDATE SET \
            connections = connections + excluded.connections, refused = refused + excluded.refused, \
            served = served + excluded.served, warned = warned + excluded.warned, \
            explained = explained + excluded.explained, answered = answered + excluded.answered, \
            first = min(first, excluded.first), last = max(last, excluded.last), \
            age = max(ifnull(age, excluded.age), ifnull(excluded.age, age))",
};
const SUMMARY: Bulk<10> = Bulk {
    table: "summary",
    there: "ON CONFLICT DO UPDATE SET \
            connections = connections + excluded.connections, refused = refused + excluded.refused, \
            served = served + excluded.served, warned = warned + excluded.warned, \
            explained = explained + excluded.explained, answered = answered + excluded.answered, \
            first = min(first, excluded.first), last = max(last, excluded.last)",
};

/// Connections, refusals, and requests of each kind.
fn counts(amounts: &Amounts) -> [Cell<'static>; 6] {
    let requests = &amounts.requests;
    [
        amounts.connections,
        amounts.refused,
        requests.served,
        requests.warned,
        requests.explained,
        requests.answered,
    ]
    .map(|count| signed(count).into())
}

const EMPTY_DAY: Day = Day {
    new_keys: 0,
    new_keys_of_accounts: 0,
    new_offer_bytes: 0,
    sum: Amounts {
        connections: 0,
        refused: 0,
        requests: crate::Requests {
            served: 0,
            warned: 0,
            explained: 0,
            answered: 0,
        },
        first: i64::MAX,
        last: i64::MIN,
        age: None,
    },
};

fn read_day(transaction: &Transaction<'_>, number: i64) -> rusqlite::Result<Day> {
    let found = transaction
        .prepare_cached(
            "SELECT new_keys, new_keys_of_accounts, new_offer_bytes, connections, refused, served, warned, explained, \
             answered FROM day WHERE day = ?",
        )?
        .query_row([number], |row| {
            let mut day = EMPTY_DAY;
            day.new_keys = row.get(0)?;
            day.new_keys_of_accounts = row.get(1)?;
            day.new_offer_bytes = row.get(2)?;
            day.sum.connections = row.get(3)?;
            day.sum.refused = row.get(4)?;
            day.sum.requests.served = row.get(5)?;
            day.sum.requests.warned = row.get(6)?;
            day.sum.requests.explained = row.get(7)?;
            day.sum.requests.answered = row.get(8)?;
            Ok(day)
        })
        .optional()?;
    Ok(found.unwrap_or(EMPTY_DAY))
}

fn write_day(transaction: &Transaction<'_>, number: i64, day: &Day) -> rusqlite::Result<()> {
    let sum = &day.sum;
    transaction
        .prepare_cached("INSERT OR REPLACE INTO day VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?
        .execute(rusqlite::params![
            number,
            day.new_keys,
            day.new_keys_of_accounts,
            day.new_offer_bytes,
            signed(sum.connections),
            signed(sum.refused),
            signed(sum.requests.served),
            signed(sum.requests.warned),
            signed(sum.requests.explained),
            signed(sum.requests.answered),
        ])?;
    Ok(())
}

/// Notes that something is counted without its details: one gap for an hour and a reason.
fn note_gap(
    transaction: &Transaction<'_>,
    reason: &str,
    amounts: &Amounts,
) -> rusqlite::Result<()> {
    let connections = signed(amounts.connections);
    let changed = transaction
        .prepare_cached(
            "UPDATE gap SET first = min(first, ?2), last = max(last, ?3), connections = connections + ?4 \
             WHERE reason = ?1 AND first / 3600 = ?5",
        )?
        .execute((
            reason,
            amounts.first,
            amounts.last,
            connections,
            hour_of(amounts.first),
        ))?;
    if changed == 0 {
        transaction
            .prepare_cached(
                "INSERT INTO gap (reason, first, last, connections) VALUES (?, ?, ?, ?)",
            )?
            .execute((reason, amounts.first, amounts.last, connections))?;
    }
    Ok(())
}

/// As SQLite holds numbers.
fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
