//! The gate under abuse: each kind ends at its own deadline and is counted as what it is, and whoever means well is
//! served all the while. `SUNDOWN_FULL=1` makes it ten times as much.
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
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::thread;
use std::time::Duration;

use bytes::{connect, exchange, read_to_end, records, send_and_reset};
use edge::{Edge, WARN, eventually};
use gate::{GateBuilder, SERVER_HELLO, gate_address, noise, tls12};

/// How many of a kind.
fn many() -> usize {
    match std::env::var_os("SUNDOWN_FULL") {
        Some(_) => 1000,
        None => 100,
    }
}

/// A service that answers every hello with one of its own, then says back what comes.
fn echo() -> SocketAddr {
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

/// One who means well: shakes hands, says something and hears it again.
#[track_caller]
fn is_served(gate: SocketAddr) {
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

/// How often each outcome was at the gate.
fn outcomes(edge: &Edge) -> BTreeMap<String, usize> {
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
fn wait_for(edge: &Edge, outcome: &str, count: usize) {
    eventually(&format!("{count} of {outcome}"), || {
        outcomes(edge).get(outcome).copied().unwrap_or_default() >= count
    });
    let counts = outcomes(edge);
    assert_eq!(counts.get(outcome), Some(&count), "{counts:?}");
}

#[test]
fn the_slow_and_the_silent_end_when_the_hello_is_due() {
    let edge = GateBuilder::new(&[echo()])
        .plan(WARN)
        .limits("hello = \"2s\"")
        .start();
    let gate = gate_address(&edge);
    // Its threads have their descriptors once somebody has been served.
    is_served(gate);
    let before = (edge.descriptors(), edge.resident());
    let silent: Vec<TcpStream> = (0..many()).map(|_| connect(gate)).collect();
    // Records of one byte, and not all of them.
    let pieces = records(&bytes::message(0x0303, 500), 1);
    let halves: Vec<TcpStream> = (0..many())
        .map(|_| {
            let mut stream = connect(gate);
            stream.write_all(&pieces[..pieces.len() / 2]).unwrap();
            stream
        })
        .collect();
    let mut slow = connect(gate);
    let dripping = thread::spawn(move || {
        for byte in tls12("slow.example") {
            if slow.write_all(&[byte]).is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(300));
        }
    });
    for _ in 0..10 {
        is_served(gate);
    }
    wait_for(&edge, "hello-timeout", 2 * many() + 1);
    dripping.join().unwrap();
    drop((silent, halves));
    is_served(gate);
    wait_for(&edge, "passed", 12);
    eventually("descriptors are given back", || {
        edge.descriptors() <= before.0 + 2
    });
    let grown = edge.resident().saturating_sub(before.1);
    assert!(grown < 32 * 1024, "grown by {grown} KiB");
}

#[test]
fn long_hellos_pass_and_garbage_does_not() {
    let edge = GateBuilder::new(&[echo()]).plan(WARN).start();
    let gate = gate_address(&edge);
    // As long as a hello can be, in whole records and in records of two bytes.
    for size in [16384, 9] {
        let hello = records(&bytes::message(0x0303, 65_000), size);
        let mut stream = connect(gate);
        stream.write_all(&hello).unwrap();
        let mut answer = [0; SERVER_HELLO.len()];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(answer, SERVER_HELLO);
    }
    wait_for(&edge, "passed", 2);
    for seed in 0..many() {
        let mut garbage = noise(seed as u64 + 1, 40);
        // As TLS begins, for half of them.
        if seed % 2 == 0 {
            garbage[..3].copy_from_slice(&[22, 3, 1]);
        }
        let mut stream = connect(gate);
        stream.write_all(&garbage).ok();
        stream.shutdown(Shutdown::Write).ok();
        stream.read_to_end(&mut Vec::new()).ok();
    }
    is_served(gate);
    let left = exchange(gate, b"GET / HTTP/1.1\r\n\r\n");
    assert!(left.bytes.starts_with(b"HTTP/1.1 400 HTTPS Needed Here"));
    eventually("each is counted", || {
        outcomes(&edge).values().sum::<usize>() == many() + 4
    });
}

#[test]
fn a_reset_at_any_stage_is_told_apart_and_passed_on() {
    let edge = GateBuilder::new(&[echo()]).plan(WARN).start();
    let gate = gate_address(&edge);
    let hello = tls12("reset.example");
    send_and_reset(gate, b"");
    send_and_reset(gate, &hello[..20]);
    wait_for(&edge, "closed-early", 2);
    let mut stream = connect(gate);
    stream.write_all(&hello).unwrap();
    let mut answer = [0; SERVER_HELLO.len()];
    stream.read_exact(&mut answer).unwrap();
    socket2::SockRef::from(&stream)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    drop(stream);
    wait_for(&edge, "passed", 1);
    is_served(gate);
    wait_for(&edge, "passed", 2);
}

/// A service that does this with each connection on which something comes.
fn service(act: impl Fn(TcpStream) + Send + Sync + Clone + 'static) -> SocketAddr {
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

#[test]
fn what_a_service_does_reaches_the_client() {
    let resets = service(|stream| {
        socket2::SockRef::from(&stream)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
    });
    let edge = GateBuilder::new(&[resets]).plan(WARN).start();
    let mut stream = connect(gate_address(&edge));
    stream.write_all(&tls12("x.example")).unwrap();
    assert!(!read_to_end(&mut stream).ended_well, "a reset is a reset");
    wait_for(&edge, "upstream-closed", 1);

    let closes = service(drop);
    let edge = GateBuilder::new(&[closes]).plan(WARN).start();
    let mut stream = connect(gate_address(&edge));
    stream.write_all(&tls12("x.example")).unwrap();
    let left = read_to_end(&mut stream);
    assert!(left.ended_well && left.bytes.is_empty(), "an end is an end");
    drop(stream);
    wait_for(&edge, "upstream-closed", 1);

    // Half an answer, then a reset: the client is not to take it for the whole.
    let breaks = service(|mut stream| {
        stream.write_all(&SERVER_HELLO).unwrap();
        stream.write_all(&noise(3, 1 << 20)).unwrap();
        thread::sleep(Duration::from_millis(300));
        socket2::SockRef::from(&stream)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
    });
    let edge = GateBuilder::new(&[breaks]).plan(WARN).start();
    let mut stream = connect(gate_address(&edge));
    stream.write_all(&tls12("x.example")).unwrap();
    assert!(!read_to_end(&mut stream).ended_well, "a reset is a reset");
    wait_for(&edge, "passed", 1);
}

#[test]
fn a_service_that_never_answers_is_given_up() {
    let mute = service(|stream| {
        thread::sleep(Duration::from_secs(60));
        drop(stream);
    });
    let edge = GateBuilder::new(&[mute])
        .plan(WARN)
        .limits("handshake = \"1s\"")
        .start();
    let gate = gate_address(&edge);
    let mut waiting: Vec<TcpStream> = (0..many() / 2)
        .map(|_| {
            let mut stream = connect(gate);
            stream.write_all(&tls12("x.example")).unwrap();
            stream
        })
        .collect();
    for stream in &mut waiting {
        let left = read_to_end(stream);
        // internal_error: no fault of the client's.
        assert_eq!(left.bytes, [21, 3, 3, 0, 2, 2, 80]);
    }
    drop(waiting);
    wait_for(&edge, "upstream-silent", many() / 2);
}

#[test]
fn a_connection_that_stands_still_ends() {
    let edge = GateBuilder::new(&[echo()])
        .keys("idle = \"1s\"")
        .plan(WARN)
        .start();
    let mut stream = connect(gate_address(&edge));
    stream.write_all(&tls12("x.example")).unwrap();
    let left = read_to_end(&mut stream);
    assert_eq!(left.bytes, SERVER_HELLO);
    wait_for(&edge, "passed", 1);
}

#[test]
fn out_of_descriptors_it_goes_on_with_those_it_has() {
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 128; exec \"$0\" \"$@\""]);
    command.arg(env!("CARGO_BIN_EXE_sundown"));
    let edge = GateBuilder::new(&[echo()])
        .plan(WARN)
        .limits("hello = \"1s\"\nhandshake = \"1s\"")
        .launch(command);
    let gate = gate_address(&edge);
    let silent: Vec<TcpStream> = (0..300).map(|_| connect(gate)).collect();
    edge.wait_for_log("cannot accept connections");
    // Behind them in the queue, and served when their time is over.
    is_served(gate);
    drop(silent);
    for _ in 0..5 {
        is_served(gate);
    }
    let counts = outcomes(&edge);
    assert!(counts["hello-timeout"] >= 50, "{counts:?}");
    eventually("descriptors are given back", || edge.descriptors() < 60);
}

#[test]
fn many_come_and_go_and_leave_nothing_behind() {
    let edge = GateBuilder::new(&[echo()]).plan(WARN).start();
    let gate = gate_address(&edge);
    for _ in 0..many() {
        is_served(gate);
    }
    let before = (edge.descriptors(), edge.resident());
    for _ in 0..5 * many() {
        is_served(gate);
    }
    wait_for(&edge, "passed", 6 * many());
    eventually("descriptors are given back", || {
        edge.descriptors() <= before.0 + 2
    });
    let grown = edge.resident().saturating_sub(before.1);
    assert!(grown < 16 * 1024, "grown by {grown} KiB");
}
