//! What was recorded since the last commit, added up: bounded, and exact in sum.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::sync::Arc;
use std::time::Instant;

use hello::{Offer, OfferId};

use super::key::{Digest, Key};
use crate::amounts::{Amounts, hour_of};
use crate::{Entry, Visitor};

/// Rows of one batch. A commit comes twice a second and takes a second for about 300,000 rows, so this is what an
/// edge can gather while the disk is quick; while it is not, whatever comes beyond is in `other`.
pub(crate) const MOST_ROWS: usize = 65_536;
/// Bytes of the keys of one batch: what 65,536 keys of usual length take, twice over. Two batches exist at most.
const MOST_KEY_BYTES: usize = 48 << 20;
/// Bytes of the offers of one batch. Real clients' offers have some 200 bytes and are a few hundred; one hello can
/// be 64 KiB.
const MOST_OFFER_BYTES: usize = 16 << 20;
/// Offers whose identity is remembered, to hash each only once. Real clients' are a few hundred.
const MOST_IDENTITIES: usize = 4096;

/// Why something is counted without its details.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Overflow {
    /// It came faster than it could be looked at.
    TooFast,
    /// There were too many different keys.
    TooManyKeys,
}

impl Overflow {
    /// As a gap's reason.
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::TooFast => "too much at once",
            Self::TooManyKeys => "too many different clients",
        }
    }
}

/// One row: a key and how much.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) key: Key<'static>,
    pub(crate) amounts: Amounts,
}

/// Rows to be committed together. The sum over `rows` and `others` is the sum of what was added.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) rows: HashMap<(i64, Digest), Row>,
    /// Every offer that a row points at.
    pub(crate) offers: HashMap<OfferId, Offer>,
    /// By hour: what is counted without its details.
    pub(crate) others: HashMap<(i64, Visitor, Overflow), Amounts>,
    /// When the first was added, to tell the lag.
    pub(crate) since: Option<Instant>,
    /// The last second that was added.
    pub(crate) latest: Option<i64>,
    key_bytes: usize,
    offer_bytes: usize,
    most_rows: usize,
}

impl Batch {
    /// An empty batch that holds at most `most_rows` rows.
    pub(crate) fn new(most_rows: usize) -> Self {
        Self {
            rows: HashMap::new(),
            offers: HashMap::new(),
            others: HashMap::new(),
            since: None,
            latest: None,
            key_bytes: 0,
            offer_bytes: 0,
            most_rows,
        }
    }

    /// Empties it, and keeps its room for what comes next.
    pub(crate) fn clear(&mut self) {
        self.rows.clear();
        self.offers.clear();
        self.others.clear();
        (self.since, self.latest) = (None, None);
        (self.key_bytes, self.offer_bytes) = (0, 0);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.since.is_none()
    }

    /// There is no room for another row.
    pub(crate) fn is_full(&self) -> bool {
        self.rows.len() >= self.most_rows
            || self.key_bytes >= MOST_KEY_BYTES
            || self.offer_bytes >= MOST_OFFER_BYTES
    }

    /// How many connections and requests it counts.
    pub(crate) fn count(&self) -> u64 {
        let rows = self.rows.values().map(|row| &row.amounts);
        rows.chain(self.others.values())
            .map(|amounts| amounts.connections + amounts.requests.total())
            .sum()
    }

    /// Adds what came without details.
    pub(crate) fn add_other(&mut self, visitor: Visitor, why: Overflow, amounts: &Amounts) {
        if amounts.is_nothing() {
            return;
        }
        self.touch(amounts.last);
        self.others
            .entry((hour_of(amounts.last), visitor, why))
            .and_modify(|sum| sum.add(amounts))
            .or_insert(*amounts);
    }

    fn touch(&mut self, second: i64) {
        self.since.get_or_insert_with(Instant::now);
        self.latest = self.latest.max(Some(second));
    }

    fn add(&mut self, entry: &Entry, offer: Option<OfferId>, scratch: &mut Vec<u8>) {
        let amounts = Amounts::of(entry);
        if amounts.is_nothing() {
            return;
        }
        let hour = hour_of(amounts.first);
        let key = Key::of(entry, offer);
        let digest = key.digest(scratch);
        let has_room = !self.is_full();
        match self.rows.entry((hour, digest)) {
            Slot::Occupied(mut row) => row.get_mut().amounts.add(&amounts),
            Slot::Vacant(slot) if has_room => {
                self.key_bytes += key.weight();
                slot.insert(Row {
                    key: key.into_owned(),
                    amounts,
                });
                if let (Some(id), Some(offer)) = (offer, &entry.sighting.offer)
                    && let Slot::Vacant(slot) = self.offers.entry(id)
                {
                    self.offer_bytes += offer.as_bytes().len();
                    slot.insert(offer.clone());
                }
            }
            Slot::Vacant(_) => {
                self.add_other(entry.sighting.visitor, Overflow::TooManyKeys, &amounts);
            }
        }
        self.touch(amounts.last);
    }
}

/// Adds entries up in a batch.
#[derive(Debug, Default)]
pub(crate) struct Adder {
    identities: HashMap<Arc<[u8]>, OfferId>,
    scratch: Vec<u8>,
}

impl Adder {
    /// Adds an entry to a batch.
    pub(crate) fn add(&mut self, batch: &mut Batch, entry: &Entry) {
        let offer = entry
            .sighting
            .offer
            .as_ref()
            .map(|offer| self.identity(offer));
        batch.add(entry, offer, &mut self.scratch);
    }

    fn identity(&mut self, offer: &Offer) -> OfferId {
        let bytes = offer.as_bytes();
        if let Some(id) = self.identities.get(bytes) {
            return *id;
        }
        let id = offer.id();
        // Random offers fill it and empty it; then every offer is hashed, which is what it costs without it.
        if self.identities.len() >= MOST_IDENTITIES {
            self.identities.clear();
        }
        // Long ones are no real clients', and 4096 of them would be much.
        if bytes.len() <= 1024 {
            self.identities.insert(bytes.into(), id);
        }
        id
    }
}
