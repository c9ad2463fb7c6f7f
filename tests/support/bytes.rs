//! Hellos built byte by byte, and a plain socket to send them by.
//!
//! They owe nothing to the code under test: what is in them can be read off the RFCs named here.
#![allow(
    dead_code,
    reason = "each test that includes this file uses its own part of it"
)]

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use crate::edge::LIMIT;

/// Suites that every TLS 1.0 client offers: RSA key exchange with AES and 3DES, ECDHE-RSA with AES.
const SUITES: [u16; 4] = [0xc013, 0x002f, 0x0035, 0x000a];

/// A ClientHello message (RFC 5246 section 7.4.1.2) with `padding` bytes of padding extension (RFC 7685).
pub(crate) fn message(version: u16, padding: usize) -> Vec<u8> {
    let mut body = version.to_be_bytes().to_vec();
    body.extend([7; 32]);
    body.push(0);
    body.extend(u16::try_from(2 * SUITES.len()).unwrap().to_be_bytes());
    body.extend(SUITES.iter().flat_map(|suite| suite.to_be_bytes()));
    body.extend([1, 0]);
    let mut extensions = Vec::new();
    // supported_groups: secp256r1; ec_point_formats: uncompressed (RFC 8422).
    extensions.extend([0, 10, 0, 4, 0, 2, 0, 23, 0, 11, 0, 2, 1, 0]);
    if padding > 0 {
        extensions.extend([0, 21]);
        extensions.extend(u16::try_from(padding).unwrap().to_be_bytes());
        extensions.extend(vec![0; padding]);
    }
    body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
    body.extend(extensions);
    let mut message = vec![1];
    message.extend(&u32::try_from(body.len()).unwrap().to_be_bytes()[1..]);
    message.extend(body);
    message
}

/// The message in records of `size` bytes each (RFC 5246 section 6.2.1).
pub(crate) fn records(message: &[u8], size: usize) -> Vec<u8> {
    let record = |part: &[u8]| {
        [
            &[22, 3, 1],
            &u16::try_from(part.len()).unwrap().to_be_bytes()[..],
            part,
        ]
        .concat()
    };
    message.chunks(size).flat_map(record).collect()
}

/// A hello that offers TLS 1.0 at most.
pub(crate) fn tls10() -> Vec<u8> {
    records(&message(0x0301, 0), 16384)
}

/// A TLS 1.0 hello in the format of SSL 2.0 (RFC 5246 appendix E.2), as OpenSSL before 1.0.0 and Java 6 sent it.
pub(crate) fn sslv2() -> Vec<u8> {
    // SSL 2.0's own kinds come with it: SSL_CK_RC4_128_WITH_MD5 is one (three bytes, the first not zero).
    let mut specs = vec![1, 0, 0x80];
    specs.extend(
        SUITES
            .iter()
            .flat_map(|suite| [0, suite.to_be_bytes()[0], suite.to_be_bytes()[1]]),
    );
    let mut body = vec![1, 3, 1, 0, u8::try_from(specs.len()).unwrap(), 0, 0, 0, 16];
    body.extend(specs);
    body.extend([9; 16]);
    [&[0x80, u8::try_from(body.len()).unwrap()], &body[..]].concat()
}

/// What a peer left: its bytes, and whether it ended with a FIN rather than a reset.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) bytes: Vec<u8>,
    pub(crate) ended_well: bool,
}

/// A plain connection.
pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.set_write_timeout(Some(LIMIT)).unwrap();
    stream
}

/// Reads to the end.
#[track_caller]
pub(crate) fn read_to_end(stream: &mut TcpStream) -> Left {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => Left {
            bytes,
            ended_well: true,
        },
        Err(error) if error.kind() == ErrorKind::ConnectionReset => Left {
            bytes,
            ended_well: false,
        },
        Err(error) => panic!("neither an end nor a reset: {error}, after {bytes:?}"),
    }
}

/// Sends bytes, closes the sending side and reads to the end.
#[track_caller]
pub(crate) fn exchange(address: SocketAddr, bytes: &[u8]) -> Left {
    let mut stream = connect(address);
    stream.write_all(bytes).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    read_to_end(&mut stream)
}

/// Sends bytes and resets the connection (linger 0 makes the kernel send RST).
pub(crate) fn send_and_reset(address: SocketAddr, bytes: &[u8]) {
    let mut stream = connect(address);
    stream.write_all(bytes).unwrap();
    socket2::SockRef::from(&stream)
        .set_linger(Some(std::time::Duration::ZERO))
        .unwrap();
}
