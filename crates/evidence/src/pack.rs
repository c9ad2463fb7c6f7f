//! What a pack holds, as data. The names of the fields are the contract with whoever reads `evidence.json`.

use floor::Phase;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

/// Everything that is said about a period.
#[derive(Clone, Debug, Serialize)]
pub struct Pack {
    /// The version of the program that made it.
    pub made_by: String,
    /// When.
    pub made_at: Timestamp,
    /// Made-up data: of a demonstration.
    pub demo: bool,
    /// The period. Days are UTC's.
    pub period: Period,
    /// The sunsets of the plan in force when the pack was made.
    pub sunsets: Vec<SunsetFact>,
    /// The floors in force by date, as the audit trail has them.
    pub in_force: Vec<FloorSpan>,
    /// Since when that is known; absent where the trail holds no plan.
    pub in_force_known_since: Option<Timestamp>,
    /// What each listener and server name let in, from day to day.
    pub served: Vec<Served>,
    /// Protocols, suites and groups in use.
    pub inventory: Vec<Use>,
    /// Those still on SSL and on TLS before 1.2.
    pub early: Vec<Early>,
    /// Who was explained to or refused, by day and sunset.
    pub turned_away: Vec<TurnedAway>,
    /// Exceptions that were or are in force in the period.
    pub exceptions: Vec<ExceptionFact>,
    /// What operators did in the period.
    pub changes: Vec<Change>,
    /// The record that the changes are taken from.
    pub trail: TrailFact,
    /// Where less is known than happened.
    pub missing: Missing,
}

/// A stretch of time.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Period {
    /// Its first moment.
    pub from: Timestamp,
    /// The first moment after it.
    pub until: Timestamp,
}

/// A sunset and its phases as far as they touch the period.
#[derive(Clone, Debug, Serialize)]
pub struct SunsetFact {
    /// Its name.
    pub name: String,
    /// The floor that it enforces.
    pub floor: String,
    /// The same in words.
    pub floor_title: String,
    /// Its phases, all of them, in order.
    pub phases: Vec<PhaseSpan>,
    /// Brownout windows within the period.
    pub brownout_windows: u64,
}

/// A floor that was in force, and how it was applied. Nothing here is read into the past: it is what plans said then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FloorSpan {
    /// The sunset.
    pub sunset: String,
    /// Its floor: a name, or the beginning of a hash and a title.
    pub floor: String,
    /// The phase it was in by that plan; absent before the first.
    pub phase: Option<Phase>,
    /// Whether it was on hold: then it was only observed.
    pub on_hold: bool,
    /// From when, within the period.
    pub from: Timestamp,
    /// The first moment after it.
    pub until: Timestamp,
}

/// A phase and when it is in force by the plan.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct PhaseSpan {
    /// The phase.
    pub phase: Phase,
    /// From when.
    pub from: Timestamp,
    /// Until when; absent for the last.
    pub until: Option<Timestamp>,
}

/// What a listener let in under a server name, over days on which the oldest protocol was the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Served {
    /// The listener.
    pub listener: String,
    /// The server name; absent where clients sent none, or for all names that are not listed.
    pub server_name: Option<String>,
    /// How many names this is for, where it is for those that are not listed.
    pub other_names: Option<usize>,
    /// The first day.
    pub from: Date,
    /// The last day.
    pub to: Date,
    /// The oldest protocol that was let in; absent where nobody was.
    pub oldest: Option<String>,
    /// Connections that were let in.
    pub served: u64,
    /// Connections that were explained to or refused.
    pub turned_away: u64,
}

/// A protocol with a suite and a group, as it was negotiated on a listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Use {
    /// The listener.
    pub listener: String,
    /// The protocol, as OpenSSL spells it.
    pub protocol: String,
    /// The suite, as OpenSSL spells it.
    pub cipher: Option<String>,
    /// The group, as IANA spells it.
    pub group: Option<String>,
    /// Connections.
    pub connections: u64,
    /// Requests in them.
    pub requests: u64,
    /// Accounts that showed themselves in them.
    pub accounts: u64,
    /// The first in the period.
    pub first: Timestamp,
    /// The last in the period.
    pub last: Timestamp,
}

/// Clients that can do no better than SSL or TLS before 1.2.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Early {
    /// The newest protocol that they offered, or negotiated where their offer was not seen.
    pub protocol: String,
    /// Connections.
    pub connections: u64,
    /// Those of them that were refused.
    pub refused: u64,
    /// Requests that were served.
    pub requests: u64,
    /// Accounts that showed themselves.
    pub accounts: u64,
    /// Addresses, as far as the privacy setting kept them.
    pub addresses: u64,
    /// The same accounts on the first day of the period with any traffic.
    pub accounts_on_first_day: u64,
    /// And on the last.
    pub accounts_on_last_day: u64,
    /// The last time one was seen.
    pub last: Timestamp,
}

/// Connections that a sunset turned away on a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TurnedAway {
    /// The day.
    pub day: Date,
    /// The sunset.
    pub sunset: String,
    /// Connections that were explained to.
    pub explained: u64,
    /// Connections that were refused.
    pub refused: u64,
}

/// An exception.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExceptionFact {
    /// The sunset that is held off.
    pub sunset: String,
    /// Whom it is for, in words.
    pub who: String,
    /// What must be met all the same.
    pub floor: Option<String>,
    /// When it ends.
    pub until: Timestamp,
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub reason: String,
}

/// What an operator did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The number of the record in the audit trail.
    pub seq: u64,
    /// When, on the real clock.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// What: see `sundown audit`.
    pub kind: String,
    /// More about it, a line each.
    pub lines: Vec<String>,
}

/// The audit trail as it was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TrailFact {
    /// Records, all of them.
    pub records: usize,
    /// Where its chain does not hold; absent where it does.
    pub fault: Option<String>,
    /// The hash of its last record.
    pub last_hash: Option<String>,
}

/// Where less is known than happened.
#[derive(Clone, Debug, Serialize)]
pub struct Missing {
    /// Stretches of time.
    pub gaps: Vec<ledger::Gap>,
    /// Connections that were counted without their details.
    pub without_details: u64,
}
