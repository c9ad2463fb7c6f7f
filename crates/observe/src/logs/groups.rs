//! Lines that say the same of the same client in the same hour are one group.
//!
//! What is compared is the bytes of the line, not what they mean: nothing is decoded, looked up or allocated for a line
//! that is like one before it.

use foldhash::quality::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use std::hash::BuildHasher;

use accounts::Addresses;

use super::format::Tells;
use super::line::{Field, Line};

/// Groups of one table. A commit of these takes a fifth of a second, and they take some 10 MB. With what one more block of
/// lines brings they stay below 28,672, where tables grow to twice their size: theirs, and that of the rows made of them.
pub(crate) const MOST_GROUPS: usize = 24_576;
/// Bytes of what they are told apart by: usual lines need 150 each.
pub(crate) const MOST_BYTES: usize = 16 << 20;
/// Bytes of one field that are looked at. The longest that means something is a list of a few hundred suites.
const MOST_FIELD: usize = 8 << 10;
/// Bytes of a User-Agent; the ledger keeps no more.
const MOST_USER_AGENT: usize = 256;

/// What kind of line it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    /// A request over TLS, or a connection.
    Served,
    /// A connection over TLS on which nothing was asked.
    Silent,
    /// HTTP without TLS on a port for TLS.
    PlainHttp,
    /// The handshake failed.
    Failed,
}

impl Sort {
    const ALL: [Self; 4] = [Self::Served, Self::Silent, Self::PlainHttp, Self::Failed];
}

/// Lines that say the same.
#[derive(Clone, Copy, Debug)]
struct Group {
    hash: u64,
    key: Stored,
    lines: u64,
    connections: u64,
    first: i64,
    last: i64,
}

/// Where bytes are kept among others.
#[derive(Clone, Copy, Debug)]
struct Stored {
    start: u32,
    length: u32,
}

/// Groups of lines. What a line says of its client is told apart in two steps: what it can do, which a few dozen programs
/// say over and over and is long, has a number; who it is, with that number, is short. So what is compared for a line is
/// in the processor's cache.
#[derive(Debug)]
pub(crate) struct Groups {
    table: HashTable<Group>,
    /// Whatever was seen that clients can do, by its hash and its number.
    abilities: HashTable<(u64, u32)>,
    /// Where each of them is kept.
    numbered: Vec<Stored>,
    /// What all these are told apart by, one behind the other.
    bytes: Vec<u8>,
    /// What the next line is told apart by.
    key: Vec<u8>,
    state: RandomState,
    /// Fields that say who a client is.
    who: Vec<Field>,
    /// Fields that say what it can do.
    what: Vec<Field>,
    addresses: Addresses,
    paths: bool,
    tells: Tells,
}

/// A group, to be looked at.
#[derive(Clone, Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) sort: Sort,
    pub(crate) lines: u64,
    pub(crate) connections: u64,
    /// Seconds of the Unix epoch, of one hour.
    pub(crate) first: i64,
    pub(crate) last: i64,
    /// Its fields, and the path where paths are told apart.
    pub(crate) line: Line<'a>,
}

impl Groups {
    pub(crate) fn new(fields: &[Field], tells: Tells, addresses: Addresses, paths: bool) -> Self {
        let kept = |field: &&Field| {
            field.is_kept() && (**field != Field::Address || addresses != Addresses::None)
        };
        let (who, what) = fields
            .iter()
            .filter(kept)
            .copied()
            .partition(|field| field.says_who());
        Self {
            table: HashTable::new(),
            abilities: HashTable::new(),
            numbered: Vec::new(),
            bytes: Vec::new(),
            key: Vec::with_capacity(1024),
            state: RandomState::default(),
            who,
            what,
            addresses,
            paths: paths && fields.contains(&Field::Request),
            tells,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.table.len() >= MOST_GROUPS || self.bytes.len() >= MOST_BYTES
    }

    /// Adds a line of this sort at this second.
    #[inline]
    pub(crate) fn add(&mut self, line: &Line<'_>, sort: Sort, second: i64) {
        let Some(ability) = self.ability(line) else {
            return;
        };
        self.key.clear();
        self.key.push(sort as u8);
        self.key
            .extend_from_slice(&second.div_euclid(3600).to_le_bytes());
        self.key.extend_from_slice(&ability.to_le_bytes());
        for field in &self.who {
            let mut value = line.get(*field);
            if *field == Field::Address && self.addresses == Addresses::Truncated {
                value = truncated(value);
            }
            push(&mut self.key, value);
        }
        if self.paths {
            push(&mut self.key, path(line.get(Field::Request)));
        }
        let nth = line.get(Field::Nth);
        let connections = match self.tells {
            Tells::Requests if !nth.is_empty() => u64::from(nth == b"1"),
            _ => 1,
        };
        let hash = self.state.hash_one(self.key.as_slice());
        let (key, bytes) = (&self.key, &self.bytes);
        let same = |group: &Group| group.hash == hash && stored(bytes, group.key) == key.as_slice();
        match self.table.entry(hash, same, |group| group.hash) {
            Entry::Occupied(mut found) => {
                let group = found.get_mut();
                group.lines += 1;
                group.connections += connections;
                group.first = group.first.min(second);
                group.last = group.last.max(second);
            }
            Entry::Vacant(slot) => {
                let Some(key) = store(&mut self.bytes, &self.key) else {
                    return;
                };
                slot.insert(Group {
                    hash,
                    key,
                    lines: 1,
                    connections,
                    first: second,
                    last: second,
                });
            }
        }
    }

    /// The number of what a line says that its client can do.
    #[inline]
    fn ability(&mut self, line: &Line<'_>) -> Option<u32> {
        self.key.clear();
        for field in &self.what {
            let value = line.get(*field);
            push(
                &mut self.key,
                match field {
                    Field::UserAgent => value.get(..MOST_USER_AGENT).unwrap_or(value),
                    _ => value,
                },
            );
        }
        let hash = self.state.hash_one(self.key.as_slice());
        let (key, bytes, numbered) = (&self.key, &self.bytes, &self.numbered);
        let same = |(known, number): &(u64, u32)| {
            *known == hash
                && numbered
                    .get(*number as usize)
                    .is_some_and(|place| stored(bytes, *place) == key.as_slice())
        };
        match self.abilities.entry(hash, same, |(hash, _)| *hash) {
            Entry::Occupied(found) => Some(found.get().1),
            Entry::Vacant(slot) => {
                let number = u32::try_from(self.numbered.len()).ok()?;
                self.numbered.push(store(&mut self.bytes, &self.key)?);
                slot.insert((hash, number));
                Some(number)
            }
        }
    }

    /// Every group.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Seen<'_>> {
        self.table.iter().map(|group| {
            let rest = stored(&self.bytes, group.key);
            let sort = rest
                .first()
                .and_then(|sort| Sort::ALL.get(usize::from(*sort)));
            // The sort and the hour.
            let rest = rest.get(9..).unwrap_or_default();
            let (number, who) = rest.split_first_chunk::<4>().unwrap_or((&[0; 4], &[]));
            let ability = self.numbered.get(u32::from_le_bytes(*number) as usize);
            let mut line = Line::default();
            let path = self.paths.then_some(Field::Request);
            fill(&mut line, self.who.iter().copied().chain(path), who);
            let what = ability.map(|place| stored(&self.bytes, *place));
            fill(
                &mut line,
                self.what.iter().copied(),
                what.unwrap_or_default(),
            );
            Seen {
                sort: sort.copied().unwrap_or(Sort::Served),
                lines: group.lines,
                // One whose first request is in no line was there all the same.
                connections: group.connections.max(1),
                first: group.first,
                last: group.last,
                line,
            }
        })
    }

    /// Forgets all groups and keeps the room they took.
    pub(crate) fn clear(&mut self) {
        self.table.clear();
        self.abilities.clear();
        self.numbered.clear();
        self.bytes.clear();
    }
}

/// Puts values in that lie one behind the other.
fn fill<'a>(line: &mut Line<'a>, fields: impl Iterator<Item = Field>, mut values: &'a [u8]) {
    for field in fields {
        let (value, after) = pull(values);
        line.set(field, value);
        values = after;
    }
}

/// Keeps a key behind those that are there.
fn store(bytes: &mut Vec<u8>, key: &[u8]) -> Option<Stored> {
    let place = Stored {
        start: u32::try_from(bytes.len()).ok()?,
        length: u32::try_from(key.len()).ok()?,
    };
    bytes.extend_from_slice(key);
    Some(place)
}

fn stored(bytes: &[u8], place: Stored) -> &[u8] {
    let start = place.start as usize;
    bytes
        .get(start..start + place.length as usize)
        .unwrap_or_default()
}

/// A length before each value, so that no two lines that differ have the same bytes.
#[inline]
fn push(key: &mut Vec<u8>, value: &[u8]) {
    // A list that is cut would be another list.
    let value = if value.len() > MOST_FIELD { &[] } else { value };
    let length = u16::try_from(value.len()).unwrap_or_default();
    key.extend_from_slice(&length.to_le_bytes());
    key.extend_from_slice(value);
}

fn pull(bytes: &[u8]) -> (&[u8], &[u8]) {
    let Some((length, rest)) = bytes.split_first_chunk::<2>() else {
        return (&[], &[]);
    };
    rest.split_at_checked(u16::from_le_bytes(*length).into())
        .unwrap_or_default()
}

/// What is left of an address: the network of an IPv4 address as it is written; one of IPv6 is put together anew by
/// whoever keeps it, so that here the first three groups are enough.
fn truncated(address: &[u8]) -> &[u8] {
    let end = if memchr::memchr(b':', address).is_none() {
        memchr::memrchr(b'.', address)
    } else if memchr::memmem::find(address, b"::").is_none() {
        memchr::memchr_iter(b':', address).nth(2)
    } else {
        None
    };
    // Marked by what it ends with: the last byte is a dot or a colon.
    end.and_then(|end| address.get(..=end)).unwrap_or(address)
}

/// The path of what was asked for: `GET /orders?page=2 HTTP/1.1`.
pub(crate) fn path(request: &[u8]) -> &[u8] {
    let target = match memchr::memchr(b' ', request) {
        Some(at) => request.get(at + 1..).unwrap_or_default(),
        None => request,
    };
    let end = memchr::memchr3(b' ', b'?', b'#', target).unwrap_or(target.len());
    target.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line<'a>(address: &'a str, agent: &'a str, nth: &'a str) -> Line<'a> {
        let mut line = Line::default();
        line.set(Field::Address, address.as_bytes());
        line.set(Field::UserAgent, agent.as_bytes());
        line.set(Field::Nth, nth.as_bytes());
        line
    }

    const FIELDS: [Field; 3] = [Field::Address, Field::UserAgent, Field::Nth];

    #[test]
    fn lines_that_say_the_same_in_an_hour_are_one_group() {
        let mut groups = Groups::new(&FIELDS, Tells::Requests, Addresses::Whole, false);
        for (address, agent, nth, second) in [
            ("192.0.2.1", "curl", "1", 3600),
            ("192.0.2.1", "curl", "2", 7199),
            ("192.0.2.1", "curl", "1", 3605),
            ("192.0.2.1", "curl", "9", 7200),
            ("192.0.2.1", "", "1", 3600),
            ("192.0.2.1c", "url", "1", 3600),
        ] {
            groups.add(&line(address, agent, nth), Sort::Served, second);
        }
        let mut seen: Vec<_> = groups
            .iter()
            .map(|seen| {
                let agent = String::from_utf8_lossy(seen.line.get(Field::UserAgent)).into_owned();
                (agent, seen.lines, seen.connections, seen.first, seen.last)
            })
            .collect();
        seen.sort();
        let expected = [
            (String::new(), 1, 1, 3600, 3600),
            ("curl".to_owned(), 1, 1, 7200, 7200),
            ("curl".to_owned(), 3, 2, 3600, 7199),
            ("url".to_owned(), 1, 1, 3600, 3600),
        ];
        assert_eq!(seen, expected);
    }

    #[test]
    fn without_a_number_each_request_is_a_connection() {
        let mut groups = Groups::new(&FIELDS, Tells::Requests, Addresses::None, false);
        groups.add(&line("192.0.2.1", "curl", ""), Sort::Served, 0);
        groups.add(&line("192.0.2.2", "curl", ""), Sort::Served, 0);
        let seen: Vec<_> = groups.iter().collect();
        assert_eq!((seen.len(), seen[0].lines, seen[0].connections), (1, 2, 2));
        assert_eq!(seen[0].line.get(Field::Address), b"");
    }

    #[test]
    fn what_is_not_kept_of_an_address_tells_nobody_apart() {
        for (one, other) in [
            ("192.0.2.1", "192.0.2.254"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:f:e:d:c:b"),
        ] {
            assert_eq!(truncated(one.as_bytes()), truncated(other.as_bytes()));
        }
        assert_ne!(truncated(b"192.0.2.1"), truncated(b"192.0.20.1"));
    }

    #[test]
    fn a_path_is_without_its_query() {
        for (request, expected) in [
            ("GET /orders?page=2 HTTP/1.1", "/orders"),
            ("GET / HTTP/1.1", "/"),
            ("/a#b", "/a"),
            ("", ""),
        ] {
            assert_eq!(path(request.as_bytes()), expected.as_bytes());
        }
    }
}
