//! One process takes another's place, and one plan another's, while clients come and go: not one is turned away.
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

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use edge::{Edge, LIMIT, WARN, beside};
use rustix::process::Signal;
use s2n_tls::config::Config;
use s2n_tls::security::Policy;
use s2n_tls_tokio::TlsConnector;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Clients that come one after the other, several at once, until they are told to end.
struct Crowd {
    answered: Arc<AtomicUsize>,
    ending: Arc<AtomicBool>,
    clients: JoinSet<Result<(), String>>,
}

impl Crowd {
    fn of(size: usize, edge: &Edge) -> Self {
        let mut config = Config::builder();
        config
            .set_security_policy(&Policy::from_version("default_tls13").unwrap())
            .unwrap();
        config.with_system_certs(false).unwrap();
        config.trust_pem(&std::fs::read(&edge.ca).unwrap()).unwrap();
        let config = config.build().unwrap();
        let mut crowd = Self {
            answered: Arc::default(),
            ending: Arc::default(),
            clients: JoinSet::new(),
        };
        for number in 0..size {
            let (address, config) = (edge.address, config.clone());
            let (answered, ending) = (crowd.answered.clone(), crowd.ending.clone());
            crowd.clients.spawn(async move {
                while !ending.load(Relaxed) {
                    // Some dawdle between the steps, some ask for more than one thing.
                    let asked = visit(address, config.clone(), number)
                        .await
                        .map_err(|error| format!("client {number}: {error}"))?;
                    answered.fetch_add(asked, Relaxed);
                }
                Ok(())
            });
        }
        crowd
    }

    /// Waits until so many more requests have been answered.
    async fn goes_on_for(&self, requests: usize) {
        let until = self.answered.load(Relaxed) + requests;
        timeout(3 * LIMIT, async {
            while self.answered.load(Relaxed) < until {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await
        .expect("the clients go on");
    }

    /// Ends it; every client must have been answered every time.
    async fn ends(mut self) -> usize {
        self.ending.store(true, Relaxed);
        while let Some(ended) = timeout(LIMIT, self.clients.join_next()).await.unwrap() {
            ended.unwrap().unwrap();
        }
        self.answered.load(Relaxed)
    }
}

/// One connection and what is asked on it: the number of answers, or what went wrong.
async fn visit(address: SocketAddr, config: Config, number: usize) -> std::io::Result<usize> {
    let dawdle = Duration::from_millis(if number.is_multiple_of(3) { 30 } else { 0 });
    let tcp = TcpStream::connect(address).await?;
    tokio::time::sleep(dawdle).await;
    let mut stream = TlsConnector::new(config).connect("localhost", tcp).await?;
    tokio::time::sleep(dawdle).await;
    let mut asked = 0;
    while asked < 1 + number % 4 {
        stream
            .write_all(b"GET /thing HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .await?;
        stream.flush().await?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\nok") {
            if stream.read_buf(&mut answer).await? == 0 {
                let so_far = String::from_utf8_lossy(&answer).into_owned();
                return Err(std::io::Error::other(format!("ended after {so_far:?}")));
            }
        }
        let answer = String::from_utf8_lossy(&answer).to_ascii_lowercase();
        assert!(answer.starts_with("http/1.1 200"), "{answer}");
        asked += 1;
        if answer.contains("connection: close") {
            break;
        }
    }
    Ok(asked)
}

/// An upstream that answers every request with two bytes, after a moment.
async fn ok() -> String {
    stub::upstream(|mut stream| async move {
        let mut buffer = [0; 4096];
        while let Ok(1..) = stream.read(&mut buffer).await {
            tokio::time::sleep(Duration::from_millis(2)).await;
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
            if stream.write_all(answer).await.is_err() {
                return;
            }
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_takes_anothers_place_and_no_client_notices() {
    let upstream = ok().await;
    let first = Edge::start(WARN, Some(&upstream));
    let socket = beside(&first, "data").join("hand-over.sock");
    edge::eventually("the socket to take over by", || socket.exists());
    let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "its user's alone");

    let crowd = Crowd::of(12, &first);
    crowd.goes_on_for(100).await;
    let second = Edge::take_over(&first, WARN, Some(&upstream));
    assert_eq!(second.address, first.address, "the same socket");
    first.wait_for_log("another process has taken the listening sockets over");
    crowd.goes_on_for(100).await;
    // And on, in a chain.
    let third = Edge::take_over(&second, WARN, Some(&upstream));
    second.wait_for_log("another process has taken the listening sockets over");
    crowd.goes_on_for(100).await;
    let answered = crowd.ends().await;

    let mut seen = 0;
    for (ended, served_some) in [
        (first.wait(), true),
        (second.wait(), true),
        (third.stop(), true),
    ] {
        assert_eq!(ended.code, Some(0), "{}", ended.log);
        assert!(!ended.log.contains("cut off"), "{}", ended.log);
        let served: u64 = ended
            .sightings
            .iter()
            .map(|sighting| {
                sighting["requests"]["warned"].as_u64().unwrap()
                    + sighting["requests"]["served"].as_u64().unwrap()
            })
            .sum();
        assert_eq!(served > 0, served_some);
        seen += served;
    }
    assert_eq!(
        seen, answered as u64,
        "each request is counted by one of them, once"
    );
}

/// What `/healthz` answers on the admin listener there.
fn health(address: &str) -> String {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    std::io::Write::write_all(&mut stream, request).unwrap();
    std::io::read_to_string(stream).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_admin_listener_goes_along_and_both_write_the_ledger() {
    let upstream = ok().await;
    let configuration = format!("[admin]\naddress = \"127.0.0.1:0\"\n{WARN}");
    let admin = |edge: &Edge| {
        let listening = edge.listening();
        let address = listening["admin"].as_str().unwrap();
        address.trim_start_matches("http://").to_owned()
    };
    let first = Edge::start(&configuration, Some(&upstream));
    let socket = beside(&first, "data").join("hand-over.sock");
    edge::eventually("the socket to take over by", || socket.exists());
    let crowd = Crowd::of(4, &first);
    crowd.goes_on_for(20).await;
    let second = Edge::take_over(&first, &configuration, Some(&upstream));
    assert_eq!(admin(&second), admin(&first), "and the same here");
    first.wait_for_log("another process has taken the listening sockets over");
    let answer = health(&admin(&second));
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    crowd.goes_on_for(20).await;
    let answered = crowd.ends().await;
    edge::eventually("the end of the first", || first.has_ended());
    let answer = health(&admin(&second));
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(second.stop().code, Some(0));
    let ledger = std::process::Command::new(env!("CARGO_BIN_EXE_sundown"))
        .args(["ledger", "info", "--verify", "--json", "--data-dir"])
        .arg(beside(&first, "data"))
        .output()
        .unwrap();
    assert!(ledger.status.success(), "{ledger:?}");
    let ledger: serde_json::Value = serde_json::from_slice(&ledger.stdout).unwrap();
    assert_eq!(ledger["requests"], answered, "{ledger}");
    assert_eq!(ledger["gaps"], serde_json::json!([]));
    assert_eq!(first.wait().code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_cannot_serve_takes_nothing_over() {
    let upstream = ok().await;
    let first = Edge::start(WARN, Some(&upstream));
    let socket = beside(&first, "data").join("hand-over.sock");
    edge::eventually("the socket to take over by", || socket.exists());
    // Asks, is given the sockets, and goes away without a word.
    let asked = std::os::unix::net::UnixStream::connect(&socket).unwrap();
    drop(asked);
    first.wait_for_log("were asked for and not taken over");
    let crowd = Crowd::of(2, &first);
    crowd.goes_on_for(10).await;
    crowd.ends().await;
    assert_eq!(first.stop().code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_turns_nobody_away() {
    let upstream = ok().await;
    let edge = Edge::start(WARN, Some(&upstream));
    let crowd = Crowd::of(8, &edge);
    for _ in 0..10 {
        crowd.goes_on_for(20).await;
        edge.signal(Signal::HUP);
    }
    crowd.goes_on_for(20).await;
    assert!(crowd.ends().await >= 220);
    let ended = edge.stop();
    assert!(ended.log.matches("reloaded").count() >= 1, "{}", ended.log);
}
