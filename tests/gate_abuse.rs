//! The gate under abuse: each kind ends at its own deadline and is counted as what it is, and whoever means well is
//! served all the while. `SUNDOWN_FULL=1` makes it ten times as much.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what goes wrong in a helper of a test fails the test"
)]

#[path = "support/abuse.rs"]
mod abuse;
#[path = "support/bytes.rs"]
mod bytes;
#[path = "support/edge.rs"]
mod edge;
#[path = "support/gate.rs"]
mod gate;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::Command;
use std::thread;
use std::time::Duration;

use abuse::{Regular, echo, is_full, is_served, many, outcomes, service, wait_for};
use bytes::{connect, exchange, read_to_end, records};
use edge::{WARN, eventually};
use gate::{GateBuilder, SERVER_HELLO, gate_address, noise, tls12};

#[test]
fn the_slow_and_the_silent_end_when_the_hello_is_due() {
    let edge = GateBuilder::new(&[echo()])
        .plan(WARN)
        .limits("hello = \"2s\"\nconnections_per_address = 5000")
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
    let regular = Regular::of(gate);
    wait_for(&edge, "hello-timeout", 2 * many() + 1);
    dripping.join().unwrap();
    drop((silent, halves));
    let served = regular.served();
    assert!(served > 10, "served {served} times while they waited");
    wait_for(&edge, "passed", served + 1);
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
    let files = if is_full() { 256 } else { 128 };
    let mut command = Command::new("sh");
    command.arg("-c");
    command.arg(format!("ulimit -n {files}; exec \"$0\" \"$@\""));
    command.arg(env!("CARGO_BIN_EXE_sundown"));
    let edge = GateBuilder::new(&[echo()])
        .plan(WARN)
        .limits("hello = \"1s\"\nhandshake = \"1s\"")
        .launch(command);
    let gate = gate_address(&edge);
    let silent: Vec<TcpStream> = (0..3 * files).map(|_| connect(gate)).collect();
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
