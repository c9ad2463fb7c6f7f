//! Counts that never miss: one for every connection, whatever became of its sighting.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::Serialize;

use crate::tallies::{Tallies, VERSIONS, version_names, version_place};
use crate::{Asked, Entry, Outcome, Requests, Tally};

/// Running totals since the start. Fixed in size: nothing a client sends can make it grow.
#[derive(Debug, Default)]
pub struct Totals {
    connections: AtomicU64,
    outcomes: [AtomicU64; Outcome::LABELS.len()],
    offered: [AtomicU64; VERSIONS],
    negotiated: [AtomicU64; VERSIONS],
    served: AtomicU64,
    warned: AtomicU64,
    explained: AtomicU64,
    answered: AtomicU64,
    pub(crate) dropped: AtomicU64,
    tallies: Tallies,
}

/// Totals at one moment, to show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Snapshot {
    /// Connections that have ended.
    pub connections: u64,
    /// The same, by how they ended; only what occurred.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// Hellos read, by the highest version offered.
    pub offered: BTreeMap<&'static str, u64>,
    /// Handshakes completed, by version.
    pub negotiated: BTreeMap<&'static str, u64>,
    /// Requests, by what became of them.
    pub requests: Requests,
    /// Sightings that are in these totals but that the reader was too slow to take.
    pub dropped: u64,
}

impl Totals {
    /// Requests count as they come, a connection when it has ended.
    pub(crate) fn add(&self, entry: &Entry) {
        self.tallies.add(entry);
        let requests = &entry.requests;
        self.served.fetch_add(requests.served, Relaxed);
        self.warned.fetch_add(requests.warned, Relaxed);
        self.explained.fetch_add(requests.explained, Relaxed);
        self.answered.fetch_add(requests.answered, Relaxed);
        if !entry.is_last {
            return;
        }
        let sighting = &entry.sighting;
        self.connections.fetch_add(1, Relaxed);
        count(&self.outcomes, sighting.outcome.index());
        if let Some(offered) = sighting.offered {
            count(&self.offered, version_place(offered));
        }
        if let Some(negotiated) = &sighting.negotiated {
            count(&self.negotiated, version_place(negotiated.version));
        }
    }

    /// The totals now. Counts of connections still open are not in it.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            connections: self.connections.load(Relaxed),
            outcomes: occurred(Outcome::LABELS, &self.outcomes),
            offered: occurred(version_names(), &self.offered),
            negotiated: occurred(version_names(), &self.negotiated),
            requests: Requests {
                served: self.served.load(Relaxed),
                warned: self.warned.load(Relaxed),
                explained: self.explained.load(Relaxed),
                answered: self.answered.load(Relaxed),
            },
            dropped: self.dropped.load(Relaxed),
        }
    }

    /// Hellos that have been dealt with, by phase, verdict and highest version offered; preview names apart.
    pub fn hellos(&self) -> Vec<Tally<3>> {
        self.tallies.hellos()
    }

    /// Hellos that came to a preview name.
    pub fn previews(&self) -> u64 {
        self.tallies.previews()
    }

    /// Handshakes completed, by version and group.
    pub fn handshakes(&self) -> Vec<Tally<2>> {
        self.tallies.handshakes()
    }

    /// Connections that have ended, by how they were attributed: `known`, `inferred` (one candidate), `candidates`
    /// (several) or `none`.
    pub fn attributions(&self) -> Vec<Tally<1>> {
        self.tallies.attributions()
    }

    /// Connections that have ended, by [`Visitor`](crate::Visitor).
    pub fn visitors(&self) -> Vec<Tally<1>> {
        self.tallies.visitors()
    }

    /// What customers asked for so far, and how much of it was turned away.
    pub fn asked(&self) -> Asked {
        self.tallies.asked()
    }
}

fn count(counters: &[AtomicU64], index: usize) {
    if let Some(counter) = counters.get(index) {
        counter.fetch_add(1, Relaxed);
    }
}

fn occurred(
    names: impl IntoIterator<Item = &'static str>,
    counters: &[AtomicU64],
) -> BTreeMap<&'static str, u64> {
    names
        .into_iter()
        .zip(counters)
        .map(|(name, counter)| (name, counter.load(Relaxed)))
        .filter(|(_, count)| *count > 0)
        .collect()
}
