//! What is said of one account.

use std::net::IpAddr;
use std::sync::Arc;

use advice::{Advice, Runtime};
use floor::Verdict;
use jiff::Timestamp;
use ledger::{Counts, Who};
use serde::{Deserialize, Serialize, Serializer};

/// Somebody of whose traffic some misses a floor.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Who.
    pub who: RowWho,
    /// Whether it would break: `false` where an exception lets all of it past on the day.
    pub breaks: bool,
    /// What misses.
    pub misses: Usage,
    /// Requests that miss, by day.
    pub requests_a_day: f64,
    /// All that these did, whether or not it misses.
    pub all: Volume,
    /// Whether what misses still comes.
    pub state: State,
    /// Days from the last of it to the end of the range.
    pub days_since: i64,
    /// For an inferred account: how long before a connection it was last seen there, at most.
    pub age_seconds: Option<u64>,
    /// Where it comes from, the most used first.
    pub addresses: Listed<AddressUse>,
    /// The client programs, the most used first.
    pub programs: Listed<Program>,
    /// Exceptions in force now.
    pub exceptions: Vec<InForce>,
}

/// Who a row is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RowWho(pub Who);

impl Serialize for RowWho {
    /// `attribution` is `known`, `inferred` (one candidate), `ambiguous` (several) or `none`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Shape<'a> {
            attribution: &'static str,
            #[serde(skip_serializing_if = "Option::is_none")]
            id: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            candidates: Option<&'a [Arc<str>]>,
            #[serde(skip_serializing_if = "Option::is_none")]
            more: Option<bool>,
        }
        let mut shape = Shape {
            attribution: self.attribution(),
            id: None,
            candidates: None,
            more: None,
        };
        match &self.0 {
            Who::Nobody => {}
            Who::Known(id) => shape.id = Some(id),
            Who::Inferred { candidates, more } => match candidates.as_slice() {
                [only] if !more => shape.id = Some(only),
                several => {
                    shape.candidates = Some(several);
                    shape.more = Some(*more);
                }
            },
        }
        shape.serialize(serializer)
    }
}

impl RowWho {
    /// How it is known who this is.
    pub fn attribution(&self) -> &'static str {
        match &self.0 {
            Who::Nobody => "none",
            Who::Known(_) => "known",
            Who::Inferred { candidates, more } if candidates.len() == 1 && !more => "inferred",
            Who::Inferred { .. } => "ambiguous",
        }
    }

    /// The account, where there is one alone, certain or inferred.
    pub fn id(&self) -> Option<&Arc<str>> {
        match &self.0 {
            Who::Known(id) => Some(id),
            Who::Inferred { candidates, more } => match candidates.as_slice() {
                [only] if !more => Some(only),
                _ => None,
            },
            Who::Nobody => None,
        }
    }
}

/// How much, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Connections.
    pub connections: u64,
    /// Of these, refused by the plan.
    pub refused: u64,
    /// Requests.
    pub requests: u64,
    /// The first in the range.
    pub first: Timestamp,
    /// The last in the range.
    pub last: Timestamp,
}

impl Usage {
    /// What the counts of the ledger come to.
    pub fn new(counts: &Counts) -> Self {
        Self {
            connections: counts.connections,
            refused: counts.refused,
            requests: counts.requests.total(),
            first: counts.first,
            last: counts.last,
        }
    }

    /// Both together.
    pub fn add(&mut self, other: Self) {
        self.connections += other.connections;
        self.refused += other.refused;
        self.requests += other.requests;
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
    }

    /// By what lists are ordered. A connection that was refused is at least one request that was not made.
    pub const fn weight(&self) -> u64 {
        self.requests + self.refused
    }

    /// Descending by weight, then connections, then the last seen.
    pub(crate) fn rank(&self) -> impl Ord + use<> {
        std::cmp::Reverse((self.weight(), self.connections, self.last))
    }
}

/// How much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Volume {
    /// Connections.
    pub connections: u64,
    /// Requests.
    pub requests: u64,
}

/// Whether what misses still comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It was seen in the last days.
    Active,
    /// It has not been seen for days, nor has anything else of this account.
    GoneQuiet,
    /// It has not been seen for days, and what has been seen since meets the floor.
    SeemsFixed,
    /// The account has not been seen with it for days, but somebody was refused since who may be this account.
    PerhapsRefused,
}

impl State {
    /// As in the JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::GoneQuiet => "gone-quiet",
            Self::SeemsFixed => "seems-fixed",
            Self::PerhapsRefused => "perhaps-refused",
        }
    }
}

/// The first of a list, and how many were left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listed<T> {
    /// The first.
    pub items: Vec<T>,
    /// How many more there are.
    pub more: usize,
}

impl<T> Default for Listed<T> {
    /// Nothing, and no more.
    fn default() -> Self {
        Self {
            items: Vec::new(),
            more: 0,
        }
    }
}

impl<T> Listed<T> {
    /// At most `most` of `items`.
    pub fn new(mut items: Vec<T>, most: usize) -> Self {
        let more = items.len().saturating_sub(most);
        items.truncate(most);
        Self { items, more }
    }

    /// The first `most` of these, and how many are left out of them in all.
    pub fn first(&self, most: usize) -> (&[T], usize) {
        let shown = self.items.get(..most).unwrap_or(&self.items);
        (shown, self.more + self.items.len() - shown.len())
    }
}

/// An address and how much came from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct AddressUse {
    /// The address, as far as the privacy setting kept it; absent where it kept nothing.
    pub address: Option<IpAddr>,
    /// How much.
    #[serde(flatten)]
    pub usage: Usage,
}

/// One client program: what spoke, what it lacks and what fixes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Program {
    /// What it is; absent when neither User-Agent nor fingerprint is known.
    pub runtime: Option<Runtime>,
    /// The User-Agents it sent, the most used first.
    pub user_agents: Listed<Arc<str>>,
    /// JA4 of its hellos, the most used first.
    pub ja4: Listed<String>,
    /// The highest version it offered.
    pub max_protocol: String,
    /// What it lacks; empty when it meets the floor.
    pub shortfalls: Vec<Lack>,
    /// The change that fixes it, where one is known.
    pub advice: Option<Advice>,
    /// How much.
    #[serde(flatten)]
    pub usage: Usage,
    /// The verdict on what it offers.
    #[serde(skip)]
    pub(crate) verdict: Verdict,
}

/// One thing that is lacking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lack {
    /// `version`, `suites` or `groups`.
    pub code: &'static str,
    /// What is offered instead.
    pub because: String,
    /// What would do, as one name.
    pub needed: String,
}

/// An exception that lets somebody past.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InForce {
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// The first moment without it.
    pub until: Timestamp,
}

/// All that one account did.
#[derive(Clone, Debug, Serialize)]
pub struct AccountReport {
    /// Its id.
    pub id: String,
    /// When it first showed itself, over all time; absent when it never did.
    pub first: Option<Timestamp>,
    /// When it last did.
    pub last: Option<Timestamp>,
    /// What is certain, then what is inferred.
    pub parts: Vec<Part>,
}

/// What was done under one attribution.
#[derive(Clone, Debug, Serialize)]
pub struct Part {
    /// Who.
    pub who: RowWho,
    /// All of it.
    pub usage: Usage,
    /// The client programs.
    pub programs: Listed<Program>,
    /// The addresses.
    pub addresses: Listed<AddressUse>,
    /// The server names asked for.
    pub server_names: Listed<Named>,
    /// Version, suite and group.
    pub negotiated: Listed<Named>,
    /// What the plan said: sunset, phase and action.
    pub decisions: Listed<Named>,
    /// How the connections ended.
    pub outcomes: Listed<Named>,
}

/// A few names that stand together, and how much they stand for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Named {
    /// The names; empty text where there is none.
    pub names: Vec<String>,
    /// How much.
    #[serde(flatten)]
    pub usage: Usage,
}
