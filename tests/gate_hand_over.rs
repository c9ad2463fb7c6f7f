//! A gate whose process and whose plan are replaced again and again, beside an edge, while clients come, stay, dawdle
//! and move whole files: not one is refused, reset or cut short. `SUNDOWN_FULL=1` does it ten times under 500
//! connections a second.
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
#[path = "support/gate.rs"]
mod gate;

use std::collections::BTreeMap;
use std::io::{Error, Read, Write};
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use bytes::connect;
use edge::{Edge, LIMIT, WARN, beside, eventually};
use gate::{GateBuilder, SERVER_HELLO, gate_address, hashed, noise, tls12};
use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

/// How many processes follow one another, and how many clients come in a second.
fn measure() -> (usize, u64) {
    match std::env::var_os("SUNDOWN_FULL") {
        Some(_) => (10, 500),
        None => (2, 100),
    }
}

/// How long those stay that stay, which is longer than a process that is replaced takes connections.
const STAY: Duration = Duration::from_secs(7);

/// A service that answers every hello with its own, then says back what comes.
async fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let hello = tls12("x.example").len();
    tokio::spawn(async move {
        loop {
            let Ok((mut stream, _)) = listener.accept().await else {
                // Out of descriptors for a moment.
                sleep(Duration::from_millis(10)).await;
                continue;
            };
            tokio::spawn(async move {
                let mut first = vec![0; hello];
                // A check says nothing.
                stream.read_exact(&mut first).await.ok()?;
                stream.write_all(&SERVER_HELLO).await.ok()?;
                let (mut reading, mut writing) = stream.split();
                tokio::io::copy(&mut reading, &mut writing).await.ok()?;
                writing.shutdown().await.ok()
            });
        }
    });
    address
}

/// One who comes and goes; one in ten dawdles in the midst of its hello, some stay, some move a file.
async fn visit(gate: SocketAddr, number: usize) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(gate).await?;
    let hello = tls12("x.example");
    let (one, other) = hello.split_at(hello.len() / 2);
    stream.write_all(one).await?;
    if number % 10 == 1 {
        sleep(Duration::from_millis(900)).await;
    }
    stream.write_all(other).await?;
    let mut answer = [0; SERVER_HELLO.len()];
    stream.read_exact(&mut answer).await?;
    assert_eq!(answer, SERVER_HELLO);
    let (size, pause, times) = match number % 200 {
        2 | 27 | 102 | 127 => (1000, STAY / 20, 20),
        // Enough to be spliced.
        3 => (1 << 20, Duration::ZERO, 1),
        _ => (100, Duration::ZERO, 1),
    };
    let (reading, mut writing) = stream.split();
    let sent = noise(number as u64, size);
    let sending = async {
        for _ in 0..times {
            writing.write_all(&sent).await?;
            sleep(pause).await;
        }
        writing.shutdown().await
    };
    let mut got = Vec::new();
    let mut reading = reading;
    let receiving = reading.read_to_end(&mut got);
    tokio::try_join!(sending, receiving)?;
    if got == sent.repeat(times) {
        Ok(())
    } else {
        let (got, sent) = (got.len(), times * size);
        Err(Error::other(format!("{got} bytes came of {sent}")))
    }
}

/// Clients that come at a rate, each in its own time, until they are told to end.
struct Crowd {
    ending: Arc<AtomicBool>,
    done: Arc<AtomicUsize>,
    clients: tokio::task::JoinHandle<(usize, Vec<String>)>,
}

impl Crowd {
    fn at(gate: SocketAddr, rate: u64) -> Self {
        let (ending, done) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let (until, count) = (ending.clone(), done.clone());
        let clients = tokio::spawn(async move {
            let mut ticks = interval(Duration::from_micros(1_000_000 / rate));
            // A machine that stood still is not to be made up for by a flood.
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut visits = JoinSet::new();
            let mut number = 0;
            while !until.load(Relaxed) {
                ticks.tick().await;
                let (count, this) = (count.clone(), number);
                visits.spawn(async move {
                    let visited = timeout(LIMIT, visit(gate, this)).await;
                    count.fetch_add(1, Relaxed);
                    let visited = visited.map_err(|_| Error::other("not in time"));
                    visited
                        .flatten()
                        .map_err(|error| format!("{this}: {error}"))
                });
                number += 1;
            }
            let all = visits.join_all().await;
            (number, all.into_iter().filter_map(Result::err).collect())
        });
        Self {
            ending,
            done,
            clients,
        }
    }

    /// Waits until so many more have come and gone.
    async fn goes_on_for(&self, visits: u64) {
        let until = self.done.load(Relaxed) + usize::try_from(visits).unwrap();
        timeout(3 * LIMIT, async {
            while self.done.load(Relaxed) < until {
                sleep(Duration::from_millis(10)).await;
            }
        })
        .await
        .expect("the clients go on");
    }

    /// Ends it; how many came, and what went wrong for whom.
    async fn ends(self) -> (usize, Vec<String>) {
        self.ending.store(true, Relaxed);
        self.clients.await.unwrap()
    }
}

/// How often each outcome was at the gate.
fn outcomes(gate: SocketAddr, sightings: &[serde_json::Value]) -> BTreeMap<String, usize> {
    let gate = gate.to_string();
    let mut counts = BTreeMap::new();
    for seen in sightings.iter().filter(|seen| seen["edge"] == gate) {
        let outcome = seen["outcome"].as_str().unwrap_or_default();
        *counts.entry(outcome.to_owned()).or_default() += 1;
    }
    counts
}

/// Which socket it is that a process can be taken over by.
fn offered(path: &Path) -> Option<u64> {
    std::fs::metadata(path).ok().map(|socket| socket.ino())
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_and_plans_follow_one_another_and_no_client_notices() {
    let (times, rate) = measure();
    // Both ends of every connection are this process's.
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    setrlimit(Resource::Nofile, raised).unwrap();
    let service = echo().await;
    let configuration = GateBuilder::new(&[service])
        // All come from one address, and a machine may be slow.
        .limits(
            "hello = \"5s\"\nhandshake = \"20s\"\ndrain = \"15s\"\nconnections_per_address = 20000",
        )
        .plan(WARN)
        .configuration();
    let first = Edge::start(&configuration, None);
    let gate = gate_address(&first);
    let socket = beside(&first, "data").join("hand-over.sock");
    let mut offer = None;
    let (crowd, begun) = (Crowd::at(gate, rate), Instant::now());
    let mut processes = vec![first];
    for _ in 0..times {
        crowd.goes_on_for(rate).await;
        let process = processes.last().unwrap();
        process.signal(Signal::HUP);
        process.wait_for_log("reloaded");
        crowd.goes_on_for(rate).await;
        eventually("it can be taken over from", || {
            offered(&socket).is_some_and(|now| offer != Some(now))
        });
        offer = offered(&socket);
        let next = Edge::take_over(process, &configuration, None);
        assert_eq!(gate_address(&next), gate, "the same socket");
        assert_eq!(next.address, process.address, "and of the edge");
        process.wait_for_log("another process has taken the listening sockets over");
        assert!(next.health()["open"].is_u64());
        processes.push(next);
    }
    crowd.goes_on_for(rate).await;
    let lasted = begun.elapsed().as_secs();
    let (visits, faults) = crowd.ends().await;
    println!(
        "{visits} came in {lasted} s to {} processes, {rate} a second at most",
        times + 1
    );
    let mut seen = BTreeMap::<String, usize>::new();
    let last = processes.pop().unwrap();
    let mut ends = vec![last.stop()];
    ends.extend(processes.into_iter().map(Edge::wait));
    for ended in ends {
        assert_eq!(ended.code, Some(0), "{}", ended.log);
        assert!(!ended.log.contains("cut off"), "{faults:#?} {}", ended.log);
        let here = outcomes(gate, &ended.sightings);
        assert!(here.contains_key("passed"), "each passes some: {here:?}");
        for (outcome, count) in here {
            *seen.entry(outcome).or_default() += count;
        }
    }
    assert!(faults.is_empty(), "{visits} came: {seen:?}, {faults:#?}");
    let all = BTreeMap::from([("passed".to_owned(), visits)]);
    assert_eq!(seen, all, "each is counted by one of them, once");
}

/// The last to come finds the new process, though the old one may have been the one that the kernel woke.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_left_between_two_processes() {
    let service = echo().await;
    let configuration = GateBuilder::new(&[service])
        .limits("hello = \"1s\"")
        .plan(WARN)
        .configuration();
    let first = Edge::start(&configuration, None);
    let gate = gate_address(&first);
    let socket = beside(&first, "data").join("hand-over.sock");
    eventually("it can be taken over from", || socket.exists());
    let ending = Arc::<AtomicBool>::default();
    let until = ending.clone();
    // One after the other: nobody comes to wake whom one before was left to.
    let visiting = tokio::spawn(async move {
        let mut visits = 0;
        while !until.load(Relaxed) {
            timeout(LIMIT, visit(gate, 0)).await.unwrap().unwrap();
            visits += 1;
        }
        visits
    });
    let second = Edge::take_over(&first, &configuration, None);
    first.wait_for_log("another process has taken the listening sockets over");
    sleep(Duration::from_millis(300)).await;
    ending.store(true, Relaxed);
    assert!(timeout(LIMIT, visiting).await.unwrap().unwrap() > 0);
    assert_eq!(second.stop().code, Some(0));
    assert_eq!(first.wait().code, Some(0));
}

/// A stop is no end for who has been accepted: a hello that is under way may still come, and what is spliced goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_lets_half_a_hello_and_half_a_file_finish() {
    let service = echo().await;
    let edge = GateBuilder::new(&[service])
        .limits("drain = \"15s\"")
        .plan(WARN)
        .start();
    let gate = gate_address(&edge);
    let hello = tls12("x.example");
    let mut half = connect(gate);
    half.write_all(&hello[..40]).unwrap();
    // A megabyte through, and the rest to come.
    let mut bulk = connect(gate);
    bulk.write_all(&hello).unwrap();
    let (sent, answer) = (noise(1, 4 << 20), SERVER_HELLO.len());
    let mut got = vec![0; answer + (1 << 20)];
    let mut writing = bulk.try_clone().unwrap();
    let more = sent[1 << 20..].to_vec();
    writing.write_all(&sent[..1 << 20]).unwrap();
    bulk.read_exact(&mut got).unwrap();
    // Both are there, and so is who asks.
    eventually("both are open", || {
        edge.health()["open"].as_u64() >= Some(3)
    });
    edge.signal(Signal::TERM);
    edge.wait_for_log("stopping");
    sleep(Duration::from_millis(300)).await;
    half.write_all(&hello[40..]).unwrap();
    let mut first = [0; SERVER_HELLO.len()];
    half.read_exact(&mut first).unwrap();
    assert_eq!(first, SERVER_HELLO);
    let writer = std::thread::spawn(move || {
        writing.write_all(&more).unwrap();
        writing.shutdown(std::net::Shutdown::Write).unwrap();
    });
    bulk.read_to_end(&mut got).unwrap();
    writer.join().unwrap();
    assert_eq!(hashed(&got[answer..]), hashed(&sent));
    half.shutdown(std::net::Shutdown::Write).unwrap();
    half.read_to_end(&mut Vec::new()).unwrap();
    let ended = edge.wait();
    assert_eq!(ended.code, Some(0), "{}", ended.log);
    assert!(!ended.log.contains("cut off"), "{}", ended.log);
    let both = BTreeMap::from([("passed".to_owned(), 2)]);
    assert_eq!(outcomes(gate, &ended.sightings), both);
}
