//! The real program, serving on a free port of this machine.
//!
//! Comes in: a configuration, the moment its clock starts at, more arguments. Goes out: a URL, the authority to trust,
//! every sighting it wrote and what it logged. It never waits without a bound, and ends only the process it started.
#![allow(
    dead_code,
    reason = "each test that includes this file uses its own part of it"
)]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// The start makes an authority and two certificates; on a loaded machine that takes a second.
const START: Duration = Duration::from_secs(20);
/// How long a stop may take: the edge's own drain limit is 30 seconds, and a test that leaves connections open waits for it.
const STOP: Duration = Duration::from_secs(40);

/// An edge that serves.
pub(crate) struct Edge {
    /// `https://localhost:PORT`: the name of the certificate, so that clients send it as SNI.
    pub url: String,
    /// The port it listens on, on 127.0.0.1.
    pub port: u16,
    /// The authority to trust, a PEM file.
    pub ca: PathBuf,
    /// The configuration it read; what is written here is in force after [`Edge::signal`] with SIGHUP.
    pub config: PathBuf,
    child: Child,
    events: Receiver<Value>,
    sightings: Vec<Value>,
    log: Option<JoinHandle<String>>,
    _directory: TempDir,
}

/// What an edge left.
#[derive(Debug)]
pub(crate) struct Stopped {
    /// Every sighting, in the order in which the connections ended.
    pub sightings: Vec<Value>,
    /// Its log.
    pub stderr: String,
    /// How it ended.
    pub status: ExitStatus,
}

impl Edge {
    /// Starts `sundown serve` with `config` (TOML) and its clock at `as_of`; gives it once it listens.
    ///
    /// # Panics
    /// With all it said, when it does not say within [`START`] where it listens.
    pub(crate) fn start(config: &str, as_of: &str, arguments: &[&str]) -> Edge {
        let directory = tempfile::tempdir().expect("a directory of our own");
        let file = directory.path().join("sundown.toml");
        fs::write(&file, config).expect("the configuration can be written");
        let mut child = Command::new(env!("CARGO_BIN_EXE_sundown"))
            .args(["serve", "--listen", "127.0.0.1:0", "--output", "json"])
            .args(["--as-of", as_of])
            .arg("--config")
            .arg(&file)
            .arg("--data-dir")
            .arg(directory.path())
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program can be started");
        let events = lines(child.stdout.take().expect("standard output is piped"));
        let mut stderr = child.stderr.take().expect("standard error is piped");
        let log = thread::spawn(move || {
            let mut text = Vec::new();
            // What was read before an error is the log all the same.
            let _ = stderr.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        let mut edge = Edge {
            url: String::new(),
            port: 0,
            ca: PathBuf::new(),
            config: file,
            child,
            events,
            sightings: Vec::new(),
            log: Some(log),
            _directory: directory,
        };
        let Ok(listening) = edge.events.recv_timeout(START) else {
            edge.kill();
            panic!("the edge does not listen: {}", edge.log());
        };
        let address = listening["urls"][0].as_str().unwrap_or_default();
        let port = address
            .rsplit_once(':')
            .and_then(|(_, port)| port.parse().ok());
        edge.port = port.unwrap_or_else(|| panic!("no port in {listening}"));
        edge.url = format!("https://localhost:{}", edge.port);
        edge.ca = PathBuf::from(listening["local_ca"].as_str().unwrap_or_default());
        edge
    }

    /// The sightings so far, once there are `count` of them; fewer where `limit` passed first.
    pub(crate) fn sightings(&mut self, count: usize, limit: Duration) -> &[Value] {
        let deadline = Instant::now() + limit;
        while self.sightings.len() < count {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.events.recv_timeout(left) {
                Ok(sighting) => self.sightings.push(sighting),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        &self.sightings
    }

    /// The process's id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends the process a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("a process of our own");
    }

    /// Stops it as an operator does, with SIGTERM, and gives what it left.
    ///
    /// # Panics
    /// When it does not end within [`STOP`].
    pub(crate) fn stop(mut self) -> Stopped {
        self.signal(Signal::TERM);
        let deadline = Instant::now() + STOP;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child of our own") {
                break status;
            }
            if Instant::now() >= deadline {
                self.kill();
                panic!(
                    "the edge does not stop within {STOP:?} of SIGTERM: {}",
                    self.log()
                );
            }
            thread::sleep(Duration::from_millis(5));
        };
        let mut sightings = std::mem::take(&mut self.sightings);
        // Ends with the process's standard output.
        sightings.extend(self.events.iter());
        Stopped {
            sightings,
            stderr: self.log(),
            status,
        }
    }

    fn kill(&mut self) {
        // It may have ended by itself; either way it is gone.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn log(&mut self) -> String {
        self.log
            .take()
            .and_then(|log| log.join().ok())
            .unwrap_or_default()
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Reads JSON lines in a thread of its own, to the end of the stream.
fn lines(stream: impl Read + Send + 'static) -> Receiver<Value> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let event = serde_json::from_str(&line)
                .unwrap_or_else(|error| panic!("not JSON ({error}): {line}"));
            if sender.send(event).is_err() {
                break; // the test is over
            }
        }
    });
    receiver
}
