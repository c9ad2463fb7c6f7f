//! What one decision costs: from the bytes of a hello to what happens to it, again and again.
//!
//! `decide KIND COUNT` prints nanoseconds for each; under a tool that counts instructions, two runs with
//! different counts give the instructions of one (see `bench/decide`).

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

use floor::config::PlanTables;
use floor::{Moment, Who};
use hello::build::{Fill, client_hello};
use hello::{Facts, HelloReader, Offer, Progress, Scratch, Version};
use jiff::Timestamp;

const PLAN: &str = r#"
[[sunset]]
name = "TLS 1.0 and 1.1"
floor = "tls1.2"
warn = "2016-09-15"
refuse = "2017-01-15"
"#;

/// A browser of 2026: GREASE, an ML-KEM key share, sixteen extensions.
fn modern() -> Facts {
    Facts {
        sni: true,
        grease: true,
        legacy_version: Version::TLSV1_2,
        supported_versions: vec![Version::TLSV1_3, Version::TLSV1_2],
        suites: vec![
            0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014,
            0x009c, 0x009d, 0x002f, 0x0035,
        ],
        compression: vec![0],
        groups: vec![0x11ec, 0x001d, 0x0017, 0x0018],
        key_shares: vec![0x11ec, 0x001d],
        signature_algorithms: vec![
            0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601,
        ],
        point_formats: vec![0],
        alpn: vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        extensions: vec![
            0, 23, 0xff01, 10, 11, 35, 16, 5, 13, 18, 51, 45, 43, 27, 17613, 65037,
        ],
        ..Facts::default()
    }
}

/// OpenSSL 1.0.0, as Node.js 0.8 carries it.
fn old() -> Facts {
    Facts {
        legacy_version: Version::TLSV1,
        suites: vec![
            0xc014, 0xc00a, 0x0039, 0x0038, 0x0088, 0x0087, 0xc00f, 0xc005, 0x0035, 0x0084, 0xc012,
            0xc008, 0x0016, 0x0013, 0xc00d, 0xc003, 0x000a, 0xc013, 0xc009, 0x0033, 0x0032, 0x009a,
            0x0099, 0x0045, 0x0044, 0xc00e, 0xc004, 0x002f, 0x0096, 0x0041, 0xc011, 0xc007, 0xc00c,
            0xc002, 0x0005, 0x0004, 0x00ff,
        ],
        compression: vec![0],
        groups: vec![
            14, 13, 25, 11, 12, 24, 9, 10, 22, 23, 8, 6, 7, 20, 21, 4, 5, 18, 19, 1, 2, 3, 15, 16,
            17,
        ],
        point_formats: vec![0, 1, 2],
        extensions: vec![11, 10, 35],
        ..Facts::default()
    }
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let facts = match arguments.next().as_deref() {
        Some("modern") => modern(),
        Some("old") => old(),
        _ => return usage(),
    };
    let Some(count) = arguments
        .next()
        .and_then(|count| count.parse::<u32>().ok())
        .filter(|count| *count > 0)
    else {
        return usage();
    };
    let Some(plan) = toml::from_str::<PlanTables>(PLAN)
        .ok()
        .and_then(|tables| tables.build([7; 16]).ok())
    else {
        return usage();
    };
    let bytes = client_hello(&Offer::from(&facts), &Fill::default());
    let now = Timestamp::from_second(1_500_000_000).unwrap_or_default();
    let who = Who::default();
    let mut scratch = Scratch::default();

    let start = Instant::now();
    for _ in 0..count {
        let input = black_box(&bytes);
        if let Progress::Hello { hello, .. } = HelloReader::default().read(input, &mut scratch) {
            let offer = Offer::from(&hello);
            black_box(plan.decide(&offer, &who, Moment::Hello, now));
        }
    }
    println!(
        "{:.0}",
        start.elapsed().as_nanos() as f64 / f64::from(count)
    );
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    println!("usage: decide modern|old COUNT");
    ExitCode::FAILURE
}
