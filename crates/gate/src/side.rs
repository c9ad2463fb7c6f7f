//! One of the two sockets of a connection, and what is known of its readiness.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::epoll::EventFlags;
use rustix::net::sockopt::set_socket_linger;

/// A socket. Events come once for each change (edge-triggered), so what they said is remembered until a call says
/// otherwise.
pub(crate) struct Side {
    pub(crate) socket: OwnedFd,
    /// What the kernel tells of; nothing before it is watched.
    pub(crate) watched: EventFlags,
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
    /// What every socket is watched for.
    const EVENTS: EventFlags = EventFlags::IN
        .union(EventFlags::RDHUP)
        .union(EventFlags::ET);

    pub(crate) const fn new(socket: OwnedFd) -> Self {
        Self {
            socket,
            watched: EventFlags::empty(),
            readable: false,
            writable: true,
            ended: false,
            reset: false,
        }
    }

    /// What it is to be watched for now. Room to write is asked for once there was none: for most sockets there always is,
    /// and being told so would cost each a turn.
    pub(crate) fn wanted(&self) -> EventFlags {
        if self.writable {
            self.watched | Self::EVENTS
        } else {
            Self::EVENTS | EventFlags::OUT
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
