//! Requests pass through whole: both HTTP versions, both directions, upgrades, and upstreams that come and go.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what goes wrong in a helper of a test fails the test"
)]

#[path = "support/edge.rs"]
mod edge;
#[path = "support/stub.rs"]
mod stub;
#[path = "support/tls.rs"]
mod tls;

use std::process::Command;
use std::time::Duration;

use edge::{Edge, WARN, eventually};
use stub::{After, Recorder};
use tls::Client;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// What goes through in one piece: long enough that no buffer holds it.
const LENGTH: usize = 50 << 20;

/// Bytes that differ from one place to the next, and the same each time.
fn pattern() -> Vec<u8> {
    (0..LENGTH as u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect()
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// An upstream by Python's standard library: GET gives the pattern, with a length or in chunks; POST gives the
/// hash of what came; both in HTTP/1.1.
struct Python {
    child: std::process::Child,
    url: String,
}

impl Python {
    fn start(edge_files: &std::path::Path) -> Self {
        let file = edge_files.join("pattern");
        std::fs::write(&file, pattern()).unwrap();
        let script = r#"
import hashlib, http.server, sys
data = open(sys.argv[1], 'rb').read()
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def log_message(self, *a): pass
    def do_HEAD(self): self.head(len(data))
    def head(self, length):
        self.send_response(200)
        self.send_header('X-Version', self.request_version)
        if length is None: self.send_header('Transfer-Encoding', 'chunked')
        else: self.send_header('Content-Length', str(length))
        self.end_headers()
    def do_GET(self):
        if self.path == '/chunked':
            self.head(None)
            for at in range(0, len(data), 1 << 20):
                part = data[at:at + (1 << 20)]
                self.wfile.write(b'%x\r\n' % len(part) + part + b'\r\n')
            self.wfile.write(b'0\r\n\r\n')
        elif self.path == '/empty':
            self.send_response(204); self.end_headers()
        else:
            self.head(len(data)); self.wfile.write(data)
    def do_POST(self):
        hash = hashlib.sha256()
        if self.headers.get('Transfer-Encoding') == 'chunked':
            while True:
                length = int(self.rfile.readline(), 16)
                hash.update(self.rfile.read(length)); self.rfile.readline()
                if not length: break
        else:
            left = int(self.headers['Content-Length'])
            while left:
                part = self.rfile.read(min(left, 1 << 20)); left -= len(part); hash.update(part)
        answer = hash.hexdigest().encode()
        self.head(len(answer)); self.wfile.write(answer)
server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"#;
        let mut child = Command::new("python3")
            .args(["-c", script])
            .arg(&file)
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        std::io::BufRead::read_line(
            &mut std::io::BufReader::new(child.stdout.take().unwrap()),
            &mut line,
        )
        .unwrap();
        Self {
            child,
            url: format!("http://127.0.0.1:{}", line.trim()),
        }
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn fifty_mebibytes_pass_each_way_unchanged() {
    let files = tempfile::tempdir().unwrap();
    let upstream = Python::start(files.path());
    let edge = Edge::start(WARN, Some(&upstream.url));
    let wanted = sha256(&pattern());
    let data = format!("@{}", files.path().join("pattern").display());
    for version in ["--http1.1", "--http2"] {
        for path in ["/length", "/chunked"] {
            let output = edge
                .curl()
                .arg(version)
                .arg(edge.url(path))
                .output()
                .unwrap();
            assert_eq!(
                sha256(&output.stdout),
                wanted,
                "{version} {path}: {} bytes, {:?}",
                output.stdout.len(),
                output.status
            );
        }
        for how in [
            "Content-Type: text/plain",
            "Transfer-Encoding: chunked",
            "Expect: 100-continue",
        ] {
            let output = edge
                .curl()
                .args([version, "-H", how, "--data-binary", &data])
                .arg(edge.url("/up"))
                .output()
                .unwrap();
            assert_eq!(
                String::from_utf8_lossy(&output.stdout),
                wanted,
                "{version} {how}: {output:?}"
            );
        }
        let head = edge
            .curl()
            .args([version, "--head"])
            .arg(edge.url("/length"))
            .output()
            .unwrap();
        let head = String::from_utf8_lossy(&head.stdout).to_lowercase();
        assert!(
            head.contains(&format!("content-length: {LENGTH}\r\n")),
            "{version}: {head}"
        );
        let empty = edge
            .curl()
            .args([version, "--include"])
            .arg(edge.url("/empty"))
            .output()
            .unwrap();
        assert!(
            String::from_utf8_lossy(&empty.stdout).contains(" 204"),
            "{version}: {empty:?}"
        );
    }
    // HTTP/1.0, without Host, is passed on as HTTP/1.1 and answered in a way HTTP/1.0 can read.
    let output = edge
        .curl()
        .args(["--http1.0", "--include", "-H", "Host:"])
        .arg(edge.url("/chunked"))
        .output()
        .unwrap();
    let head = String::from_utf8_lossy(&output.stdout[..200]).to_lowercase();
    assert!(
        head.starts_with("http/1.0 200 ") && head.contains("x-version: http/1.1"),
        "{head}"
    );
    assert!(
        !head.contains("chunked") && output.stdout.ends_with(&pattern()[LENGTH - 100..]),
        "{head}"
    );
}

#[test]
fn connections_are_kept_and_counted_once() {
    let files = tempfile::tempdir().unwrap();
    let upstream = Python::start(files.path());
    let edge = Edge::start(WARN, Some(&upstream.url));
    for version in ["--http1.1", "--http2"] {
        let urls = [edge.url("/empty"), edge.url("/empty"), edge.url("/empty")];
        let output = edge
            .curl()
            .args([version, "--write-out", "%{num_connects} "])
            .args(urls)
            .output()
            .unwrap();
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            "1 0 0 ",
            "{version}"
        );
    }
    let sightings = edge.stop().sightings;
    let served: Vec<_> = sightings
        .iter()
        .map(|sighting| sighting["requests"]["served"].as_u64().unwrap())
        .collect();
    assert_eq!(served, [3, 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_the_upstream_closes_costs_no_client_its_answer() {
    for after in [After::Close, After::CloseOnNext] {
        let upstream = Recorder::start(after).await;
        let edge = Edge::start(WARN, Some(&upstream.url()));
        for round in 0..6 {
            let output = edge
                .curl()
                .args(["--include"])
                .arg(edge.url("/again"))
                .output()
                .unwrap();
            assert!(
                String::from_utf8_lossy(&output.stdout).contains(" 200"),
                "{round}: {output:?}"
            );
        }
        assert_eq!(upstream.requests(), 6, "each reached the upstream once");
    }
    // What is not idempotent is never sent twice by the edge's own choice.
    let upstream = Recorder::start(After::CloseOnNext).await;
    let edge = Edge::start(WARN, Some(&upstream.url()));
    let post = |expected: &str| {
        let output = edge
            .curl()
            .args(["--include", "--request", "POST"])
            .arg(edge.url("/pay"))
            .output()
            .unwrap();
        assert!(
            String::from_utf8_lossy(&output.stdout).contains(expected),
            "{output:?}"
        );
    };
    post(" 200");
    post(" 502");
    assert_eq!(upstream.connections(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_is_down_is_stepped_over() {
    let upstream = Recorder::start(After::KeepOpen).await;
    let down = stub::nowhere().await;
    let configuration = format!(
        "{WARN}\n[[listener]]\nupstream = [\"http://{down}\", \"{}\"]\n",
        upstream.url()
    );
    let edge = Edge::start(&configuration, None);
    for _ in 0..4 {
        let output = edge.curl().arg(edge.url("/")).output().unwrap();
        assert_eq!(output.stdout, b"ok\n", "{output:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_passes_both_ways_until_either_side_closes() {
    let upstream = echo_after_upgrade().await;
    let edge = Edge::start(WARN, Some(&upstream));
    let ask = "GET /chat HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
               Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let mut client = Client::connect(&edge).await;
    client.send(ask.as_bytes()).await;
    let head = client.read_until("\r\n\r\n").await.to_lowercase();
    assert!(
        head.starts_with("http/1.1 101 ")
            && head.contains("upgrade: websocket")
            && head.contains("connection: upgrade"),
        "{head}"
    );
    let message: Vec<u8> = pattern()[..300_000].to_vec();
    let (mut reading, mut writing) = tokio::io::split(client.stream);
    let sent = message.clone();
    let writer = tokio::spawn(async move {
        writing.write_all(&sent).await.unwrap();
        writing.flush().await.unwrap();
        writing
    });
    let mut echoed = vec![0; message.len()];
    tokio::time::timeout(edge::LIMIT, reading.read_exact(&mut echoed))
        .await
        .unwrap()
        .unwrap();
    assert!(echoed == message);
    assert_eq!(
        edge.health()["open"],
        2,
        "an upgraded connection is open, and so is the one that asks"
    );
    drop((reading, writer.await.unwrap()));
    let upgraded = |sightings: &[serde_json::Value]| {
        sightings
            .iter()
            .any(|sighting| sighting["requests"]["served"] == 1)
    };
    eventually(
        "the upgraded connection is counted once it has ended",
        || upgraded(&edge.sightings(1)),
    );
    // One that is open when the edge stops holds up nothing and is counted too.
    let mut client = Client::connect(&edge).await;
    client.send(ask.as_bytes()).await;
    client.read_until("\r\n\r\n").await;
    let ended = edge.stop();
    assert_eq!(ended.code, Some(0));
    assert_eq!(
        ended
            .sightings
            .iter()
            .filter(|sighting| sighting["requests"]["served"] == 1)
            .count(),
        2,
        "{:#?}",
        ended.sightings
    );
}

/// Agrees to any upgrade and gives back what comes.
async fn echo_after_upgrade() -> String {
    stub::upstream(|mut stream| async move {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        assert!(String::from_utf8_lossy(&head).contains("upgrade: websocket"));
        stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n").await?;
        let (mut reading, mut writing) = stream.split();
        tokio::io::copy(&mut reading, &mut writing).await
    })
    .await
}

#[test]
fn clients_that_break_off_leave_nothing_behind() {
    let files = tempfile::tempdir().unwrap();
    let upstream = Python::start(files.path());
    let edge = Edge::start(WARN, Some(&upstream.url));
    edge.curl().arg(edge.url("/empty")).output().unwrap();
    eventually("the first connection has ended", || {
        edge.health()["totals"]["connections"].as_u64() >= Some(1)
    });
    let before = edge.descriptors();
    let data = format!("@{}", files.path().join("pattern").display());
    for version in ["--http1.1", "--http2"] {
        for way in [
            &["--limit-rate", "1M"][..],
            &[
                "--limit-rate",
                "1M",
                "-H",
                "Expect:",
                "--data-binary",
                &data,
            ],
        ] {
            let mut child = edge
                .curl()
                .arg(version)
                .args(way)
                .args(["--output", "/dev/null"])
                .arg(edge.url("/length"))
                .spawn()
                .unwrap();
            std::thread::sleep(Duration::from_millis(400));
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
    eventually("all descriptors are closed again", || {
        edge.descriptors() <= before + 1
    });
    let output = edge.curl().arg(edge.url("/length")).output().unwrap();
    assert_eq!(output.stdout.len(), LENGTH);
    let log = edge.stop().log;
    assert!(
        !log.contains("upstream failed"),
        "what a client does is not blamed on the upstream: {log}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_may_speak_https_if_its_certificate_is_trusted() {
    // An edge with nothing behind it is an HTTPS upstream; its authority is what has to be trusted.
    let behind = Edge::start(WARN, None);
    let upstream = format!("https://localhost:{}", behind.address.port());
    let mut trusting = Command::new(env!("CARGO_BIN_EXE_sundown"));
    trusting.env("SSL_CERT_FILE", &behind.ca);
    let edge = Edge::launch(trusting, WARN, Some(&upstream));
    let output = edge.curl().arg(edge.url("/through")).output().unwrap();
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("\"protocol\""),
        "{output:?} {}",
        edge.log()
    );

    let edge = Edge::start(WARN, Some(&upstream));
    let output = edge
        .curl()
        .arg("--include")
        .arg(edge.url("/through"))
        .output()
        .unwrap();
    assert!(
        String::from_utf8_lossy(&output.stdout).contains(" 502"),
        "not trusted: {output:?}"
    );
    // Nothing is sent before the certificate is found wanting.
    let sightings = behind.stop().sightings;
    assert_eq!(
        sightings
            .iter()
            .map(|sighting| sighting["requests"]["served"].as_u64().unwrap())
            .sum::<u64>(),
        1
    );
}
