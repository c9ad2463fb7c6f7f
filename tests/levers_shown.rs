//! What an edge shows to those who run it and to those it is for: metrics equal to what was sent, the calendar, and the
//! doubts about a plan.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that meets the unexpected is to fail"
)]

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;

#[path = "support/clients.rs"]
mod clients;
#[path = "support/edge.rs"]
mod edge;
#[path = "levers/pulled.rs"]
mod pulled;

use edge::{EXPLAIN, Edge, REFUSE, eventually};
use pulled::{Fate, ask, ask_at, done};

/// Asks the admin listener, without TLS and without a client: head and body.
fn admin(edge: &Edge, request: &str) -> (String, String) {
    let listening = edge.listening();
    let address = listening["admin"]
        .as_str()
        .and_then(|url| url.strip_prefix("http://"));
    let address = address.unwrap_or_else(|| panic!("no [admin] in {listening}"));
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream
        .set_read_timeout(Some(edge::LIMIT))
        .expect("a socket");
    write!(stream, "{request}\r\nHost: localhost\r\n\r\n").expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("text");
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("{answer}"));
    (head.to_owned(), body.to_owned())
}

/// OpenMetrics, read strictly: each sample belongs to a family that was declared before it and comes once.
fn samples(text: &str) -> BTreeMap<String, f64> {
    let mut samples = BTreeMap::new();
    let mut family: Option<(String, String)> = None;
    let mut families = Vec::new();
    let body = text.strip_suffix("# EOF\n").expect("it ends with # EOF");
    for line in body.lines() {
        if let Some(declared) = line.strip_prefix("# ") {
            let mut words = declared.splitn(3, ' ');
            let (what, name) = (words.next().expect("a word"), words.next().expect("a name"));
            match what {
                "TYPE" => {
                    family = Some((name.to_owned(), words.next().expect("a type").to_owned()))
                }
                "HELP" => {
                    assert!(
                        !families.contains(&name.to_owned()),
                        "{name} is declared twice"
                    );
                    families.push(name.to_owned());
                }
                "UNIT" => assert!(name.ends_with(words.next().expect("a unit")), "{line}"),
                _ => panic!("{line}"),
            }
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
        let (name, kind) = family.as_ref().expect("a family first");
        let suffix = match kind.as_str() {
            "counter" => "_total",
            "info" => "_info",
            "gauge" => "",
            _ => panic!("{line} of {kind}"),
        };
        let bare = series.split('{').next().unwrap_or_default();
        assert_eq!(bare, format!("{name}{suffix}"), "{line}");
        let value = value.parse().unwrap_or_else(|_| panic!("{line}"));
        let before = samples.insert(series.to_owned(), value);
        assert!(before.is_none(), "{series} twice");
    }
    samples
}

#[test]
fn the_metrics_are_what_was_sent() {
    let plan = format!("[admin]\naddress = \"127.0.0.1:0\"\n[guard]\n{REFUSE}");
    let edge = Edge::start(&plan, None);
    for _ in 0..3 {
        let Some(fate) = ask(&edge, "/v1/x", &[]) else {
            return;
        };
        assert!(fate.is_refused());
    }
    for _ in 0..2 {
        let newer = edge
            .curl()
            .args(["--tls-max", "1.2"])
            .arg(edge.url("/v1/x"))
            .output();
        assert!(newer.expect("curl is there").status.success());
    }
    edge.sightings(5);
    let (head, body) = admin(&edge, "GET /metrics HTTP/1.1");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(
        head.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8"),
        "{head}"
    );
    let samples = samples(&body);
    for (series, count) in [
        ("sundown_connections_total{outcome=\"refused\"}", 3.0),
        ("sundown_connections_total{outcome=\"terminated\"}", 2.0),
        (
            "sundown_hellos_total{phase=\"refuse\",verdict=\"misses\",version=\"TLSv1\"}",
            3.0,
        ),
        (
            "sundown_hellos_total{phase=\"none\",verdict=\"meets\",version=\"TLSv1.2\"}",
            2.0,
        ),
        ("sundown_requests_total{fate=\"served\"}", 2.0),
        ("sundown_requests_total{fate=\"explained\"}", 0.0),
        ("sundown_attributions_total{account=\"none\"}", 5.0),
        ("sundown_visitors_total{visitor=\"customer\"}", 5.0),
        ("sundown_open_connections", 0.0),
        ("sundown_holds", 0.0),
        ("sundown_sunset_held{sunset=\"old TLS\"}", 0.0),
        (
            "sundown_sunset_phase{sunset=\"old TLS\",phase=\"refuse\"}",
            1.0,
        ),
        ("sundown_guard_share", 0.6),
        ("sundown_guard_limit", 0.02),
        ("sundown_guard_trips_total", 0.0),
        ("sundown_ledger_dropped_total", 0.0),
        ("sundown_ledger_well", 1.0),
        ("sundown_preview_hellos_total", 0.0),
    ] {
        assert_eq!(samples.get(series), Some(&count), "{series}\n{body}");
    }
    let handshakes = samples.iter().filter(|(series, _)| {
        series.starts_with("sundown_handshakes_total{version=\"TLSv1.2\",group=")
    });
    assert_eq!(
        handshakes.map(|(_, count)| count).sum::<f64>(),
        2.0,
        "{body}"
    );

    done(edge.directory.path(), &["hold", "--reason", "x"]);
    eventually("the hold is in the metrics", || {
        let held = "sundown_sunset_held{sunset=\"old TLS\"}";
        self::samples(&admin(&edge, "GET /metrics HTTP/1.1").1)[held] == 1.0
    });
    let (_, health) = admin(&edge, "GET /healthz HTTP/1.1");
    let health: Value = serde_json::from_str(&health).expect("JSON");
    assert_eq!(health["totals"]["connections"], 5);
    for (request, status) in [
        ("GET / HTTP/1.1", "404"),
        ("POST /metrics HTTP/1.1", "405"),
        ("nonsense", "400"),
    ] {
        let (head, _) = admin(&edge, request);
        assert_eq!(head.split(' ').nth(1), Some(status), "{request}: {head}");
    }
}

#[test]
fn the_calendar_is_there_for_whoever_is_turned_away() {
    let preview = "[[preview]]\nsni = \"next.example.com\"\nat = \"2020-01-01\"\n";
    let edge = Edge::start(&format!("{EXPLAIN}{preview}"), None);
    let Some(fate) = ask(&edge, "/v1/x", &[]) else {
        return;
    };
    assert_eq!(fate.status(), 403);
    let Some(Fate::Answered(200, head, calendar)) = ask(&edge, "/ssl/calendar.ics", &[]) else {
        panic!("it is for everybody");
    };
    assert!(
        head.to_ascii_lowercase()
            .contains("content-type: text/calendar"),
        "{head}"
    );
    assert!(calendar.starts_with("BEGIN:VCALENDAR\r\n") && calendar.ends_with("END:VCALENDAR\r\n"));
    assert!(
        calendar.contains("SUMMARY:old TLS: explain\r\n"),
        "{calendar}"
    );
    let longest = calendar.split("\r\n").map(str::len).max();
    assert!(
        longest <= Some(75),
        "lines are folded (RFC 5545 section 3.1)"
    );

    let port = edge.address.port();
    let name = format!("https://next.example.com:{port}/ssl/calendar.ics");
    let resolve = format!("next.example.com:{port}:127.0.0.1");
    let there = ask_at(&edge, &name, &["--resolve", &resolve]).expect("curl is there");
    assert_eq!(there.body(), calendar, "the same on a preview name");
    let printed = done(edge.directory.path(), &["plan", "--ics"]);
    assert_eq!(printed, calendar, "the same as sundown plan --ics");
}

#[test]
fn a_plan_that_refuses_without_a_guard_is_doubtful() {
    let directory = tempfile::tempdir().expect("a directory of our own");
    let keys = |plan: &str| -> Vec<String> {
        fs::write(directory.path().join("sundown.toml"), plan).expect("our own");
        let doubts = done(
            directory.path(),
            &["plan", "--check", "--json", "--as-of", "2015-01-01"],
        );
        let doubts: Vec<Value> = serde_json::from_str(&doubts).expect("JSON");
        let keys = doubts.iter().filter_map(|doubt| doubt["key"].as_str());
        keys.map(str::to_owned).collect()
    };
    assert_eq!(keys(REFUSE), ["sunset[0].refuse", "guard"]);
    assert_eq!(keys(&format!("[guard]\n{REFUSE}")), ["sunset[0].refuse"]);
    let cohort =
        "cohort = \"new\"\n[[cohort]]\nname = \"new\"\nfirst_seen_after = \"2015-01-01\"\n";
    assert_eq!(
        keys(&format!("[guard]\n{REFUSE}{cohort}")),
        ["sunset[0].refuse", "cohort[0]", "account.sources"]
    );
    let said = done(
        directory.path(),
        &["plan", "--check", "--as-of", "2015-01-01"],
    );
    assert!(
        said.contains("nobody is known to be in the cohort"),
        "{said}"
    );
}
