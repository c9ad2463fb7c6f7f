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
use observe::capture::{self, Counted, Magic, Taker};
use observe::logs::{Beginning, Progress};
use serde::Serialize;

use super::logs::{Read, Reading};
use super::piped::Piped;
use super::sources::Source;

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

impl From<&capture::Summary> for Captured {
    fn from(summary: &capture::Summary) -> Self {
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
struct Watched<R> {
    input: R,
    progress: Progress,
}

impl<R: io::Read> io::Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.progress.fetch_add(read as u64, Relaxed);
        Ok(read)
    }
}

/// Standard input, waited for until it comes.
struct Patient(Piped);

impl io::Read for Patient {
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
/// of so many rows.
const MOST_PART: usize = 8_192;
/// Bytes of offers in one transaction: a hello can have 64 KiB, and then fewer fit.
const MOST_PART_BYTES: usize = 8 << 20;
/// How long what is known of a stream waits to be counted.
const COMMIT: Duration = Duration::from_secs(1);

/// Counts what a capture shows, in parts, each with how far that is.
struct Counting<'a, 'b> {
    reading: &'a mut Reading<'b>,
    /// Where it stands; absent for a stream.
    place: Option<Place>,
    /// Its first bytes.
    head: &'a [u8],
    position: u64,
    /// The bytes before that, where they are not those of the place.
    tail: Option<Mark>,
    /// What waits to be committed.
    connections: usize,
    bytes: usize,
    since: Instant,
    failed: Option<LedgerError>,
    is_stopped: bool,
}

impl Counting<'_, '_> {
    /// Commits what waits.
    fn commit(&mut self, server: u16) -> Result<(), LedgerError> {
        let importer = self.reading.recorder.importer();
        if let Some(place) = &mut self.place {
            let from = place.position;
            let known = usize::try_from(self.position).unwrap_or(usize::MAX);
            place.position = self.position;
            place.head = Mark::of(self.head.get(..known).unwrap_or(self.head));
            if let Some(tail) = self.tail.take() {
                place.tail = tail;
            }
            place.server = server;
            place.seen = self.reading.clock.now().as_second();
            importer.commit_read(place, from)?;
            self.reading.places.keep(place);
        } else {
            importer.commit()?;
        }
        (self.connections, self.bytes) = (0, 0);
        self.since = Instant::now();
        Ok(())
    }
}

impl Taker for Counting<'_, '_> {
    fn take(&mut self, evidence: Evidence<'_>) -> ControlFlow<()> {
        match self.reading.recorder.record(&evidence) {
            Ok(account) => {
                self.reading.tally.add(&evidence, account.as_ref());
                self.connections += 1;
                let offer = evidence.offer.as_ref();
                self.bytes += offer.map_or(0, |offer| offer.as_bytes().len());
                ControlFlow::Continue(())
            }
            Err(error) => {
                self.failed = Some(error);
                ControlFlow::Break(())
            }
        }
    }

    fn reached(&mut self, position: u64, tail: &[u8]) -> ControlFlow<()> {
        self.position = position;
        let is_full = self.connections >= MOST_PART || self.bytes >= MOST_PART_BYTES;
        let is_due = self.place.is_none() && self.since.elapsed() >= COMMIT;
        self.is_stopped = self.reading.stopping.is_wanted();
        if is_full || is_due || self.is_stopped {
            self.tail = Some(Mark::of(tail));
            if let Err(error) = self.commit(IN_THE_MIDDLE) {
                self.failed = Some(error);
                return ControlFlow::Break(());
            }
        }
        if self.is_stopped {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    fn ended(&mut self, position: u64, tail: &[u8]) {
        self.position = position;
        self.tail = Some(Mark::of(tail));
    }
}

impl Reading<'_> {
    /// Reads a capture to its end and counts what was not counted before. An error that is the capture's own is in what is
    /// given back.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be written.
    pub(crate) fn capture(&mut self, path: &Path, beginning: &Beginning) -> anyhow::Result<Read> {
        let place = self.places.of(beginning, path.display().to_string());
        let mut read = Read {
            source: place.name.clone(),
            format: Some(FORMAT),
            from: place.position,
            to: place.position,
            ..Read::default()
        };
        let counted = Counted {
            position: place.position,
            at_its_end: place.server != IN_THE_MIDDLE,
        };
        let has_more = || beginning.tail_before(place.position + 1).is_some();
        if counted.position > 0 && counted.at_its_end && !has_more() {
            return Ok(read);
        }
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) => {
                read.error = Some(format!("{}: {error}", place.name));
                return Ok(read);
            }
        };
        let input = Watched {
            input: file,
            progress: self.progress.clone(),
        };
        let source: Arc<str> = path.file_name().map_or_else(
            || "capture".into(),
            |name| name.to_string_lossy().into_owned().into(),
        );
        self.take(
            input,
            &source,
            counted,
            Some(place),
            beginning.head(),
            &mut read,
        )?;
        Ok(read)
    }

    /// Reads a capture that comes through a pipe. It is counted as often as it is read.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be written.
    pub(super) fn piped_capture(&mut self, piped: Piped) -> anyhow::Result<Read> {
        let mut read = Read {
            source: Source::Stdin.name(),
            format: Some(FORMAT),
            ..Read::default()
        };
        let input = Watched {
            input: Patient(piped),
            progress: self.progress.clone(),
        };
        let source: Arc<str> = "capture".into();
        self.take(input, &source, Counted::default(), None, &[], &mut read)?;
        Ok(read)
    }

    fn take(
        &mut self,
        input: impl io::Read,
        source: &Arc<str>,
        counted: Counted,
        place: Option<Place>,
        head: &[u8],
        read: &mut Read,
    ) -> anyhow::Result<()> {
        let mut counting = Counting {
            reading: self,
            place,
            head,
            position: counted.position,
            tail: None,
            connections: 0,
            bytes: 0,
            since: Instant::now(),
            failed: None,
            is_stopped: false,
        };
        let summary = capture::read_on(input, source, counted, &mut counting);
        if let Some(error) = counting.failed {
            return Err(error.into());
        }
        let server = match &summary {
            Ok(_) if !counting.is_stopped => 0,
            // What was open when it was left is counted when it is read on.
            _ => IN_THE_MIDDLE,
        };
        let is_new = server == 0 || counting.connections > 0;
        if is_new && counting.position > 0 && !counting.is_stopped {
            counting.commit(server)?;
        }
        read.to = counting.position;
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
        Ok(())
    }
}
