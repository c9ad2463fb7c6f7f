//! What is no proper hello: each kind gives exactly one sighting that says what it was, and the edge goes on.
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

use std::io::{Read, Write};
use std::thread;
use std::time::Duration;

use bytes::{connect, exchange, message, read_to_end, records, send_and_reset, sslv2, tls10};
use edge::{Edge, REFUSE, WARN};

/// A fatal alert in a record of this version.
const fn alert(version: [u8; 2], description: u8) -> [u8; 7] {
    [21, version[0], version[1], 0, 2, 2, description]
}

const PROTOCOL_VERSION: u8 = 70;
const DECODE_ERROR: u8 = 50;

#[test]
fn each_kind_of_stranger_is_told_apart() {
    let edge = Edge::start(WARN, None);
    // Reproducible noise that begins with no byte TLS begins with.
    let noise: Vec<u8> = (0..4096_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let strangers: [(&str, Vec<u8>, &str, &str, &str); 12] = [
        ("noise", noise, "not-tls", "protocol", "unknown"),
        (
            "HTTP",
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
            "not-tls",
            "protocol",
            "http",
        ),
        (
            "HTTP/2 with prior knowledge",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
            "not-tls",
            "protocol",
            "http",
        ),
        (
            "SSH",
            b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(),
            "not-tls",
            "protocol",
            "ssh",
        ),
        (
            "PROXY v1",
            b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n".to_vec(),
            "not-tls",
            "protocol",
            "proxy-protocol",
        ),
        (
            "PROXY v2",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec(),
            "not-tls",
            "protocol",
            "proxy-protocol",
        ),
        (
            "an alert first",
            alert([3, 1], 0).to_vec(),
            "malformed",
            "reason",
            "record type",
        ),
        (
            "application data first",
            vec![23, 3, 3, 0, 1, 0],
            "malformed",
            "reason",
            "record type",
        ),
        (
            "an empty record",
            vec![22, 3, 1, 0, 0],
            "malformed",
            "reason",
            "empty",
        ),
        (
            "a record over 2^14",
            vec![22, 3, 1, 0x40, 1],
            "malformed",
            "reason",
            "record",
        ),
        (
            "a ServerHello",
            records(&[&[2], &message(0x0301, 0)[1..]].concat(), 16384),
            "malformed",
            "reason",
            "handshake",
        ),
        (
            "a hello of 16 MiB",
            vec![22, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff],
            "malformed",
            "reason",
            "65536",
        ),
    ];
    for (index, (name, bytes, outcome, key, word)) in strangers.iter().enumerate() {
        let left = exchange(edge.address, bytes);
        let sighting = edge.sightings(index + 1).pop().unwrap();
        assert_eq!(sighting["outcome"], *outcome, "{name}: {sighting}");
        let said = sighting[*key].as_str().unwrap_or_default();
        assert!(
            said.contains(word),
            "{name}: {said:?} does not say {word:?}"
        );
        assert_eq!(sighting["negotiated"], serde_json::Value::Null, "{name}");
        match *outcome {
            "malformed" => assert_eq!(left.bytes, alert([3, 1], DECODE_ERROR), "{name}"),
            _ if *word == "http" => {
                let text = String::from_utf8_lossy(&left.bytes);
                assert!(
                    text.starts_with("HTTP/1.1 400 ") && text.contains("This port speaks HTTPS"),
                    "{name}: {text}"
                );
                assert!(
                    left.ended_well,
                    "{name}: a browser must see the text, not a reset"
                );
            }
            _ => assert_eq!(left.bytes, b"", "{name}"),
        }
    }
    let ended = edge.stop();
    assert_eq!(
        (ended.code, ended.sightings.len()),
        (Some(0), strangers.len()),
        "{}",
        ended.log
    );
}

#[test]
fn a_hello_that_breaks_off_is_closed_early_however_it_ends() {
    let edge = Edge::start(WARN, None);
    let hello = tls10();
    assert_eq!(exchange(edge.address, b"").bytes, b"");
    assert_eq!(exchange(edge.address, &hello[..hello.len() - 1]).bytes, b"");
    send_and_reset(edge.address, &hello[..20]);
    let mut counts: Vec<u64> = edge
        .sightings(3)
        .iter()
        .map(|sighting| {
            assert_eq!(sighting["outcome"], "closed-early", "{sighting}");
            sighting["bytes"].as_u64().unwrap()
        })
        .collect();
    counts.sort_unstable();
    assert_eq!(counts[..1], [0]);
    assert_eq!(counts[2], hello.len() as u64 - 1);
    // The reset may overtake the bytes before it.
    assert!([0, 20].contains(&counts[1]), "{counts:?}");
}

#[test]
fn a_client_that_goes_after_its_hello_abandons_the_handshake() {
    let edge = Edge::start(WARN, None);
    let left = exchange(edge.address, &tls10());
    assert_eq!(
        left.bytes[..3],
        [22, 3, 1],
        "served while the plan only warns: a ServerHello of TLS 1.0"
    );
    let sighting = edge.sightings(1).pop().unwrap();
    assert_eq!(sighting["outcome"], "handshake-abandoned", "{sighting}");
    assert_eq!(
        (&sighting["offered"], &sighting["judged"]["action"]),
        (&"TLSv1".into(), &"warn".into())
    );
    send_and_reset(edge.address, &tls10());
    let sighting = edge.sightings(2).pop().unwrap();
    // Where the reset is faster than the hello's reader, nothing was read.
    assert!(
        ["handshake-abandoned", "closed-early"].contains(&sighting["outcome"].as_str().unwrap()),
        "{sighting}"
    );
    assert_eq!(edge.stop().sightings.len(), 2);
}

#[test]
fn an_alert_for_an_answer_is_a_failed_handshake_and_kept() {
    let edge = Edge::start(WARN, None);
    let mut stream = connect(edge.address);
    stream.write_all(&tls10()).unwrap();
    stream.read_exact(&mut [0; 5]).unwrap();
    const UNKNOWN_CA: u8 = 48;
    stream.write_all(&alert([3, 1], UNKNOWN_CA)).unwrap();
    read_to_end(&mut stream);
    let (outcome, sighting) = edge.only_sighting();
    assert_eq!(outcome, "handshake-failed", "{sighting}");
    assert_eq!(sighting["alert"], UNKNOWN_CA, "{sighting}");
}

#[test]
fn sslv2_hellos_are_served_while_the_plan_warns_and_refused_when_it_refuses() {
    let edge = Edge::start(WARN, None);
    let left = exchange(edge.address, &sslv2());
    assert_eq!(
        left.bytes.get(..3),
        Some(&[22, 3, 1][..]),
        "a ServerHello of TLS 1.0: {left:?}"
    );
    let (_, sighting) = edge.only_sighting();
    assert_eq!(sighting["offered"], "TLSv1", "{sighting}");

    let edge = Edge::start(REFUSE, None);
    let left = exchange(edge.address, &sslv2());
    assert_eq!(
        (&left.bytes[..], left.ended_well),
        (&alert([3, 1], PROTOCOL_VERSION)[..], true)
    );
    let (outcome, sighting) = edge.only_sighting();
    assert_eq!(
        (outcome.as_str(), &sighting["alert"]),
        ("refused", &PROTOCOL_VERSION.into()),
        "{sighting}"
    );
}

#[test]
fn a_great_hello_in_small_records_is_read() {
    let edge = Edge::start(REFUSE, None);
    // As long as a hello can be, in records of 16 bytes, and another a byte at a time.
    let great = message(0x0301, 60_000);
    let left = exchange(edge.address, &records(&great, 16));
    assert_eq!(left.bytes, alert([3, 1], PROTOCOL_VERSION));
    let mut stream = connect(edge.address);
    for byte in records(&message(0x0302, 0), 1) {
        stream.write_all(&[byte]).unwrap();
    }
    let left = read_to_end(&mut stream);
    assert_eq!(
        left.bytes,
        alert([3, 2], PROTOCOL_VERSION),
        "in the version of the hello"
    );
    for sighting in edge.sightings(2) {
        assert_eq!(sighting["outcome"], "refused", "{sighting}");
    }
}

#[test]
fn the_alert_arrives_before_the_end_whatever_is_behind_the_hello() {
    let edge = Edge::start(REFUSE, None);
    let behind = [&tls10()[..], &vec![0x55; 100 * 1024]].concat();
    thread::scope(|scope| {
        for round in 0..20 {
            let (edge, behind) = (&edge, &behind);
            scope.spawn(move || {
                let mut stream = connect(edge.address);
                stream.write_all(behind).unwrap();
                // A client slow to read: had the edge closed with bytes unread, the reset would be here by now
                // and would have thrown the alert away.
                thread::sleep(Duration::from_millis(20 * round));
                let left = read_to_end(&mut stream);
                assert_eq!(
                    (&left.bytes[..], left.ended_well),
                    (&alert([3, 1], PROTOCOL_VERSION)[..], true)
                );
            });
        }
    });
    assert_eq!(edge.sightings(20).len(), 20);
    let ended = edge.stop();
    assert!(
        ended
            .sightings
            .iter()
            .all(|sighting| sighting["outcome"] == "refused"),
        "{:#?}",
        ended.sightings
    );
}

/// The alert of a hello with nothing behind it is sent and the connection closed at once. What comes after that is
/// answered with a reset, which must not be what the client reads first.
#[test]
fn the_alert_is_read_before_any_reset_when_more_follows_the_hello() {
    let edge = Edge::start(REFUSE, None);
    // The first connection finds everything cold, and its answer may take longer than the pause below.
    let mut first = connect(edge.address);
    first.write_all(&tls10()).unwrap();
    read_to_end(&mut first);
    const ROUNDS: usize = 50;
    for delay in [1, 20].map(Duration::from_millis) {
        for round in 0..ROUNDS {
            let mut stream = connect(edge.address);
            stream.write_all(&tls10()).unwrap();
            thread::sleep(delay);
            // The second of these meets the reset that the first was answered with; the client looks at neither.
            for _ in 0..2 {
                stream.write_all(&[0x55; 200]).ok();
                thread::sleep(Duration::from_millis(1));
            }
            let left = read_to_end(&mut stream);
            assert_eq!(
                left.bytes,
                alert([3, 1], PROTOCOL_VERSION),
                "{delay:?}, round {round}: {left:?}"
            );
        }
    }
    let sightings = edge.sightings(2 * ROUNDS);
    assert!(
        sightings
            .iter()
            .all(|sighting| sighting["outcome"] == "refused"),
        "{sightings:#?}"
    );
}

#[test]
fn an_alert_or_an_explanation_is_never_a_panic() {
    // Truncations of a hello at every byte, and every byte changed: one sighting each, and the edge still serves.
    let edge = Edge::start(REFUSE, None);
    let hello = tls10();
    let mut sent = 0;
    for at in 0..hello.len() {
        let mut changed = hello.clone();
        changed[at] ^= 0xff;
        for bytes in [&hello[..at], &changed[..]] {
            exchange(edge.address, bytes);
            sent += 1;
        }
    }
    edge.sightings(sent);
    let ended = edge.stop();
    assert_eq!((ended.code, ended.sightings.len()), (Some(0), sent));
    assert!(!ended.log.contains("panicked"), "{}", ended.log);
}
