//! `sundown report` from outside: real curl as several accounts behind several addresses, then the report in every
//! format. It names exactly those that would break, and its counts are what was sent.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what goes wrong in a helper of a test fails the test"
)]

#[path = "support/edge.rs"]
mod edge;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::OnceLock;

use edge::Edge;
use rustix::process::Signal;
use serde_json::Value;
use sha2::{Digest, Sha256};

const AS_OF: &str = "2016-10-01T12:00:00Z";
/// Three days later, on the clock of the report.
const LATER: &str = "2016-10-04T12:00:00Z";

const ACCOUNTS: [&str; 5] = ["acme", "globex", "initech", "hooli", "modern"];

fn configuration(refuse: &str) -> String {
    let mut text = "[account]\nsources = [\"header:X-Api-Key\"]\n\n[account.names]\n".to_owned();
    for account in ACCOUNTS {
        let digest = Sha256::digest(format!("key of {account}"));
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        text.push_str(&format!("{account} = [\"{digest}\"]\n"));
    }
    text + &format!(
        r#"
[[sunset]]
name = "TLS 1.0 and 1.1"
floor = "tls1.2"
warn = "2016-09-01"
refuse = "{refuse}"

[[exception]]
account = "modern"
sunset = "TLS 1.0 and 1.1"
until = "2016-10-10"
owner = "jo@example.com"
reason = "was old once"
"#
    )
}

/// One curl: an account, its address, the most TLS it offers, and its requests, all on one connection.
fn curl(edge: &Edge, account: &str, address: &str, most: &str, requests: usize) -> Output {
    let mut command = edge.curl();
    command
        .args(["--tls-max", most, "--ciphers", "DEFAULT@SECLEVEL=0"])
        .args(["--interface", address])
        .args(["-H", &format!("X-Api-Key: key of {account}")]);
    for request in 0..requests {
        command.args(["--output", "/dev/null"]);
        command.arg(edge.url(&format!("/orders/{request}")));
    }
    command.output().unwrap()
}

#[track_caller]
fn served(output: &Output) {
    assert!(output.status.success(), "{output:?}");
}

/// Traffic of a day before anybody is refused, then of one on which old TLS is; the directory that is left.
fn ledger() -> &'static Path {
    static LEDGER: OnceLock<tempfile::TempDir> = OnceLock::new();
    LEDGER
        .get_or_init(|| {
            let edge = Edge::start_at(&configuration("2016-12-15"), AS_OF, None);
            served(&curl(&edge, "acme", "127.0.0.2", "1.0", 7));
            served(&curl(&edge, "acme", "127.0.0.3", "1.2", 1));
            served(&curl(&edge, "globex", "127.0.0.4", "1.1", 2));
            for _ in 0..3 {
                served(&curl(&edge, "globex", "127.0.0.4", "1.3", 10));
            }
            served(&curl(&edge, "initech", "127.0.0.9", "1.0", 1));
            served(&curl(&edge, "hooli", "127.0.0.9", "1.0", 1));
            served(&curl(&edge, "modern", "127.0.0.5", "1.3", 5));
            edge.sightings(9);

            // While an account has an exception, a hello of one of several is let in as far as its first request.
            let configured = configuration("2016-10-01");
            let (no_exception, _) = configured.split_once("[[exception]]").unwrap();
            fs::write(edge::beside(&edge, "sundown.toml"), no_exception).unwrap();
            edge.signal(Signal::HUP);
            edge.wait_for_log("reloaded");
            for address in ["127.0.0.2", "127.0.0.9"] {
                let refused = curl(&edge, "nobody sees it", address, "1.0", 1);
                assert_eq!(refused.status.code(), Some(35), "{refused:?}");
            }
            edge.sightings(11);
            let directory = edge.end(Signal::TERM);
            // What comes now is the plan as it was: the refusals are history.
            fs::write(
                directory.path().join("sundown.toml"),
                configuration("2016-12-15"),
            )
            .unwrap();
            directory
        })
        .path()
}

fn report(arguments: &[&str]) -> Output {
    report_in(ledger(), arguments)
}

fn report_in(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sundown"))
        .args(["report", "--as-of", LATER, "--config"])
        .arg(directory.join("sundown.toml"))
        .arg("--data-dir")
        .arg(directory.join("data"))
        .args(arguments)
        .output()
        .unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[track_caller]
fn json(arguments: &[&str], code: i32) -> Value {
    let mut all = vec!["--json"];
    all.extend(arguments);
    let output = report(&all);
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn rows(report: &Value) -> Vec<(String, String)> {
    let rows = report["sunsets"][0]["breaking"].as_array().unwrap();
    rows.iter()
        .map(|row| {
            let who = &row["who"];
            let id = match &who["candidates"] {
                Value::Array(ids) => ids
                    .iter()
                    .map(|id| id.as_str().unwrap())
                    .collect::<Vec<_>>()
                    .join(" or "),
                _ => who["id"].as_str().unwrap_or_default().to_owned(),
            };
            (id, who["attribution"].as_str().unwrap().to_owned())
        })
        .collect()
}

#[test]
fn exactly_those_that_would_break_are_named_and_the_counts_are_what_was_sent() {
    let report = json(&[], 1);
    let sunset = &report["sunsets"][0];
    let shares = |of: &str| {
        ["total", "survive", "break", "unjudged"].map(|part| sunset[of][part].as_u64().unwrap())
    };
    assert_eq!(shares("connections"), [11, 5, 6, 0]);
    assert_eq!(shares("requests"), [47, 36, 11, 0]);
    assert_eq!(shares("accounts"), [5, 1, 4, 0]);
    let found: Vec<(String, String)> = rows(&report);
    let found: Vec<(&str, &str)> = found
        .iter()
        .map(|(id, how)| (id.as_str(), how.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            ("acme", "known"),
            ("acme", "inferred"),
            ("globex", "known"),
            ("hooli or initech", "ambiguous"),
            ("hooli", "known"),
            ("initech", "known"),
        ]
    );
    let acme = &sunset["breaking"][0];
    assert_eq!(
        (&acme["misses"]["requests"], &acme["all"]["requests"]),
        (&7.into(), &8.into())
    );
    assert_eq!(acme["addresses"]["items"][0]["address"], "127.0.0.2");
    let program = &acme["programs"]["items"][0];
    assert_eq!(program["runtime"]["runtime"], "curl");
    assert_eq!(program["shortfalls"][0]["needed"], "TLSv1.2");
    assert!(
        program["advice"]["verify"]
            .as_str()
            .unwrap()
            .contains("https://localhost")
    );
    let refused = &report["refused"];
    assert_eq!(
        [
            &refused["connections"],
            &refused["one_candidate"],
            &refused["several_candidates"]
        ],
        [2, 1, 1]
    );
    let exception = &sunset["exceptions"][0];
    assert_eq!(
        (&exception["account"], &exception["state"]),
        (&"modern".into(), &"not-needed".into())
    );
}

#[test]
fn a_floor_that_no_plan_names_is_judged_on_the_same_history() {
    let report = json(&["--floor", "tls1.3"], 1);
    assert_eq!(
        report["sunsets"][0]["connections"]["break"], 7,
        "TLS 1.2 misses too"
    );
    assert_eq!(report["sunsets"][0]["sunset"], Value::Null);
    let table = "{ min = \"TLSv1.1\" }";
    let report = json(&["--floor", table], 1);
    assert_eq!(
        report["sunsets"][0]["connections"]["break"], 5,
        "TLS 1.1 meets it"
    );
    let report = json(&["--floor", "{ min = \"TLSv1\" }"], 0);
    assert_eq!(report["verdict"], "nobody-breaks");
}

#[test]
fn every_format_says_who() {
    let terminal = text(&report(&[]));
    for said in [
        "4 of 5 accounts would break",
        "acme (inferred)",
        "hooli or initech (inferred)",
        "TLSv1.2 needed",
    ] {
        assert!(terminal.contains(said), "{said}: {terminal}");
    }
    assert!(
        !terminal.contains('\u{1b}'),
        "no colour where there is no terminal"
    );

    let csv = text(&report(&["--csv"]));
    assert_eq!(csv.lines().count(), 7, "a head and six rows: {csv}");
    assert!(
        csv.lines().all(|line| line.matches(',').count() >= 28),
        "{csv}"
    );

    let markdown = text(&report(&["--markdown"]));
    assert!(
        markdown.contains("| `acme` |") && markdown.contains("`hooli` or `initech` (inferred)"),
        "{markdown}"
    );

    let html = text(&report(&["--html"]));
    assert!(
        html.starts_with("<!DOCTYPE html>") && html.contains("<code>acme</code>"),
        "{html}"
    );
    assert!(
        !html.contains("<script") && !html.contains("src="),
        "a page that needs nothing else"
    );
}

#[test]
fn a_file_is_written_in_the_format_of_its_name() {
    let directory = tempfile::tempdir().unwrap();
    for (name, begins) in [
        ("r.json", "{"),
        ("r.csv", "sunset,"),
        ("r.md", "# "),
        ("r.html", "<!DOCTYPE"),
        ("r.txt", "2016-09-04"),
    ] {
        let file = directory.path().join(name);
        let output = report(&["-o", file.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(output.stdout.is_empty());
        let written = fs::read_to_string(&file).unwrap();
        assert!(written.starts_with(begins), "{name}: {written}");
    }
}

#[test]
fn one_account_is_shown_whole() {
    let report = json(&["--account", "globex"], 1);
    assert_eq!(report["sunsets"][0]["requests"]["total"], 32);
    let part = &report["account"]["parts"][0];
    let programs = part["programs"]["items"].as_array().unwrap();
    let offered: Vec<&str> = programs
        .iter()
        .map(|program| program["max_protocol"].as_str().unwrap())
        .collect();
    assert_eq!(offered, ["TLSv1.3", "TLSv1.1"]);
    assert_eq!(part["server_names"]["items"][0]["names"][0], "localhost");

    let unknown = self::report(&["--account", "globx"]);
    assert_eq!(unknown.status.code(), Some(2));
    let said = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert!(said.contains("did you mean `globex`?"), "{said}");
}

#[test]
fn options_that_make_no_sense_say_what_would() {
    for (arguments, said) in [
        (&["--sunset", "TLS 1.0"][..], "TLS 1.0 and 1.1"),
        (&["--floor", "tls1.4"], "there are: tls1.1"),
        (&["--since", "soon"], "30d"),
        (&["--since", "2016-11-01"], "--since comes before --until"),
        (&["--json", "--csv"], "cannot be used with"),
    ] {
        let output = report(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(error.contains(said), "{arguments:?}: {error}");
    }
}

#[test]
fn where_there_is_nothing_to_say_it_says_what_to_do() {
    let empty = tempfile::tempdir().unwrap();
    fs::write(
        empty.path().join("sundown.toml"),
        configuration("2016-12-15"),
    )
    .unwrap();
    let missing = report_in(empty.path(), &[]);
    assert_eq!(missing.status.code(), Some(2));
    let said = String::from_utf8_lossy(&missing.stderr).into_owned();
    assert!(said.contains("sundown serve"), "{said}");

    let before = report(&["--since", "2015-01-01", "--until", "2016-01-01"]);
    assert_eq!(before.status.code(), Some(2));
    assert!(
        text(&before).contains("Nothing was seen in this range"),
        "{before:?}"
    );
}
