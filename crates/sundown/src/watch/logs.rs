//! What is the same for logs however they are read: where they begin, and how what was read of them is counted.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::anyhow;
use edge::Clock;
use hello::Version;
use ledger::{Mark, Place};
use observe::Recorder;
use observe::capture::Magic;
use observe::logs::{
    Beginning, Counts, Format, Log, LogError, Malformed, Progress, Said, Start, Wanted,
};
use serde::Serialize;

use super::captures::{Captured, Watched};
use super::piped::Piped;
use super::places::Places;
use super::sources::Source;
use super::stopping::Stopping;
use super::tally::Tally;

/// How long what was read of a log that grows waits to be counted.
pub(super) const COMMIT: Duration = Duration::from_secs(1);
/// A file that was written to so lately may be written to now; its last line may then be half of one.
const LATELY: Duration = Duration::from_secs(2);

/// What became of one source.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Read {
    /// Its name.
    pub(crate) source: String,
    /// Its format; absent where none was found.
    pub(crate) format: Option<&'static str>,
    /// Lines, all of them.
    pub(crate) lines: u64,
    /// Those that show TLS.
    pub(crate) rows: u64,
    /// Requests without TLS.
    pub(crate) without_tls: u64,
    /// Comments and the like.
    pub(crate) skipped: u64,
    /// Those that cannot be read.
    pub(crate) malformed: u64,
    /// The first of them.
    pub(crate) examples: Vec<Example>,
    /// The byte of its content from which on it was read: what is before was counted earlier.
    pub(crate) from: u64,
    /// The byte up to which it was read.
    pub(crate) to: u64,
    /// What is in it, where it is a capture that was not counted before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) captured: Option<Captured>,
    /// What could be logged too.
    pub(crate) hint: Option<String>,
    /// Why it was not read to its end.
    pub(crate) error: Option<String>,
}

/// A line that cannot be read.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Example {
    pub(crate) line: u64,
    pub(crate) column: usize,
    pub(crate) reason: String,
    pub(crate) text: String,
}

impl From<&Malformed> for Example {
    fn from(malformed: &Malformed) -> Self {
        Self {
            line: malformed.line,
            column: malformed.column,
            reason: malformed.reason.to_string(),
            text: malformed.shown.clone(),
        }
    }
}

/// What is the same for all logs of a run.
pub(crate) struct Reading<'a> {
    pub(crate) recorder: &'a mut Recorder,
    pub(crate) places: Places,
    pub(crate) tally: &'a mut Tally,
    pub(crate) said: Said,
    pub(crate) wanted: Wanted,
    pub(crate) server_max: Option<Version>,
    pub(crate) clock: Clock,
    pub(crate) stopping: &'a Stopping,
    pub(crate) progress: Progress,
}

/// Where a log stands in the ledger, and what became of it in this run.
pub(super) struct Standing {
    /// Absent for standard input.
    place: Option<Place>,
    pub(super) read: Read,
}

impl Standing {
    /// What is known before it is read.
    pub(super) fn start(&self, server_max: Option<Version>, grows: bool) -> Start {
        let seen = self.place.as_ref().map_or(0, |place| place.server);
        Start {
            position: self.read.from,
            grows,
            server_max,
            server_seen: (seen != 0).then_some(Version(seen)),
        }
    }

    /// It cannot be read.
    pub(super) fn failed(self, error: impl Into<anyhow::Error>) -> Read {
        Read {
            source: self.read.source,
            error: Some(format!("{:#}", error.into())),
            ..Read::default()
        }
    }

    /// Notes by what it is read.
    pub(super) fn reads(&mut self, format: &dyn Format) {
        self.read.format = Some(format.name());
        self.read.hint = format.hint();
    }

    /// It cannot be read on.
    pub(super) fn broke(&mut self, error: &LogError, position: u64) {
        self.read.error = Some(format!(
            "{error}; what stands before that is counted: {position} bytes"
        ));
    }
}

/// Whether somebody may be writing to this file.
pub(super) fn may_grow(path: &Path) -> bool {
    let modified = fs::metadata(path).and_then(|file| file.modified());
    // One from the future was written by a clock that is wrong.
    modified.is_ok_and(|at| at.elapsed().is_ok_and(|since| since < LATELY))
}

impl Reading<'_> {
    /// The beginning of a source; the error is what became of one that cannot be read, or was read by other means: a
    /// capture that comes through a pipe.
    pub(super) fn beginning(&mut self, source: &Source) -> Result<Beginning, Box<Read>> {
        let fail = |error: anyhow::Error| {
            Box::new(Read {
                source: source.name(),
                error: Some(format!("{error:#}")),
                ..Read::default()
            })
        };
        match source {
            Source::Log(path) => Beginning::of_file(path, self.progress.clone()),
            Source::Stdin => {
                let of_stdin = |error: std::io::Error| fail(anyhow!("standard input: {error}"));
                let mut piped = Piped::new(self.stopping.clone()).map_err(of_stdin)?;
                let start = piped.start().map_err(of_stdin)?;
                if Magic::of(start) == Some(Magic::Capture) {
                    let input = Watched::new(piped, self.progress.clone());
                    return Err(Box::new(self.piped_capture(input).map_err(fail)?));
                }
                let beginning = Beginning::of_stream(Box::new(piped), self.progress.clone());
                // A packed one shows only here what it is.
                match beginning {
                    Ok(packed) if Magic::of(packed.head()) == Some(Magic::Capture) => {
                        let content = packed.into_content();
                        return Err(Box::new(self.piped_capture(content).map_err(fail)?));
                    }
                    beginning => beginning,
                }
            }
        }
        .map_err(|error| fail(error.into()))
    }

    /// Where a source stands.
    pub(super) fn standing(&self, source: &Source, beginning: &Beginning) -> Standing {
        let place = match source {
            Source::Log(_) => Some(self.places.of(beginning, source.name())),
            Source::Stdin => None,
        };
        let from = place.as_ref().map_or(0, |place| place.position);
        Standing {
            read: Read {
                source: source.name(),
                from,
                to: from,
                ..Read::default()
            },
            place,
        }
    }

    /// Puts what was read into the ledger, and with it how far that was.
    pub(super) fn count(&mut self, log: &mut Log, standing: &mut Standing) -> anyhow::Result<()> {
        let (recorder, tally) = (&mut *self.recorder, &mut *self.tally);
        log.hand_on(|evidence| {
            let account = recorder.record(evidence)?;
            tally.add(evidence, account.as_ref());
            Ok::<_, ledger::LedgerError>(())
        })?;
        note(&mut standing.read, log);
        let Some(place) = &mut standing.place else {
            recorder.importer().commit()?;
            return Ok(());
        };
        let from = place.position;
        if log.position() == from {
            return Ok(());
        }
        place.position = log.position();
        place.head = Mark::of(log.head());
        place.tail = Mark::of(log.tail());
        place.server = log.server_seen().map_or(0, |version| version.0);
        place.seen = self.clock.now().as_second();
        recorder.importer().commit_read(place, from)?;
        self.places.keep(place);
        Ok(())
    }
}

fn note(read: &mut Read, log: &Log) {
    let Counts {
        lines,
        rows,
        skipped,
        without_tls,
        malformed,
    } = *log.counts();
    read.lines = lines;
    read.rows = rows;
    read.skipped = skipped;
    read.without_tls = without_tls;
    read.malformed = malformed;
    read.examples = log.malformed().iter().map(Example::from).collect();
    read.to = log.position();
}
