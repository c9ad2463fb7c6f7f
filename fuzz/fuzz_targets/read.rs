//! Any bytes, cut anywhere: no panic, the same answer, and every position inside the input.
//!
//! Input: one byte with the number of cuts (modulo 8), two bytes for each cut, then the bytes of a connection.
#![no_main]

use hello::build::{Fill, client_hello};
use hello::{HelloReader, MAX_HELLO, Offer, Progress, Scratch};
use libfuzzer_sys::fuzz_target;
use std::cell::RefCell;

/// What a read came to, as values that outlive the buffers.
#[derive(Debug, PartialEq)]
enum End {
    NeedMore,
    Hello(Offer, usize),
    Other(String),
}

fn end(progress: &Progress<'_>, seen: usize) -> Option<End> {
    match progress {
        Progress::NeedMore => None,
        Progress::Hello { hello, consumed } => {
            assert!(*consumed <= seen);
            Some(End::Hello(Offer::from(hello), *consumed))
        }
        Progress::Malformed(malformed) => {
            assert!(malformed.offset <= seen);
            Some(End::Other(malformed.to_string()))
        }
        Progress::NotTls(protocol) => Some(End::Other(protocol.label().into())),
    }
}

fn read(bytes: &[u8], cuts: impl IntoIterator<Item = usize>) -> End {
    thread_local! {
        // One for all inputs: making it costs more than most of them.
        static SCRATCH: RefCell<Scratch> = RefCell::default();
    }
    let mut reader = HelloReader::default();
    let mut cuts = cuts.into_iter().chain([bytes.len()]);
    let found = SCRATCH.with_borrow_mut(|scratch| {
        cuts.find_map(|cut| end(&reader.read(&bytes[..cut], scratch), cut))
    });
    found.unwrap_or(End::NeedMore)
}

fuzz_target!(|data: &[u8]| {
    let Some((&count, rest)) = data.split_first() else {
        return;
    };
    let Some((cuts, bytes)) = rest.split_at_checked(2 * usize::from(count % 8)) else {
        return;
    };
    let cuts = cuts
        .as_chunks::<2>()
        .0
        .iter()
        .map(|pair| usize::from(u16::from_be_bytes(*pair)) % (bytes.len() + 1));
    let mut cuts: Vec<usize> = cuts.collect();
    cuts.sort_unstable();

    let whole = read(bytes, []);
    assert_eq!(read(bytes, cuts), whole);
    // Byte by byte is slow where it says no more than the cuts do.
    if bytes.len() <= 512 {
        assert_eq!(read(bytes, 0..bytes.len()), whole);
    }
    if let End::Hello(offer, consumed) = whole {
        assert_eq!(
            read(&bytes[..consumed], []),
            End::Hello(offer.clone(), consumed),
            "what follows a hello matters"
        );
        // Every hello that was read can be built again, as long as it has room for whole key shares.
        let built = client_hello(&offer, &Fill::default());
        if built.len() <= MAX_HELLO {
            assert_eq!(read(&built, []), End::Hello(offer, built.len()));
        }
    }
});
