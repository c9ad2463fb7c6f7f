//! A network of a test's own, and `sundown watch --live` in it.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::edge::eventually;
use crate::installed::skipped;

pub(crate) const SUNDOWN: &str = env!("CARGO_BIN_EXE_sundown");
/// The server's port: nobody else is in the network.
pub(crate) const PORT: u16 = 4433;

/// A network with a loopback interface and nobody in it. It is gone with the last process in it.
pub(crate) struct Net {
    holder: Child,
    pub(crate) directory: tempfile::TempDir,
    server: Option<Child>,
}

impl Net {
    /// `None`, said loudly, where this user may not make one.
    pub(crate) fn new() -> Option<Self> {
        let holder = Command::new("unshare")
            .args([
                "--net",
                "sh",
                "-c",
                "ip link set lo up && echo up && exec sleep 600",
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut holder = match holder {
            Ok(holder) => holder,
            Err(error) => {
                skipped("live capture", &format!("unshare: {error}"));
                return None;
            }
        };
        let mut line = String::new();
        let stdout = holder.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        if line != "up\n" {
            holder.wait().unwrap();
            skipped("live capture", "no network of our own: it takes root");
            return None;
        }
        Some(Self {
            holder,
            directory: tempfile::tempdir().unwrap(),
            server: None,
        })
    }

    /// A program in this network.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--net=/proc/{}/ns/net", self.holder.id()))
            .arg("--")
            .arg(program)
            .current_dir(self.directory.path())
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.at("data")
    }

    /// An OpenSSL server that speaks everything that it can.
    pub(crate) fn serve(&mut self) {
        let made = Command::new("openssl")
            .args([
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
            ])
            .args(["-subj", "/CN=localhost", "-keyout"])
            .arg(self.at("key.pem"))
            .arg("-out")
            .arg(self.at("cert.pem"))
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let mut server = self
            .command("openssl")
            .args([
                "s_server",
                "-quiet",
                "-WWW",
                "-accept",
                &format!("*:{PORT}"),
            ])
            .args([
                "-cert",
                "cert.pem",
                "-key",
                "key.pem",
                "-cipher",
                "ALL:@SECLEVEL=0",
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        fs::write(self.at("page"), [b'x'; 1 << 20]).unwrap();
        eventually("the server answers", || {
            assert!(server.try_wait().unwrap().is_none(), "the server has ended");
            let mut asked = self.command("openssl");
            asked.args(["s_client", "-connect", &format!("127.0.0.1:{PORT}")]);
            asked.output().unwrap().status.success()
        });
        self.server = Some(server);
    }

    /// Begins to watch, and waits until it does.
    pub(crate) fn watch(&self, arguments: &[&str]) -> Watch {
        let mut command = self.command(SUNDOWN);
        command.args(["watch", "--json", "--data-dir", "data", "--live"]);
        Watch::start(command.args(arguments), &self.data())
    }

    pub(crate) fn url(&self) -> String {
        format!("https://127.0.0.1:{PORT}/page")
    }

    pub(crate) fn curl(&self, arguments: &[&str]) -> Output {
        let mut curl = self.command("curl");
        curl.args([
            "--silent",
            "--insecure",
            "--max-time",
            "20",
            "--output",
            "/dev/null",
        ]);
        curl.args(arguments).arg(self.url()).output().unwrap()
    }

    /// `sundown` in its directory, with JSON to its standard output.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Value {
        let mut command = Command::new(SUNDOWN);
        command
            .args(arguments)
            .args(["--json", "--data-dir", "data"]);
        let output = command.current_dir(self.directory.path()).output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
    }

    /// The rows of the ledger; none while it is being made.
    pub(crate) fn rows(&self) -> Vec<Value> {
        let mut command = Command::new(SUNDOWN);
        command.args([
            "ledger",
            "export",
            "--format",
            "jsonl",
            "--data-dir",
            "data",
        ]);
        let output = command.current_dir(self.directory.path()).output().unwrap();
        let lines = String::from_utf8(output.stdout).unwrap();
        lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// How many connections the ledger has.
    pub(crate) fn connections(&self) -> u64 {
        let count = |row: &Value| row["connections"].as_u64().unwrap();
        self.rows().iter().map(count).sum()
    }

    /// Runs a Python program in this network.
    pub(crate) fn python(&self, name: &str, program: &str, arguments: &[&str]) -> Output {
        fs::write(self.at(name), program).unwrap();
        self.command("/usr/bin/python3")
            .arg(name)
            .args(arguments)
            .output()
            .unwrap()
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        for child in [Some(&mut self.holder), self.server.as_mut()]
            .into_iter()
            .flatten()
        {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

/// A run under way.
pub(crate) struct Watch(pub Child);

impl Watch {
    pub(crate) fn start(command: &mut Command, data: &Path) -> Self {
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut watch = Self(child);
        // The socket is open before there is a ledger.
        eventually("it watches", || {
            if let Some(status) = watch.0.try_wait().unwrap() {
                let mut said = String::new();
                watch
                    .0
                    .stderr
                    .take()
                    .unwrap()
                    .read_to_string(&mut said)
                    .unwrap();
                panic!("{status}: {said}");
            }
            data.join("ledger.sqlite").exists()
        });
        watch
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }

    /// Ends it in order; its summary. It says nothing to a pipe but that.
    pub(crate) fn end(self, signal: Signal, code: i32) -> Value {
        self.signal(signal);
        self.ended(code)
    }

    pub(crate) fn ended(self, code: i32) -> Value {
        let output = self.0.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            (output.status.code(), &*said),
            (Some(code), ""),
            "{output:?}"
        );
        serde_json::from_slice(&output.stdout).unwrap()
    }

    pub(crate) fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.unwrap()
            .split_whitespace()
            .next()
            .unwrap()
            .parse()
            .unwrap()
    }
}
