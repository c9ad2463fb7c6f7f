//! Lines of one log, counted and put into groups.

use std::borrow::Cow;

use jiff::tz::TimeZone;
use memchr::memchr;

use super::format::{Format, Wanted};
use super::groups::{Groups, Sort};
use super::line::{Fault, Field, Line, Taken};
use super::stamp::Stamps;

/// Lines that cannot be read of which something is kept, to be shown.
const MOST_SHOWN: usize = 3;
/// Characters of such a line that are shown.
const MOST_CHARACTERS: usize = 120;

/// How many lines of each kind there were. Every line is one of the kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All lines.
    pub lines: u64,
    /// Those that show a request or a connection over TLS, or one that failed.
    pub rows: u64,
    /// Comments, headings, empty lines, and what tells of something else.
    pub skipped: u64,
    /// Requests without TLS.
    pub without_tls: u64,
    /// Those that cannot be read.
    pub malformed: u64,
}

impl Counts {
    /// Adds others up with these.
    pub fn add(&mut self, more: &Self) {
        self.lines += more.lines;
        self.rows += more.rows;
        self.skipped += more.skipped;
        self.without_tls += more.without_tls;
        self.malformed += more.malformed;
    }
}

/// A line that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Its number, from 1.
    pub line: u64,
    /// The character at which it shows, from 1.
    pub column: usize,
    /// What is wrong.
    pub reason: Cow<'static, str>,
    /// Its beginning; what is not for terminals is a question mark.
    pub shown: String,
}

/// Lines of one log, as they are read.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) groups: Groups,
    pub(crate) counts: Counts,
    pub(crate) malformed: Vec<Malformed>,
    stamps: Stamps,
}

impl Reading {
    pub(crate) fn new(format: &dyn Format, wanted: &Wanted) -> Self {
        let zone = format.zone().or_else(|| wanted.zone.clone());
        let zone = zone.unwrap_or_else(TimeZone::system);
        Self {
            groups: Groups::new(
                format.fields(),
                format.tells(),
                wanted.addresses,
                wanted.paths,
            ),
            stamps: Stamps::new(format.written(), zone),
            counts: Counts::default(),
            malformed: Vec::new(),
        }
    }

    /// Goes on where this ended, in numbers of lines and in what is shown.
    pub(crate) fn goes_on_from(&mut self, before: &mut Self) {
        let mut shown = std::mem::take(&mut before.malformed);
        shown.extend(self.malformed.drain(..).map(|later| Malformed {
            line: later.line + before.counts.lines,
            ..later
        }));
        shown.truncate(MOST_SHOWN);
        self.malformed = shown;
        self.counts.add(&before.counts);
    }

    /// Reads whole lines.
    pub(crate) fn block(&mut self, format: &dyn Format, block: &[u8]) {
        let mut rest = block;
        while let Some(at) = memchr(b'\n', rest) {
            let Some((line, after)) = rest.split_at_checked(at + 1) else {
                return;
            };
            self.line(format, line.get(..at).unwrap_or_default());
            rest = after;
        }
        if !rest.is_empty() {
            self.line(format, rest);
        }
    }

    fn line(&mut self, format: &dyn Format, line: &[u8]) {
        self.counts.lines += 1;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match self.take(format, line) {
            Ok(()) => {}
            Err(fault) => self.fault(line, fault),
        }
    }

    /// Counts a line that cannot be read.
    fn fault(&mut self, line: &[u8], fault: Fault) {
        self.counts.malformed += 1;
        if self.malformed.len() >= MOST_SHOWN {
            return;
        }
        let before = line.get(..fault.at).unwrap_or(line);
        self.malformed.push(Malformed {
            line: self.counts.lines,
            column: String::from_utf8_lossy(before).chars().count() + 1,
            reason: fault.reason,
            shown: shown(line),
        });
    }

    /// A line of which this many bytes were passed over, because it has too many.
    pub(crate) fn too_long(&mut self, bytes: u64) {
        self.counts.lines += 1;
        self.fault(
            &[],
            Fault::new(
                0,
                format!(
                    "it is longer than {} bytes ({bytes})",
                    super::lines::LONGEST
                ),
            ),
        );
    }

    #[inline]
    fn take(&mut self, format: &dyn Format, line: &[u8]) -> Result<(), Fault> {
        if line.is_empty() {
            self.counts.skipped += 1;
            return Ok(());
        }
        let mut out = Line::default();
        if format.split(line, &mut out)? == Taken::Skipped {
            self.counts.skipped += 1;
            return Ok(());
        }
        let Some(sort) = sort(&out) else {
            self.counts.without_tls += 1;
            return Ok(());
        };
        let second = self
            .stamps
            .second(out.time)
            .ok_or_else(|| no_time(line, &out))?;
        self.groups.add(&out, sort, second);
        self.counts.rows += 1;
        Ok(())
    }
}

fn no_time(line: &[u8], out: &Line<'_>) -> Fault {
    let at = memchr::memmem::find(line, out.time).unwrap_or_default();
    Fault::new(at, format!("`{}` is no time", shown(out.time)))
}

/// The beginning of some bytes, for a terminal.
fn shown(bytes: &[u8]) -> String {
    let start = bytes.get(..4 * MOST_CHARACTERS).unwrap_or(bytes);
    let text = String::from_utf8_lossy(start);
    text.chars()
        .map(|character| {
            if character.is_control() {
                '?'
            } else {
                character
            }
        })
        .take(MOST_CHARACTERS)
        .collect()
}

/// What kind of line it is; `None` for a request without TLS.
fn sort(line: &Line<'_>) -> Option<Sort> {
    let has = |field| !line.get(field).is_empty();
    if has(Field::Failure) {
        return Some(Sort::Failed);
    }
    let offered = [
        Field::OfferedVersions,
        Field::OfferedVersion,
        Field::Ja3,
        Field::Suites,
    ];
    if !has(Field::Protocol) && !offered.into_iter().any(has) {
        // 497 is nginx's own, for HTTP on a port for TLS.
        return (line.get(Field::Status) == b"497").then_some(Sort::PlainHttp);
    }
    // Closed, or timed out, before anything was asked.
    let asked_nothing =
        matches!(line.get(Field::Status), b"400" | b"408" | b"000") && !has(Field::Request);
    Some(if asked_nothing {
        Sort::Silent
    } else {
        Sort::Served
    })
}
