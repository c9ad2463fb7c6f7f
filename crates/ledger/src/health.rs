//! How the ledger fares, for whoever asks while an edge runs.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::rollup::Overflow;

/// How the ledger fares. Read while it works; nothing here waits for the disk.
#[derive(Debug)]
pub struct Health {
    started: Instant,
    gathering: Since,
    storing: Since,
    commits: AtomicU64,
    rows: AtomicU64,
    too_fast: AtomicU64,
    too_many_keys: AtomicU64,
    lost: AtomicU64,
    state: Mutex<State>,
}

/// Whether sightings reach the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", content = "reason", rename_all = "kebab-case")]
pub enum State {
    /// They do.
    Ok,
    /// Not now, for this reason. They are kept, as far as there is room, and tried again.
    Failing(Arc<str>),
    /// No ledger is kept, for this reason.
    Off(Arc<str>),
}

/// The same at one moment, to show. Counts are since the start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HealthSnapshot {
    /// Whether sightings reach the file.
    #[serde(flatten)]
    pub state: State,
    /// The age of the oldest entry that is not committed yet, in milliseconds.
    pub lag_ms: u64,
    /// Transactions committed.
    pub commits: u64,
    /// Roll-up rows written by them.
    pub rows: u64,
    /// Connections and requests counted without their details because they came faster than they could be looked at.
    pub too_fast: u64,
    /// Connections and requests counted without their details because there were too many different clients.
    pub too_many_keys: u64,
    /// Connections and requests that could not be stored in the end: those of batches given up at a stop.
    pub lost: u64,
}

/// A moment or none, as milliseconds after the start, plus one.
#[derive(Debug, Default)]
struct Since(AtomicU64);

impl Since {
    fn set(&self, started: Instant, moment: Option<Instant>) {
        let value = moment.map_or(0, |moment| {
            let after = moment.saturating_duration_since(started).as_millis();
            u64::try_from(after).unwrap_or(u64::MAX - 1) + 1
        });
        self.0.store(value, Relaxed);
    }

    fn elapsed(&self, started: Instant) -> Option<Duration> {
        let after = Duration::from_millis(self.0.load(Relaxed).checked_sub(1)?);
        Some(started.elapsed().saturating_sub(after))
    }
}

impl Health {
    pub(crate) fn new(state: State) -> Self {
        Self {
            started: Instant::now(),
            gathering: Since::default(),
            storing: Since::default(),
            commits: AtomicU64::default(),
            rows: AtomicU64::default(),
            too_fast: AtomicU64::default(),
            too_many_keys: AtomicU64::default(),
            lost: AtomicU64::default(),
            state: Mutex::new(state),
        }
    }

    /// Whether sightings reach the file.
    pub fn state(&self) -> State {
        self.lock().clone()
    }

    /// The age of the oldest entry that is not committed yet; zero where there is none.
    pub fn lag(&self) -> Duration {
        let ages = [&self.gathering, &self.storing].map(|since| since.elapsed(self.started));
        ages.into_iter().flatten().max().unwrap_or_default()
    }

    /// Transactions committed since the start.
    pub fn commits(&self) -> u64 {
        self.commits.load(Relaxed)
    }

    /// Roll-up rows written since the start.
    pub fn rows(&self) -> u64 {
        self.rows.load(Relaxed)
    }

    /// Connections and requests that are counted without their details because they came too fast.
    pub fn too_fast(&self) -> u64 {
        self.too_fast.load(Relaxed)
    }

    /// Connections and requests that are counted without their details because there were too many different clients.
    pub fn too_many_keys(&self) -> u64 {
        self.too_many_keys.load(Relaxed)
    }

    /// Connections and requests that could not be stored in the end.
    pub fn lost(&self) -> u64 {
        self.lost.load(Relaxed)
    }

    /// All of it at this moment.
    pub fn snapshot(&self) -> HealthSnapshot {
        HealthSnapshot {
            state: self.state(),
            lag_ms: u64::try_from(self.lag().as_millis()).unwrap_or(u64::MAX),
            commits: self.commits(),
            rows: self.rows(),
            too_fast: self.too_fast(),
            too_many_keys: self.too_many_keys(),
            lost: self.lost(),
        }
    }

    pub(crate) fn gathering_since(&self, moment: Option<Instant>) {
        self.gathering.set(self.started, moment);
    }

    pub(crate) fn storing_since(&self, moment: Option<Instant>) {
        self.storing.set(self.started, moment);
    }

    /// Whether the store has a batch that it has not finished.
    pub(crate) fn is_storing(&self) -> bool {
        self.storing.0.load(Relaxed) != 0
    }

    pub(crate) fn committed(&self, rows: usize) {
        self.commits.fetch_add(1, Relaxed);
        self.rows.fetch_add(rows as u64, Relaxed);
    }

    pub(crate) fn overflowed(&self, why: Overflow, count: u64) {
        match why {
            Overflow::TooFast => &self.too_fast,
            Overflow::TooManyKeys => &self.too_many_keys,
        }
        .fetch_add(count, Relaxed);
    }

    pub(crate) fn gave_up(&self, count: u64) {
        self.lost.fetch_add(count, Relaxed);
    }

    pub(crate) fn set_state(&self, state: State) {
        *self.lock() = state;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A state is replaced whole, whatever panicked after it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
