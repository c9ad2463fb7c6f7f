//! Logs that are read as they grow.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use observe::logs::{Log, Step};

use super::captures;
use super::logs::{COMMIT, Read, Reading, Standing};
use super::sources::Source;

/// How long a log rests before it is looked at again.
const REST: Duration = Duration::from_millis(250);
/// How long what was read waits to be counted where nothing is known yet of what the server speaks, and old clients could
/// not be judged.
const LEARN: Duration = Duration::from_secs(60);

/// A source that is followed.
enum Followed {
    Open(Box<Open>),
    /// Not there, or without a first line: as a server leaves its log when it has been rotated.
    Awaited(PathBuf),
}

/// A log under way.
struct Open {
    log: Log,
    standing: Standing,
    /// The file it was opened as: device and inode. Absent for standard input.
    file: Option<(PathBuf, u64, u64)>,
    /// When what waits to be counted was read.
    waiting: Option<Instant>,
}

/// What a turn left of a source.
enum Left {
    It(Followed),
    /// Nothing more will come of it.
    Over(Read),
    /// Another file has its name.
    Rotated(Read, PathBuf),
}

impl Reading<'_> {
    /// Reads sources as they grow, until somebody wants it to end.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be written.
    pub(crate) fn follow(&mut self, sources: &[Source]) -> anyhow::Result<Vec<Read>> {
        let mut done = Vec::new();
        let mut followed: Vec<Followed> = Vec::new();
        for source in sources {
            match source {
                Source::Log(path) => match captures::beginning(path) {
                    Some(beginning) => done.push(self.capture(path, &beginning)?),
                    None => followed.push(Followed::Awaited(path.clone())),
                },
                Source::Stdin => match self.opened(source) {
                    Ok(Some(open)) => followed.push(Followed::Open(open)),
                    Ok(None) => {}
                    Err(read) => done.push(*read),
                },
            }
        }
        while !followed.is_empty() && !self.stopping.is_wanted() {
            let mut has_more = false;
            let mut next = Vec::with_capacity(followed.len());
            for one in followed {
                match self.turn(one, &mut has_more)? {
                    Left::It(one) => next.push(one),
                    Left::Over(read) => done.push(read),
                    Left::Rotated(read, path) => {
                        done.push(read);
                        next.push(Followed::Awaited(path));
                    }
                }
            }
            followed = next;
            if !has_more {
                thread::sleep(REST);
            }
        }
        for one in followed {
            match one {
                Followed::Open(mut open) => {
                    self.count(&mut open.log, &mut open.standing)?;
                    done.push(open.standing.read);
                }
                Followed::Awaited(path) => done.push(Read {
                    source: Source::Log(path).name(),
                    ..Read::default()
                }),
            }
        }
        Ok(merged(done))
    }

    fn turn(&mut self, one: Followed, has_more: &mut bool) -> anyhow::Result<Left> {
        let mut open = match one {
            Followed::Open(open) => open,
            Followed::Awaited(path) => {
                return Ok(match self.opened(&Source::Log(path.clone())) {
                    Ok(Some(open)) => {
                        *has_more = true;
                        Left::It(Followed::Open(open))
                    }
                    Ok(None) => Left::It(Followed::Awaited(path)),
                    Err(read) => Left::Over(*read),
                });
            }
        };
        let is_overwritten = open.is_overwritten();
        let before = open.log.position();
        let goes_on = is_overwritten || self.until_now(&mut open)?;
        *has_more |= open.log.position() > before;
        let is_rotated = is_overwritten || goes_on && open.is_rotated();
        if is_rotated && !is_overwritten {
            // Its other workers may write a last line to the old one.
            thread::sleep(REST);
            open.log.grows_no_more();
            self.until_now(&mut open)?;
        }
        let patience = if open.log.knows_server() {
            COMMIT
        } else {
            LEARN
        };
        let is_due = open
            .waiting
            .is_some_and(|since| since.elapsed() >= patience);
        if is_due || is_rotated || !goes_on {
            self.count(&mut open.log, &mut open.standing)?;
            open.waiting = None;
        }
        Ok(match (goes_on, is_rotated, open.file) {
            (true, true, Some((path, ..))) => Left::Rotated(open.standing.read, path),
            (true, false, file) => Left::It(Followed::Open(Box::new(Open { file, ..*open }))),
            _ => Left::Over(open.standing.read),
        })
    }

    /// Opens a source; `None` where its first line is not there yet.
    fn opened(&mut self, source: &Source) -> Result<Option<Box<Open>>, Box<Read>> {
        let file = match source {
            Source::Log(path) => match fs::metadata(path) {
                Ok(file) if file.len() > 0 => Some((path.clone(), file.dev(), file.ino())),
                _ => return Ok(None),
            },
            Source::Stdin => None,
        };
        let beginning = self.beginning(source)?;
        if !beginning.has_line() {
            return Ok(None);
        }
        let mut standing = self.standing(source, &beginning);
        let start = standing.start(self.server_max, true);
        match beginning.open(&self.said, &self.wanted, &start) {
            Ok(log) => {
                standing.reads(log.format());
                Ok(Some(Box::new(Open {
                    log,
                    standing,
                    file,
                    waiting: None,
                })))
            }
            Err(error) => Err(Box::new(standing.failed(error))),
        }
    }

    /// Reads a log to where it ends now. False where it cannot go on.
    fn until_now(&mut self, open: &mut Open) -> anyhow::Result<bool> {
        while !self.stopping.is_wanted() {
            let step = match open.log.step() {
                Ok(step) => step,
                Err(error) => {
                    open.standing.broke(&error, open.log.position());
                    return Ok(false);
                }
            };
            if !open.log.is_handed_on() {
                open.waiting.get_or_insert_with(Instant::now);
            }
            match step {
                Step::More => {}
                Step::Full => {
                    self.count(&mut open.log, &mut open.standing)?;
                    open.waiting = None;
                }
                Step::Idle => return Ok(true),
                Step::End => return Ok(open.log.can_grow()),
            }
        }
        Ok(true)
    }
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

    /// Whether the file was cut short and has grown again past where it was read to: what stands before that is then not
    /// what was read.
    fn is_overwritten(&self) -> bool {
        let is_same = |path: &PathBuf, device, inode| -> std::io::Result<bool> {
            let file = File::open(path)?;
            let now = file.metadata()?;
            let tail = self.log.tail();
            let Some(from) = self.log.position().checked_sub(tail.len() as u64) else {
                return Ok(true);
            };
            if (now.dev(), now.ino()) != (device, inode) || now.len() <= self.log.position() {
                return Ok(true);
            }
            let mut there = vec![0; tail.len()];
            file.read_exact_at(&mut there, from)?;
            Ok(there == tail)
        };
        match &self.file {
            Some((path, device, inode)) if self.log.can_grow() => {
                !is_same(path, *device, *inode).unwrap_or(true)
            }
            _ => false,
        }
    }
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
