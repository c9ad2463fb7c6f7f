//! One HTTP/1.1 connection to an upstream, driven by whoever has it.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

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
}

impl Lane {
    pub(super) async fn over(stream: Stream) -> hyper::Result<Box<Self>> {
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        Ok(Box::new(Self {
            sender,
            connection: Some(connection),
        }))
    }

    /// Moves the connection on. Ready when it has ended.
    pub(super) fn poll_drive(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.connection {
            Some(connection) => {
                // Why it ended is told to whoever waits for the answer.
                let ended = Pin::new(connection).poll(cx).map(|_| ());
                if ended.is_ready() {
                    self.connection = None;
                }
                ended
            }
            None => Poll::Ready(()),
        }
    }

    /// Whether the connection can take a request now. Nobody is woken for it until it is driven again.
    pub(super) fn is_usable(&mut self) -> bool {
        self.poll_drive(&mut Context::from_waker(Waker::noop()))
            .is_pending()
            && self.sender.is_ready()
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
        let mut answer = pin!(unconstrained(self.sender.try_send_request(request)));
        poll_fn(|cx| {
            let ended = match &mut self.connection {
                Some(connection) => Pin::new(connection).poll(cx).is_ready(),
                None => false,
            };
            if ended {
                // Dropped, it tells whoever waits.
                self.connection = None;
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
        let Self { sender, connection } = self;
        let (give, mut returned) = oneshot::channel();
        if let Some(mut connection) = connection {
            tokio::spawn(async move {
                let sender = tokio::select! {
                    _ = &mut connection => return,
                    returned = &mut returned => returned,
                };
                if let Ok(sender) = sender {
                    let lane = Box::new(Self {
                        sender,
                        connection: Some(connection),
                    });
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
