//! Pipes that bytes pass through without entering this process, kept for the next that needs one.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

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
    /// How many there are of the thread, this one among them.
    made: Arc<AtomicUsize>,
}

impl Drop for Pipe {
    /// However its connection ended, there is room for another.
    fn drop(&mut self) {
        self.made.fetch_sub(1, Relaxed);
    }
}

/// Those that nobody uses.
#[derive(Default)]
pub(crate) struct Pipes {
    #[expect(clippy::vec_box, reason = "connections hold them by one word")]
    idle: Vec<Box<Pipe>>,
    made: Arc<AtomicUsize>,
}

impl Pipes {
    pub(crate) const SIZE: usize = SIZE;

    /// A pipe that is empty, if there is one left.
    pub(crate) fn take(&mut self) -> Option<Box<Pipe>> {
        if let Some(pipe) = self.idle.pop() {
            return Some(pipe);
        }
        if self.made.load(Relaxed) >= MOST {
            return None;
        }
        let (from, into) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).ok()?;
        // A smaller one works as well.
        fcntl_setpipe_size(&into, SIZE).ok();
        self.made.fetch_add(1, Relaxed);
        Some(Box::new(Pipe {
            from,
            into,
            held: 0,
            made: self.made.clone(),
        }))
    }

    /// Gives one back. One that is not empty is of no use to anybody else.
    pub(crate) fn give(&mut self, pipe: Box<Pipe>) {
        if pipe.held == 0 {
            self.idle.push(pipe);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_that_is_lost_makes_room_for_another() {
        let mut pipes = Pipes::default();
        let mut taken: Vec<_> = (0..MOST).map(|_| pipes.take().unwrap()).collect();
        assert!(pipes.take().is_none());
        drop(taken.pop());
        let mut full = pipes.take().unwrap();
        full.held = 1;
        pipes.give(full);
        pipes.give(taken.pop().unwrap());
        assert_eq!(pipes.idle.len(), 1, "what is in one is nobody else's");
        assert!(pipes.take().is_some() && pipes.take().is_some());
    }
}
