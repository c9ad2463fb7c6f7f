//! A TLS client of which every byte is under the test's control.
//!
//! Comes in: an edge. Goes out: what came back, as bytes. It never interprets HTTP beyond finding the end of a head.
#![allow(
    dead_code,
    reason = "each test that includes this file uses its own part of it"
)]

use std::time::Duration;

use s2n_tls::config::Config;
use s2n_tls::security::Policy;
use s2n_tls_tokio::{TlsConnector, TlsStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::edge::{Edge, LIMIT};

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

/// A little while, for what must *not* happen.
pub(crate) async fn a_moment() {
    tokio::time::sleep(Duration::from_millis(300)).await;
}
