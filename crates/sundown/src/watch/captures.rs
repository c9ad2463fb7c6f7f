//! Reading captures into the ledger.

use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use ledger::{LedgerError, Mark, Place};
use observe::Evidence;
use observe::capture::{self, Counted, Magic, Summary, Taker};
use observe::logs::{Beginning, Progress};
use serde::Serialize;

use super::logs::{Read, Reading};
use super::sources::Source;
use super::told::{Part, Rest};

/// What captures are called among the formats.
pub(crate) const FORMAT: &str = "packet capture";

/// What a capture held.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Captured {
    pub(crate) packets: u64,
    /// TLS connections.
    pub(crate) connections: u64,
    /// Those of them in which a server has agreed on something.
    pub(crate) answered: u64,
    /// Those of them whose end is not in it.
    pub(crate) unfinished: u64,
    /// Those of them whose hello is not in it, or not whole.
    pub(crate) incomplete: u64,
    /// Connections that made room for newer ones.
    pub(crate) evicted: u64,
    /// Pieces of IP packets, which are not put together.
    pub(crate) fragments: u64,
    /// Packets that open a QUIC connection, which is not read.
    pub(crate) quic: u64,
    /// Packets of a link layer that is not read.
    pub(crate) unknown_links: u64,
    /// Packets of live traffic that the system had no room for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dropped: Option<u64>,
}

impl From<&Summary> for Captured {
    fn from(summary: &Summary) -> Self {
        Self {
            packets: summary.packets,
            connections: summary.connections,
            answered: summary.answered,
            unfinished: summary.unfinished,
            incomplete: summary.incomplete,
            evicted: summary.evicted,
            fragments: summary.fragments,
            quic: summary.quic,
            unknown_links: summary.unknown_links,
            dropped: None,
        }
    }
}

/// Counts what is read for whoever shows how far it is.
pub(super) struct Watched<R> {
    input: R,
    progress: Progress,
}

impl<R> Watched<R> {
    pub(super) const fn new(input: R, progress: Progress) -> Self {
        Self { input, progress }
    }
}

impl<R: io::Read> io::Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.progress.fetch_add(read as u64, Relaxed);
        Ok(read)
    }
}

/// Standard input, waited for until it comes.
struct Patient<R>(R);

impl<R: io::Read> io::Read for Patient<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return read,
            }
        }
    }
}

/// The beginning of this file, if it is a capture, packed or not.
pub(crate) fn beginning(path: &Path) -> Option<Beginning> {
    // A pipe can be read only once.
    if !path.is_file() {
        return None;
    }
    let beginning = Beginning::of_file(path, Progress::default()).ok()?;
    (Magic::of(beginning.head()) == Some(Magic::Capture)).then_some(beginning)
}

/// What a place has for its server while the capture was not read to its end: no version has this number. Connections that
/// were open there are not counted; at its end they are.
const IN_THE_MIDDLE: u16 = 1;
/// Connections that are counted in one transaction. What a kill costs is to read them again; what they cost is the memory
/// of so many rows: above 7,168 their table grows to twice its size.
const MOST_PART: usize = 7_000;
/// Bytes of offers in one transaction: a hello can have 64 KiB, and then fewer fit.
const MOST_PART_BYTES: usize = 8 << 20;
/// How long what is known of a stream waits to be counted.
const COMMIT: Duration = Duration::from_secs(1);

/// Where the counting of a capture stands.
pub(super) struct Counting {
    /// Absent for a stream.
    place: Option<Place>,
    /// Its first bytes.
    head: Vec<u8>,
    pub(super) source: Arc<str>,
    read: Read,
    position: u64,
    /// The bytes before that; empty where they are those of the place.
    tail: Vec<u8>,
    /// What waits to be committed.
    connections: usize,
    bytes: usize,
    since: Instant,
}

impl Counting {
    fn new(source: Arc<str>, name: String, place: Option<Place>, head: &[u8]) -> Self {
        let position = place.as_ref().map_or(0, |place| place.position);
        Self {
            read: Read {
                source: name,
                format: Some(FORMAT),
                from: position,
                to: position,
                ..Read::default()
            },
            place,
            head: head.to_vec(),
            source,
            position,
            tail: Vec::new(),
            connections: 0,
            bytes: 0,
            since: Instant::now(),
        }
    }

    /// What of it was counted before.
    pub(super) fn counted(&self) -> Counted {
        Counted {
            position: self.position,
            at_its_end: self
                .place
                .as_ref()
                .is_none_or(|place| place.server != IN_THE_MIDDLE),
        }
    }

    /// Its first bytes.
    pub(super) fn head(&self) -> &[u8] {
        &self.head
    }

    /// Counts a connection.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be written.
    pub(super) fn add(
        &mut self,
        reading: &mut Reading<'_>,
        evidence: &Evidence<'_>,
    ) -> Result<(), LedgerError> {
        let account = reading.recorder.record(evidence)?;
        reading.tally.add(evidence, account.as_ref());
        self.connections += 1;
        let offer = evidence.offer.as_ref();
        self.bytes += offer.map_or(0, |offer| offer.as_bytes().len());
        Ok(())
    }

    fn at(&mut self, position: u64, tail: &[u8]) {
        self.position = position;
        self.tail.clear();
        self.tail.extend_from_slice(tail);
    }

    /// Commits what waits, and how far it was read.
    fn commit(&mut self, reading: &mut Reading<'_>, server: u16) -> Result<(), LedgerError> {
        let importer = reading.recorder.importer();
        if let Some(place) = &mut self.place {
            let from = place.position;
            let known = usize::try_from(self.position).unwrap_or(usize::MAX);
            place.position = self.position;
            place.head = Mark::of(self.head.get(..known).unwrap_or(&self.head));
            if !self.tail.is_empty() {
                place.tail = Mark::of(&self.tail);
            }
            place.server = server;
            place.seen = reading.clock.now().as_second();
            importer.commit_read(place, from)?;
            reading.places.keep(place);
        } else {
            importer.commit()?;
        }
        (self.connections, self.bytes) = (0, 0);
        self.since = Instant::now();
        Ok(())
    }

    /// Counts a part that another thread has read, and commits it.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be written.
    pub(super) fn count(
        &mut self,
        reading: &mut Reading<'_>,
        part: Part,
    ) -> Result<(), LedgerError> {
        self.take(reading, part)?;
        self.commit(reading, IN_THE_MIDDLE)
    }

    fn take(&mut self, reading: &mut Reading<'_>, part: Part) -> Result<(), LedgerError> {
        if part.position > 0 {
            self.at(part.position, &part.tail);
        }
        let source = self.source.clone();
        part.hand_on(&source, |evidence| self.add(reading, evidence))
    }

    /// Counts the rest of it, of what another thread has read.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be written.
    pub(super) fn finish(
        mut self,
        reading: &mut Reading<'_>,
        rest: Rest,
    ) -> Result<Read, LedgerError> {
        self.take(reading, rest.part)?;
        self.end(reading, rest.summary, rest.is_stopped)
    }

    /// Commits the rest; gives what became of it.
    fn end(
        mut self,
        reading: &mut Reading<'_>,
        summary: io::Result<Summary>,
        is_stopped: bool,
    ) -> Result<Read, LedgerError> {
        let server = match &summary {
            Ok(_) if !is_stopped => 0,
            // What was open when it was left is counted when it is read on.
            _ => IN_THE_MIDDLE,
        };
        let is_new = server == 0 || self.connections > 0;
        if is_new && self.position > 0 {
            self.commit(reading, server)?;
        }
        let mut read = self.read;
        read.to = self.position;
        let problem = match summary {
            Ok(summary) => {
                read.rows = summary.connections;
                read.captured = Some(Captured::from(&summary));
                summary.problem.map(|problem| problem.to_string())
            }
            Err(error) => Some(error.to_string()),
        };
        read.error = problem.map(|problem| {
            format!(
                "{}: {problem}; what stands before that is counted",
                read.source
            )
        });
        Ok(read)
    }
}

/// Counts what is read as it comes.
struct AtOnce<'a, 'b> {
    reading: &'a mut Reading<'b>,
    counting: Counting,
    failed: Option<LedgerError>,
    is_stopped: bool,
}

impl AtOnce<'_, '_> {
    fn go_on(&mut self, done: Result<(), LedgerError>) -> ControlFlow<()> {
        match done {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                self.failed = Some(error);
                ControlFlow::Break(())
            }
        }
    }
}

impl Taker for AtOnce<'_, '_> {
    fn take(&mut self, evidence: Evidence<'_>) -> ControlFlow<()> {
        let added = self.counting.add(self.reading, &evidence);
        self.go_on(added)
    }

    fn reached(&mut self, position: u64, tail: &[u8]) -> ControlFlow<()> {
        let counting = &mut self.counting;
        counting.at(position, tail);
        self.is_stopped = self.reading.stopping.is_wanted();
        if self.is_stopped {
            return ControlFlow::Break(());
        }
        let is_full = counting.connections >= MOST_PART || counting.bytes >= MOST_PART_BYTES;
        let is_due = counting.place.is_none() && counting.since.elapsed() >= COMMIT;
        if !is_full && !is_due {
            return ControlFlow::Continue(());
        }
        let committed = counting.commit(self.reading, IN_THE_MIDDLE);
        self.go_on(committed)
    }

    fn ended(&mut self, position: u64, tail: &[u8]) {
        self.counting.at(position, tail);
    }
}

impl Reading<'_> {
    /// What is to be counted of a capture; `Err` with what there is to say of one that has nothing new.
    pub(super) fn to_count(
        &self,
        path: &Path,
        beginning: &Beginning,
    ) -> Result<Counting, Box<Read>> {
        let name = path.display().to_string();
        let place = self.places.of(beginning, name.clone());
        let source = path.file_name().map_or_else(
            || "capture".into(),
            |name| name.to_string_lossy().into_owned().into(),
        );
        let counting = Counting::new(source, name, Some(place), beginning.head());
        let counted = counting.counted();
        let has_more = || beginning.tail_before(counted.position + 1).is_some();
        if counted.position > 0 && counted.at_its_end && !has_more() {
            return Err(Box::new(counting.read));
        }
        Ok(counting)
    }

    /// Reads a capture to its end and counts what was not counted before. An error that is the capture's own is in what is
    /// given back.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be written.
    pub(super) fn capture(&mut self, path: &Path, beginning: &Beginning) -> anyhow::Result<Read> {
        let counting = match self.to_count(path, beginning) {
            Ok(counting) => counting,
            Err(read) => return Ok(*read),
        };
        match File::open(path) {
            Ok(file) => {
                let input = Watched::new(file, self.progress.clone());
                self.take(input, counting)
            }
            Err(error) => Ok(counting.end(self, Err(error), false)?),
        }
    }

    /// Reads a capture that comes through a pipe. It is counted as often as it is read.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be written.
    pub(super) fn piped_capture(&mut self, input: impl io::Read) -> anyhow::Result<Read> {
        let name = Source::Stdin.name();
        let counting = Counting::new("capture".into(), name, None, &[]);
        self.take(Patient(input), counting)
    }

    fn take(&mut self, input: impl io::Read, counting: Counting) -> anyhow::Result<Read> {
        let (source, counted) = (counting.source.clone(), counting.counted());
        let mut taker = AtOnce {
            reading: self,
            counting,
            failed: None,
            is_stopped: false,
        };
        let summary = capture::read_on(input, &source, counted, &mut taker);
        let AtOnce {
            reading,
            counting,
            failed,
            is_stopped,
        } = taker;
        if let Some(error) = failed {
            return Err(error.into());
        }
        Ok(counting.end(reading, summary, is_stopped)?)
    }
}
