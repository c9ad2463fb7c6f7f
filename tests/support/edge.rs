//! The real program, serving on a free port of this machine.
//!
//! Comes in: a configuration, the moment its clock starts at, an upstream. Goes out: the address, the authority to
//! trust, every sighting as it is written, what it logged and how it ended. It never waits without a bound, and ends
//! only the process it started.
#![allow(
    dead_code,
    reason = "each test that includes this file uses its own part of it"
)]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// Longer than anything here takes on a loaded machine; what hangs fails instead of hanging the test.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

macro_rules! sunset {
    ($phase:literal) => {
        concat!(
            "[[sunset]]\nname = \"old TLS\"\nfloor = \"tls1.2\"\n",
            $phase,
            "\n"
        )
    };
}

/// Old clients are told and served.
pub(crate) const WARN: &str = sunset!("warn = \"2016-01-01\"");
/// Old clients are explained to.
pub(crate) const EXPLAIN: &str = sunset!("explain = \"2016-01-01\"");
/// Old clients are refused.
pub(crate) const REFUSE: &str = sunset!("refuse = \"2016-01-01\"");

/// A running edge.
pub(crate) struct Edge {
    child: Child,
    pub(crate) address: SocketAddr,
    /// The authority to trust, a PEM file; empty where the configuration has certificates of its own.
    pub(crate) ca: PathBuf,
    data: PathBuf,
    pub(crate) directory: tempfile::TempDir,
    said: Arc<Said>,
    readers: Vec<JoinHandle<()>>,
}

/// What the process has written.
#[derive(Default)]
struct Said {
    events: Mutex<Events>,
    more: Condvar,
    log: Mutex<String>,
}

/// The lines of its standard output: the first says where it listens, each of the others is a sighting.
#[derive(Default)]
struct Events {
    listening: Option<Value>,
    sightings: Vec<Value>,
    ended: bool,
}

/// How the process ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    /// Every sighting, in the order in which the connections ended.
    pub(crate) sightings: Vec<Value>,
    pub(crate) log: String,
}

impl Edge {
    /// Starts an edge with this configuration, and with an upstream if one is given.
    pub(crate) fn start(configuration: &str, upstream: Option<&str>) -> Self {
        Self::launch(
            Command::new(env!("CARGO_BIN_EXE_sundown")),
            configuration,
            upstream,
        )
    }

    /// The same with the plan's clock started at this moment.
    pub(crate) fn start_at(configuration: &str, as_of: &str, upstream: Option<&str>) -> Self {
        let arguments = ["--as-of", as_of];
        let program = Command::new(env!("CARGO_BIN_EXE_sundown"));
        Self::spawn(program, configuration, upstream, &arguments)
    }

    /// Starts another process that takes this one's place. Its data directory is the other's, which must last as long.
    pub(crate) fn take_over(other: &Self, configuration: &str, upstream: Option<&str>) -> Self {
        let program = Command::new(env!("CARGO_BIN_EXE_sundown"));
        Self::take_over_by(program, other, configuration, upstream)
    }

    /// The same with a command that runs the program in its own way; it is given the arguments.
    pub(crate) fn take_over_by(
        command: Command,
        other: &Self,
        configuration: &str,
        upstream: Option<&str>,
    ) -> Self {
        let data = other.data.clone();
        let directory = tempfile::tempdir().expect("a directory of our own");
        let more = ["--take-over"];
        Self::spawn_in(directory, data, command, configuration, upstream, &more)
    }

    /// The number of its process.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Replaces its configuration, for the next reload.
    pub(crate) fn configure(&self, configuration: &str) {
        let file = self.directory.path().join("sundown.toml");
        fs::write(file, configuration).expect("a directory of our own");
    }

    /// The same with a command that runs the program in its own way (under limits, say); it is given the arguments.
    pub(crate) fn launch(command: Command, configuration: &str, upstream: Option<&str>) -> Self {
        Self::spawn(command, configuration, upstream, &[])
    }

    fn spawn(command: Command, configuration: &str, upstream: Option<&str>, more: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("a directory of our own");
        let data = directory.path().join("data");
        Self::spawn_in(directory, data, command, configuration, upstream, more)
    }

    /// Starts an edge in the directory of one that has ended, or in one made ready for it; its data is in `data`. `more`
    /// are arguments.
    pub(crate) fn start_in(
        directory: tempfile::TempDir,
        configuration: &str,
        more: &[&str],
    ) -> Self {
        let program = Command::new(env!("CARGO_BIN_EXE_sundown"));
        let data = directory.path().join("data");
        Self::spawn_in(directory, data, program, configuration, None, more)
    }

    fn spawn_in(
        directory: tempfile::TempDir,
        data: PathBuf,
        mut command: Command,
        configuration: &str,
        upstream: Option<&str>,
        more: &[&str],
    ) -> Self {
        let file = directory.path().join("sundown.toml");
        fs::write(&file, configuration).expect("a directory of our own");
        command.args(["serve", "--listen", "127.0.0.1:0", "--output", "json"]);
        command.arg("--config").arg(&file);
        command.arg("--data-dir").arg(&data);
        command.args(more);
        if let Some(upstream) = upstream {
            command.args(["--upstream", upstream]);
        }
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program can be started");
        let stdout = child.stdout.take().expect("standard output is piped");
        let stderr = child.stderr.take().expect("standard error is piped");
        let said = Arc::<Said>::default();
        let (events, log) = (said.clone(), said.clone());
        let mut edge = Self {
            child,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            ca: PathBuf::new(),
            data,
            directory,
            said,
            readers: vec![
                thread::spawn(move || events.read_events(stdout)),
                thread::spawn(move || log.read_log(stderr)),
            ],
        };
        let begun = edge
            .said
            .wait_for(|events| events.listening.is_some())
            .listening
            .clone();
        let Some(listening) = begun else {
            edge.child.kill().ok();
            panic!("the edge does not listen: {}", edge.wait().log);
        };
        let address = listening["urls"][0]
            .as_str()
            .and_then(|url| url.strip_prefix("https://")?.parse().ok());
        edge.address = address.unwrap_or_else(|| panic!("no address in {listening}"));
        edge.ca = PathBuf::from(listening["local_ca"].as_str().unwrap_or_default());
        edge
    }

    /// The URL of a path, by the name that the local authority certifies.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.address.port())
    }

    /// A curl that trusts the edge's local authority, is quiet and does not hang.
    pub(crate) fn curl(&self) -> Command {
        let mut command = Command::new("curl");
        command
            .args([
                "--silent",
                "--show-error",
                "--ipv4",
                "--max-time",
                "20",
                "--cacert",
            ])
            .arg(&self.ca);
        command
    }

    /// Waits until at least `count` connections have ended, and gives all that have.
    #[track_caller]
    pub(crate) fn sightings(&self, count: usize) -> Vec<Value> {
        let events = self.said.wait_for(|events| events.sightings.len() >= count);
        let sightings = &events.sightings;
        assert!(
            sightings.len() >= count,
            "{} sightings of {count}: {sightings:#?}",
            sightings.len()
        );
        sightings.clone()
    }

    /// The outcome of the only connection so far, and its whole sighting.
    #[track_caller]
    pub(crate) fn only_sighting(&self) -> (String, Value) {
        let mut sightings = self.sightings(1);
        assert_eq!(sightings.len(), 1, "{sightings:#?}");
        let sighting = sightings.remove(0);
        let outcome = sighting["outcome"].as_str().unwrap_or_default();
        (outcome.to_owned(), sighting)
    }

    /// What it logged so far.
    pub(crate) fn log(&self) -> String {
        lock(&self.said.log).clone()
    }

    /// Waits until `condition` holds of the log.
    #[track_caller]
    pub(crate) fn wait_for_log(&self, words: &str) {
        eventually(&format!("the log says {words:?}"), || {
            self.log().contains(words)
        });
    }

    /// Sends the process a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("a process of our own");
    }

    /// Whether it has closed its standard output.
    pub(crate) fn has_ended(&self) -> bool {
        lock(&self.said.events).ended
    }

    /// How many file descriptors it has open.
    pub(crate) fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.child.id()))
            .expect("a process of our own")
            .count()
    }

    /// Its resident memory, in KiB.
    pub(crate) fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("a process of our own");
        let resident = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next());
        let resident = resident.and_then(|kibibytes| kibibytes.parse().ok());
        resident.unwrap_or_else(|| panic!("no VmRSS in {status}"))
    }

    /// What `/healthz` says.
    pub(crate) fn health(&self) -> Value {
        let output = self
            .curl()
            .arg(self.url("/healthz"))
            .output()
            .expect("curl");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
    }

    /// The line in which it said where it listens.
    pub(crate) fn listening(&self) -> Value {
        let events = lock(&self.said.events);
        events.listening.clone().unwrap_or_default()
    }

    /// Ends it with a signal and gives what it leaves behind.
    pub(crate) fn end(self, signal: Signal) -> tempfile::TempDir {
        self.end_telling(signal).0
    }

    /// As [`Edge::end`], with all that it wrote.
    pub(crate) fn end_telling(mut self, signal: Signal) -> (tempfile::TempDir, Ended) {
        self.signal(signal);
        let elsewhere = tempfile::tempdir().expect("a directory of our own");
        let directory = std::mem::replace(&mut self.directory, elsewhere);
        let ended = self.wait();
        (directory, ended)
    }

    /// Stops it with SIGTERM and gives all it wrote.
    pub(crate) fn stop(self) -> Ended {
        self.signal(Signal::TERM);
        self.wait()
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn wait(mut self) -> Ended {
        let deadline = Instant::now() + LIMIT;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child of our own") {
                break status;
            }
            assert!(
                Instant::now() < deadline,
                "the edge did not stop: {}",
                self.log()
            );
            thread::sleep(Duration::from_millis(10));
        };
        for reader in self.readers.drain(..) {
            // Ends with the process's end of the pipe.
            reader.join().expect("every line is JSON");
        }
        Ended {
            code: status.code(),
            sightings: std::mem::take(&mut lock(&self.said.events).sightings),
            log: self.log(),
        }
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        // Already ended where `wait` saw it; both calls are harmless then.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Said {
    fn read_events(&self, stdout: ChildStdout) {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let event = serde_json::from_str(&line)
                .unwrap_or_else(|error| panic!("not JSON ({error}): {line}"));
            let mut events = lock(&self.events);
            if events.listening.is_none() {
                events.listening = Some(event);
            } else {
                events.sightings.push(event);
            }
            self.more.notify_all();
        }
        lock(&self.events).ended = true;
        self.more.notify_all();
    }

    fn read_log(&self, mut stderr: ChildStderr) {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = stderr.read(&mut buffer) {
            let text = String::from_utf8_lossy(&buffer[..length]);
            lock(&self.log).push_str(&text);
        }
    }

    /// Waits until something holds, [`LIMIT`] is over, or nothing more can come.
    fn wait_for(&self, holds: impl Fn(&Events) -> bool) -> MutexGuard<'_, Events> {
        let waited = self
            .more
            .wait_timeout_while(lock(&self.events), LIMIT, |events| {
                !holds(events) && !events.ended
            });
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// What another thread panicked over is still what was written.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits, for as long as anything may take, until something holds.
#[track_caller]
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !holds() {
        assert!(Instant::now() < deadline, "not so in time: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// The path of a file beside the edge's configuration.
pub(crate) fn beside(edge: &Edge, name: &str) -> PathBuf {
    edge.directory.path().join(name)
}
