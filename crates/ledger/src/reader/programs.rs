//! What everybody was last seen with.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::Connection;

use super::names::{self, Texts};
use crate::query::Client;

/// A key of a client, by when it was last seen.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Latest {
    day: i64,
    key: i64,
    user_agent: Option<i64>,
}

/// One walk over the keys, which know the latest day on which they were seen.
pub(super) fn programs(
    connection: &Connection,
    each: &mut dyn FnMut(&Client, Option<Arc<str>>),
) -> rusqlite::Result<()> {
    let mut latest: HashMap<i64, Latest> = HashMap::new();
    let mut statement = connection.prepare("SELECT client, day, id, user_agent FROM key")?;
    let mut rows = statement.query(())?;
    while let Some(row) = rows.next()? {
        let found = Latest {
            day: row.get(1)?,
            key: row.get(2)?,
            user_agent: row.get(3)?,
        };
        latest
            .entry(row.get(0)?)
            .and_modify(|known| *known = found.max(*known))
            .or_insert(found);
    }
    let mut texts = Texts::default();
    for client in names::clients(connection, |id| latest.contains_key(&id))? {
        let user_agent = latest.get(&client.id).and_then(|latest| latest.user_agent);
        let user_agent = match user_agent {
            Some(id) => Some(texts.of(connection, id)?),
            None => None,
        };
        each(&client.told(), user_agent);
    }
    Ok(())
}
