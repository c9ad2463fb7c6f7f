//! What the edge and the upstream saw, held against what was sent: exactly that, and nothing more.
//!
//! Comes in: runs and their day, sightings, requests. Goes out: values that can be counted and compared.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::edge::Edge;
use crate::upstream::Request;
use crate::{Asks, Day, Run, Treatment, clients};

/// What a sighting says that does not depend on the machine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Seen {
    offered: String,
    negotiated: Option<String>,
    action: String,
    outcome: String,
    alert: Option<u64>,
    /// Served, warned, explained, answered by the edge itself.
    requests: [u64; 4],
}

impl Seen {
    /// One connection for a run, whatever became of it.
    pub(crate) fn expected(day: &Day, run: &Run) -> Seen {
        let refused = run.treatment(day) == Treatment::Refused;
        let api = u64::from(run.begins_with_the_api());
        // A token that was refused is followed by nothing.
        let explained = run.treatment(day) == Treatment::Explained && api == 1;
        let ssl = u64::from(run.asks == Asks::Ssl && !explained);
        Seen {
            offered: run.case.offers.to_owned(),
            negotiated: (!refused).then(|| run.case.offers.to_owned()),
            action: if run.case_meets() {
                "serve"
            } else {
                day.action
            }
            .to_owned(),
            outcome: if refused { "refused" } else { "terminated" }.to_owned(),
            alert: refused.then_some(70),
            requests: match run.treatment(day) {
                Treatment::Served => [api, 0, 0, ssl],
                Treatment::Warned => [0, api, 0, ssl],
                Treatment::Explained => [0, 0, api, ssl],
                Treatment::Refused => [0; 4],
            },
        }
    }

    /// The call of `/healthz` that [`check_totals`] makes.
    fn of_the_totals() -> Seen {
        Seen {
            offered: "TLSv1.3".to_owned(),
            negotiated: Some("TLSv1.3".to_owned()),
            action: "serve".to_owned(),
            outcome: "terminated".to_owned(),
            alert: None,
            requests: [0, 0, 0, 1],
        }
    }
}

impl From<&Value> for Seen {
    fn from(sighting: &Value) -> Seen {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let requests = ["served", "warned", "explained", "answered"];
        Seen {
            offered: text(&sighting["offered"]),
            negotiated: sighting["negotiated"]["version"]
                .as_str()
                .map(str::to_owned),
            action: text(&sighting["judged"]["action"]),
            outcome: text(&sighting["outcome"]),
            alert: sighting["alert"].as_u64(),
            requests: requests.map(|kind| sighting["requests"][kind].as_u64().unwrap_or(u64::MAX)),
        }
    }
}

/// Once every sighting is written, the totals are the sum of them. Asking is one connection more.
pub(crate) fn check_totals(edge: &Edge, expected: &mut Vec<Seen>) {
    edge.sightings(expected.len());
    let ca = edge.ca.display().to_string();
    let Some(asked) = clients::run_tool(
        "curl",
        &["--silent", "--cacert", &ca, &edge.url("/healthz")],
    ) else {
        return;
    };
    let health: Value =
        serde_json::from_str(&asked.stdout).unwrap_or_else(|error| panic!("{error}: {asked:?}"));
    let count = |key: fn(&Seen) -> Option<&str>| -> BTreeMap<&str, usize> {
        tally(expected.iter().filter_map(key))
    };
    let sum = |kind: usize| expected.iter().map(|seen| seen.requests[kind]).sum::<u64>();
    assert_eq!(
        health["totals"],
        json!({
            "connections": expected.len(),
            "outcomes": count(|seen| Some(&seen.outcome)),
            "offered": count(|seen| Some(&seen.offered)),
            "negotiated": count(|seen| seen.negotiated.as_deref()),
            "requests": { "served": sum(0), "warned": sum(1), "explained": sum(2), "answered": sum(3) },
            "dropped": 0,
        })
    );
    expected.push(Seen::of_the_totals());
}

/// A request that reached the upstream, with what the edge told it about the client.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Passed {
    method: String,
    path: String,
    version: String,
    verdict: String,
}

impl Passed {
    /// At most one of a run: `/ssl/` never gets there, nor does what is explained or refused.
    pub(crate) fn expected(day: &Day, run: &Run) -> Option<Passed> {
        let passes = matches!(run.treatment(day), Treatment::Served | Treatment::Warned)
            && run.begins_with_the_api();
        let (method, path) = if run.asks == Asks::Api {
            ("GET", run.asks.path())
        } else {
            ("POST", "/oauth2/token")
        };
        passes.then(|| Passed {
            method: method.to_owned(),
            path: path.to_owned(),
            version: run.case.offers.to_owned(),
            verdict: if run.case_meets() { "meets" } else { "misses" }.to_owned(),
        })
    }
}

impl From<&Request> for Passed {
    fn from(request: &Request) -> Passed {
        let header = |name: &str| request.headers.get(name).cloned().unwrap_or_default();
        Passed {
            method: request.method.clone(),
            path: request.path.clone(),
            version: header("sundown-tls-version"),
            verdict: header("sundown-verdict"),
        }
    }
}

pub(crate) fn tally<T: Ord>(of: impl IntoIterator<Item = T>) -> BTreeMap<T, usize> {
    let mut counts = BTreeMap::new();
    for one in of {
        *counts.entry(one).or_default() += 1;
    }
    counts
}
