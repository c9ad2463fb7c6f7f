//! Whether anything moves on a connection.
//!
//! A client that never sends its first byte of HTTP, one that stops reading in the middle of an answer, and one
//! that answers pings for ever all look alike from here: no request is being worked on and no body is asked for
//! its next part.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Instant, sleep};

use crate::settings::Limits;

/// What moves on one connection.
pub(super) struct Activity {
    /// Moves so far. Counted, not timed: reading a clock for each costs more.
    moves: AtomicU64,
    /// Requests whose answer has not begun. Each has bounds of its own.
    requests: AtomicUsize,
    /// Answers whose body has not ended.
    bodies: AtomicUsize,
    /// Whether there has been a request at all.
    served: AtomicBool,
}

/// How a connection on which nothing moves stands.
pub(super) enum Still {
    /// Every request has had its answer, and no other came at once.
    Rests,
    /// For as long as the limits let a connection stand still.
    Ceased,
}

/// How soon a connection rests: longer than a client in a hurry takes for its next request.
const REST: Duration = Duration::from_millis(100);
/// How often at most to look whether a connection in use has come to rest.
const GLANCE: Duration = Duration::from_millis(500);

impl Activity {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            moves: AtomicU64::new(0),
            requests: AtomicUsize::new(0),
            bodies: AtomicUsize::new(0),
            served: AtomicBool::new(false),
        })
    }

    fn moved(&self) {
        self.moves.fetch_add(1, Relaxed);
    }

    /// Resolves when nothing has moved for as long as the limits let a connection stand still; or, with `rests`
    /// and once a request has been answered, for [REST] already. Calls `quiet` when nothing has moved for [REST],
    /// whatever is under way. Each is noticed up to two [GLANCE]s late.
    pub(super) async fn still(&self, limits: &Limits, rests: bool, quiet: impl Fn()) -> Still {
        let mut seen = self.moves.load(Relaxed);
        let mut since = Instant::now();
        let mut was_told = false;
        let mut wait = REST.min(limits.idle);
        loop {
            sleep(wait).await;
            let moves = self.moves.load(Relaxed);
            if moves != seen {
                seen = moves;
                since = Instant::now();
                was_told = false;
                wait = GLANCE.min(limits.idle);
                continue;
            }
            let still = since.elapsed();
            let bodies = self.bodies.load(Relaxed) > 0;
            let busy = self.requests.load(Relaxed) > 0;
            // A body may wait for its upstream for as long as `stall`, and says so itself.
            let limit = if bodies {
                limits.idle.max(limits.stall)
            } else {
                limits.idle
            };
            if !busy && still >= limit {
                return Still::Ceased;
            }
            if still < REST {
                wait = (REST - still).min(limit);
                continue;
            }
            if rests && !busy && !bodies && self.begun() {
                return Still::Rests;
            }
            if !was_told {
                was_told = true;
                quiet();
            }
            // With a request under way the limit says nothing: what it may wait for is bounded elsewhere.
            wait = limit
                .checked_sub(still)
                .filter(|left| !left.is_zero())
                .unwrap_or(limit);
        }
    }

    /// Whether there has been a request at all.
    pub(super) fn begun(&self) -> bool {
        self.served.load(Relaxed)
    }

    /// Counts a request until the guard is dropped.
    pub(super) fn request(self: &Arc<Self>) -> Request {
        self.requests.fetch_add(1, Relaxed);
        self.served.store(true, Relaxed);
        self.moved();
        Request(self.clone())
    }

    /// Counts a body until it is dropped.
    pub(super) fn watch<B>(self: &Arc<Self>, body: B) -> Watched<B> {
        self.bodies.fetch_add(1, Relaxed);
        Watched {
            body,
            activity: self.clone(),
        }
    }
}

/// A request that is being worked on.
pub(super) struct Request(Arc<Activity>);

impl Drop for Request {
    fn drop(&mut self) {
        self.0.requests.fetch_sub(1, Relaxed);
        self.0.moved();
    }
}

/// A body that is under way.
pub(super) struct Watched<B> {
    body: B,
    activity: Arc<Activity>,
}

impl<B> Drop for Watched<B> {
    fn drop(&mut self) {
        self.activity.bodies.fetch_sub(1, Relaxed);
        self.activity.moved();
    }
}

impl<B: Body + Unpin> Body for Watched<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        self.activity.moved();
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
