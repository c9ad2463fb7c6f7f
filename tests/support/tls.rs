//! A TLS client of which every byte is under the test's control, and an upstream that keeps every byte it gets.
//!
//! Comes in: an edge. Goes out: what came back, as bytes. It never interprets HTTP beyond finding the end of a head.
#![allow(
    dead_code,
    reason = "each test that includes this file uses its own part of it"
)]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use s2n_tls::config::Config;
use s2n_tls::security::Policy;
use s2n_tls_tokio::{TlsConnector, TlsStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::serve::{Edge, LIMIT};

/// A connection after its handshake.
pub(crate) struct Client {
    pub(crate) stream: TlsStream<TcpStream>,
}

impl Client {
    /// Connects with HTTP/1.1.
    pub(crate) async fn connect(edge: &Edge) -> Self {
        Self::connect_with(edge, "http/1.1").await
    }

    /// Connects with this application protocol.
    pub(crate) async fn connect_with(edge: &Edge, alpn: &str) -> Self {
        let tcp = TcpStream::connect(edge.address).await.unwrap();
        tcp.set_nodelay(true).unwrap();
        let mut config = Config::builder();
        config
            .set_security_policy(&Policy::from_version("default_tls13").unwrap())
            .unwrap();
        config.with_system_certs(false).unwrap();
        config.trust_pem(&std::fs::read(&edge.ca).unwrap()).unwrap();
        config.set_application_protocol_preference([alpn]).unwrap();
        let connector = TlsConnector::new(config.build().unwrap());
        Self {
            stream: timeout(LIMIT, connector.connect("localhost", tcp))
                .await
                .unwrap()
                .unwrap(),
        }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// Reads until `words` have come, or the end.
    pub(crate) async fn read_until(&mut self, words: &str) -> String {
        let mut all = Vec::new();
        let mut buffer = [0; 4096];
        let reading = async {
            while !String::from_utf8_lossy(&all).contains(words) {
                match self.stream.read(&mut buffer).await {
                    Ok(length @ 1..) => all.extend_from_slice(&buffer[..length]),
                    Ok(0) | Err(_) => break,
                }
            }
        };
        timeout(LIMIT, reading).await.expect("an answer or the end");
        String::from_utf8_lossy(&all).into_owned()
    }

    /// Reads until the connection ends; the error it ended with, if it did not end well.
    pub(crate) async fn read_to_end(&mut self) -> (String, Option<std::io::Error>) {
        let mut all = Vec::new();
        let error = timeout(LIMIT, self.stream.read_to_end(&mut all))
            .await
            .expect("the end")
            .err();
        (String::from_utf8_lossy(&all).into_owned(), error)
    }

    /// Sends a request and gives all that comes until the connection ends.
    pub(crate) async fn exchange(edge: &Edge, bytes: &[u8]) -> String {
        let mut client = Self::connect(edge).await;
        client.send(bytes).await;
        client.read_to_end().await.0
    }
}

/// An upstream that records bytes and answers each head that comes.
pub(crate) struct Recorder {
    pub(crate) address: SocketAddr,
    bytes: Arc<Mutex<Vec<u8>>>,
    connections: Arc<Mutex<usize>>,
}

/// How an upstream goes on after an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    KeepOpen,
    /// Closes when the next request's first byte comes, unanswered: what a race with an idle timeout looks like.
    CloseOnNext,
    /// Closes at once.
    Close,
}

impl Recorder {
    pub(crate) async fn start(after: After) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (bytes, connections) = (
            Arc::<Mutex<Vec<u8>>>::default(),
            Arc::<Mutex<usize>>::default(),
        );
        let (all, count) = (bytes.clone(), connections.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                *count.lock().unwrap() += 1;
                tokio::spawn(answer_each_head(stream, all.clone(), after));
            }
        });
        Self {
            address,
            bytes,
            connections,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All that came, over all connections.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap()).into_owned()
    }

    /// How many request heads came.
    pub(crate) fn requests(&self) -> usize {
        self.text().matches(" HTTP/1.1\r\n").count()
    }

    pub(crate) fn connections(&self) -> usize {
        *self.connections.lock().unwrap()
    }
}

async fn answer_each_head(mut stream: TcpStream, all: Arc<Mutex<Vec<u8>>>, after: After) {
    let mut buffer = vec![0; 64 * 1024];
    let (mut own, mut answered) = (Vec::new(), 0);
    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
        if after == After::CloseOnNext && answered > 0 {
            return;
        }
        all.lock().unwrap().extend_from_slice(&buffer[..length]);
        own.extend_from_slice(&buffer[..length]);
        let heads = own
            .windows(4)
            .filter(|window| window == b"\r\n\r\n")
            .count();
        // Chunked bodies end with an empty line of their own, and are counted as a head; one answer too many does
        // no harm where only the bytes that came are looked at, so only the first is sent for each write.
        if heads > answered {
            answered = heads;
            let answer = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\nx-upstream: recorder\r\n\r\nok\n";
            if stream.write_all(answer.as_bytes()).await.is_err() || after == After::Close {
                return;
            }
        }
    }
}

/// A little while, for what must *not* happen.
pub(crate) async fn a_moment() {
    tokio::time::sleep(Duration::from_millis(300)).await;
}
