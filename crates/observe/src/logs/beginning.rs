//! The beginning of a log: by it a log is known again, and its format is found.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::format::{Framing, Said, Sample, Wanted, choose};
use super::log::{Log, LogError, Start};
use super::open::{self, Opened, Packing, Progress};
use super::records::Records;

/// Bytes of the beginning of a log that are looked at, to know it again and to find its format.
pub const HEAD: usize = 64 << 10;
/// Bytes of the beginning by which a log is known again.
pub const MARKED: usize = 4 << 10;
/// Bytes before the place that was read to, by which it is known again.
pub const TAIL: usize = 1 << 10;

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

    /// All that it is the beginning of, unpacked, where that comes as a stream: it can be read only once. Of a file, no more
    /// than its head.
    pub fn into_content(self) -> Stream {
        let head = io::Cursor::new(self.head);
        match self.rest {
            Some(rest) => Box::new(head.chain(rest.reader)),
            None => Box::new(head),
        }
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
        let reader: Stream = match (self.rest, path) {
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
                let mut records: Box<dyn Read + Send> = Box::new(Records::new(reader));
                let skipped = io::copy(&mut records.by_ref().take(start.position), &mut io::sink());
                skipped.map_err(|error| self.place.io(error))?;
                records
            }
        };
        let is_plain_file = path.is_some() && self.packing == Packing::Plain;
        let mut log = Log::new(self.place, format.into(), wanted, start, reader);
        *log.head_mut() = marked;
        if is_plain_file {
            log.is_of_plain_file();
        }
        Ok(log)
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}
