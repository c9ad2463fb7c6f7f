//! How sightings leave the hot path.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{self, SyncSender, TrySendError};

use crate::{Entry, Totals};

/// Where sightings are read from, in the order recorded. Ends when every [`Sink`] is gone.
pub type Receiver = mpsc::Receiver<Entry>;

/// Takes sightings and never blocks. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Sink {
    totals: Arc<Totals>,
    sender: SyncSender<Entry>,
}

/// A sink and its reader. `capacity` is how many sightings may wait; their room, about 300 bytes each, is
/// taken at once.
pub fn channel(capacity: usize) -> (Sink, Receiver) {
    let (sender, receiver) = mpsc::sync_channel(capacity);
    (
        Sink {
            totals: Arc::default(),
            sender,
        },
        receiver,
    )
}

impl Sink {
    /// Counts what an entry adds and hands it on if there is room.
    pub fn record(&self, entry: Entry) {
        self.totals.add(&entry);
        // A reader that has gone away is a stop in progress, not a loss.
        if let Err(TrySendError::Full(_)) = self.sender.try_send(entry) {
            self.totals.dropped.fetch_add(1, Relaxed);
        }
    }

    /// The running totals.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Outcome, Requests, Sighting};

    fn entry() -> Entry {
        let sighting = Sighting {
            at: jiff::Timestamp::UNIX_EPOCH,
            duration_ms: 0,
            edge: "127.0.0.1:0".into(),
            address: None,
            sni: None,
            offer: None,
            offered: Some(hello::Version::TLSV1),
            negotiated: None,
            account: None,
            visitor: crate::Visitor::Customer,
            user_agent: None,
            judged: None,
            outcome: Outcome::Refused { alert: 70 },
            requests: Requests::default(),
        };
        Entry {
            at: sighting.at,
            connections: 1,
            requests: sighting.requests,
            is_last: true,
            sighting,
        }
    }

    #[test]
    fn a_full_channel_loses_no_count() {
        let (sink, receiver) = channel(3);
        for _ in 0..10 {
            sink.record(entry());
        }
        let totals = sink.totals().snapshot();
        assert_eq!((totals.connections, totals.dropped), (10, 7));
        assert_eq!(totals.outcomes["refused"], 10);
        assert_eq!(totals.offered["TLSv1"], 10);
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
