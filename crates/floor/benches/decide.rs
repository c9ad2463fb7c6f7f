//! What judging and deciding cost: `cargo bench -p sundown-floor`.

use std::net::IpAddr;

use divan::{Bencher, black_box};
use floor::config::PlanTables;
use floor::{Account, Floor, Moment, Plan, Who};
use hello::{Facts, Offer, Version};
use jiff::Timestamp;

fn main() {
    divan::main();
}

const CLIENTS: [&str; 3] = ["openssl-0.9.8", "openssl-1.0.1", "chrome"];

fn offer(client: &str) -> Offer {
    let old = [
        0x0039, 0x0038, 0x0035, 0x0016, 0x0013, 0x000a, 0x0033, 0x0032, 0x002f, 0x0007, 0x0005,
        0x0004, 0x0015, 0x0012, 0x0009, 0x00ff,
    ];
    Offer::from(&match client {
        "openssl-0.9.8" => Facts {
            legacy_version: Version::TLSV1,
            suites: old.to_vec(),
            ..Facts::default()
        },
        "openssl-1.0.1" => Facts {
            legacy_version: Version::TLSV1_2,
            suites: (0xc023..=0xc032)
                .chain(0xc003..=0xc014)
                .chain(0x009c..=0x00a3)
                .chain(old)
                .collect(),
            groups: (1..=25).rev().collect(),
            signature_algorithms: vec![
                0x0601, 0x0602, 0x0603, 0x0501, 0x0502, 0x0503, 0x0401, 0x0402, 0x0403, 0x0201,
                0x0202, 0x0203,
            ],
            point_formats: vec![0, 1, 2],
            extensions: vec![11, 10, 35, 13, 15],
            ..Facts::default()
        },
        _ => Facts {
            sni: true,
            grease: true,
            legacy_version: Version::TLSV1_2,
            supported_versions: vec![Version::TLSV1_3, Version::TLSV1_2],
            suites: vec![
                0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013,
                0xc014, 0x9c, 0x9d, 0x2f, 0x35,
            ],
            groups: vec![0x11ec, 0x001d, 0x0017, 0x0018],
            key_shares: vec![0x11ec, 0x001d],
            signature_algorithms: vec![
                0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601,
            ],
            alpn: vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            extensions: vec![
                0, 5, 10, 11, 13, 16, 18, 23, 27, 35, 43, 45, 51, 17613, 65037, 65281,
            ],
            ..Facts::default()
        },
    })
}

fn plan() -> Plan {
    let tables: PlanTables = toml::from_str(include_str!("../../../examples/pokitdok-2016.toml"))
        .expect("the example parses");
    tables.build([7; 16]).expect("the example is a plan")
}

#[divan::bench(args = CLIENTS)]
fn judge_tls12(bencher: Bencher<'_, '_>, client: &str) {
    let (floor, offer) = (Floor::named("tls1.2").expect("shipped"), offer(client));
    bencher.bench(|| black_box(floor).judge(black_box(&offer)));
}

#[divan::bench(args = CLIENTS)]
fn judge_rfc9325(bencher: Bencher<'_, '_>, client: &str) {
    let (floor, offer) = (Floor::named("rfc9325").expect("shipped"), offer(client));
    bencher.bench(|| black_box(floor).judge(black_box(&offer)));
}

fn decide(bencher: Bencher<'_, '_>, client: &str, now: &str) {
    let (plan, offer) = (plan(), offer(client));
    let now: Timestamp = now.parse().expect("a time");
    let who = Who {
        address: Some(IpAddr::from([203, 0, 113, 9])),
        sni: Some("api.example.com"),
        account: Account::Remembered("acme"),
    };
    bencher.bench(|| {
        black_box(&plan).decide(
            black_box(&offer),
            black_box(&who),
            Moment::Hello,
            black_box(now),
        )
    });
}

#[divan::bench(args = CLIENTS)]
fn decide_in_warn(bencher: Bencher<'_, '_>, client: &str) {
    decide(bencher, client, "2016-10-01T00:00:00Z");
}

#[divan::bench(args = CLIENTS)]
fn decide_in_a_brownout_window(bencher: Bencher<'_, '_>, client: &str) {
    decide(bencher, client, "2016-11-15T09:10:00Z");
}

#[divan::bench(args = CLIENTS)]
fn decide_in_refuse(bencher: Bencher<'_, '_>, client: &str) {
    decide(bencher, client, "2017-02-01T00:00:00Z");
}
