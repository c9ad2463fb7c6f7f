//! Beside a running edge: watches what is put on hold, lets the guard look, keeps the audit trail, and tells the plan
//! what is known of accounts. One thread, because all of it waits for a disk, which no connection should.

mod chronicle;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::anyhow;
use audit::{Deed, Holds, Stamp};
use edge::{Clock, Handle, Tripped};
use floor::{Hold, Roster};

use crate::plan::on_hold;
use chronicle::Chronicle;

/// How often the file of the holds is looked at: a hold is in force well within a second.
const TICK: Duration = Duration::from_millis(250);
/// How often the roster is drawn up anew. An account that is not on it yet counts as new.
const ROSTER: Duration = Duration::from_secs(60 * 60);
/// How often what could not be written is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// The thread, and how to reach it.
pub(super) struct Levers {
    sender: Sender<Told>,
    thread: JoinHandle<()>,
}

/// Tells the thread what happened elsewhere.
#[derive(Clone)]
pub(super) struct Teller(Sender<Told>);

/// What it is told.
enum Told {
    /// A plan from this file is in force.
    Reloaded(String),
    /// One was not put in force, because of this.
    ReloadRefused(String),
    /// What is known of accounts.
    Roster(Roster),
    Stop,
}

impl Teller {
    pub(super) fn reloaded(&self, source: String) {
        // The thread is there as long as the edge is.
        self.0.send(Told::Reloaded(source)).ok();
    }

    pub(super) fn reload_refused(&self, error: &anyhow::Error) {
        self.0.send(Told::ReloadRefused(format!("{error:#}"))).ok();
    }
}

/// What is on hold when an edge starts. Where that cannot be read, everything is: who held it had a reason.
pub(super) fn holds_at_start(data_dir: &Path) -> Vec<Hold> {
    let holds = Holds::of(data_dir).read().unwrap_or_else(|error| {
        let error = anyhow!(error);
        tracing::error!("{error:#}; everything is on hold until `sundown resume` writes it anew");
        vec![Hold {
            sunset: None,
            by: "edge".to_owned(),
            reason: "the file of the holds cannot be read".to_owned(),
            at: Clock::default().now(),
        }]
    });
    for hold in &holds {
        tracing::warn!("{}", on_hold(hold));
    }
    holds
}

impl Levers {
    /// Starts the thread. `source` is the name of the plan in force.
    pub(super) fn start(
        handle: Handle,
        data_dir: &Path,
        clock: Clock,
        source: String,
    ) -> std::io::Result<Self> {
        let (sender, receiver) = mpsc::channel();
        let holds = Holds::of(data_dir);
        let watch = Watch {
            // Before the thread: who asks from now on is told that an edge runs.
            _watching: holds
                .watch()
                .inspect_err(
                    |error| tracing::warn!(%error, "`sundown hold` cannot tell that an edge runs"),
                )
                .ok(),
            stamp: Stamp::default(),
            unsaved: None,
            chronicle: Chronicle::open(data_dir, clock),
            roster: Drawing::Due,
            teller: sender.clone(),
            retry_at: Instant::now() + RETRY,
            data_dir: data_dir.to_owned(),
            handle,
            holds,
            clock,
        };
        let thread = thread::Builder::new()
            .name("levers".to_owned())
            .spawn(move || watch.run(&receiver, &source))?;
        Ok(Self { sender, thread })
    }

    pub(super) fn teller(&self) -> Teller {
        Teller(self.sender.clone())
    }

    /// Records the stop and ends the thread.
    pub(super) fn stop(self) {
        self.sender.send(Told::Stop).ok();
        self.thread.join().ok();
    }
}

/// How far the roster is.
enum Drawing {
    Due,
    /// In a thread of its own: a large ledger takes a while, and a hold must not wait for it.
    UnderWay,
    Done(Instant),
}

/// What the thread knows.
struct Watch {
    handle: Handle,
    clock: Clock,
    data_dir: PathBuf,
    holds: Holds,
    /// Kept open for as long as this edge watches.
    _watching: Option<File>,
    /// The file of the holds as it was read last.
    stamp: Stamp,
    /// The guard's hold, where it could not be written.
    unsaved: Option<Hold>,
    chronicle: Chronicle,
    roster: Drawing,
    /// For what it has done elsewhere.
    teller: Sender<Told>,
    retry_at: Instant,
}

impl Watch {
    fn run(mut self, receiver: &Receiver<Told>, source: &str) {
        // What was read at the start is read once more, so that nothing is missed between the two.
        self.chronicle.started(&self.handle.plan(), source);
        loop {
            self.tick();
            match receiver.recv_timeout(TICK) {
                Ok(Told::Reloaded(source)) => {
                    let plan = self.handle.plan();
                    warn_of_names(&plan);
                    self.chronicle.plan_in_force(&plan, &source);
                    self.roster = Drawing::Due;
                }
                Ok(Told::Roster(roster)) => {
                    self.handle.take_roster(roster);
                    self.roster = Drawing::Done(Instant::now());
                }
                Ok(Told::ReloadRefused(reason)) => self.chronicle.reload_refused(reason),
                Ok(Told::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
        self.chronicle.stopped();
    }

    fn tick(&mut self) {
        self.look_at_holds();
        if let Some(tripped) = self.handle.look_out() {
            self.guard(tripped);
        }
        self.chronicle.end_exceptions();
        self.draw_up_roster();
        if Instant::now() >= self.retry_at {
            self.retry_at = Instant::now() + RETRY;
            self.chronicle.write();
            self.save_hold();
        }
    }

    fn look_at_holds(&mut self) {
        let stamp = self.holds.stamp();
        if stamp == self.stamp {
            return;
        }
        let before = self.handle.holds();
        let now = match self.holds.read() {
            Ok(now) => now,
            Err(error) => {
                tracing::error!(error = %format!("{:#}", anyhow!(error)), "what is on hold stays as it was");
                self.stamp = stamp;
                return;
            }
        };
        let is_first = self.stamp == Stamp::default();
        self.stamp = stamp;
        // Whatever somebody wrote is newer than what was not written.
        self.unsaved = None;
        if now == before {
            return;
        }
        self.handle.hold(now.clone());
        for hold in now.iter().filter(|hold| !before.contains(hold)) {
            tracing::warn!("{}", on_hold(hold));
        }
        let lifted = before
            .iter()
            .filter(|hold| !now.iter().any(|now| now.sunset == hold.sunset));
        for hold in lifted {
            tracing::warn!(
                "no longer on hold: {}",
                hold.sunset.as_deref().unwrap_or("everything")
            );
        }
        if !is_first {
            warn_of_names(&self.handle.plan());
        }
    }

    /// Everything is put on hold, in the edge first: a disk that is full must not keep it from acting.
    fn guard(&mut self, tripped: Tripped) {
        let hold = Hold {
            sunset: None,
            by: "guard".to_owned(),
            reason: tripped.to_string(),
            at: Clock::default().now(),
        };
        let mut holds = self.handle.holds();
        holds.push(hold.clone());
        self.handle.hold(holds);
        tracing::error!("THE GUARD ACTED: {tripped}. Everything is on hold until `sundown resume`");
        self.chronicle.record(
            "guard",
            vec![
                Deed::Guard {
                    asked: tripped.window.asked,
                    turned_away: tripped.window.turned_away,
                    limit: tripped.settings.refused,
                    over_seconds: tripped.settings.over.as_secs_f64(),
                },
                Deed::Hold {
                    sunset: None,
                    reason: hold.reason.clone(),
                },
            ],
        );
        self.unsaved = Some(hold);
        self.save_hold();
    }

    fn save_hold(&mut self) {
        let Some(hold) = self.unsaved.clone() else {
            return;
        };
        let saved = self.holds.change(|all| {
            all.retain(|before| before.sunset != hold.sunset);
            all.push(hold);
        });
        match saved {
            Ok(()) => self.unsaved = None,
            Err(error) => {
                tracing::error!(error = %format!("{:#}", anyhow!(error)), "the hold is in force, and is lost if this edge stops; trying again");
            }
        }
    }

    fn draw_up_roster(&mut self) {
        let is_due = match self.roster {
            Drawing::Due => true,
            Drawing::UnderWay => false,
            Drawing::Done(at) => at.elapsed() >= ROSTER,
        };
        if !is_due || !self.handle.has_cohorts() {
            return;
        }
        let (teller, data_dir, now) =
            (self.teller.clone(), self.data_dir.clone(), self.clock.now());
        let drawing = thread::Builder::new()
            .name("roster".to_owned())
            // Nobody listens any more where the edge has stopped.
            .spawn(move || {
                teller
                    .send(Told::Roster(super::roster(&data_dir, now)))
                    .ok()
            });
        self.roster = match drawing {
            Ok(_) => Drawing::UnderWay,
            Err(error) => {
                tracing::error!(%error, "who is in a cohort stays as it was");
                Drawing::Done(Instant::now())
            }
        };
    }
}

/// A hold of a name that no sunset has holds nothing; somebody thinks it does.
fn warn_of_names(plan: &floor::Plan) {
    for hold in plan.holds() {
        if let Some(name) = &hold.sunset
            && !plan.sunsets.iter().any(|sunset| sunset.name == *name)
        {
            tracing::warn!("{name:?} is on hold, and no sunset of this plan has that name");
        }
    }
}
