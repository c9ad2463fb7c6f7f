//! A gate in front of something, for tests.
//!
//! Comes in: services behind, a plan. Goes out: the running program with one edge listener and one gate. It knows
//! nothing of what passes.
#![allow(
    dead_code,
    reason = "each test that includes this file uses its own part of it"
)]

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::bytes::records;
use crate::edge::{Edge, LIMIT, eventually};

/// A TLS 1.2 ServerHello for ECDHE-RSA-AES128-GCM-SHA256 without extensions (RFC 5246 section 7.4.1.3).
pub(crate) const SERVER_HELLO: [u8; 47] = {
    let mut bytes = [7; 47];
    let head = [22, 3, 3, 0, 42, 2, 0, 0, 38, 3, 3];
    let mut at = 0;
    while at < head.len() {
        bytes[at] = head[at];
        at += 1;
    }
    // No session, the suite, no compression.
    bytes[43] = 0;
    bytes[44] = 0xc0;
    bytes[45] = 0x2f;
    bytes[46] = 0;
    bytes
};

/// A TLS 1.2 hello for a name.
pub(crate) fn tls12(sni: &str) -> Vec<u8> {
    let mut message = crate::bytes::message(0x0303, 0);
    let length = |length: usize| u16::try_from(length).unwrap().to_be_bytes();
    let mut extension = vec![0, 0];
    extension.extend(length(sni.len() + 5));
    extension.extend(length(sni.len() + 3));
    extension.push(0);
    extension.extend(length(sni.len()));
    extension.extend(sni.as_bytes());
    // Behind the other extensions, whose length stands 14 bytes before the end.
    let at = message.len() - 16;
    let extensions = 14 + extension.len();
    message[at..at + 2].copy_from_slice(&length(extensions));
    message.extend(extension);
    let body = u32::try_from(message.len() - 4).unwrap().to_be_bytes();
    message[1..4].copy_from_slice(&body[1..]);
    records(&message, 16384)
}

/// Bytes that are the same for a seed, and never repeat within any length that is lost or swapped.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        // xorshift64*
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        bytes.extend(state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// A hash and the length: two that differ are not printed whole.
pub(crate) fn hashed(bytes: &[u8]) -> (usize, u64) {
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (bytes.len(), hash)
}

/// What to start.
pub(crate) struct GateBuilder {
    upstreams: Vec<String>,
    keys: String,
    routes: String,
    plan: String,
    limits: String,
    edge_keys: String,
}

impl GateBuilder {
    pub(crate) fn new(upstreams: &[SocketAddr]) -> Self {
        Self {
            upstreams: upstreams.iter().map(SocketAddr::to_string).collect(),
            keys: String::new(),
            routes: String::new(),
            plan: String::new(),
            limits: String::new(),
            edge_keys: String::new(),
        }
    }

    /// To one service, in the words of a configuration.
    pub(crate) fn to(upstream: &str) -> Self {
        let mut gate = Self::new(&[]);
        gate.upstreams.push(upstream.to_owned());
        gate
    }

    /// Keys of the gate's own.
    pub(crate) fn keys(mut self, keys: &str) -> Self {
        self.keys = keys.to_owned();
        self
    }

    pub(crate) fn routes(mut self, routes: &str) -> Self {
        self.routes = routes.to_owned();
        self
    }

    pub(crate) fn plan(mut self, plan: &str) -> Self {
        self.plan = plan.to_owned();
        self
    }

    pub(crate) fn limits(mut self, limits: &str) -> Self {
        self.limits = limits.to_owned();
        self
    }

    /// Keys of the edge listener beside it.
    pub(crate) fn edge_keys(mut self, keys: &str) -> Self {
        self.edge_keys = keys.to_owned();
        self
    }

    pub(crate) fn configuration(&self) -> String {
        let mut text = format!("[[listener]]\n{}\n", self.edge_keys);
        text += "[[listener]]\naddress = \"127.0.0.1:0\"\nmode = \"gate\"\n";
        writeln!(text, "upstream = {:?}", self.upstreams).unwrap();
        writeln!(text, "{}\n{}", self.keys, self.routes).unwrap();
        if !self.limits.is_empty() {
            writeln!(text, "[limits]\n{}", self.limits).unwrap();
        }
        text + &self.plan
    }

    pub(crate) fn start(self) -> Edge {
        Edge::start(&self.configuration(), None)
    }

    /// The same with the plan's clock started at this moment.
    pub(crate) fn start_at(self, as_of: &str) -> Edge {
        Edge::start_at(&self.configuration(), as_of, None)
    }

    pub(crate) fn launch(self, command: Command) -> Edge {
        Edge::launch(command, &self.configuration(), None)
    }
}

/// Where the gate listens.
pub(crate) fn gate_address(edge: &Edge) -> SocketAddr {
    let listening = edge.listening();
    let address = listening["gates"][0]
        .as_str()
        .and_then(|it| it.parse().ok());
    address.unwrap_or_else(|| panic!("no gate in {listening}"))
}

/// A program without an edge listener.
pub(crate) struct Alone {
    child: Child,
    pub(crate) address: SocketAddr,
    stdout: BufReader<std::process::ChildStdout>,
    _directory: tempfile::TempDir,
}

impl Alone {
    pub(crate) fn start(configuration: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("sundown.toml");
        std::fs::write(&file, configuration).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_sundown"))
            .args(["serve", "--output", "json", "--config"])
            .arg(&file)
            .arg("--data-dir")
            .arg(directory.path().join("data"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let listening: Value = serde_json::from_str(&line).unwrap();
        let address = listening["gates"][0]
            .as_str()
            .and_then(|it| it.parse().ok());
        Self {
            child,
            address: address.unwrap_or_else(|| panic!("no gate in {listening}")),
            stdout,
            _directory: directory,
        }
    }

    /// Stops it; gives the rest of what it wrote.
    pub(crate) fn stop(mut self) -> String {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        self.child.wait().unwrap();
        rest
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// `openssl s_server` with a certificate of its own, as a service to pass to.
pub(crate) struct OpensslServer {
    child: Child,
    pub(crate) address: SocketAddr,
    /// What its certificate says.
    pub(crate) subject: String,
    _directory: tempfile::TempDir,
}

impl OpensslServer {
    pub(crate) fn start(more: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let port = {
            let free = TcpListener::bind("127.0.0.1:0").unwrap();
            free.local_addr().unwrap().port()
        };
        let subject = format!("service-{port}");
        let (cert, key) = (
            directory.path().join("c.pem"),
            directory.path().join("k.pem"),
        );
        let made = Command::new("openssl")
            .args([
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
            ])
            .arg(format!("/CN={subject}"))
            .arg("-out")
            .arg(&cert)
            .arg("-keyout")
            .arg(&key)
            .output()
            .expect("openssl");
        assert!(made.status.success(), "{made:?}");
        let child = Command::new("openssl")
            .args([
                "s_server",
                "-quiet",
                "-www",
                "-cipher",
                "DEFAULT@SECLEVEL=0",
                "-accept",
            ])
            .arg(format!("127.0.0.1:{port}"))
            .arg("-cert")
            .arg(&cert)
            .arg("-key")
            .arg(&key)
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl");
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        eventually("openssl listens", || TcpStream::connect(address).is_ok());
        Self {
            child,
            address,
            subject,
            _directory: directory,
        }
    }

    /// Shakes hands through `gate` as `openssl s_client` does; all that it says.
    pub(crate) fn ask(&self, gate: SocketAddr, more: &[&str]) -> String {
        let output = Command::new("timeout")
            .arg(LIMIT.as_secs().to_string())
            .args(["openssl", "s_client", "-connect"])
            .arg(gate.to_string())
            .args(more)
            .stdin(Stdio::null())
            .output()
            .expect("openssl");
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        said(&output.stdout) + &said(&output.stderr)
    }
}

impl Drop for OpensslServer {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Long enough for what has a deadline of a second on a loaded machine.
pub(crate) const SOON: Duration = Duration::from_secs(10);
