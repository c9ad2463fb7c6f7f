//! What a report says, as data. The field names are the contract of `--json`: fields are added, none changes its
//! meaning without [`FORMAT`] going up.

mod account;
mod ranked;

use floor::{Hold, Phase};
use jiff::Timestamp;
use jiff::civil::Date;
use ledger::{Gap, Visitor};
use serde::{Deserialize, Serialize};

pub use account::{
    AccountReport, AddressUse, InForce, Lack, Listed, Named, Part, Program, Row, RowWho, State,
    Usage, Volume,
};
pub use ranked::{Ranked, Ranking, Ready};

/// The version of the JSON form.
pub const FORMAT: u32 = 1;

/// Who would break, for each sunset or for one floor.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// [`FORMAT`].
    pub format: u32,
    /// What is said of the data where nobody was seen: it was made up. Whoever has the report made sets it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub demo: Option<String>,
    /// The moment of the report, on the plan's clock.
    pub at: Timestamp,
    /// What was asked for.
    pub range: Asked,
    /// What was seen in it; absent when nothing was.
    pub seen: Option<Seen>,
    /// Why some of what was seen could not be judged.
    pub evidence: Evidence,
    /// Health checks, scanners and bots.
    pub visitors: Visitors,
    /// Where the ledger knows less than happened.
    pub gaps: Vec<Gap>,
    /// Whom the plan refused in the range, by how they are known.
    pub refused: Refused,
    /// One for each sunset, in the order of the plan.
    pub sunsets: Vec<SunsetReport>,
    /// What one account did, where one was asked for.
    pub account: Option<AccountReport>,
    /// The answer in a word.
    pub verdict: Outcome,
    /// The address of `/ssl/` in the advice; absent where nobody named it and no client asked for a server by name.
    #[serde(skip)]
    pub check_url: Option<String>,
}

/// The answer in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Nobody would break; who misses is served as an exception on the day.
    NobodyBreaks,
    /// Somebody would.
    SomebodyBreaks,
    /// Nothing was judged, or too much is counted without its details.
    CannotSay,
}

/// The range that was asked for.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Asked {
    /// Its first moment; absent for since ever.
    pub from: Option<Timestamp>,
    /// The first moment after it.
    pub until: Timestamp,
    /// Only those are listed that were first seen to miss since then; absent where all are.
    pub only_new_since: Option<Timestamp>,
}

/// The stretch of time that the evidence is from.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Seen {
    /// The first sighting.
    pub first: Timestamp,
    /// The last sighting.
    pub last: Timestamp,
    /// Days by which "a day" divides: from the first sighting to the end of the range, at least 1.
    pub days: f64,
}

/// Connections by how much they show of what their client offers. What no hello, no details or no offer is known of, no
/// floor can judge; a part of an offer is enough for some floors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// All connections.
    pub connections: u64,
    /// No hello could be read: a port check, no TLS, a client that said nothing.
    pub no_hello: u64,
    /// Counted without details, because there was no room or no time for them.
    pub other: u64,
    /// Their offer is not in the ledger.
    pub lost: u64,
    /// Only a part of the offer is known: a log shows what was agreed on, and nobody saw the hello.
    pub partial: u64,
}

/// Health checks, scanners and bots.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Visitors {
    /// They are in every figure.
    pub included: bool,
    /// How much of each was seen.
    pub seen: Vec<VisitorCount>,
}

/// How much one kind of visitor did.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct VisitorCount {
    /// The kind.
    pub visitor: Visitor,
    /// Connections.
    pub connections: u64,
    /// Requests.
    pub requests: u64,
}

/// Connections that the plan refused, by how well it is known whose they were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// All of them.
    pub connections: u64,
    /// Of an account that showed itself on the connection all the same (a client certificate, an address).
    pub known: u64,
    /// One account was seen there before.
    pub one_candidate: u64,
    /// Several accounts were seen there before.
    pub several_candidates: u64,
    /// Nobody was seen there before.
    pub nobody: u64,
}

/// A sum, split by what a floor would do to it. `survive + breaks + unjudged = total`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shares {
    /// All.
    pub total: u64,
    /// Meets the floor.
    pub survive: u64,
    /// Misses it.
    #[serde(rename = "break")]
    pub breaks: u64,
    /// Cannot be judged.
    pub unjudged: u64,
    /// Of what misses: is let past on the day by an exception.
    pub excepted: u64,
}

/// How history stands with one floor.
#[derive(Clone, Debug, Serialize)]
pub struct SunsetReport {
    /// The sunset's name; absent for a floor that no plan names.
    pub sunset: Option<String>,
    /// The floor's name.
    pub floor: String,
    /// What the floor asks.
    pub title: String,
    /// The cohort of accounts that the sunset is for; absent where it is for everybody. Who is not in it survives.
    pub cohort: Option<String>,
    /// The sunset's phase at the moment of the report, by plan.
    pub phase: Option<Phase>,
    /// The hold that the sunset is under. The figures are of the day on which it is lifted.
    pub hold: Option<Hold>,
    /// What comes next.
    pub next: Option<Next>,
    /// When clients that miss are turned away for good.
    pub ends: Option<Timestamp>,
    /// By connections.
    pub connections: Shares,
    /// By requests.
    pub requests: Shares,
    /// By accounts that showed themselves. One survives when none of its traffic misses.
    pub accounts: Shares,
    /// Who would break, worst first: by requests and refused connections, then the last seen.
    pub breaking: Vec<Row>,
    /// Rows that are not listed.
    pub more: More,
    /// The sunset's exceptions.
    pub exceptions: Vec<ExceptionNote>,
    /// Whom its brownouts hit.
    pub brownouts: Option<Brownouts>,
    /// By day, where it was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<Day>,
}

/// A change of phase to come.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Next {
    /// What begins.
    pub phase: Phase,
    /// When.
    pub at: Timestamp,
}

/// What a list was cut to leave out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct More {
    /// Rows.
    pub rows: u64,
    /// Their connections.
    pub connections: u64,
    /// Their requests.
    pub requests: u64,
}

/// An exception of the plan, and whether somebody should act on it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExceptionNote {
    /// The account it is for.
    pub account: Option<String>,
    /// The addresses it is for.
    pub address: Option<String>,
    /// The server name it is for.
    pub sni: Option<String>,
    /// Who answers for it.
    pub owner: String,
    /// Why it is there.
    pub reason: String,
    /// The first moment without it.
    pub until: Timestamp,
    /// How it stands.
    pub state: ExceptionState,
    /// Whole days until it ends; below 0 once it has.
    pub days_left: i64,
    /// What still needs it; absent when nothing does.
    pub needed_by: Option<Usage>,
    /// Whether its account was seen at all in the range; absent where it names none.
    pub account_seen: Option<bool>,
}

/// How an exception stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExceptionState {
    /// It ended, and whom it was for is no longer let past.
    Ended,
    /// In force, and nothing in the range needed it.
    NotNeeded,
    /// Ends within two weeks, and is needed.
    EndsSoon,
    /// In force and needed.
    InForce,
}

impl ExceptionState {
    /// Whether somebody should act.
    pub const fn nags(self) -> bool {
        !matches!(self, Self::InForce)
    }

    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::NotNeeded => "no longer needed",
            Self::EndsSoon => "ends soon",
            Self::InForce => "in force",
        }
    }
}

/// What a sunset's brownouts did.
#[derive(Clone, Debug, Serialize)]
pub struct Brownouts {
    /// Accounts that were hit in any window.
    pub accounts: u64,
    /// Of these: all that was seen of them afterwards meets the floor.
    pub modern_since: u64,
    /// Of these: was seen afterwards and still misses.
    pub still_old: u64,
    /// Of these: was not seen again.
    pub not_seen_since: u64,
    /// The windows that hit somebody, in order.
    pub windows: Vec<WindowReport>,
}

/// Whom one window hit.
#[derive(Clone, Debug, Serialize)]
pub struct WindowReport {
    /// When it opened.
    pub start: Timestamp,
    /// When it closed, where the plan still says so.
    pub end: Option<Timestamp>,
    /// Who was hit, worst first.
    pub hits: Vec<Hit>,
}

/// Somebody whom a window hit.
#[derive(Clone, Debug, Serialize)]
pub struct Hit {
    /// Who.
    pub who: RowWho,
    /// Requests that were answered with the explanation.
    pub explained: u64,
    /// Connections that were refused.
    pub refused: u64,
    /// What was seen of them afterwards.
    pub after: After,
}

/// What was seen of somebody after a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum After {
    /// Only what meets the floor.
    ModernSince,
    /// Something that misses it.
    StillOld,
    /// Nothing.
    NotSeenSince,
    /// It cannot be told: no account, or one of several.
    Unknown,
}

impl After {
    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::ModernSince => "modern since",
            Self::StillOld => "still old",
            Self::NotSeenSince => "not seen since",
            Self::Unknown => "cannot be told",
        }
    }
}

/// One day's connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Day {
    /// The day, UTC.
    pub date: Date,
    /// How many days from there on are in it.
    pub days: u32,
    /// Its connections.
    #[serde(flatten)]
    pub connections: Shares,
}
