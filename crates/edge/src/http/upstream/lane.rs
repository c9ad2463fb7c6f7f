//! One HTTP/1.1 connection to an upstream, driven by whoever has it.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::sync::oneshot;
use tokio::task::coop::unconstrained;

use super::connect::Stream;
use super::{Onward, Sender, Upstream};

type Connection = http1::Connection<TokioIo<Stream>, Onward>;

/// A connection and what sends requests over it.
pub(super) struct Lane {
    sender: Sender,
    /// `None` when it has ended.
    connection: Option<Connection>,
    bell: Arc<Bell>,
    /// Rings the bell.
    waker: Waker,
}

/// Wakes the task that drives a connection. It stays the same when the connection passes from one task to the next, so
/// that whatever has it need not be given another.
#[derive(Default)]
struct Bell {
    task: Mutex<Option<Waker>>,
    /// Whoever drives the connection is about to do so anyway.
    is_muted: AtomicBool,
}

impl Bell {
    fn task(&self) -> MutexGuard<'_, Option<Waker>> {
        // One value, replaced as a whole.
        self.task.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_for(&self, waker: &Waker) {
        let mut task = self.task();
        if !task.as_ref().is_some_and(|task| task.will_wake(waker)) {
            *task = Some(waker.clone());
        }
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.is_muted.load(SeqCst) {
            return;
        }
        if let Some(task) = &*self.task() {
            task.wake_by_ref();
        }
    }
}

impl Lane {
    pub(super) async fn over(stream: Stream) -> hyper::Result<Box<Self>> {
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        Ok(Self::new(sender, connection))
    }

    fn new(sender: Sender, connection: Connection) -> Box<Self> {
        let bell = Arc::<Bell>::default();
        Box::new(Self {
            sender,
            connection: Some(connection),
            waker: bell.clone().into(),
            bell,
        })
    }

    /// Moves the connection on. Ready when it has ended.
    pub(super) fn poll_drive(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.bell.is_for(cx.waker());
        self.poll_connection()
    }

    fn poll_connection(&mut self) -> Poll<()> {
        match &mut self.connection {
            Some(connection) => {
                // Why it ended is told to whoever waits for the answer.
                let ended = Pin::new(connection)
                    .poll(&mut Context::from_waker(&self.waker))
                    .map(|_| ());
                if ended.is_ready() {
                    // Dropped, it tells whoever waits.
                    self.connection = None;
                }
                ended
            }
            None => Poll::Ready(()),
        }
    }

    /// Does what may wake this connection, where it is driven next if it has anything left to do. HTTP wakes it for
    /// each part of a body that is taken, the last included, and that would be one more turn of the task for each
    /// request.
    pub(super) fn unwoken<T>(&self, work: impl FnOnce() -> T) -> T {
        self.bell.is_muted.store(true, SeqCst);
        let done = work();
        self.bell.is_muted.store(false, SeqCst);
        done
    }

    /// Whether the connection can take a request now. Nobody is woken for it until it is driven again.
    pub(super) fn is_usable(&mut self) -> bool {
        *self.bell.task() = None;
        self.poll_connection().is_pending() && self.sender.is_ready()
    }

    pub(super) const fn is_open(&self) -> bool {
        self.connection.is_some()
    }

    /// Sends a request and waits for the head of its answer.
    pub(super) async fn ask(
        &mut self,
        request: Request<Onward>,
    ) -> Result<Response<Incoming>, TrySendError<Request<Onward>>> {
        // What drives the connection is what the answer comes from, in this very task: nobody needs to wake it, and
        // it must not give way to others either, for that would take being woken.
        let Self {
            sender,
            connection,
            bell,
            waker,
        } = self;
        let mut answer = pin!(unconstrained(sender.try_send_request(request)));
        poll_fn(|cx| {
            bell.is_for(cx.waker());
            let ended = match connection {
                Some(connection) => Pin::new(connection)
                    .poll(&mut Context::from_waker(waker))
                    .is_ready(),
                None => false,
            };
            if ended {
                // Dropped, it tells whoever waits.
                *connection = None;
            }
            answer
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
        })
        .await
    }

    /// Waits until the connection can take another request; `None` if it ends instead.
    pub(super) async fn settle(mut self: Box<Self>) -> Option<Box<Self>> {
        poll_fn(|cx| {
            if self.poll_drive(cx).is_ready() {
                return Poll::Ready(false);
            }
            self.sender.poll_ready(cx).map(|ready| ready.is_ok())
        })
        .await
        .then_some(self)
    }

    /// Drives the connection in a task. It goes back to `home` when the sender is returned, and is closed when it is
    /// not.
    pub(super) fn drive_beside(self, home: Arc<Upstream>) -> (Sender, oneshot::Sender<Sender>) {
        let Self {
            sender, connection, ..
        } = self;
        let (give, mut returned) = oneshot::channel();
        if let Some(mut connection) = connection {
            tokio::spawn(async move {
                let sender = tokio::select! {
                    _ = &mut connection => return,
                    returned = &mut returned => returned,
                };
                if let Ok(sender) = sender {
                    let lane = Self::new(sender, connection);
                    // Where the answer was there before the request was, the rest of it still goes out.
                    if let Some(lane) = lane.settle().await {
                        home.keep(lane);
                    }
                }
            });
        }
        (sender, give)
    }

    /// Drives the connection in a task that lets it be switched to another protocol.
    pub(super) fn drive_with_upgrades(self) -> Sender {
        if let Some(connection) = self.connection {
            let connection = connection.with_upgrades();
            tokio::spawn(async move { connection.await.ok() });
        }
        self.sender
    }
}
