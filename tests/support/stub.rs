//! Upstreams of which every byte is under the test's control.
//!
//! Comes in: what to do with a connection. Goes out: where it listens. None of them reads HTTP beyond finding the end of
//! a head; each ends with its test's runtime.
#![allow(
    dead_code,
    reason = "each test that includes this file uses its own part of it"
)]

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Gives each connection to `serve`, in a task of its own.
pub(crate) async fn listen<S, F>(serve: S) -> SocketAddr
where
    S: Fn(TcpStream) -> F + Send + 'static,
    F: Future<Output: Send> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    address
}

/// Where an `http://` upstream is that treats each connection so.
pub(crate) async fn upstream<S, F>(serve: S) -> String
where
    S: Fn(TcpStream) -> F + Send + 'static,
    F: Future<Output: Send> + Send + 'static,
{
    format!("http://{}", listen(serve).await)
}

/// Waits for the first bytes of a request. That a socket says it is readable is a hint: bytes are what counts, and an
/// answer before its request is a fault that the edge names.
pub(crate) async fn request(stream: &mut TcpStream) {
    let mut buffer = [0; 64 * 1024];
    let Ok(1..) = stream.read(&mut buffer).await else {
        return; // gone without one; whatever is written to it then fails
    };
}

/// An address where nobody listens: its port was free a moment ago.
pub(crate) async fn nowhere() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

/// An upstream that records bytes and answers each request once the whole of it is there: an answer to a head alone may
/// end the connection before the body was recorded.
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
        let (bytes, connections) = (
            Arc::<Mutex<Vec<u8>>>::default(),
            Arc::<Mutex<usize>>::default(),
        );
        let (all, count) = (bytes.clone(), connections.clone());
        let address = listen(move |stream| {
            *count.lock().unwrap() += 1;
            answer_each_request(stream, all.clone(), after)
        })
        .await;
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

async fn answer_each_request(mut stream: TcpStream, all: Arc<Mutex<Vec<u8>>>, after: After) {
    let mut buffer = vec![0; 64 * 1024];
    let (mut own, mut answered) = (Vec::new(), 0);
    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
        if after == After::CloseOnNext && answered > 0 {
            return;
        }
        all.lock().unwrap().extend_from_slice(&buffer[..length]);
        own.extend_from_slice(&buffer[..length]);
        // Requests that came in one write are answered once: only the bytes that came are looked at.
        let whole = whole_requests(&own);
        if whole > answered {
            answered = whole;
            let answer = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\nx-upstream: recorder\r\n\r\nok\n";
            if stream.write_all(answer.as_bytes()).await.is_err() || after == After::Close {
                return;
            }
        }
    }
}

/// How many requests stand whole in `bytes`, as far as the edge frames them: one length, or chunked and nothing else.
fn whole_requests(mut bytes: &[u8]) -> usize {
    let find =
        |bytes: &[u8], what: &[u8]| bytes.windows(what.len()).position(|window| window == what);
    let mut whole = 0;
    while let Some(end) = find(bytes, b"\r\n\r\n") {
        let (head, body) = bytes.split_at(end + 4);
        let head = String::from_utf8_lossy(head).to_lowercase();
        let length = head
            .split("\r\ncontent-length: ")
            .nth(1)
            .and_then(|rest| rest.lines().next()?.parse().ok());
        let length = if head.contains("\r\ntransfer-encoding: chunked") {
            let Some(last) = find(body, b"0\r\n\r\n") else {
                break;
            };
            last + 5
        } else {
            length.unwrap_or(0)
        };
        let Some(rest) = body.get(length..) else {
            break;
        };
        whole += 1;
        bytes = rest;
    }
    whole
}
