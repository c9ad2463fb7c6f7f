//! Answers of `/ssl/` that can be read again from another machine: the client under test is often a program
//! nobody can see the output of.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lru::LruCache;
use tokio::time::Instant;

use super::ssl::SslAnswer;

/// Reports by id, bounded in number and in age.
pub(crate) struct Reports {
    life: Duration,
    kept: Mutex<LruCache<String, (Instant, Arc<SslAnswer>)>>,
}

impl Reports {
    pub(crate) fn new(most: usize, life: Duration) -> Self {
        let most = NonZeroUsize::new(most).unwrap_or(NonZeroUsize::MIN);
        // `unbounded` with our own bound: `new` would take the memory for all of them at once.
        let mut kept = LruCache::unbounded();
        kept.resize(most);
        Self {
            life,
            kept: Mutex::new(kept),
        }
    }

    /// An id that cannot be guessed: 128 bits from the system.
    pub(crate) fn new_id() -> Option<String> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).ok()?;
        Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    pub(crate) fn keep(&self, id: String, answer: Arc<SslAnswer>) {
        // A cache: an entry is whole or not there.
        self.kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .put(id, (Instant::now(), answer));
    }

    /// The report, if it is not too old.
    pub(crate) fn find(&self, id: &str) -> Option<Arc<SslAnswer>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (made, answer) = kept.peek(id)?;
        if made.elapsed() > self.life {
            kept.pop(id);
            return None;
        }
        Some(answer.clone())
    }
}
