//! What an edge has seen is in its ledger, through a stop, a kill and damage; and `sundown ledger` shows it.
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

use edge::{Edge, WARN, beside, eventually};
use serde_json::Value;

fn sundown(arguments: &[&str], data: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sundown"))
        .arg("ledger")
        .args(arguments)
        .arg("--data-dir")
        .arg(data)
        .output()
        .unwrap()
}

fn info(data: &Path) -> Value {
    let output = sundown(&["info", "--json", "--verify"], data);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Asks this often; each is a connection and a request.
fn ask(edge: &Edge, times: usize, agent: &str) {
    for _ in 0..times {
        let output = edge
            .curl()
            .args(["--user-agent", agent])
            .arg(edge.url("/ssl/"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    }
}

#[test]
fn what_was_seen_is_kept_and_shown() {
    let edge = Edge::start(WARN, None);
    let data = beside(&edge, "data");
    ask(&edge, 5, "=cmd|' /C calc'!A0");
    // Beside a running edge.
    eventually("all is stored", || info(&data)["requests"] == 5);
    let health = edge.health();
    assert_eq!(health["ledger"]["state"], "ok", "{health}");
    assert!(
        health["ledger"]["commits"].as_u64().unwrap() > 0,
        "{health}"
    );
    let directory = edge.directory.path().to_owned();
    let kept = tempfile::tempdir().unwrap();
    edge.signal(rustix::process::Signal::TERM);
    eventually("it has stopped", || {
        !data.join("ledger.sqlite-wal").exists()
    });
    let copy = kept.path().join("ledger.sqlite");
    fs::copy(directory.join("data/ledger.sqlite"), copy).unwrap();
    let data = kept.path();

    let told = info(data);
    assert_eq!(
        (&told["connections"], &told["requests"], &told["offers"]),
        (&6.into(), &6.into(), &1.into()),
        "the question for the health is one of them: {told}"
    );
    assert_eq!(told["gaps"], serde_json::json!([]));
    assert_eq!(told["problems"], serde_json::json!([]));
    let shown = String::from_utf8(sundown(&["info"], data).stdout).unwrap();
    for part in [
        "ledger.sqlite",
        "1 offers",
        "bytes a row",
        "stopped properly",
    ] {
        assert!(shown.contains(part), "{shown}");
    }

    let csv = String::from_utf8(sundown(&["export"], data).stdout).unwrap();
    let mut lines = csv.lines();
    let head = lines.next().unwrap();
    assert!(head.starts_with("period,start,edge,account,"), "{head}");
    assert!(csv.contains("'=cmd|"), "a formula is none any more: {csv}");
    let lines_out = sundown(&["export", "--format", "jsonl"], data).stdout;
    let rows: Vec<Value> = String::from_utf8(lines_out)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(rows.len(), lines.count());
    let answered: u64 = rows
        .iter()
        .map(|row| row["answered"].as_u64().unwrap())
        .sum();
    assert_eq!(answered, 6);
    assert!(
        rows.iter()
            .any(|row| row["user_agent"] == "=cmd|' /C calc'!A0")
    );
    let file = kept.path().join("all.parquet");
    let output = sundown(&["export", "-o", file.to_str().unwrap()], data);
    assert!(output.status.success(), "{output:?}");
    let bytes = fs::read(&file).unwrap();
    assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));
    let nothing = sundown(&["export", "--until", "2001-01-01"], data);
    assert_eq!(String::from_utf8_lossy(&nothing.stdout).lines().count(), 1);

    let compacted = sundown(&["compact"], data);
    assert!(
        String::from_utf8_lossy(&compacted.stdout).contains("0 hours became"),
        "{compacted:?}"
    );
    let missing = sundown(&["info"], &kept.path().join("nowhere"));
    assert_eq!(missing.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("there is no ledger at"));
}

/// A start that fails leaves nothing behind that looks like a kill.
#[test]
fn a_start_that_fails_is_no_gap() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let directory = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let output = Command::new(env!("CARGO_BIN_EXE_sundown"))
            .current_dir(directory.path())
            .args(["serve", "--listen", &address])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
    }
    let told = info(&directory.path().join("sundown-data"));
    assert_eq!(
        (&told["gaps"], &told["writers"]),
        (&serde_json::json!([]), &0.into())
    );
}

#[test]
fn an_edge_serves_whatever_becomes_of_its_ledger() {
    let configuration = WARN;
    let edge = Edge::start(configuration, None);
    let data = beside(&edge, "data");
    ask(&edge, 3, "curl");
    eventually("all is stored", || info(&data)["requests"] == 3);
    edge.signal(rustix::process::Signal::KILL);
    let file = data.join("ledger.sqlite");
    let again = |edge: &Edge| {
        let arguments = |command: &mut Command| {
            command
                .args([
                    "serve",
                    "--listen",
                    "127.0.0.1:0",
                    "--output",
                    "json",
                    "--config",
                ])
                .arg(beside(edge, "sundown.toml"))
                .arg("--data-dir")
                .arg(&data)
                .stdout(std::process::Stdio::null())
                .stderr(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        };
        arguments(&mut Command::new(env!("CARGO_BIN_EXE_sundown")))
    };
    let stop = |child: std::process::Child| {
        rustix::process::kill_process(
            rustix::process::Pid::from_child(&child),
            rustix::process::Signal::TERM,
        )
        .unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    // After a kill: a gap is noted, and nothing that was committed is gone.
    let child = again(&edge);
    eventually("the gap is noted", || {
        info(&data)["gaps"][0]["reason"] == "not stopped properly"
    });
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(stop(child).contains("the ledger was not stopped properly"));
    assert_eq!(info(&data)["requests"], 3);

    // From the future: left alone, and said.
    let mut bytes = fs::read(&file).unwrap();
    bytes[63] = 99;
    fs::write(&file, &bytes).unwrap();
    let child = again(&edge);
    std::thread::sleep(std::time::Duration::from_secs(2));
    let log = stop(child);
    assert!(
        log.contains("no ledger is kept") && log.contains("its format is 99"),
        "{log}"
    );
    assert!(fs::read(&file).unwrap() == bytes);

    // Damaged: set aside, and said.
    bytes[0] = b'X';
    fs::write(&file, &bytes).unwrap();
    let output = sundown(&["info"], &data);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("is damaged"),
        "{output:?}"
    );
    let child = again(&edge);
    eventually("a new one is begun", || {
        sundown(&["info"], &data).status.success()
    });
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(stop(child).contains("a new ledger is begun"));
    let told = info(&data);
    assert_eq!(told["gaps"][0]["reason"], "the file was damaged");
    let aside = told["set_aside"][0].as_str().unwrap();
    assert!(fs::read(aside).unwrap() == bytes);
    let shown = String::from_utf8(sundown(&["info"], &data).stdout).unwrap();
    assert!(
        shown.contains("the file was damaged") && shown.contains(".damaged-"),
        "{shown}"
    );
}
