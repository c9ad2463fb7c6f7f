//! What every page works with.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use jiff::Timestamp;
use ledger::people::Marked;
use ledger::standings::Standings;
use ledger::{LedgerError, Query, Reader};

use crate::access::Access;
use crate::fault::Fault;
use crate::live::Feed;
use crate::picture::Keeper;
use crate::source::Source;
use crate::view::clients::Clients;

/// Readers of the ledger that are kept open between requests: each holds as much of the file as SQLite likes.
const MOST_READERS: usize = 4;

/// What a console is made of.
pub struct Ingredients {
    /// The edge's data directory: the ledger, the holds, the audit trail.
    pub data_dir: PathBuf,
    /// The plan in force.
    pub source: Arc<dyn Source>,
    /// Who may do what.
    pub access: Access,
    /// The plan's clock.
    pub clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
    /// The real clock: for what is recorded, and for how long a session lasts.
    pub real_clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
    /// What is said on every page of data that nobody was seen for; `None` for real data.
    pub marked: Option<String>,
}

/// A ledger that is open, as people had marked it then.
struct Kept {
    ledger: Marked<Reader>,
    notes: Stamp,
}

/// A clock that is given.
pub(crate) struct Clock(Box<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    pub(crate) fn now(&self) -> Timestamp {
        (self.0)()
    }
}

/// The console.
pub struct Console {
    pub(crate) data_dir: PathBuf,
    pub(crate) source: Arc<dyn Source>,
    pub(crate) access: Access,
    pub(crate) clock: Arc<Clock>,
    pub(crate) real_clock: Clock,
    pub(crate) marked: Option<String>,
    pub(crate) keeper: Keeper,
    pub(crate) feed: Feed,
    readers: Mutex<Vec<Kept>>,
    clients: Mutex<Option<Arc<Clients>>>,
}

impl Console {
    /// Makes it. Nothing is read before it is asked.
    pub fn new(ingredients: Ingredients) -> Arc<Self> {
        let clock = Arc::new(Clock(ingredients.clock));
        Arc::new(Self {
            keeper: Keeper::new(
                &ingredients.data_dir,
                ingredients.source.clone(),
                clock.clone(),
            ),
            data_dir: ingredients.data_dir,
            source: ingredients.source,
            access: ingredients.access,
            clock,
            real_clock: Clock(ingredients.real_clock),
            marked: ingredients.marked,
            feed: Feed::default(),
            readers: Mutex::default(),
            clients: Mutex::default(),
        })
    }

    /// Asks the ledger, in a thread that may wait for a disk.
    pub(crate) async fn ask<T: Send + 'static>(
        self: &Arc<Self>,
        question: impl FnOnce(&dyn Query) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, Fault> {
        let console = self.clone();
        blocking(move || {
            let notes = Stamp::of(&console.people());
            let kept = console.readers().pop().filter(|kept| kept.notes == notes);
            let reader = match kept {
                Some(kept) => kept.ledger,
                None => Marked::open(&console.data_dir)?,
            };
            // One that failed is not kept: the file may be another one by now.
            let answer = question(&reader)?;
            let mut readers = console.readers();
            if readers.len() < MOST_READERS {
                readers.push(Kept {
                    ledger: reader,
                    notes,
                });
            }
            Ok(answer)
        })
        .await
    }

    /// How everybody stands, as it was kept last.
    pub(crate) fn standings(&self) -> Result<Standings, Fault> {
        let store = self.keeper.store()?;
        Ok(Standings::read(store.path(), &self.people())?)
    }

    /// What people wrote down.
    pub(crate) fn people(&self) -> PathBuf {
        self.data_dir.join(ledger::people::PEOPLE)
    }

    fn readers(&self) -> std::sync::MutexGuard<'_, Vec<Kept>> {
        // A reader is put in whole or not at all.
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The runtimes as of a picture, where they are kept.
    pub(crate) fn kept_clients(&self, at: Timestamp) -> Option<Arc<Clients>> {
        let kept = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        kept.clone().filter(|clients| clients.at == at)
    }

    pub(crate) fn keep_clients(&self, clients: Arc<Clients>) {
        *self.clients.lock().unwrap_or_else(PoisonError::into_inner) = Some(clients);
    }

    /// Forgets what is open: the file was replaced.
    pub(crate) fn forget_readers(&self) {
        self.readers().clear();
    }
}

/// Whether a file of SQLite's has changed: cheap to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    file: Option<(u64, SystemTime)>,
    log: Option<(u64, SystemTime)>,
}

impl Stamp {
    pub(crate) fn of(path: &Path) -> Self {
        let of = |path: &Path| {
            let file = std::fs::metadata(path).ok()?;
            Some((file.len(), file.modified().ok()?))
        };
        let mut log = path.to_owned().into_os_string();
        log.push("-wal");
        Self {
            file: of(path),
            log: of(Path::new(&log)),
        }
    }
}

/// Runs what may wait for a disk beside the requests.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => {
            tracing::error!(%error, "a page of the console could not be made");
            Err(Fault::broken(
                "This page could not be made; the log says why.",
            ))
        }
    }
}
