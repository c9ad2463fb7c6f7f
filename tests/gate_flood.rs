//! Names and fingerprints that nobody ever saw, one on every connection: what is kept of them is bounded, in memory and in
//! the ledger, and what is not kept is counted all the same, exactly. `SUNDOWN_FULL=1` makes it 100,000.
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

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::thread;

use abuse::{Regular, echo, is_full, is_served};
use bytes::{connect, read_to_end};
use edge::{REFUSE, beside, eventually};
use gate::{GateBuilder, gate_address, noise, tls12};
use serde_json::Value;

/// Connections, and how many of their clients the ledger keeps apart.
fn size() -> (usize, u64) {
    if is_full() {
        (100_000, 20_000)
    } else {
        (3000, 500)
    }
}

/// A hello that differs from every other in its name and in its suites. Every second one is of TLS 1.0.
fn hello(seed: usize) -> Vec<u8> {
    let random = noise(seed as u64 + 1, 16);
    let mut hello = tls12(&format!(
        "{:016x}.example",
        u64::from_le_bytes(random[..8].try_into().unwrap())
    ));
    // Behind the record's header, the message's, version, random and an empty session id: the suites (RFC 5246 section
    // 7.4.1.2). The first stays one that all have.
    let suites = 5 + 4 + 2 + 32 + 1 + 2;
    assert_eq!(hello[suites - 2..suites], [0, 8]);
    hello[suites + 2..suites + 8].copy_from_slice(&random[8..14]);
    if seed % 2 == 1 {
        hello[9..11].copy_from_slice(&[3, 1]);
    }
    hello
}

fn info(data: &Path) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_sundown"))
        .args(["ledger", "info", "--json", "--data-dir"])
        .arg(data)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// All of them, a few at once. Each is answered: with the service's hello, or with the alert.
fn flood(gate: SocketAddr, count: usize) {
    const AT_ONCE: usize = 8;
    thread::scope(|scope| {
        for first in 0..AT_ONCE {
            scope.spawn(move || {
                for seed in (first..count).step_by(AT_ONCE) {
                    let mut stream = connect(gate);
                    stream.write_all(&hello(seed)).unwrap();
                    let mut answer = [0; 7];
                    std::io::Read::read_exact(&mut stream, &mut answer).unwrap();
                    let refused = [21, 3, 1, 0, 2, 2, 70];
                    if seed % 2 == 1 {
                        assert_eq!(answer, refused);
                        assert!(read_to_end(&mut stream).ended_well);
                    } else {
                        assert_eq!(answer, gate::SERVER_HELLO[..7]);
                    }
                }
            });
        }
    });
}

#[test]
fn what_nobody_ever_saw_is_counted_and_not_kept() {
    let (count, kept) = size();
    let configuration =
        GateBuilder::new(&[echo()]).plan(&format!("[ledger]\nclients_per_day = {kept}\n{REFUSE}"));
    let edge = configuration.start();
    let gate = gate_address(&edge);
    // What is set up once is there.
    for _ in 0..20 {
        is_served(gate);
    }
    let data = beside(&edge, "data");
    let stored = |at_least: u64| {
        eventually("all is stored", || {
            info(&data)["connections"].as_u64() >= Some(at_least)
        });
    };
    // Who asks for health has a key of its own from now on.
    edge.health();
    stored(21);
    let before = edge.resident();
    let regular = Regular::of(gate);
    flood(gate, count);
    let served = regular.served();
    assert!(served > 10, "served {served} times meanwhile");
    let all = (count + served + 20) as u64;
    stored(all + 1);
    let grown = edge.resident().saturating_sub(before);
    let limit = if is_full() { 200 } else { 64 };
    assert!(grown < limit * 1024, "grown by {grown} KiB");

    let health = edge.health();
    let totals = &health["totals"];
    let (half, refused) = (count as u64 / 2, &totals["outcomes"]["refused"]);
    assert_eq!(*refused, half, "{health}");
    assert_eq!(totals["outcomes"]["passed"], all - half, "{health}");
    let told = info(&data);
    let keys = told["keys"].as_u64().unwrap();
    assert!(keys <= kept + 20, "{told}");
    // Exact: whatever has no key of its own is in `other`, and nothing else is.
    let (named, other) = flooded(&data);
    assert!(
        other > 0 && other == told["connections_without_details"],
        "{told}"
    );
    assert_eq!(named + other, count as u64, "{told}");
    let bytes = told["bytes"].as_u64().unwrap();
    assert!(bytes < kept * 1500 + (8 << 20), "{told}");
}

/// Connections of the flood that have a key of their own, and connections that have none.
fn flooded(data: &Path) -> (u64, u64) {
    let output = Command::new(env!("CARGO_BIN_EXE_sundown"))
        .args(["ledger", "export", "--format", "jsonl", "--data-dir"])
        .arg(data)
        .output()
        .unwrap();
    let (mut named, mut other) = (0, 0);
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let connections = row["connections"].as_u64().unwrap();
        let sni = row["sni"].as_str().unwrap_or_default();
        if row["without_details"] == true {
            other += connections;
        } else if sni.len() == 24 && sni.ends_with(".example") {
            named += connections;
        }
    }
    (named, other)
}
