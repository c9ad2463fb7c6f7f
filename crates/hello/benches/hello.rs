//! From bytes to an offer, and on to its identity and fingerprints: `cargo bench -p sundown-hello`.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a benchmark fails by panicking"
)]

use divan::{Bencher, black_box};
use hello::build::{Fill, client_hello};
use hello::{Facts, HelloReader, Offer, Progress, Scratch, Version};

fn main() {
    divan::main();
}

/// A hello as Chrome 131 and later send it: GREASE, sixteen extensions, an X25519MLKEM768 key share.
fn chrome() -> Vec<u8> {
    let suites = [
        0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014,
        0x9c, 0x9d, 0x2f, 0x35,
    ];
    let facts = Facts {
        sni: true,
        grease: true,
        legacy_version: Version::TLSV1_2,
        supported_versions: vec![Version::TLSV1_3, Version::TLSV1_2],
        suites: suites.to_vec(),
        groups: vec![0x11ec, 0x1d, 0x17, 0x18],
        key_shares: vec![0x11ec, 0x1d],
        signature_algorithms: vec![
            0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601,
        ],
        point_formats: vec![0],
        alpn: vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        extensions: vec![
            0x44cd, 27, 35, 0, 13, 51, 11, 0xff01, 23, 10, 18, 0xfe0d, 16, 43, 5, 45,
        ],
        ..Facts::default()
    };
    client_hello(
        &Offer::from(&facts),
        &Fill {
            session_id: vec![7; 32],
            ..Fill::default()
        },
    )
}

/// A hello as OpenSSL 1.0.0 sends it: TLS 1.0 with everything.
fn openssl_1_0() -> Vec<u8> {
    let suites = [
        0xc014, 0xc00a, 0x39, 0x38, 0x88, 0x87, 0xc00f, 0xc005, 0x35, 0x84, 0xc012, 0xc008, 0x16,
        0x13, 0xc00d, 0xc003, 0x0a, 0xc013, 0xc009, 0x33, 0x32, 0x9a, 0x99, 0x45, 0x44, 0xc00e,
        0xc004, 0x2f, 0x96, 0x41, 0x07, 0xc011, 0xc007, 0xc00c, 0xc002, 0x05, 0x04, 0x15, 0x12,
        0x09, 0x14, 0x11, 0x08, 0x06, 0x03, 0xff,
    ];
    let facts = Facts {
        sni: true,
        legacy_version: Version::TLSV1,
        suites: suites.to_vec(),
        compression: vec![1, 0],
        groups: (1..=25).rev().collect(),
        point_formats: vec![0, 1, 2],
        extensions: vec![0, 11, 10, 35],
        ..Facts::default()
    };
    client_hello(&Offer::from(&facts), &Fill::default())
}

fn named(client: &str) -> Vec<u8> {
    match client {
        "chrome" => chrome(),
        "openssl-1.0" => openssl_1_0(),
        other => panic!("no client {other}"),
    }
}

fn offer(bytes: &[u8], scratch: &mut Scratch) -> Offer {
    match HelloReader::default().read(bytes, scratch) {
        Progress::Hello { hello, .. } => Offer::from(&hello),
        other => panic!("{other:?}"),
    }
}

#[divan::bench(args = ["chrome", "openssl-1.0"])]
fn parse(bencher: Bencher<'_, '_>, client: &str) {
    let (bytes, mut scratch) = (named(client), Scratch::default());
    bencher.bench_local(|| {
        matches!(
            HelloReader::default().read(black_box(&bytes), &mut scratch),
            Progress::Hello { .. }
        )
    });
}

#[divan::bench(args = ["chrome", "openssl-1.0"])]
fn parse_and_offer(bencher: Bencher<'_, '_>, client: &str) {
    let (bytes, mut scratch) = (named(client), Scratch::default());
    bencher.bench_local(|| offer(black_box(&bytes), &mut scratch));
}

#[divan::bench(args = ["chrome", "openssl-1.0"])]
fn parse_over_records(bencher: Bencher<'_, '_>, client: &str) {
    let whole = named(client);
    let fill = Fill {
        record_size: 100,
        ..Fill::default()
    };
    let mut scratch = Scratch::default();
    let bytes = client_hello(&offer(&whole, &mut scratch), &fill);
    bencher.bench_local(|| offer(black_box(&bytes), &mut scratch));
}

#[divan::bench(args = ["chrome", "openssl-1.0"])]
fn id(bencher: Bencher<'_, '_>, client: &str) {
    let offer = offer(&named(client), &mut Scratch::default());
    bencher.bench_local(|| black_box(&offer).id());
}

#[divan::bench(args = ["chrome", "openssl-1.0"])]
fn ja4(bencher: Bencher<'_, '_>, client: &str) {
    let offer = offer(&named(client), &mut Scratch::default());
    bencher.bench_local(|| hello::ja4(black_box(&offer)));
}

#[divan::bench(args = ["chrome", "openssl-1.0"])]
fn ja3(bencher: Bencher<'_, '_>, client: &str) {
    let offer = offer(&named(client), &mut Scratch::default());
    bencher.bench_local(|| hello::ja3(black_box(&offer)));
}
