//! Every bound of `[limits]` holds, and what it ended is told apart in the sighting.
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

use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use bytes::{connect, read_to_end, tls10};
use edge::{Edge, WARN, eventually};
use stub::{After, Recorder};
use tls::Client;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn with_limits(limits: &str) -> String {
    format!("{WARN}\n[limits]\n{limits}\n")
}

/// The status of an answer, as text.
fn status(answer: &str) -> &str {
    answer.get(9..12).unwrap_or(answer)
}

#[test]
fn a_hello_has_a_deadline_however_it_is_drawn_out() {
    let edge = Edge::start(&with_limits("hello = \"700ms\""), None);
    let start = Instant::now();
    let mut silent = connect(edge.address);
    assert_eq!(read_to_end(&mut silent).bytes, b"");
    let mut slow = connect(edge.address);
    for byte in tls10() {
        // A byte each 100 ms never stands still, and is ended all the same.
        if slow.write_all(&[byte]).is_err() {
            break;
        }
        thread::sleep(Duration::from_millis(100));
        if start.elapsed() > Duration::from_secs(5) {
            panic!("the deadline is from the accept, not from the last byte");
        }
    }
    for sighting in edge.sightings(2) {
        assert_eq!(sighting["outcome"], "hello-timeout", "{sighting}");
        let lasted = sighting["duration_ms"].as_u64().unwrap();
        assert!((700..2500).contains(&lasted), "{sighting}");
    }
}

#[test]
fn a_handshake_has_a_deadline() {
    let edge = Edge::start(&with_limits("handshake = \"500ms\""), None);
    let mut stream = connect(edge.address);
    stream.write_all(&tls10()).unwrap();
    let left = read_to_end(&mut stream);
    assert_eq!(left.bytes.first(), Some(&22), "the edge's part of it");
    let (outcome, sighting) = edge.only_sighting();
    assert_eq!(outcome, "handshake-timeout", "{sighting}");
    assert_eq!(
        sighting["offered"], "TLSv1",
        "what was seen is kept: {sighting}"
    );
}

#[test]
fn connections_are_bounded_in_all() {
    bounded_to_three("connections = 3");
}

#[test]
fn connections_are_bounded_for_each_address() {
    bounded_to_three("connections_per_address = 3");
}

#[track_caller]
fn bounded_to_three(limits: &str) {
    let edge = Edge::start(&with_limits(limits), None);
    let open: Vec<TcpStream> = (0..3).map(|_| connect(edge.address)).collect();
    // The fourth is closed unread.
    assert_eq!(read_to_end(&mut connect(edge.address)).bytes, b"");
    let (outcome, sighting) = edge.only_sighting();
    assert_eq!(
        (outcome.as_str(), &sighting["address"]),
        ("shed", &"127.0.0.1".into()),
        "{sighting}"
    );
    drop(open);
    edge.sightings(4);
    let output = edge.curl().arg(edge.url("/ssl/")).output().unwrap();
    assert!(
        output.status.success(),
        "the places are given back: {output:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_without_requests_is_closed() {
    let edge = Edge::start(&with_limits("idle = \"600ms\"\nstall = \"600ms\""), None);
    // Never a byte of HTTP; half a head; and after an answer: each for HTTP/1.1, the first and last for HTTP/2.
    let mut silent = Client::connect(&edge).await;
    let mut half = Client::connect(&edge).await;
    half.send(b"GET /ssl/ HTTP/1.1\r\nHost: local").await;
    let mut done = Client::connect(&edge).await;
    done.send(b"GET /ssl/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await;
    let mut silent2 = Client::connect_with(&edge, "h2").await;
    let mut preface2 = Client::connect_with(&edge, "h2").await;
    // The preface and empty SETTINGS (RFC 9113 section 3.4).
    preface2
        .send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .await;
    let start = Instant::now();
    for client in [
        &mut silent,
        &mut half,
        &mut done,
        &mut silent2,
        &mut preface2,
    ] {
        client.read_to_end().await;
    }
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "{:?}",
        start.elapsed()
    );
    let sightings = edge.sightings(5);
    assert!(
        sightings
            .iter()
            .all(|sighting| sighting["outcome"] == "terminated"),
        "{sightings:#?}"
    );
    let answered: u64 = sightings
        .iter()
        .map(|sighting| sighting["requests"]["answered"].as_u64().unwrap())
        .sum();
    assert_eq!(answered, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_is_bounded() {
    let upstream = Recorder::start(After::KeepOpen).await;
    let edge = Edge::start(&with_limits("head = \"16 KiB\""), Some(&upstream.url()));
    let request = |head: String| {
        format!("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{head}\r\n")
    };
    let fits = Client::exchange(
        &edge,
        request(format!("X-Long: {}\r\n", "x".repeat(8000))).as_bytes(),
    )
    .await;
    assert_eq!(status(&fits), "200", "{fits}");
    let long = Client::exchange(
        &edge,
        request(format!("X-Long: {}\r\n", "x".repeat(40_000))).as_bytes(),
    )
    .await;
    assert_eq!(status(&long), "431", "{long}");
    let many = Client::exchange(&edge, request("X: y\r\n".repeat(2000)).as_bytes()).await;
    assert_eq!(status(&many), "431", "{many}");
    let target = Client::exchange(
        &edge,
        format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(70_000)).as_bytes(),
    )
    .await;
    assert!(matches!(status(&target), "414" | "431"), "{target}");
    let header = format!("X-Long: {}", "x".repeat(40_000));
    let output = edge
        .curl()
        .args([
            "--http2",
            "--output",
            "/dev/null",
            "--write-out",
            "%{http_code}",
            "-H",
            &header,
        ])
        .arg(edge.url("/"))
        .output()
        .unwrap();
    assert_eq!(output.stdout, b"431", "{output:?}");
    assert_eq!(upstream.requests(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_bounded_in_length() {
    let upstream = Recorder::start(After::KeepOpen).await;
    let edge = Edge::start(&with_limits("body = \"100 KiB\""), Some(&upstream.url()));
    let file = edge::beside(&edge, "body");
    let data = format!("@{}", file.display());
    for (length, wanted) in [
        (100 << 10, "200"),
        ((100 << 10) + 1, "413"),
        (30 << 20, "413"),
    ] {
        std::fs::write(&file, vec![b'x'; length]).unwrap();
        for way in [
            &["--http1.1"][..],
            &["--http1.1", "-H", "Transfer-Encoding: chunked"],
            &["--http2"],
        ] {
            let output = edge
                .curl()
                .args(way)
                .args([
                    "-H",
                    "Expect:",
                    "--output",
                    "/dev/null",
                    "--write-out",
                    "%{http_code}",
                    "--data-binary",
                    &data,
                ])
                .arg(edge.url("/"))
                .output()
                .unwrap();
            let chunked = way.len() > 1;
            if chunked && wanted == "413" && output.stdout == b"200" {
                // The recorder answers at the head, before the body is over: its answer is the client's then.
                continue;
            }
            assert_eq!(
                String::from_utf8_lossy(&output.stdout),
                wanted,
                "{length} {way:?}: {output:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_may_not_stand_still_in_either_direction() {
    // An upstream that reads and never answers; one that begins an answer and stops.
    let reads = hanging_upstream(b"").await;
    let edge = Edge::start(&with_limits("stall = \"600ms\""), Some(&reads));
    let mut client = Client::connect(&edge).await;
    client
        .send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf")
        .await;
    let (answer, _) = client.read_to_end().await;
    assert_eq!(status(&answer), "408", "{answer}");

    let begins = hanging_upstream(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf").await;
    let edge = Edge::start(&with_limits("stall = \"600ms\""), Some(&begins));
    let output = edge
        .curl()
        .arg("--http1.1")
        .arg(edge.url("/"))
        .output()
        .unwrap();
    assert_eq!(
        (&output.stdout[..], output.status.code()),
        (&b"half"[..], Some(18)),
        "curl: partial file: {output:?} {}",
        edge.log()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_stops_reading_is_given_up() {
    let upstream = endless_upstream().await;
    let edge = Edge::start(
        &with_limits("idle = \"700ms\"\nstall = \"700ms\""),
        Some(&upstream),
    );
    let idle = edge.descriptors();
    let mut one = Client::connect(&edge).await;
    one.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let mut two = Client::connect_with(&edge, "h2").await;
    // Preface, SETTINGS, and HEADERS for GET https://x/ (indexed fields of RFC 7541 appendix A, and :authority "x").
    two.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\x06\x01\x05\0\0\0\x01\x82\x87\x84\x41\x01x").await;
    for sighting in edge.sightings(2) {
        assert_eq!(
            (&sighting["outcome"], &sighting["requests"]["served"]),
            (&"terminated".into(), &1.into()),
            "{sighting}"
        );
    }
    eventually("its descriptors are closed, the upstream's too", || {
        edge.descriptors() <= idle
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_is_slow_or_not_there_is_said_to_be() {
    let edge = Edge::start(
        &with_limits("upstream_answer = \"600ms\""),
        Some(&hanging_upstream(b"").await),
    );
    for way in ["--http1.1", "--http2"] {
        for body in [&[][..], &["--data", "x"]] {
            let output = edge
                .curl()
                .args([way, "--include"])
                .args(body)
                .arg(edge.url("/"))
                .output()
                .unwrap();
            let text = String::from_utf8_lossy(&output.stdout);
            assert_eq!(
                text.split(' ').nth(1),
                Some("504"),
                "{way} {body:?}: {output:?}"
            );
        }
    }
    let edge = Edge::start(WARN, Some(&format!("http://{}", stub::nowhere().await)));
    let output = edge
        .curl()
        .arg("--include")
        .arg(edge.url("/"))
        .output()
        .unwrap();
    assert!(
        String::from_utf8_lossy(&output.stdout).contains(" 502"),
        "{output:?}"
    );
    edge.wait_for_log("upstream failed");
}

/// A TCP connection is not yet one: the deadline is over the TLS handshake too, with a request's body or without one.
#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_never_finishes_its_handshake_is_given_up() {
    let silent = stub::listen(|mut stream| async move {
        let mut buffer = [0; 4096];
        while let Ok(1..) = stream.read(&mut buffer).await {}
    })
    .await;
    let edge = Edge::start(
        &with_limits("upstream_connect = \"600ms\""),
        Some(&format!("https://{silent}")),
    );
    let idle = edge.descriptors();
    for way in ["--http1.1", "--http2"] {
        for body in [&[][..], &["--data", "x"]] {
            let start = Instant::now();
            let output = edge
                .curl()
                .args([way, "--include"])
                .args(body)
                .arg(edge.url("/"))
                .output()
                .unwrap();
            let text = String::from_utf8_lossy(&output.stdout);
            assert_eq!(
                text.split(' ').nth(1),
                Some("502"),
                "{way} {body:?}: {output:?}"
            );
            let lasted = start.elapsed();
            assert!(
                (Duration::from_millis(600)..Duration::from_secs(5)).contains(&lasted),
                "{way} {body:?}: {lasted:?}"
            );
        }
    }
    edge.wait_for_log("limits.upstream_connect");
    eventually("its descriptors are closed, the upstream's too", || {
        edge.descriptors() <= idle
    });
}

/// Reads what comes, sends `answer`, and nothing more.
async fn hanging_upstream(answer: &'static [u8]) -> String {
    stub::upstream(move |mut stream| async move {
        let mut buffer = [0; 4096];
        stub::request(&mut stream).await;
        stream.write_all(answer).await.ok();
        while let Ok(1..) = stream.read(&mut buffer).await {}
    })
    .await
}

/// Answers with a body that never ends.
async fn endless_upstream() -> String {
    stub::upstream(|mut stream| async move {
        stub::request(&mut stream).await;
        let head = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";
        stream.write_all(head).await.ok();
        while stream.write_all(&[b'e'; 65536]).await.is_ok() {}
    })
    .await
}
