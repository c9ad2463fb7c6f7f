//! What a server answers, as far as it can be read from outside: its ServerHello, or the alert in its place.

use crate::client_hello::extension;
use crate::fault::{Field, Reason};
use crate::reader::{Fault, Reader};
use crate::{Malformed, Version, is_grease};

/// The most bytes that are looked at: a ServerHello holds a key share and a few names, and nothing else comes first.
pub const MAX_ANSWER: usize = 8 * 1024;

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const SERVER_HELLO: u8 = 2;
const MAX_RECORD: usize = 1 << 14;

/// `random` of a HelloRetryRequest (RFC 8446 section 4.1.3).
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// A ServerHello (RFC 8446 section 4.1.3; RFC 5246 section 7.4.1.3) or a HelloRetryRequest, which says the same of what
/// will be agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerHello {
    /// The version agreed on: the one in supported_versions, where that is.
    pub version: Version,
    /// The cipher suite.
    pub suite: u16,
    /// The group of the key share (TLS 1.3 only: below it comes in a later message).
    pub group: Option<u16>,
    /// The application protocol (below TLS 1.3 only: there it is encrypted).
    pub alpn: Option<Box<[u8]>>,
    /// Whether a session is resumed by its pre-shared key (TLS 1.3 only).
    pub resumed: bool,
    /// Whether this is a HelloRetryRequest.
    pub retry: bool,
    /// The session id: the client's own again where a session before TLS 1.3 is resumed, and in every TLS 1.3.
    pub session_id: Box<[u8]>,
}

impl ServerHello {
    /// Reads the body of a ServerHello handshake message, without its header of four bytes.
    ///
    /// # Errors
    ///
    /// When a length points past its end; the offset counts from the start of the body.
    pub fn parse(body: &[u8]) -> Result<Self, Malformed> {
        parse(body).map_err(|(offset, reason)| Malformed { offset, reason })
    }

    /// Whether the handshake is encrypted from here on: TLS 1.3, its drafts and experiments.
    pub fn encrypts(&self) -> bool {
        self.version == Version::TLSV1_3 || self.version.0 >> 8 >= 0x7e
    }

    /// Whether an earlier session is resumed, for a client that sent the given session id: by a key that both have
    /// (RFC 8446 section 4.2.11), or by the same session id (RFC 5246 section 7.4.1.3, RFC 5077 section 3.4).
    pub fn resumes(&self, session_id: &[u8]) -> bool {
        if self.encrypts() {
            self.resumed
        } else {
            !session_id.is_empty() && *self.session_id == *session_id
        }
    }
}

/// Whether this is the body of an SSLv2 SERVER-HELLO, after its record header and its message type
/// (draft-hickman-netscape-ssl-00 section 2.6): the client chooses the cipher, so it agrees on the version alone.
pub fn is_sslv2(body: &[u8]) -> bool {
    matches!(body, [_, _, high, low, ..] if u16::from_be_bytes([*high, *low]) == Version::SSLV2.0)
}

/// What the first bytes of a server amount to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It could still be either.
    NeedMore,
    /// A ServerHello.
    Hello(ServerHello),
    /// An alert of this description (IANA "TLS Alerts").
    Alert(u8),
    /// No TLS that can be read.
    Other,
}

/// Looks at all bytes that a server has sent so far. Once the answer is not [`Answer::NeedMore`] it stands.
pub fn answer(bytes: &[u8]) -> Answer {
    // Over several records the message is put together; almost always it is in one, where nothing is copied.
    let mut rest = bytes;
    let mut whole: Vec<u8> = Vec::new();
    loop {
        let Some((&[kind, major, _, high, low], after)) = rest.split_first_chunk::<5>() else {
            return unless_too_long(bytes, rest.first().is_some_and(|kind| !known(*kind)));
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        if major != 3 || length == 0 || length > MAX_RECORD {
            return Answer::Other;
        }
        match kind {
            // Not in the middle of a message.
            ALERT if whole.is_empty() => {
                return match after {
                    [_, description, ..] => Answer::Alert(*description),
                    _ => Answer::NeedMore,
                };
            }
            HANDSHAKE => {}
            _ => return Answer::Other,
        }
        let (payload, next) = match after.split_at_checked(length) {
            Some((payload, next)) => (payload, Some(next)),
            None => (after, None),
        };
        let message = if whole.is_empty() {
            message(payload)
        } else {
            whole.extend_from_slice(payload);
            message(&whole)
        };
        match (message, next) {
            (Some(answer), _) => return answer,
            (None, None) => return unless_too_long(bytes, false),
            (None, Some(next)) => {
                if whole.is_empty() {
                    whole.extend_from_slice(payload);
                }
                rest = next;
            }
        }
    }
}

const fn known(kind: u8) -> bool {
    matches!(kind, ALERT | HANDSHAKE)
}

fn unless_too_long(bytes: &[u8], is_other: bool) -> Answer {
    if is_other || bytes.len() >= MAX_ANSWER {
        Answer::Other
    } else {
        Answer::NeedMore
    }
}

/// The ServerHello at the start of these handshake bytes, if it is whole.
fn message(bytes: &[u8]) -> Option<Answer> {
    let (&[kind, a, b, c], rest) = bytes.split_first_chunk::<4>()?;
    if kind != SERVER_HELLO {
        return Some(Answer::Other);
    }
    let length = usize::try_from(u32::from_be_bytes([0, a, b, c])).unwrap_or(usize::MAX);
    if length > MAX_ANSWER {
        return Some(Answer::Other);
    }
    let body = rest.get(..length)?;
    Some(parse(body).map_or(Answer::Other, Answer::Hello))
}

fn parse(body: &[u8]) -> Result<ServerHello, Fault> {
    let mut reader = Reader::new(body, 0);
    let version = Version(reader.u16(Field::LegacyVersion)?);
    let random = reader.take(32, Field::Random)?;
    // Drafts of TLS 1.3 before the 22nd have neither session id nor compression (draft-ietf-tls-tls13-21).
    let is_draft = version.0 >> 8 == 0x7f || version == Version::TLSV1_3;
    let session_id = if is_draft {
        &[][..]
    } else {
        let at = reader.offset();
        let session_id = reader.vector8(Field::SessionId)?.rest();
        if session_id.len() > 32 {
            return Err((at, Reason::OutOfRange(Field::SessionId)));
        }
        session_id
    };
    let suite = reader.u16(Field::CipherSuites)?;
    if !is_draft {
        reader.u8(Field::CompressionMethods)?;
    }
    let mut hello = ServerHello {
        version,
        suite,
        group: None,
        alpn: None,
        resumed: false,
        retry: random == RETRY,
        session_id: session_id.into(),
    };
    if reader.is_empty() {
        return Ok(hello);
    }
    let mut extensions = reader.vector16(Field::Extensions)?;
    while !extensions.is_empty() {
        let code = extensions.u16(Field::Extensions)?;
        let mut body = extensions.vector16(Field::Extensions)?;
        match code {
            extension::SUPPORTED_VERSIONS => {
                hello.version = Version(body.u16(Field::SupportedVersions)?);
            }
            // Where it is empty, nothing is said of the group.
            extension::KEY_SHARE | extension::KEY_SHARE_DRAFT if !body.is_empty() => {
                hello.group = Some(body.u16(Field::KeyShare)?).filter(|group| !is_grease(*group));
            }
            extension::PRE_SHARED_KEY => hello.resumed = true,
            extension::ALPN => {
                let mut list = body.vector16(Field::Alpn)?;
                if !list.is_empty() {
                    hello.alpn = Some(list.vector8(Field::Alpn)?.rest().into());
                }
            }
            _ => {}
        }
    }
    Ok(hello)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn records(message: &[u8], size: usize) -> Vec<u8> {
        let record = |part: &[u8]| {
            let length = u16::try_from(part.len()).unwrap().to_be_bytes();
            [&[HANDSHAKE, 3, 3], &length[..], part].concat()
        };
        message.chunks(size).flat_map(record).collect()
    }

    fn hello(random: [u8; 32], extensions: &[u8]) -> Vec<u8> {
        let mut body = vec![3, 3];
        body.extend(random);
        body.extend([2, 9, 9, 0x13, 0x01, 0]);
        body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
        body.extend(extensions);
        let length = u32::try_from(body.len()).unwrap().to_be_bytes();
        [&[SERVER_HELLO], &length[1..], &body].concat()
    }

    const TLS13: [u8; 16] = [0, 43, 0, 2, 3, 4, 0, 51, 0, 6, 0x11, 0xec, 0, 2, 7, 7];

    #[test]
    fn a_tls_1_3_answer_in_one_record_or_many() {
        let message = hello([5; 32], &TLS13);
        let expected = Answer::Hello(ServerHello {
            version: Version::TLSV1_3,
            suite: 0x1301,
            group: Some(0x11ec),
            alpn: None,
            resumed: false,
            retry: false,
            session_id: [9, 9].into(),
        });
        for size in [1, 3, 40, 16384] {
            let bytes = records(&message, size);
            assert_eq!(answer(&bytes), expected, "records of {size}");
            for end in 0..bytes.len() {
                assert_eq!(answer(&bytes[..end]), Answer::NeedMore, "{end} bytes");
            }
        }
    }

    #[test]
    fn a_retry_names_the_group_that_will_be() {
        let retry = hello(RETRY, &[0, 43, 0, 2, 3, 4, 0, 51, 0, 2, 0, 23]);
        let Answer::Hello(hello) = answer(&records(&retry, 99)) else {
            panic!("a hello");
        };
        assert!(hello.retry);
        assert_eq!(hello.group, Some(23));
    }

    #[test]
    fn below_tls_1_3_the_protocol_is_in_clear() {
        let answered = answer(&records(
            &hello([1; 32], &[0, 16, 0, 5, 0, 3, 2, b'h', b'2']),
            99,
        ));
        let Answer::Hello(hello) = answered else {
            panic!("a hello");
        };
        assert_eq!(hello.alpn.as_deref(), Some(&b"h2"[..]));
        assert_eq!(hello.version, Version::TLSV1_2);
    }

    #[test]
    fn below_tls_1_3_the_session_id_resumes() {
        let body = |random, extensions: &[u8]| hello(random, extensions)[4..].to_vec();
        let old = ServerHello::parse(&body([0; 32], &[])).unwrap();
        assert!(old.resumes(&[9, 9]) && !old.resumes(&[9]) && !old.resumes(&[]) && !old.encrypts());
        let new = ServerHello::parse(&body([0; 32], &TLS13)).unwrap();
        assert!(
            !new.resumes(&[9, 9]) && new.encrypts(),
            "every TLS 1.3 echoes it"
        );
        let key = ServerHello::parse(&body([0; 32], &[0, 41, 0, 2, 0, 0, 0, 43, 0, 2, 3, 4]));
        assert!(key.unwrap().resumes(&[]));
    }

    #[test]
    fn drafts_of_tls_1_3_have_no_session_id() {
        let mut body = vec![0x7f, 18];
        body.extend([1; 32]);
        body.extend([0x13, 0x01, 0, 6, 0, 40, 0, 2, 0, 29]);
        let draft = ServerHello::parse(&body).unwrap();
        assert_eq!((draft.suite, draft.group), (0x1301, Some(29)));
        assert!(draft.encrypts());
    }

    #[test]
    fn alerts_and_other_protocols() {
        assert_eq!(answer(&[21, 3, 1, 0, 2, 2, 70]), Answer::Alert(70));
        assert_eq!(answer(b"HTTP/1.1 400 Bad Request"), Answer::Other);
        assert_eq!(answer(b"H"), Answer::Other);
        assert_eq!(answer(&[22, 3, 3, 0, 4, 1, 0, 0, 0]), Answer::Other);
        assert_eq!(answer(&[22, 3, 3, 0, 0]), Answer::Other);
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic_and_it_ends(
            start in prop::sample::select(vec![21_u8, 22, 0]),
            bytes in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let mut all = vec![start, 3, 3, 0, 60, SERVER_HELLO, 0, 0];
            all.extend(bytes);
            answer(&all);
            all.resize(MAX_ANSWER + 70_000, 0);
            prop_assert_ne!(answer(&all), Answer::NeedMore);
        }
    }
}
