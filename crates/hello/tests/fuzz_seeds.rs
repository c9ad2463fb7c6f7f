//! The seed corpus of the fuzz targets in `fuzz/`, made from known clients. `UPDATE=1 cargo test -p sundown-hello
//! --test fuzz_seeds` writes it anew; without, the test says whether the committed seeds are what it would write.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "support/clients.rs"]
mod clients;
mod support;

use hello::build::{Fill, client_hello};
use hello::{Facts, Offer, Version};
use std::path::Path;

/// Clients that differ in what their hellos hold: old and new, with and without extensions, GREASE and key shares.
const CLIENTS: [&str; 8] = [
    "android_237",
    "ie_8_xp",
    "java_7u25",
    "openssl_101l",
    "safari_9_ios9",
    "edge_17_win10",
    "openssl_350",
    "chromium_137_win11",
];

/// A seed: the target, a name and the bytes.
type Seed = (&'static str, String, Vec<u8>);

/// An input of the target `read`: cuts, then the bytes of the connection.
fn read(name: &str, cuts: &[u16], bytes: &[u8]) -> Seed {
    let mut input = vec![cuts.len() as u8];
    input.extend(cuts.iter().flat_map(|cut| cut.to_be_bytes()));
    input.extend(bytes);
    ("read", name.into(), input)
}

fn seeds(known: &[clients::Known]) -> Vec<Seed> {
    let mut seeds = Vec::new();
    for id in CLIENTS {
        let client = known
            .iter()
            .find(|client| client.id == id)
            .unwrap_or_else(|| panic!("no client {id}"));
        let offer = client.offer();
        let bytes = client_hello(&offer, &Fill::default());
        seeds.push(read(id, &[3, 40, 90], &bytes));
        seeds.push(("offer", id.into(), offer.as_bytes().to_vec()));
    }
    let old = known
        .iter()
        .find(|client| client.id == CLIENTS[0])
        .unwrap()
        .offer();
    seeds.push(read(
        "many_records",
        &[7],
        &client_hello(
            &old,
            &Fill {
                record_size: 9,
                ..Fill::default()
            },
        ),
    ));
    let sslv2 = Facts {
        sslv2_format: true,
        legacy_version: Version::TLSV1,
        suites: vec![0x2f, 0x0a],
        sslv2_kinds: vec![[1, 0, 0x80]],
        ..Facts::default()
    };
    let sslv2 = Offer::from(&sslv2);
    seeds.push(read("sslv2", &[2], &client_hello(&sslv2, &Fill::default())));
    seeds.push(("offer", "sslv2".into(), sslv2.as_bytes().to_vec()));
    seeds.push(read("http", &[2], b"GET / HTTP/1.1\r\n"));
    seeds.push(read("ssh", &[], b"SSH-2.0-"));
    seeds.push(read("proxy", &[], b"PROXY TCP4 192.0.2.1"));
    seeds
}

#[test]
fn the_seed_corpus_is_what_the_known_clients_make() {
    let Some(known) = clients::known() else {
        return;
    };
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for (target, name, bytes) in seeds(&known) {
        let path = corpus.join(target).join(name);
        if std::env::var_os("UPDATE").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &bytes).unwrap();
        }
        let committed =
            std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(
            committed == bytes,
            "{} differs; write it anew with UPDATE=1",
            path.display()
        );
    }
}
