//! All that the pages say of everybody, made beside the requests and kept.
//!
//! A ledger of a hundred thousand accounts takes seconds to go through; a page must not. The picture is made anew when
//! the ledger or the plan has changed, at most every so often: making it takes a tenth of a processor at most. While it
//! is made, the one before is shown, with its time.

mod facts;
mod make;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hello::{Offer, OfferId};
use jiff::Timestamp;
use ledger::people::PEOPLE;
use report::model::Ranked;
use report::{Pace, ReadyDay, Report};
use tokio::sync::watch;

use crate::console::{Clock, Stamp};
use crate::fault::Fault;
use crate::source::{InForce, Source};
use crate::view::recent::Row;
pub(crate) use facts::{Facts, Known};
pub(crate) use make::{DAYS, options};

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

/// All that is said of everybody.
#[derive(Debug)]
pub(crate) struct Picture {
    /// When it was begun, on the plan's clock.
    pub(crate) at: Timestamp,
    pub(crate) in_force: Arc<InForce>,
    pub(crate) offers: HashMap<OfferId, Offer>,
    /// The sums of the last [`DAYS`].
    pub(crate) report: Report,
    /// Who misses, for each sunset, worst first.
    pub(crate) rankings: Vec<Vec<Ranked>>,
    /// Who does not, for each sunset, those that call most first.
    pub(crate) ready: Vec<Vec<Arc<str>>>,
    /// How many are not ready by day, for each sunset.
    pub(crate) days: Vec<Vec<ReadyDay>>,
    pub(crate) paces: Vec<Option<Pace>>,
    pub(crate) facts: Facts,
    /// What was seen last.
    pub(crate) recent: Vec<Row>,
    /// Connections of the last [`DAYS`], by what the plan decides of them now.
    pub(crate) actions: Vec<Action>,
}

/// Connections of clients that offer a version at most.
#[derive(Clone, Debug)]
pub(crate) struct Action {
    /// The highest version offered.
    pub(crate) version: String,
    /// `serve`, `warn`, `explain` or `refuse`.
    pub(crate) action: &'static str,
    pub(crate) connections: u64,
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
                last: std::sync::Mutex::default(),
            }),
            newest,
        }
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
        let made = make::picture(&self.data_dir, self.source.in_force(), self.clock.now());
        let failed = made.is_err();
        let made = made.map(Arc::new).map_err(Fault::from);
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
