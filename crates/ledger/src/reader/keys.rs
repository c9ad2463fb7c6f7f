//! Keys, read whole.

use std::borrow::Cow;
use std::sync::Arc;

use rusqlite::{Connection, Row};

use super::names::{self, Texts};
use crate::rollup::{Digest, Key, phase_from_code};

/// What [`read`] reads, from `key` on.
pub(crate) const SELECT: &str = "SELECT key.id, digest, key.client, key.day, is_other, visitor, kind, ids, identity, \
     edge, sni, user_agent, version, cipher, tls_group, sunset, action, outcome, address, phase, window, preview \
     FROM key JOIN client ON client.id = key.client JOIN who ON who.id = client.who \
     LEFT JOIN offer ON offer.id = client.offer";

/// A key as the file has it.
pub(crate) struct Stored {
    pub(crate) id: i64,
    /// What it should be by its digest.
    pub(crate) digest: Digest,
    pub(crate) client: i64,
    /// The latest day on which it was seen.
    pub(crate) day: i64,
    pub(crate) key: Key<'static>,
}

pub(crate) fn read(
    connection: &Connection,
    texts: &mut Texts,
    row: &Row<'_>,
) -> rusqlite::Result<Stored> {
    let own = |text: Arc<str>| Cow::Owned(text.as_ref().to_owned());
    let mut text = |column| Ok::<_, rusqlite::Error>(texts.get(connection, row, column)?.map(own));
    let [sni, user_agent, version, cipher, group, sunset] = [
        text(10)?,
        text(11)?,
        text(12)?,
        text(13)?,
        text(14)?,
        text(15)?,
    ];
    let must = |column: usize, text: Option<_>| text.ok_or_else(|| names::strange(column));
    let (edge, action, outcome) = (
        must(9, text(9)?)?,
        must(16, text(16)?)?,
        must(17, text(17)?)?,
    );
    let phase = match row.get::<_, Option<u8>>(19)? {
        None => None,
        Some(code) => Some(phase_from_code(code).ok_or_else(|| names::strange(19))?),
    };
    Ok(Stored {
        id: row.get(0)?,
        digest: row.get(1)?,
        client: row.get(2)?,
        day: row.get(3)?,
        key: Key {
            is_other: row.get(4)?,
            visitor: names::visitor(row, 5)?,
            who: names::who(row, 6)?,
            offer: names::optional_identity(row, 8)?,
            edge,
            sni,
            address: names::address(row, 18)?,
            user_agent,
            version,
            cipher,
            group,
            sunset,
            phase,
            action,
            window: row.get(20)?,
            preview: row.get(21)?,
            outcome,
        },
    })
}
