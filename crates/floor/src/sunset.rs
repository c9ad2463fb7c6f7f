//! A sunset: one floor and its dated phases.

use std::fmt;

use jiff::Timestamp;

use crate::{Brownout, Floor, Window};

/// How far a sunset has come. Ordered: a later phase is harder on a client that misses.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Served and counted.
    Observe,
    /// Served, and told in headers.
    Warn,
    /// Inside a brownout window.
    Brownout,
    /// The handshake completes; every request is answered with an explanation and goes no further.
    Explain,
    /// A TLS alert, before any cryptography.
    Refuse,
}

impl Phase {
    /// Every phase, mildest first.
    pub const ALL: [Self; 5] = [
        Self::Observe,
        Self::Warn,
        Self::Brownout,
        Self::Explain,
        Self::Refuse,
    ];

    /// Its name, as in `sundown.toml`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Warn => "warn",
            Self::Brownout => "brownout",
            Self::Explain => "explain",
            Self::Refuse => "refuse",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One floor plus its dated phases.
#[derive(Clone, Debug)]
pub struct Sunset {
    /// What it retires, in words: unique in a plan.
    pub name: String,
    /// What a client must be able to do.
    pub floor: Floor,
    /// The index in the plan of the cohort it is for; `None` for everybody.
    pub cohort: Option<usize>,
    /// Start of the observe phase.
    pub observe: Option<Timestamp>,
    /// Start of the warn phase.
    pub warn: Option<Timestamp>,
    /// Runs of brownout windows.
    pub brownouts: Vec<Brownout>,
    /// Start of the explain phase.
    pub explain: Option<Timestamp>,
    /// Start of the refuse phase.
    pub refuse: Option<Timestamp>,
    /// Where a client's owner can ask for help.
    pub contact: Option<String>,
    /// Paths on which card data can be sent. The explain phase is not for those: see `Plan::check`.
    pub card_data_paths: Vec<String>,
}

/// A phase and when it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// What begins.
    pub phase: Phase,
    /// When.
    pub at: Timestamp,
}

impl Sunset {
    /// The phases that begin on a date of their own, in order of date; brownouts are windows, not here.
    pub fn dates(&self) -> impl Iterator<Item = Change> + use<> {
        let dates = [
            (Phase::Observe, self.observe),
            (Phase::Warn, self.warn),
            (Phase::Explain, self.explain),
            (Phase::Refuse, self.refuse),
        ];
        dates
            .into_iter()
            .filter_map(|(phase, at)| Some(Change { phase, at: at? }))
    }

    /// The phase at this moment, `None` before the first.
    pub fn phase(&self, now: Timestamp) -> Option<Phase> {
        let open = self
            .brownouts
            .iter()
            .any(|run| run.window_at(now).is_some());
        self.phase_by_date(now).max(open.then_some(Phase::Brownout))
    }

    /// The phase at this moment for a client that no window hits. Once a brownout run has begun it is at
    /// least warn, whether or not warn has a date.
    pub fn phase_by_date(&self, now: Timestamp) -> Option<Phase> {
        let dated = self
            .dates()
            .filter(|change| change.at <= now)
            .map(|change| change.phase)
            .max();
        dated.max(
            self.brownouts
                .iter()
                .any(|run| run.from <= now)
                .then_some(Phase::Warn),
        )
    }

    /// The brownout window that is open; where several are, the one that ends last.
    pub fn window(&self, now: Timestamp) -> Option<Window> {
        self.brownouts
            .iter()
            .filter_map(|run| run.window_at(now))
            .max_by_key(|window| window.end)
    }

    /// The next moment at which the phase changes, and to what: to a harder phase, or back to warn when a
    /// brownout window closes. `None` when nothing is to come.
    pub fn next_change(&self, now: Timestamp) -> Option<Change> {
        // Dates that change nothing (a window that opens in the explain phase, one that closes while another
        // is open) are stepped over; past that many, only the phases with dates of their own are looked at.
        const STEPS: usize = 64;
        let current = self.phase(now);
        let mut dates =
            std::iter::successors(self.next_date(now), |&at| self.next_date(at)).take(STEPS);
        let dated = || {
            self.dates()
                .map(|change| change.at)
                .find(|&at| at > now && self.phase(at) != current)
        };
        let at = dates.find(|&at| self.phase(at) != current).or_else(dated)?;
        Some(Change {
            phase: self.phase(at)?,
            at,
        })
    }

    fn next_date(&self, now: Timestamp) -> Option<Timestamp> {
        let dated = self.dates().map(|change| change.at);
        let runs = self.brownouts.iter().flat_map(|run| {
            let closes = run.window_at(now).map(|window| window.end);
            let opens = run.next_window(now).map(|window| window.start);
            [Some(run.from), opens, closes].into_iter().flatten()
        });
        dated.chain(runs).filter(|&at| at > now).min()
    }

    /// When clients first notice: the start of warn or of the first brownout run, whichever is earlier. This
    /// is the date of the `Deprecation` header (RFC 9745).
    pub fn deprecated_at(&self) -> Option<Timestamp> {
        self.warn
            .into_iter()
            .chain(self.brownouts.iter().map(|run| run.from))
            .min()
    }

    /// When clients that miss stop being served: the start of explain or refuse, whichever is earlier. This
    /// is the date of the `Sunset` header (RFC 8594).
    pub fn ends_at(&self) -> Option<Timestamp> {
        self.explain.into_iter().chain(self.refuse).min()
    }
}
