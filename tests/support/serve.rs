//! The real `sundown serve` on a free port, for tests that look at how it behaves rather than at who is served.
//!
//! Comes in: a configuration as text. Goes out: the address, the authority to trust, every sighting as it is
//! written, and how the process ended. It ends only the process it started, by its id.
#![allow(
    dead_code,
    reason = "each test that includes this file uses its own part of it"
)]

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

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
    pub(crate) ca: PathBuf,
    pub(crate) directory: tempfile::TempDir,
    seen: Arc<Seen>,
    readers: Vec<JoinHandle<()>>,
}

/// What the process has written.
#[derive(Default)]
struct Seen {
    sightings: Mutex<Vec<Value>>,
    more: Condvar,
    log: Mutex<String>,
}

/// How the process ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
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

    /// The same with a command that runs the program in its own way (under limits, say); it is given the arguments.
    pub(crate) fn launch(
        mut command: Command,
        configuration: &str,
        upstream: Option<&str>,
    ) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("sundown.toml");
        std::fs::write(&file, configuration).unwrap();
        command
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--output",
                "json",
                "--config",
            ])
            .arg(&file);
        command.arg("--data-dir").arg(directory.path().join("data"));
        if let Some(upstream) = upstream {
            command.args(["--upstream", upstream]);
        }
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let seen = Arc::<Seen>::default();
        let log = seen.clone();
        let logging = thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = stderr.read(&mut buffer) {
                log.log
                    .lock()
                    .unwrap()
                    .push_str(&String::from_utf8_lossy(&buffer[..length]));
            }
        });
        let mut lines = BufReader::new(stdout).lines();
        let Some(Ok(first)) = lines.next() else {
            child.wait().unwrap();
            logging.join().unwrap();
            panic!("the edge did not start: {}", seen.log.lock().unwrap());
        };
        let listening: Value = serde_json::from_str(&first).unwrap();
        let url = listening["urls"][0].as_str().unwrap();
        let address = url.trim_start_matches("https://").parse().unwrap();
        let ca = listening["local_ca"]
            .as_str()
            .map_or_else(PathBuf::new, PathBuf::from);
        let written = seen.clone();
        let reading = thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let sighting = serde_json::from_str(&line).expect("each line is JSON");
                written.sightings.lock().unwrap().push(sighting);
                written.more.notify_all();
            }
        });
        Self {
            child,
            address,
            ca,
            directory,
            seen,
            readers: vec![logging, reading],
        }
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
        let sightings = self.seen.sightings.lock().unwrap();
        let (sightings, late) = self
            .seen
            .more
            .wait_timeout_while(sightings, LIMIT, |seen| seen.len() < count)
            .unwrap();
        assert!(
            !late.timed_out(),
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
        (sighting["outcome"].as_str().unwrap().to_owned(), sighting)
    }

    /// What it logged so far.
    pub(crate) fn log(&self) -> String {
        self.seen.log.lock().unwrap().clone()
    }

    /// Waits until `condition` holds of the log.
    #[track_caller]
    pub(crate) fn wait_for_log(&self, words: &str) {
        eventually(&format!("the log says {words:?}"), || {
            self.log().contains(words)
        });
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([&format!("-{name}"), &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(status.success(), "no process to send SIG{name} to");
    }

    /// How many file descriptors it has open.
    pub(crate) fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id()))
            .unwrap()
            .count()
    }

    /// Its resident memory, in KiB.
    pub(crate) fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// What `/healthz` says.
    pub(crate) fn health(&self) -> Value {
        let output = self.curl().arg(self.url("/healthz")).output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
    }

    /// Stops it with SIGTERM and gives all it wrote.
    pub(crate) fn stop(self) -> Ended {
        self.signal("TERM");
        self.wait()
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn wait(mut self) -> Ended {
        let deadline = Instant::now() + LIMIT;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
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
            reader.join().unwrap();
        }
        let sightings = self.seen.sightings.lock().unwrap().clone();
        Ended {
            code: status.code(),
            sightings,
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
    Path::new(edge.directory.path()).join(name)
}
