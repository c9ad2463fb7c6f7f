//! Reading captures into the ledger.

use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use ledger::Mark;
use observe::capture::{self, Magic};
use observe::logs::{Beginning, Progress, TAIL};
use serde::Serialize;

use super::logs::{Read, Reading};

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

/// Counts what is read of a file for whoever shows how far it is.
struct Counted {
    file: File,
    progress: Progress,
}

impl io::Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.progress.fetch_add(read as u64, Relaxed);
        Ok(read)
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

impl Reading<'_> {
    /// Reads a capture to its end and counts it, unless it was counted before. An error that is the capture's own is in what
    /// is given back.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be written.
    pub(crate) fn capture(&mut self, path: &Path, beginning: &Beginning) -> anyhow::Result<Read> {
        let mut place = self.places.of(beginning, path.display().to_string());
        let mut read = Read {
            source: place.name.clone(),
            format: Some(FORMAT),
            from: place.position,
            to: place.position,
            ..Read::default()
        };
        if place.position > 0 {
            // Connections lie across any byte of a capture: one that has grown cannot be read on from there.
            if beginning.tail_before(place.position + 1).is_some() {
                read.error = Some(format!(
                    "{}: what comes after byte {} is not counted: it was not there, or not readable, when the rest was \
                     counted",
                    place.name, place.position
                ));
            }
            return Ok(read);
        }
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) => {
                read.error = Some(format!("{}: {error}", place.name));
                return Ok(read);
            }
        };
        let input = Counted {
            file,
            progress: self.progress.clone(),
        };
        let source: Arc<str> = path.file_name().map_or_else(
            || "capture".into(),
            |name| name.to_string_lossy().into_owned().into(),
        );
        let (recorder, tally) = (&mut *self.recorder, &mut *self.tally);
        let mut recorded = Ok(());
        let summary = capture::read(
            input,
            &source,
            &mut |evidence| match recorder.record(&evidence) {
                Ok(account) => {
                    tally.add(&evidence, account.as_ref());
                    ControlFlow::Continue(())
                }
                Err(error) => {
                    recorded = Err(error);
                    ControlFlow::Break(())
                }
            },
        );
        recorded?;
        let content = match summary {
            Ok(summary) => {
                read.rows = summary.connections;
                read.to = summary.content;
                read.captured = Some(Captured::from(&summary));
                read.error = summary.problem.map(|problem| {
                    format!(
                        "{}: {problem}; what stands before that is counted",
                        place.name
                    )
                });
                summary.content
            }
            Err(error) => {
                read.error = Some(format!(
                    "{}: {error}; what stands before that is counted",
                    place.name
                ));
                // How far that was is not known. Its beginning is enough for it to be known again.
                beginning.head().len() as u64
            }
        };
        let Some(tail) = beginning
            .tail_before(content)
            .filter(|tail| tail.len() <= TAIL)
        else {
            self.recorder.importer().commit()?;
            return Ok(read);
        };
        let head = beginning.head();
        let known = usize::try_from(content).unwrap_or(usize::MAX);
        place.position = content;
        place.head = Mark::of(head.get(..known).unwrap_or(head));
        place.tail = Mark::of(&tail);
        place.seen = self.clock.now().as_second();
        self.recorder.importer().commit_read(&mut place, 0)?;
        self.places.keep(&place);
        Ok(read)
    }
}
