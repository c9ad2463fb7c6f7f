//! What was counted in this run, for its summary.

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use floor::{Floor, Plan};
use jiff::Timestamp;
use ledger::Account;
use observe::Evidence;
use serde::Serialize;

/// Accounts that are told apart; a summary that says 100,000 says enough.
const MOST_ACCOUNTS: usize = 100_000;

/// Connections and requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Volume {
    pub(crate) connections: u64,
    pub(crate) requests: u64,
}

/// How much of the evidence can judge a floor, in connections.
#[derive(Debug, Serialize)]
pub(crate) struct Judging {
    /// The floor.
    pub(crate) floor: String,
    /// The sunset whose floor it is; absent for one that is only shown.
    pub(crate) sunset: Option<String>,
    pub(crate) meets: u64,
    pub(crate) misses: u64,
    pub(crate) cannot_tell: u64,
    #[serde(skip)]
    judge: Floor,
}

/// What was counted.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) volume: Volume,
    pub(crate) first: Option<Timestamp>,
    pub(crate) last: Option<Timestamp>,
    /// Hashes of their ids, under a key of this run: two of so many are the same less often than anything else fails.
    accounts: HashSet<u64>,
    hasher: RandomState,
    /// By negotiated version; what agreed on none, or does not say, is under the last.
    pub(crate) versions: BTreeMap<String, Volume>,
    pub(crate) floors: Vec<Judging>,
}

/// Where no version is known.
const NO_VERSION: &str = "unknown";

impl Tally {
    /// Counts for the floors of this plan, and for the two that come next.
    pub(crate) fn new(plan: &Plan) -> Self {
        let of_plan = plan
            .sunsets
            .iter()
            .map(|sunset| (Some(sunset.name.clone()), sunset.floor.clone()));
        let next = ["tls1.3", "pq"]
            .into_iter()
            .filter_map(|name| Some((None, Floor::named(name)?.clone())));
        let mut floors: Vec<Judging> = Vec::new();
        for (sunset, judge) in of_plan.chain(next) {
            if floors.iter().any(|known| known.floor == judge.name()) {
                continue;
            }
            floors.push(Judging {
                floor: judge.name().to_owned(),
                sunset,
                meets: 0,
                misses: 0,
                cannot_tell: 0,
                judge,
            });
        }
        Self {
            floors,
            ..Self::default()
        }
    }

    /// Counts a piece of evidence.
    pub(crate) fn add(&mut self, evidence: &Evidence<'_>, account: Option<&Account>) {
        let volume = Volume {
            connections: evidence.connections,
            requests: evidence.requests,
        };
        let version = evidence
            .negotiated
            .as_ref()
            .and_then(|negotiated| negotiated.version.name());
        let of_version = match self.versions.get_mut(version.unwrap_or(NO_VERSION)) {
            Some(known) => known,
            None => self
                .versions
                .entry(version.unwrap_or(NO_VERSION).to_owned())
                .or_default(),
        };
        for sum in [&mut self.volume, of_version] {
            sum.connections += volume.connections;
            sum.requests += volume.requests;
        }
        self.first = Some(
            self.first
                .map_or(evidence.first, |first| first.min(evidence.first)),
        );
        self.last = self.last.max(Some(evidence.last));
        if let Some(Account::Known(id)) = account
            && self.accounts.len() < MOST_ACCOUNTS
        {
            self.accounts.insert(self.hasher.hash_one(id));
        }
        for judging in &mut self.floors {
            let verdict = evidence
                .offer
                .as_ref()
                .map(|offer| judging.judge.judge(offer));
            let count = match verdict {
                Some(verdict) if verdict.meets() => &mut judging.meets,
                Some(verdict) if verdict.misses() => &mut judging.misses,
                _ => &mut judging.cannot_tell,
            };
            *count += volume.connections;
        }
    }

    /// The floor that comes first, and how many connections miss it.
    pub(crate) fn first_floor(&self) -> Option<(&Floor, u64)> {
        self.floors
            .first()
            .map(|judging| (&judging.judge, judging.misses))
    }

    /// How many accounts there were, and whether there were more than are told apart.
    pub(crate) fn accounts(&self) -> (usize, bool) {
        (self.accounts.len(), self.accounts.len() >= MOST_ACCOUNTS)
    }
}
