//! The group of TLS 1.2 and below: the server names it in a message of its own, behind its certificates (RFC 8422 section
//! 5.4).

use hello::records::{Message, Messages, Part, Records, content, is_on_curve, named_curve};
use hello::server_hello::ServerHello;

/// Bytes of a server that are looked through. Certificates come first, some 4 KiB of them; of no server more than this.
const MOST: usize = 64 * 1024;

/// Looks for it in what a server says from its hello on.
pub(crate) struct Curve {
    suite: u16,
    records: Records,
    messages: Messages,
    read: usize,
}

/// What is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// It may come still.
    NeedMore,
    /// The group.
    Group(u16),
    /// It will not come: a session is resumed, say.
    Nothing,
}

impl Curve {
    /// Where a server that said this hello has to name one.
    pub(crate) fn of(hello: &ServerHello) -> Option<Box<Self>> {
        let names_one = !hello.encrypts() && is_on_curve(hello.suite);
        names_one.then(|| {
            Box::new(Self {
                suite: hello.suite,
                records: Records::default(),
                messages: Messages::default(),
                read: 0,
            })
        })
    }

    /// Takes what comes next, the hello itself first.
    pub(crate) fn read(&mut self, mut bytes: &[u8]) -> Found {
        self.read += bytes.len();
        while let Some(part) = self.records.next(&mut bytes) {
            match part {
                Part::Start { content, .. } if content == content::HANDSHAKE => {}
                Part::Handshake(payload) => {
                    let mut found = None;
                    self.messages.read(payload, |message| {
                        if let Message::KeyExchange(start) = message {
                            found = Some(start);
                        }
                    });
                    if let Some(start) = found {
                        return named_curve(self.suite, start).map_or(Found::Nothing, Found::Group);
                    }
                }
                _ => return Found::Nothing,
            }
        }
        if self.read > MOST {
            Found::Nothing
        } else {
            Found::NeedMore
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ECDHE-RSA-AES128-GCM-SHA256.
    const ON_A_CURVE: u16 = 0xc02f;

    fn hello(suite: u16) -> ServerHello {
        let mut body = vec![3, 3];
        body.extend([7; 32]);
        body.push(0);
        body.extend(suite.to_be_bytes());
        body.push(0);
        ServerHello::parse(&body).unwrap()
    }

    fn record(content: u8, payload: &[u8]) -> Vec<u8> {
        let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
        [&[content, 3, 3], &length[..], payload].concat()
    }

    fn found(suite: u16, bytes: &[u8], cut: usize) -> Found {
        let mut curve = Curve::of(&hello(suite)).unwrap();
        let read = bytes.chunks(cut).map(|bytes| curve.read(bytes));
        read.fold(Found::NeedMore, |before, now| match before {
            Found::NeedMore => now,
            known => known,
        })
    }

    #[test]
    fn it_is_found_behind_certificates_however_it_comes() {
        let certificates = [&[11, 0, 16, 0][..], &[9; 4096]].concat();
        let exchange = [12, 0, 0, 8, 3, 0, 24, 4, 1, 1, 1, 1];
        let flight = [
            record(22, &[2, 0, 0, 1, 0]),
            record(22, &certificates),
            record(22, &exchange),
        ]
        .concat();
        for cut in [1, 7, 1000, flight.len()] {
            assert_eq!(found(ON_A_CURVE, &flight, cut), Found::Group(24), "{cut}");
        }
        assert_eq!(found(ON_A_CURVE, &flight[..4000], 99), Found::NeedMore);
    }

    #[test]
    fn where_none_can_come_nobody_waits() {
        // A session is resumed; the server says something else; nothing else comes.
        let resumed = [record(22, &[2, 0, 0, 1, 0]), record(20, &[1])].concat();
        let explicit = record(22, &[12, 0, 0, 4, 1, 0, 24, 4]);
        let endless = record(22, &[&[11, 1, 0, 0], &[0; 12_000][..]].concat()).repeat(6);
        for bytes in [&resumed, &explicit, &b"HTTP/1.1 200 OK".to_vec(), &endless] {
            assert_eq!(found(ON_A_CURVE, bytes, 1024), Found::Nothing);
        }
        // By RSA alone; and in TLS 1.3, where the hello itself has it.
        assert!(Curve::of(&hello(0x002f)).is_none());
        let mut new = hello(0x1301);
        new.version = hello::Version::TLSV1_3;
        assert!(Curve::of(&new).is_none());
    }
}
