//! Bytes from one side to the other, unread.

use std::io;

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, Shutdown, recv, send, shutdown};
use rustix::pipe::{SpliceFlags, splice};

use crate::pipes::{Pipe, Pipes};
use crate::side::Side;

/// What is read at once. It is also what a connection holds of a stream whose reader is slow.
pub(crate) const CHUNK: usize = 64 * 1024;
/// After how many bytes a stream is worth a pipe: below, a pipe costs more system calls than copying costs time.
const WORTH_A_PIPE: u64 = 256 * 1024;
/// Reads of one stream until others get their turn.
const TURNS: usize = 16;

/// One direction of a connection. What it seldom has is boxed: most connections do nothing most of the time.
#[derive(Default)]
pub(crate) struct Flow {
    held: Option<Box<Held>>,
    pipe: Option<Box<Pipe>>,
    moved: u64,
    /// The source's end has been read.
    pub(crate) ended: bool,
    /// The end has been passed on, or nobody is left to pass anything to.
    pub(crate) is_over: bool,
}

/// Bytes that were read and not yet written.
struct Held {
    bytes: Vec<u8>,
    sent: usize,
}

impl Held {
    fn new(bytes: &[u8]) -> Option<Box<Self>> {
        let new = || {
            Box::new(Self {
                bytes: bytes.to_vec(),
                sent: 0,
            })
        };
        (!bytes.is_empty()).then(new)
    }
}

/// How far a direction got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moved {
    /// As far as it goes: something has to happen at either side first.
    Waits,
    /// Others should get their turn.
    More,
    /// The source was reset: what was passed on is not all there was.
    Reset,
}

impl Flow {
    /// Begins with bytes that were read already, of which `sent` are written.
    pub(crate) fn hold(&mut self, bytes: &[u8], sent: usize) {
        self.moved += bytes.len() as u64;
        self.held = Held::new(bytes.get(sent..).unwrap_or_default());
    }

    /// Whether anything has gone through.
    pub(crate) const fn moved(&self) -> u64 {
        self.moved
    }

    /// Gives its pipe back, whatever is in it.
    pub(crate) fn close(&mut self, pipes: &mut Pipes) {
        if let Some(pipe) = self.pipe.take() {
            pipes.give(pipe);
        }
    }

    /// Moves what can be moved. `look` sees the bytes that are copied, before they are written. Where this is the `last` of
    /// both directions, the close that follows passes its end on.
    pub(crate) fn advance(
        &mut self,
        from: &mut Side,
        to: &mut Side,
        last: bool,
        scratch: &mut [u8],
        pipes: &mut Pipes,
        mut look: impl FnMut(&[u8]),
    ) -> Moved {
        for _ in 0..TURNS {
            if self.is_over || !self.flush(to) {
                return Moved::Waits;
            }
            if self.ended {
                if !last {
                    // The side may be gone already, which is no worse.
                    shutdown(&to.socket, Shutdown::Write).ok();
                }
                self.is_over = true;
                self.close(pipes);
                return Moved::Waits;
            }
            if !from.readable || !to.writable {
                break;
            }
            if self.moved >= WORTH_A_PIPE && self.pipe.is_none() {
                self.pipe = pipes.take();
            }
            let read = match &mut self.pipe {
                Some(pipe) => fill(pipe, from),
                None => self.copy(from, to, scratch, &mut look),
            };
            match read {
                Ok(0) if from.reset => return Moved::Reset,
                Ok(0) => self.ended = true,
                Ok(length) => self.moved += length as u64,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => from.readable = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    from.reset = true;
                    return Moved::Reset;
                }
            }
        }
        if from.readable && to.writable {
            return Moved::More;
        }
        // A stream that rests needs none.
        self.close(pipes);
        Moved::Waits
    }

    /// Writes what is held. False where that has to wait, or nobody is left to write to.
    fn flush(&mut self, to: &mut Side) -> bool {
        while let Some(held) = &mut self.held {
            if !to.writable {
                return false;
            }
            let more = if self.ended {
                SendFlags::MORE
            } else {
                SendFlags::empty()
            };
            let rest = held.bytes.get(held.sent..).unwrap_or_default();
            match send(&to.socket, rest, more | SendFlags::NOSIGNAL) {
                Ok(length) => {
                    held.sent += length;
                    if held.sent >= held.bytes.len() {
                        self.held = None;
                    }
                }
                Err(error) => self.cannot_write(to, error),
            }
            if self.is_over {
                return false;
            }
        }
        while let Some(pipe) = self.pipe.as_mut().filter(|pipe| pipe.held > 0) {
            if !to.writable {
                return false;
            }
            let flags = SpliceFlags::NONBLOCK | SpliceFlags::MOVE;
            match splice(&pipe.from, None, &to.socket, None, pipe.held, flags) {
                Ok(length @ 1..) => pipe.held = pipe.held.saturating_sub(length),
                Ok(0) => to.writable = false,
                Err(error) => self.cannot_write(to, error),
            }
            if self.is_over {
                return false;
            }
        }
        true
    }

    fn cannot_write(&mut self, to: &mut Side, error: Errno) {
        match error {
            Errno::AGAIN => to.writable = false,
            Errno::INTR => {}
            _ => {
                // What it sent before it went may still be read.
                to.reset = true;
                to.readable = true;
                self.is_over = true;
                self.held = None;
            }
        }
    }

    /// Reads into memory and writes on at once; what cannot be written is held.
    fn copy(
        &mut self,
        from: &mut Side,
        to: &mut Side,
        scratch: &mut [u8],
        look: &mut impl FnMut(&[u8]),
    ) -> io::Result<usize> {
        let room = scratch.get_mut(..CHUNK).unwrap_or_default();
        let (length, _) = recv(&from.socket, &mut *room, RecvFlags::DONTWAIT)?;
        let bytes = room.get(..length).unwrap_or_default();
        if length == 0 {
            return Ok(0);
        }
        if length < room.len() {
            // All there was. What comes now is a new event; where the end has come before, there is only that.
            if from.ended && !from.reset {
                self.ended = true;
            } else {
                from.readable = from.reset;
            }
        }
        look(bytes);
        // Together with the end, where that follows at once.
        let more = if self.ended {
            SendFlags::MORE
        } else {
            SendFlags::empty()
        };
        match send(&to.socket, bytes, more | SendFlags::NOSIGNAL) {
            Ok(sent) if sent == length => {}
            Ok(sent) => self.held = Held::new(bytes.get(sent..).unwrap_or_default()),
            Err(error) => {
                self.cannot_write(to, error);
                if !self.is_over {
                    self.held = Held::new(bytes);
                }
            }
        }
        Ok(length)
    }
}

/// Reads into a pipe that is empty. Unlike a read into memory, one that is short does not say that nothing is left.
fn fill(pipe: &mut Pipe, from: &Side) -> io::Result<usize> {
    let flags = SpliceFlags::NONBLOCK | SpliceFlags::MOVE;
    let length = splice(&from.socket, None, &pipe.into, None, Pipes::SIZE, flags)?;
    pipe.held += length;
    Ok(length)
}
