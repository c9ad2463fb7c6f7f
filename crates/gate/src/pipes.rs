//! Pipes that bytes pass through without entering this process, kept for the next that needs one.

use std::os::fd::OwnedFd;

use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};

/// What a pipe holds at most. As much as the kernel gives without privileges.
const SIZE: usize = 1024 * 1024;
/// Pipes of one thread. A stream without one is copied, which costs more and works: this bounds what slow readers can
/// make the kernel hold, and the descriptors.
const MOST: usize = 64;

/// A pipe, and how many bytes are in it.
pub(crate) struct Pipe {
    pub(crate) from: OwnedFd,
    pub(crate) into: OwnedFd,
    pub(crate) held: usize,
}

/// Those that nobody uses.
#[derive(Default)]
pub(crate) struct Pipes {
    idle: Vec<Pipe>,
    made: usize,
}

impl Pipes {
    pub(crate) const SIZE: usize = SIZE;

    /// A pipe that is empty, if there is one left.
    pub(crate) fn take(&mut self) -> Option<Pipe> {
        if let Some(pipe) = self.idle.pop() {
            return Some(pipe);
        }
        if self.made >= MOST {
            return None;
        }
        let (from, into) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).ok()?;
        // A smaller one works as well.
        fcntl_setpipe_size(&into, SIZE).ok();
        self.made += 1;
        Some(Pipe {
            from,
            into,
            held: 0,
        })
    }

    /// Gives one back. One that is not empty is of no use to anybody else.
    pub(crate) fn give(&mut self, pipe: Pipe) {
        if pipe.held == 0 {
            self.idle.push(pipe);
        } else {
            self.made -= 1;
        }
    }
}
