//! Who is calling, as the sightings name it: by every source, at the request and, for those who are refused, by what
//! was seen before.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what goes wrong in a helper of a test fails the test"
)]

#[path = "support/edge.rs"]
mod edge;
#[path = "support/tls.rs"]
mod tls;

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output};

use edge::{Edge, REFUSE, WARN, beside, eventually};
use rustix::process::Signal;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tls::Client;

const LISTED: &str = "the-secret-key-of-acme";
const UNLISTED: &str = "a-secret-key-of-somebody-else";
/// A token that is no JWT.
const OPAQUE: &str = "an-opaque-secret-token";
/// `{"alg":"none"}` and `{"client_id":"kiosk"}`, signed by nobody.
const JWT: &str = "eyJhbGciOiJub25lIn0.eyJjbGllbnRfaWQiOiJraW9zayJ9.";

fn names() -> String {
    let hash: String = Sha256::digest(LISTED)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("[account.names]\nacme = [\"{hash}\"]\n")
}

/// One call, in a connection of its own.
fn call(edge: &Edge, from: &str, arguments: &[&str]) -> Output {
    edge.curl()
        .args(["--include", "--interface", from])
        .args(arguments)
        .arg(edge.url("/v1/things"))
        .output()
        .unwrap()
}

/// The same by a client that offers TLS 1.0 at most.
fn old_call(edge: &Edge, from: &str, arguments: &[&str]) -> Output {
    let old = ["--tls-max", "1.0", "--ciphers", "DEFAULT@SECLEVEL=0"];
    call(edge, from, &[&old[..], arguments].concat())
}

fn key(account: &str) -> String {
    format!("X-Api-Key: {account}")
}

fn last(edge: &Edge, count: usize) -> Value {
    let sightings = edge.sightings(count);
    assert_eq!(sightings.len(), count);
    sightings[count - 1].clone()
}

fn known(id: &str) -> Value {
    json!({ "id": id, "inferred": false })
}

fn reload(edge: &Edge, configuration: &str) {
    fs::write(beside(edge, "sundown.toml"), configuration).unwrap();
    let before = edge.log().matches("reloaded").count();
    edge.signal(Signal::HUP);
    eventually("the edge has read its plan again", || {
        edge.log().matches("reloaded").count() > before
    });
}

/// Stops an edge whose directory is still to be looked at.
fn end(edge: &Edge) {
    edge.signal(Signal::TERM);
    eventually("the edge has stopped", || edge.has_ended());
}

/// Every file below a directory, as bytes.
fn files(directory: &Path, all: &mut Vec<u8>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, all);
        } else if path.is_file() {
            // The socket to take over by is none.
            all.extend(fs::read(path).unwrap());
        }
    }
}

fn contains(all: &[u8], part: &str) -> bool {
    all.windows(part.len())
        .any(|window| window == part.as_bytes())
}

#[test]
fn every_source_names_the_account_and_no_secret_is_written_anywhere() {
    let tables = tempfile::tempdir().unwrap();
    let ranges = tables.path().join("ranges.csv");
    fs::write(&ranges, "127.0.0.2,globex\n").unwrap();
    let edge = Edge::start(
        &format!(
            "{WARN}[account]\nsources = [\"header:X-Api-Key\", \"bearer:client_id\", \"basic\", \"range\", \"address\"]\nranges = {ranges:?}\n{}",
            names()
        ),
        None,
    );
    let bearer = |token| format!("Authorization: Bearer {token}");
    let hashed = |account: &Value| {
        let id = account["id"].as_str().unwrap_or_default();
        id.starts_with("key:") && id.len() == 20
    };
    let cases: [(&str, &[&str], Option<&str>); 7] = [
        ("127.0.0.1", &["--header", &key(LISTED)], Some("acme")),
        ("127.0.0.1", &["--header", &key(UNLISTED)], None),
        ("127.0.0.1", &["--header", &bearer(JWT)], Some("kiosk")),
        ("127.0.0.1", &["--header", &bearer(OPAQUE)], None),
        (
            "127.0.0.1",
            &["--user", &format!("jo:{UNLISTED}")],
            Some("jo"),
        ),
        ("127.0.0.2", &[], Some("globex")),
        ("127.0.0.3", &[], Some("127.0.0.3")),
    ];
    for (count, (from, arguments, account)) in (1..).zip(cases) {
        let output = call(&edge, from, arguments);
        assert!(output.status.success(), "{output:?}");
        let seen = last(&edge, count)["account"].clone();
        match account {
            Some(account) => assert_eq!(seen, known(account), "{from} {arguments:?}"),
            None => assert!(hashed(&seen) && seen["inferred"] == false, "{seen}"),
        }
    }
    end(&edge);
    let mut written = Vec::new();
    files(&beside(&edge, "data"), &mut written);
    let ended = edge.wait();
    written.extend(ended.log.as_bytes());
    for sighting in &ended.sightings {
        written.extend(sighting.to_string().as_bytes());
    }
    assert!(
        contains(&written, "kiosk"),
        "what is looked through is all there"
    );
    for secret in [LISTED, UNLISTED, OPAQUE, JWT] {
        assert!(!contains(&written, secret), "{secret} was written down");
    }
}

#[test]
fn a_table_of_ranges_is_read_again_and_a_bad_line_leaves_the_old_one() {
    let tables = tempfile::tempdir().unwrap();
    let ranges = tables.path().join("ranges.csv");
    fs::write(
        &ranges,
        "range,account\n127.0.0.0/8,acme\n127.0.0.2,globex\n",
    )
    .unwrap();
    let plan = format!("{WARN}[account]\nsources = [\"range\"]\nranges = {ranges:?}\n");
    let edge = Edge::start(&plan, None);
    let mut count = 0;
    let mut account = |edge: &Edge, from| {
        count += 1;
        call(edge, from, &[]);
        last(edge, count)["account"]["id"].clone()
    };
    assert_eq!(account(&edge, "127.0.0.1"), "acme");
    assert_eq!(account(&edge, "127.0.0.2"), "globex");
    fs::write(&ranges, "127.0.0.0/8,initech\n").unwrap();
    edge.wait_for_log("account ranges reloaded");
    assert_eq!(account(&edge, "127.0.0.2"), "initech");
    fs::write(&ranges, "127.0.0.0/8,hooli\n\n127.0.0.2/8,globex\n").unwrap();
    edge.wait_for_log("ranges.csv:3: `127.0.0.2/8` has bits set beyond its prefix");
    assert_eq!(
        account(&edge, "127.0.0.2"),
        "initech",
        "the old table stays"
    );
    edge.signal(Signal::HUP);
    edge.wait_for_log("not reloaded; the old plan stays in force");
    assert_eq!(account(&edge, "127.0.0.2"), "initech");
}

#[test]
fn an_account_by_range_is_certain_at_the_hello() {
    let tables = tempfile::tempdir().unwrap();
    let ranges = tables.path().join("ranges.csv");
    fs::write(&ranges, "127.0.0.2,globex\n127.0.0.3,acme\n").unwrap();
    let exception = "[[exception]]\naccount = \"globex\"\nsunset = \"old TLS\"\nuntil = \"2999-01-01\"\nowner = \"jo\"\nreason = \"kiosks\"\n";
    let plan = |sources| {
        format!("{REFUSE}{exception}[account]\nsources = [{sources}]\nranges = {ranges:?}\n")
    };
    let edge = Edge::start(&plan("\"range\""), None);
    let served = old_call(&edge, "127.0.0.2", &[]);
    assert!(served.status.success(), "{served:?}");
    let sighting = last(&edge, 1);
    assert_eq!(sighting["judged"]["action"], "warn", "{sighting}");
    let refused = old_call(&edge, "127.0.0.3", &[]);
    assert_eq!(refused.status.code(), Some(35), "{refused:?}");
    let sighting = last(&edge, 2);
    assert_eq!(sighting["outcome"], "refused");
    assert_eq!(sighting["account"], known("acme"));
    // After a source that requests can answer it is an inference, and the first request decides.
    reload(&edge, &plan("\"header:X-Api-Key\", \"range\""));
    let explained = old_call(&edge, "127.0.0.3", &[]);
    assert!(
        explained.stdout.starts_with(b"HTTP/1.1 403"),
        "{explained:?}"
    );
    assert_eq!(last(&edge, 3)["account"], known("acme"));
}

#[test]
fn who_is_refused_is_known_by_what_was_seen_there_before() {
    let accounts = "[account]\nsources = [\"header:X-Api-Key\", \"basic\"]\n";
    let named = format!("{accounts}{}", names());
    let edge = Edge::start(&format!("{WARN}{named}"), None);
    let users = [
        ("127.0.0.5", "jo:x"),
        ("127.0.0.6", "jo:x"),
        ("127.0.0.6", "sam:x"),
    ];
    for (from, user) in users {
        assert!(old_call(&edge, from, &["--user", user]).status.success());
    }
    // A modern program of another account behind the same address is nobody's double.
    assert!(
        call(&edge, "127.0.0.5", &["--user", "mo:x"])
            .status
            .success()
    );
    edge.sightings(4);
    reload(&edge, &format!("{REFUSE}{named}"));

    let refused = old_call(&edge, "127.0.0.5", &[]);
    assert_eq!(refused.status.code(), Some(35), "{refused:?}");
    let account = last(&edge, 5)["account"].clone();
    assert_eq!(
        (&account["id"], &account["inferred"]),
        (&json!("jo"), &json!(true))
    );
    assert!(account["age_seconds"].as_u64().unwrap() < 60, "{account}");

    assert_eq!(old_call(&edge, "127.0.0.6", &[]).status.code(), Some(35));
    let account = last(&edge, 6)["account"].clone();
    assert!(
        account.get("id").is_none(),
        "one of two is not the one: {account}"
    );
    let candidates = account["candidates"].as_array().unwrap();
    let ids: Vec<&Value> = candidates
        .iter()
        .map(|candidate| &candidate["id"])
        .collect();
    assert_eq!(ids, ["sam", "jo"], "the latest first");
    assert_eq!(
        (&account["more"], &account["inferred"]),
        (&json!(false), &json!(true))
    );

    assert_eq!(old_call(&edge, "127.0.0.7", &[]).status.code(), Some(35));
    assert_eq!(last(&edge, 7)["account"], Value::Null, "never seen there");

    // With an exception for one of the two, neither is refused at the hello: the request says which it is.
    let exception = "[[exception]]\naccount = \"sam\"\nsunset = \"old TLS\"\nuntil = \"2999-01-01\"\nowner = \"jo\"\nreason = \"kiosks\"\n";
    reload(&edge, &format!("{REFUSE}{exception}{named}"));
    for (from, user, begins) in [
        ("127.0.0.6", "sam:x", "HTTP/1.1 200"),
        ("127.0.0.6", "jo:x", "HTTP/1.1 403"),
        ("127.0.0.5", "jo:x", ""),
    ] {
        let output = old_call(&edge, from, &["--user", user]);
        let text = String::from_utf8_lossy(&output.stdout);
        let as_expected = if begins.is_empty() {
            output.status.code() == Some(35)
        } else {
            text.starts_with(begins)
        };
        assert!(as_expected, "{from} {user}: {output:?}");
    }
}

/// Starts an edge that finds the data of one before it.
fn restart(data: &Path, configuration: &str) -> Edge {
    let script = r#"
        before=; for word in "$@"; do
            [ "$before" = --data-dir ] && mkdir -p "$word" && cp -a "$DATA/." "$word"
            before=$word
        done
        exec "$PROGRAM" "$@"
    "#;
    let mut command = Command::new("sh");
    command
        .args(["-c", script, "sh"])
        .env("DATA", data)
        .env("PROGRAM", env!("CARGO_BIN_EXE_sundown"));
    Edge::launch(command, configuration, None)
}

#[test]
fn who_is_refused_is_known_by_what_an_earlier_run_saw() {
    let sources = "[account]\nsources = [\"basic\"]\n";
    for (addresses, expected) in [
        ("whole", ["jo", ""]),
        // A neighbour with the same program may be anybody of the network.
        ("truncated", ["jo", "jo"]),
        ("none", ["", ""]),
    ] {
        let kept = format!("{sources}[privacy]\naddresses = \"{addresses}\"\n");
        let edge = Edge::start(&format!("{WARN}{kept}"), None);
        assert!(
            old_call(&edge, "127.0.0.5", &["--user", "jo:x"])
                .status
                .success()
        );
        let saved = tempfile::tempdir().unwrap();
        end(&edge);
        let copied = Command::new("cp")
            .arg("-a")
            .arg(beside(&edge, "data/."))
            .arg(saved.path())
            .status();
        assert!(copied.unwrap().success());
        let edge = restart(saved.path(), &format!("{REFUSE}{kept}"));
        for (count, (from, id)) in (1..).zip(["127.0.0.5", "127.0.0.6"].into_iter().zip(expected)) {
            assert_eq!(old_call(&edge, from, &[]).status.code(), Some(35));
            let account = last(&edge, count)["account"].clone();
            let found = account["id"].as_str().unwrap_or_default();
            assert_eq!(found, id, "{addresses} {from}: {account}");
            assert!(id.is_empty() || account["inferred"] == true, "{account}");
        }
    }
}

#[test]
fn visitors_are_marked_and_treated_like_everybody() {
    let own = "[[visitor]]\nas = \"customer\"\naddress = \"127.0.0.2\"\nuser_agent = \"kube-probe/\"\n[[visitor]]\nas = \"bot\"\npath = \"/v1/things\"\nuser_agent_contains = \"crawl\"\n";
    let edge = Edge::start(&format!("{WARN}{own}"), None);
    let nse = "Mozilla/5.0 (compatible; Nmap Scripting Engine; https://nmap.org/book/nse.html)";
    let cases = [
        ("127.0.0.1", "kube-probe/1.31", "health-check"),
        ("127.0.0.2", "kube-probe/1.31", "customer"),
        ("127.0.0.1", nse, "scanner"),
        ("127.0.0.1", "a crawler", "bot"),
        ("127.0.0.1", "curl/7.88.1", "customer"),
    ];
    for (count, (from, agent, visitor)) in (1..).zip(cases) {
        let output = old_call(&edge, from, &["--user-agent", agent]);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            text.contains("sundown-notice:"),
            "warned like everybody: {text}"
        );
        let sighting = last(&edge, count);
        assert_eq!(sighting["visitor"], visitor, "{sighting}");
        assert_eq!(sighting["user_agent"], agent);
    }
    // A port check: connects and goes.
    drop(TcpStream::connect(edge.address).unwrap());
    let sighting = last(&edge, 6);
    assert_eq!(
        (&sighting["outcome"], &sighting["visitor"]),
        (&json!("closed-early"), &json!("health-check"))
    );
    let mut plain = TcpStream::connect(edge.address).unwrap();
    plain.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    drop(plain);
    let sighting = last(&edge, 7);
    assert_eq!(
        (&sighting["outcome"], &sighting["visitor"]),
        (&json!("not-tls"), &json!("health-check"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_open_connection_has_done_is_in_the_totals_before_it_ends() {
    let edge = Edge::start("", None);
    let mut client = Client::connect(&edge).await;
    for _ in 0..3 {
        client
            .send(b"GET /v1/things HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .await;
        client.read_until("\"report\"").await;
    }
    let mut asked = 0;
    eventually(
        "three requests are counted while their connection is open",
        || {
            asked += 1;
            let totals = &edge.health()["totals"];
            // Those who ask have come and gone; this one has not.
            totals["requests"]["served"] == 3 && totals["connections"].as_u64() < Some(asked)
        },
    );
    drop(client);
    eventually("the connection is counted once, with its end", || {
        edge.health()["totals"]["requests"]["served"] == 3
    });
    let ended = edge.stop();
    let of_the_client: Vec<_> = ended
        .sightings
        .iter()
        .filter(|sighting| sighting["requests"]["served"] != 0)
        .collect();
    assert_eq!(
        of_the_client.len(),
        1,
        "one line for a connection: {of_the_client:#?}"
    );
    assert_eq!(of_the_client[0]["requests"]["served"], 3);
}
