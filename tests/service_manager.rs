//! What a service manager does for the program and hears from it: sockets that it opens, word of what the program is
//! about, and the units that ask for both.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what goes wrong in a helper of a test fails the test"
)]

#[path = "support/bytes.rs"]
mod bytes;
#[path = "support/edge.rs"]
mod edge;
#[path = "support/foreign.rs"]
mod foreign;
#[path = "support/gate.rs"]
mod gate;

use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use edge::{Edge, LIMIT, WARN, beside, eventually};
use foreign::free;
use gate::{OpensslServer, gate_address};
use rustix::process::Signal;

const PROGRAM: &str = env!("CARGO_BIN_EXE_sundown");

/// Opens sockets on free ports, gives them the names that its first argument lists, and becomes the rest.
const LAUNCHER: &str = r#"
import os, socket, sys
names = sys.argv[1].split(":")
sockets = [socket.socket() for _ in names]
for at, one in enumerate(sockets):
    one.bind(("127.0.0.1", 0))
    one.listen(16)
# From 3 on, where the program looks for them; past those that may be there already.
high = [os.dup(one.fileno()) for one in sockets]
high = [one if one >= 3 + len(names) else os.dup2(one, 100 + one) for one in high]
for at, one in enumerate(high):
    os.dup2(one, 3 + at)
os.environ.update(LISTEN_FDS=str(len(names)), LISTEN_FDNAMES=sys.argv[1], LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
"#;

fn skipped(what: &str, why: &str) {
    // Past the capture of the test harness: it is to be seen however the tests are run.
    writeln!(std::io::stderr(), "SKIPPED {what}: {why}").ok();
}

/// Whether a program is there.
fn is_here(program: &str) -> bool {
    let there = Command::new(program)
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success());
    if !there {
        skipped("what a service manager does", &format!("no {program}"));
    }
    there
}

/// The program with sockets of these names.
fn launched(names: &str) -> Command {
    let mut command = Command::new("python3");
    command.args(["-c", LAUNCHER, names, PROGRAM]);
    command
}

/// An edge, a gate before a service, and the listener of those who run both; all take their sockets by name.
fn named(service: SocketAddr) -> String {
    format!(
        "[[listener]]\nname = \"inside\"\n[[listener]]\nname = \"public\"\nmode = \"gate\"\naddress = \"127.0.0.1:1\"\nupstream = [\"{service}\"]\n[admin]\naddress = \"127.0.0.1:2\"\n{WARN}"
    )
}

#[test]
fn sockets_are_taken_by_the_names_of_listeners() {
    if !is_here("python3") {
        return;
    }
    let server = OpensslServer::start(&[]);
    // In an order of their own.
    let edge = Edge::launch(
        launched("public:admin:inside"),
        &named(server.address),
        None,
    );
    let gate = gate_address(&edge);
    assert!(gate.port() > 2 && edge.address.port() > 2);
    let admin = edge.listening()["admin"].as_str().unwrap().to_owned();
    let output = edge.curl().arg(format!("{admin}/metrics")).output();
    assert!(output.unwrap().status.success(), "{admin}");
    assert_eq!(edge.health()["open"], 1);
    let said = server.ask(gate, &["-tls1_2"]);
    assert!(said.contains(&server.subject), "{said}");
    assert_eq!(edge.stop().code, Some(0));
}

#[test]
fn sockets_that_nobody_would_accept_from_are_an_error() {
    if !is_here("python3") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("sundown.toml");
    std::fs::write(&file, format!("[[listener]]\nname = \"public\"\n{WARN}")).unwrap();
    let run = |names: &str, more: &[&str]| {
        let mut command = launched(names);
        command.args(["serve", "--config"]).arg(&file);
        command.arg("--data-dir").arg(directory.path().join("data"));
        let output = command.args(more).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let said = run("public:pubic", &[]);
    assert!(said.contains("`pubic` on 127.0.0.1:"), "{said}");
    assert!(said.contains("write that name"), "{said}");
    let said = run("public", &["--take-over"]);
    assert!(said.contains("leave --take-over out"), "{said}");
}

#[test]
fn systemd_starts_it_at_the_first_connection() {
    if !is_here("systemd-socket-activate") {
        return;
    }
    let address = free();
    let server = OpensslServer::start(&[]);
    let configuration = format!(
        "[[listener]]\nname = \"public\"\nmode = \"gate\"\nupstream = [\"{}\"]\n[admin]\naddress = \"127.0.0.1:0\"\n{WARN}",
        server.address
    );
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("sundown.toml");
    std::fs::write(&file, configuration).unwrap();
    let mut child = Command::new("systemd-socket-activate")
        .arg(format!("--listen={address}"))
        .args(["--fdname=public", PROGRAM, "serve", "--config"])
        .arg(&file)
        .arg("--data-dir")
        .arg(directory.path().join("data"))
        .spawn()
        .unwrap();
    // The first comes before the program runs, and is served by it.
    let asking = thread::spawn(move || {
        let mut said = String::new();
        eventually("it is served", || {
            said = server.ask(address, &["-tls1_2"]);
            said.contains(&server.subject)
        });
        said.contains("CONNECTED")
    });
    assert!(asking.join().unwrap());
    let process = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(process, Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// Where the manager listens, and what it has heard.
struct Manager {
    socket: UnixDatagram,
    path: PathBuf,
    _directory: tempfile::TempDir,
}

impl Manager {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        Self {
            socket,
            path,
            _directory: directory,
        }
    }

    fn program(&self) -> Command {
        let mut command = Command::new(PROGRAM);
        command.env("NOTIFY_SOCKET", &self.path);
        command
    }

    /// The next word: its lines.
    #[track_caller]
    fn hears(&self) -> Vec<String> {
        let mut buffer = [0; 4096];
        let length = self.socket.recv(&mut buffer).expect("a word in time");
        let text = std::str::from_utf8(&buffer[..length]).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    /// All words until one has this line; those before it.
    #[track_caller]
    fn hears_until(&self, line: &str) -> Vec<String> {
        let mut before = Vec::new();
        loop {
            let word = self.hears();
            if word.iter().any(|it| it == line) {
                before.extend(word);
                return before;
            }
            before.extend(word);
        }
    }
}

#[test]
fn the_manager_hears_when_it_serves_reloads_and_stops() {
    let manager = Manager::start();
    let edge = Edge::launch(manager.program(), WARN, None);
    let word = manager.hears();
    assert_eq!(word[0], "READY=1", "{word:?}");
    assert!(word[1].starts_with("STATUS=serving by "), "{word:?}");
    // Of a file that is broken too it hears when that is over.
    for (configuration, status) in [(WARN, true), ("nonsense", false)] {
        edge.configure(configuration);
        edge.signal(Signal::HUP);
        let word = manager.hears();
        assert_eq!(word[0], "RELOADING=1", "{word:?}");
        let at = word[1].strip_prefix("MONOTONIC_USEC=").unwrap();
        assert!(at.parse::<u64>().unwrap() > 0, "{word:?}");
        let word = manager.hears();
        assert_eq!(word[0], "READY=1", "{word:?}");
        assert_eq!(word.len() > 1, status, "{word:?}");
    }
    edge.signal(Signal::TERM);
    assert_eq!(manager.hears()[0], "STOPPING=1");
    assert_eq!(edge.wait().code, Some(0));
}

#[test]
fn the_manager_hears_that_both_event_loops_turn() {
    let manager = Manager::start();
    let server = OpensslServer::start(&[]);
    let mut program = manager.program();
    program.env("WATCHDOG_USEC", "200000");
    let configuration = format!(
        "[[listener]]\n[[listener]]\naddress = \"127.0.0.1:0\"\nmode = \"gate\"\nupstream = [\"{}\"]\n{WARN}",
        server.address
    );
    let edge = Edge::launch(program, &configuration, None);
    manager.hears_until("READY=1");
    for _ in 0..5 {
        manager.hears_until("WATCHDOG=1");
    }
    assert!(!edge.log().contains("does not turn"), "{}", edge.log());
    assert_eq!(edge.stop().code, Some(0));
}

#[test]
fn the_manager_hears_which_process_serves_from_now_on() {
    let manager = Manager::start();
    let first = Edge::launch(manager.program(), "[limits]\nhello = \"1s\"\n", None);
    manager.hears_until("READY=1");
    let socket = beside(&first, "data").join("hand-over.sock");
    eventually("the socket to take over by", || socket.exists());
    let second = Edge::take_over_by(manager.program(), &first, "", None);
    let word = manager.hears_until("READY=1");
    let new = format!("MAINPID={}", second.process());
    assert!(word.contains(&new), "{word:?}");
    // The old one leaves without a word: the service goes on.
    assert_eq!(first.wait().code, Some(0));
    second.signal(Signal::TERM);
    let before = manager.hears();
    assert_eq!(before[0], "STOPPING=1", "{before:?}");
    assert_eq!(second.wait().code, Some(0));
}

#[test]
fn the_units_are_what_systemd_understands() {
    if !is_here("systemd-analyze") {
        return;
    }
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/systemd");
    let directory = tempfile::tempdir().unwrap();
    let mut units = Vec::new();
    for name in ["sundown.service", "sundown.socket"] {
        let text = std::fs::read_to_string(examples.join(name)).unwrap();
        // Where it is on this machine: that the program is there is looked at too.
        let text = text.replace("/usr/local/bin/sundown", PROGRAM);
        let unit = directory.path().join(name);
        std::fs::write(&unit, text).unwrap();
        units.push(unit);
    }
    let output = Command::new("systemd-analyze")
        .args(["verify", "--man=no"])
        .args(&units)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    assert!(!said.contains("sundown"), "{said}");
}
