//! What holds for every hello, however it is cut and whatever it offers.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "support/offers.rs"]
mod offers;
mod support;

use hello::build::{Fill, client_hello};
use hello::{Facts, Offer};
use offers::{End, fills, offers, read_in_pieces, wires};
use proptest::collection::vec;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn cuts_never_change_the_answer((bytes, cuts) in wires()) {
        let whole = read_in_pieces(&bytes, &[]);
        prop_assert_eq!(&read_in_pieces(&bytes, &cuts), &whole);
        let each: Vec<usize> = (0..bytes.len()).collect();
        prop_assert_eq!(&read_in_pieces(&bytes, &each), &whole);
    }

    #[test]
    fn building_and_reading_give_the_offer_back(offer in offers(), fill in fills()) {
        let bytes = client_hello(&offer, &fill);
        let read = support::offer(&bytes).unwrap();
        prop_assert_eq!(&read, &offer);
        prop_assert_eq!(read.id(), offer.id());
        prop_assert_eq!(client_hello(&read, &fill), bytes);
    }

    #[test]
    fn what_is_consumed_and_the_rest_are_the_input(offer in offers(), fill in fills(), after in vec(any::<u8>(), 0..200)) {
        let alone = client_hello(&offer, &fill);
        let bytes = [alone.clone(), after].concat();
        let consumed = support::read(&bytes, |_, consumed| consumed).unwrap();
        prop_assert_eq!(consumed, alone.len());
    }

    #[test]
    fn random_bytes_are_read_without_panic_and_alike_in_pieces(bytes in vec(any::<u8>(), 0..400), cuts in vec(any::<usize>(), 0..6)) {
        prop_assert_eq!(read_in_pieces(&bytes, &cuts), read_in_pieces(&bytes, &[]));
    }

    #[test]
    fn random_bytes_in_a_record_are_read_alike_in_pieces(body in vec(any::<u8>(), 0..200), cuts in vec(any::<usize>(), 0..6)) {
        let message = [&[1, 0, 0, body.len() as u8], &body[..]].concat();
        let bytes = [&[22, 3, 1, 0, message.len() as u8], &message[..]].concat();
        prop_assert_eq!(read_in_pieces(&bytes, &cuts), read_in_pieces(&bytes, &[]));
    }

    #[test]
    fn stored_bytes_give_the_offer_back(offer in offers()) {
        prop_assert_eq!(&Offer::from_bytes(offer.as_bytes()).unwrap(), &offer);
        prop_assert_eq!(&Offer::from(&Facts::from(&offer)), &offer);
        for cut in 0..offer.as_bytes().len() {
            prop_assert!(Offer::from_bytes(&offer.as_bytes()[..cut]).is_err());
        }
    }

    #[test]
    fn random_bytes_are_an_offer_that_can_be_used_or_an_error(mut bytes in vec(any::<u8>(), 4..300)) {
        bytes[0] = 1;
        if let Ok(offer) = Offer::from_bytes(&bytes) {
            client_hello(&offer, &Fill::default());
            hello::ja4(&offer);
        }
    }

    #[test]
    fn another_order_of_extensions_is_the_same_offer_with_another_ja3(offer in offers()) {
        let mut facts = Facts::from(&offer);
        facts.extensions.reverse();
        let other = Offer::from(&facts);
        prop_assert_eq!(other.id(), offer.id());
        prop_assert_eq!(hello::ja4(&other), hello::ja4(&offer));
        prop_assert_eq!(hello::ja3(&other) == hello::ja3(&offer), other == offer);
    }
}

#[test]
fn a_hello_of_nearly_64_kib_is_read_over_records_of_any_size() {
    // Unknown groups, as many as the extension can hold beside the rest.
    let facts = Facts {
        suites: vec![0x1301],
        groups: (0..32_000)
            .filter(|code| !hello::is_grease(*code))
            .collect(),
        ..Facts::default()
    };
    let offer = Offer::from(&facts);
    for record_size in [16_384, 16_383, 1000, 100, 7] {
        let bytes = client_hello(
            &offer,
            &Fill {
                record_size,
                ..Fill::default()
            },
        );
        assert!(bytes.len() > 62 * 1024, "{}", bytes.len());
        assert_eq!(
            support::offer(&bytes).unwrap(),
            offer,
            "records of {record_size}"
        );
    }
}

#[test]
fn the_answer_stands_when_more_bytes_come() {
    let offer = Offer::from(&Facts {
        suites: vec![0x2f],
        ..Facts::default()
    });
    let mut bytes = client_hello(
        &offer,
        &Fill {
            record_size: 10,
            ..Fill::default()
        },
    );
    let (mut reader, mut scratch) = (hello::HelloReader::default(), hello::Scratch::default());
    for _ in 0..3 {
        let hello::Progress::Hello { hello, .. } = reader.read(&bytes, &mut scratch) else {
            panic!("no hello")
        };
        assert_eq!(Offer::from(&hello), offer);
        bytes.extend([22, 3, 1, 0, 1, 0]);
    }
    assert!(matches!(read_in_pieces(&bytes, &[]), End::Hello { .. }));
    // So does a fault, here in a record that ends with the length that is too great.
    let mut bytes = vec![22, 3, 1, 0, 4, 1, 1, 0, 0];
    let mut reader = hello::HelloReader::default();
    for _ in 0..3 {
        let hello::Progress::Malformed(malformed) = reader.read(&bytes, &mut scratch) else {
            panic!("no fault")
        };
        assert_eq!(malformed.offset, 8);
        bytes.extend([23, 3, 1, 0, 0]);
    }
}

#[test]
fn a_record_may_hold_more_than_the_hello() {
    let offer = Offer::from(&Facts {
        suites: vec![0x2f],
        ..Facts::default()
    });
    let alone = client_hello(&offer, &Fill::default());
    let mut bytes = [&alone[..], &[4, 0, 0, 0]].concat();
    bytes[4] += 4; // The record's length; the hello's own stays.
    let consumed = support::read(&bytes, |hello, consumed| {
        assert_eq!(Offer::from(hello), offer);
        consumed
    });
    assert_eq!(consumed, Ok(alone.len()));
}
