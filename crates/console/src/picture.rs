//! All that the pages say of everybody, made beside the requests and kept in a file.
//!
//! A ledger of a hundred thousand accounts takes seconds to go through; a page must not. The picture is made anew when
//! the ledger or the plan has changed, at most every so often: making it takes a tenth of a processor at most. While it
//! is made, the one before is shown, with its time; also right after a start, since it is kept. Its rows are asked for
//! page by page where they are kept ([`ledger::standings`]); only what is said of all together is held in memory.

mod figures;
mod make;
mod rows;
mod store;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hello::{Offer, OfferId};
use jiff::Timestamp;
use ledger::people::PEOPLE;
use tokio::sync::watch;

use crate::console::{Clock, Stamp};
use crate::fault::Fault;
use crate::source::{InForce, Source};
pub(crate) use figures::{Action, Figures, OfSunset};
pub(crate) use make::options;
pub(crate) use store::Store;

/// The shortest time between two pictures.
const LEAST: Duration = Duration::from_secs(1);
/// The longest: an hour's traffic is in the picture well within that hour.
const MOST: Duration = Duration::from_secs(300);
/// A picture takes one part of this many of a processor's time.
const SHARE: u32 = 10;
/// Days pass and windows open, whether or not anybody calls: after so long it is made anew all the same.
const STALE: Duration = Duration::from_secs(600);
/// How long a page waits for a newer picture than the one there is.
const PATIENCE: Duration = Duration::from_millis(250);
/// How long the first page of all waits for the first.
const FIRST: Duration = Duration::from_secs(120);

/// What is said of everybody, but for the rows.
#[derive(Debug)]
pub(crate) struct Picture {
    /// When it was begun, on the plan's clock.
    pub(crate) at: Timestamp,
    pub(crate) in_force: Arc<InForce>,
    pub(crate) offers: HashMap<OfferId, Offer>,
    pub(crate) figures: Figures,
    /// The number of each sunset of the plan where the rows are kept; `None` for one that is not counted yet.
    pub(crate) places: Vec<Option<usize>>,
    /// It was made by an earlier run, perhaps with another plan.
    pub(crate) is_kept: bool,
}

impl Picture {
    fn new(
        figures: Figures,
        in_force: Arc<InForce>,
        offers: HashMap<OfferId, Offer>,
        is_kept: bool,
    ) -> Self {
        Self {
            at: figures.at,
            places: figures.places(&in_force.plan),
            in_force,
            offers,
            figures,
            is_kept,
        }
    }

    /// Whether it was made by another run, or with another plan than the one that is in force.
    pub(crate) fn is_old(&self, in_force: &InForce) -> bool {
        self.is_kept || self.in_force.generation != in_force.generation
    }

    /// What is said of a sunset of the plan; nothing, where it is not counted yet.
    pub(crate) fn of(&self, sunset: usize) -> OfSunset {
        let place = self.places.get(sunset).copied().flatten();
        let figures = place.and_then(|place| self.figures.sunsets.get(place));
        figures.cloned().unwrap_or_default()
    }
}

/// What a picture is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sources {
    ledger: Stamp,
    notes: Stamp,
    plan: u64,
}

/// The newest picture, or why there is none.
type Newest = Option<Result<Arc<Picture>, Fault>>;

/// Keeps the newest picture.
pub(crate) struct Keeper {
    maker: Arc<Maker>,
    newest: watch::Receiver<Newest>,
}

struct Maker {
    data_dir: PathBuf,
    source: Arc<dyn Source>,
    clock: Arc<Clock>,
    is_at_work: AtomicBool,
    sender: watch::Sender<Newest>,
    store: Result<Store, Fault>,
    last: std::sync::Mutex<Option<Last>>,
}

/// The last time that one was made.
#[derive(Clone, Copy)]
struct Last {
    sources: Sources,
    ended: Instant,
    took: Duration,
    failed: bool,
}

impl Keeper {
    pub(crate) fn new(data_dir: &Path, source: Arc<dyn Source>, clock: Arc<Clock>) -> Self {
        let (sender, newest) = watch::channel(None);
        Self {
            maker: Arc::new(Maker {
                data_dir: data_dir.to_owned(),
                source,
                clock,
                is_at_work: AtomicBool::new(false),
                sender,
                store: Store::new(data_dir),
                last: std::sync::Mutex::default(),
            }),
            newest,
        }
    }

    /// Where the rows are kept.
    pub(crate) fn store(&self) -> Result<&Store, Fault> {
        self.maker.store.as_ref().map_err(Clone::clone)
    }

    /// The newest picture. Where a newer one is due it is begun, and waited for only for a moment.
    pub(crate) async fn picture(&self) -> Result<Arc<Picture>, Fault> {
        let mut newest = self.newest.clone();
        newest.mark_unchanged();
        let begun = self.maker.clone().begin();
        let there = newest.borrow().clone();
        let patience = match &there {
            Some(Ok(_)) if !begun => Duration::ZERO,
            Some(Ok(_)) => PATIENCE,
            Some(Err(_)) | None => FIRST,
        };
        let waits = begun || there.is_none();
        if waits && !patience.is_zero() {
            tokio::time::timeout(patience, newest.changed()).await.ok();
        }
        let found = newest.borrow().clone();
        found.unwrap_or_else(|| {
            Err(Fault::broken(
                "The ledger is still being read. Load this page again in a minute.",
            ))
        })
    }
}

impl Maker {
    /// Begins a picture where one is due; says whether one is being made now.
    fn begin(self: Arc<Self>) -> bool {
        if !self.is_due() {
            return self.is_at_work.load(Ordering::Acquire);
        }
        if self.is_at_work.swap(true, Ordering::AcqRel) {
            return true;
        }
        tokio::task::spawn_blocking(move || {
            self.make();
        });
        true
    }

    fn is_due(&self) -> bool {
        let Some(last) = self.last() else {
            return true;
        };
        let since = last.ended.elapsed();
        let pause = (last.took * SHARE).clamp(LEAST, MOST);
        since >= pause && (last.failed || since >= STALE || self.sources() != last.sources)
    }

    fn make(&self) {
        // Given back also when making it panics.
        let at_work = AtWork(&self.is_at_work);
        let (sources, begun) = (self.sources(), Instant::now());
        if self.sender.borrow().is_none() {
            self.show_kept();
        }
        let made = self.store.as_ref().map_err(Clone::clone).and_then(|store| {
            let in_force = self.source.in_force();
            make::picture(&self.data_dir, store, in_force, self.clock.now())
        });
        let failed = made.is_err();
        let made = made.map(Arc::new);
        if let Err(fault) = &made {
            tracing::warn!("the console cannot read the ledger: {}", fault.message);
        }
        *self
            .last
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = Some(Last {
            sources,
            ended: Instant::now(),
            took: begun.elapsed(),
            failed,
        });
        // Before it is told: whoever still sees somebody at work is told later, and waits for that.
        drop(at_work);
        self.sender.send_replace(Some(made));
    }

    /// Shows what an earlier run kept, until there is a newer one.
    fn show_kept(&self) {
        let Ok(store) = &self.store else {
            return;
        };
        // What cannot be read is made anew; making it says why, if that cannot be done either.
        let kept = make::kept(&self.data_dir, store, self.source.in_force());
        if let Ok(Some(kept)) = kept {
            self.sender.send_replace(Some(Ok(Arc::new(kept))));
        }
    }

    fn last(&self) -> Option<Last> {
        *self
            .last
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn sources(&self) -> Sources {
        Sources {
            ledger: Stamp::of(&self.data_dir.join(ledger::FILE)),
            notes: Stamp::of(&self.data_dir.join(PEOPLE)),
            plan: self.source.in_force().generation,
        }
    }
}

/// Somebody makes a picture, for as long as this lives.
struct AtWork<'a>(&'a AtomicBool);

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}
