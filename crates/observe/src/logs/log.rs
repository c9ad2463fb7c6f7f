//! One log, from its bytes to evidence.

use std::collections::HashMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hello::Version;

use super::format::{Format, FormatError, Framing, Said, Sample, Wanted, choose};
use super::lines::{Lines, Next};
use super::open::{self, Opened, Packing, Progress};
use super::reading::{Counts, Malformed, Reading};
use super::servers::Servers;
use super::show::{Shower, agreed};
use crate::Evidence;

/// Bytes of the beginning of a log that are looked at, to know it again and to find its format.
pub const HEAD: usize = 64 << 10;
/// Bytes of the beginning by which a log is known again.
pub const MARKED: usize = 4 << 10;
/// Bytes before the place that was read to, by which it is known again.
pub const TAIL: usize = 1 << 10;
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

/// Where a log comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A file.
    File(PathBuf),
    /// Standard input.
    Stdin,
}

/// A stream that may say `WouldBlock`, to be asked again.
pub type Stream = Box<dyn Read + Send>;

impl Place {
    /// Its name for people.
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Stdin => "standard input".to_owned(),
        }
    }

    pub(crate) fn io(&self, error: io::Error) -> LogError {
        LogError::Io {
            name: self.name(),
            error,
        }
    }
}

/// The beginning of a log.
#[derive(Debug)]
pub struct Beginning {
    place: Place,
    head: Vec<u8>,
    /// What follows the head, where it cannot be opened again.
    rest: Option<Opened>,
    packing: Packing,
    progress: Progress,
}

impl Beginning {
    /// Reads the beginning of a file.
    ///
    /// # Errors
    ///
    /// When it cannot be opened or read.
    pub fn of_file(path: &Path, progress: Progress) -> Result<Self, LogError> {
        let place = Place::File(path.to_owned());
        let opened = open::file(path, 0, Progress::default());
        let mut opened = opened.map_err(|error| place.io(error))?;
        let mut head = Vec::new();
        let mut first = opened.reader.by_ref().take(HEAD as u64);
        let read = first.read_to_end(&mut head);
        // What is broken further on is found when it is read.
        if head.is_empty() {
            read.map_err(|error| place.io(error))?;
        }
        Ok(Self {
            packing: opened.packing,
            rest: None,
            place,
            head,
            progress,
        })
    }

    /// Reads the beginning of a stream: as much of it as comes at once. Before the first line is there, this waits.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn of_stream(stream: Stream, progress: Progress) -> Result<Self, LogError> {
        let place = Place::Stdin;
        let opened = open::stream(stream, progress.clone());
        let mut opened = opened.map_err(|error| place.io(error))?;
        let mut head = vec![0; HEAD];
        let mut length = 0;
        // A pipe hands out a few KiB at a time: one line is enough, when nothing else is there.
        while !head.get(..length).unwrap_or_default().contains(&b'\n') {
            let room = head.get_mut(length..).unwrap_or_default();
            if room.is_empty() {
                break;
            }
            match opened.reader.read(room) {
                Ok(0) => break,
                Ok(read) => length += read,
                Err(error) if is_passing(&error) => {}
                Err(_) if length > 0 => break,
                Err(error) => return Err(place.io(error)),
            }
        }
        head.truncate(length);
        Ok(Self {
            packing: opened.packing,
            rest: Some(opened),
            place,
            head,
            progress,
        })
    }

    /// Its first bytes, unpacked, at most [`HEAD`].
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// Whether a first line is there, or as much of one as a format is recognised by.
    pub fn has_line(&self) -> bool {
        self.head.len() >= HEAD || self.head.contains(&b'\n')
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    pub(crate) fn packing(&self) -> Packing {
        self.packing
    }

    pub(crate) fn progress(&self) -> Progress {
        self.progress.clone()
    }

    /// The bytes just before this one of its content, at most [`TAIL`]; `None` where it is shorter, and for what can be
    /// read only once.
    pub fn tail_before(&self, position: u64) -> Option<Vec<u8>> {
        let Place::File(path) = &self.place else {
            return None;
        };
        let length = position.min(TAIL as u64);
        let mut opened = open::file(path, position - length, Progress::default()).ok()?;
        let mut tail = Vec::new();
        opened
            .reader
            .by_ref()
            .take(length)
            .read_to_end(&mut tail)
            .ok()?;
        (tail.len() as u64 == length).then_some(tail)
    }

    /// Opens it to be read from this byte of its content on.
    ///
    /// # Errors
    ///
    /// When its format cannot be found or used, and when it cannot be read.
    pub fn open(self, said: &Said, wanted: &Wanted, start: &Start) -> Result<Log, LogError> {
        let path = match &self.place {
            Place::File(path) => Some(path.as_path()),
            Place::Stdin => None,
        };
        let sample = Sample {
            path,
            head: &self.head,
        };
        let format = choose(said, &sample, wanted).map_err(|error| LogError::Format {
            name: self.place.name(),
            error,
        })?;
        let is_read_whole = format.framing() != Framing::Lines;
        let marked = self.head.get(..MARKED).unwrap_or(&self.head).to_vec();
        let reader: Box<dyn Read + Send> = match (self.rest, path) {
            (Some(rest), _) => Box::new(io::Cursor::new(self.head).chain(rest.reader)),
            (None, Some(path)) => {
                let from = if is_read_whole { 0 } else { start.position };
                let opened = open::file(path, from, self.progress);
                opened.map_err(|error| self.place.io(error))?.reader
            }
            (None, None) => Box::new(io::empty()),
        };
        let reader = match format.framing() {
            Framing::Lines => reader,
            Framing::Records => {
                let mut records: Box<dyn Read + Send> =
                    Box::new(super::records::Records::new(reader));
                let skipped = io::copy(&mut records.by_ref().take(start.position), &mut io::sink());
                skipped.map_err(|error| self.place.io(error))?;
                records
            }
        };
        let is_plain_file = path.is_some() && self.packing == Packing::Plain;
        let mut log = Log::new(self.place, format.into(), wanted, start, reader);
        log.head = marked;
        log.is_plain_file = is_plain_file;
        Ok(log)
    }
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

fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
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
