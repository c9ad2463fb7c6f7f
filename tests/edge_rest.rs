//! A connection that rests between requests goes on as if it had not: nothing is lost, nothing is answered twice, and
//! it stays one connection.
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

use std::sync::Arc;
use std::time::Duration;

use edge::{Edge, WARN};
use stub::{After, Recorder, upstream};
use tls::Client;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;

/// Longer than a connection takes to rest.
const PAUSE: Duration = Duration::from_millis(400);

#[tokio::test(flavor = "multi_thread")]
async fn requests_after_pauses_are_answered_on_the_same_connection() {
    let upstream = Recorder::start(After::KeepOpen).await;
    let edge = Edge::start(WARN, Some(&upstream.url()));
    let mut client = Client::connect(&edge).await;
    sleep(PAUSE).await;
    for round in 0..3 {
        client
            .send(format!("GET /round/{round} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes())
            .await;
        let answer = client.read_until("\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{round}: {answer}");
        sleep(PAUSE).await;
    }
    drop(client);
    let (outcome, sighting) = edge.only_sighting();
    assert_eq!(outcome, "terminated");
    assert_eq!(sighting["requests"]["served"], 3, "{sighting}");
    assert_eq!(upstream.requests(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_comes_in_pieces_around_a_pause_is_one_request() {
    let upstream = Recorder::start(After::KeepOpen).await;
    let edge = Edge::start(WARN, Some(&upstream.url()));
    let mut client = Client::connect(&edge).await;
    // The second request begins in the same write as the first, and ends long after the first is answered.
    client
        .send(b"GET /first HTTP/1.1\r\nHost: localhost\r\n\r\nGET /sec")
        .await;
    let answer = client.read_until("\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    sleep(PAUSE).await;
    client
        .send(b"ond HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .await;
    let (answer, error) = client.read_to_end().await;
    assert!(error.is_none(), "{error:?}");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let text = upstream.text();
    assert!(
        text.contains("GET /first ") && text.contains("GET /second "),
        "{text}"
    );
    assert_eq!(upstream.requests(), 2, "{text}");
}

/// A reader that stops for longer than a connection takes to rest, with its answer half read, gets all of it. Many
/// lengths, because where the last bytes wait depends on what every buffer on the way holds.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_gets_its_whole_answer() {
    let edge = Arc::new(Edge::start(WARN, Some(&upstream(sized).await)));
    let readers: Vec<_> = (0..48)
        .map(|step| tokio::spawn(read_slowly(edge.clone(), 200_000 + step * 80_001)))
        .collect();
    for reader in readers {
        reader.await.unwrap();
    }
}

async fn read_slowly(edge: Arc<Edge>, length: usize) {
    let mut client = Client::connect(&edge).await;
    let request = format!("GET /{length} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    client.send(request.as_bytes()).await;
    sleep(3 * PAUSE).await;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.stream.read_u8().await.unwrap());
    }
    let mut body = vec![0; length];
    if let Err(error) = client.stream.read_exact(&mut body).await {
        panic!("the answer of {length} bytes broke off: {error}");
    }
    assert!(body.iter().all(|byte| *byte == b'x'), "{length}");
    // And the connection goes on.
    sleep(PAUSE).await;
    client
        .send(b"GET /3 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await;
    let answer = client.read_until("xxx").await;
    assert!(answer.ends_with("\r\n\r\nxxx"), "{length}: {answer}");
}

/// Answers `GET /LENGTH` with so many bytes.
async fn sized(mut stream: TcpStream) {
    let mut head = Vec::new();
    while let Ok(byte) = stream.read_u8().await {
        head.push(byte);
        if !head.ends_with(b"\r\n\r\n") {
            continue;
        }
        let text = String::from_utf8_lossy(&head).into_owned();
        let length: usize = text.split([' ', '/']).nth(2).unwrap().parse().unwrap();
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{}",
            "x".repeat(length)
        );
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
        head.clear();
    }
}
