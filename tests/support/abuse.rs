//! What tests of a gate under abuse have in common: a service that echoes, somebody who means well, and counting.
#![allow(
    dead_code,
    reason = "each test that includes this file uses its own part of it"
)]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::bytes::connect;
use crate::edge::{Edge, eventually};
use crate::gate::{SERVER_HELLO, gate_address, tls12};

/// Whether everything is to be tried at its full size: `SUNDOWN_FULL=1`.
pub(crate) fn is_full() -> bool {
    std::env::var_os("SUNDOWN_FULL").is_some()
}

/// How many of a kind.
pub(crate) fn many() -> usize {
    if is_full() { 1000 } else { 100 }
}

/// A service that answers every hello with one of its own, then says back what comes.
pub(crate) fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || {
                let mut stream = stream;
                let mut buffer = [0; 4096];
                let mut greeted = false;
                while let Ok(length @ 1..) = stream.read(&mut buffer) {
                    let answer = if greeted {
                        &buffer[..length]
                    } else {
                        &SERVER_HELLO
                    };
                    greeted = true;
                    if stream.write_all(answer).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

/// A service that does this with each connection on which something comes.
pub(crate) fn service(act: impl Fn(TcpStream) + Send + Sync + Clone + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let act = act.clone();
            thread::spawn(move || {
                let mut stream = stream;
                // A check comes and says nothing.
                if let Ok(1..) = stream.read(&mut [0; 4096]) {
                    act(stream);
                }
            });
        }
    });
    address
}

/// One who means well: shakes hands, says something and hears it again.
#[track_caller]
pub(crate) fn is_served(gate: SocketAddr) {
    let mut stream = connect(gate);
    stream.write_all(&tls12("well.example")).unwrap();
    let mut answer = [0; SERVER_HELLO.len()];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(answer, SERVER_HELLO);
    stream.write_all(b"as it came").unwrap();
    let mut again = [0; 10];
    stream.read_exact(&mut again).unwrap();
    assert_eq!(&again, b"as it came");
}

/// Somebody who means well and comes again and again, whatever else happens.
pub(crate) struct Regular {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<usize>,
}

impl Regular {
    pub(crate) fn of(gate: SocketAddr) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let stopped = stop.clone();
        let thread = thread::spawn(move || {
            let mut times = 0;
            while times == 0 || !stopped.load(Ordering::Relaxed) {
                is_served(gate);
                times += 1;
                thread::sleep(Duration::from_millis(20));
            }
            times
        });
        Self { stop, thread }
    }

    /// How often it was served. It was, every time.
    #[track_caller]
    pub(crate) fn served(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("whoever means well is served")
    }
}

/// How often each outcome was at the gate.
pub(crate) fn outcomes(edge: &Edge) -> BTreeMap<String, usize> {
    let gate = gate_address(edge).to_string();
    let mut counts = BTreeMap::new();
    for seen in edge.sightings(0) {
        if seen["edge"] == gate {
            let outcome = seen["outcome"].as_str().unwrap_or_default();
            *counts.entry(outcome.to_owned()).or_default() += 1;
        }
    }
    counts
}

#[track_caller]
pub(crate) fn wait_for(edge: &Edge, outcome: &str, count: usize) {
    eventually(&format!("{count} of {outcome}"), || {
        outcomes(edge).get(outcome).copied().unwrap_or_default() >= count
    });
    let counts = outcomes(edge);
    assert_eq!(counts.get(outcome), Some(&count), "{counts:?}");
}
