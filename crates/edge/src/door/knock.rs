//! The first bytes of a connection, as they come.

use std::cell::RefCell;
use std::io;
use std::os::fd::AsFd;

use ::door::Opening;
use ::door::proxy_protocol::{Introduced, introduce};
use hello::{HelloReader, MAX_WIRE, Scratch};
use rustix::buffer::spare_capacity;
use rustix::net::{RecvFlags, recv};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Caller;
use crate::core::{Core, Live};

/// Bytes so far, and how far they have been read.
pub(super) struct Knock {
    pub(super) bytes: Vec<u8>,
    reader: HelloReader,
}

thread_local! {
    /// Where hellos spread over several records are put together: one for each worker, not for each connection.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Room for most hellos, those with a post-quantum key share included, in one read.
const FIRST_READ: usize = 2048;

impl Knock {
    pub(super) fn new() -> Self {
        Self {
            bytes: Vec::with_capacity(FIRST_READ),
            reader: HelloReader::default(),
        }
    }

    /// What another listener has read already.
    pub(super) fn with(bytes: Vec<u8>) -> Self {
        Self {
            bytes,
            reader: HelloReader::default(),
        }
    }

    /// Takes what is there, without waiting.
    pub(super) fn take(&mut self, socket: impl AsFd) -> Option<Opening> {
        match recv(socket, spare_capacity(&mut self.bytes), RecvFlags::DONTWAIT) {
            Ok((0, _)) => Some(Opening::Closed),
            Ok(_) => self.look(),
            Err(error) => unless_waiting(error.into()),
        }
    }

    /// Waits for the rest, as long as the limits say.
    pub(super) async fn wait(
        &mut self,
        stream: &TcpStream,
        caller: &mut Caller,
        core: &Core,
        live: &Live,
    ) -> Opening {
        let rest = async {
            loop {
                if stream.readable().await.is_err() {
                    return Opening::Closed;
                }
                let opening = match stream.try_read_buf(&mut self.bytes) {
                    Ok(0) => Some(Opening::Closed),
                    Ok(_) if caller.awaits_introduction => self.look_behind(caller, core, live),
                    Ok(_) => self.look(),
                    Err(error) => unless_waiting(error),
                };
                if let Some(opening) = opening {
                    return opening;
                }
            }
        };
        tokio::select! {
            opening = timeout(live.settings.limits.hello, rest) => opening.unwrap_or(Opening::Late),
            () = core.stopping.cancelled() => Opening::Stopping,
        }
    }

    /// Looks at what has come from whoever says whom it is for.
    fn look_behind(&mut self, caller: &mut Caller, core: &Core, live: &Live) -> Option<Opening> {
        match introduce(&mut self.bytes, live, &core.bounds, &mut caller.record) {
            Introduced::NeedMore => None,
            Introduced::No(opening) => Some(opening),
            Introduced::Is(client) => {
                caller.awaits_introduction = false;
                if let Some((ends, permit)) = client {
                    caller.peer = ends.from;
                    caller.permit = permit;
                }
                self.look()
            }
        }
    }

    /// Looks at what has come.
    pub(super) fn look(&mut self) -> Option<Opening> {
        let Self { bytes, reader } = self;
        let opening = SCRATCH.with_borrow_mut(|scratch| ::door::look(reader, bytes, scratch));
        // The reader settles the matter within MAX_WIRE bytes, so this is all the room that can be needed.
        debug_assert!(
            opening.is_some() || bytes.len() <= MAX_WIRE,
            "the reader must have an answer by now"
        );
        if opening.is_none() && bytes.len() == bytes.capacity() {
            bytes.reserve(bytes.len());
        }
        opening
    }
}

fn unless_waiting(error: io::Error) -> Option<Opening> {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => None,
        // Reset by the client: closed early all the same.
        _ => Some(Opening::Closed),
    }
}
