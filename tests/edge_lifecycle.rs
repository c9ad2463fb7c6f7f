//! Starting is easy: this is about reloading, running out, being stopped, and giving back what was taken.
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
#[path = "support/stub.rs"]
mod stub;
#[path = "support/tls.rs"]
mod tls;

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use bytes::connect;
use edge::{EXPLAIN, Edge, REFUSE, WARN, beside, eventually};
use rustix::process::Signal;
use tls::Client;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::oneshot::{self, Receiver, Sender};

/// Answers a request with `parts` parts, one each 100 ms.
async fn slow_upstream(parts: usize) -> String {
    stub::upstream(move |mut stream| async move {
        stub::request(&mut stream).await;
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", parts * 4);
        stream.write_all(head.as_bytes()).await.ok();
        for _ in 0..parts {
            tokio::time::sleep(Duration::from_millis(100)).await;
            stream.write_all(b"part").await.ok();
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_lets_requests_finish_and_takes_no_more() {
    let edge = Edge::start(WARN, Some(&slow_upstream(15).await));
    let mut downloads: Vec<_> = ["--http1.1", "--http2"]
        .map(|version| {
            edge.curl()
                .arg(version)
                .arg(edge.url("/slow"))
                .stdout(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .into();
    let _silent = connect(edge.address);
    let _idle = Client::connect(&edge).await;
    thread::sleep(Duration::from_millis(500));
    edge.signal(Signal::TERM);
    edge.wait_for_log("stopping");
    eventually("no new connection is taken", || {
        TcpStream::connect(edge.address).is_err()
    });
    for download in downloads.drain(..) {
        let output = download.wait_with_output().unwrap();
        assert_eq!(
            (output.status.code(), output.stdout.len()),
            (Some(0), 60),
            "{output:?}"
        );
    }
    let ended = edge.wait();
    assert_eq!(ended.code, Some(0), "{}", ended.log);
    let mut outcomes: Vec<_> = ended
        .sightings
        .iter()
        .map(|sighting| sighting["outcome"].as_str().unwrap())
        .collect();
    outcomes.sort_unstable();
    assert_eq!(
        outcomes,
        ["stopped", "terminated", "terminated", "terminated"],
        "{:#?}",
        ended.sightings
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_waits_no_longer_than_it_may() {
    let edge = Edge::start(
        &format!("{WARN}\n[limits]\ndrain = \"500ms\"\n"),
        Some(&slow_upstream(150).await),
    );
    let download = edge
        .curl()
        .arg("--http1.1")
        .arg(edge.url("/slow"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    thread::sleep(Duration::from_millis(500));
    let start = Instant::now();
    let ended = edge.stop();
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(
        (ended.code, ended.sightings.len()),
        (Some(0), 1),
        "cut off, and counted all the same: {}",
        ended.log
    );
    assert!(ended.log.contains("limits.drain"), "{}", ended.log);
    assert_eq!(
        download.wait_with_output().unwrap().status.code(),
        Some(18),
        "curl: partial file"
    );
}

/// What is left of a connection whose answer has been sent is the client's time to read it; a client that never falls
/// silent must not turn that into the time of a stop.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_does_not_wait_for_clients_that_are_owed_nothing() {
    let edge = Edge::start(REFUSE, None);
    const ALERT: usize = 7;
    let pause = Duration::from_millis(200);
    // Refused with more behind its hello, so the close waits for it; and it goes on for ever.
    let mut refused = tokio::net::TcpStream::connect(edge.address).await.unwrap();
    let hello = [&bytes::tls10()[..], b"more"].concat();
    refused.write_all(&hello).await.unwrap();
    refused.read_exact(&mut [0; ALERT]).await.unwrap();
    let first = tokio::spawn(async move {
        while refused.write_all(b"x").await.is_ok() {
            tokio::time::sleep(pause).await;
        }
    });
    // Answered while its body still comes.
    let mut answered = Client::connect(&edge).await;
    let head = b"POST /ssl/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n";
    answered.send(head).await;
    let answer = answered.read_until("\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let second = tokio::spawn(async move {
        while answered.stream.write_all(b"x").await.is_ok() && answered.stream.flush().await.is_ok()
        {
            tokio::time::sleep(pause).await;
        }
    });
    // Half a head is no request yet.
    let mut half = Client::connect(&edge).await;
    half.send(b"GET /ssl/ HTTP/1.1\r\nHost: local").await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(
        !first.is_finished() && !second.is_finished(),
        "both are still listened to: a client may read nothing before it has sent everything"
    );

    let start = Instant::now();
    let ended = edge.stop();
    // Two seconds for the rest of a body, two more for the close after it; five for the rest of a head.
    assert!(
        start.elapsed() < Duration::from_secs(8),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(
        (ended.code, ended.sightings.len()),
        (Some(0), 3),
        "{}",
        ended.log
    );
    assert!(!ended.log.contains("cut off"), "{}", ended.log);
}

/// Passes a connection on to the edge: the first bytes of its hello, of which it says when they are there, and the rest
/// once it may go on.
async fn in_two_parts(edge: SocketAddr, there: Sender<()>, go_on: Receiver<()>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut edge = tokio::net::TcpStream::connect(edge).await.unwrap();
        let mut first = [0; 40];
        client.read_exact(&mut first).await.unwrap();
        edge.write_all(&first).await.unwrap();
        there.send(()).unwrap();
        go_on.await.unwrap();
        tokio::io::copy_bidirectional(&mut client, &mut edge).await
    });
    port
}

/// Who has begun a hello when the edge stops is not sent away: it is let in, asks, and is answered.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_lets_half_a_hello_finish_and_ask() {
    for version in ["--http1.1", "--http2"] {
        let edge = Edge::start(WARN, None);
        let (there, is_there) = oneshot::channel();
        let (go_on, goes_on) = oneshot::channel();
        let port = in_two_parts(edge.address, there, goes_on).await;
        let curl = edge
            .curl()
            .args([version, "--connect-to", &format!("::127.0.0.1:{port}")])
            .args(["--write-out", " %{http_code}"])
            .arg(edge.url("/ssl/"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        is_there.await.unwrap();
        // Accepted: a connection that is not has nobody who could stop it.
        eventually("both are open", || {
            edge.health()["open"].as_u64() >= Some(2)
        });
        edge.signal(Signal::TERM);
        edge.wait_for_log("stopping");
        thread::sleep(Duration::from_millis(300));
        go_on.send(()).unwrap();
        let answer = curl.wait_with_output().unwrap();
        let answer = String::from_utf8_lossy(&answer.stdout).into_owned();
        assert!(answer.ends_with(" 200"), "{version}: {answer}");
        let ended = edge.wait();
        assert_eq!(ended.code, Some(0), "{}", ended.log);
        assert!(!ended.log.contains("cut off"), "{}", ended.log);
        let mut outcomes = ended.sightings.iter().map(|sighting| &sighting["outcome"]);
        assert!(
            outcomes.all(|outcome| outcome == "terminated"),
            "{:?}",
            ended.sightings
        );
    }
}

/// curl held to TLS 1.0; the status of its answer.
fn old_client(edge: &Edge) -> String {
    let output = edge
        .curl()
        .args([
            "--tlsv1.0",
            "--tls-max",
            "1.0",
            "--ciphers",
            "DEFAULT@SECLEVEL=0",
            "--output",
            "/dev/null",
            "--write-out",
            "%{http_code}",
        ])
        .arg(edge.url("/v1/things"))
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_reload_reaches_open_connections_and_a_bad_file_changes_nothing() {
    let edge = Edge::start(WARN, None);
    assert_eq!(old_client(&edge), "200");
    // A connection that is open across the reload: s_client held to TLS 1.0, fed by hand.
    let mut open = Command::new("openssl")
        .args([
            "s_client",
            "-quiet",
            "-tls1",
            "-cipher",
            "DEFAULT@SECLEVEL=0",
            "-connect",
            &edge.address.to_string(),
            "-CAfile",
        ])
        .arg(&edge.ca)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut feed = open.stdin.take().unwrap();
    let mut ask = |last: bool| {
        let connection = if last { "close" } else { "keep-alive" };
        std::io::Write::write_all(
            &mut feed,
            format!(
                "GET /v1/things HTTP/1.1\r\nHost: localhost\r\nConnection: {connection}\r\n\r\n"
            )
            .as_bytes(),
        )
        .unwrap();
    };
    ask(false);
    thread::sleep(Duration::from_millis(500));

    let file = beside(&edge, "sundown.toml");
    std::fs::write(&file, EXPLAIN).unwrap();
    edge.signal(Signal::HUP);
    edge.wait_for_log("reloaded");
    assert_eq!(old_client(&edge), "403");
    ask(true);
    let text = String::from_utf8_lossy(&open.wait_with_output().unwrap().stdout).into_owned();
    let statuses: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("HTTP/1.1 "))
        .map(|line| &line[..3])
        .collect();
    assert_eq!(statuses, ["200", "403"], "{text}");

    std::fs::write(&file, WARN.replace("floor", "flor")).unwrap();
    edge.signal(Signal::HUP);
    edge.wait_for_log("not reloaded");
    let log = edge.log();
    assert!(
        log.contains("sundown.toml:3:1") && log.contains("flor"),
        "file, line and key: {log}"
    );
    assert_eq!(old_client(&edge), "403", "the old plan stays");
}

/// Makes a certificate for a name with the openssl program, signed by itself.
fn certificate(directory: &Path, file: &str, name: &str, algorithm: &[&str]) {
    let status = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-nodes",
            "-days",
            "2",
            "-subj",
            &format!("/CN={name}"),
            "-addext",
            &format!("subjectAltName=DNS:{name}"),
        ])
        .args(algorithm)
        .arg("-keyout")
        .arg(directory.join(format!("{file}.key")))
        .arg("-out")
        .arg(directory.join(format!("{file}.pem")))
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
}

const EC: [&str; 4] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
const RSA: [&str; 2] = ["-newkey", "rsa:2048"];

/// The subject of the certificate that a client of this name and these signature algorithms is shown.
fn subject(edge: &Edge, name: &str, sigalgs: &str) -> String {
    let output = Command::new("openssl")
        .args([
            "s_client",
            "-connect",
            &edge.address.to_string(),
            "-servername",
            name,
            "-sigalgs",
            sigalgs,
        ])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let subject = text
        .lines()
        .find_map(|line| line.strip_prefix("subject=CN = "))
        .unwrap_or(&text)
        .to_owned();
    let key = if text.contains("Peer signature type: ECDSA") {
        "EC"
    } else {
        "RSA"
    };
    format!("{subject} {key}")
}

const ECDSA_FIRST: &str = "ECDSA+SHA256:RSA-PSS+SHA256:RSA+SHA256";
const RSA_ONLY: &str = "RSA-PSS+SHA256:RSA+SHA256";

#[test]
fn certificates_are_chosen_by_name_and_kind_and_read_again_when_they_change() {
    let files = tempfile::tempdir().unwrap();
    let made = |file: &str, name: &str, kind: &[&str]| certificate(files.path(), file, name, kind);
    made("a-ec", "a.example", &EC);
    made("a-rsa", "a.example", &RSA);
    made("b-ec", "b.example", &EC);
    made("b-rsa", "b.example", &RSA);
    let pair = |file: &str| {
        format!(
            "{{ cert = \"{0}/{file}.pem\", key = \"{0}/{file}.key\" }}",
            files.path().display()
        )
    };
    let pairs = ["a-ec", "a-rsa", "b-ec", "b-rsa"].map(pair).join(", ");
    let edge = Edge::start(
        &format!("{WARN}\n[[listener]]\ncertificates = [{pairs}]\n"),
        None,
    );
    for (name, sigalgs, wanted) in [
        ("a.example", ECDSA_FIRST, "a.example EC"),
        ("a.example", RSA_ONLY, "a.example RSA"),
        ("b.example", ECDSA_FIRST, "b.example EC"),
        ("b.example", RSA_ONLY, "b.example RSA"),
        ("other.example", ECDSA_FIRST, "a.example EC"),
        ("other.example", RSA_ONLY, "a.example RSA"),
    ] {
        assert_eq!(subject(&edge, name, sigalgs), wanted, "{name} {sigalgs}");
    }
    // A key that does not belong to its certificate: said once, and the old ones stay.
    made("new", "new.example", &EC);
    std::fs::copy(files.path().join("new.pem"), files.path().join("b-ec.pem")).unwrap();
    edge.wait_for_log("the old ones stay");
    // Another look at the same files is due meanwhile.
    thread::sleep(Duration::from_secs(6));
    assert!(edge.log().contains("b-ec.pem"), "{}", edge.log());
    assert_eq!(subject(&edge, "b.example", ECDSA_FIRST), "b.example EC");
    // The key follows, and with it the new certificate is in force within the check's interval.
    std::fs::copy(files.path().join("new.key"), files.path().join("b-ec.key")).unwrap();
    let start = Instant::now();
    eventually("the new certificate is served", || {
        subject(&edge, "new.example", ECDSA_FIRST) == "new.example EC"
    });
    assert!(
        start.elapsed() < Duration::from_secs(8),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(subject(&edge, "a.example", RSA_ONLY), "a.example RSA");
    assert_eq!(
        edge.log().matches("the old ones stay").count(),
        1,
        "said once, not every five seconds: {}",
        edge.log()
    );
}

#[test]
fn running_out_of_descriptors_is_survived() {
    let mut limited = Command::new("sh");
    limited.args([
        "-c",
        "ulimit -n 40 && exec \"$0\" \"$@\"",
        env!("CARGO_BIN_EXE_sundown"),
    ]);
    let edge = Edge::launch(limited, WARN, None);
    let open: Vec<TcpStream> = (0..100).map(|_| connect(edge.address)).collect();
    edge.wait_for_log("cannot accept connections");
    drop(open);
    let output = edge.curl().arg(edge.url("/ssl/")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let ended = edge.stop();
    assert_eq!(
        (ended.code, ended.sightings.len()),
        (Some(0), 101),
        "every one of them is counted"
    );
    assert!(
        ended.log.matches("cannot accept connections").count() <= 10,
        "said, but not for each try: {}",
        ended.log
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_connections_leave_nothing_behind() {
    let edge = Edge::start(
        &format!("{WARN}\n[limits]\nhello = \"30s\"\nidle = \"30s\"\n"),
        None,
    );
    let crowd = async |handshakes: usize, silent: usize| {
        let mut clients = Vec::new();
        for _ in 0..handshakes {
            clients.push(Client::connect(&edge).await);
        }
        let open: Vec<TcpStream> = (0..silent).map(|_| connect(edge.address)).collect();
        let most = edge.resident();
        drop((clients, open));
        most
    };
    // A crowd, its end, and what is left.
    let round = async || {
        let most = crowd(200, 790).await;
        eventually("all have ended", || edge.health()["open"] == 1);
        (most, edge.resident())
    };
    let (before, descriptors) = (edge.resident(), edge.descriptors());
    let (most, _) = round().await;
    assert!(
        most - before < 64 * 1024,
        "{} KiB for a thousand connections",
        most - before
    );
    // The allocator keeps what it needed once; what must not happen is growth with each crowd after that.
    let (_, settled) = round().await;
    round().await;
    let (_, after) = round().await;
    assert!(
        after < settled + 8 * 1024,
        "{before} KiB before, {settled} after two crowds, {after} after four"
    );
    eventually("all descriptors are closed", || {
        edge.descriptors() <= descriptors + 1
    });
}
