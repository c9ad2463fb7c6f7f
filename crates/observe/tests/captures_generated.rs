//! Captures that `bench/captures-generate` writes: every field of every connection is as it was put in, and nothing is told
//! twice or left out, wherever the reading is broken off or the capture ended before.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what goes wrong in a helper of a test fails the test"
)]

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use hello::names;
use observe::Evidence;
use observe::capture::{Counted, Taker, read, read_on};

const GENERATOR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../bench/captures-generate");

/// A capture and the rows beside it; `None` where there is no Python that can make it.
#[expect(clippy::print_stderr, reason = "a skipped test has to say so")]
fn generated(directory: &Path, what: &str, size: [&str; 2]) -> Option<(Vec<u8>, Vec<Row>)> {
    let python = Command::new("python3")
        .args(["-c", "import tomllib"])
        .output();
    if !python.is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED captures of bench/captures-generate: Python 3.11 is not there");
        return None;
    }
    let output = Command::new("python3")
        .arg(GENERATOR)
        .arg(what)
        .arg(directory)
        .args(size)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let capture = std::fs::read(directory.join(format!("{what}.pcap"))).unwrap();
    let mut table = csv::Reader::from_path(directory.join(format!("{what}.csv"))).unwrap();
    let rows = table.deserialize::<BTreeMap<String, String>>();
    let rows = rows.map(|row| truth(&row.unwrap())).collect();
    Some((capture, rows))
}

/// Client, server, SNI, offered, negotiated, cipher, JA3, JA4.
type Row = [String; 8];

fn truth(row: &BTreeMap<String, String>) -> Row {
    let end = |name: &str| {
        let (address, port) = row[name].split_once(' ').unwrap();
        std::net::SocketAddr::new(address.parse().unwrap(), port.parse().unwrap()).to_string()
    };
    let cipher = match u16::from_str_radix(&row["cipher"], 16) {
        Ok(code) => names::cipher_suite(code).unwrap().openssl.unwrap().into(),
        Err(_) => String::new(),
    };
    let [sni, offered, negotiated, ja3, ja4] =
        ["sni", "offered", "negotiated", "ja3", "ja4"].map(|name| row[name].clone());
    [
        end("client"),
        end("server"),
        sni,
        offered,
        negotiated,
        cipher,
        ja3,
        ja4,
    ]
}

fn told(evidence: &Evidence<'_>) -> Row {
    let whole = evidence.offer.as_ref().filter(|offer| !offer.is_partial());
    let agreed = evidence.negotiated.as_ref();
    let of_offer = |of: fn(&hello::Offer) -> String| whole.map(of).unwrap_or_default();
    // The generator gives every client an address of its own, so the port is told by the server's side alone.
    [
        evidence.address.unwrap().to_string(),
        evidence.server.unwrap().to_string(),
        evidence.sni.unwrap_or_default().to_owned(),
        of_offer(|offer| offer.max_version().to_string()),
        agreed
            .map(|agreed| agreed.version.to_string())
            .unwrap_or_default(),
        agreed
            .map(|agreed| agreed.cipher.to_owned())
            .unwrap_or_default(),
        of_offer(hello::ja3),
        of_offer(hello::ja4),
    ]
}

fn all(capture: &[u8]) -> Vec<Row> {
    let mut rows = Vec::new();
    let summary = read(capture, &"test".into(), &mut |evidence| {
        rows.push(told(&evidence));
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(summary.problem, None);
    assert_eq!(summary.connections, rows.len() as u64);
    rows
}

fn sorted(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort();
    rows
}

fn agree(what: &str, size: [&str; 2], least: usize) {
    let directory = tempfile::tempdir().unwrap();
    let Some((capture, mut expected)) = generated(directory.path(), what, size) else {
        return;
    };
    assert!(expected.len() >= least, "{} connections", expected.len());
    for row in &mut expected {
        let client: std::net::SocketAddr = row[0].parse().unwrap();
        row[0] = client.ip().to_string();
    }
    let (expected, found) = (sorted(expected), sorted(all(&capture)));
    for (expected, found) in expected.iter().zip(&found) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), expected.len());
}

#[test]
fn every_field_of_every_connection_is_as_it_was_put_in() {
    agree("hellos", ["--connections", "600"], 600);
}

#[test]
fn among_large_transfers_too() {
    agree("bulk", ["--megabytes", "4"], 20);
}

/// Takes evidence until this many connections were told of, and notes where that was.
#[derive(Default)]
struct UpTo {
    rows: Vec<Row>,
    most: usize,
    reached: u64,
}

impl Taker for UpTo {
    fn take(&mut self, evidence: Evidence<'_>) -> ControlFlow<()> {
        self.rows.push(told(&evidence));
        ControlFlow::Continue(())
    }

    fn reached(&mut self, position: u64, tail: &[u8]) -> ControlFlow<()> {
        assert!(!tail.is_empty() && position > self.reached);
        self.reached = position;
        if self.rows.len() >= self.most {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    fn ended(&mut self, position: u64, _tail: &[u8]) {
        assert!(position >= self.reached);
        self.reached = position;
    }
}

fn taken(capture: &[u8], counted: Counted, most: usize) -> UpTo {
    let mut taker = UpTo {
        most,
        ..UpTo::default()
    };
    let source: Arc<str> = "test".into();
    let summary = read_on(capture, &source, counted, &mut taker).unwrap();
    assert_eq!(summary.connections, taker.rows.len() as u64);
    taker
}

#[test]
fn broken_off_anywhere_and_read_on_it_is_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let size = ["--connections", "120"];
    let Some((capture, _)) = generated(directory.path(), "hellos", size) else {
        return;
    };
    let whole = all(&capture);
    for most in 1..whole.len() {
        let first = taken(&capture, Counted::default(), most);
        let counted = Counted {
            position: first.reached,
            at_its_end: false,
        };
        let second = taken(&capture, counted, usize::MAX);
        assert_eq!([first.rows, second.rows].concat(), whole, "{most}");
    }
}

#[test]
fn a_capture_that_grows_is_counted_once() {
    let directory = tempfile::tempdir().unwrap();
    let size = ["--connections", "120"];
    let Some((capture, _)) = generated(directory.path(), "hellos", size) else {
        return;
    };
    let whole = all(&capture);
    let ends = |rows: &[Row]| {
        let mut ends: Vec<_> = rows
            .iter()
            .map(|row| (row[0].clone(), row[1].clone()))
            .collect();
        ends.sort();
        ends
    };
    for length in (24..capture.len()).step_by(capture.len() / 90) {
        let first = taken(&capture[..length], Counted::default(), usize::MAX);
        let counted = Counted {
            position: length as u64,
            at_its_end: true,
        };
        let nothing = taken(&capture[..length], counted, usize::MAX);
        assert_eq!(nothing.rows, <Vec<Row>>::new(), "{length}");
        let second = taken(&capture, counted, usize::MAX);
        let both = [first.rows, second.rows].concat();
        assert_eq!(ends(&both), ends(&whole), "{length}");
    }
}
