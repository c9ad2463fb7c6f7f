//! What the file is known to hold already: ids of keys, clients, offers, texts. A memory of the file, never more: it is
//! forgotten when a transaction fails and when another program wrote.

use std::collections::HashMap;
use std::hash::Hash;

use hello::{Offer, OfferId};
use rusqlite::{OptionalExtension, Transaction};
use std::net::IpAddr;

use crate::Who;
use crate::rollup::{Digest, Key, phase_code, visitor_code, who_parts};

/// Keys remembered: those of two busy days take some 20 MB. When it is full it is emptied, and filled again from the
/// file.
const MOST_KEYS: usize = 262_144;
/// Clients, offers and texts remembered, of each kind.
const MOST_OTHERS: usize = 65_536;
/// The same where memory is spared: some 4 MB and some 6 MB.
const FEW_KEYS: usize = 32_768;
const FEW_OTHERS: usize = 16_384;

/// A key in the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct KnownKey {
    pub(super) id: i64,
    pub(super) client: i64,
    /// The latest day on which it was seen.
    pub(super) day: i64,
}

#[derive(Debug)]
pub(super) struct Known {
    most_keys: usize,
    most_others: usize,
    keys: HashMap<Digest, KnownKey>,
    texts: HashMap<Box<str>, i64>,
    offers: HashMap<OfferId, i64>,
    whos: HashMap<Who, i64>,
    clients: HashMap<(i64, u8, i64, bool), i64>,
}

impl Default for Known {
    fn default() -> Self {
        Self::bounded(MOST_KEYS, MOST_OTHERS)
    }
}

fn remember<K: Eq + Hash, V>(map: &mut HashMap<K, V>, most: usize, key: K, value: V) {
    if map.len() >= most {
        map.clear();
    }
    map.insert(key, value);
}

impl Known {
    fn bounded(most_keys: usize, most_others: usize) -> Self {
        Self {
            most_keys,
            most_others,
            keys: HashMap::new(),
            texts: HashMap::new(),
            offers: HashMap::new(),
            whos: HashMap::new(),
            clients: HashMap::new(),
        }
    }

    /// A memory that remembers less.
    pub(super) fn small() -> Self {
        Self::bounded(FEW_KEYS, FEW_OTHERS)
    }

    /// Forgets everything.
    pub(super) fn forget(&mut self) {
        *self = Self::bounded(self.most_keys, self.most_others);
    }

    /// The key with this digest, where the file has it.
    pub(super) fn key(
        &mut self,
        transaction: &Transaction<'_>,
        digest: &Digest,
    ) -> rusqlite::Result<Option<KnownKey>> {
        if let Some(known) = self.keys.get(digest) {
            return Ok(Some(*known));
        }
        let found = transaction
            .prepare_cached("SELECT id, client, day FROM key WHERE digest = ?")?
            .query_row([digest.as_slice()], |row| {
                Ok(KnownKey {
                    id: row.get(0)?,
                    client: row.get(1)?,
                    day: row.get(2)?,
                })
            })
            .optional()?;
        if let Some(found) = found {
            remember(&mut self.keys, self.most_keys, *digest, found);
        }
        Ok(found)
    }

    /// Notes that a key was seen on a later day than before.
    pub(super) fn seen(
        &mut self,
        transaction: &Transaction<'_>,
        digest: &Digest,
        key: KnownKey,
        day: i64,
    ) -> rusqlite::Result<()> {
        transaction
            .prepare_cached("UPDATE key SET day = ? WHERE id = ?")?
            .execute((day, key.id))?;
        remember(
            &mut self.keys,
            self.most_keys,
            *digest,
            KnownKey { day, ..key },
        );
        Ok(())
    }

    /// Puts a key into the file that it does not have.
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
        let mut ids = [None; 6];
        for (id, value) in ids.iter_mut().zip(optional) {
            *id = value.as_deref().map(&mut text).transpose()?;
        }
        let [sni, user_agent, version, cipher, group, sunset] = ids;
        let (action, outcome) = (text(&key.action)?, text(&key.outcome)?);
        transaction
            .prepare_cached(
                "INSERT INTO key (digest, day, client, edge, sni, address, user_agent, version, cipher, tls_group, \
                 sunset, phase, action, window, preview, outcome) \
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )?
            .execute(rusqlite::params![
                digest.as_slice(),
                day,
                client,
                edge,
                sni,
                key.address.map(address_bytes),
                user_agent,
                version,
                cipher,
                group,
                sunset,
                key.phase.map(phase_code),
                action,
                key.window,
                key.preview,
                outcome,
            ])?;
        let known = KnownKey {
            id: transaction.last_insert_rowid(),
            client,
            day,
        };
        remember(&mut self.keys, self.most_keys, *digest, known);
        Ok(known)
    }

    /// Whether the file has this offer.
    pub(super) fn has_offer(
        &mut self,
        transaction: &Transaction<'_>,
        identity: &OfferId,
    ) -> rusqlite::Result<bool> {
        if self.offers.contains_key(identity) {
            return Ok(true);
        }
        let found: Option<i64> = transaction
            .prepare_cached("SELECT id FROM offer WHERE identity = ?")?
            .query_row([identity.0.as_slice()], |row| row.get(0))
            .optional()?;
        if let Some(id) = found {
            remember(&mut self.offers, self.most_others, *identity, id);
        }
        Ok(found.is_some())
    }

    fn offer(
        &mut self,
        transaction: &Transaction<'_>,
        identity: &OfferId,
        offer: Option<&Offer>,
    ) -> rusqlite::Result<i64> {
        if self.has_offer(transaction, identity)?
            && let Some(id) = self.offers.get(identity)
        {
            return Ok(*id);
        }
        transaction
            .prepare_cached("INSERT INTO offer (identity, bytes) VALUES (?, ?)")?
            .execute((
                identity.0.as_slice(),
                offer.map(Offer::as_bytes).unwrap_or_default(),
            ))?;
        let id = transaction.last_insert_rowid();
        remember(&mut self.offers, self.most_others, *identity, id);
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
        if let Some(id) = self.clients.get(&parts) {
            return Ok(*id);
        }
        let found = if is_new {
            None
        } else {
            transaction
                .prepare_cached(
                    "SELECT id FROM client WHERE who = ? AND visitor = ? AND offer = ? AND is_other = ?",
                )?
                .query_row(parts, |row| row.get(0))
                .optional()?
        };
        let id = match found {
            Some(id) => id,
            None => {
                transaction
                    .prepare_cached(
                        "INSERT INTO client (who, visitor, offer, is_other) VALUES (?, ?, ?, ?)",
                    )?
                    .execute(parts)?;
                transaction.last_insert_rowid()
            }
        };
        remember(&mut self.clients, self.most_others, parts, id);
        Ok(id)
    }

    /// Gives too whether it is new to the file.
    fn who(&mut self, transaction: &Transaction<'_>, who: &Who) -> rusqlite::Result<(i64, bool)> {
        if let Some(id) = self.whos.get(who) {
            return Ok((*id, false));
        }
        let (kind, ids) = who_parts(who);
        // Strings always become JSON.
        let ids = serde_json::to_string(ids).unwrap_or_default();
        // Most that are not remembered are new: to ask first would look for each of them twice.
        let is_new = transaction
            .prepare_cached("INSERT OR IGNORE INTO who (kind, ids) VALUES (?, ?)")?
            .execute((kind, &ids))?
            > 0;
        let id = if is_new {
            transaction.last_insert_rowid()
        } else {
            transaction
                .prepare_cached("SELECT id FROM who WHERE kind = ? AND ids = ?")?
                .query_row((kind, &ids), |row| row.get(0))?
        };
        remember(&mut self.whos, self.most_others, who.clone(), id);
        Ok((id, is_new))
    }

    fn text(&mut self, transaction: &Transaction<'_>, value: &str) -> rusqlite::Result<i64> {
        if let Some(id) = self.texts.get(value) {
            return Ok(*id);
        }
        let found = transaction
            .prepare_cached("SELECT id FROM text WHERE value = ?")?
            .query_row([value], |row| row.get(0))
            .optional()?;
        let id = match found {
            Some(id) => id,
            None => {
                transaction
                    .prepare_cached("INSERT INTO text (value) VALUES (?)")?
                    .execute([value])?;
                transaction.last_insert_rowid()
            }
        };
        remember(&mut self.texts, self.most_others, value.into(), id);
        Ok(id)
    }
}

/// 4 or 16 bytes.
fn address_bytes(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}
