//! The runtimes that call: versions, libraries, and how they stand with every sunset. This week beside the one before.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use hello::OfferId;
use jiff::Timestamp;
use ledger::{LedgerError, Query, Range, Visitor, Who};
use report::Recogniser;
use serde::Serialize;

use crate::narrow::days_before;
use crate::picture::Picture;

/// The days of a week.
const WEEK: i64 = 7;
/// Programs that are told: what nobody reads to its end is no list.
const MOST: usize = 200;
/// Pairs of offer and User-Agent that are kept apart. A client can send any User-Agent; what comes beyond is added to
/// what its offer alone shows.
const MOST_PAIRS: usize = 50_000;

/// The runtimes that call.
#[derive(Debug, Serialize)]
pub(crate) struct Clients {
    /// The version of this form.
    pub(crate) format: u32,
    /// The end of the last week.
    pub(crate) at: Timestamp,
    /// The sunsets that they are judged by.
    pub(crate) sunsets: Vec<String>,
    /// The runtimes, those that most accounts run first.
    pub(crate) clients: Vec<Client>,
    /// How many are not listed.
    pub(crate) more: usize,
}

/// One runtime in one version.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Client {
    /// Its name; absent where nothing knows it.
    pub(crate) runtime: Option<String>,
    /// Its version.
    pub(crate) version: Option<String>,
    /// Its TLS library.
    pub(crate) library: Option<String>,
    /// The highest version that it offers.
    pub(crate) max_protocol: String,
    /// Whether it meets the floor of each sunset; absent where that cannot be told.
    pub(crate) meets: Vec<Option<bool>>,
    /// Accounts that showed themselves with it in the last week.
    pub(crate) accounts: u64,
    /// In the week before.
    pub(crate) accounts_before: u64,
    /// Requests of the last week.
    pub(crate) requests: u64,
    /// Of the week before.
    pub(crate) requests_before: u64,
    /// Connections of the last week.
    pub(crate) connections: u64,
    /// Of the week before.
    pub(crate) connections_before: u64,
}

/// A client and what is counted of it in the two weeks.
#[derive(Default)]
struct Sum {
    accounts: [HashSet<Arc<str>>; 2],
    requests: [u64; 2],
    connections: [u64; 2],
}

type Pair = (OfferId, Option<Arc<str>>);
type Key = (
    Option<String>,
    Option<String>,
    Option<String>,
    String,
    Vec<Option<bool>>,
);

impl Clients {
    pub(crate) fn new(
        picture: &Picture,
        reader: &dyn Query,
        now: Timestamp,
    ) -> Result<Self, LedgerError> {
        let middle = days_before(now, WEEK);
        let range = Range {
            from: Some(days_before(now, 2 * WEEK)),
            until: Some(now),
        };
        let mut pairs: HashMap<Pair, Sum> = HashMap::new();
        reader.pieces(range, &[middle], &mut |who, detail| {
            let (Some(offer), Visitor::Customer) = (detail.offer, detail.visitor) else {
                return;
            };
            let mut pair = (offer, detail.user_agent.clone());
            if pairs.len() >= MOST_PAIRS && !pairs.contains_key(&pair) {
                pair.1 = None;
            }
            let week = usize::from(detail.counts.last < middle);
            let sum = pairs.entry(pair).or_default();
            if let (Who::Known(id), Some(accounts)) = (who, sum.accounts.get_mut(week)) {
                accounts.insert(id.clone());
            }
            if let Some(requests) = sum.requests.get_mut(week) {
                *requests += detail.counts.requests.total();
            }
            if let Some(connections) = sum.connections.get_mut(week) {
                *connections += detail.counts.connections;
            }
        })?;
        Ok(told(picture, pairs, now))
    }
}

fn told(picture: &Picture, pairs: HashMap<Pair, Sum>, now: Timestamp) -> Clients {
    let sunsets = &picture.in_force.plan.sunsets;
    let mut recogniser = Recogniser::new(&picture.offers);
    let mut clients: HashMap<Key, Sum> = HashMap::new();
    for ((id, user_agent), sum) in pairs {
        let Some(offer) = picture.offers.get(&id) else {
            continue;
        };
        let runtime = recogniser.runtime(id, user_agent.as_ref());
        let meets = sunsets.iter().map(|sunset| {
            let verdict = sunset.floor.judge(offer);
            (!verdict.cannot_tell()).then(|| verdict.meets())
        });
        let (name, version, library) = match runtime {
            Some(runtime) => (Some(runtime.runtime), runtime.version, runtime.library),
            None => (user_agent.map(|agent| format!("\"{agent}\"")), None, None),
        };
        let key = (
            name,
            version,
            library,
            offer.max_version().to_string(),
            meets.collect(),
        );
        let client = clients.entry(key).or_default();
        for (all, more) in client.accounts.iter_mut().zip(sum.accounts) {
            all.extend(more);
        }
        for (all, more) in client.requests.iter_mut().zip(sum.requests) {
            *all += more;
        }
        for (all, more) in client.connections.iter_mut().zip(sum.connections) {
            *all += more;
        }
    }
    let mut clients: Vec<Client> = clients
        .into_iter()
        .map(|(key, sum)| client(key, &sum))
        .collect();
    clients.sort_by(|one, other| {
        (other.accounts, other.requests, &one.runtime, &one.version).cmp(&(
            one.accounts,
            one.requests,
            &other.runtime,
            &other.version,
        ))
    });
    let more = clients.len().saturating_sub(MOST);
    clients.truncate(MOST);
    Clients {
        format: 1,
        at: now,
        sunsets: sunsets.iter().map(|sunset| sunset.name.clone()).collect(),
        clients,
        more,
    }
}

fn client((runtime, version, library, max_protocol, meets): Key, sum: &Sum) -> Client {
    let [accounts, accounts_before] =
        [&sum.accounts[0], &sum.accounts[1]].map(|ids| ids.len() as u64);
    let ([requests, requests_before], [connections, connections_before]) =
        (sum.requests, sum.connections);
    Client {
        runtime,
        version,
        library,
        max_protocol,
        meets,
        accounts,
        accounts_before,
        requests,
        requests_before,
        connections,
        connections_before,
    }
}
