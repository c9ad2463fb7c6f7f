//! `sundown replay` from outside: real clients as several accounts through every phase of a plan with an exception, a
//! cohort and a brownout that hits a share of accounts. What the plan decides of it afterwards is what the running edge
//! decided, sighting by sighting.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what goes wrong in a helper of a test fails the test"
)]

#[path = "support/clients.rs"]
mod clients;
#[path = "support/edge.rs"]
mod edge;
#[path = "support/relay.rs"]
mod relay;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use edge::Edge;
use relay::Relay;
use rustix::process::Signal;
use serde_json::Value;
use sha2::{Digest, Sha256};

const ACCOUNTS: [&str; 7] = [
    "acme", "globex", "initech", "kiosk", "newcomer", "modern", "programs",
];

const PLAN: &str = r#"
[[cohort]]
name = "new"
accounts = ["newcomer"]

[[sunset]]
name = "TLS 1.0 and 1.1"
floor = "tls1.2"
observe = "2016-06-01"
warn = "2016-09-15"
explain = "2016-12-15"
refuse = "2017-01-15"

[[sunset.brownout]]
from = "2016-11-15T09:00Z"
to = "2016-11-15T17:00Z"
length = "40m"
every = "1h"
offset = "7m"
share = 0.5
as = "explain"

[[sunset]]
name = "TLS 1.2, new accounts"
cohort = "new"
floor = "tls1.3"
warn = "2016-09-15"
explain = "2016-12-15"

[[exception]]
account = "kiosk"
sunset = "TLS 1.0 and 1.1"
until = "2017-03-01"
owner = "jo@example.com"
reason = "firmware ships in February"
"#;

/// A day in each phase, and one between two windows. A phase lasts longer than the clients of its day take.
const DAYS: [&str; 6] = [
    "2016-07-01T12:00:00Z",
    "2016-10-01T12:00:00Z",
    "2016-11-15T09:10:00Z",
    "2016-11-15T17:30:00Z",
    "2016-12-20T12:00:00Z",
    "2017-02-01T12:00:00Z",
];

/// Programs that are driven besides curl, where they are installed.
const PROGRAMS: [&str; 4] = ["node-0.8", "python", "openssl", "go"];

fn configuration() -> String {
    let mut text = "[account]\nsources = [\"header:X-Api-Key\"]\n\n[account.names]\n".to_owned();
    for account in ACCOUNTS {
        let digest = Sha256::digest(format!("key of {account}"));
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        text.push_str(&format!("{account} = [\"{digest}\"]\n"));
    }
    text + PLAN
}

/// One curl: its address, the most TLS it offers, its key, and the paths that it asks for on one connection.
fn curl(edge: &Edge, address: u8, most: &str, account: Option<&str>, paths: &[&str]) {
    let mut command = edge.curl();
    command
        .args(["--tls-max", most, "--ciphers", "DEFAULT@SECLEVEL=0"])
        .args(["--interface", &format!("127.0.0.{address}")]);
    if let Some(account) = account {
        command.args(["-H", &format!("X-Api-Key: key of {account}")]);
    }
    for path in paths {
        command.args(["--output", "/dev/null"]).arg(edge.url(path));
    }
    // Whether it is served is the plan's affair.
    command.output().unwrap();
}

/// Everybody calls; gives how many connections that made.
fn call_all(edge: &Edge) -> usize {
    curl(edge, 2, "1.0", Some("acme"), &["/a", "/b"]);
    curl(edge, 2, "1.3", Some("acme"), &["/a"]);
    curl(edge, 3, "1.1", Some("globex"), &["/a"]);
    curl(edge, 4, "1.0", Some("initech"), &["/a"]);
    curl(edge, 5, "1.0", Some("kiosk"), &["/a", "/b", "/c"]);
    curl(edge, 6, "1.2", Some("newcomer"), &["/a"]);
    curl(edge, 6, "1.0", Some("newcomer"), &["/a"]);
    curl(edge, 7, "1.3", Some("modern"), &["/a"]);
    // Nobody, and somebody who only looks at how it stands.
    curl(edge, 8, "1.0", None, &["/a"]);
    curl(edge, 9, "1.0", None, &["/ssl/"]);
    // A connection without a request.
    let mut silent = Command::new("openssl");
    let reached = format!("127.0.0.1:{}", edge.address.port());
    silent
        .args(["s_client", "-tls1_2", "-connect", &reached])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    11 + programs(edge)
}

fn programs(edge: &Edge) -> usize {
    let relay = Relay::start(Ipv4Addr::new(127, 0, 0, 10), edge.address);
    let mut count = 0;
    for client in PROGRAMS {
        let case = clients::all().iter().find(|case| case.client == client);
        let case = case.unwrap_or_else(|| panic!("{client} is no case"));
        let key = "key of programs";
        if case
            .run_with_key(&relay.url("/v1/things"), &edge.ca, key)
            .is_some()
        {
            count += 1;
        }
    }
    count
}

struct Lived {
    directory: tempfile::TempDir,
    sightings: Vec<Value>,
}

/// All days, one after the other, in one data directory.
fn lived() -> &'static Lived {
    static LIVED: OnceLock<Lived> = OnceLock::new();
    LIVED.get_or_init(|| {
        let mut directory = tempfile::tempdir().unwrap();
        let mut sightings = Vec::new();
        for day in DAYS {
            let edge = Edge::start_in(directory, &configuration(), &["--as-of", day]);
            // Some programs try once more when they are turned away: all that came in the end counts.
            edge.sightings(call_all(&edge));
            let (left, ended) = edge.end_telling(Signal::TERM);
            sightings.extend(ended.sightings);
            directory = left;
        }
        Lived {
            directory,
            sightings,
        }
    })
}

fn replay(arguments: &[&str]) -> Output {
    let directory = lived().directory.path();
    Command::new(env!("CARGO_BIN_EXE_sundown"))
        .args(["replay", "--since", "2016-01-01", "--as-of", "2017-02-02"])
        .arg("--config")
        .arg(directory.join("sundown.toml"))
        .arg("--data-dir")
        .arg(directory.join("data"))
        .args(arguments)
        .output()
        .unwrap()
}

#[track_caller]
fn json(arguments: &[&str], code: i32) -> Value {
    let mut all = vec!["--json"];
    all.extend(arguments);
    let output = replay(&all);
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A file with a plan, beside the one in force.
fn draft(name: &str, plan: &str) -> PathBuf {
    let path = lived().directory.path().join(name);
    fs::write(&path, plan).unwrap();
    path
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn ids(list: &Value) -> BTreeSet<&str> {
    let list = list.as_array().unwrap().iter();
    list.filter(|who| who["attribution"] == "known")
        .filter_map(|who| who["id"].as_str())
        .collect()
}

#[test]
fn the_plan_in_force_decides_what_the_edge_decided() {
    let replayed = json(&[], 1);
    let recorded = &replayed["recorded"];
    assert_eq!(recorded["differ"], 0, "{recorded:#}");
    assert_eq!(recorded["cannot_tell"], 0, "{recorded:#}");

    // All of it was compared: each connection and each request that the edge told of.
    let lived = lived();
    let all: u64 = lived
        .sightings
        .iter()
        .map(|sighting| {
            let requests = sighting["requests"].as_object().unwrap().values();
            1 + requests.filter_map(Value::as_u64).sum::<u64>()
        })
        .sum();
    assert_eq!(recorded["agree"], all);

    // And each is counted under what was done to it.
    let mut done: BTreeMap<&str, u64> = BTreeMap::new();
    for sighting in &lived.sightings {
        let action = sighting["judged"]["action"].as_str().unwrap();
        *done.entry(action).or_default() += 1;
    }
    let connections = &replayed["plan"]["connections"];
    for (action, fate) in [
        ("serve", "served"),
        ("warn", "warned"),
        ("explain", "explained"),
        ("refuse", "refused"),
    ] {
        let expected = done.get(action).copied().unwrap_or_default();
        assert!(expected > 3, "the days show {action}: {done:?}");
        assert_eq!(connections[fate]["at_least"], expected, "{action}");
        assert_eq!(connections[fate]["at_most"], expected, "{action}");
    }
    assert_eq!(connections["total"], lived.sightings.len());

    // Some accounts fall into the share of the brownout and some do not, the same as on the day.
    let hit: BTreeSet<&str> = lived
        .sightings
        .iter()
        .filter(|sighting| sighting["judged"]["window"].is_string())
        .filter_map(|sighting| sighting["account"]["id"].as_str())
        .collect();
    let windows = &replayed["plan"]["windows"];
    assert_eq!(
        windows["hit"].as_array().map_or(0, Vec::len),
        usize::from(!hit.is_empty())
    );
    let hits = windows["hit"][0]["hits"].as_array().into_iter().flatten();
    let said: BTreeSet<&str> = hits.filter_map(|hit| hit["who"]["id"].as_str()).collect();
    assert_eq!(said, hit);
}

#[test]
fn a_floor_turns_away_who_misses_it() {
    let replayed = json(&["--floor", "tls1.3"], 1);
    let plan = &replayed["plan"];
    assert_eq!(plan["name"], "floor tls1.3");
    let rows = plan["turned_away"].as_array().unwrap();
    let known: BTreeSet<&str> = rows
        .iter()
        .filter(|row| row["who"]["attribution"] == "known")
        .filter_map(|row| row["who"]["id"].as_str())
        .collect();
    for account in ["acme", "globex", "initech", "kiosk", "newcomer"] {
        assert!(known.contains(account), "{account} in {known:?}");
    }
    assert!(!known.contains("modern"), "{known:?}");
    let acme = rows.iter().find(|row| row["who"]["id"] == "acme").unwrap();
    assert_eq!(acme["addresses"]["items"][0]["address"], "127.0.0.2");
    let program = &acme["programs"]["items"][0];
    assert!(
        program["runtime"]["runtime"].as_str().is_some(),
        "{program:#}"
    );
    assert_eq!(program["shortfalls"][0]["needed"], "TLSv1.3");
    assert!(program["advice"]["summary"].is_string(), "{program:#}");
    // What it is compared with is the plan in force, and that looks at nothing newer than TLS 1.2 for most.
    let changes = &replayed["changes"];
    assert!(
        ids(&changes["no_longer_turned_away"]).is_empty(),
        "{changes:#}"
    );
    assert!(changes["both"].as_u64().unwrap() > 0);
}

#[test]
fn two_plans_differ_in_whom_they_turn_away() {
    let strict = PLAN.split_once("[[exception]]").unwrap().0.to_owned();
    let strict = draft("strict.toml", &strict);
    let changes = json(&["--plan", text(&strict)], 1)["changes"].clone();
    assert_eq!(ids(&changes["newly_turned_away"]), ["kiosk"].into());
    assert!(ids(&changes["no_longer_turned_away"]).is_empty());

    let mild = draft(
        "mild.toml",
        "[[sunset]]\nname = \"old\"\nfloor = \"tls1.2\"\nwarn = \"2016-06-01\"\n",
    );
    let replayed = json(&["--plan", text(&mild)], 0);
    assert_eq!(replayed["plan"]["connections"]["refused"]["at_most"], 0);
    let gone = ids(&replayed["changes"]["no_longer_turned_away"]);
    assert!(
        gone.contains("acme") && gone.contains("newcomer"),
        "{gone:?}"
    );
    assert!(!gone.contains("kiosk"), "{gone:?}");
}

#[test]
fn a_draft_is_replayed_as_if_on_a_date_to_come() {
    let draft = draft(
        "later.toml",
        "[[sunset]]\nname = \"old\"\nfloor = \"tls1.2\"\nrefuse = \"2027-03-01\"\n",
    );
    // By its own dates it has not begun.
    let replayed = json(&["--plan", text(&draft)], 2);
    assert_eq!(replayed["plan"]["stages"], serde_json::json!([]));
    let output = replay(&["--plan", text(&draft)]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("--as-if"), "{said}");

    let replayed = json(&["--plan", text(&draft), "--as-if", "2027-03-01"], 1);
    let refused = &replayed["plan"]["connections"]["refused"];
    let old = lived()
        .sightings
        .iter()
        .filter(|sighting| matches!(sighting["offered"].as_str(), Some("TLSv1" | "TLSv1.1")));
    assert_eq!(refused["at_least"], old.count());
    assert_eq!(
        replayed["plan_clock_from"].as_str().unwrap().get(..10),
        Some("2027-03-01")
    );
}

#[test]
fn every_format_names_who_is_turned_away() {
    for (format, shows) in [
        ("--markdown", "| account |"),
        ("--html", "<h1>What would have been</h1>"),
        ("--csv", "account,attribution,"),
    ] {
        let output = replay(&[format]);
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(said.contains(shows) && said.contains("globex"), "{said}");
    }
    let output = replay(&[]);
    let said = String::from_utf8(output.stdout).unwrap();
    println!("{said}");
    assert!(said.contains("would have been turned away"), "{said}");
    assert!(
        !said.contains('\u{1b}'),
        "no colour where there is no terminal"
    );
}
