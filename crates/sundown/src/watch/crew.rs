//! Several logs, and several parts of one, read at the same time.
//!
//! Threads read; the one that begins them counts what they read, so that the ledger has one writer. The parts of a log are
//! counted in their order, as if one thread had read them. Different logs are counted as they come: they have nothing to do
//! with each other, unless two begin alike. Then the second waits until it is known how far the first goes. A capture is
//! read by one thread: connections lie across any byte of it.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use anyhow::{anyhow, bail};
use observe::logs::{Beginning, Log, LogError, MARKED, Parts, Place, Step};

use super::captures::{self, Counting};
use super::logs::{COMMIT, Read, Reading, Standing, may_grow};
use super::sources::Source;
use super::stopping::Stopping;
use super::told::{self, Part, Rest, Task};

/// How long is waited for a thread before it is looked at whether it is still there.
const LOOK: Duration = Duration::from_secs(1);

/// What a thread is to do.
enum Job {
    Log(Box<LogJob>),
    /// A source that is a capture.
    Capture(usize, Task),
}

/// A part of a log, to be read on.
struct LogJob {
    source: usize,
    part: usize,
    log: Log,
}

/// What a thread has done.
enum Done {
    Log(Box<LogJob>, Left),
    /// A part of a source that is a capture.
    Part(usize, Part),
    /// The rest of it.
    Rest(usize, Box<Rest>),
}

/// Where a thread left it.
enum Left {
    /// What was read is to be counted before it is read on.
    Full,
    End,
    /// Somebody wants the run to end.
    Stopped,
    Failed(LogError),
}

/// What came of a run.
#[derive(Debug, Default)]
pub(super) struct All {
    /// Of each source that was begun.
    pub(super) reads: Vec<Read>,
    /// It was stopped before the end.
    pub(super) interrupted: bool,
}

/// Reads sources to their ends, this many at once. An error that is a source's own is in what is given back.
///
/// # Errors
///
/// When the ledger cannot be written.
pub(super) fn read(
    reading: &mut Reading<'_>,
    sources: &[Source],
    jobs: usize,
) -> anyhow::Result<All> {
    let (work, jobs_to_do) = channel::<Job>();
    let jobs_to_do = Mutex::new(jobs_to_do);
    // Who has read a part of a capture waits until there is room for it: that bounds memory.
    let (finished, done) = sync_channel::<Done>(jobs);
    let stopping = reading.stopping.clone();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let threads = (0..jobs).map(|_| {
            let finished = finished.clone();
            let (jobs_to_do, stopping, is_over) = (&jobs_to_do, &stopping, &is_over);
            thread::Builder::new()
                .name("reader".to_owned())
                .spawn_scoped(scope, move || {
                    work_on(jobs_to_do, &finished, stopping, is_over);
                })
        });
        let threads = threads.collect::<Result<Vec<_>, _>>()?;
        let crew = Crew {
            reading,
            sources,
            work,
            most: jobs + 1,
            in_hand: 0,
            next: 0,
            cutting: None,
            waiting: None,
            several: jobs > 1 && sources.len() > 1,
            logs: BTreeMap::new(),
            captures: BTreeMap::new(),
            reads: sources.iter().map(|_| None).collect(),
            interrupted: false,
        };
        let all = crew.run(&done, &threads);
        is_over.store(true, Relaxed);
        // Nobody waits for room any more.
        drop(done);
        all
    })
}

/// What each thread does until there is no more to do.
fn work_on(
    jobs: &Mutex<Receiver<Job>>,
    finished: &SyncSender<Done>,
    stopping: &Stopping,
    is_over: &AtomicBool,
) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else {
            return;
        };
        let is_stopped = || stopping.is_wanted() || is_over.load(Relaxed);
        let done = match job {
            Job::Log(mut job) => {
                let left = read_on(&mut job.log, is_stopped);
                Done::Log(job, left)
            }
            Job::Capture(source, task) => {
                let hand_over = |part| match finished.send(Done::Part(source, part)) {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(_) => ControlFlow::Break(()),
                };
                Done::Rest(source, Box::new(told::read(&task, hand_over, is_stopped)))
            }
        };
        if finished.send(done).is_err() {
            return;
        }
    }
}

fn read_on(log: &mut Log, is_stopped: impl Fn() -> bool) -> Left {
    let mut waiting: Option<Instant> = None;
    loop {
        if is_stopped() {
            return Left::Stopped;
        }
        match log.step() {
            Ok(Step::More) => {}
            Ok(Step::Full) => return Left::Full,
            Ok(Step::Idle) => {
                // Of a stream that trickles.
                if waiting.is_some_and(|since| since.elapsed() >= COMMIT) && log.knows_server() {
                    return Left::Full;
                }
            }
            // A stream ends where somebody wants the run to end, and may have had more.
            Ok(Step::End) if is_stopped() && *log.place() == Place::Stdin => {
                return Left::Stopped;
            }
            Ok(Step::End) => return Left::End,
            Err(error) => return Left::Failed(error),
        }
        if waiting.is_none() && !log.is_handed_on() {
            waiting = Some(Instant::now());
        }
    }
}

/// A log of which parts are being read or wait to be.
struct UnderWay {
    standing: Standing,
    /// Its first bytes.
    head: Vec<u8>,
    /// The part that is to be counted next.
    turn: usize,
    /// Parts that were read and wait for their turn.
    arrived: BTreeMap<usize, (Log, Left)>,
    /// The part that was counted last.
    before: Option<Log>,
    handed_out: usize,
    /// Parts that were handed out and are not counted to their end.
    in_hand: usize,
    /// There are no more parts to be handed out.
    all_out: bool,
    /// It was stopped or broke: no later part counts.
    is_cut_off: bool,
}

/// What came of beginning a source.
enum Begun {
    /// It was dealt with, or its parts are to be handed out.
    Done,
    /// It has to wait for another.
    Waits,
    /// It is a capture, for a thread to read.
    Capture(Task),
}

/// Who hands out and who counts.
struct Crew<'r, 'a> {
    reading: &'r mut Reading<'a>,
    sources: &'r [Source],
    work: Sender<Job>,
    /// Parts that are handed out before some are counted: what bounds memory.
    most: usize,
    in_hand: usize,
    /// The source that is begun next.
    next: usize,
    /// The log whose parts are being handed out.
    cutting: Option<(usize, Parts)>,
    /// The beginning of the next one, where it begins like one under way, and whether it is a capture.
    waiting: Option<(Beginning, bool)>,
    /// Captures are read by threads too. Where there is but one source, or one thread, it is no quicker.
    several: bool,
    logs: BTreeMap<usize, UnderWay>,
    captures: BTreeMap<usize, Counting>,
    reads: Vec<Option<Read>>,
    interrupted: bool,
}

impl Crew<'_, '_> {
    fn run(
        mut self,
        done: &Receiver<Done>,
        threads: &[ScopedJoinHandle<'_, ()>],
    ) -> anyhow::Result<All> {
        loop {
            while self.in_hand < self.most
                && let Some(job) = self.job()?
            {
                self.in_hand += 1;
                self.hand_out(job)?;
            }
            if self.in_hand == 0 {
                break;
            }
            let found = loop {
                match done.recv_timeout(LOOK) {
                    Ok(found) => break found,
                    Err(RecvTimeoutError::Timeout)
                        if !threads.iter().any(ScopedJoinHandle::is_finished) => {}
                    Err(_) => bail!("a thread that reads has ended: this is a bug"),
                }
            };
            match found {
                Done::Log(job, left) => self.arrived(*job, left)?,
                Done::Part(source, part) => {
                    if let Some(counting) = self.captures.get_mut(&source) {
                        counting.count(self.reading, part)?;
                    }
                }
                Done::Rest(source, rest) => {
                    self.in_hand -= 1;
                    self.interrupted |= rest.is_stopped;
                    if let Some(counting) = self.captures.remove(&source) {
                        let read = counting.finish(self.reading, *rest)?;
                        self.keep(source, read);
                    }
                }
            }
        }
        let interrupted = self.interrupted || self.next < self.sources.len();
        Ok(All {
            reads: self.reads.into_iter().flatten().collect(),
            interrupted,
        })
    }

    fn hand_out(&self, job: Job) -> anyhow::Result<()> {
        self.work
            .send(job)
            .map_err(|_| anyhow!("no thread is there that reads: this is a bug"))
    }

    /// The next part to be read; `None` where there is none, or none yet.
    fn job(&mut self) -> anyhow::Result<Option<Job>> {
        loop {
            if let Some((source, parts)) = &mut self.cutting
                && let Some(log) = self.logs.get_mut(source)
            {
                let source = *source;
                let part = (!log.is_cut_off).then(|| parts.next()).flatten();
                match part {
                    Some(Ok(part)) => {
                        log.handed_out += 1;
                        log.in_hand += 1;
                        return Ok(Some(Job::Log(Box::new(LogJob {
                            source,
                            part: log.handed_out - 1,
                            log: part,
                        }))));
                    }
                    Some(Err(error)) => log.standing.broke(&error, log.standing.read.to),
                    None => {}
                }
                log.all_out = true;
                self.cutting = None;
                self.finish(source);
            }
            let Some(source) = self.sources.get(self.next) else {
                return Ok(None);
            };
            if self.reading.stopping.is_wanted() {
                return Ok(None);
            }
            match self.begin(source)? {
                Begun::Waits => return Ok(None),
                Begun::Done => self.next += 1,
                Begun::Capture(task) => {
                    self.next += 1;
                    return Ok(Some(Job::Capture(self.next - 1, task)));
                }
            }
        }
    }

    /// Begins the next source.
    fn begin(&mut self, source: &Source) -> anyhow::Result<Begun> {
        let (beginning, is_capture) = match self.waiting.take() {
            Some(waiting) => waiting,
            None => match source {
                Source::Log(path) if let Some(beginning) = captures::beginning(path) => {
                    (beginning, true)
                }
                _ => match self.reading.beginning(source) {
                    Ok(beginning) => (beginning, false),
                    Err(read) => {
                        self.keep(self.next, *read);
                        return Ok(Begun::Done);
                    }
                },
            },
        };
        let logs = self.logs.values().map(|log| log.head.as_slice());
        let captures = self.captures.values().map(Counting::head);
        if logs
            .chain(captures)
            .any(|head| alike(head, beginning.head()))
        {
            self.waiting = Some((beginning, is_capture));
            return Ok(Begun::Waits);
        }
        if let Source::Log(path) = source
            && is_capture
        {
            return self.begin_capture(path, &beginning);
        }
        let mut standing = self.reading.standing(source, &beginning);
        if beginning.head().is_empty() {
            self.keep(self.next, standing.read);
            return Ok(Begun::Done);
        }
        let grows = matches!(source, Source::Log(path) if may_grow(path));
        let start = standing.start(self.reading.server_max, grows);
        let head = beginning.head();
        let head = head.get(..MARKED).unwrap_or(head).to_vec();
        match beginning.parts(&self.reading.said, &self.reading.wanted, &start) {
            Ok(parts) => {
                if let Some(format) = parts.format() {
                    standing.reads(format);
                }
                self.cutting = Some((self.next, parts));
                let log = UnderWay {
                    standing,
                    head,
                    turn: 0,
                    arrived: BTreeMap::new(),
                    before: None,
                    handed_out: 0,
                    in_hand: 0,
                    all_out: false,
                    is_cut_off: false,
                };
                self.logs.insert(self.next, log);
            }
            Err(error) => self.keep(self.next, standing.failed(error)),
        }
        Ok(Begun::Done)
    }

    /// Begins a capture: hands it to a thread, or reads it here.
    fn begin_capture(&mut self, path: &Path, beginning: &Beginning) -> anyhow::Result<Begun> {
        if !self.several {
            let read = self.reading.capture(path, beginning)?;
            self.interrupted |= self.reading.stopping.is_wanted();
            self.keep(self.next, read);
            return Ok(Begun::Done);
        }
        match self.reading.to_count(path, beginning) {
            Ok(counting) => {
                let task = Task {
                    path: path.to_owned(),
                    source: counting.source.clone(),
                    counted: counting.counted(),
                    progress: self.reading.progress.clone(),
                };
                self.captures.insert(self.next, counting);
                Ok(Begun::Capture(task))
            }
            Err(read) => {
                self.keep(self.next, *read);
                Ok(Begun::Done)
            }
        }
    }

    /// Counts what was read, as far as it is its turn.
    fn arrived(&mut self, job: LogJob, left: Left) -> anyhow::Result<()> {
        let Some(log) = self.logs.get_mut(&job.source) else {
            return Ok(());
        };
        log.arrived.insert(job.part, (job.log, left));
        while !log.is_cut_off
            && let Some((mut part, left)) = log.arrived.remove(&log.turn)
        {
            if let Some(mut before) = log.before.take() {
                part.goes_on_from(&mut before);
            }
            self.reading.count(&mut part, &mut log.standing)?;
            match left {
                Left::Full => {
                    let job = LogJob {
                        source: job.source,
                        part: log.turn,
                        log: part,
                    };
                    return self.hand_out(Job::Log(Box::new(job)));
                }
                Left::End => {
                    log.before = Some(part);
                    log.turn += 1;
                }
                Left::Stopped => {
                    self.interrupted = true;
                    log.is_cut_off = true;
                }
                Left::Failed(error) => {
                    log.standing.broke(&error, part.position());
                    log.is_cut_off = true;
                }
            }
            log.in_hand -= 1;
            self.in_hand -= 1;
        }
        if log.is_cut_off {
            log.in_hand -= log.arrived.len();
            self.in_hand -= log.arrived.len();
            log.arrived.clear();
        }
        self.finish(job.source);
        Ok(())
    }

    /// Keeps what became of a log of which nothing is left to read.
    fn finish(&mut self, source: usize) {
        let is_over = |log: &UnderWay| log.all_out && log.in_hand == 0;
        if self.logs.get(&source).is_some_and(is_over)
            && let Some(log) = self.logs.remove(&source)
        {
            self.keep(source, log.standing.read);
        }
    }

    fn keep(&mut self, source: usize, read: Read) {
        if let Some(place) = self.reads.get_mut(source) {
            *place = Some(read);
        }
    }
}

/// Whether two logs can be the same one: what the shorter one begins with, the other begins with too.
fn alike(one: &[u8], other: &[u8]) -> bool {
    let length = one.len().min(other.len()).min(MARKED);
    length > 0 && one.get(..length) == other.get(..length)
}
