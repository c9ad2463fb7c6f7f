//! The page of one account, as whoever keeps a ledger writes it: asked for beside the requests, a few at a time, and
//! kept for a while.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use accounts::{Addresses, Link};
use bytes::Bytes;
use floor::Plan;
use jiff::Timestamp;
use lru::LruCache;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use crate::core::Live;

/// Questions to the ledger at once: pages are read by people, and the edge has clients to serve.
const AT_ONCE: usize = 2;
/// Questions that wait for one of those. Each is somebody with a link that was signed here.
const WAITING: usize = 32;
/// How long one waits, and is worked on, before its reader is told to come again.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a page is shown again: whoever mends a program wants to see it at once.
const FRESH: Duration = Duration::from_secs(2);
/// Pages that are kept, some 100 KB each.
const KEPT: usize = 64;

/// What is asked.
#[derive(Clone, Copy)]
pub struct Standing<'a> {
    /// Whose page.
    pub account: &'a str,
    /// When the link to it ends, on the real clock.
    pub link_until: Timestamp,
    /// The plan in force.
    pub plan: &'a Plan,
    /// The present moment, on the plan's clock.
    pub now: Timestamp,
    /// The full URL of `/ssl/`, as whoever asks reached it.
    pub ssl_url: &'a str,
    /// The status of an explanation.
    pub explain_status: u16,
    /// How much of an address may be shown.
    pub addresses: Addresses,
}

/// A page of one account.
#[derive(Clone, Debug)]
pub struct AccountPage {
    /// For people.
    pub html: Bytes,
    /// The one style element of it, by which a browser knows that it is ours.
    pub style: &'static str,
    /// For programs: JSON.
    pub json: Bytes,
}

/// Why there is no page.
#[derive(Clone, Debug)]
pub enum NoPage {
    /// This account has none, though its link is good: nobody is to see it.
    Withdrawn,
    /// It cannot be made now; the reason is for the log.
    Unavailable(String),
}

/// Writes the pages of accounts.
pub trait Standings: Send + Sync + 'static {
    /// The page of one account. It may take seconds: it is called where that holds nobody up.
    ///
    /// # Errors
    ///
    /// When there is none.
    fn page(&self, asked: Standing<'_>) -> Result<AccountPage, NoPage>;
}

/// Whose page by which link, under which rules (those that were replaced are others), as reached at which address.
type Key = (Link, usize, String);

/// Asks for pages.
pub(crate) struct Desk {
    writes: Option<Arc<dyn Standings>>,
    kept: Mutex<LruCache<Key, (Instant, AccountPage)>>,
    at_once: Arc<Semaphore>,
    waiting: Semaphore,
}

impl Desk {
    pub(crate) fn new(writes: Option<Arc<dyn Standings>>) -> Self {
        Self {
            writes,
            kept: Mutex::new(LruCache::new(
                NonZeroUsize::new(KEPT).unwrap_or(NonZeroUsize::MIN),
            )),
            at_once: Arc::new(Semaphore::new(AT_ONCE)),
            waiting: Semaphore::new(WAITING),
        }
    }

    /// The page of an account, from the last seconds or anew.
    pub(crate) async fn page(
        &self,
        live: &Arc<Live>,
        link: Link,
        ssl_url: String,
        now: Timestamp,
    ) -> Result<AccountPage, NoPage> {
        let Some(writes) = &self.writes else {
            return Err(NoPage::Unavailable("this edge keeps no ledger".to_owned()));
        };
        let busy = || NoPage::Unavailable("too many ask for pages of accounts".to_owned());
        let key = (link, Arc::as_ptr(live).addr(), ssl_url);
        if let Some(page) = self.kept(&key) {
            return Ok(page);
        }
        let _waits = self.waiting.try_acquire().map_err(|_| busy())?;
        let work = async {
            let turn = self.at_once.clone().acquire_owned().await;
            let turn = turn.map_err(|_| busy())?;
            // Whoever came first for the same page has made it meanwhile.
            if let Some(page) = self.kept(&key) {
                return Ok(page);
            }
            let (writes, live, asked) = (writes.clone(), live.clone(), key.clone());
            let written = tokio::task::spawn_blocking(move || {
                // Held until the work is done, whether or not somebody still waits for it.
                let _turn = turn;
                writes.page(Standing {
                    account: &asked.0.account,
                    link_until: asked.0.until,
                    plan: &live.plan,
                    now,
                    ssl_url: &asked.2,
                    explain_status: live.settings.answers.explain_status,
                    addresses: live.addresses,
                })
            });
            let page = written
                .await
                .map_err(|error| NoPage::Unavailable(error.to_string()))??;
            // Nobody else holds it longer than it takes to look.
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.put(key, (Instant::now(), page.clone()));
            Ok(page)
        };
        match timeout(PATIENCE, work).await {
            Ok(page) => page,
            Err(_) => Err(NoPage::Unavailable(format!(
                "the ledger did not answer within {PATIENCE:?}"
            ))),
        }
    }

    fn kept(&self, key: &Key) -> Option<AccountPage> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (made, page) = kept.get(key)?;
        if made.elapsed() > FRESH {
            kept.pop(key);
            return None;
        }
        Some(page.clone())
    }
}
