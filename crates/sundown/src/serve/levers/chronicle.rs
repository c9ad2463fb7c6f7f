//! What a running edge writes into the audit trail, and what it does when it cannot.

use std::collections::{BTreeSet, VecDeque};
use std::path::Path;

use anyhow::anyhow;
use audit::{Deed, Trail, When};
use edge::Clock;
use floor::Plan;
use jiff::SignedDuration;

use crate::levers::user;
use crate::plan::{exception_in_words, facts, hex};

/// Clocks further apart than this show different times.
const APART: SignedDuration = SignedDuration::from_secs(1);
/// Deeds that wait for a disk; those before go to the log alone.
const MOST_WAITING: usize = 1000;
/// The longest reason for a plan that was refused; all of it is in the log.
const LONGEST_REASON: usize = 4000;

/// Writes the trail.
pub(super) struct Chronicle {
    trail: Trail,
    clock: Clock,
    /// The facts of the plan that was recorded last.
    facts: Vec<String>,
    /// Exceptions in force that are recorded as such, in words.
    open: BTreeSet<String>,
    /// When each exception of the plan in force ends, and its words.
    ends: Vec<(jiff::Timestamp, String)>,
    waiting: VecDeque<(When, &'static str, Vec<Deed>)>,
    /// Who started this edge.
    user: String,
    failing: bool,
}

impl Chronicle {
    /// Takes up the trail where it ends.
    pub(super) fn open(data_dir: &Path, clock: Clock) -> Self {
        let trail = Trail::of(data_dir);
        let reading = trail.read().unwrap_or_else(|error| {
            tracing::error!(error = %format!("{:#}", anyhow!(error)), "the audit trail is begun anew");
            audit::Reading::default()
        });
        if let Some(fault) = &reading.fault {
            tracing::error!(
                "{}: {fault}; `sundown audit --verify` says more",
                trail.path().display()
            );
        }
        if reading.unfinished > 0 {
            tracing::warn!(
                "{} ends with an unfinished record: something stopped while it was written",
                trail.path().display()
            );
        }
        let mut facts = Vec::new();
        let mut open = BTreeSet::new();
        for record in &reading.records {
            match (record.kind.as_str(), record.text("exception")) {
                ("plan", _) => facts = record.texts("lines").map(str::to_owned).collect(),
                ("exception-begun", Some(exception)) => {
                    open.insert(exception.to_owned());
                }
                ("exception-ended", Some(exception)) => {
                    open.remove(exception);
                }
                _ => {}
            }
        }
        Self {
            trail,
            clock,
            facts,
            open,
            ends: Vec::new(),
            waiting: VecDeque::new(),
            user: user(),
            failing: false,
        }
    }

    /// The edge starts with this plan.
    pub(super) fn started(&mut self, plan: &Plan, source: &str) {
        let started = Deed::Started {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            plan_sha256: hash(&facts(plan)),
        };
        self.put("user", vec![started]);
        self.plan_in_force(plan, source);
    }

    /// This plan is in force; recorded where it is another than before.
    pub(super) fn plan_in_force(&mut self, plan: &Plan, source: &str) {
        let now = facts(plan);
        if now != self.facts {
            let without = |these: &[String], those: &[String]| -> Vec<String> {
                let those: BTreeSet<_> = those.iter().collect();
                let left = these.iter().filter(|fact| !those.contains(fact));
                left.cloned().collect()
            };
            let deed = Deed::Plan {
                source: source.to_owned(),
                sha256: hash(&now),
                added: without(&now, &self.facts),
                removed: without(&self.facts, &now),
                lines: now.clone(),
            };
            self.facts = now;
            self.put("edge", vec![deed]);
        }
        self.ends = plan
            .exceptions
            .iter()
            .map(|exception| (exception.until, exception_in_words(plan, exception)))
            .collect();
        let words: BTreeSet<&String> = self.ends.iter().map(|(_, words)| words).collect();
        let gone: Vec<String> = self
            .open
            .iter()
            .filter(|open| !words.contains(open))
            .cloned()
            .collect();
        let now = self.clock.now();
        let begun: Vec<String> = self
            .ends
            .iter()
            .filter(|(until, words)| now < *until && !self.open.contains(words))
            .map(|(_, words)| words.clone())
            .collect();
        for exception in gone {
            self.end_exception(exception, "it is no longer in the plan");
        }
        for exception in begun {
            self.open.insert(exception.clone());
            self.put("edge", vec![Deed::ExceptionBegun { exception }]);
        }
        self.end_exceptions();
        self.write();
    }

    /// Records those exceptions whose date has come.
    pub(super) fn end_exceptions(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let now = self.clock.now();
        let over: Vec<String> = self
            .ends
            .iter()
            .filter(|(until, words)| *until <= now && self.open.contains(words))
            .map(|(_, words)| words.clone())
            .collect();
        if over.is_empty() {
            return;
        }
        for exception in over {
            tracing::info!("an exception has ended: {exception}");
            self.end_exception(exception, "its date came");
        }
        self.write();
    }

    fn end_exception(&mut self, exception: String, reason: &str) {
        self.open.remove(&exception);
        let reason = reason.to_owned();
        self.put("edge", vec![Deed::ExceptionEnded { exception, reason }]);
    }

    pub(super) fn reload_refused(&mut self, reason: String) {
        let reason = reason.chars().take(LONGEST_REASON).collect();
        self.record("edge", vec![Deed::ReloadRefused { reason }]);
    }

    pub(super) fn stopped(&mut self) {
        self.record("edge", vec![Deed::Stopped]);
    }

    /// Records deeds that belong together.
    pub(super) fn record(&mut self, by: &'static str, deeds: Vec<Deed>) {
        self.put(by, deeds);
        self.write();
    }

    fn put(&mut self, by: &'static str, deeds: Vec<Deed>) {
        let (real, plan) = (Clock::default().now(), self.clock.now());
        let is_apart = plan.duration_since(real).abs() > APART;
        let when = When {
            real,
            plan: is_apart.then_some(plan),
        };
        if self.waiting.len() >= MOST_WAITING
            && let Some((when, by, deeds)) = self.waiting.pop_front()
        {
            tracing::error!(at = %when.real, by, ?deeds, "not in the audit trail");
        }
        self.waiting.push_back((when, by, deeds));
    }

    /// Writes what waits, as far as the disk lets it: an edge does not stop for its trail.
    pub(super) fn write(&mut self) {
        while let Some((when, by, deeds)) = self.waiting.front() {
            let by = if *by == "user" { &self.user } else { *by };
            match self.trail.append(*when, by, deeds) {
                Ok(()) => {
                    self.waiting.pop_front();
                    self.failing = false;
                }
                Err(error) => {
                    // Said once, not once for each try.
                    if !self.failing {
                        tracing::error!(error = %format!("{:#}", anyhow!(error)), "the edge goes on; trying again");
                        self.failing = true;
                    }
                    return;
                }
            }
        }
    }
}

fn hash(facts: &[String]) -> String {
    hex(facts.join("\n").as_bytes())
}
