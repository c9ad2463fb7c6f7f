//! Reads a trail and checks its chain.

use std::fmt;

use crate::record::{self, NOTHING, Record, sha256};

/// A trail as it was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// Every line that is a record, whether or not the chain holds there.
    pub records: Vec<Record>,
    /// The first place where the chain does not hold.
    pub fault: Option<Fault>,
    /// The length of an unfinished record at the end: a crash while it was written. 0 where there is none.
    pub unfinished: usize,
}

/// Where a trail is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The line, from 1.
    pub line: usize,
    /// The number that the record there gives itself, where it is one.
    pub seq: Option<u64>,
    /// What is wrong.
    pub wrong: Wrong,
}

/// What can be wrong with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// The line is no record.
    NoRecord,
    /// The record is not what its hash was made from.
    Changed,
    /// The record before is not the one that was there.
    Gap,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        if let Some(seq) = self.seq {
            write!(f, " (record {seq})")?;
        }
        f.write_str(match self.wrong {
            Wrong::NoRecord => " is no record",
            Wrong::Changed => " was changed after it was written",
            Wrong::Gap => {
                " does not follow the record before it: one was removed, put in or changed"
            }
        })
    }
}

impl Reading {
    /// Reads the whole text of a trail.
    pub(crate) fn of(text: &[u8]) -> Self {
        let mut reading = Self::default();
        let mut chain = Chain::default();
        // Lines that are no records, since the last that is one: where they begin and in which line.
        let mut broken: Option<(usize, usize)> = None;
        let mut start = 0;
        for (index, line) in text.split_inclusive(|&byte| byte == b'\n').enumerate() {
            let (at, line_number) = (start, index + 1);
            start += line.len();
            let ended = line.ends_with(b"\n");
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            let Some((record, is_right)) = record::read(line) else {
                if ended {
                    broken.get_or_insert((at, line_number));
                } else {
                    reading.unfinished = line.len();
                }
                continue;
            };
            if let Some((begun, first)) = broken.take() {
                let found = text.get(begun..at.saturating_sub(1)).unwrap_or_default();
                if record.kind != "recovered" || record.text("sha256") != Some(&sha256(found)) {
                    reading.found(first, None, Wrong::NoRecord);
                }
            }
            if !is_right {
                reading.found(line_number, Some(record.seq), Wrong::Changed);
            } else if !chain.goes_on_with(&record) {
                reading.found(line_number, Some(record.seq), Wrong::Gap);
            }
            chain.take(&record);
            reading.records.push(record);
        }
        // A line that was ended is no unfinished one, and nothing says since that it was found like that.
        if let Some((_, first)) = broken {
            reading.found(first, None, Wrong::NoRecord);
        }
        reading
    }

    fn found(&mut self, line: usize, seq: Option<u64>, wrong: Wrong) {
        self.fault.get_or_insert(Fault { line, seq, wrong });
    }
}

/// What the next record must follow.
struct Chain {
    seq: u64,
    hash: String,
}

impl Default for Chain {
    fn default() -> Self {
        Self {
            seq: 0,
            hash: NOTHING.to_owned(),
        }
    }
}

impl Chain {
    fn goes_on_with(&self, record: &Record) -> bool {
        Some(record.seq) == self.seq.checked_add(1) && record.previous == self.hash
    }

    fn take(&mut self, record: &Record) {
        self.seq = record.seq;
        self.hash.clone_from(&record.hash);
    }
}
