//! The connections that are being followed: a bounded number, the oldest of which make room.

use hashbrown::HashTable;

use super::connection::{Connection, Side};
use super::link::End;

/// Connections of which only a SYN was seen. A flood of them must not push out those that talk.
const MOST_SILENT: usize = 16_384;
/// Connections that talk and are not done with their handshake: what a busy server has within a second or two.
const MOST_TALKING: usize = 32_768;
/// Bytes that all of them may hold beside themselves.
const MOST_WEIGHT: usize = 24 * 1024 * 1024;

/// No connection.
const NONE: u32 = u32::MAX;

/// Which of the two lists, oldest first, a connection is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    Silent,
    Talking,
}

/// One place in the table.
#[derive(Debug)]
pub(super) struct Slot {
    hash: u64,
    key: Key,
    client: End,
    server: End,
    /// When it came into its list, on the capture's clock, which never goes back.
    pub(super) since: i64,
    list: List,
    weight: usize,
    older: u32,
    newer: u32,
    pub(super) connection: Connection,
}

impl Slot {
    pub(super) const fn ends(&self) -> (End, End) {
        (self.client, self.server)
    }

    pub(super) fn side(&self, from: End) -> Side {
        if from == self.client {
            Side::Client
        } else {
            Side::Server
        }
    }

    /// Exchanges client and server.
    pub(super) const fn turn(&mut self) {
        std::mem::swap(&mut self.client, &mut self.server);
        self.connection.turn();
    }
}

/// Both ends, whoever speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key(End, End);

impl Key {
    pub(super) fn new(one: End, other: End) -> Self {
        if one <= other {
            Self(one, other)
        } else {
            Self(other, one)
        }
    }

    /// Both ends in three numbers.
    pub(super) fn parts(&self) -> (u128, u128, u32) {
        let ((one, first), (other, second)) = (self.0.parts(), self.1.parts());
        (one, other, (u32::from(first) << 16) | u32::from(second))
    }
}

/// The oldest and the newest of a list, and how many it has.
#[derive(Debug)]
struct Ends {
    oldest: u32,
    newest: u32,
    count: usize,
}

impl Ends {
    const EMPTY: Self = Self {
        oldest: NONE,
        newest: NONE,
        count: 0,
    };
}

/// All connections that are followed.
#[derive(Debug)]
pub(super) struct Table {
    places: HashTable<u32>,
    slots: Vec<Option<Slot>>,
    free: Vec<u32>,
    silent: Ends,
    talking: Ends,
    weight: usize,
}

impl Table {
    pub(super) fn new() -> Self {
        Self {
            places: HashTable::new(),
            slots: Vec::new(),
            free: Vec::new(),
            silent: Ends::EMPTY,
            talking: Ends::EMPTY,
            weight: 0,
        }
    }

    #[inline]
    pub(super) fn find(&self, hash: u64, key: &Key) -> Option<u32> {
        let same = |index: &u32| self.slot(*index).is_some_and(|slot| slot.key == *key);
        self.places.find(hash, same).copied()
    }

    fn slot(&self, index: u32) -> Option<&Slot> {
        self.slots.get(index as usize)?.as_ref()
    }

    pub(super) fn get(&mut self, index: u32) -> Option<&mut Slot> {
        self.slots.get_mut(index as usize)?.as_mut()
    }

    /// Follows another connection.
    pub(super) fn insert(
        &mut self,
        hash: u64,
        (client, server): (End, End),
        since: i64,
        connection: Connection,
    ) -> u32 {
        let slot = Slot {
            hash,
            key: Key::new(client, server),
            client,
            server,
            since,
            list: List::Silent,
            weight: 0,
            older: NONE,
            newer: NONE,
            connection,
        };
        let index = match self.free.pop() {
            Some(index) => {
                if let Some(place) = self.slots.get_mut(index as usize) {
                    *place = Some(slot);
                }
                index
            }
            None => {
                let index = u32::try_from(self.slots.len()).unwrap_or(NONE);
                self.slots.push(Some(slot));
                index
            }
        };
        let slots = &self.slots;
        self.places.insert_unique(hash, index, |index| {
            let slot = slots.get(*index as usize).and_then(Option::as_ref);
            slot.map_or(0, |slot| slot.hash)
        });
        self.link(index, List::Silent);
        index
    }

    /// Takes note of what a connection holds now, and that it talks.
    pub(super) fn talks(&mut self, index: u32, now: i64) {
        let Some(slot) = self.get(index) else { return };
        let weight = slot.connection.weight();
        let before = std::mem::replace(&mut slot.weight, weight);
        let list = slot.list;
        self.weight = self.weight - before + weight;
        if list == List::Silent {
            self.unlink(index);
            self.link(index, List::Talking);
            if let Some(slot) = self.get(index) {
                slot.since = now;
            }
        }
    }

    /// Forgets a connection.
    pub(super) fn remove(&mut self, index: u32) -> Option<Slot> {
        self.unlink(index);
        let slot = self.slots.get_mut(index as usize)?.take()?;
        if let Ok(place) = self.places.find_entry(slot.hash, |other| *other == index) {
            place.remove();
        }
        self.weight -= slot.weight;
        self.free.push(index);
        Some(slot)
    }

    /// The connection that has to make room, if one has to.
    pub(super) const fn too_many(&self) -> Option<u32> {
        if self.silent.count > MOST_SILENT {
            Some(self.silent.oldest)
        } else if self.talking.count > MOST_TALKING || self.weight > MOST_WEIGHT {
            Some(self.talking.oldest)
        } else {
            None
        }
    }

    /// The oldest of a list, and since when it is there.
    pub(super) fn oldest(&self, list: List) -> Option<(u32, i64)> {
        let index = match list {
            List::Silent => self.silent.oldest,
            List::Talking => self.talking.oldest,
        };
        Some((index, self.slot(index)?.since))
    }

    const fn ends(&mut self, list: List) -> &mut Ends {
        match list {
            List::Silent => &mut self.silent,
            List::Talking => &mut self.talking,
        }
    }

    fn link(&mut self, index: u32, list: List) {
        let ends = self.ends(list);
        let newest = std::mem::replace(&mut ends.newest, index);
        if ends.oldest == NONE {
            ends.oldest = index;
        }
        ends.count += 1;
        if let Some(slot) = self.get(newest) {
            slot.newer = index;
        }
        if let Some(slot) = self.get(index) {
            slot.list = list;
            slot.older = newest;
            slot.newer = NONE;
        }
    }

    fn unlink(&mut self, index: u32) {
        let Some(slot) = self.get(index) else { return };
        let (list, older, newer) = (slot.list, slot.older, slot.newer);
        match self.get(older) {
            Some(slot) => slot.newer = newer,
            None => self.ends(list).oldest = newer,
        }
        match self.get(newer) {
            Some(slot) => slot.older = older,
            None => self.ends(list).newest = older,
        }
        self.ends(list).count -= 1;
    }
}

/// Connections that were looked at and are done with, by their hashes: what comes later of them is not looked at again.
/// A connection that drops out is looked at only if something in it looks like a hello.
#[derive(Debug)]
pub(super) struct Done(Box<[[u64; WAYS]]>);

/// Hashes that share a place.
const WAYS: usize = 4;
/// With the above 262,144 connections in 2 MiB, which a processor's cache holds.
const PLACES: usize = 1 << 16;

impl Done {
    pub(super) fn new() -> Self {
        Self(vec![[0; WAYS]; PLACES].into_boxed_slice())
    }

    fn place(&mut self, hash: u64) -> Option<&mut [u64; WAYS]> {
        self.0.get_mut(hash as usize % PLACES)
    }

    pub(super) fn contains(&mut self, hash: u64) -> bool {
        self.place(hash).is_some_and(|place| place.contains(&hash))
    }

    /// The newest stands first, and the oldest drops out.
    pub(super) fn insert(&mut self, hash: u64) {
        if let Some(place) = self.place(hash)
            && !place.contains(&hash)
        {
            place.rotate_right(1);
            place[0] = hash;
        }
    }

    pub(super) fn remove(&mut self, hash: u64) {
        if let Some(place) = self.place(hash)
            && let Some(found) = place.iter_mut().find(|other| **other == hash)
        {
            *found = 0;
        }
    }
}
