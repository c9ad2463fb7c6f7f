//! What the file is known to hold already: ids of keys, clients, offers, texts. A memory of the file, never more: it is
//! forgotten when a transaction fails and when another program wrote.
//!
//! What is new is given its id here and waits to be written, many rows with one statement.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

use hello::{Offer, OfferId};
use rusqlite::{OptionalExtension, Transaction};
use std::net::IpAddr;

use super::bulk::{Bulk, Cell, number};
use crate::Who;
use crate::rollup::{Digest, Key, phase_code, visitor_code, who_parts};

/// Keys remembered: those of two busy days take some 20 MB. When it is full it is emptied, and filled again from the
/// file.
const MOST_KEYS: usize = 262_144;
/// Clients, offers and texts remembered, of each kind.
const MOST_OTHERS: usize = 65_536;
/// The same where memory is spared: some 3 MB and some 6 MB. A table of so many places is full with these.
const FEW_KEYS: usize = 57_344;
const FEW_OTHERS: usize = 14_336;
/// Rows of each kind that wait to be written.
const MOST_WAITING: usize = 256;

const WHO: Bulk<2> = Bulk {
    table: "who (kind, ids)",
    there: "",
};
const CLIENT: Bulk<4> = Bulk {
    table: "client (who, visitor, offer, is_other)",
    there: "",
};
const KEY: Bulk<16> = Bulk {
    table: "key (digest, day, client, edge, sni, address, user_agent, version, cipher, tls_group, sunset, phase, \
            action, window, preview, outcome)",
    there: "",
};

/// A key in the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct KnownKey {
    pub(super) id: i64,
    pub(super) client: i64,
    /// The latest day on which it was seen.
    pub(super) day: i64,
}

/// What is remembered of one table.
#[derive(Debug)]
struct Table<K, V> {
    rows: HashMap<K, V>,
    most: usize,
    /// The file has nothing else: what is not remembered is new. So it is with a file that was begun here, until there is
    /// too much to remember.
    is_all: bool,
    /// The next id; absent before it was asked for.
    next: Option<i64>,
}

impl<K: Eq + Hash, V: Copy> Table<K, V> {
    fn new(most: usize) -> Self {
        Self {
            rows: HashMap::new(),
            most,
            is_all: false,
            next: None,
        }
    }

    /// What is remembered of this row; else what the file says, which `ask` asks.
    fn find<Q>(
        &mut self,
        key: &Q,
        own: impl FnOnce(&Q) -> K,
        ask: impl FnOnce() -> rusqlite::Result<Option<V>>,
    ) -> rusqlite::Result<Option<V>>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        if let Some(known) = self.rows.get(key) {
            return Ok(Some(*known));
        }
        if self.is_all {
            return Ok(None);
        }
        let found = ask()?;
        if let Some(found) = found {
            self.rows.insert(own(key), found);
        }
        Ok(found)
    }

    /// Learns which ids are free, by the newest that the file has.
    fn begin(&mut self, newest: Option<i64>) {
        self.is_all = newest.is_none();
        self.next = Some(newest.unwrap_or(0) + 1);
    }

    /// An id for a new row.
    fn id(&mut self) -> i64 {
        let next = self.next.get_or_insert(1);
        *next += 1;
        *next - 1
    }

    fn is_full(&self) -> bool {
        self.rows.len() >= self.most
    }

    fn make_room(&mut self) {
        if self.is_full() {
            self.rows.clear();
            self.is_all = false;
        }
    }
}

/// A key that waits to be written.
#[derive(Debug)]
struct NewKey {
    digest: Digest,
    known: KnownKey,
    edge: i64,
    /// Server name, User-Agent, version, suite, group, sunset.
    texts: [Option<i64>; 6],
    address: Option<IpAddr>,
    phase: Option<u8>,
    action: i64,
    window: Option<i64>,
    preview: bool,
    outcome: i64,
}

/// Who somebody is, what visitor, with which offer, and whether counted without details.
type ClientParts = (i64, u8, i64, bool);

#[derive(Debug)]
pub(super) struct Known {
    keys: Table<Digest, KnownKey>,
    texts: Table<Box<str>, i64>,
    offers: Table<OfferId, i64>,
    whos: Table<Who, i64>,
    clients: Table<ClientParts, i64>,
    new_keys: Vec<NewKey>,
    new_whos: Vec<(i64, u8, String)>,
    new_clients: Vec<(i64, ClientParts)>,
    /// Whether it is known which ids are free.
    is_begun: bool,
}

impl Default for Known {
    fn default() -> Self {
        Self::bounded(MOST_KEYS, MOST_OTHERS)
    }
}

impl Known {
    pub(super) fn bounded(most_keys: usize, most_others: usize) -> Self {
        Self {
            keys: Table::new(most_keys),
            texts: Table::new(most_others),
            offers: Table::new(most_others),
            whos: Table::new(most_others),
            clients: Table::new(most_others),
            new_keys: Vec::new(),
            new_whos: Vec::new(),
            new_clients: Vec::new(),
            is_begun: false,
        }
    }

    /// A memory that remembers less.
    pub(super) fn small() -> Self {
        Self::bounded(FEW_KEYS, FEW_OTHERS)
    }

    /// Forgets everything, and what was not written.
    pub(super) fn forget(&mut self) {
        *self = Self::bounded(self.keys.most, self.texts.most);
    }

    /// Makes room, and learns what it has to know of the file. To be called before a row is looked up: nothing that waits
    /// may be forgotten before it is written.
    pub(super) fn prepare(&mut self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        if !self.is_begun {
            let newest = |table: &str| {
                let text = format!("SELECT max(id) FROM {table}");
                transaction.query_row(&text, (), |row| row.get::<_, Option<i64>>(0))
            };
            self.keys.begin(newest("key")?);
            self.texts.begin(newest("text")?);
            self.offers.begin(newest("offer")?);
            self.whos.begin(newest("who")?);
            self.clients.begin(newest("client")?);
            self.is_begun = true;
        }
        let is_full = self.keys.is_full()
            || self.texts.is_full()
            || self.offers.is_full()
            || self.whos.is_full()
            || self.clients.is_full();
        if is_full || self.new_keys.len() >= MOST_WAITING {
            self.flush(transaction)?;
            self.keys.make_room();
            self.texts.make_room();
            self.offers.make_room();
            self.whos.make_room();
            self.clients.make_room();
        }
        Ok(())
    }

    /// Writes what waits.
    pub(super) fn flush(&mut self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        WHO.write(transaction, &self.new_whos, |(_, kind, ids)| {
            [(*kind).into(), ids.as_str().into()]
        })?;
        is_numbered(transaction, self.new_whos.last().map(|(id, ..)| *id))?;
        CLIENT.write(
            transaction,
            &self.new_clients,
            |(_, (who, visitor, offer, is_other))| {
                [
                    (*who).into(),
                    (*visitor).into(),
                    (*offer).into(),
                    (*is_other).into(),
                ]
            },
        )?;
        is_numbered(transaction, self.new_clients.last().map(|(id, _)| *id))?;
        KEY.write(transaction, &self.new_keys, NewKey::cells)?;
        is_numbered(transaction, self.new_keys.last().map(|new| new.known.id))?;
        self.new_whos.clear();
        self.new_clients.clear();
        self.new_keys.clear();
        Ok(())
    }

    /// The key with this digest, where the file has it.
    pub(super) fn key(
        &mut self,
        transaction: &Transaction<'_>,
        digest: &Digest,
    ) -> rusqlite::Result<Option<KnownKey>> {
        self.keys.find(
            digest,
            |digest| *digest,
            || {
                transaction
                    .prepare_cached("SELECT id, client, day FROM key WHERE digest = ?")?
                    .query_row([digest.as_slice()], |row| {
                        Ok(KnownKey {
                            id: row.get(0)?,
                            client: row.get(1)?,
                            day: row.get(2)?,
                        })
                    })
                    .optional()
            },
        )
    }

    /// Notes that a key was seen on a later day than before.
    pub(super) fn seen(
        &mut self,
        transaction: &Transaction<'_>,
        digest: &Digest,
        key: KnownKey,
        day: i64,
    ) -> rusqlite::Result<()> {
        // Those that wait are in the order of their ids.
        let waits = self
            .new_keys
            .binary_search_by_key(&key.id, |new| new.known.id)
            .ok()
            .and_then(|place| self.new_keys.get_mut(place));
        match waits {
            Some(new) => new.known.day = day,
            None => {
                transaction
                    .prepare_cached("UPDATE key SET day = ? WHERE id = ?")?
                    .execute((day, key.id))?;
            }
        }
        self.keys.rows.insert(*digest, KnownKey { day, ..key });
        Ok(())
    }

    /// Adds a key that the file does not have.
    pub(super) fn add_key(
        &mut self,
        transaction: &Transaction<'_>,
        digest: &Digest,
        key: &Key<'_>,
        offer: Option<&Offer>,
        day: i64,
    ) -> rusqlite::Result<KnownKey> {
        let client = self.client(transaction, key, offer)?;
        let mut text = |value: &str| self.text(transaction, value);
        let edge = text(&key.edge)?;
        let optional = [
            &key.sni,
            &key.user_agent,
            &key.version,
            &key.cipher,
            &key.group,
            &key.sunset,
        ];
        let mut texts = [None; 6];
        for (id, value) in texts.iter_mut().zip(optional) {
            *id = value.as_deref().map(&mut text).transpose()?;
        }
        let (action, outcome) = (text(&key.action)?, text(&key.outcome)?);
        let known = KnownKey {
            id: self.keys.id(),
            client,
            day,
        };
        self.new_keys.push(NewKey {
            digest: *digest,
            known,
            edge,
            texts,
            address: key.address,
            phase: key.phase.map(phase_code),
            action,
            window: key.window,
            preview: key.preview,
            outcome,
        });
        self.keys.rows.insert(*digest, known);
        Ok(known)
    }

    /// Whether the file has this offer.
    pub(super) fn has_offer(
        &mut self,
        transaction: &Transaction<'_>,
        identity: &OfferId,
    ) -> rusqlite::Result<bool> {
        Ok(self.find_offer(transaction, identity)?.is_some())
    }

    fn find_offer(
        &mut self,
        transaction: &Transaction<'_>,
        identity: &OfferId,
    ) -> rusqlite::Result<Option<i64>> {
        self.offers.find(
            identity,
            |identity| *identity,
            || {
                transaction
                    .prepare_cached("SELECT id FROM offer WHERE identity = ?")?
                    .query_row([identity.0.as_slice()], |row| row.get(0))
                    .optional()
            },
        )
    }

    fn offer(
        &mut self,
        transaction: &Transaction<'_>,
        identity: &OfferId,
        offer: Option<&Offer>,
    ) -> rusqlite::Result<i64> {
        if let Some(id) = self.find_offer(transaction, identity)? {
            return Ok(id);
        }
        let id = self.offers.id();
        transaction
            .prepare_cached("INSERT INTO offer (id, identity, bytes) VALUES (?, ?, ?)")?
            .execute((
                id,
                identity.0.as_slice(),
                offer.map(Offer::as_bytes).unwrap_or_default(),
            ))?;
        self.offers.rows.insert(*identity, id);
        Ok(id)
    }

    fn client(
        &mut self,
        transaction: &Transaction<'_>,
        key: &Key<'_>,
        offer: Option<&Offer>,
    ) -> rusqlite::Result<i64> {
        let (who, is_new) = self.who(transaction, &key.who)?;
        let offer = match &key.offer {
            Some(identity) => self.offer(transaction, identity, offer)?,
            None => 0,
        };
        let parts = (who, visitor_code(key.visitor), offer, key.is_other);
        let found = self.clients.find(&parts, |parts| *parts, || {
            if is_new {
                return Ok(None);
            }
            transaction
                .prepare_cached(
                    "SELECT id FROM client WHERE who = ? AND visitor = ? AND offer = ? AND is_other = ?",
                )?
                .query_row(parts, |row| row.get(0))
                .optional()
        })?;
        if let Some(id) = found {
            return Ok(id);
        }
        let id = self.clients.id();
        self.new_clients.push((id, parts));
        self.clients.rows.insert(parts, id);
        Ok(id)
    }

    /// Gives too whether it is new to the file.
    fn who(&mut self, transaction: &Transaction<'_>, who: &Who) -> rusqlite::Result<(i64, bool)> {
        let parts = || {
            let (kind, ids) = who_parts(who);
            // Strings always become JSON.
            (kind, serde_json::to_string(ids).unwrap_or_default())
        };
        let found = self.whos.find(who, Who::clone, || {
            transaction
                .prepare_cached("SELECT id FROM who WHERE kind = ? AND ids = ?")?
                .query_row(parts(), |row| row.get(0))
                .optional()
        })?;
        if let Some(id) = found {
            return Ok((id, false));
        }
        let id = self.whos.id();
        let (kind, ids) = parts();
        self.new_whos.push((id, kind, ids));
        self.whos.rows.insert(who.clone(), id);
        Ok((id, true))
    }

    fn text(&mut self, transaction: &Transaction<'_>, value: &str) -> rusqlite::Result<i64> {
        let found = self.texts.find(
            value,
            |value| value.into(),
            || {
                transaction
                    .prepare_cached("SELECT id FROM text WHERE value = ?")?
                    .query_row([value], |row| row.get(0))
                    .optional()
            },
        )?;
        if let Some(id) = found {
            return Ok(id);
        }
        let id = self.texts.id();
        transaction
            .prepare_cached("INSERT INTO text (id, value) VALUES (?, ?)")?
            .execute((id, value))?;
        self.texts.rows.insert(value.into(), id);
        Ok(id)
    }
}

impl NewKey {
    fn cells(&self) -> [Cell<'_>; 16] {
        let [sni, user_agent, version, cipher, group, sunset] = self.texts.map(number);
        [
            self.digest.as_slice().into(),
            self.known.day.into(),
            self.known.client.into(),
            self.edge.into(),
            sni,
            self.address.map_or_else(
                || number(None),
                |address| Cell::from(address_bytes(address)),
            ),
            user_agent,
            version,
            cipher,
            group,
            sunset,
            number(self.phase.map(Into::into)),
            self.action.into(),
            number(self.window),
            self.preview.into(),
            self.outcome.into(),
        ]
    }
}

/// Whether the row written last has the id that it was given here. SQLite numbers a row by the largest id of its table, as
/// [`Table`] does; a number that is written takes a journal for every statement.
fn is_numbered(transaction: &Transaction<'_>, id: Option<i64>) -> rusqlite::Result<()> {
    if id.is_none_or(|id| id == transaction.last_insert_rowid()) {
        return Ok(());
    }
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_INTERNAL);
    let said = "its rows are numbered in another order than they were written in".to_owned();
    Err(rusqlite::Error::SqliteFailure(code, Some(said)))
}

/// 4 or 16 bytes.
fn address_bytes(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}
