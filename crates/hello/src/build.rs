//! From an offer back to bytes: hellos for probes, rehearsals and tests.

mod body;
mod key_share;

use crate::{Format, Offer, Version};

/// What a hello holds beside the offer. The default makes the same hello each time. Nobody holds the private
/// keys of the key shares, so the answer can be looked at but the handshake cannot be completed.
#[derive(Clone, Debug)]
pub struct Fill {
    /// The host name to ask for when the offer has server_name: ASCII, 1 to 255 bytes. `None` is
    /// `example.com`.
    pub server_name: Option<String>,
    /// The random; in an SSLv2-compatible hello, the challenge. It also chooses the GREASE values.
    pub random: [u8; 32],
    /// `legacy_session_id`, cut to 32 bytes. Not sent in an SSLv2-compatible hello.
    pub session_id: Vec<u8>,
    /// The most bytes of the hello in one record, 1 to 16384; values outside are brought inside.
    pub record_size: usize,
}

impl Default for Fill {
    fn default() -> Self {
        Self {
            server_name: None,
            random: [0; 32],
            session_id: Vec::new(),
            record_size: MAX_RECORD,
        }
    }
}

/// RFC 8446 section 5.1.
const MAX_RECORD: usize = 1 << 14;

/// The bytes of a hello that makes this offer: records, or the SSLv2-compatible format. Reading them gives
/// the same offer again.
///
/// An offer that no hello can hold (no suites, more than 127 versions, more than 64 KiB in all) gives bytes
/// that cannot be read, or that read as another offer.
pub fn client_hello(offer: &Offer, fill: &Fill) -> Vec<u8> {
    let grease = if offer.has_grease() {
        Grease::new(&fill.random)
    } else {
        Grease::default()
    };
    match offer.format() {
        Format::Sslv2 => sslv2(offer, fill, &grease),
        Format::Tls => records(
            &message(offer, fill, &grease),
            offer.legacy_version(),
            fill.record_size,
        ),
    }
}

/// Cuts a handshake message into records.
fn records(message: &[u8], legacy_version: Version, size: usize) -> Vec<u8> {
    // What clients of every age write (RFC 8446 section 5.1), but for those that speak SSLv3 at most.
    let version = legacy_version.clamp(Version::SSLV3, Version::TLSV1);
    let mut bytes = Vec::with_capacity(message.len() + 5);
    for payload in message.chunks(size.clamp(1, MAX_RECORD)) {
        bytes.push(22);
        bytes.extend(version.0.to_be_bytes());
        vector16(&mut bytes, |bytes| bytes.extend_from_slice(payload));
    }
    bytes
}

/// The handshake message (RFC 8446 section 4.1.2).
fn message(offer: &Offer, fill: &Fill, grease: &Grease) -> Vec<u8> {
    let mut bytes = vec![1];
    vector::<3>(&mut bytes, |bytes| {
        bytes.extend(offer.legacy_version().0.to_be_bytes());
        bytes.extend(fill.random);
        vector8(bytes, |bytes| bytes.extend(fill.session_id.iter().take(32)));
        vector16(bytes, |bytes| {
            put_codes(bytes, grease.suite.into_iter().chain(offer.suites()))
        });
        vector8(bytes, |bytes| {
            bytes.extend(offer.compression().iter().take(255))
        });
        if offer.extensions().len() > 0 {
            vector16(bytes, |bytes| {
                if let Some(code) = grease.extension {
                    put_codes(bytes, [code, 0]);
                }
                for code in offer.extensions() {
                    put_codes(bytes, [code]);
                    vector16(bytes, |bytes| body::put(bytes, code, offer, fill, grease));
                }
            });
        }
    });
    bytes
}

/// An SSLv2-compatible CLIENT-HELLO (RFC 5246 appendix E.2).
fn sslv2(offer: &Offer, fill: &Fill, grease: &Grease) -> Vec<u8> {
    /// Type, version and three lengths.
    const FIXED: usize = 9;
    /// What the 15 bits of the record's length can say.
    const MAX: usize = 0x7fff;
    let mut specs: Vec<u8> = offer.sslv2_kinds().flatten().collect();
    for code in grease.suite.into_iter().chain(offer.suites()) {
        specs.push(0);
        put_codes(&mut specs, [code]);
    }
    specs.truncate((MAX - FIXED) / 3 * 3);
    let challenge: Vec<u8> = fill
        .random
        .into_iter()
        .take(MAX - FIXED - specs.len())
        .collect();
    let length = |length: usize| u16::try_from(length).unwrap_or(u16::MAX);

    let mut bytes = Vec::with_capacity(2 + FIXED + specs.len() + challenge.len());
    put_codes(
        &mut bytes,
        [0x8000 | length(FIXED + specs.len() + challenge.len())],
    );
    bytes.push(1);
    put_codes(
        &mut bytes,
        [
            offer.legacy_version().0,
            length(specs.len()),
            0,
            length(challenge.len()),
        ],
    );
    bytes.extend(specs);
    bytes.extend(challenge);
    bytes
}

/// The GREASE values to send, one for each kind of list (RFC 8701 section 3.1).
#[derive(Default)]
struct Grease {
    suite: Option<u16>,
    group: Option<u16>,
    extension: Option<u16>,
    version: Option<u16>,
}

impl Grease {
    fn new(random: &[u8; 32]) -> Self {
        let [a, b, c, d, ..] = *random;
        let value = |byte: u8| Some(u16::from_be_bytes([byte & 0xf0 | 0x0a; 2]));
        Self {
            suite: value(a),
            group: value(b),
            extension: value(c),
            version: value(d),
        }
    }
}

fn put_codes(bytes: &mut Vec<u8>, codes: impl IntoIterator<Item = u16>) {
    bytes.extend(codes.into_iter().flat_map(u16::to_be_bytes));
}

fn vector8(bytes: &mut Vec<u8>, put: impl FnOnce(&mut Vec<u8>)) {
    vector::<1>(bytes, put);
}

fn vector16(bytes: &mut Vec<u8>, put: impl FnOnce(&mut Vec<u8>)) {
    vector::<2>(bytes, put);
}

/// A vector with a length of `N` bytes before it (RFC 8446 section 3.4); a length that does not fit shows as
/// the greatest that does.
fn vector<const N: usize>(bytes: &mut Vec<u8>, put: impl FnOnce(&mut Vec<u8>)) {
    let start = bytes.len();
    bytes.extend([0; N]);
    put(bytes);
    let most = u64::MAX >> (64 - 8 * N);
    let length = (bytes.len() - start - N) as u64;
    if let (Some(slot), Some(length)) = (
        bytes.get_mut(start..start + N),
        length.min(most).to_be_bytes().last_chunk::<N>(),
    ) {
        slot.copy_from_slice(length);
    }
}
