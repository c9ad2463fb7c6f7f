//! What a server sent in the clear: what it chose of an offer, or the alert that ended it. Bytes in, facts out; whatever
//! the bytes, it reads what is whole and stops.

use hello::Version;
use hello::names::{Named, cipher_suite};

/// What a handshake agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chosen {
    pub(super) version: Version,
    pub(super) suite: u16,
    /// Absent where no group takes part, or where the server ended before it named one.
    pub(super) group: Option<u16>,
}

/// What a server sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) chosen: Option<Chosen>,
    /// A fatal alert, sent before anything was encrypted.
    pub(super) alert: Option<u8>,
    /// The first bytes are no TLS record.
    pub(super) not_tls: bool,
}

// Content types of records (RFC 8446 section 5.1).
const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;
// Handshake messages (RFC 8446 section 4, RFC 5246 section 7.4).
const SERVER_HELLO: u8 = 2;
const SERVER_KEY_EXCHANGE: u8 = 12;
// Extensions.
const SUPPORTED_VERSIONS: u16 = 43;
const KEY_SHARE: u16 = 51;

/// The longest record there is: 2^14 bytes and what encryption adds (RFC 5246 section 6.2.3).
const LONGEST_RECORD: usize = (1 << 14) + 2048;

/// Reads what came first from a server.
pub(super) fn read(received: &[u8]) -> Sent {
    let mut sent = Sent::default();
    let mut messages = Vec::new();
    let mut rest = Reader(received);
    while let Some(kind) = rest.u8() {
        if !(CHANGE_CIPHER_SPEC..=APPLICATION_DATA).contains(&kind) {
            sent.not_tls = messages.is_empty() && sent.alert.is_none();
            break;
        }
        let Some(body) = rest.u16().and_then(|_| rest.prefixed()) else {
            break;
        };
        if body.0.len() > LONGEST_RECORD {
            break;
        }
        match kind {
            HANDSHAKE => {
                messages.extend_from_slice(body.0);
            }
            ALERT => {
                // A warning goes on (RFC 6066 section 3); a fatal one is the last thing.
                if let [2, code] = body.0 {
                    sent.alert = Some(*code);
                    break;
                }
            }
            // From here on records are encrypted; under TLS 1.3 it is there for show (RFC 8446 appendix D.4).
            CHANGE_CIPHER_SPEC if !is_13(&messages) => break,
            CHANGE_CIPHER_SPEC => {}
            _ => break,
        }
    }
    sent.chosen = chosen(&messages);
    sent
}

fn is_13(messages: &[u8]) -> bool {
    chosen(messages).is_some_and(|chosen| chosen.version >= Version::TLSV1_3)
}

/// What the messages settle on; of two hellos the second counts (RFC 8446 section 4.1.4).
fn chosen(messages: &[u8]) -> Option<Chosen> {
    let mut rest = Reader(messages);
    let mut chosen: Option<Chosen> = None;
    while let Some((kind, mut body)) = rest.message() {
        match kind {
            SERVER_HELLO => chosen = server_hello(&mut body).or(chosen),
            SERVER_KEY_EXCHANGE => {
                let curves = chosen.is_some_and(|chosen| is_ecdhe(chosen.suite));
                // curve_type named_curve (RFC 8422 section 5.4).
                if curves
                    && body.u8() == Some(3)
                    && let Some(chosen) = &mut chosen
                {
                    chosen.group = body.u16();
                }
            }
            _ => {}
        }
    }
    chosen
}

fn is_ecdhe(suite: u16) -> bool {
    cipher_suite(suite).is_some_and(|name| name.iana.starts_with("TLS_ECDHE_"))
}

/// RFC 8446 section 4.1.3.
fn server_hello(body: &mut Reader<'_>) -> Option<Chosen> {
    let mut version = body.u16()?;
    body.take(32)?;
    let session = body.u8()?;
    body.take(session.into())?;
    let suite = body.u16()?;
    body.u8()?;
    let mut group = None;
    if let Some(mut extensions) = body.prefixed() {
        while let Some(kind) = extensions.u16() {
            let mut extension = extensions.prefixed()?;
            match kind {
                SUPPORTED_VERSIONS => version = extension.u16()?,
                KEY_SHARE => group = extension.u16(),
                _ => {}
            }
        }
    }
    Some(Chosen {
        version: Version(version),
        suite,
        group,
    })
}

impl Chosen {
    pub(super) fn cipher(&self) -> String {
        Named::Suite(self.suite).to_string()
    }

    pub(super) fn group_name(&self) -> Option<String> {
        self.group.map(|group| Named::Group(group).to_string())
    }
}

/// Bytes that cannot be read past.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    /// What a length of two bytes stands before.
    fn prefixed(&mut self) -> Option<Self> {
        let length = self.u16()?;
        Some(Self(self.take(length.into())?))
    }

    /// A whole handshake message.
    fn message(&mut self) -> Option<(u8, Self)> {
        let kind = self.u8()?;
        let high = usize::from(self.u8()?);
        let low = usize::from(self.u16()?);
        Some((kind, Self(self.take((high << 16) + low)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [&[kind, 3, 3], &length[..], body].concat()
    }

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [&[kind, 0], &length[..], body].concat()
    }

    fn hello(suite: u16, extensions: &[u8]) -> Vec<u8> {
        let mut body = vec![3, 3];
        body.extend([7; 32]);
        body.push(0);
        body.extend(suite.to_be_bytes());
        body.push(0);
        body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
        body.extend(extensions);
        message(SERVER_HELLO, &body)
    }

    /// TLS 1.3 with a share of 2 bytes.
    fn hello_13(group: u16) -> Vec<u8> {
        let [high, low] = group.to_be_bytes();
        hello(
            0x1301,
            &[0, 43, 0, 2, 3, 4, 0, 51, 0, 6, high, low, 0, 2, 1, 2],
        )
    }

    #[test]
    fn a_hello_of_tls_13_names_its_group() {
        let mut bytes = record(HANDSHAKE, &hello_13(0x11ec));
        bytes.extend(record(CHANGE_CIPHER_SPEC, &[1]));
        bytes.extend(record(APPLICATION_DATA, &[0; 40]));
        let chosen = read(&bytes).chosen.unwrap();
        assert_eq!(
            (chosen.version, chosen.cipher().as_str()),
            (Version::TLSV1_3, "TLS_AES_128_GCM_SHA256")
        );
        assert_eq!(chosen.group_name().as_deref(), Some("X25519MLKEM768"));
    }

    #[test]
    fn after_a_retry_the_second_hello_counts() {
        let mut bytes = record(HANDSHAKE, &hello_13(0x0017));
        bytes.extend(record(CHANGE_CIPHER_SPEC, &[1]));
        bytes.extend(record(HANDSHAKE, &hello_13(0x001d)));
        assert_eq!(read(&bytes).chosen.unwrap().group, Some(0x001d));
    }

    #[test]
    fn tls_12_names_its_group_in_another_message_even_in_pieces() {
        let mut messages = hello(0xc02f, &[]);
        messages.extend(message(11, &[9; 3000]));
        messages.extend(message(SERVER_KEY_EXCHANGE, &[3, 0, 0x1d, 32, 1, 2]));
        let bytes: Vec<u8> = messages
            .chunks(700)
            .flat_map(|piece| record(HANDSHAKE, piece))
            .collect();
        let chosen = read(&bytes).chosen.unwrap();
        assert_eq!(
            (chosen.version, chosen.group),
            (Version::TLSV1_2, Some(0x1d))
        );
        // Without ECDHE the same bytes are a prime, not a curve.
        let mut messages = hello(0x009e, &[]);
        messages.extend(message(SERVER_KEY_EXCHANGE, &[3, 0, 0x1d, 32, 1, 2]));
        assert_eq!(
            read(&record(HANDSHAKE, &messages)).chosen.unwrap().group,
            None
        );
    }

    #[test]
    fn a_fatal_alert_is_told_from_a_warning() {
        assert_eq!(read(&record(ALERT, &[2, 70])).alert, Some(70));
        let mut bytes = record(ALERT, &[1, 112]);
        bytes.extend(record(HANDSHAKE, &hello(0x002f, &[])));
        let sent = read(&bytes);
        assert!(sent.alert.is_none() && sent.chosen.is_some());
        assert!(read(b"HTTP/1.1 400 Bad Request\r\n").not_tls);
        assert_eq!(read(b""), Sent::default());
    }

    #[test]
    fn no_bytes_break_it() {
        let mut bytes = record(HANDSHAKE, &hello_13(0x11ec));
        bytes.extend(record(ALERT, &[2, 40]));
        for end in 0..bytes.len() {
            read(bytes.get(..end).unwrap());
        }
        for at in 0..bytes.len() {
            for value in [0, 1, 22, 127, 255] {
                let mut broken = bytes.clone();
                *broken.get_mut(at).unwrap() = value;
                read(&broken);
            }
        }
    }
}
