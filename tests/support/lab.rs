//! A directory with a certificate, a port, a server that logs, and what `sundown watch` makes of its log.
#![allow(
    dead_code,
    reason = "each test that includes this file uses its own part of it"
)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what goes wrong in a helper of a test fails the test"
)]

use std::fs::{self, File};
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// Longer than any server takes to start or to stop.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// What a client and a server agreed on, as curl says it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Agreed {
    pub(crate) agent: String,
    pub(crate) version: String,
    pub(crate) cipher: String,
}

/// A directory with a certificate, a free port, and a server that is stopped at the end.
pub(crate) struct Lab {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) port: u16,
    server: Option<Child>,
}

impl Lab {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let made = Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=localhost",
            ])
            .args(["-addext", "subjectAltName=DNS:localhost", "-keyout"])
            .arg(at("key.pem"))
            .arg("-out")
            .arg(at("cert.pem"))
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let both = [
            fs::read(at("cert.pem")).unwrap(),
            fs::read(at("key.pem")).unwrap(),
        ]
        .concat();
        fs::write(at("both.pem"), both).unwrap();
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        Self {
            directory,
            port,
            server: None,
        }
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a configuration; `DIR` and `PORT` stand for ours.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let text = text
            .replace("DIR", &self.directory.path().display().to_string())
            .replace("PORT", &self.port.to_string());
        fs::write(self.at(name), text).unwrap();
        self.at(name)
    }

    pub(crate) fn start(&mut self, command: &mut Command) {
        let out = File::create(self.at("stdout.log")).unwrap();
        let errors = File::create(self.at("stderr.log")).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(errors)
            .spawn()
            .unwrap();
        self.server = Some(child);
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let said = fs::read_to_string(self.at("stderr.log")).unwrap_or_default();
            assert!(
                begun.elapsed() < LIMIT,
                "the server does not listen: {said}"
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Requests with curl, one for each version; gives what was agreed as curl says it.
    pub(crate) fn ask(&self, versions: &[&str]) -> Vec<Agreed> {
        let mut all = Vec::new();
        for version in versions {
            let agent = format!("lab/{version} \"quoted\"");
            let output = Command::new("curl")
                .args([
                    "-s",
                    "-v",
                    "-o",
                    "/dev/null",
                    "--http1.1",
                    "--ciphers",
                    "DEFAULT@SECLEVEL=0",
                ])
                .args([
                    &format!("--tlsv{version}"),
                    "--tls-max",
                    version,
                    "-A",
                    &agent,
                    "--cacert",
                ])
                .arg(self.at("cert.pem"))
                .arg(format!("https://localhost:{}/orders?page=2", self.port))
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let line = said
                .lines()
                .find_map(|line| line.split_once("SSL connection using "));
            let (_, agreed) = line.unwrap_or_else(|| panic!("curl --tls-max {version}: {said}"));
            let mut words = agreed.split(" / ");
            let (version, cipher) = (words.next().unwrap(), words.next().unwrap());
            all.push(Agreed {
                agent,
                version: version.replace("TLSv1.0", "TLSv1"),
                cipher: cipher.trim().to_owned(),
            });
        }
        all.sort();
        all
    }

    /// Ends the server, which then has written all it has to say.
    pub(crate) fn stop(&mut self) {
        let Some(mut server) = self.server.take() else {
            return;
        };
        kill_process(Pid::from_child(&server), Signal::TERM).ok();
        let begun = Instant::now();
        while server.try_wait().unwrap().is_none() {
            if begun.elapsed() > LIMIT {
                server.kill().unwrap();
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn watch(&self, arguments: &[&str]) -> (Value, Output) {
        let output = Command::new(env!("CARGO_BIN_EXE_sundown"))
            .current_dir(self.directory.path())
            .args(["watch", "--json"])
            .args(arguments)
            .output()
            .unwrap();
        let said = serde_json::from_slice(&output.stdout).unwrap_or_default();
        (said, output)
    }

    /// What the ledger holds, as curl would say it.
    pub(crate) fn ledger(&self) -> Vec<Agreed> {
        let output = Command::new(env!("CARGO_BIN_EXE_sundown"))
            .current_dir(self.directory.path())
            .args(["ledger", "export", "--format", "jsonl"])
            .output()
            .unwrap();
        let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
        let mut rows: Vec<Agreed> = String::from_utf8(output.stdout)
            .unwrap()
            .lines()
            .map(|line| {
                let row: Value = serde_json::from_str(line).unwrap();
                Agreed {
                    agent: text(&row, "user_agent"),
                    version: text(&row, "version"),
                    cipher: text(&row, "cipher"),
                }
            })
            .collect();
        rows.sort();
        rows
    }

    /// Watches a log and holds what was counted against what curl says; twice, to see that it counts once.
    pub(crate) fn judge(&self, arguments: &[&str], agreed: &[Agreed]) {
        let (said, output) = self.watch(arguments);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(said["malformed"], 0, "{said}");
        assert_eq!(said["requests"], agreed.len(), "{said}");
        assert_eq!(self.ledger(), agreed);
        let (again, _) = self.watch(arguments);
        assert_eq!(again["lines"], 0, "it was counted before: {again}");
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A `sundown watch` under way.
pub(crate) struct Watching {
    child: Child,
}

impl Lab {
    /// Begins to watch. Its standard input is a pipe where `piped`, else closed.
    pub(crate) fn watching(&self, arguments: &[&str], piped: bool) -> Watching {
        let child = Command::new(env!("CARGO_BIN_EXE_sundown"))
            .current_dir(self.directory.path())
            .args(["watch", "--json"])
            .args(arguments)
            .stdin(if piped { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Watching { child }
    }

    /// Adds to a file, as a server does.
    pub(crate) fn append(&self, name: &str, text: &str) {
        let mut options = File::options();
        let mut file = options
            .append(true)
            .create(true)
            .open(self.at(name))
            .unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    /// Waits until a file has this many lines.
    #[track_caller]
    pub(crate) fn wait_for_lines(&self, name: &str, lines: usize) {
        let begun = Instant::now();
        while fs::read_to_string(self.at(name))
            .unwrap_or_default()
            .lines()
            .count()
            < lines
        {
            assert!(
                begun.elapsed() < LIMIT,
                "{name} has fewer than {lines} lines"
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// How many requests the ledger holds.
    pub(crate) fn requests(&self) -> u64 {
        let rows = self.rows();
        let served = rows.iter().map(|row| row["served"].as_u64().unwrap());
        served.sum()
    }

    /// The rows of the ledger, in an order of their own.
    pub(crate) fn rows(&self) -> Vec<Value> {
        let output = Command::new(env!("CARGO_BIN_EXE_sundown"))
            .current_dir(self.directory.path())
            .args(["ledger", "export", "--format", "jsonl"])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let mut lines: Vec<&str> = text.lines().collect();
        lines.sort_unstable();
        lines
            .into_iter()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Waits until the ledger holds this many requests.
    #[track_caller]
    pub(crate) fn wait_for(&self, requests: u64) {
        let begun = Instant::now();
        loop {
            let now = self.requests();
            if now == requests {
                return;
            }
            assert!(now < requests, "{now} requests are more than {requests}");
            assert!(
                begun.elapsed() < 3 * LIMIT,
                "{now} requests of {requests} are counted"
            );
            thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Watching {
    fn catches(&self, signal: Signal) -> bool {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let caught = u64::from_str_radix(caught.unwrap().trim(), 16).unwrap();
        caught >> (signal.as_raw() - 1) & 1 == 1
    }

    pub(crate) fn write(&mut self, text: &str) {
        let pipe = self.child.stdin.as_mut().unwrap();
        pipe.write_all(text.as_bytes()).unwrap();
        pipe.flush().unwrap();
    }

    /// Sends a signal and gives what it said at its end, and its exit code.
    pub(crate) fn end(mut self, signal: Signal) -> (Value, Option<i32>) {
        // Before it listens for signals, one ends it as it ends any program.
        let begun = Instant::now();
        while signal != Signal::KILL && !self.catches(signal) {
            assert!(begun.elapsed() < LIMIT, "it does not listen for signals");
            thread::sleep(Duration::from_millis(10));
        }
        // Standard input stays open: the signal alone has to end it.
        let pipe = self.child.stdin.take();
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        let output = self.child.wait_with_output().unwrap();
        drop(pipe);
        (
            serde_json::from_slice(&output.stdout).unwrap_or_default(),
            output.status.code(),
        )
    }
}
