//! From bytes to lines, in memory that does not grow with them.

use std::io::{self, Read};

use memchr::{memchr, memrchr};

/// Bytes that are asked for at once.
const BLOCK: usize = 256 << 10;
/// The longest line. nginx writes headers of at most 32 KiB and escapes make four bytes of one; an event of CloudTrail
/// has at most 256 KiB.
pub(crate) const LONGEST: usize = 1 << 20;

/// What comes out of a log.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next<'a> {
    /// Whole lines, the last one's end included.
    Lines(&'a [u8]),
    /// A line was longer than [`LONGEST`]; this many bytes of it were passed over.
    TooLong(u64),
    /// What is left when the log ends without the end of a line. It comes again until [`Lines::took_rest`] is called: a log
    /// that grows may end the line yet.
    Rest(&'a [u8]),
    /// Nothing more, for now.
    End,
    /// Nothing yet: more is on its way.
    Idle,
}

/// Cuts a log at the ends of lines.
#[derive(Debug)]
pub(crate) struct Lines {
    buffer: Vec<u8>,
    /// Where what was not handed out begins and ends.
    start: usize,
    end: usize,
    /// Bytes of a line that is too long and goes on.
    skipping: Option<u64>,
}

impl Lines {
    pub(crate) fn new() -> Self {
        Self {
            buffer: vec![0; BLOCK],
            start: 0,
            end: 0,
            skipping: None,
        }
    }

    /// The rest that was handed out was counted and does not come again.
    pub(crate) fn took_rest(&mut self) {
        self.start = 0;
        self.end = 0;
    }

    /// The next lines. After [`Next::End`] it may be asked again: a log that is followed grows.
    pub(crate) fn next<'a>(&'a mut self, from: &mut dyn Read) -> io::Result<Next<'a>> {
        loop {
            if self.start > 0 {
                self.buffer.copy_within(self.start..self.end, 0);
                self.end -= self.start;
                self.start = 0;
            }
            if self.end == self.buffer.len() {
                if self.buffer.len() >= LONGEST {
                    self.skipping = Some(self.skipping.unwrap_or_default() + self.end as u64);
                    self.end = 0;
                } else {
                    self.buffer.resize((self.buffer.len() * 2).min(LONGEST), 0);
                }
            }
            let room = self.buffer.get_mut(self.end..).unwrap_or_default();
            let read = match from.read(room) {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Next::Idle),
                Err(error) => return Err(error),
            };
            if read == 0 {
                if self.end == 0 {
                    return Ok(match self.skipping.take() {
                        Some(skipped) => Next::TooLong(skipped),
                        None => Next::End,
                    });
                }
                let left = self.buffer.get(..self.end).unwrap_or_default();
                // Whole lines are left where they came together with the end of one that was too long.
                return Ok(match memrchr(b'\n', left) {
                    Some(at) => {
                        self.start = at + 1;
                        Next::Lines(left.get(..=at).unwrap_or_default())
                    }
                    None => Next::Rest(left),
                });
            }
            let fresh = self.end;
            self.end += read;
            if let Some(skipped) = self.skipping {
                let whole = self.buffer.get(..self.end).unwrap_or_default();
                match memchr(b'\n', whole) {
                    Some(at) => {
                        self.start = at + 1;
                        self.skipping = None;
                        return Ok(Next::TooLong(skipped + at as u64 + 1));
                    }
                    None => {
                        self.skipping = Some(skipped + self.end as u64);
                        self.end = 0;
                        continue;
                    }
                }
            }
            let latest = self.buffer.get(fresh..self.end).unwrap_or_default();
            if let Some(at) = memrchr(b'\n', latest) {
                self.start = fresh + at + 1;
                return Ok(Next::Lines(
                    self.buffer.get(..self.start).unwrap_or_default(),
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Hands out what it has in pieces of this many bytes.
    struct Pieces<'a>(&'a [u8], usize);

    impl Read for Pieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = self.1.min(buffer.len());
            (&mut self.0).take(length as u64).read(buffer)
        }
    }

    fn all(bytes: &[u8], piece: usize) -> (Vec<u8>, u64, usize) {
        let mut lines = Lines::new();
        let mut from = Pieces(bytes, piece);
        let (mut whole, mut skipped, mut too_long) = (Vec::new(), 0, 0);
        loop {
            match lines.next(&mut from).expect("memory does not fail") {
                Next::Lines(part) => {
                    assert_eq!(part.last(), Some(&b'\n'));
                    whole.extend_from_slice(part);
                }
                Next::Rest(part) => {
                    whole.extend_from_slice(part);
                    lines.took_rest();
                }
                Next::TooLong(bytes) => {
                    skipped += bytes;
                    too_long += 1;
                }
                Next::End | Next::Idle => return (whole, skipped, too_long),
            }
        }
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_nothing_comes_twice(bytes in prop::collection::vec(prop::sample::select(b"ab\n".to_vec()), 0..200), piece in 1..20_usize) {
            prop_assert_eq!(all(&bytes, piece), (bytes, 0, 0));
        }
    }

    #[test]
    fn a_line_that_never_ends_takes_no_more_memory_than_the_longest() {
        let mut bytes = vec![b'x'; 3 * LONGEST];
        bytes.extend_from_slice(b"\nnext\n");
        assert_eq!(
            all(&bytes, 64 << 10),
            (b"next\n".to_vec(), 3 * LONGEST as u64 + 1, 1)
        );
        let (whole, skipped, too_long) = all(&bytes[..2 * LONGEST], 64 << 10);
        assert_eq!((whole.len() + skipped as usize, too_long), (2 * LONGEST, 1));
    }
}
