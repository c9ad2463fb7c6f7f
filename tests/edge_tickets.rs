//! Session tickets, judged by OpenSSL's client: what they spare, and what they do not.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what goes wrong in a helper of a test fails the test"
)]

#[path = "support/edge.rs"]
mod edge;
#[path = "support/process.rs"]
mod process;

use std::path::Path;
use std::process::Command;

use edge::{Edge, LIMIT, WARN, beside};
use rustix::process::Signal;
use serde_json::Value;

/// What one connection of `openssl s_client` came to.
struct Said {
    all: String,
}

impl Said {
    fn resumed(&self) -> bool {
        let resumed = self.all.contains("\nReused, ");
        assert_ne!(resumed, self.all.contains("\nNew, "), "{}", self.all);
        resumed
    }

    fn body(&self) -> Value {
        let json = self.all.find("\n{\n").map(|start| &self.all[start + 1..]);
        let json = json.unwrap_or_else(|| panic!("no JSON: {}", self.all));
        let end = json.find("\n}\n").unwrap() + 3;
        serde_json::from_str(&json[..end]).unwrap()
    }
}

const TLS12: &str = "-tls1_2";
const TLS13: &str = "-tls1_3";
/// Held to TLS 1.0 as far as OpenSSL of today lets it.
const TLS10: [&str; 3] = ["-tls1", "-cipher", "DEFAULT@SECLEVEL=0"];

/// One request for `/ssl/`; the session is taken from `from` and left in `to`.
fn ask(edge: &Edge, version: &[&str], from: Option<&Path>, to: Option<&Path>) -> Said {
    let mut command = Command::new("openssl");
    command
        .args([
            "s_client",
            "-ign_eof",
            "-servername",
            "localhost",
            "-connect",
        ])
        .arg(edge.address.to_string())
        .args(version)
        .arg("-CAfile")
        .arg(&edge.ca);
    if let Some(from) = from {
        command.arg("-sess_in").arg(from);
    }
    if let Some(to) = to {
        command.arg("-sess_out").arg(to);
    }
    let request = "GET /ssl/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let ended = process::run(&mut command, request, LIMIT).unwrap();
    assert!(!ended.timed_out, "{ended:?}");
    // Refused is no success, and is for the caller to judge.
    assert!(
        ended.success || ended.stdout.contains("CONNECTED"),
        "{ended:?}"
    );
    Said {
        all: ended.stdout + &ended.stderr,
    }
}

#[test]
fn a_client_that_comes_again_resumes_and_the_edge_says_so() {
    let edge = Edge::start(WARN, None);
    for version in [TLS12, TLS13] {
        let session = beside(&edge, "session");
        let first = ask(&edge, &[version], None, Some(&session));
        assert!(!first.resumed());
        assert_eq!(first.body()["resumed"], false);
        let again = ask(&edge, &[version], Some(&session), None);
        assert!(again.resumed(), "{version}: {}", again.all);
        let body = again.body();
        assert_eq!(body["resumed"], true);
        // TLS 1.2 exchanges no keys when it resumes; TLS 1.3 does all the same.
        assert_eq!(body["group"].is_null(), version == TLS12, "{body}");
    }
    let sightings = edge.stop().sightings;
    let resumed: Vec<_> = sightings
        .iter()
        .map(|sighting| sighting["negotiated"]["resumed"].as_bool().unwrap())
        .collect();
    assert_eq!(resumed, [false, true, false, true]);
}

#[test]
fn a_ticket_is_good_at_the_process_that_made_it_and_no_other() {
    let edge = Edge::start(WARN, None);
    let session = beside(&edge, "session");
    ask(&edge, &[TLS13], None, Some(&session));
    let other = Edge::start(WARN, None);
    let there = ask(&other, &[TLS13], Some(&session), None);
    assert!(!there.resumed(), "keys are kept in memory alone");
    assert_eq!(there.body()["protocol"], "TLSv1.3", "and it is served");
}

#[test]
fn a_client_held_to_old_tls_gets_no_ticket() {
    let edge = Edge::start(WARN, None);
    let session = beside(&edge, "session");
    let first = ask(&edge, &TLS10, None, Some(&session));
    assert_eq!(first.body()["protocol"], "TLSv1");
    assert!(!first.all.contains("TLS session ticket:"), "{}", first.all);
    let again = ask(&edge, &TLS10, Some(&session), None);
    assert!(!again.resumed());
    assert_eq!(again.body()["protocol"], "TLSv1");
}

#[test]
fn tickets_can_be_switched_off() {
    let off = format!("[[listener]]\ntickets = false\n\n{WARN}");
    let edge = Edge::start(&off, None);
    let session = beside(&edge, "session");
    for version in [TLS12, TLS13] {
        std::fs::remove_file(&session).ok();
        let first = ask(&edge, &[version], None, Some(&session));
        assert!(!first.all.contains("TLS session ticket:"), "{}", first.all);
        if session.exists() {
            assert!(!ask(&edge, &[version], Some(&session), None).resumed());
        }
    }
}

/// A configuration that asks for client certificates on `localhost` and on no other name.
fn asks_for_certificates(directory: &Path) -> String {
    let (key, ca) = (directory.join("ca.key"), directory.join("ca.pem"));
    let made = Command::new("openssl")
        .args([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
        ])
        .args(["-subj", "/CN=our clients", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&ca)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    format!(
        "[[listener]]\n[[listener.client_certificates]]\nsni = \"localhost\"\nca = {ca:?}\n{WARN}"
    )
}

#[test]
fn where_a_certificate_is_asked_for_no_ticket_is_given_and_none_is_taken() {
    let directory = tempfile::tempdir().unwrap();
    let edge = Edge::start(&asks_for_certificates(directory.path()), None);
    let session = beside(&edge, "session");
    for version in [TLS12, TLS13] {
        std::fs::remove_file(&session).ok();
        let first = ask(&edge, &[version], None, Some(&session));
        assert!(
            first.all.contains("Requested Signature Algorithms:"),
            "{}",
            first.all
        );
        assert!(!first.all.contains("TLS session ticket:"), "{}", first.all);
        if session.exists() {
            assert!(!ask(&edge, &[version], Some(&session), None).resumed());
        }

        let elsewhere = [version, "-servername", "api.example.com"];
        let first = ask(&edge, &elsewhere, None, Some(&session));
        assert!(first.all.contains("TLS session ticket:"), "{}", first.all);
        assert!(ask(&edge, &elsewhere, Some(&session), None).resumed());
        let here = ask(&edge, &[version], Some(&session), None);
        assert!(!here.resumed(), "{version}: a ticket of another name");
    }
}

/// A floor that TLS 1.2 misses, in this phase.
fn needs_tls13(phase: &str) -> String {
    format!("[[sunset]]\nname = \"TLS 1.2\"\nfloor = \"tls1.3\"\n{phase} = \"2016-01-01\"\n")
}

#[test]
fn a_ticket_lets_nobody_past_the_plan() {
    let edge = Edge::start(&needs_tls13("warn"), None);
    let session = beside(&edge, "session");
    assert!(!ask(&edge, &[TLS12], None, Some(&session)).resumed());
    assert!(ask(&edge, &[TLS12], Some(&session), None).resumed());

    let file = beside(&edge, "sundown.toml");
    std::fs::write(&file, needs_tls13("explain")).unwrap();
    edge.signal(Signal::HUP);
    edge.wait_for_log("reloaded");
    let explained = ask(&edge, &[TLS12], Some(&session), None);
    // The explanation keeps `/ssl/` open, where the verdict is told.
    assert!(explained.resumed(), "{}", explained.all);
    assert_eq!(explained.body()["verdict"], "blocked");

    std::fs::write(&file, needs_tls13("refuse")).unwrap();
    edge.signal(Signal::HUP);
    let mut refused = String::new();
    edge::eventually("the refusal", || {
        refused = ask(&edge, &[TLS12], Some(&session), None).all;
        refused.contains("alert protocol version")
    });
    assert!(!refused.contains("HTTP/1.1"), "{refused}");
    // And a ticket of TLS 1.3 goes on as before.
    let session = beside(&edge, "later");
    ask(&edge, &[TLS13], None, Some(&session));
    assert!(ask(&edge, &[TLS13], Some(&session), None).resumed());
}
