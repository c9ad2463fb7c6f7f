//! Stored bytes: an offer that can be used, or an error; and an offer that a hello can hold survives the wire.
#![no_main]

use hello::build::{Fill, client_hello};
use hello::{Facts, Format, HelloReader, MAX_HELLO, Offer, Progress, Scratch};
use libfuzzer_sys::fuzz_target;

/// Whether a hello can hold the offer (the limits that [`client_hello`] names), and be told by its first bytes.
fn fits(offer: &Offer) -> bool {
    let sslv2 = offer.format() == Format::Sslv2;
    let version = offer.legacy_version().0;
    let suites = offer.suites().len() + offer.sslv2_kinds().count();
    (suites > 0 || offer.has_grease())
        && offer.supported_versions().len() <= 127
        && offer.point_formats().len() <= 255
        && offer.compression().len() <= 255
        && (!sslv2 || version == 2 || version >> 8 == 3)
        && (!sslv2 || suites < 10_000 && offer.sslv2_kinds().all(|[first, ..]| first != 0))
}

fuzz_target!(|data: &[u8]| {
    let Ok(stored) = Offer::from_bytes(data) else {
        return;
    };
    assert_eq!(stored.as_bytes(), data);
    hello::ja3(&stored);
    hello::ja4(&stored);

    let offer = Offer::from(&Facts::from(&stored));
    assert_eq!(
        Offer::from(&Facts::from(&offer)),
        offer,
        "canonical once and for all"
    );
    let bytes = client_hello(&offer, &Fill::default());
    if bytes.len() > MAX_HELLO || !fits(&offer) {
        return;
    }
    let mut scratch = Scratch::default();
    match HelloReader::default().read(&bytes, &mut scratch) {
        Progress::Hello { hello, consumed } => {
            assert_eq!(consumed, bytes.len());
            let read = Offer::from(&hello);
            assert_eq!(read.id(), offer.id());
            assert_eq!(read, offer);
        }
        other => panic!("{other:?} of {offer:?}"),
    }
});
