//! Offers of known clients: built into bytes, read back, and fingerprinted as others do.
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

#[test]
fn every_known_client_is_built_and_read_back_with_its_fingerprints() {
    let Some(known) = clients::known() else {
        return;
    };
    assert!(known.len() >= 175, "{} clients", known.len());
    for client in &known {
        let offer = client.offer();
        let read = support::offer(&client_hello(&offer, &Fill::default()))
            .unwrap_or_else(|why| panic!("{}: {why}", client.name));
        assert_eq!(read, offer, "{}", client.name);
        assert_eq!(hello::ja3_text(&read), client.ja3_text, "{}", client.name);
        assert_eq!(hello::ja3(&read), client.ja3, "{}", client.name);
        assert_eq!(hello::ja4(&read), client.ja4, "{}", client.name);
    }
}
