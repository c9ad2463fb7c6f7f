//! `sundown doctor` from outside: over programs that only play at being runtimes and misbehave, and over the real ones,
//! with a real edge.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that meets the unexpected is to fail"
)]

use std::fs;
use std::path::Path;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

#[path = "support/edge.rs"]
mod edge;
#[path = "support/installed.rs"]
mod installed;
#[path = "doctor/program.rs"]
mod program;

use edge::{EXPLAIN, Edge, REFUSE, WARN, eventually};
use installed::{Installed, installed, skipped};
use program::{Machine, fix, run, runtimes, verdict};

/// What each runtime that `tests/setup` installs offers at most when nobody turned a knob, and whether its own library
/// tells what was negotiated.
const INSTALLED: [(&str, &str, &str, bool); 14] = [
    ("node-0.8", "node", "TLSv1", false),
    ("node-0.10", "node", "TLSv1.2", false),
    ("node", "node", "TLSv1.3", true),
    ("check-python", "python", "TLSv1.3", true),
    ("check-python-2.7", "python", "TLSv1.3", true),
    ("check-python-3.6", "python", "TLSv1.3", true),
    ("check-python-3.13", "python", "TLSv1.3", true),
    ("ruby", "ruby", "TLSv1.3", true),
    ("php-streams", "php", "TLSv1.3", true),
    ("perl", "perl", "TLSv1.3", true),
    ("java", "java", "TLSv1.3", true),
    ("mono", "mono", "TLSv1.2", true),
    ("curl", "curl", "TLSv1.3", false),
    ("openssl", "openssl", "TLSv1.3", false),
];

/// One of them as the report has it.
struct Asked {
    id: &'static str,
    kind: &'static str,
    offers: &'static str,
    tells: bool,
    runtime: Value,
}

/// Asks all that are installed; `more` are arguments.
fn ask(machine: &Machine, code: i32, more: &[&str]) -> (Value, Vec<Asked>) {
    let there: Vec<_> = INSTALLED
        .into_iter()
        .filter_map(|row| Some((row, installed(row.0)?.command())))
        .collect();
    let mut arguments = vec!["--json", "--timeout", "300"];
    arguments.extend(more);
    let mut command = machine.command(&arguments);
    for (_, program) in &there {
        command.arg("--in").arg(program.get_program());
    }
    let report = run(command).report(code);
    let asked = there
        .into_iter()
        .filter_map(|((id, kind, offers, tells), program)| {
            let path = Path::new(program.get_program());
            let real = path.canonicalize().ok()?;
            // Two that are one file are asked once.
            let found = runtimes(&report).iter().find(|runtime| {
                let same = runtime["real_path"].as_str().map(Path::new) == Some(&real);
                same && runtime["kind"] == kind
            });
            let runtime = found
                .unwrap_or_else(|| panic!("{id} is missing: {report:#}"))
                .clone();
            Some(Asked {
                id,
                kind,
                offers,
                tells,
                runtime,
            })
        })
        .collect();
    (report, asked)
}

fn program_of(installed: &Installed) -> String {
    let command = installed.command();
    command.get_program().to_string_lossy().into_owned()
}

#[test]
fn without_a_server_each_is_judged_by_the_hello_it_sends() {
    let machine = Machine::new();
    let (report, asked) = ask(&machine, 1, &[]);
    if asked.is_empty() {
        skipped("doctor", "no client is installed; run tests/setup");
        return;
    }
    assert_eq!(report["url"], Value::Null);
    assert_eq!(report["decided_by"][0], "tls1.2");
    for Asked {
        id,
        kind,
        offers,
        runtime,
        ..
    } in &asked
    {
        assert_eq!(runtime["kind"], *kind);
        assert_eq!(
            runtime["offered"]["max_protocol"], *offers,
            "{id}: {runtime:#}"
        );
        assert!(runtime["version"].is_string(), "{id}: {runtime:#}");
        assert_eq!(runtime["handshake"], Value::Null);
        let meets = |meets: bool| (if meets { "meets" } else { "misses" }, "hello");
        assert_eq!(
            verdict(runtime, "tls1.2"),
            meets(*offers != "TLSv1"),
            "{id}"
        );
        assert_eq!(
            verdict(runtime, "tls1.3"),
            meets(*offers == "TLSv1.3"),
            "{id}"
        );
    }
    let old = asked.iter().find(|asked| asked.id == "node-0.8");
    if let Some(old) = old {
        assert!(
            fix(&old.runtime, "tls1.2").contains("OpenSSL 1.0.0"),
            "{:#}",
            old.runtime
        );
    }
    assert_eq!(machine.left(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn with_a_server_both_sides_say_the_same() {
    let machine = Machine::new();
    let edge = Edge::start(WARN, None);
    let (report, asked) = ask(
        &machine,
        1,
        &[&edge.url(""), "--ca", &edge.ca.display().to_string()],
    );
    assert_eq!(report["url"], edge.url("/ssl/"));
    for Asked {
        id,
        offers,
        tells,
        runtime,
        ..
    } in &asked
    {
        let handshake = &runtime["handshake"];
        assert_eq!(handshake["outcome"], "agreed", "{id}: {runtime:#}");
        assert_eq!(handshake["protocol"], *offers, "{id}: {runtime:#}");
        // What the wire shows, what the server saw, and what the runtime's library tells are one.
        for key in ["protocol", "cipher", "group"] {
            assert_eq!(handshake[key], runtime["server"][key], "{id}: {runtime:#}");
        }
        assert_eq!(runtime["intermediary"], Value::Null);
        if *tells {
            assert_eq!(runtime["own"]["protocol"], *offers, "{id}: {runtime:#}");
        }
        let at_risk = runtime["server"]["verdict"] == "at-risk";
        assert_eq!(at_risk, *offers == "TLSv1", "{id}: {runtime:#}");
    }
    assert_eq!(machine.left(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_refusal_is_a_result_with_its_reason_and_its_fix() {
    let machine = Machine::new();
    let modern = REFUSE.replace("tls1.2", "tls1.3");
    let edge = Edge::start(&modern, None);
    let ca = edge.ca.display().to_string();
    let (_, asked) = ask(
        &machine,
        1,
        &[&edge.url("/ssl/"), "--ca", &ca, "--floor", "tls1.3"],
    );
    for Asked {
        id,
        offers,
        runtime,
        ..
    } in &asked
    {
        let handshake = &runtime["handshake"];
        if *offers == "TLSv1.3" {
            assert_eq!(handshake["outcome"], "agreed", "{id}: {runtime:#}");
            assert_eq!(verdict(runtime, "tls1.3"), ("meets", "hello"));
        } else {
            assert_eq!(handshake["outcome"], "refused", "{id}: {runtime:#}");
            assert_eq!(handshake["alert"], "protocol_version", "{id}: {runtime:#}");
            assert_eq!(verdict(runtime, "tls1.3"), ("misses", "hello"));
            assert!(!fix(runtime, "tls1.3").is_empty());
        }
    }
    let sent_away = asked
        .iter()
        .filter(|asked| asked.offers != "TLSv1.3")
        .count();
    if sent_away == 0 {
        skipped(
            "doctor, refused",
            "no runtime that ends at TLSv1.2 is installed; run tests/setup",
        );
    }
}

#[test]
fn an_explanation_is_read_as_one() {
    let Some(old) = installed("node-0.8") else {
        return;
    };
    let machine = Machine::new();
    let edge = Edge::start(EXPLAIN, None);
    let ca = edge.ca.display().to_string();
    let program = program_of(old);
    let url = edge.url("/orders");
    let told = run(machine.command(&[&url, "--ca", &ca, "--in", &program, "--json"]));
    let report = told.report(1);
    let runtime = &runtimes(&report)[0];
    assert!(runtime["explanation"]["title"].is_string(), "{runtime:#}");
    let shown = run(machine.command(&[&url, "--ca", &ca, "--in", &program])).stdout;
    assert!(shown.contains("turned away"), "{shown}");
}

#[test]
fn programs_that_ask_by_their_own_commands_shake_hands_too() {
    let machine = Machine::new();
    let edge = Edge::start(WARN, None);
    let ca = edge.ca.display().to_string();
    let cargo = std::env::var("CARGO").unwrap_or_default();
    for (kind, place) in [
        ("go", ""),
        ("wget", ""),
        ("gnutls", ""),
        ("rust", cargo.as_str()),
    ] {
        let url = edge.url("");
        let mut arguments = vec![
            &url,
            "--ca",
            &ca,
            "--only",
            kind,
            "--json",
            "--timeout",
            "300",
        ];
        if !place.is_empty() {
            arguments.extend(["--in", place]);
        }
        let told = run(machine.command(&arguments));
        if told.stderr.contains("none of these") {
            skipped(&format!("doctor, {kind}"), "not on this machine");
            continue;
        }
        // The first on the PATH; what else a machine keeps of it may be of any age.
        let report: Value =
            serde_json::from_str(&told.stdout).unwrap_or_else(|_| panic!("{told:?}"));
        let runtime = &runtimes(&report)[0];
        assert_eq!(runtime["handshake"]["outcome"], "agreed", "{runtime:#}");
        assert_eq!(
            runtime["handshake"]["protocol"], runtime["offered"]["max_protocol"],
            "{runtime:#}"
        );
    }
    assert_eq!(machine.left(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_certificate_that_is_not_trusted_is_told_from_a_refusal() {
    let Some(python) = installed("check-python") else {
        return;
    };
    let machine = Machine::new();
    let edge = Edge::start(WARN, None);
    let program = program_of(python);
    let report = run(machine.command(&[&edge.url(""), "--in", &program, "--json"])).report(0);
    let runtime = &runtimes(&report)[0];
    assert_eq!(runtime["handshake"]["outcome"], "broken", "{runtime:#}");
    let error = runtime["own"]["error"].as_str().unwrap_or_default();
    assert!(error.contains("certificate"), "{runtime:#}");
    assert_eq!(verdict(runtime, "tls1.2"), ("meets", "hello"));
}

#[test]
fn what_re_encrypts_in_between_is_found_and_gets_the_advice() {
    let Some(old) = installed("node-0.10") else {
        return;
    };
    let server = Edge::start(WARN, None);
    // The middlebox: it ends TLS itself, and speaks to the server on the client's behalf.
    let middlebox = Edge::start(
        &format!(
            "[[listener]]\nupstream = [\"https://localhost:{}\"]\nupstream_ca = {:?}\n[answers]\nssl = [\"/own/\"]\n",
            server.address.port(),
            server.ca.display().to_string(),
        ),
        None,
    );
    let machine = Machine::new();
    let program = program_of(old);
    let ca = middlebox.ca.display().to_string();
    let url = middlebox.url("/ssl/");
    let report = run(machine.command(&[&url, "--ca", &ca, "--in", &program, "--json"])).report(0);
    let runtime = &runtimes(&report)[0];
    assert_eq!(runtime["handshake"]["protocol"], "TLSv1.2", "{runtime:#}");
    assert_eq!(runtime["server"]["protocol"], "TLSv1.3", "{runtime:#}");
    let summary = runtime["intermediary"]["summary"]
        .as_str()
        .unwrap_or_default();
    assert!(
        summary.contains("TLSv1.2") && summary.contains("re-encrypts"),
        "{runtime:#}"
    );
    let shown = run(machine.command(&[&url, "--ca", &ca, "--in", &program])).stdout;
    assert!(shown.contains("Something in between"), "{shown}");
}

#[test]
fn programs_that_misbehave_cost_their_own_row_and_no_more() {
    let machine = Machine::new();
    let pids = machine.path("pids");
    let hang = format!(
        "echo $$ >>{0}; sleep 1000 & echo $! >>{0}; wait",
        pids.display()
    );
    machine.program("python", &hang);
    machine.program("node", "exec yes garbage");
    machine.program("ruby", "kill -SEGV $$");
    machine.program("php", "printf 'sundown:version \\033[2Jnew\\n'");
    machine.program(
        "perl",
        "echo sundown:version 5.36.0; echo sundown:library OpenSSL 1.0.0t",
    );
    machine.program("curl", "head -c 700000 /dev/zero");
    machine.program("java", "echo 'Error: no libjvm.so' >&2; exit 3");
    machine.program("openssl", "echo OpenSSL 99.99.99 1 Jan 2099");
    fs::write(machine.path("bin").join("wget"), "\u{7f}ELF but not really")
        .expect("a file of our own");

    let told = machine.fakes(&["--json", "--timeout", "3"]);
    let report = told.report(1);
    let why = |kind: &str| {
        let found = runtimes(&report)
            .iter()
            .find(|runtime| runtime["kind"] == kind);
        let found = found.unwrap_or_else(|| panic!("{kind} is missing: {report:#}"));
        found["not_asked"].as_str().unwrap_or_default().to_owned()
    };
    assert!(why("python").contains("in time"), "{}", why("python"));
    assert!(
        why("node").contains("more than a megabyte"),
        "{}",
        why("node")
    );
    assert!(why("ruby").contains("signal 11"), "{}", why("ruby"));
    assert!(
        why("php").contains("nothing that a version"),
        "{}",
        why("php")
    );
    assert!(why("perl").contains("no handshake"), "{}", why("perl"));
    assert!(
        why("curl").contains("nothing that a version"),
        "{}",
        why("curl")
    );
    assert!(why("java").contains("code 3"), "{}", why("java"));
    assert!(
        why("openssl").contains("no handshake"),
        "{}",
        why("openssl")
    );
    // What said who it is and did not begin a handshake is judged by that, and said to be.
    let perl = runtimes(&report)
        .iter()
        .find(|runtime| runtime["kind"] == "perl");
    assert_eq!(
        verdict(perl.expect("seen above"), "tls1.2"),
        ("misses", "release")
    );
    assert!(!told.stdout.contains('\u{1b}') && !told.stdout.contains("\\u001b"));
    for pid in fs::read_to_string(&pids).expect("the script ran").lines() {
        eventually("what hung is gone", || {
            let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            state.is_empty() || state.contains(") Z")
        });
    }
    assert_eq!(machine.left(), Vec::<std::path::PathBuf>::new());

    let shown = machine.fakes(&["--timeout", "3", "--only", "perl,php"]);
    assert_eq!(shown.code, Some(1), "{shown:?}");
    assert!(
        shown.stdout.contains("misses?") && shown.stdout.contains("question mark"),
        "{shown:?}"
    );
    assert!(
        shown
            .stdout
            .contains("sundown watch --live any --processes"),
        "{shown:?}"
    );
}

#[test]
fn one_file_under_many_names_is_asked_once() {
    let machine = Machine::new();
    let real = machine.program(
        "python3.9",
        "echo sundown:version 3.9.18; echo run >>\"$HOME/count\"",
    );
    for name in ["python", "python3"] {
        std::os::unix::fs::symlink(&real, machine.path("bin").join(name))
            .expect("a directory of our own");
    }
    let report = machine.fakes(&["--json"]).report(0);
    assert_eq!(runtimes(&report).len(), 1);
    assert_eq!(
        verdict(&runtimes(&report)[0], "tls1.2"),
        ("meets", "release")
    );
    let count = fs::read_to_string(machine.path("home").join("count")).expect("it ran");
    assert_eq!(
        count.lines().count(),
        2,
        "once for its version, once for its hello"
    );
}

#[test]
fn what_overrules_them_is_shown_with_where_it_is_set_and_without_secrets() {
    let Some(openssl) = installed("openssl") else {
        return;
    };
    let machine = Machine::new();
    let program = program_of(openssl);
    let held = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/helpers/hold/openssl.cnf");
    let held = held.canonicalize().expect("a file of the checkout");
    fs::write(machine.path("home").join(".curlrc"), "insecure\n").expect("a file of our own");
    let mut command = machine.command(&["--in", &program, "--json"]);
    command
        .env("OPENSSL_CONF", held)
        .env("HTTPS_PROXY", "http://me:hunter2@127.0.0.1:9")
        .env(
            "JAVA_TOOL_OPTIONS",
            "-Dsecret=hunter2 -Dhttps.protocols=TLSv1",
        )
        .env("NODE_OPTIONS", "--tls-max-v1.2");
    let told = run(command);
    let report = told.report(1);
    // It is held down in truth, and the reason stands below.
    let runtime = &runtimes(&report)[0];
    assert_eq!(runtime["offered"]["max_protocol"], "TLSv1", "{runtime:#}");
    assert!(
        fix(runtime, "tls1.2").contains("openssl.cnf"),
        "{runtime:#}"
    );
    let overrides = report["overrides"].as_array().expect("a list");
    let of = |name: &str| {
        let found = overrides.iter().find(|one| one["name"] == name);
        found.unwrap_or_else(|| panic!("{name} is missing: {report:#}"))
    };
    let place = of("MaxProtocol")["place"].as_str().unwrap_or_default();
    assert!(place.ends_with("hold/openssl.cnf:12"), "{place}");
    assert_eq!(of("MaxProtocol")["weight"], "lowers");
    assert_eq!(of("insecure")["weight"], "exposes");
    assert_eq!(of("HTTPS_PROXY")["value"], "http://***@127.0.0.1:9");
    assert_eq!(of("JAVA_TOOL_OPTIONS: -Dhttps.protocols")["value"], "TLSv1");
    assert_eq!(of("NODE_OPTIONS")["affects"], "Node.js");
    assert!(!told.stdout.contains("hunter2") && !told.stderr.contains("hunter2"));
    assert_eq!(overrides[0]["weight"], "lowers", "the gravest first");
}

#[test]
fn what_cannot_be_asked_ends_with_a_remedy() {
    let machine = Machine::new();
    machine.program("python", "echo run >>\"$HOME/count\"");
    machine
        .fakes(&["https://localhost:1", "--json"])
        .could_not_tell(&["nothing takes connections", "localhost:1"]);
    machine
        .fakes(&["http://localhost:1"])
        .could_not_tell(&["plain HTTP", "https://"]);
    machine.fakes(&["localhost"]).could_not_tell(&["is no URL"]);
    machine
        .fakes(&["--floor", "tls9"])
        .could_not_tell(&["no floor is called", "tls1.2"]);
    machine
        .fakes(&["--only", "cobol"])
        .could_not_tell(&["no kind is called", "python"]);
    machine
        .fakes(&["--only", "java"])
        .could_not_tell(&["Java", "--in"]);
    machine
        .fakes(&["--in", "/nonexistent"])
        .could_not_tell(&["/nonexistent", "--in"]);
    machine
        .fakes(&["--ca", "/nonexistent"])
        .could_not_tell(&["/nonexistent", "--ca"]);
    machine
        .fakes(&["--timeout", "0"])
        .could_not_tell(&["timeout"]);
    assert!(
        !machine.path("home").join("count").exists(),
        "nothing was asked in vain"
    );
}

#[test]
fn a_server_that_speaks_no_tls_is_a_result() {
    let Some(python) = installed("check-python") else {
        return;
    };
    let machine = Machine::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("a port").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            let _ = std::io::Write::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let program = program_of(python);
    let url = format!("https://localhost:{port}/");
    let report = run(machine.command(&[&url, "--in", &program, "--json"])).report(0);
    let runtime = &runtimes(&report)[0];
    assert_eq!(runtime["handshake"]["outcome"], "failed", "{runtime:#}");
    let why = runtime["handshake"]["why"].as_str().unwrap_or_default();
    assert!(why.contains("TLS"), "{runtime:#}");
}

#[test]
fn an_interrupt_ends_what_was_started() {
    let machine = Machine::new();
    let pids = machine.path("pids");
    machine.program(
        "python",
        &format!("echo $$ >>{}; exec sleep 1000", pids.display()),
    );
    let bin = machine.path("bin").display().to_string();
    let mut command = machine.command(&["--in", &bin, "--timeout", "600"]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut doctor = command.spawn().expect("the program can be started");
    eventually("it runs", || {
        fs::read_to_string(&pids).is_ok_and(|pids| pids.ends_with('\n'))
    });
    kill_process(Pid::from_child(&doctor), Signal::INT).expect("a process of our own");
    eventually("it ends", || doctor.try_wait().expect("a child").is_some());
    let pid = fs::read_to_string(&pids).expect("it ran");
    eventually("what it started has ended", || {
        let state = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
        state.is_empty() || state.contains(") Z")
    });
    assert_eq!(machine.left(), Vec::<std::path::PathBuf>::new());
}
