//! Reading logs into the ledger.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use edge::Clock;
use hello::Version;
use ledger::{Mark, Place};
use observe::Recorder;
use observe::logs::{Beginning, Counts, Log, Malformed, Progress, Said, Start, Step, Wanted};
use serde::Serialize;

use super::captures::{self, Captured};
use super::piped::Piped;
use super::places::Places;
use super::sources::Source;
use super::stopping::Stopping;
use super::tally::Tally;

/// How long a log that is followed rests before it is looked at again.
const REST: Duration = Duration::from_millis(250);
/// How long what was read of a log that grows waits to be counted.
const COMMIT: Duration = Duration::from_secs(1);
/// How long it waits where nothing is known yet of what the server speaks, and old clients could not be judged.
const LEARN: Duration = Duration::from_secs(60);

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

/// A log under way.
struct Open {
    log: Log,
    /// Where it stands in the ledger; absent for standard input.
    place: Option<Place>,
    read: Read,
    /// The file it was opened as, where it is followed: device and inode.
    file: Option<(PathBuf, u64, u64)>,
    /// When what waits to be counted was read.
    waiting: Option<Instant>,
}

impl Reading<'_> {
    /// Reads one source to its end. An error that is the log's own is in what is given back.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be written.
    pub(crate) fn read(&mut self, source: &Source) -> anyhow::Result<Read> {
        if let Source::Log(path) = source
            && let Some(beginning) = captures::beginning(path)
        {
            return self.capture(path, &beginning);
        }
        let mut open = match self.open(source) {
            Ok(open) => open,
            Err(read) => return Ok(*read),
        };
        self.until_end(&mut open, true)?;
        self.count(&mut open)?;
        Ok(open.read)
    }

    /// Reads sources as they grow, until somebody wants it to end.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be written.
    pub(crate) fn follow(&mut self, sources: &[Source]) -> anyhow::Result<Vec<Read>> {
        let mut done = Vec::new();
        let mut opened: Vec<Open> = Vec::new();
        for source in sources {
            if let Source::Log(path) = source
                && let Some(beginning) = captures::beginning(path)
            {
                done.push(self.capture(path, &beginning)?);
                continue;
            }
            match self.open(source) {
                Ok(open) => opened.push(open),
                Err(read) => done.push(*read),
            }
        }
        while !opened.is_empty() && !self.stopping.is_wanted() {
            let mut has_more = false;
            let mut next = Vec::with_capacity(opened.len());
            for mut open in opened {
                let before = open.log.position();
                let goes_on = self.until_end(&mut open, false)?;
                has_more |= open.log.position() > before;
                let patience = if open.log.knows_server() {
                    COMMIT
                } else {
                    LEARN
                };
                let is_due = open
                    .waiting
                    .is_some_and(|since| since.elapsed() >= patience);
                let is_rotated = open.is_rotated();
                if is_rotated {
                    // Its other workers may write a last line to the old one.
                    thread::sleep(REST);
                    self.until_end(&mut open, false)?;
                }
                if is_due || is_rotated || !goes_on {
                    self.count(&mut open)?;
                }
                match (goes_on, is_rotated) {
                    (true, false) => next.push(open),
                    (true, true) => {
                        let source = open
                            .file
                            .as_ref()
                            .map(|(path, ..)| Source::Log(path.clone()));
                        done.push(open.read);
                        if let Some(source) = source {
                            match self.open(&source) {
                                Ok(open) => next.push(open),
                                Err(read) => done.push(*read),
                            }
                        }
                    }
                    (false, _) => done.push(open.read),
                }
            }
            opened = next;
            if !has_more {
                thread::sleep(REST);
            }
        }
        for mut open in opened {
            self.count(&mut open)?;
            done.push(open.read);
        }
        Ok(merged(done))
    }

    fn open(&mut self, source: &Source) -> Result<Open, Box<Read>> {
        let name = source.name();
        let mut read = Read {
            source: name.clone(),
            ..Read::default()
        };
        let mut fail = |error: anyhow::Error| {
            read.error = Some(format!("{error:#}"));
            Box::new(read.clone())
        };
        let beginning = match source {
            Source::Log(path) => Beginning::of_file(path, self.progress.clone()),
            Source::Stdin => Piped::new()
                .map_err(|error| fail(anyhow!("standard input: {error}")))
                .map(|piped| Beginning::of_stream(Box::new(piped), self.progress.clone()))?,
        };
        let beginning = beginning.map_err(|error| fail(error.into()))?;
        let (place, file) = match source {
            Source::Log(path) => (
                Some(self.places.of(&beginning, name.clone())),
                identity(path).map(|(device, inode)| (path.clone(), device, inode)),
            ),
            Source::Stdin => (None, None),
        };
        let seen = place.as_ref().map_or(0, |place| place.server);
        let start = Start {
            position: place.as_ref().map_or(0, |place| place.position),
            server_max: self.server_max,
            server_seen: (seen != 0).then_some(Version(seen)),
        };
        let log = beginning
            .open(&self.said, &self.wanted, &start)
            .map_err(|error| fail(error.into()))?;
        read.format = Some(log.format().name());
        read.hint = log.format().hint();
        read.from = start.position;
        read.to = start.position;
        Ok(Open {
            log,
            place,
            read,
            file,
            waiting: None,
        })
    }

    /// Reads a log to its end, or, where it is followed, to where it ends now. False where it cannot go on.
    fn until_end(&mut self, open: &mut Open, to_the_end: bool) -> anyhow::Result<bool> {
        while !self.stopping.is_wanted() {
            let step = match open.log.step() {
                Ok(step) => step,
                Err(error) => {
                    open.read.error = Some(format!(
                        "{error}; what stands before that is counted: {} bytes",
                        open.log.position()
                    ));
                    return Ok(false);
                }
            };
            if !open.log.is_handed_on() {
                open.waiting.get_or_insert_with(Instant::now);
            }
            match step {
                Step::More => {}
                Step::Full => self.count(open)?,
                Step::Idle if to_the_end => {
                    if open.waiting.is_some_and(|since| since.elapsed() >= COMMIT)
                        && open.log.knows_server()
                    {
                        self.count(open)?;
                    }
                }
                Step::Idle => return Ok(true),
                Step::End => return Ok(open.place.is_some()),
            }
        }
        Ok(true)
    }

    /// Puts what was read into the ledger, and with it how far that was.
    fn count(&mut self, open: &mut Open) -> anyhow::Result<()> {
        let (recorder, tally) = (&mut *self.recorder, &mut *self.tally);
        open.log.hand_on(|evidence| {
            let account = recorder.record(evidence)?;
            tally.add(evidence, account.as_ref());
            Ok::<_, ledger::LedgerError>(())
        })?;
        open.waiting = None;
        note(&mut open.read, &open.log);
        let Some(place) = &mut open.place else {
            recorder.importer().commit()?;
            return Ok(());
        };
        let from = place.position;
        if open.log.position() == from {
            return Ok(());
        }
        place.position = open.log.position();
        place.head = Mark::of(open.log.head());
        place.tail = Mark::of(open.log.tail());
        place.server = open.log.server_seen().map_or(0, |version| version.0);
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

/// The parts of one log that was rotated while it was followed, as one.
fn merged(reads: Vec<Read>) -> Vec<Read> {
    let mut merged: Vec<Read> = Vec::new();
    for read in reads {
        let Some(known) = merged.iter_mut().find(|known| known.source == read.source) else {
            merged.push(read);
            continue;
        };
        known.lines += read.lines;
        known.rows += read.rows;
        known.skipped += read.skipped;
        known.without_tls += read.without_tls;
        known.malformed += read.malformed;
        known.examples.extend(read.examples);
        known.examples.truncate(3);
        known.to = read.to;
        known.error = known.error.take().or(read.error);
    }
    merged
}

impl Open {
    /// Whether another file has its name now, or the file was cut short: `rename` and `copytruncate` of logrotate.
    fn is_rotated(&self) -> bool {
        let Some((path, device, inode)) = &self.file else {
            return false;
        };
        match fs::metadata(path) {
            // logrotate makes an empty file before the server writes to it.
            Ok(now) => {
                (now.len() > 0 && (now.dev(), now.ino()) != (*device, *inode))
                    || now.len() < self.log.position()
            }
            // Between rename and the server's reopening nothing has the name.
            Err(_) => false,
        }
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    let file = fs::metadata(path).ok()?;
    Some((file.dev(), file.ino()))
}
