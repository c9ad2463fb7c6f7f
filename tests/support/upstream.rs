//! An application behind the edge: answers each request with what it was sent, and keeps it.
//!
//! Comes in: HTTP/1.1 requests over plain TCP on loopback. Goes out: JSON, and the list of every request that came. It
//! knows nothing of TLS, and never keeps a connection for a second request.
#![allow(
    dead_code,
    reason = "each test that includes this file uses its own part of it"
)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::json;

/// No request of a test takes longer to arrive.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest request that is read; more is a fault of the test.
const LONGEST: u64 = 1 << 20;

const TOKEN: &str = "e30.eyJjbGllbnRfaWQiOiJjbGllbnQtaWQifQ.x";

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// `GET`, `POST`…
    pub method: String,
    /// The request target.
    pub path: String,
    /// Header fields, names in lower case; one that came twice is joined by a comma.
    pub headers: BTreeMap<String, String>,
}

/// An upstream that runs until it is dropped.
pub(crate) struct Upstream {
    /// `http://127.0.0.1:PORT`.
    pub url: String,
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    stopping: Arc<AtomicBool>,
}

impl Upstream {
    /// Listens on a free port.
    pub(crate) fn start() -> Upstream {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let requests = Arc::new(Mutex::new(Vec::new()));
        let stopping = Arc::new(AtomicBool::new(false));
        let upstream = Upstream {
            url: format!("http://{address}"),
            address,
            requests: requests.clone(),
            stopping: stopping.clone(),
        };
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if stopping.load(Ordering::Relaxed) {
                    break;
                }
                let requests = requests.clone();
                thread::spawn(move || answer(stream, &requests));
            }
        });
        upstream
    }

    /// Every request that came, in order of arrival.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Relaxed);
        // Wakes the accept; one that is gone needs no waking.
        let _ = TcpStream::connect(self.address);
    }
}

/// Reads one request, keeps it and answers. A request that is broken off is nobody's request and is not kept.
fn answer(stream: TcpStream, requests: &Mutex<Vec<Request>>) -> Option<()> {
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let mut reader = BufReader::new((&stream).take(LONGEST));
    let request = head(&mut reader)?;
    let length = request.headers.get("content-length");
    // Read away, or the close would reset the connection under the answer.
    let mut body = vec![0; length.map_or(Some(0), |length| length.parse().ok())?];
    reader.read_exact(&mut body).ok()?;
    let answer = if request.path == "/oauth2/token" {
        // RFC 6749 section 5.1; the token is a JWT that says {"client_id":"client-id"} and is signed by nobody.
        json!({ "access_token": TOKEN, "token_type": "bearer", "expires_in": 3600 })
    } else {
        json!({ "method": request.method, "path": request.path, "headers": request.headers })
    };
    requests
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(request);
    let body = answer.to_string();
    let message = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    (&stream).write_all(message.as_bytes()).ok()
}

fn head(reader: &mut impl BufRead) -> Option<Request> {
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        Some(line.trim_end().to_owned())
    };
    let first = line()?;
    let mut words = first.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::<String, String>::new();
    loop {
        let field = line()?;
        let Some((name, value)) = field.split_once(':') else {
            return field.is_empty().then_some(Request {
                method,
                path,
                headers,
            });
        };
        headers
            .entry(name.to_ascii_lowercase())
            .and_modify(|known| known.extend([", ", value.trim()]))
            .or_insert_with(|| value.trim().to_owned());
    }
}
