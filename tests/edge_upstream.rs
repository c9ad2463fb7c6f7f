//! What the edge speaks with the service behind it: gRPC with a real implementation on both sides, TLS that is
//! verified, trailers, events as they come.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what goes wrong in a helper of a test fails the test"
)]

#[path = "support/edge.rs"]
mod edge;
#[path = "support/installed.rs"]
mod installed;
#[path = "support/stub.rs"]
mod stub;
#[path = "support/tls.rs"]
mod tls;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use edge::{Edge, LIMIT, WARN};
use serde_json::{Value, json};
use tls::Client;
use tokio::io::AsyncWriteExt;

/// A gRPC service of grpcio.
struct Service {
    child: Child,
    port: String,
    said: BufReader<std::process::ChildStdout>,
}

impl Service {
    fn start(certificate: Option<&Certificate>) -> Option<Self> {
        let mut command = installed::installed("grpc")?.command();
        command.arg("serve");
        if let Some(certificate) = certificate {
            command.arg(&certificate.chain).arg(&certificate.key);
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let mut port = String::new();
        said.read_line(&mut port).unwrap();
        Some(Self {
            child,
            port: port.trim().to_owned(),
            said,
        })
    }

    /// The next thing it says about a call.
    fn next(&mut self) -> Value {
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A certificate that vouches for itself.
struct Certificate {
    chain: PathBuf,
    key: PathBuf,
}

impl Certificate {
    fn of(name: &str, directory: &Path) -> Self {
        let made = Self {
            chain: directory.join(format!("{name}.pem")),
            key: directory.join(format!("{name}.key")),
        };
        let status = Command::new("openssl")
            .args(["req", "-x509", "-nodes", "-days", "2", "-newkey", "ec"])
            .args(["-pkeyopt", "ec_paramgen_curve:P-256", "-subj", "/CN=test"])
            .args(["-addext", &format!("subjectAltName=DNS:{name}")])
            .arg("-keyout")
            .arg(&made.key)
            .arg("-out")
            .arg(&made.chain)
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success());
        made
    }
}

/// Every kind of call, through an edge to this service.
fn calls_pass(mut service: Service, edge: &Edge) {
    let ended = installed::installed("grpc")
        .unwrap()
        .command()
        .args(["call", &format!("localhost:{}", edge.address.port())])
        .arg(&edge.ca)
        .output()
        .unwrap();
    let said: Value = serde_json::from_slice(&ended.stdout)
        .unwrap_or_else(|error| panic!("{error}: {ended:?} {}", edge.log()));
    assert_eq!(said["unary"], "echo hello");
    assert_eq!(said["trailing"]["answered"], "yes", "{said}");
    assert_eq!(said["great"], 3_000_005);
    assert_eq!(
        said["fails"],
        json!(["FAILED_PRECONDITION", "not today: 100% no", "kept"])
    );
    assert_eq!(said["streams"], json!(["part 0", "part 1", "part 2"]));
    assert_eq!(said["gathers"], 5);
    assert_eq!(
        said["talks"],
        json!(["echo one", "echo two", "echo three"]),
        "each before the next was sent"
    );
    assert_eq!(said["begun"], "begun");
    assert_eq!(said["deadline"], "DEADLINE_EXCEEDED");

    let seen = service.next();
    assert_eq!(seen["tls"], "TLSv1.3", "{seen}");
    assert_eq!(service.next()["method"], "unary", "the great one");
    for what in ["cancelled by the client", "past its deadline"] {
        assert_eq!(
            service.next(),
            json!({"method": "hangs", "cancelled": true}),
            "{what}"
        );
    }
}

#[test]
fn grpc_passes_to_a_service_without_tls() {
    let Some(service) = Service::start(None) else {
        return;
    };
    let edge = Edge::start(WARN, Some(&format!("h2c://127.0.0.1:{}", service.port)));
    calls_pass(service, &edge);
}

#[test]
fn grpc_passes_to_a_service_with_tls() {
    let directory = tempfile::tempdir().unwrap();
    let certificate = Certificate::of("localhost", directory.path());
    let Some(service) = Service::start(Some(&certificate)) else {
        return;
    };
    let trusting = format!(
        "[[listener]]\nupstream_ca = {:?}\n\n{WARN}",
        certificate.chain
    );
    let edge = Edge::start(
        &trusting,
        Some(&format!("https://localhost:{}", service.port)),
    );
    calls_pass(service, &edge);
}

/// `openssl s_server` with this certificate; it answers with a page about the connection.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start(certificate: &Certificate) -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let child = Command::new("openssl")
            .args(["s_server", "-www", "-accept", &format!("127.0.0.1:{port}")])
            .arg("-cert")
            .arg(&certificate.chain)
            .arg("-key")
            .arg(&certificate.key)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        edge::eventually("s_server", || {
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        Self { child, port }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// What curl gets through an edge that trusts this file for this upstream; and the edge's log.
fn through(trusted: &Path, upstream: &str) -> (String, String) {
    let configuration = format!("[[listener]]\nupstream_ca = {trusted:?}\n\n{WARN}");
    let edge = Edge::start(&configuration, Some(upstream));
    let output = edge
        .curl()
        .args(["--http1.1", "--include"])
        .arg(edge.url("/page"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (text, edge.stop().log)
}

#[test]
fn an_upstreams_certificate_has_to_be_trusted_and_for_its_name() {
    let directory = tempfile::tempdir().unwrap();
    let here = Certificate::of("localhost", directory.path());
    let elsewhere = Certificate::of("elsewhere.example", directory.path());

    let server = Server::start(&here);
    let url = format!("https://localhost:{}", server.port);
    let (answer, log) = through(&here.chain, &url);
    assert!(
        answer.contains(" 200") && answer.contains("TLSv1.3"),
        "{answer} {log}"
    );

    let (answer, log) = through(&elsewhere.chain, &url);
    assert!(answer.starts_with("HTTP/1.1 502"), "{answer}");
    assert!(log.contains("signed by nobody trusted here"), "{log}");

    let server = Server::start(&elsewhere);
    let (answer, log) = through(
        &elsewhere.chain,
        &format!("https://localhost:{}", server.port),
    );
    assert!(answer.starts_with("HTTP/1.1 502"), "{answer}");
    assert!(log.contains("is for another name"), "{log}");
}

#[test]
fn a_file_without_authorities_is_said_at_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let empty = directory.path().join("empty.pem");
    std::fs::write(&empty, "nothing\n").unwrap();
    let file = directory.path().join("sundown.toml");
    let listener =
        "[[listener]]\naddress = \"127.0.0.1:0\"\nupstream = [\"https://localhost:1\"]\n";
    std::fs::write(&file, format!("{listener}upstream_ca = \"empty.pem\"\n")).unwrap();
    let ended = Command::new(env!("CARGO_BIN_EXE_sundown"))
        .args(["serve", "--config"])
        .arg(&file)
        .arg("--data-dir")
        .arg(directory.path().join("data"))
        .output()
        .unwrap();
    assert_eq!(ended.status.code(), Some(2));
    let error = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(
        error.contains("empty.pem") && error.contains("BEGIN CERTIFICATE"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn events_pass_as_they_come() {
    let (next, wait) = tokio::sync::watch::channel(false);
    let upstream = stub::upstream(move |mut stream| {
        let mut wait = wait.clone();
        async move {
            stub::request(&mut stream).await;
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: one\n\n";
            stream.write_all(head.as_bytes()).await.ok();
            // The second waits until the client has the first.
            wait.wait_for(|next| *next).await.ok();
            stream.write_all(b"data: two\n\n").await.ok();
        }
    })
    .await;
    let edge = Edge::start(WARN, Some(&upstream));
    let mut client = Client::connect(&edge).await;
    client
        .send(b"GET /events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n")
        .await;
    let first = client.read_until("data: one\n\n").await;
    assert!(first.contains("data: one"), "{first}");
    next.send(true).unwrap();
    let second = client.read_until("data: two\n\n").await;
    assert!(second.contains("data: two"), "{second}");
}

#[tokio::test(flavor = "multi_thread")]
async fn interim_answers_are_for_one_hop_and_trailers_pass_to_who_takes_them() {
    let upstream = stub::upstream(|mut stream| async move {
        stub::request(&mut stream).await;
        let answer = "HTTP/1.1 103 Early Hints\r\nlink: </style.css>; rel=preload\r\n\r\n\
            HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: checksum, connection\r\n\r\n\
            4\r\nbody\r\n0\r\nchecksum: 7\r\nconnection: close\r\n\r\n";
        stream.write_all(answer.as_bytes()).await.ok();
        tokio::time::sleep(Duration::from_secs(1)).await;
    })
    .await;
    let edge = Edge::start(WARN, Some(&upstream));
    let taking =
        "GET / HTTP/1.1\r\nHost: localhost\r\nTE: trailers\r\nConnection: te, close\r\n\r\n";
    let answer = Client::exchange(&edge, taking.as_bytes()).await;
    assert!(
        answer.starts_with("HTTP/1.1 200"),
        "103 is dropped: {answer}"
    );
    assert!(
        answer.contains("4\r\nbody\r\n0\r\nchecksum: 7\r\n\r\n"),
        "{answer}"
    );

    let not = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let answer = Client::exchange(&edge, not.as_bytes()).await;
    assert!(answer.ends_with("4\r\nbody\r\n0\r\n\r\n"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_was_never_taken_is_sent_again_whatever_it_is() {
    // Closes after each answer without saying so: the kept connection is dead when the next request comes.
    let upstream = stub::upstream(|mut stream| async move {
        stub::request(&mut stream).await;
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
        stream.write_all(answer).await.ok();
    })
    .await;
    let edge = Edge::start(WARN, Some(&upstream));
    let mut client = Client::connect(&edge).await;
    for _ in 0..20 {
        client
            .send(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nbody")
            .await;
        let answer = tokio::time::timeout(LIMIT, client.read_until("ok"))
            .await
            .unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        // The end of the connection has come meanwhile.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
