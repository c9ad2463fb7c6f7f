//! Hellos of real clients in packet captures, against what other tools made of them.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "support/capture.rs"]
mod capture;
mod support;

use hello::{Format, Offer, Version};
use std::collections::BTreeMap;
use std::net::SocketAddr;

type Row = BTreeMap<String, String>;

/// The rows of a CSV file whose quoted fields hold no line breaks.
fn rows(text: &str) -> Vec<Row> {
    let fields = |line: &str| {
        let mut quoted = false;
        let split = line.split(move |c| {
            quoted ^= c == '"';
            c == ',' && !quoted
        });
        split
            .map(|field| field.trim_matches('"').to_owned())
            .collect::<Vec<_>>()
    };
    let mut lines = text.lines();
    let names = fields(lines.next().unwrap());
    lines
        .map(|line| names.iter().cloned().zip(fields(line)).collect())
        .collect()
}

fn version(name: &str) -> Option<Version> {
    Version::from_name(if name == "TLSv1.0" { "TLSv1" } else { name })
}

/// Where TLS begins in a stream: at once, or after STARTTLS or CONNECT.
fn hello_start(stream: &[u8]) -> Option<usize> {
    if stream.first().is_some_and(|&byte| byte >= 0x80) {
        return Some(0);
    }
    stream
        .windows(6)
        .position(|start| matches!(start, [22, 3, 0..=4, _, _, 1]))
}

#[test]
fn hellos_in_captures_have_the_fingerprints_that_other_tools_give_them() {
    let Some(table) = support::shared("captures/expected.csv") else {
        return;
    };
    let rows = rows(&std::fs::read_to_string(&table).unwrap());
    let (mut skipped, mut compared) = (BTreeMap::<String, usize>::new(), 0);
    let mut captures: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for row in &rows {
        if row["transport"] != "tcp" {
            *skipped
                .entry(format!("{} is not read", row["transport"]))
                .or_default() += 1;
            continue;
        }
        let streams = captures
            .entry(row["pcap"].clone())
            .or_insert_with(|| capture::streams(&table.with_file_name(&row["pcap"])));
        let address = |ip: &str, port: &str| {
            SocketAddr::new(row[ip].parse().unwrap(), row[port].parse().unwrap())
        };
        let direction = (address("client", "cport"), address("server", "sport"));
        let place = format!("{} {}", row["pcap"], row["stream"]);
        // Addresses that are used again come in the order of the rows.
        let found = streams
            .iter()
            .position(|(this, bytes)| *this == direction && hello_start(bytes).is_some());
        let (_, bytes) =
            streams.remove(found.unwrap_or_else(|| panic!("{place}: no stream with a hello")));
        check(row, &bytes[hello_start(&bytes).unwrap()..], &place);
        compared += 1;
    }
    eprintln!("{compared} hellos compared; SKIPPED: {skipped:?}");
    assert_eq!(compared + skipped.values().sum::<usize>(), rows.len());
    assert!(compared >= 200, "{compared}");
}

fn check(row: &Row, bytes: &[u8], place: &str) {
    let name = support::read(bytes, |hello, _| {
        hello.server_name().unwrap_or_default().to_owned()
    });
    assert_eq!(
        name.unwrap_or_else(|why| panic!("{place}: {why}")),
        row["sni"],
        "{place}"
    );
    let offer: Offer = support::offer(bytes).unwrap();
    let format = if row["hello_format"] == "sslv2" {
        Format::Sslv2
    } else {
        Format::Tls
    };
    assert_eq!(offer.format(), format, "{place}");
    assert_eq!(
        Some(offer.legacy_version()),
        version(&row["legacy_version"]),
        "{place}"
    );
    // Drafts of TLS 1.3 are no version that anybody speaks today.
    if let Some(max) = version(&row["offered_max"]) {
        assert_eq!(offer.max_version(), max, "{place}");
    }
    // No tool gives an SSLv2-compatible hello a fingerprint.
    if format == Format::Tls {
        assert_eq!(hello::ja3(&offer), row["ja3"], "{place}");
        assert_eq!(hello::ja4(&offer), row["ja4"], "{place}");
    }
}
