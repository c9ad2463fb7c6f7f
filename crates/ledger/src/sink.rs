//! How sightings leave the hot path.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::sync::mpsc::{self, SyncSender, TrySendError};

use crate::amounts::Amounts;
use crate::health::{Health, State};
use crate::{Entry, Requests, Totals, Visitor};

/// Where sightings are read from, in the order recorded. Ends when every [`Sink`] is gone.
///
/// They are boxed: an entry has some 400 bytes, and comes by several hands.
pub type Receiver = mpsc::Receiver<Box<Entry>>;

/// Takes sightings and never blocks. Cheap to clone, and one word: every open connection holds one.
#[derive(Clone, Debug)]
pub struct Sink(Arc<Way>);

/// The way that all clones of a sink send by.
#[derive(Debug)]
struct Way {
    shared: Arc<Shared>,
    sender: SyncSender<Box<Entry>>,
}

/// What all clones of a sink, and the threads behind it, have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) totals: Totals,
    pub(crate) health: Health,
    /// By visitor: what the channel could not take, until the roll-up fetches it.
    turned_away: [Tally; Visitor::ALL.len()],
}

/// A sink and its reader, and no ledger: `why` is what its health says. `capacity` is how many sightings may wait.
pub fn channel_without_ledger(capacity: usize, why: &str) -> (Sink, Receiver) {
    let (sink, receiver, _) = open(capacity, State::Off(why.into()));
    (sink, receiver)
}

/// A sink and its reader, without a ledger.
pub fn channel(capacity: usize) -> (Sink, Receiver) {
    channel_without_ledger(capacity, "none is kept")
}

pub(crate) fn open(capacity: usize, state: State) -> (Sink, Receiver, Arc<Shared>) {
    let (sender, receiver) = mpsc::sync_channel(capacity);
    let shared = Arc::new(Shared {
        totals: Totals::default(),
        health: Health::new(state),
        turned_away: Default::default(),
    });
    let sink = Sink(Arc::new(Way {
        shared: shared.clone(),
        sender,
    }));
    (sink, receiver, shared)
}

impl Sink {
    /// Counts what an entry adds and hands it on if there is room.
    pub fn record(&self, entry: impl Into<Box<Entry>>) {
        let (entry, Way { shared, sender }) = (entry.into(), &*self.0);
        shared.totals.add(&entry);
        // A reader that has gone away is a stop in progress, not a loss.
        if let Err(TrySendError::Full(entry)) = sender.try_send(entry) {
            shared.turn_away(&entry);
        }
    }

    /// The running totals.
    pub fn totals(&self) -> &Totals {
        &self.0.shared.totals
    }

    /// How the ledger behind it fares.
    pub fn health(&self) -> &Health {
        &self.0.shared.health
    }
}

impl Shared {
    fn turn_away(&self, entry: &Entry) {
        if entry.is_last {
            self.totals.dropped.fetch_add(1, Relaxed);
        }
        if let Some(tally) = self.turned_away.get(entry.sighting.visitor as usize) {
            tally.add(&Amounts::of(entry));
        }
    }

    /// What the channel could not take since the last call. What is added meanwhile is in this call's answer or in
    /// the next one's, never in both.
    pub(crate) fn fetch_turned_away(&self) -> impl Iterator<Item = (Visitor, Amounts)> {
        let tallies = Visitor::ALL.into_iter().zip(&self.turned_away);
        tallies.map(|(visitor, tally)| (visitor, tally.take()))
    }
}

/// Fixed in size, whatever comes.
#[derive(Debug, Default)]
struct Tally {
    connections: AtomicU64,
    refused: AtomicU64,
    served: AtomicU64,
    warned: AtomicU64,
    explained: AtomicU64,
    answered: AtomicU64,
    /// Seconds of the Unix epoch. The last that was added.
    last: AtomicI64,
}

impl Tally {
    fn add(&self, amounts: &Amounts) {
        // First the time, so that a count is never taken out without one.
        self.last.store(amounts.last, Relaxed);
        self.connections.fetch_add(amounts.connections, Relaxed);
        self.refused.fetch_add(amounts.refused, Relaxed);
        let requests = &amounts.requests;
        self.served.fetch_add(requests.served, Relaxed);
        self.warned.fetch_add(requests.warned, Relaxed);
        self.explained.fetch_add(requests.explained, Relaxed);
        self.answered.fetch_add(requests.answered, Relaxed);
    }

    fn take(&self) -> Amounts {
        let take = |count: &AtomicU64| count.swap(0, Relaxed);
        let (connections, refused) = (take(&self.connections), take(&self.refused));
        let requests = Requests {
            served: take(&self.served),
            warned: take(&self.warned),
            explained: take(&self.explained),
            answered: take(&self.answered),
        };
        let last = self.last.load(Relaxed);
        Amounts {
            connections,
            refused,
            requests,
            first: last,
            last,
            age: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::entry;

    #[test]
    fn a_full_channel_loses_no_count() {
        let (sink, receiver, shared) = open(3, State::Ok);
        for _ in 0..10 {
            sink.record(entry());
        }
        let totals = sink.totals().snapshot();
        assert_eq!((totals.connections, totals.dropped), (10, 7));
        assert_eq!(totals.outcomes["refused"], 10);
        assert_eq!(totals.offered["TLSv1"], 10);
        let counts = || {
            shared
                .fetch_turned_away()
                .map(|(_, away)| away.refused)
                .sum::<u64>()
        };
        assert_eq!((counts(), counts()), (7, 0), "taken out once");
        drop(sink);
        assert_eq!(receiver.iter().count(), 3);
    }

    #[test]
    fn a_reader_that_left_stops_nobody() {
        let (sink, receiver) = channel(1);
        drop(receiver);
        sink.record(entry());
        sink.record(entry());
        assert_eq!(sink.totals().snapshot().connections, 2);
    }
}
