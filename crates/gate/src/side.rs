//! One of the two sockets of a connection, and what is known of its readiness.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::epoll::EventFlags;
use rustix::net::sockopt::set_socket_linger;

/// A socket. Events come once for each change (edge-triggered), so what they said is remembered until a call says
/// otherwise.
pub(crate) struct Side {
    pub(crate) socket: OwnedFd,
    pub(crate) is_watched: bool,
    /// Perhaps there is something to read.
    pub(crate) readable: bool,
    /// Perhaps something can be written.
    pub(crate) writable: bool,
    /// Its peer's end has come, behind whatever there is to read.
    pub(crate) ended: bool,
    /// It was reset.
    pub(crate) reset: bool,
}

impl Side {
    /// What a socket is watched for.
    pub(crate) const EVENTS: EventFlags = EventFlags::IN
        .union(EventFlags::OUT)
        .union(EventFlags::RDHUP)
        .union(EventFlags::ET);

    pub(crate) const fn new(socket: OwnedFd) -> Self {
        Self {
            socket,
            is_watched: false,
            readable: false,
            writable: true,
            ended: false,
            reset: false,
        }
    }

    /// Takes what an event says.
    pub(crate) fn note(&mut self, events: EventFlags) {
        let over = EventFlags::ERR | EventFlags::HUP;
        self.readable |= events.intersects(EventFlags::IN | EventFlags::RDHUP | over);
        self.writable |= events.intersects(EventFlags::OUT | over);
        self.ended |= events.intersects(EventFlags::RDHUP | EventFlags::HUP);
        self.reset |= events.contains(EventFlags::ERR);
    }

    /// Makes the close a reset: the peer is not to take what it got for all there was.
    pub(crate) fn will_reset(&self) {
        // Where it cannot be set, the peer sees an end instead.
        set_socket_linger(&self.socket, Some(Duration::ZERO)).ok();
    }
}

impl AsFd for Side {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
