//! The check helpers of `clients/`, on every runtime version that this machine has, against the real edge on every kind
//! of day, against servers that are no Sundown, and with URLs that are none. What each must answer is in
//! `clients/cases.json`, once for all of them.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that meets the unexpected is to fail"
)]

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::{Value, json};

#[path = "helpers/cases.rs"]
mod cases;
#[path = "support/edge.rs"]
mod edge;
#[path = "support/installed.rs"]
mod installed;
#[path = "support/process.rs"]
mod process;
#[path = "helpers/runtimes.rs"]
mod runtimes;
#[path = "helpers/servers.rs"]
mod servers;
#[path = "support/upstream.rs"]
mod upstream;
#[path = "helpers/words.rs"]
mod words;

use cases::{PhaseCase, Words, difference};
use edge::{Edge, WARN};
use process::Ended;
use runtimes::Run;
use servers::Server;
use upstream::Upstream;

/// Runs at the same time: more only wait for each other.
const AT_ONCE: usize = 4;

/// The answer that a run printed as JSON.
fn answer(ended: &Ended) -> Result<Value, String> {
    serde_json::from_str(&ended.stdout).map_err(|error| format!("no JSON ({error}): {ended:?}"))
}

/// Does the same with every run, some at a time, and gives all that failed.
fn each(runs: &[Run], check: impl Fn(Run) -> Result<(), String> + Sync) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut failures = Vec::new();
        while let Some(run) = runs.get(next.fetch_add(1, Ordering::Relaxed)).copied() {
            failures.extend(check(run).err().map(|why| format!("{run}: {why}")));
        }
        failures
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        let done = workers
            .into_iter()
            .flat_map(|worker| worker.join().expect("no check panics"));
        done.collect()
    })
}

#[track_caller]
fn none_failed(failures: &[String]) {
    assert!(
        failures.is_empty(),
        "{} failed:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

/// What is the same in every answer, and what this one must be.
fn check(run: Run, ended: &Ended, exit: i32, expected: &Value, server: &str) -> Result<(), String> {
    let answer = answer(ended)?;
    if ended.code != Some(exit) {
        return Err(format!(
            "exit code {:?}, not {exit}: {answer:#}",
            ended.code
        ));
    }
    let own = &answer["own"];
    let ((tells_protocol, tells_cipher), protocol) = (run.tells(), run.protocol());
    let words = Words {
        protocol,
        own_protocol: tells_protocol.then_some(protocol),
        library: own["library"].as_str().unwrap_or_default(),
        server,
    };
    if let Some(difference) = difference(expected, &answer, &words, "") {
        return Err(format!("{difference} in {answer:#}"));
    }
    // Where the server said what it saw, this side has something to say, too.
    let spoke = answer["server"].is_object();
    if spoke && own["protocol"].as_str() != words.own_protocol {
        return Err(format!(
            "its own protocol is {}, not {protocol}",
            own["protocol"]
        ));
    }
    if spoke && own["cipher"].is_string() != tells_cipher {
        return Err(format!("its own cipher is {}", own["cipher"]));
    }
    if ended
        .stdout
        .contains(['\u{1b}', '\u{9b}', '\u{202e}', '\u{2066}'])
    {
        return Err("what steers a terminal came through".to_owned());
    }
    Ok(())
}

/// Written for people, the answer is what this crate makes of the answer for programs; errors and links differ from
/// connection to connection.
fn check_lines(run: Run, shown: &Ended, answer: &Value) -> Result<(), String> {
    let lasting = |line: &&str| !line.starts_with("error ") && !line.starts_with("report ");
    let expected = words::lines(answer);
    let expected: Vec<&str> = expected
        .iter()
        .map(String::as_str)
        .filter(lasting)
        .collect();
    let lines: Vec<&str> = shown.stdout.lines().filter(lasting).collect();
    if lines != expected {
        return Err(format!("shows {lines:#?}, not {expected:#?}"));
    }
    let code = run_code(answer);
    (shown.code == Some(code))
        .then_some(())
        .ok_or_else(|| format!("{run} ends with {:?}, not {code}", shown.code))
}

fn run_code(answer: &Value) -> i32 {
    match answer["survives"].as_bool() {
        Some(true) => 0,
        Some(false) => 1,
        None => 2,
    }
}

#[track_caller]
fn in_phases(which: impl Fn(&PhaseCase) -> bool) {
    let cases = cases::read();
    let mut failures = Vec::new();
    for case in cases.phases.iter().filter(|case| which(case)) {
        let plan = &cases.plans[&case.plan];
        let plan = if plan.ends_with(".toml") {
            let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
            std::fs::read_to_string(checkout.join(plan)).expect("a plan of the checkout")
        } else {
            plan.clone()
        };
        let upstream = Upstream::start();
        let edge = Edge::start_at(&plan, &case.as_of, Some(&upstream.url));
        let ca = edge.ca.display().to_string();
        let (server, url) = (edge.url(""), edge.url(&case.path));
        let runs = runtimes::offering(&case.offers);
        failures.extend(each(&runs, |run| {
            let ended = run.run(&["--json", "--ca", &ca, "--timeout", "30", &url]);
            check(run, &ended, case.exit, &case.answer, &server)
                .map_err(|why| format!("{}: {why}", case.title))?;
            let shown = run.run(&[&url, "--ca", &ca, "--timeout", "30"]);
            check_lines(run, &shown, &answer(&ended)?)
        }));
        if case.path.is_empty() {
            let reached = upstream.requests();
            assert!(reached.is_empty(), "{}: {reached:?}", case.title);
        }
    }
    none_failed(&failures);
}

#[test]
fn old_tls_in_every_phase() {
    in_phases(|case| case.offers == "TLSv1");
}

#[test]
fn tls_of_today_in_every_phase() {
    in_phases(|case| case.offers != "TLSv1");
}

#[test]
fn servers_that_are_no_sundown() {
    let edge = Edge::start(WARN, None);
    let stranger = Edge::start(WARN, None);
    let ca = edge.ca.display().to_string();
    let strange = stranger.ca.parent().expect("a directory");
    let familiar = edge.ca.parent().expect("a directory");
    let cases = cases::read().servers;
    let servers: Vec<Server> = cases
        .iter()
        .map(|case| {
            let is_strange = case.hello == "stranger";
            Server::start(case, if is_strange { strange } else { familiar })
        })
        .collect();
    let failures = each(&runtimes::all(), |run| {
        let told = cases.iter().zip(&servers).map(|(case, server)| {
            let timeout = case.timeout.unwrap_or(30).to_string();
            let ended = run.run(&["--json", "--ca", &ca, "--timeout", &timeout, &server.url]);
            check(run, &ended, case.exit, &case.answer, &server.url)
                .map_err(|why| format!("{}: {why}", case.title))
        });
        let wrong: Vec<String> = told.filter_map(Result::err).collect();
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(wrong.join("\n"))
        }
    });
    none_failed(&failures);
}

#[test]
fn urls_that_lead_nowhere() {
    let cases = cases::read().urls;
    none_failed(&each(&runtimes::all(), |run| {
        cases.iter().try_for_each(|case| {
            let ended = run.run(&["--json", &case.url]);
            let expected = json!({ "verdict": "unknown", "survives": null, "summary": case.summary, "server": null, "fix": null });
            check(run, &ended, 2, &expected, "")
                .map_err(|why| format!("{:?}: {why}", case.url))
        })
    }));
}

#[test]
fn arguments_that_are_none() {
    let misuse = cases::read().misuse;
    none_failed(&each(&runtimes::all(), |run| {
        for arguments in &misuse {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let ended = run.run(&arguments);
            if ended.code != Some(2) || !ended.stdout.is_empty() || !ended.stderr.contains("usage:")
            {
                return Err(format!("{arguments:?}: {ended:?}"));
            }
        }
        let help = run.run(&["--help"]);
        let teaches = [
            "usage:",
            "--json",
            "--ca",
            "--timeout",
            "/ssl/",
            "Exit code",
        ];
        let missing = teaches.iter().find(|word| !help.stdout.contains(**word));
        match (help.code, missing) {
            (Some(0), None) => Ok(()),
            _ => Err(format!("--help lacks {missing:?}: {help:?}")),
        }
    }));
}

#[test]
fn an_authority_that_cannot_be_read() {
    let missing = "/nonexistent/ca.pem";
    let empty = tempfile::NamedTempFile::new().expect("a file of our own");
    let empty = empty.path().display().to_string();
    none_failed(&each(&runtimes::all(), |run| {
        for file in [missing, &empty] {
            let ended = run.run(&["--json", "--ca", file, "https://localhost:1"]);
            let expected = json!({ "verdict": "unknown", "summary": "the file of authorities cannot be read" });
            check(run, &ended, 2, &expected, "")?;
        }
        Ok(())
    }));
}
