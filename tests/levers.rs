//! The levers on a running edge, with a client that is refused without them: hold, resume, the guard, cohorts, exempt
//! paths, and the trail that all of it leaves.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that meets the unexpected is to fail"
)]

use std::fs;

use rustix::process::Signal;
use serde_json::{Value, json};

#[path = "support/clients.rs"]
mod clients;
#[path = "support/edge.rs"]
mod edge;
#[path = "levers/pulled.rs"]
mod pulled;

use edge::{Edge, REFUSE, eventually};
use pulled::{Fate, ask, becomes, done, kinds, sundown, trail};

#[test]
fn a_hold_outlasts_a_reload_and_a_kill_until_it_is_lifted() {
    let edge = Edge::start(REFUSE, None);
    let Some(before) = ask(&edge, "/v1/x", &[]) else {
        return;
    };
    assert!(before.is_refused(), "{before:?}");
    let directory = edge.directory.path();
    let reason = ["--reason", "checkout fails", "--by", "jo"];
    let said = done(directory, &[&["hold"], &reason[..]].concat());
    assert!(
        said.starts_with("On hold: everything. The running edge takes it up"),
        "{said}"
    );
    becomes(&edge, "served while on hold", |fate| fate.status() == 200);
    ask(&edge, "/v1/x", &[])
        .expect("curl is there")
        .assert_untold();

    let ssl = ask(&edge, "/ssl/", &[]).expect("curl is there");
    let ssl: Value = serde_json::from_str(ssl.body()).expect("JSON");
    assert_eq!(ssl["verdict"], "at-risk");
    assert_eq!(
        (&ssl["floors"][0]["held"], &ssl["floors"][0]["phase"]),
        (&json!(true), &json!("observe"))
    );
    let state = done(directory, &["plan", "--at", "2017-01-01", "--json"]);
    let state: Value = serde_json::from_str(&state).expect("JSON");
    assert_eq!(
        (&state[0]["phase"], &state[0]["planned"]),
        (&json!("observe"), &json!("refuse"))
    );
    assert_eq!(state[0]["hold"]["reason"], "checkout fails");

    edge.signal(Signal::HUP);
    edge.wait_for_log("reloaded");
    ask(&edge, "/v1/x", &[])
        .expect("curl is there")
        .assert_untold();

    let edge = Edge::start_in(edge.end(Signal::KILL), REFUSE, &[]);
    let holds = edge.listening()["holds"].to_string();
    assert!(
        holds.contains("by jo: everything (checkout fails)"),
        "{holds}"
    );
    edge.wait_for_log("On hold since");
    ask(&edge, "/v1/x", &[])
        .expect("curl is there")
        .assert_untold();
    assert_eq!(edge.health()["holds"][0]["by"], "jo");

    let directory = edge.directory.path();
    done(directory, &["resume", "--reason", "fixed", "--by", "jo"]);
    becomes(&edge, "refused again", Fate::is_refused);
    let trail = trail(directory);
    assert_eq!(
        kinds(&trail),
        ["started", "plan", "hold", "started", "resume"],
        "{trail:#?}"
    );
    assert_eq!(
        (&trail[2]["by"], &trail[2]["reason"]),
        (&json!("jo"), &json!("checkout fails"))
    );
    let verified = done(directory, &["audit", "--verify"]);
    assert!(
        verified.contains("5 records, each as it was written"),
        "{verified}"
    );
}

#[test]
fn one_sunset_can_be_held_by_its_name_also_while_no_edge_runs() {
    let edge = Edge::start(REFUSE, None);
    if ask(&edge, "/", &[]).is_none() {
        return;
    }
    let stopped = edge.end(Signal::TERM);
    let directory = stopped.path();
    let hold = |name: &str| sundown(directory, &["hold", "--sunset", name, "--reason", "x"]);
    let wrong = hold("old TSL");
    let said = String::from_utf8_lossy(&wrong.stderr);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(said.contains("did you mean `old TLS`?"), "{said}");
    let said = hold("old TLS");
    let said = String::from_utf8_lossy(&said.stdout);
    assert!(
        said.contains("No edge runs on this data directory"),
        "{said}"
    );

    let edge = Edge::start_in(stopped, &format!("{REFUSE}{}", other("tls1.1")), &[]);
    let fate = ask(&edge, "/v1/x", &[]).expect("curl is there");
    assert!(
        fate.is_refused(),
        "the other sunset is not on hold: {fate:?}"
    );
    let directory = edge.directory.path();
    let lift = |more: &[&str]| sundown(directory, &[&["resume", "--reason", "x"], more].concat());
    assert_eq!(lift(&["--sunset", "another"]).status.code(), Some(2));
    done(directory, &["hold", "--reason", "x"]);
    becomes(&edge, "served while all is on hold", |fate| {
        fate.status() == 200
    });
    assert!(lift(&[]).status.success());
    becomes(&edge, "refused again", Fate::is_refused);
    let nothing = lift(&[]);
    assert!(nothing.status.success());
    assert!(String::from_utf8_lossy(&nothing.stdout).contains("Nothing is on hold"));

    let nowhere = tempfile::tempdir().expect("a directory of our own");
    let nowhere = sundown(nowhere.path(), &["hold", "--reason", "x"]);
    assert_eq!(
        nowhere.status.code(),
        Some(2),
        "a lever pulled in the wrong place"
    );
}

/// Another sunset that refuses.
fn other(floor: &str) -> String {
    format!("[[sunset]]\nname = \"another\"\nfloor = \"{floor}\"\nrefuse = \"2016-01-01\"\n")
}

#[test]
fn the_guard_puts_everything_on_hold_and_begins_afresh_when_resumed() {
    let guard = "[guard]\nrefused = 0.5\nover = \"10m\"\nleast = 5\n";
    let edge = Edge::start(&format!("{guard}{REFUSE}"), None);
    for _ in 0..4 {
        let Some(fate) = ask(&edge, "/v1/x", &[]) else {
            return;
        };
        assert!(fate.is_refused(), "too few to act on: {fate:?}");
    }
    assert_eq!(edge.health()["holds"], json!([]));
    becomes(&edge, "the guard has acted", |fate| fate.status() == 200);
    edge.wait_for_log("THE GUARD ACTED: ");
    let health = edge.health();
    assert_eq!(
        (&health["holds"][0]["by"], &health["holds"][0]["sunset"]),
        (&json!("guard"), &Value::Null)
    );
    let directory = edge.directory.path();
    let recorded = trail(directory);
    assert_eq!(kinds(&recorded), ["started", "plan", "guard", "hold"]);
    assert_eq!(
        (&recorded[3]["by"], &recorded[2]["limit"]),
        (&json!("guard"), &json!(0.5))
    );

    // Through a kill as any other hold.
    let edge = Edge::start_in(edge.end(Signal::KILL), &format!("{guard}{REFUSE}"), &[]);
    ask(&edge, "/v1/x", &[])
        .expect("curl is there")
        .assert_untold();
    let directory = edge.directory.path();
    done(directory, &["resume", "--reason", "seen to"]);
    becomes(&edge, "refused again", Fate::is_refused);
    for _ in 0..3 {
        let fate = ask(&edge, "/v1/x", &[]).expect("curl is there");
        assert!(fate.is_refused(), "the window begins afresh: {fate:?}");
    }
    becomes(&edge, "the guard has acted again", |fate| {
        fate.status() == 200
    });
}

/// The SHA-256 of `new-key` and of `old-key`.
const ACCOUNTS: &str = "
[account]
sources = [\"header:X-Api-Key\"]
[account.names]
newcomer = [\"NEW\"]
oldtimer = [\"OLD\"]
[[cohort]]
name = \"new\"
accounts = [\"newcomer\"]
[[sunset]]
name = \"old TLS, new accounts\"
cohort = \"new\"
floor = \"tls1.2\"
refuse = \"2016-10-01\"
[[sunset]]
name = \"old TLS\"
floor = \"tls1.2\"
warn = \"2016-09-01\"
refuse = \"2017-01-01\"
";

#[test]
fn a_cohort_is_refused_first_and_nobody_else() {
    use sha2::{Digest, Sha256};
    let hash = |key: &str| -> String {
        let digest = Sha256::digest(key);
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let plan = ACCOUNTS
        .replace("NEW", &hash("new-key"))
        .replace("OLD", &hash("old-key"));
    let edge = Edge::start_at(&plan, "2016-11-01", None);
    let (new, old) = (
        ["--interface", "127.0.0.2", "--header", "X-Api-Key: new-key"],
        ["--interface", "127.0.0.3", "--header", "X-Api-Key: old-key"],
    );
    let Some(first) = ask(&edge, "/v1/x", &new) else {
        return;
    };
    assert_eq!(first.status(), 403, "nobody knows yet who it is: {first:?}");
    for _ in 0..2 {
        let fate = ask(&edge, "/v1/x", &new).expect("curl is there");
        assert!(
            fate.is_refused(),
            "it is known to be in the cohort: {fate:?}"
        );
        let fate = ask(&edge, "/v1/x", &old).expect("curl is there");
        assert_eq!(fate.status(), 200, "{fate:?}");
    }
    let Some(Fate::Answered(_, head, body)) = ask(&edge, "/ssl/", &old) else {
        panic!("it is served");
    };
    let ssl: Value = serde_json::from_str(&body).unwrap_or_else(|_| panic!("{head}\n{body}"));
    let sunsets = ssl["floors"].as_array().expect("a list");
    assert_eq!(sunsets.len(), 1, "the other is not for it: {ssl:#}");
    assert_eq!(sunsets[0]["phase"], "warn");

    let state = done(edge.directory.path(), &["plan", "--at", "2016-11-01"]);
    assert!(
        state.contains("is for the cohort new only: 1 known account is in it"),
        "{state}"
    );
}

#[test]
fn who_is_new_is_what_the_ledger_says() {
    let plan = "
[account]
sources = [\"basic\"]
[[cohort]]
name = \"new\"
first_seen_after = \"2016-06-01\"
[[sunset]]
name = \"old TLS, new accounts\"
cohort = \"new\"
floor = \"tls1.2\"
refuse = \"2016-10-01\"
";
    let (oldtimer, newcomer) = (["--user", "oldtimer:"], ["--user", "newcomer:"]);
    let edge = Edge::start_at(plan, "2016-05-01", None);
    let Some(fate) = ask(&edge, "/v1/x", &oldtimer) else {
        return;
    };
    assert_eq!(fate.status(), 200);
    let edge = Edge::start_in(edge.end(Signal::TERM), plan, &["--as-of", "2016-11-01"]);
    eventually("the roster is drawn up", || {
        let fate = ask(&edge, "/v1/x", &newcomer).expect("curl is there");
        fate.status() != 200
    });
    let elsewhere = ["--interface", "127.0.0.2"];
    let fate = ask(&edge, "/v1/x", &[&oldtimer, &elsewhere[..]].concat());
    assert_eq!(
        fate.expect("curl is there").status(),
        200,
        "it was there before"
    );
}

#[test]
fn a_brownout_spares_its_exempt_paths_and_the_answer_that_says_why() {
    let plan = format!(
        "{}[[sunset.brownout]]\nfrom = \"2016-11-15T09:00Z\"\nto = \"2016-11-15T17:00Z\"\nexempt = [\"/status\"]\n",
        edge::WARN
    );
    let edge = Edge::start_at(&plan, "2016-11-15T12:00Z", None);
    for (path, status) in [
        ("/v1/x", 403),
        ("/status", 200),
        ("/status/deep?x=1", 200),
        ("/statuses", 403),
        ("/status/../v1/x", 403),
        ("/status/%2e%2e/v1/x", 403),
        ("/ssl/", 200),
        ("/ssl/calendar.ics", 200),
    ] {
        let Some(fate) = ask(&edge, path, &[]) else {
            return;
        };
        assert_eq!(fate.status(), status, "{path}: {fate:?}");
    }
}

#[test]
fn a_byte_that_is_changed_in_the_trail_is_found() {
    let edge = Edge::start(REFUSE, None);
    let directory = edge.directory.path();
    let file = directory.join("data/audit.jsonl");
    // An edge answers before it has written that it began and with which plan: what counts lines waits for both.
    eventually("the edge's own records are there", || {
        fs::read_to_string(&file).is_ok_and(|trail| trail.lines().count() == 2)
    });
    done(directory, &["hold", "--reason", "first"]);
    done(directory, &["resume", "--reason", "second"]);
    let text = fs::read_to_string(&file).expect("it is there");
    fs::write(&file, text.replacen("first", "forst", 1)).expect("our own");
    let found = sundown(directory, &["audit", "--verify"]);
    assert_eq!(found.status.code(), Some(1), "{found:?}");
    let said = String::from_utf8_lossy(&found.stdout);
    assert!(
        said.contains("line 3 (record 3) was changed after it was written"),
        "{said}"
    );
    let found = sundown(directory, &["audit", "--verify", "--json"]);
    let found: Value = serde_json::from_slice(&found.stdout).expect("JSON");
    assert_eq!(
        (&found["verdict"], &found["fault"]["line"]),
        (&json!("changed"), &json!(3))
    );

    // A crash in the middle of a record: it is said, and the next goes on.
    fs::write(&file, &text[..text.len() - 20]).expect("our own");
    let verified = done(directory, &["audit", "--verify"]);
    assert!(
        verified.contains("bytes of an unfinished record"),
        "{verified}"
    );
    done(directory, &["hold", "--reason", "third"]);
    let verified = done(directory, &["audit", "--verify"]);
    assert!(verified.contains("found and gone on from: 1"), "{verified}");
    assert_eq!(
        kinds(&trail(directory)),
        ["started", "plan", "hold", "recovered", "hold"]
    );
}

#[test]
fn a_reload_an_exception_and_a_stop_leave_their_records() {
    let exception = "[[exception]]\naddress = \"203.0.113.7\"\nsunset = \"old TLS\"\nuntil = \"2099-01-01\"\nowner = \"jo\"\nreason = \"kiosk\"\n";
    let edge = Edge::start(REFUSE, None);
    // Whoever answers hears signals too.
    edge.health();
    let file = edge.directory.path().join("sundown.toml");
    fs::write(&file, format!("{REFUSE}{exception}")).expect("our own");
    edge.signal(Signal::HUP);
    edge.wait_for_log("reloaded");
    fs::write(&file, "nonsense").expect("our own");
    edge.signal(Signal::HUP);
    edge.wait_for_log("not reloaded");
    let directory = edge.directory.path().to_owned();
    eventually("all is recorded", || {
        kinds(&trail(&directory)).contains(&"reload-refused")
    });
    let trail = trail(&directory);
    assert_eq!(
        kinds(&trail),
        [
            "started",
            "plan",
            "plan",
            "exception-begun",
            "reload-refused"
        ]
    );
    let words = "203.0.113.7/32 past old TLS until 2099-01-01T00:00:00Z (jo: kiosk)";
    assert_eq!(trail[2]["added"], json!([format!("exception: {words}")]));
    assert_eq!(
        (&trail[2]["removed"], &trail[3]["exception"]),
        (&json!([]), &json!(words))
    );
    // The directory goes with the edge, so what it writes at its end is read from a copy of the file's handle.
    let trail = fs::File::open(directory.join("data/audit.jsonl")).expect("it is there");
    edge.stop();
    let text = std::io::read_to_string(trail).expect("text");
    assert!(
        text.lines()
            .last()
            .is_some_and(|line| line.contains("\"kind\":\"stopped\"")),
        "{text}"
    );
}

#[test]
fn a_trail_that_cannot_be_written_stops_nobody() {
    let directory = tempfile::tempdir().expect("a directory of our own");
    fs::create_dir_all(directory.path().join("data/audit.jsonl")).expect("our own");
    let edge = Edge::start_in(directory, REFUSE, &[]);
    edge.wait_for_log("cannot record this in");
    let Some(fate) = ask(&edge, "/v1/x", &[]) else {
        return;
    };
    assert!(fate.is_refused());
    let held = sundown(edge.directory.path(), &["hold", "--reason", "x"]);
    assert!(held.status.success(), "{held:?}");
    let said = String::from_utf8_lossy(&held.stderr);
    assert!(said.contains("done, but not recorded"), "{said}");
    becomes(&edge, "held all the same", |fate| fate.status() == 200);
    fs::remove_dir(edge.directory.path().join("data/audit.jsonl")).expect("our own");
    let directory = edge.directory.path().to_owned();
    eventually("what waited is written", || {
        directory.join("data/audit.jsonl").is_file()
    });
    assert_eq!(kinds(&trail(&directory))[0], "started");
}
