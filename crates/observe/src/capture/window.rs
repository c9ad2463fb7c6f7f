//! A stream of bytes, looked at through a window that moves.

use std::io::{self, Read};

use crate::logs::TAIL;

/// Bytes of the window: a packet has to fit, and reading this much at once costs next to no system calls. More would not
/// fit into the cache beside what is made of it.
const SIZE: usize = 512 * 1024;

/// The most that can be asked for at once.
const MOST_WANTED: usize = SIZE - TAIL;

/// Reads ahead in large pieces and lends them out, so that a packet is copied once: by the kernel.
pub(super) struct Window<R> {
    input: R,
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
    /// Bytes of the stream before `start`.
    offset: u64,
}

impl<R: Read> Window<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            bytes: vec![0; SIZE].into_boxed_slice(),
            start: 0,
            end: 0,
            offset: 0,
        }
    }

    /// Bytes of the stream that were consumed.
    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }

    /// Sees to it that `wanted` bytes are there, if the stream has them: how many are there, at most `wanted`.
    #[inline]
    pub(super) fn fill(&mut self, wanted: usize) -> io::Result<usize> {
        let there = self.end - self.start;
        if there >= wanted {
            return Ok(wanted);
        }
        self.read(wanted)
    }

    #[cold]
    fn read(&mut self, wanted: usize) -> io::Result<usize> {
        debug_assert!(wanted <= MOST_WANTED);
        let passed = self.start.saturating_sub(TAIL);
        self.bytes.copy_within(passed..self.end, 0);
        self.end -= passed;
        self.start -= passed;
        let wanted = self.start + wanted;
        while self.end < wanted {
            let room = self.bytes.get_mut(self.end..).unwrap_or_default();
            match self.input.read(room) {
                Ok(0) => break,
                Ok(count) => self.end += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self.end.min(wanted) - self.start)
    }

    /// The last bytes that were consumed, [`TAIL`] of them where there were so many.
    pub(super) fn tail(&self) -> &[u8] {
        let from = self.start.saturating_sub(TAIL);
        self.bytes.get(from..self.start).unwrap_or_default()
    }

    /// What is there, at least as much as the last [`Window::fill`] said.
    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// Moves on; not past what is there.
    #[inline]
    pub(super) fn consume(&mut self, count: usize) {
        let count = count.min(self.end - self.start);
        self.start += count;
        self.offset += count as u64;
    }

    /// Passes over bytes, there or not: whether the stream had them all.
    pub(super) fn skip(&mut self, mut count: u64) -> io::Result<bool> {
        while count > 0 {
            let step = usize::try_from(count)
                .unwrap_or(usize::MAX)
                .min(MOST_WANTED);
            let there = self.fill(step)?;
            self.consume(there);
            count -= there as u64;
            if there < step {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
