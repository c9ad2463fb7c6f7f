//! What is no hello, and where it stops being one.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use hello::{Field, HelloReader, MAX_WIRE, Malformed, NotTls, Progress, Reason, Scratch};

/// The fields of a hello, to be spoilt one by one.
struct Parts {
    session_id: Vec<u8>,
    suites: Vec<u8>,
    compression: Vec<u8>,
    extensions: Vec<u8>,
}

impl Default for Parts {
    fn default() -> Self {
        Self {
            session_id: vec![0],
            suites: vec![0, 2, 0, 0x2f],
            compression: vec![1, 0],
            extensions: Vec::new(),
        }
    }
}

/// Where the fields stand in one record: after the record and handshake headers, the version and the random.
const SESSION_ID: usize = 5 + 4 + 2 + 32;
/// With an empty session id, one suite and one compression method.
const EXTENSIONS: usize = SESSION_ID + 1 + 4 + 2;

fn record(parts: &Parts) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend(&parts.session_id);
    body.extend(&parts.suites);
    body.extend(&parts.compression);
    body.extend(&parts.extensions);
    message(&body)
}

fn message(body: &[u8]) -> Vec<u8> {
    let length = body.len() as u16;
    let [a, b] = (length + 4).to_be_bytes();
    let [c, d] = length.to_be_bytes();
    [&[22, 3, 1, a, b, 1, 0, c, d], body].concat()
}

/// A hello with one extension.
fn with_extension(code: u16, body: &[u8]) -> Vec<u8> {
    let [a, b] = (body.len() as u16 + 4).to_be_bytes();
    let [c, d] = code.to_be_bytes();
    let [e, f] = (body.len() as u16).to_be_bytes();
    record(&Parts {
        extensions: [&[a, b, c, d, e, f], body].concat(),
        ..Parts::default()
    })
}

/// Where the body of that extension stands.
const BODY: usize = EXTENSIONS + 6;

fn fault(bytes: &[u8]) -> (usize, Reason) {
    match HelloReader::default().read(bytes, &mut Scratch::default()) {
        Progress::Malformed(Malformed { offset, reason }) => (offset, reason),
        other => panic!("{other:?} of {bytes:02x?}"),
    }
}

#[test]
fn a_broken_record_is_found_at_its_byte() {
    let table: [(&[u8], (usize, Reason)); 9] = [
        (&[21], (0, Reason::RecordType(21))),
        (&[23, 3, 3, 0, 1], (0, Reason::RecordType(23))),
        (&[22, 2], (1, Reason::RecordVersion(2))),
        (&[22, 3, 1, 0, 0], (3, Reason::EmptyRecord)),
        (&[22, 3, 1, 0x40, 1], (3, Reason::RecordTooLong(0x4001))),
        (&[22, 3, 1, 0, 9, 2], (5, Reason::HandshakeType(2))),
        (&[22, 3, 1, 0, 9, 1, 1, 0, 0], (8, Reason::TooLong(0x10000))),
        // The second record of a hello.
        (&[22, 3, 1, 0, 1, 1, 20], (6, Reason::RecordType(20))),
        (
            &[22, 3, 1, 0, 1, 1, 22, 3, 1, 0, 0],
            (9, Reason::EmptyRecord),
        ),
    ];
    for (bytes, expected) in table {
        assert_eq!(fault(bytes), expected, "{bytes:02x?}");
    }
}

#[test]
fn a_broken_field_is_found_at_its_byte() {
    let whole = Parts::default();
    let table = [
        (
            "legacy_version",
            message(&[3]),
            (9, Reason::Truncated(Field::LegacyVersion)),
        ),
        (
            "random",
            message(&[3, 3, 0]),
            (11, Reason::Truncated(Field::Random)),
        ),
        (
            "nothing",
            message(&[]),
            (9, Reason::Truncated(Field::LegacyVersion)),
        ),
        (
            "session id of 33",
            record(&Parts {
                session_id: [vec![33], vec![0; 33]].concat(),
                ..Parts::default()
            }),
            (SESSION_ID, Reason::OutOfRange(Field::SessionId)),
        ),
        (
            "no suites",
            record(&Parts {
                suites: vec![0, 0],
                ..Parts::default()
            }),
            (SESSION_ID + 1, Reason::Empty(Field::CipherSuites)),
        ),
        (
            "half a suite",
            record(&Parts {
                suites: vec![0, 3, 0, 1, 0],
                ..Parts::default()
            }),
            (SESSION_ID + 3, Reason::OddLength(Field::CipherSuites)),
        ),
        (
            "suites past the end",
            record(&Parts {
                suites: vec![1, 0, 0, 1],
                ..Parts::default()
            }),
            (SESSION_ID + 3, Reason::Truncated(Field::CipherSuites)),
        ),
        (
            "no compression",
            record(&Parts {
                compression: vec![0],
                ..Parts::default()
            }),
            (SESSION_ID + 5, Reason::Empty(Field::CompressionMethods)),
        ),
        (
            "extensions past the end",
            record(&Parts {
                extensions: vec![0, 1],
                ..Parts::default()
            }),
            (EXTENSIONS + 2, Reason::Truncated(Field::Extensions)),
        ),
        (
            "bytes after the end",
            record(&Parts {
                extensions: vec![0, 0, 9],
                ..Parts::default()
            }),
            (EXTENSIONS + 2, Reason::TrailingBytes),
        ),
        (
            "half an extension",
            record(&Parts {
                extensions: vec![0, 2, 0, 0],
                ..Parts::default()
            }),
            (EXTENSIONS + 4, Reason::Truncated(Field::Extensions)),
        ),
        (
            "server_name",
            with_extension(0, &[0, 3, 0, 0, 9]),
            (BODY + 5, Reason::Truncated(Field::ServerName)),
        ),
        (
            "supported_groups, odd",
            with_extension(10, &[0, 1, 0]),
            (BODY + 2, Reason::OddLength(Field::SupportedGroups)),
        ),
        (
            "supported_groups, empty",
            with_extension(10, &[]),
            (BODY, Reason::Truncated(Field::SupportedGroups)),
        ),
        (
            "ec_point_formats",
            with_extension(11, &[2, 0]),
            (BODY + 1, Reason::Truncated(Field::EcPointFormats)),
        ),
        (
            "signature_algorithms",
            with_extension(13, &[0, 4, 4, 3]),
            (BODY + 2, Reason::Truncated(Field::SignatureAlgorithms)),
        ),
        (
            "ALPN",
            with_extension(16, &[0, 3, 9, b'h', b'2']),
            (BODY + 3, Reason::Truncated(Field::Alpn)),
        ),
        (
            "supported_versions",
            with_extension(43, &[3, 3, 4, 3]),
            (BODY + 1, Reason::OddLength(Field::SupportedVersions)),
        ),
        (
            "signature_algorithms_cert",
            with_extension(50, &[0]),
            (BODY, Reason::Truncated(Field::SignatureAlgorithmsCert)),
        ),
        (
            "key_share",
            with_extension(51, &[0, 5, 0, 29, 0, 32, 1]),
            (BODY + 6, Reason::Truncated(Field::KeyShare)),
        ),
    ];
    for (what, bytes, expected) in table {
        assert_eq!(fault(&bytes), expected, "{what}");
    }
    let bytes = record(&whole);
    assert!(matches!(
        HelloReader::default().read(&bytes, &mut Scratch::default()),
        Progress::Hello { .. }
    ));
}

#[test]
fn offsets_count_record_headers_in_between() {
    let one = with_extension(10, &[0, 1, 0]);
    // The same message in two records, cut right before the broken list.
    let (head, tail) = one[5..].split_at(BODY - 5);
    let record = |payload: &[u8]| [&[22, 3, 1, 0, payload.len() as u8], payload].concat();
    let two = [record(head), record(tail)].concat();
    assert_eq!(
        fault(&two),
        (BODY + 2 + 5, Reason::OddLength(Field::SupportedGroups))
    );
    // A hello that ends too early is wrong at its end, even if another record follows.
    let empty = record(&[1, 0, 0, 0]);
    let expected = (9, Reason::Truncated(Field::LegacyVersion));
    assert_eq!(fault(&empty), expected);
    assert_eq!(fault(&[empty, record(&[1, 0])].concat()), expected);
}

#[test]
fn a_hello_in_ever_more_records_ends_somewhere() {
    // One byte for each record: the most wire bytes a byte of hello can cost.
    let header = [
        22, 3, 1, 0, 1, 1, 22, 3, 1, 0, 1, 0, 22, 3, 1, 0, 1, 0xff, 22, 3, 1, 0, 1, 0,
    ];
    let mut bytes = header.to_vec();
    while bytes.len() <= MAX_WIRE {
        bytes.extend([22, 3, 1, 0, 1, 0]);
    }
    let (offset, reason) = fault(&bytes);
    assert_eq!(reason, Reason::TooManyRecords);
    assert!((MAX_WIRE - 6..=MAX_WIRE).contains(&offset), "{offset}");
}

#[test]
fn sslv2_compatible_hellos_are_read_and_faults_found() {
    let hello = |lengths: [u8; 6], rest: &[u8]| {
        let body = [&[1, 3, 1], &lengths[..], rest].concat();
        [&[0x80, body.len() as u8], &body[..]].concat()
    };
    let whole = hello(
        [0, 6, 0, 0, 0, 16],
        &[&[0, 0, 0x2f, 1, 0, 0x80][..], &[7; 16]].concat(),
    );
    match HelloReader::default().read(&whole, &mut Scratch::default()) {
        Progress::Hello { hello, consumed } => {
            assert_eq!(consumed, whole.len());
            assert_eq!(hello.suites().collect::<Vec<_>>(), [0x2f]);
            assert_eq!(hello.sslv2_kinds().collect::<Vec<_>>(), [[1, 0, 0x80]]);
            assert_eq!(hello.random, [7; 16]);
        }
        other => panic!("{other:?}"),
    }
    let table = [
        (
            "no suites",
            hello([0, 0, 0, 0, 0, 1], &[7]),
            (5, Reason::Empty(Field::CipherSuites)),
        ),
        (
            "half a suite",
            hello([0, 4, 0, 0, 0, 0], &[0; 4]),
            (5, Reason::OddLength(Field::CipherSuites)),
        ),
        (
            "session id of 33",
            hello([0, 3, 0, 33, 0, 0], &[0; 36]),
            (5, Reason::OutOfRange(Field::SessionId)),
        ),
        (
            "suites past the end",
            hello([0, 6, 0, 0, 0, 0], &[0; 3]),
            (11, Reason::Truncated(Field::CipherSuites)),
        ),
        (
            "challenge past the end",
            hello([0, 3, 0, 0, 0, 9], &[0; 3]),
            (14, Reason::Truncated(Field::Challenge)),
        ),
        (
            "bytes after the end",
            hello([0, 3, 0, 0, 0, 0], &[0; 4]),
            (14, Reason::TrailingBytes),
        ),
    ];
    for (what, bytes, expected) in table {
        assert_eq!(fault(&bytes), expected, "{what}");
    }
}

#[test]
fn other_protocols_are_recognised_as_soon_as_they_can_be() {
    let table: [(&[u8], NotTls, usize); 12] = [
        (b"GET / HTTP/1.1\r\n", NotTls::Http, 4),
        (b"POST /oauth2/token HTTP/1.0\r\n", NotTls::Http, 5),
        (b"OPTIONS * HTTP/1.1\r\n", NotTls::Http, 8),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", NotTls::Http, 16),
        (b"PROXY TCP4 127.0.0.1", NotTls::ProxyProtocol, 6),
        (b"\r\n\r\n\0\r\nQUIT\n\x21", NotTls::ProxyProtocol, 12),
        (b"SSH-2.0-OpenSSH_9.2\r\n", NotTls::Ssh, 4),
        (b"PING\r\n", NotTls::Unknown, 2),
        (b"\0\0\0\0", NotTls::Unknown, 1),
        (b"\x80\x2e\x02", NotTls::Unknown, 3),
        (b"\x80\x2e\x01\x04", NotTls::Unknown, 4),
        (b"\x80\x02\x01", NotTls::Unknown, 2),
    ];
    for (bytes, expected, decided_at) in table {
        for cut in 0..=bytes.len() {
            let (mut reader, mut scratch) = (HelloReader::default(), Scratch::default());
            match reader.read(&bytes[..cut], &mut scratch) {
                Progress::NeedMore => assert!(cut < decided_at, "{cut} bytes of {bytes:?}"),
                Progress::NotTls(found) => {
                    assert_eq!(found, expected, "{bytes:?}");
                    assert!(cut >= decided_at, "{cut} bytes of {bytes:?}");
                }
                other => panic!("{other:?} of {cut} bytes of {bytes:?}"),
            }
        }
    }
}
