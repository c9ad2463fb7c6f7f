//! Captures that are cut, broken or out of order.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what goes wrong in a helper of a test fails the test"
)]

use std::ops::ControlFlow;
use std::sync::Arc;

use hello::build::{Fill, client_hello};
use hello::{Facts, Offer, Version};
use observe::capture::{self, Flaw, Summary};
use proptest::prelude::*;

const CLIENT: [u8; 6] = [10, 0, 0, 1, 0x9c, 0x40];
const SERVER: [u8; 6] = [10, 0, 0, 2, 0x01, 0xbb];
const FIN: u8 = 1;
const SYN: u8 = 2;
const ACK: u8 = 16;
/// Close to where sequence numbers begin again.
const FIRST: u32 = u32::MAX - 100;

/// A TCP segment in an IPv4 packet.
fn packet(from: [u8; 6], to: [u8; 6], sequence: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(40 + payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![0x45, 0, length[0], length[1], 0, 0, 0, 0, 64, 6, 0, 0];
    bytes.extend(&from[..4]);
    bytes.extend(&to[..4]);
    bytes.extend(&from[4..]);
    bytes.extend(&to[4..]);
    bytes.extend(sequence.to_be_bytes());
    bytes.extend([0, 0, 0, 0, 5 << 4, flags, 0xff, 0xff, 0, 0, 0, 0]);
    bytes.extend(payload);
    bytes
}

/// A pcap file of raw IP packets, one a millisecond.
fn pcap(packets: &[Vec<u8>]) -> Vec<u8> {
    let mut file = 0xa1b2_c3d4_u32.to_le_bytes().to_vec();
    file.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    file.extend(65_535_u32.to_le_bytes());
    file.extend(101_u32.to_le_bytes());
    for (index, packet) in (0_u32..).zip(packets) {
        let length = u32::try_from(packet.len()).unwrap();
        for field in [1_700_000_000, index * 1000, length, length] {
            file.extend(field.to_le_bytes());
        }
        file.extend(packet);
    }
    file
}

fn offered() -> Vec<u8> {
    let offer = Offer::from(&Facts {
        legacy_version: Version::TLSV1_2,
        suites: vec![0xc02f, 0xc030, 0x002f, 0x000a],
        ..Facts::default()
    });
    client_hello(&offer, &Fill::default())
}

/// A record with a ServerHello of TLS 1.2.
fn answered() -> Vec<u8> {
    let mut record = vec![22, 3, 3, 0, 42, 2, 0, 0, 38, 3, 3];
    record.extend([7; 32]);
    record.extend([0, 0xc0, 0x2f, 0]);
    record
}

type Shown = (Option<String>, Option<(Version, &'static str)>);

fn read(file: &[u8]) -> (Vec<Shown>, Summary) {
    let mut rows = Vec::new();
    let source: Arc<str> = "test".into();
    let summary = capture::read(file, &source, &mut |evidence| {
        let offer = evidence.offer.filter(|offer| !offer.is_partial());
        let agreed = evidence.negotiated.as_ref();
        rows.push((
            offer.as_ref().map(hello::ja4),
            agreed.map(|agreed| (agreed.version, agreed.cipher)),
        ));
        ControlFlow::Continue(())
    });
    // A slice cannot fail, and this is not packed.
    (rows, summary.unwrap())
}

/// A part of what one side says: where it begins, and its bytes.
fn parts(said: &[u8], cuts: &[(usize, usize)]) -> Vec<(usize, Vec<u8>)> {
    let mut parts: Vec<_> = said
        .chunks(97)
        .enumerate()
        .map(|(index, part)| (index * 97, part.to_vec()))
        .collect();
    // And again, lying across those.
    for (from, length) in cuts {
        let from = from % said.len();
        parts.push((from, said[from..said.len().min(from + length)].to_vec()));
    }
    parts
}

fn conversation(middle: Vec<Vec<u8>>) -> Vec<u8> {
    let mut packets = vec![
        packet(CLIENT, SERVER, FIRST, SYN, &[]),
        packet(SERVER, CLIENT, FIRST, SYN | ACK, &[]),
    ];
    packets.extend(middle);
    let end = FIRST
        .wrapping_add(1)
        .wrapping_add(u32::try_from(offered().len()).unwrap());
    packets.push(packet(CLIENT, SERVER, end, FIN | ACK, &[]));
    pcap(&packets)
}

fn segments(cuts: &[(usize, usize)]) -> Vec<Vec<u8>> {
    let at = |at: usize| {
        FIRST
            .wrapping_add(1)
            .wrapping_add(u32::try_from(at).unwrap())
    };
    let mut all = Vec::new();
    for (from, to, said) in [(CLIENT, SERVER, offered()), (SERVER, CLIENT, answered())] {
        for (start, part) in parts(&said, cuts) {
            all.push(packet(from, to, at(start), ACK, &part));
        }
    }
    all
}

fn expected() -> Vec<Shown> {
    let (rows, _) = read(&conversation(segments(&[])));
    rows
}

#[test]
fn a_conversation_in_order_is_read() {
    let rows = expected();
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert!(rows[0].0.is_some());
    assert_eq!(
        rows[0].1,
        Some((Version::TLSV1_2, "ECDHE-RSA-AES128-GCM-SHA256"))
    );
}

#[test]
fn a_file_cut_at_any_byte_is_read_so_far() {
    let whole = conversation(segments(&[]));
    let packets = read(&whole).1.packets;
    for length in 0..whole.len() {
        let (rows, summary) = read(&whole[..length]);
        assert!(rows.len() <= 1 && summary.packets <= packets, "{length}");
        // A cut between two packets cannot be told from an end.
        if let Some(problem) = summary.problem {
            assert!(
                matches!(problem.flaw, Flaw::CutShort | Flaw::NoCapture),
                "{length}: {problem}"
            );
        }
    }
}

proptest! {
    #[test]
    fn order_and_repetition_change_nothing(
        order in Just(()).prop_perturb(|(), mut random| random.random::<u64>()),
        cuts in prop::collection::vec((0_usize..4096, 1_usize..300), 0..6),
    ) {
        let mut middle = segments(&cuts);
        // Fisher and Yates, with a generator that the seed decides.
        let mut state = order | 1;
        for last in (1..middle.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            middle.swap(last, usize::try_from(state >> 33).unwrap() % (last + 1));
        }
        prop_assert_eq!(read(&conversation(middle)).0, expected());
    }

    #[test]
    fn a_file_with_flipped_bytes_does_not_panic(
        flips in prop::collection::vec((0_usize..4096, any::<u8>()), 1..20),
    ) {
        let mut file = conversation(segments(&[]));
        for (at, byte) in flips {
            let at = at % file.len();
            file[at] = byte;
        }
        let source: Arc<str> = "test".into();
        let _ = capture::read(&file[..], &source, &mut |_| ControlFlow::Continue(()));
    }

    #[test]
    fn what_only_begins_like_a_capture_does_not_panic(
        start in prop::sample::select(vec![
            vec![0xd4, 0xc3, 0xb2, 0xa1],
            vec![0xa1, 0xb2, 0x3c, 0x4d],
            vec![0x0a, 0x0d, 0x0d, 0x0a, 28, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a],
            vec![0x1f, 0x8b, 8, 0],
            vec![0x28, 0xb5, 0x2f, 0xfd],
            vec![],
        ]),
        bytes in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        let file = [start, bytes].concat();
        let source: Arc<str> = "test".into();
        let _ = capture::read(&file[..], &source, &mut |_| ControlFlow::Continue(()));
    }

    #[test]
    fn packets_of_any_bytes_do_not_panic(
        packets in prop::collection::vec((any::<u16>(), prop::collection::vec(any::<u8>(), 0..200)), 0..20),
    ) {
        let mut observer = capture::Observer::new("test".into());
        let sink: &mut capture::Sink<'_> = &mut |_| ControlFlow::Continue(());
        for (link, bytes) in &packets {
            // The links that are read, and some that are not.
            let link = [1, 12, 101, 113, 276, 0, 108, *link][usize::from(*link) % 8];
            let packet = capture::Packet { link, at: 0, bytes, length: bytes.len() };
            let _ = observer.packet(packet, sink);
        }
        let _ = observer.finish(sink);
    }
}
