//! One log, from its bytes to evidence.

use std::collections::HashMap;
use std::io::{self, Read};
use std::sync::Arc;

use hello::Version;

use super::beginning::{MARKED, Place, TAIL};
use super::format::{Format, FormatError, Framing, Wanted};
use super::lines::{Lines, Next};
use super::reading::{Counts, Malformed, Reading};
use super::servers::Servers;
use super::show::{Shower, agreed};
use crate::Evidence;

/// Bytes that are read before what was counted is handed on, however little that is: what a kill costs.
const MOST_AT_ONCE: u64 = 1 << 30;

/// Why a log cannot be read. The text names it.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file or stream fails.
    #[error("{name}: {error}")]
    Io {
        /// The log.
        name: String,
        /// What the system, or what unpacks it, said.
        error: io::Error,
    },
    /// Its format cannot be used or is not known.
    #[error("{name}: {error}")]
    Format {
        /// The log.
        name: String,
        /// Why.
        error: FormatError,
    },
}

/// Its name as reports show it in the place of a listener: the format and the file's own name.
fn source(place: &Place, format: &dyn Format) -> Arc<str> {
    match place {
        Place::File(path) => {
            let name = path
                .file_name()
                .unwrap_or(path.as_os_str())
                .to_string_lossy();
            format!("{} {}", format.name(), before_rotation(&name)).into()
        }
        Place::Stdin => format.name().into(),
    }
}

/// The name that a log had before it was rotated and packed: `access.log` for `access.log.3.gz`. The parts of one log are
/// one source.
fn before_rotation(name: &str) -> &str {
    let mut name = name;
    for ending in [".gz", ".zst"] {
        name = name.strip_suffix(ending).unwrap_or(name);
    }
    match name.rsplit_once(['.', '-']) {
        Some((before, number))
            if !before.is_empty()
                && number.bytes().all(|byte| byte.is_ascii_digit())
                && !number.is_empty() =>
        {
            before
        }
        _ => name,
    }
}

/// What is known before a log is read.
#[derive(Clone, Debug, Default)]
pub struct Start {
    /// The byte of its content to begin at.
    pub position: u64,
    /// Somebody may be writing to it: what stands behind its last end of a line is left until that line has an end.
    pub grows: bool,
    /// The latest version that its server is known to speak, because somebody says so.
    pub server_max: Option<Version>,
    /// The latest version that it was seen to speak before.
    pub server_seen: Option<Version>,
}

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// There is more to read.
    More,
    /// There is more to read, but what was counted should be handed on first.
    Full,
    /// There will be more, but not yet.
    Idle,
    /// The log has ended; one that is followed may grow.
    End,
}

/// A log that is being read.
pub struct Log {
    place: Place,
    format: Arc<dyn Format>,
    reader: Box<dyn Read + Send>,
    lines: Lines,
    reading: Reading,
    shower: Shower,
    servers: Servers,
    position: u64,
    handed_on: u64,
    head: Vec<u8>,
    tail: Vec<u8>,
    is_plain_file: bool,
    grows: bool,
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log")
            .field("place", &self.place)
            .field("format", &self.format)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

impl Log {
    /// Reads what this reader gives, which begins at the start's position.
    pub(crate) fn new(
        place: Place,
        format: Arc<dyn Format>,
        wanted: &Wanted,
        start: &Start,
        reader: Box<dyn Read + Send>,
    ) -> Self {
        Self {
            head: Vec::new(),
            reading: Reading::new(&*format, wanted),
            shower: Shower {
                source: source(&place, &*format),
                escape: format.escape(),
                tells: format.tells(),
                headers: wanted.headers.clone(),
                known: HashMap::default(),
                scratch: Vec::new(),
            },
            servers: Servers::new(start.server_max.max(format.server_max()), start.server_seen),
            format,
            reader,
            lines: Lines::new(),
            position: start.position,
            handed_on: start.position,
            tail: Vec::new(),
            is_plain_file: false,
            grows: start.grows,
            place,
        }
    }

    /// Goes on where another part of the same log ended, with what was learned and counted there. That part was read and
    /// handed on to its end.
    pub fn goes_on_from(&mut self, before: &mut Self) {
        self.servers = std::mem::take(&mut before.servers);
        self.reading.goes_on_from(&mut before.reading);
        self.head = std::mem::take(&mut before.head);
    }

    /// Reads some lines.
    ///
    /// # Errors
    ///
    /// When the file or the stream fails, or what it is packed in is broken. What was read before stays counted.
    pub fn step(&mut self) -> Result<Step, LogError> {
        let mut is_rest = false;
        let next = self
            .lines
            .next(&mut self.reader)
            .map_err(|error| self.place.io(error))?;
        let block = match next {
            Next::End => return Ok(Step::End),
            Next::Idle => return Ok(Step::Idle),
            Next::TooLong(bytes) => {
                self.reading.too_long(bytes);
                self.position += bytes;
                return Ok(Step::More);
            }
            // A line of a file that is being written may not be there as a whole; then it is read next time.
            Next::Rest(rest)
                if self.is_plain_file && (self.grows || !is_readable(&*self.format, rest)) =>
            {
                return Ok(Step::End);
            }
            Next::Rest(block) => {
                is_rest = true;
                block
            }
            Next::Lines(block) => block,
        };
        self.reading.block(&*self.format, block);
        if self.head.len() < MARKED
            && let Some(known) = (self.head.len() as u64).checked_sub(self.position)
            && let Some(more) = usize::try_from(known)
                .ok()
                .and_then(|known| block.get(known..))
        {
            let room = MARKED - self.head.len();
            self.head
                .extend_from_slice(more.get(..room).unwrap_or(more));
        }
        self.position += block.len() as u64;
        self.tail.clear();
        let tail = block.get(block.len().saturating_sub(TAIL)..);
        self.tail.extend_from_slice(tail.unwrap_or_default());
        if is_rest {
            self.lines.took_rest();
        }
        let is_full =
            self.reading.groups.is_full() || self.position - self.handed_on >= MOST_AT_ONCE;
        Ok(if is_full { Step::Full } else { Step::More })
    }

    /// From now on nobody writes to it: a last line without an end counts where it can be read.
    pub fn grows_no_more(&mut self) {
        self.grows = false;
    }

    /// Hands on what was counted since the last time. An error of `hand_on` ends it; the rest is then lost.
    ///
    /// # Errors
    ///
    /// Those of `hand_on`.
    pub fn hand_on<E>(
        &mut self,
        mut hand_on: impl FnMut(&Evidence<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        for seen in self.reading.groups.iter() {
            if let Some(version) = agreed(&seen) {
                self.servers
                    .saw(seen.line.get(super::line::Field::ServerName), version);
            }
        }
        for seen in self.reading.groups.iter() {
            self.shower.show(&seen, &self.servers, &mut hand_on)?;
        }
        self.reading.groups.clear();
        self.handed_on = self.position;
        Ok(())
    }

    /// Whether nothing waits to be handed on.
    pub fn is_handed_on(&self) -> bool {
        self.reading.groups.len() == 0
    }

    /// Whether enough is known of what its server speaks to judge clients that got an old version.
    pub fn knows_server(&self) -> bool {
        self.servers.is_known()
            || self
                .reading
                .groups
                .iter()
                .any(|seen| agreed(&seen) >= Some(Version::TLSV1_2))
    }

    /// Where it comes from.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The byte of its content up to which lines are counted.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The first bytes of its content, at most [`MARKED`].
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// The bytes just before that, as far as they were read by this; at most [`TAIL`].
    pub fn tail(&self) -> &[u8] {
        &self.tail
    }

    /// The latest version that its server was seen to speak.
    pub fn server_seen(&self) -> Option<Version> {
        self.servers.latest()
    }

    /// How many lines of each kind there were since it was opened.
    pub fn counts(&self) -> &Counts {
        &self.reading.counts
    }

    /// The first lines that could not be read. Their numbers count from where it was opened.
    pub fn malformed(&self) -> &[Malformed] {
        &self.reading.malformed
    }

    /// Its format.
    pub fn format(&self) -> &dyn Format {
        &*self.format
    }

    pub(crate) fn shared_format(&self) -> Arc<dyn Format> {
        self.format.clone()
    }

    pub(crate) fn head_mut(&mut self) -> &mut Vec<u8> {
        &mut self.head
    }

    pub(crate) fn is_of_plain_file(&mut self) {
        self.is_plain_file = true;
    }

    /// Whether its content is that of the file, byte by byte, so that what is written to it later can be read on.
    pub fn can_grow(&self) -> bool {
        self.is_plain_file && self.format.framing() == Framing::Lines
    }
}

fn is_readable(format: &dyn Format, line: &[u8]) -> bool {
    format
        .split(line, &mut super::line::Line::default())
        .is_ok()
}
