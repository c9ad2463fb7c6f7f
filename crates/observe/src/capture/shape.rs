//! What TLS looks like where it begins in the middle of something.

/// Where in these bytes a ClientHello begins, if one does: at their start, or behind the request for TLS that a MySQL
/// client sends without waiting for an answer.
#[inline]
pub(super) fn client_hello(bytes: &[u8]) -> Option<usize> {
    match *bytes {
        [22, 3, 0..=4, _, _, 1, ..] => Some(0),
        // An SSLRequest packet of 32 bytes (MySQL protocol, "Protocol::SSLRequest").
        [32, 0, 0, 1, ..] => {
            let behind = bytes.get(36..)?;
            matches!(behind, [22, 3, 0..=4, _, _, 1, ..]).then_some(36)
        }
        _ => None,
    }
}

/// Whether these are a whole SSLv2-compatible hello and nothing else (RFC 5246 appendix E.2).
#[inline]
pub(super) fn sslv2_client_hello(bytes: &[u8]) -> bool {
    match *bytes {
        [a @ 0x80..=0xff, b, 1, 0, 2, ..] | [a @ 0x80..=0xff, b, 1, 3, 0..=3, ..] => {
            bytes.len() == 2 + usize::from(u16::from_be_bytes([a & 0x7f, b]))
        }
        _ => false,
    }
}

/// Whether these begin with a ServerHello.
#[inline]
pub(super) const fn server_hello(bytes: &[u8]) -> bool {
    matches!(bytes, [22, 3, 0..=4, _, _, 2, ..])
}

/// Whether these begin a server's answer in TLS. After a hello any record is; before it was read, only what can be
/// nothing else.
pub(super) fn server_answer(bytes: &[u8], hello_read: bool) -> bool {
    match *bytes {
        [21 | 22] | [21 | 22, 3, ..] if hello_read => true,
        [21, 3, 0..=4, 0, 2, ..] => true,
        _ => server_hello(bytes),
    }
}

/// The body of an SSLv2 SERVER-HELLO, behind its header and its type (draft-hickman-netscape-ssl-00 section 2.6).
pub(super) fn sslv2_server_hello(bytes: &[u8]) -> Option<&[u8]> {
    match bytes {
        [0x80..=0xff, _, 4, body @ ..] => Some(body),
        // A header of three bytes, where padding follows.
        [0..=0x7f, _, _, 4, body @ ..] => Some(body),
        _ => None,
    }
}

/// Application protocols that are agreed on (IANA "TLS ALPN Protocol IDs"). What is not here is no common one.
const PROTOCOLS: [&str; 15] = [
    "h2",
    "http/1.1",
    "http/1.0",
    "spdy/1",
    "spdy/2",
    "spdy/3",
    "spdy/3.1",
    "acme-tls/1",
    "imap",
    "pop3",
    "ftp",
    "xmpp-client",
    "xmpp-server",
    "mqtt",
    "postgresql",
];

/// The name as one that lives for ever.
pub(super) fn alpn(name: &[u8]) -> Option<&'static str> {
    PROTOCOLS
        .into_iter()
        .find(|protocol| protocol.as_bytes() == name)
}
