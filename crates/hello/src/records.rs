//! TLS records of a server as they pass, and the handshake messages in them that matter, without keeping what does not.

use crate::names::{self, KeyExchange};

/// Bytes of a record's header (RFC 8446 section 5.1).
const HEADER: usize = 5;
/// The longest record: 2^14 bytes and what encryption may add before TLS 1.3 (RFC 5246 section 6.2.3).
const MOST_RECORD: u16 = (1 << 14) + 2048;

/// Content types (IANA "TLS ContentType").
pub mod content {
    /// From here on it is encrypted, below TLS 1.3.
    pub const CHANGE_CIPHER_SPEC: u8 = 20;
    /// An alert, encrypted or not.
    pub const ALERT: u8 = 21;
    /// Handshake messages, or parts of one.
    pub const HANDSHAKE: u8 = 22;
    /// Encrypted, whatever it is.
    pub const APPLICATION_DATA: u8 = 23;
}

/// Walks records, however their bytes are cut.
#[derive(Debug, Default)]
pub struct Records {
    header: [u8; HEADER],
    have: u8,
    /// Payload bytes of the current record that are to come.
    left: u16,
    /// The payload of an alert.
    alert: [u8; 2],
}

/// A part of a record.
#[derive(Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// A header.
    Start {
        /// One of [`content`].
        content: u8,
        /// Bytes of its payload.
        length: u16,
    },
    /// An alert that is not encrypted.
    Alert {
        /// 1 is a warning, 2 is fatal.
        level: u8,
        /// IANA "TLS Alerts".
        description: u8,
    },
    /// Some of a handshake record's payload.
    Handshake(&'a [u8]),
    /// No TLS record begins here.
    Broken,
}

impl Records {
    /// The next part in these bytes, which are taken off; `None` when they are used up.
    pub fn next<'a>(&mut self, bytes: &mut &'a [u8]) -> Option<Part<'a>> {
        loop {
            if self.left > 0 {
                let (payload, rest) = bytes.split_at(bytes.len().min(self.left.into()));
                if payload.is_empty() {
                    return None;
                }
                *bytes = rest;
                self.left -= u16::try_from(payload.len()).unwrap_or(self.left);
                match self.header {
                    [content::HANDSHAKE, ..] => return Some(Part::Handshake(payload)),
                    [content::ALERT, _, _, 0, 2] => {
                        for byte in payload {
                            self.alert = [self.alert[1], *byte];
                        }
                        if self.left == 0 {
                            let [level, description] = self.alert;
                            return Some(Part::Alert { level, description });
                        }
                    }
                    _ => {}
                }
                continue;
            }
            let (&byte, rest) = bytes.split_first()?;
            *bytes = rest;
            if let Some(slot) = self.header.get_mut(usize::from(self.have)) {
                *slot = byte;
            }
            self.have += 1;
            if usize::from(self.have) < HEADER {
                continue;
            }
            self.have = 0;
            let [content, major, _, a, b] = self.header;
            let length = u16::from_be_bytes([a, b]);
            if !(20..=24).contains(&content) || major != 3 || length > MOST_RECORD {
                return Some(Part::Broken);
            }
            self.left = length;
            return Some(Part::Start { content, length });
        }
    }

    /// Whether a handshake record is not at its end.
    pub const fn in_handshake(&self) -> bool {
        self.left > 0 && self.header[0] == content::HANDSHAKE
    }

    /// Passes over bytes that nobody captured: whether they lie inside one record, so that the next can be found.
    pub fn skip(&mut self, count: u32) -> bool {
        match u16::try_from(count)
            .ok()
            .and_then(|count| self.left.checked_sub(count))
        {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }
}

/// The longest ServerHello that is read. The largest key share there is, Classic McEliece aside, fits many times.
const MOST_SERVER_HELLO: u32 = 32 * 1024;

/// Handshake messages of a server, of which two are looked into.
#[derive(Debug, Default)]
pub struct Messages {
    header: [u8; 4],
    have: u8,
    left: u32,
    /// What has come of a message that is looked into and is spread over records or packets.
    body: Vec<u8>,
}

/// A handshake message that matters.
pub enum Message<'a> {
    /// The body of a ServerHello.
    ServerHello(&'a [u8]),
    /// The first bytes of a ServerKeyExchange; [`named_curve`] reads them.
    KeyExchange([u8; 3]),
    /// A ServerHello that is longer than any.
    TooLong,
}

/// The group that the start of a ServerKeyExchange names (RFC 8422 section 5.4), where the suite takes its keys from a curve.
pub fn named_curve(suite: u16, [kind, high, low]: [u8; 3]) -> Option<u16> {
    const NAMED_CURVE: u8 = 3;
    (is_on_curve(suite) && kind == NAMED_CURVE).then(|| u16::from_be_bytes([high, low]))
}

/// Whether a suite takes its keys from a curve that the server names.
pub fn is_on_curve(suite: u16) -> bool {
    names::suite_facts(suite).is_some_and(|facts| facts.key_exchange == KeyExchange::Ecdhe)
}

/// Types of handshake messages (IANA "TLS HandshakeType").
const SERVER_HELLO: u8 = 2;
const SERVER_KEY_EXCHANGE: u8 = 12;

impl Messages {
    /// Bytes held.
    pub const fn weight(&self) -> usize {
        self.body.capacity()
    }

    /// Takes these bytes and hands on the messages in them that matter.
    pub fn read(&mut self, mut bytes: &[u8], mut each: impl FnMut(Message<'_>)) {
        loop {
            if self.have < 4 {
                let Some((&byte, rest)) = bytes.split_first() else {
                    return;
                };
                bytes = rest;
                if let Some(slot) = self.header.get_mut(usize::from(self.have)) {
                    *slot = byte;
                }
                self.have += 1;
                if self.have == 4 {
                    let [kind, a, b, c] = self.header;
                    self.left = u32::from_be_bytes([0, a, b, c]);
                    self.body.clear();
                    if kind == SERVER_HELLO && self.left > MOST_SERVER_HELLO {
                        return each(Message::TooLong);
                    }
                }
                if self.have < 4 {
                    continue;
                }
            }
            let whole = self.left as usize;
            let (part, rest) = bytes.split_at(bytes.len().min(whole));
            let [kind, ..] = self.header;
            self.left -= u32::try_from(part.len()).unwrap_or(self.left);
            bytes = rest;
            match kind {
                SERVER_HELLO if self.left == 0 && self.body.is_empty() => {
                    each(Message::ServerHello(part));
                }
                SERVER_HELLO => {
                    self.body.extend_from_slice(part);
                    if self.left == 0 {
                        each(Message::ServerHello(&self.body));
                        self.body = Vec::new();
                    }
                }
                SERVER_KEY_EXCHANGE if self.body.len() < 3 => {
                    let wanted = part.len().min(3 - self.body.len());
                    self.body
                        .extend_from_slice(part.get(..wanted).unwrap_or_default());
                    if let Some(first) = self.body.first_chunk() {
                        each(Message::KeyExchange(*first));
                    }
                }
                _ => {}
            }
            if self.left > 0 {
                return;
            }
            self.have = 0;
        }
    }

    /// Passes over bytes that nobody captured: whether that leaves every message that matters whole.
    pub fn skip(&mut self, count: u32) -> bool {
        let [kind, ..] = self.header;
        match self.left.checked_sub(count) {
            Some(left) if self.have == 4 && kind != SERVER_HELLO => {
                self.left = left;
                if left == 0 {
                    self.have = 0;
                }
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ServerHello of `length` bytes, a long certificate and a key exchange, in records of `size` bytes.
    fn flight(length: u8, size: usize) -> Vec<u8> {
        let mut messages = vec![2, 0, 0, length];
        messages.extend(vec![7; length.into()]);
        messages.extend([11, 0, 16, 0]);
        messages.extend(vec![9; 4096]);
        messages.extend([12, 0, 0, 5, 3, 0, 29, 1, 1, 14, 0, 0, 0]);
        let mut bytes = Vec::new();
        for payload in messages.chunks(size) {
            bytes.extend([22, 3, 3]);
            bytes.extend((payload.len() as u16).to_be_bytes());
            bytes.extend(payload);
        }
        bytes.extend([21, 3, 3, 0, 2, 2, 40]);
        bytes
    }

    #[test]
    fn however_it_is_cut_the_same_is_read() {
        for (size, cut) in [(16384, 9000), (16384, 1), (1, 1), (3, 7), (90, 64)] {
            let (mut records, mut messages) = (Records::default(), Messages::default());
            let (mut hello, mut curve, mut alert) = (Vec::new(), None, None);
            for mut bytes in flight(80, size).chunks(cut) {
                while let Some(part) = records.next(&mut bytes) {
                    match part {
                        Part::Handshake(payload) => {
                            messages.read(payload, |message| match message {
                                Message::ServerHello(body) => hello.extend_from_slice(body),
                                Message::KeyExchange(first) => curve = Some(first),
                                Message::TooLong => panic!("it is not"),
                            })
                        }
                        Part::Alert { level, description } => alert = Some((level, description)),
                        Part::Start { .. } => {}
                        Part::Broken => panic!("it is not"),
                    }
                }
            }
            assert_eq!(hello, [7; 80], "{size} {cut}");
            assert_eq!(curve, Some([3, 0, 29]), "{size} {cut}");
            assert_eq!(alert, Some((2, 40)), "{size} {cut}");
        }
    }
}
