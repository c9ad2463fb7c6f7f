//! The body of an upstream's answer, and what becomes of its connection.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::sync::oneshot;

use super::lane::Lane;
use super::{Sender, Upstream};

/// An upstream's answer as it comes. Its connection is given back at its end, and closed if it is dropped before.
pub(crate) struct Reply {
    body: Incoming,
    way: Way,
}

enum Way {
    /// Driven here.
    Here(Box<Lane>, Arc<Upstream>),
    /// Driven in a task, to which the sender is returned.
    Beside(Sender, oneshot::Sender<Sender>),
    /// Driven in a task that ends with the connection, which is not used again. It ends when the sender is dropped.
    Switching { _sender: Sender },
    /// Nothing is left to do, or it is not ours to do.
    Done,
}

impl Reply {
    fn new(body: Incoming, way: Way) -> Self {
        let mut reply = Self { body, way };
        if reply.body.is_end_stream() && !matches!(reply.way, Way::Switching { .. }) {
            reply.give_back();
        }
        reply
    }

    pub(super) fn driving(body: Incoming, lane: Box<Lane>, home: Arc<Upstream>) -> Self {
        Self::new(body, Way::Here(lane, home))
    }

    pub(super) fn beside(body: Incoming, sender: Sender, to: oneshot::Sender<Sender>) -> Self {
        Self::new(body, Way::Beside(sender, to))
    }

    pub(super) fn switching(body: Incoming, sender: Sender) -> Self {
        Self::new(body, Way::Switching { _sender: sender })
    }

    pub(super) fn shared(body: Incoming) -> Self {
        Self::new(body, Way::Done)
    }

    fn give_back(&mut self) {
        match std::mem::replace(&mut self.way, Way::Done) {
            Way::Here(lane, home) => home.keep(lane),
            Way::Beside(sender, to) => {
                // Fails where the connection has ended.
                to.send(sender).ok();
            }
            Way::Switching { .. } | Way::Done => {}
        }
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = &mut *self;
        let frame = match &mut this.way {
            Way::Here(lane, _) => {
                // What drives the connection fills the body, in this very task: nobody needs to wake it.
                let nobody = &mut Context::from_waker(Waker::noop());
                match lane.unwoken(|| Pin::new(&mut this.body).poll_frame(nobody)) {
                    Poll::Pending => {
                        if lane.poll_drive(cx).is_ready() {
                            this.way = Way::Done;
                        }
                        Pin::new(&mut this.body).poll_frame(cx)
                    }
                    frame => frame,
                }
            }
            _ => Pin::new(&mut this.body).poll_frame(cx),
        };
        match &frame {
            Poll::Ready(Some(Ok(_))) if this.body.is_end_stream() => this.give_back(),
            Poll::Ready(None) => this.give_back(),
            Poll::Ready(Some(Err(_))) => this.way = Way::Done,
            Poll::Ready(Some(Ok(_))) | Poll::Pending => {}
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
