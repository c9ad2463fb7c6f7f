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
        match self.receive(socket) {
            Ok(0) => Some(Opening::Closed),
            Ok(_) => self.look(),
            Err(error) => unless_waiting(error),
        }
    }

    fn receive(&mut self, socket: impl AsFd) -> io::Result<usize> {
        let (length, _) = recv(socket, spare_capacity(&mut self.bytes), RecvFlags::DONTWAIT)?;
        Ok(length)
    }

    /// Waits for the rest, as long as the limits say. When the edge stops, who has sent a part of a hello may send the rest;
    /// who has sent nothing is owed nothing.
    pub(super) async fn wait(
        &mut self,
        stream: &TcpStream,
        caller: &mut Caller,
        core: &Core,
        live: &Live,
    ) -> Opening {
        let rest = async {
            loop {
                let stops = tokio::select! {
                    ready = stream.readable() => match ready {
                        Ok(()) => false,
                        Err(_) => return Opening::Closed,
                    },
                    () = core.stopping.cancelled(), if self.bytes.is_empty() => true,
                };
                let read = if stops {
                    // What the kernel has by now came before the stop, whatever was heard of first.
                    self.receive(stream)
                } else {
                    stream.try_read_buf(&mut self.bytes)
                };
                let opening = match read {
                    Ok(0) => Some(Opening::Closed),
                    Ok(_) if caller.awaits_introduction => self.look_behind(caller, core, live),
                    Ok(_) => self.look(),
                    Err(_) if stops => Some(Opening::Stopping),
                    Err(error) => unless_waiting(error),
                };
                if let Some(opening) = opening {
                    return opening;
                }
            }
        };
        let opening = timeout(live.settings.limits.hello, rest).await;
        opening.unwrap_or(Opening::Late)
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
