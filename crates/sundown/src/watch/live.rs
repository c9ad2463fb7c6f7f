//! Live traffic into the ledger.

use std::collections::HashMap;
use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use edge::Clock;
use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use ledger::LedgerError;
use observe::capture::{Observer, Opening};
use observe::live::{Block, Interfaces, Live, LiveError};
use observe::programs::{self, Behind, Program, Programs};
use observe::{Evidence, Recorder};
use serde::Serialize;

use super::arguments::WatchArguments;
use super::captures::Captured;
use super::logs::Read;
use super::stopping::Stopping;
use super::tally::Tally;

/// What it is called among the formats.
pub(crate) const FORMAT: &str = "live traffic";
/// How long is waited for packets before the clock is looked at.
const PATIENCE: Duration = Duration::from_millis(100);
/// How long what was seen waits to be counted: a process that is killed loses no more.
const COMMIT: Duration = Duration::from_secs(1);
/// Programs that are told apart in the summary; the ledger keeps more.
const MOST_PROGRAMS: usize = 1_000;

/// What was seen of this machine's programs.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Outgoing {
    #[serde(flatten)]
    pub(crate) counts: programs::Counts,
    /// TLS connections that another machine opened, which are not counted.
    pub(crate) incoming: u64,
    /// The floor that `misses` is about.
    pub(crate) floor: String,
    /// The programs, those that miss most first.
    pub(crate) programs: Vec<Seen>,
}

/// One program.
#[derive(Debug, Serialize)]
pub(crate) struct Seen {
    pub(crate) program: Arc<str>,
    /// The process that was seen last.
    pub(crate) pid: Option<u32>,
    /// TLS connections that it opened.
    pub(crate) connections: u64,
    /// Those of them that miss the floor.
    pub(crate) misses: u64,
}

/// A run under way.
pub(crate) struct Watching<'a> {
    pub(crate) interfaces: &'a Interfaces,
    pub(crate) recorder: &'a mut Recorder,
    pub(crate) tally: &'a mut Tally,
    pub(crate) stopping: &'a Stopping,
    pub(crate) clock: Clock,
    /// When it ends by itself.
    pub(crate) end: Option<Duration>,
}

/// Begins to take packets.
///
/// # Errors
///
/// When that is not allowed, or there is no such interface; the error says what to do.
pub(crate) fn open(interfaces: &Interfaces, arguments: &WatchArguments) -> anyhow::Result<Live> {
    let clock = Clock::default();
    let opened = Live::open(interfaces.clone(), arguments.buffer, move || clock.now());
    opened.map_err(|error| match error {
        LiveError::NotAllowed => not_allowed(arguments.processes),
        error => error.into(),
    })
}

fn not_allowed(processes: bool) -> anyhow::Error {
    let program = std::env::current_exe()
        .map_or_else(|_| "sundown".to_owned(), |path| path.display().to_string());
    let others = if processes {
        "; to name programs of other users too, it takes sudo"
    } else {
        ""
    };
    anyhow!(
        "{}; run it with sudo, or give it that one to the program for good: sudo setcap cap_net_raw+ep {program}{others}",
        LiveError::NotAllowed
    )
}

impl Watching<'_> {
    /// Counts what is seen until somebody wants it to end, or its time is over.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be written.
    pub(crate) fn run(
        self,
        mut live: Live,
        processes: Option<Programs>,
    ) -> anyhow::Result<(Read, Option<Outgoing>)> {
        let begun = Instant::now();
        let source: Arc<str> = self.interfaces.to_string().into();
        let mut observer = Observer::new(source);
        let mut sights = Sights {
            recorder: &mut *self.recorder,
            tally: &mut *self.tally,
            named: processes.map(Named::new),
            waiting: None,
            trouble: None,
            failure: None,
        };
        let line = Line::new();
        let mut problem = None;
        while !self.stopping.is_wanted() && self.end.is_none_or(|end| begun.elapsed() < end) {
            match live.next(PATIENCE) {
                Ok(Some(block)) => {
                    sights.look(&block, &mut observer);
                    live.give_back(block);
                }
                Ok(None) => {}
                Err(error) => {
                    problem = Some(error);
                    break;
                }
            }
            let now = i64::try_from(self.clock.now().as_nanosecond()).unwrap_or(i64::MAX);
            let _ = observer.expire(now, &mut |evidence| sights.take(&evidence));
            sights.commit_if_due()?;
            line.show(&observer, &sights, live.counts().dropped);
        }
        live.stop();
        while problem.is_none() {
            match live.rest() {
                Ok(Some(block)) => sights.look(&block, &mut observer),
                Ok(None) => break,
                Err(error) => problem = Some(error),
            }
        }
        let _ = observer.finish(&mut |evidence| sights.take(&evidence));
        line.clear();
        sights.commit()?;
        let counts = live.counts();
        let outgoing = sights
            .named
            .take()
            .map(|named| named.outgoing(sights.tally));
        let read = Read {
            source: self.interfaces.to_string(),
            format: Some(FORMAT),
            rows: observer.summary().connections,
            captured: Some(Captured {
                packets: counts.packets,
                dropped: Some(counts.dropped),
                ..Captured::from(observer.summary())
            }),
            error: problem.map(|error| {
                format!(
                    "{}: {error}; what came before that is counted",
                    self.interfaces
                )
            }),
            ..Read::default()
        };
        Ok((read, outgoing))
    }
}

/// Where what is seen goes.
struct Sights<'a> {
    recorder: &'a mut Recorder,
    tally: &'a mut Tally,
    named: Option<Named>,
    /// When what waits to be counted was seen.
    waiting: Option<Instant>,
    /// Why it still waits.
    trouble: Option<LedgerError>,
    /// What could not be kept until it could be written.
    failure: Option<LedgerError>,
}

impl Sights<'_> {
    fn look(&mut self, block: &Block, observer: &mut Observer) {
        for packet in block.packets() {
            if let Some(named) = &mut self.named
                && let Some(opening) = Opening::of(&packet)
            {
                named.programs.opened(&opening);
            }
            let _ = observer.packet(packet, &mut |evidence| self.take(&evidence));
        }
    }

    fn take(&mut self, evidence: &Evidence<'_>) -> ControlFlow<()> {
        let mut evidence = evidence.clone();
        let program = match &mut self.named {
            None => None,
            Some(named) => match named.behind(&evidence) {
                Behind::Program(program) => Some(program),
                Behind::Again => return ControlFlow::Continue(()),
                Behind::Elsewhere => {
                    named.incoming += 1;
                    return ControlFlow::Continue(());
                }
            },
        };
        if let (Some(named), Some(program)) = (&mut self.named, &program) {
            named.count(program, &evidence, self.tally);
        }
        evidence.shown.account = program.as_ref().map(|program| &*program.name);
        match self.recorder.record(&evidence) {
            Ok(account) => self.tally.add(&evidence, account.as_ref()),
            Err(error) => {
                self.failure.get_or_insert(error);
            }
        }
        self.waiting.get_or_insert_with(Instant::now);
        ControlFlow::Continue(())
    }

    fn commit_if_due(&mut self) -> Result<(), LedgerError> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        if self.waiting.is_some_and(|since| since.elapsed() >= COMMIT) {
            // What cannot be written stays, and is tried again: another program holds the ledger for a moment, say.
            let trouble = self.recorder.importer().commit().err();
            self.waiting = trouble.as_ref().map(|_| Instant::now());
            self.trouble = trouble;
        }
        Ok(())
    }

    /// Counts the rest.
    fn commit(&mut self) -> Result<(), LedgerError> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        if self.waiting.take().is_some() {
            self.recorder.importer().commit()?;
        }
        Ok(())
    }
}

/// What is seen of programs.
struct Named {
    programs: Programs,
    incoming: u64,
    seen: HashMap<Arc<str>, Seen>,
}

impl Named {
    fn new(programs: Programs) -> Self {
        Self {
            programs,
            incoming: 0,
            seen: HashMap::new(),
        }
    }

    fn behind(&self, evidence: &Evidence<'_>) -> Behind {
        let (Some(address), Some(port), Some(server)) =
            (evidence.address, evidence.port, evidence.server)
        else {
            return Behind::Elsewhere;
        };
        self.programs.behind(SocketAddr::new(address, port), server)
    }

    fn count(&mut self, program: &Program, evidence: &Evidence<'_>, tally: &Tally) {
        let misses = evidence.offer.as_ref().is_some_and(|offer| {
            tally
                .first_floor()
                .is_some_and(|(floor, _)| floor.judge(offer).misses())
        });
        if self.seen.len() >= MOST_PROGRAMS && !self.seen.contains_key(&program.name) {
            return;
        }
        let seen = self
            .seen
            .entry(program.name.clone())
            .or_insert_with(|| Seen {
                program: program.name.clone(),
                pid: None,
                connections: 0,
                misses: 0,
            });
        seen.pid = program.pid.or(seen.pid);
        seen.connections += 1;
        seen.misses += u64::from(misses);
    }

    fn outgoing(self, tally: &Tally) -> Outgoing {
        let mut programs: Vec<Seen> = self.seen.into_values().collect();
        programs.sort_by(|one, other| {
            let rank = |seen: &Seen| (seen.misses, seen.connections);
            rank(other)
                .cmp(&rank(one))
                .then_with(|| one.program.cmp(&other.program))
        });
        Outgoing {
            counts: self.programs.counts(),
            incoming: self.incoming,
            floor: tally
                .first_floor()
                .map_or_else(String::new, |(floor, _)| floor.name().to_owned()),
            programs,
        }
    }
}

/// The line that says how it goes, on standard error where that is a terminal.
struct Line(ProgressBar);

impl Line {
    fn new() -> Self {
        if !io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let style = ProgressStyle::with_template("{spinner} {elapsed} {wide_msg}");
        let bar = ProgressBar::no_length();
        Self(bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner())))
    }

    fn show(&self, observer: &Observer, sights: &Sights<'_>, dropped: u64) {
        if self.0.is_hidden() {
            return;
        }
        let summary = observer.summary();
        let mut words = format!(
            "{} connections, {} hellos",
            HumanCount(summary.connections),
            HumanCount(summary.connections.saturating_sub(summary.incomplete)),
        );
        if let Some((floor, misses)) = sights.tally.first_floor() {
            words.push_str(&format!(", {} miss {}", HumanCount(misses), floor.name()));
        }
        if let Some(named) = &sights.named {
            words.push_str(&format!(", {} programs", named.seen.len()));
        }
        words.push_str(&format!(
            ", {} dropped (Ctrl-C ends it)",
            HumanCount(dropped)
        ));
        if let Some(trouble) = &sights.trouble {
            words = format!("nothing is written at the moment: {trouble}");
        }
        self.0.set_message(words);
        self.0.tick();
    }

    fn clear(&self) {
        self.0.finish_and_clear();
    }
}
