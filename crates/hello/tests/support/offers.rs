//! Offers and bytes for property tests.

use hello::build::{Fill, client_hello};
use hello::{Facts, HelloReader, Offer, Progress, Scratch, Version};
use proptest::collection::vec;
use proptest::prelude::*;

/// The end of a read, as values that can be compared.
#[derive(Debug, PartialEq)]
pub(crate) enum End {
    NeedMore,
    Hello {
        offer: Offer,
        consumed: usize,
        name: Option<String>,
        random: Vec<u8>,
    },
    Other(String),
}

/// Reads a buffer that grows to each of `cuts` in turn, then to its end, and stops at the first answer.
pub(crate) fn read_in_pieces(bytes: &[u8], cuts: &[usize]) -> End {
    let (mut reader, mut scratch) = (HelloReader::default(), Scratch::default());
    let mut cuts: Vec<usize> = cuts
        .iter()
        .map(|cut| cut % (bytes.len() + 1))
        .chain([bytes.len()])
        .collect();
    cuts.sort_unstable();
    for cut in cuts {
        match reader.read(&bytes[..cut], &mut scratch) {
            Progress::NeedMore => {}
            Progress::Hello { hello, consumed } => {
                assert!(consumed <= cut);
                return End::Hello {
                    offer: Offer::from(&hello),
                    consumed,
                    name: hello.server_name().map(str::to_owned),
                    random: hello.random.to_vec(),
                };
            }
            other => {
                if let Progress::Malformed(malformed) = other {
                    assert!(malformed.offset <= cut, "{malformed} in {cut} bytes");
                }
                return End::Other(format!("{other:?}"));
            }
        }
    }
    End::NeedMore
}

fn codes(most: usize) -> impl Strategy<Value = Vec<u16>> {
    // Half of them known to somebody, so that bodies with a meaning are made too.
    vec(
        prop_oneof![
            any::<u16>(),
            0_u16..64,
            Just(0x0a0a),
            Just(0x11ec),
            Just(0x001d),
            Just(0x0017)
        ],
        0..most,
    )
}

prop_compose! {
    fn lists()(
        groups in codes(8),
        key_shares in codes(4),
        signature_algorithms in codes(20),
        signature_algorithms_cert in codes(4),
        point_formats in vec(any::<u8>(), 0..4),
        alpn in vec(vec(any::<u8>(), 0..12), 0..4),
        extensions in codes(24),
    ) -> Facts {
        Facts { groups, key_shares, signature_algorithms, signature_algorithms_cert, point_formats, alpn, extensions, ..Facts::default() }
    }
}

prop_compose! {
    /// Offers that a hello can hold.
    pub(crate) fn offers()(
        flags in any::<[bool; 3]>(),
        legacy_version in prop_oneof![Just(0x0301), Just(0x0303), Just(0x0300), any::<u16>()],
        supported_versions in vec(any::<u16>().prop_map(Version), 0..6),
        // SSLv2 framing wants a version that it can be told by, and a suite.
        suites in vec(any::<u16>().prop_filter("GREASE", |&code| !hello::is_grease(code)), 1..80),
        sslv2_kinds in vec((1_u8.., any::<u8>(), any::<u8>()).prop_map(|(a, b, c)| [a, b, c]), 0..6),
        compression in vec(any::<u8>(), 0..3),
        lists in lists(),
    ) -> Offer {
        let [sslv2_format, sni, grease] = flags;
        let legacy_version = Version(if sslv2_format { 0x0300 | (legacy_version & 0xff) } else { legacy_version });
        let facts = Facts { sslv2_format, sni, grease, legacy_version, supported_versions, suites, sslv2_kinds, compression, ..lists };
        Offer::from(&facts)
    }
}

prop_compose! {
    /// Ways to fill a hello; records may be of any size.
    pub(crate) fn fills()(
        random in any::<[u8; 32]>(),
        session_id in vec(any::<u8>(), 0..40),
        record_size in prop_oneof![1_usize..64, Just(16_384)],
        server_name in proptest::option::of("[a-z]{1,20}\\.example"),
    ) -> Fill {
        Fill { server_name, random, session_id, record_size }
    }
}

prop_compose! {
    /// A hello with bytes after it, and ways to cut them.
    pub(crate) fn wires()(
        offer in offers(),
        fill in fills(),
        after in vec(any::<u8>(), 0..40),
        cuts in vec(any::<usize>(), 0..6),
        damage in proptest::option::of((any::<usize>(), any::<u8>())),
    ) -> (Vec<u8>, Vec<usize>) {
        let mut bytes = client_hello(&offer, &fill);
        bytes.extend(after);
        if let Some((at, byte)) = damage {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        (bytes, cuts)
    }
}
