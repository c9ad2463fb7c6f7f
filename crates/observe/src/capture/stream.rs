//! One direction of a connection, put back in order.

/// Bytes that are held of one direction while those before them are missing. A hello may be spread over 128 KiB of
/// records, and most of them may come before the first.
const MOST_HELD: usize = 160 * 1024;
/// Pieces that are held of one direction: many small ones cost more than their bytes.
const MOST_PIECES: usize = 2048;

/// One direction.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// The sequence number of the next byte; `None` before the first packet.
    next: Option<u32>,
    /// Pieces that came too early, by sequence number.
    held: Vec<Piece>,
    /// Bytes in them.
    size: usize,
    /// The sequence number after the last byte.
    end: Option<u32>,
}

/// A piece that came before its time.
#[derive(Debug)]
pub(super) struct Piece {
    sequence: u32,
    pub(super) bytes: Box<[u8]>,
    /// Bytes that follow it on the wire and were not captured.
    pub(super) missing: u32,
}

/// What to do with a segment.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// It is next: from this byte on it is new.
    Now(usize),
    /// It came before its time and is held, or it is old.
    Later,
    /// There is no room to wait for what is missing.
    Full,
}

/// How far `to` lies behind `from`; negative if before.
const fn distance(from: u32, to: u32) -> i32 {
    to.wrapping_sub(from) as i32
}

impl Stream {
    /// The stream begins with this sequence number.
    pub(super) const fn begin(&mut self, sequence: u32) {
        self.next = Some(sequence);
    }

    pub(super) const fn begun(&self) -> bool {
        self.next.is_some()
    }

    /// Bytes held, with what holding them costs.
    pub(super) fn weight(&self) -> usize {
        self.size + self.held.capacity() * size_of::<Piece>()
    }

    /// Takes note of the end.
    pub(super) fn finish(&mut self, sequence: u32) {
        self.end.get_or_insert(sequence);
    }

    /// Whether its end has been seen, and everything before that.
    pub(super) fn is_over(&self) -> bool {
        match (self.next, self.end) {
            (Some(next), Some(end)) => distance(end, next) >= 0,
            (None, Some(_)) => true,
            _ => false,
        }
    }

    /// Where a segment belongs. One that is next is to be used at once, followed by [`Stream::advance`] and then
    /// [`Stream::held`] until there is nothing.
    pub(super) fn turn(&mut self, sequence: u32, payload: &[u8], missing: u32) -> Turn {
        let next = *self.next.get_or_insert(sequence);
        let ahead = distance(next, sequence);
        if ahead <= 0 {
            let old = ahead.unsigned_abs() as usize;
            let whole = payload.len() + missing as usize;
            return if old < whole {
                Turn::Now(old)
            } else {
                Turn::Later
            };
        }
        if self.size + payload.len() > MOST_HELD || self.held.len() >= MOST_PIECES {
            return Turn::Full;
        }
        let at = self
            .held
            .partition_point(|piece| distance(piece.sequence, sequence) > 0);
        let again = self
            .held
            .get(at)
            .is_some_and(|piece| piece.sequence == sequence && piece.bytes.len() >= payload.len());
        if !again {
            self.size += payload.len();
            let piece = Piece {
                sequence,
                bytes: payload.into(),
                missing,
            };
            self.held.insert(at, piece);
        }
        Turn::Later
    }

    /// Moves on.
    pub(super) const fn advance(&mut self, count: u32) {
        if let Some(next) = self.next {
            self.next = Some(next.wrapping_add(count));
        }
    }

    /// The next piece that was held and whose turn has come, with how many of its bytes are old.
    pub(super) fn held(&mut self) -> Option<(Piece, usize)> {
        let next = self.next?;
        while let Some(piece) = self.held.first() {
            let old = distance(piece.sequence, next);
            if old < 0 {
                return None;
            }
            let piece = self.held.remove(0);
            self.size -= piece.bytes.len();
            let old = old.unsigned_abs() as usize;
            if old < piece.bytes.len() + piece.missing as usize {
                return Some((piece, old));
            }
        }
        None
    }

    /// Gives up what is missing before the first piece held, or before this segment: how many bytes that is.
    pub(super) fn give_up(&mut self, sequence: u32) -> u32 {
        let Some(next) = self.next else { return 0 };
        let first = self.held.first().map_or(sequence, |piece| piece.sequence);
        let first = if distance(first, sequence) < 0 {
            sequence
        } else {
            first
        };
        let gap = u32::try_from(distance(next, first)).unwrap_or(0);
        self.advance(gap);
        gap
    }

    /// Whether anything waits for something that is missing.
    pub(super) const fn waits(&self) -> bool {
        !self.held.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes in order, of segments as (sequence, payload).
    fn joined(stream: &mut Stream, segments: &[(u32, &[u8])]) -> Vec<u8> {
        let mut joined = Vec::new();
        for (sequence, payload) in segments {
            if let Turn::Now(old) = stream.turn(*sequence, payload, 0) {
                joined.extend(&payload[old..]);
                stream.advance((payload.len() - old) as u32);
                while let Some((piece, old)) = stream.held() {
                    joined.extend(&piece.bytes[old..]);
                    stream.advance((piece.bytes.len() - old) as u32);
                }
            }
        }
        joined
    }

    #[test]
    fn order_overlap_and_repetition_do_not_matter_even_where_numbers_wrap() {
        let start = u32::MAX - 3;
        let at = |offset: u32| start.wrapping_add(offset);
        let mut stream = Stream::default();
        stream.begin(start);
        let segments: &[(u32, &[u8])] = &[
            (at(6), b"gh"),
            (at(2), b"cde"),
            (at(6), b"gh"),
            (at(0), b"abc"),
            (at(0), b"abc"),
            (at(4), b"efg"),
        ];
        assert_eq!(joined(&mut stream, segments), b"abcdefgh");
        assert!(!stream.waits());
        stream.finish(at(8));
        assert!(stream.is_over());
    }

    #[test]
    fn what_cannot_be_held_is_told_and_what_is_missing_is_counted() {
        let mut stream = Stream::default();
        stream.begin(0);
        let piece = vec![0; MOST_HELD / 2];
        let second = 10 + piece.len() as u32;
        assert_eq!(stream.turn(10, &piece, 0), Turn::Later);
        assert_eq!(stream.turn(second, &piece, 0), Turn::Later);
        assert_eq!(stream.turn(1_000_000, b"x", 0), Turn::Full);
        assert_eq!(stream.give_up(1_000_000), 10);
        assert_eq!(
            stream.held().map(|(piece, old)| (piece.bytes.len(), old)),
            Some((piece.len(), 0))
        );
    }
}
