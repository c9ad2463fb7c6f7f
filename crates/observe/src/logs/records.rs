//! The records of a JSON document, each on a line of its own.
//!
//! `{"Records": [{…}, {…}]}` becomes `{…}\n{…}\n`. Objects outside of an array, such as JSON lines, come through as they
//! are. Nothing is checked: what is broken is found by whoever reads the lines.

use std::io::{self, Read};

const BLOCK: usize = 64 << 10;

/// Reads a JSON document as lines.
pub(crate) struct Records<R> {
    inner: R,
    block: Vec<u8>,
    out: Vec<u8>,
    given: usize,
    /// Arrays and objects that are open, outside of a record.
    depth: u32,
    /// Objects and arrays that are open, within a record.
    within: u32,
    in_string: bool,
    escaped: bool,
}

impl<R> std::fmt::Debug for Records<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Records").finish_non_exhaustive()
    }
}

impl<R: Read> Records<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self {
            inner,
            block: vec![0; BLOCK],
            out: Vec::with_capacity(BLOCK),
            given: 0,
            depth: 0,
            within: 0,
            in_string: false,
            escaped: false,
        }
    }

    fn byte(&mut self, byte: u8) {
        let is_record = self.within > 0;
        if is_record {
            self.out.push(if matches!(byte, b'\n' | b'\r') {
                b' '
            } else {
                byte
            });
        }
        if self.in_string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
            return;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' if is_record => self.within = self.within.saturating_add(1),
            b'}' | b']' if is_record => {
                self.within -= 1;
                if self.within == 0 {
                    self.out.push(b'\n');
                }
            }
            // The document, then the array of records, then a record.
            b'{' if self.depth == 2 => {
                self.within = 1;
                self.out.push(byte);
            }
            b'{' | b'[' => self.depth = self.depth.saturating_add(1),
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }
}

impl<R: Read> Read for Records<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given == self.out.len() {
            self.out.clear();
            self.given = 0;
            let mut block = std::mem::take(&mut self.block);
            let read = self.inner.read(&mut block);
            if let Ok(read) = read {
                block.iter().take(read).for_each(|byte| self.byte(*byte));
            }
            self.block = block;
            if read? == 0 {
                return Ok(0);
            }
        }
        let waiting = self.out.get(self.given..).unwrap_or_default();
        let length = waiting.len().min(buffer.len());
        for (place, byte) in buffer.iter_mut().zip(waiting) {
            *place = *byte;
        }
        self.given += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_record_is_a_line() {
        let text = "{ \"Records\": [\n {\"a\": \"}\\\"{\",\n \"b\": [{}]}, {\"c\": 1}\n] }";
        let mut lines = String::new();
        Records::new(text.as_bytes())
            .read_to_string(&mut lines)
            .expect("text");
        assert_eq!(lines, "{\"a\": \"}\\\"{\",  \"b\": [{}]}\n{\"c\": 1}\n");
        let mut broken = String::new();
        Records::new(&b"{\"Records\":[{\"a\":"[..])
            .read_to_string(&mut broken)
            .expect("text");
        assert_eq!(broken, "{\"a\":");
    }
}
