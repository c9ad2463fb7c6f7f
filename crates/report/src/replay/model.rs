//! What a replay says, as data. The field names are the contract of `--json`.

use floor::Phase;
use jiff::Timestamp;
use serde::Serialize;

use crate::model::{AddressUse, Listed, Outcome, Program, RowWho, Volume};

/// The version of the JSON form.
pub(super) const FORMAT: u32 = 1;

/// What a plan would have done to what was seen.
#[derive(Clone, Debug, Serialize)]
pub struct Replay {
    /// The version of this form: 1.
    pub format: u32,
    /// What is said of the data where nobody was seen: it was made up. Whoever has the replay made sets it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub demo: Option<String>,
    /// The moment of the replay.
    pub at: Timestamp,
    /// The first moment of the range; absent for since ever.
    pub from: Option<Timestamp>,
    /// The first moment after it.
    pub until: Timestamp,
    /// What the plans' clock shows at the first sighting; absent where it shows the ledger's own time.
    pub plan_clock_from: Option<Timestamp>,
    /// The first and the last sighting; absent when there was none.
    pub seen: Option<Span>,
    /// Days by which "a day" divides.
    pub days: f64,
    /// The plan that was asked about.
    pub plan: PlanReplay,
    /// The plan it is compared with.
    pub against: Option<PlanReplay>,
    /// How the two differ.
    pub changes: Option<Changes>,
    /// Whether the ledger recorded what the plan in force decides.
    pub recorded: Option<Recorded>,
    /// The answer in a word.
    pub verdict: Outcome,
}

/// A stretch of time, both ends in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Span {
    /// Its first moment.
    pub first: Timestamp,
    /// Its last moment.
    pub last: Timestamp,
}

impl From<(Timestamp, Timestamp)> for Span {
    fn from((first, last): (Timestamp, Timestamp)) -> Self {
        Self { first, last }
    }
}

/// A number that the grain of the ledger leaves open. Where all three are equal it is exact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Estimate {
    /// What is certain.
    pub at_least: u64,
    /// By the share of time: as if everything were spread evenly between its first and its last.
    pub about: f64,
    /// Everybody who was active in an hour (or a compacted day) of which only a part counts.
    pub at_most: u64,
}

impl Estimate {
    /// So many for certain.
    pub(super) fn add_certain(&mut self, count: u64) {
        self.at_least += count;
        self.about += count as f64;
        self.at_most += count;
    }

    /// So many, or a share of them.
    pub(super) fn add_part(&mut self, count: u64, share: Option<f64>) {
        match share {
            None => self.add_certain(count),
            Some(share) => self.add_share(count, share),
        }
    }

    /// Of so many a share.
    pub(super) fn add_share(&mut self, count: u64, share: f64) {
        self.about += count as f64 * share;
        self.at_most += count;
    }

    pub(super) fn add(&mut self, other: Self) {
        self.at_least += other.at_least;
        self.about += other.about;
        self.at_most += other.at_most;
    }

    /// Whether nothing is left open.
    pub const fn is_exact(&self) -> bool {
        self.at_least == self.at_most
    }
}

/// What one plan would have done.
#[derive(Clone, Debug, Default, Serialize)]
pub struct PlanReplay {
    /// What it is called.
    pub name: String,
    /// The phases that it is in over the range.
    pub stages: Vec<Stage>,
    /// Connections by what becomes of them.
    pub connections: Fates,
    /// Requests by what becomes of them. Those of a refused connection are not made.
    pub requests: Fates,
    /// Accounts that showed themselves.
    pub accounts: Accounts,
    /// Who is turned away, worst first.
    pub turned_away: Vec<TurnedAway>,
    /// How many of those are not listed.
    pub more: u64,
    /// The client programs behind those that are listed.
    pub runtimes: Listed<By>,
    /// Brownouts.
    pub windows: Windows,
}

/// A phase of a sunset within the range, on the plan's clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stage {
    /// The sunset.
    pub sunset: String,
    /// The floor.
    pub floor: String,
    /// The phase, windows apart.
    pub phase: Phase,
    /// When it begins, or the beginning of the range.
    pub from: Timestamp,
}

/// A sum by what becomes of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Fates {
    /// All.
    pub total: u64,
    /// Served as ever.
    pub served: Estimate,
    /// Served and warned.
    pub warned: Estimate,
    /// Answered with the explanation.
    pub explained: Estimate,
    /// Refused.
    pub refused: Estimate,
    /// Cannot be judged: no hello, no details, or only a part of an offer.
    pub unjudged: u64,
}

impl Fates {
    /// The part of an action, by its name.
    pub(super) fn of(&mut self, action: floor::Action) -> &mut Estimate {
        match action {
            floor::Action::Serve => &mut self.served,
            floor::Action::Warn => &mut self.warned,
            floor::Action::Explain => &mut self.explained,
            floor::Action::Refuse(_) => &mut self.refused,
        }
    }

    /// Explained or refused.
    pub fn turned_away(&self) -> Estimate {
        let mut both = self.explained;
        both.add(self.refused);
        both
    }
}

/// Accounts that showed themselves, by what becomes of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Accounts {
    /// All.
    pub total: u64,
    /// Turned away at least once.
    pub turned_away: u64,
    /// Perhaps turned away: active in an hour in which a part was.
    pub perhaps: u64,
}

/// Somebody who is turned away.
#[derive(Clone, Debug, Serialize)]
pub struct TurnedAway {
    /// Who.
    pub who: RowWho,
    /// By which sunsets.
    pub sunsets: Vec<String>,
    /// Connections that are explained to or refused.
    pub connections: Estimate,
    /// Requests that are not served.
    pub requests: Estimate,
    /// Those by day.
    pub requests_a_day: f64,
    /// All that these did.
    pub all: Volume,
    /// When it first happens, on the ledger's clock.
    pub first: Timestamp,
    /// When it last happens.
    pub last: Timestamp,
    /// Where from; how much is of the whole range.
    pub addresses: Listed<AddressUse>,
    /// With which programs; how much is of the whole range.
    pub programs: Listed<Program>,
}

/// Something, and how many accounts have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct By {
    /// What.
    pub name: String,
    /// How many, those that are only inferred among them.
    pub accounts: u64,
}

/// Brownout windows of the range.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Windows {
    /// All of them.
    pub total: u64,
    /// Those that hit somebody, or may have, in order.
    pub hit: Vec<WindowReplay>,
}

/// One brownout window.
#[derive(Clone, Debug, Serialize)]
pub struct WindowReplay {
    /// The sunset.
    pub sunset: String,
    /// When it opens, on the plan's clock.
    pub start: Timestamp,
    /// When it closes.
    pub end: Timestamp,
    /// Who is hit, worst first.
    pub hits: Vec<WindowHit>,
}

/// Somebody whom a window hits.
#[derive(Clone, Debug, Serialize)]
pub struct WindowHit {
    /// Who.
    pub who: RowWho,
    /// Connections.
    pub connections: Estimate,
    /// Requests.
    pub requests: Estimate,
}

/// How two plans differ.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Changes {
    /// Who is turned away by the plan that was asked about alone.
    pub newly_turned_away: Vec<RowWho>,
    /// Who is turned away by the other alone.
    pub no_longer_turned_away: Vec<RowWho>,
    /// Who is turned away by both.
    pub both: u64,
}

/// What a decision says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Said {
    /// The sunset that decided.
    pub sunset: Option<String>,
    /// Its phase.
    pub phase: Option<Phase>,
    /// What is done.
    pub action: String,
}

/// Whether the ledger recorded what a plan decides, in connections and requests.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Recorded {
    /// The same.
    pub agree: u64,
    /// Something else: the plan was another one then, or on hold.
    pub differ: u64,
    /// Nothing was decided then, or the offer is known in part only.
    pub cannot_tell: u64,
    /// What differs, the most first.
    pub differences: Vec<Difference>,
}

/// Something that was decided otherwise.
#[derive(Clone, Debug, Serialize)]
pub struct Difference {
    /// Whose.
    pub who: RowWho,
    /// What was recorded.
    pub recorded: Said,
    /// What the plan decides.
    pub replayed: Said,
    /// Connections and requests.
    pub amount: u64,
}
