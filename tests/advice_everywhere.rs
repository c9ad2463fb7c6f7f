//! Every real client that misses a floor is told the same: by `/ssl/`, by the explanation, by `sundown report`, and, where
//! a release of it is known, by `sundown advise`.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that meets the unexpected is to fail"
)]

use std::process::Command;

use rustix::process::Signal;
use serde_json::Value;
use sha2::{Digest, Sha256};

#[path = "support/clients.rs"]
mod clients;
#[path = "support/edge.rs"]
mod edge;

use clients::Case;
use edge::{EXPLAIN, Edge};

/// A client, and what `/ssl/` told it to change.
struct Told {
    case: &'static Case,
    account: String,
    advice: Value,
    /// Its hello's fingerprints.
    fingerprint: Value,
}

#[test]
fn a_client_that_misses_is_told_the_same_everywhere() {
    let missing: Vec<&Case> = clients::all()
        .iter()
        .filter(|case| matches!(case.offers, "TLSv1" | "TLSv1.1"))
        .collect();
    let edge = Edge::start(&configuration(&missing), None);
    let told: Vec<Told> = missing
        .into_iter()
        .filter_map(|case| {
            let told = ask(&edge, case)?;
            explained(&edge, &told);
            Some(told)
        })
        .collect();
    if told.is_empty() {
        clients::skipped(
            "advice_everywhere",
            "no client is installed; run tests/setup",
        );
        return;
    }
    let sightings = edge.sightings(told.len());
    let directory = edge.end(Signal::TERM);
    let output = Command::new(env!("CARGO_BIN_EXE_sundown"))
        .args(["report", "--json", "--top", "1000"])
        .arg("--config")
        .arg(directory.path().join("sundown.toml"))
        .arg("--data-dir")
        .arg(directory.path().join("data"))
        .output()
        .expect("the program can be run");
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {output:?}"));
    for one in &told {
        reported(&report, one);
        advised(&sightings, one);
    }
}

/// Each client is an account of its own.
fn account(case: &Case) -> String {
    format!("{} {}", case.client, case.held.unwrap_or("as it is")).replace([' ', '.'], "-")
}

fn key(case: &Case) -> String {
    format!("key of {}", account(case))
}

fn configuration(cases: &[&Case]) -> String {
    let mut text = "[account]\nsources = [\"header:X-Api-Key\"]\n\n[account.names]\n".to_owned();
    for case in cases {
        let digest = Sha256::digest(key(case));
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        text.push_str(&format!("{:?} = [\"{digest}\"]\n", account(case)));
    }
    format!("{text}\n{EXPLAIN}")
}

fn ask(edge: &Edge, case: &'static Case) -> Option<Told> {
    let outcome = case.run_with_key(&edge.url("/api/v4/ssl/"), &edge.ca, &key(case))?;
    let body = match outcome.served {
        Some(served) => served.body,
        // A pokitdok client asks for a token first, and is turned away there: that is its explanation.
        None => {
            assert!(
                case.client.starts_with("pokitdok"),
                "{case}: {:?}",
                outcome.error
            );
            return None;
        }
    };
    let answer: Value =
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{case}: {error}: {body}"));
    let answer = match answer.get("data") {
        Some(inner) if inner.get("advice").is_some() => inner.clone(),
        _ => answer,
    };
    let advice = answer["advice"].clone();
    for part in ["summary", "verify"] {
        let text = advice[part].as_str().unwrap_or_default();
        assert!(!text.is_empty(), "{case} has no {part}: {answer:#}");
    }
    let sources = advice["sources"].as_array().map_or(0, Vec::len);
    assert!(
        sources > 0,
        "{case} is not told where that comes from: {answer:#}"
    );
    Some(Told {
        case,
        account: account(case),
        advice,
        fingerprint: answer["fingerprint"].clone(),
    })
}

/// An API request of the same client gets the same advice, with the explanation.
fn explained(edge: &Edge, told: &Told) {
    let case = told.case;
    if case.client.starts_with("pokitdok") {
        return; // it chooses its path itself
    }
    let outcome = case.run_with_key(&edge.url("/orders"), &edge.ca, &key(case));
    let served = outcome.and_then(|outcome| outcome.served);
    let served = served.unwrap_or_else(|| panic!("{case} got no explanation"));
    assert_eq!(served.status, 403, "{case}");
    let summary = told.advice["summary"].as_str().unwrap_or_default();
    match serde_json::from_str::<Value>(&served.body) {
        Ok(problem) => assert_eq!(problem["advice"]["summary"], summary, "{case}: {problem:#}"),
        Err(_) => assert!(served.body.contains(summary), "{case}: {}", served.body),
    }
}

/// The report names the account, its program, and the same advice.
fn reported(report: &Value, told: &Told) {
    let case = told.case;
    if case.client.starts_with("pokitdok") {
        return; // it has credentials of its own, and is no account of this plan
    }
    let breaking = report["sunsets"][0]["breaking"].as_array();
    let rows = breaking.into_iter().flatten();
    let mut rows = rows.filter(|row| row["who"]["id"] == told.account.as_str());
    let row = rows
        .next()
        .unwrap_or_else(|| panic!("{case} is not in the report: {report:#}"));
    let programs = row["programs"]["items"].as_array();
    let summaries: Vec<&Value> = programs
        .into_iter()
        .flatten()
        .map(|program| &program["advice"]["summary"])
        .collect();
    assert!(
        summaries.contains(&&told.advice["summary"]),
        "{case}: {summaries:?}\n{:#}",
        told.advice
    );
}

/// What a sighting carries is enough for `sundown advise` to say the same.
fn advised(sightings: &[Value], told: &Told) {
    let case = told.case;
    let sighting = sightings
        .iter()
        .find(|sighting| sighting["account"]["id"] == told.account.as_str());
    let Some(sighting) = sighting else {
        assert!(
            case.client.starts_with("pokitdok"),
            "{case} was not seen: {sightings:#?}"
        );
        return;
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut command = Command::new(env!("CARGO_BIN_EXE_sundown"));
    command.args(["advise", "--json", "--offers", case.offers]);
    command.args(["--ja4", &text(&told.fingerprint["ja4"])]);
    command.args(["--ja3", &text(&told.fingerprint["ja3"])]);
    if let Some(user_agent) = sighting["user_agent"].as_str() {
        command.args(["--user-agent", user_agent]);
    }
    let output = command.output().expect("the program can be run");
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{case}: {error}: {output:?}"));
    assert_eq!(
        report["needs"][0]["advice"]["summary"], told.advice["summary"],
        "{case}: {report:#}"
    );
}
