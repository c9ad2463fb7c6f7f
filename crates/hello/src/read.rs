//! From the first bytes of a connection to a hello, however they are cut.
//!
//! The caller keeps all bytes received so far in one buffer and calls [`HelloReader::read`] again when more
//! have come. The reader remembers how far it got, so the total work is linear in the bytes, and it decides
//! at the first byte that settles the matter, so the answer never depends on how the bytes were cut.

use crate::client_hello::ClientHello;
use crate::fault::{Malformed, Reason};
use crate::{Format, Version};

/// The longest hello that is read, in bytes of handshake message. Post-quantum key shares and ECH make
/// hellos of several kilobytes; 64 KiB is the most that any field's length can call for in practice.
pub const MAX_HELLO: usize = 64 * 1024;

/// The most bytes of records that a hello may be spread over. Leaves room for records of a few bytes each,
/// which some middleboxes and tests send, without letting an attacker stretch one hello for ever.
pub const MAX_WIRE: usize = 2 * MAX_HELLO;

const RECORD_HEADER: usize = 5;
const HANDSHAKE_HEADER: usize = 4;
const MAX_RECORD: u16 = 1 << 14;

/// Where a hello that is spread over several records is put together. One for each thread is enough.
pub struct Scratch(Box<[u8]>);

impl Default for Scratch {
    fn default() -> Self {
        Self(vec![0; MAX_HELLO].into_boxed_slice())
    }
}

/// What the bytes so far amount to.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "a box would be an allocation for every connection"
)]
pub enum Progress<'a> {
    /// A hello could still come of it.
    NeedMore,
    /// A whole hello.
    Hello {
        /// The hello.
        hello: ClientHello<'a>,
        /// How many bytes of the input it took; what follows belongs to what comes after the hello.
        consumed: usize,
    },
    /// Another protocol.
    NotTls(NotTls),
    /// TLS, but broken.
    Malformed(Malformed),
}

/// What speaks on the TLS port instead of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NotTls {
    /// A plain HTTP request, of any version.
    Http,
    /// The PROXY protocol, version 1 or 2: a load balancer in front adds it.
    ProxyProtocol,
    /// An SSH client.
    Ssh,
    /// Something else.
    Unknown,
}

impl NotTls {
    /// A stable word for logs and counters.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::ProxyProtocol => "proxy-protocol",
            Self::Ssh => "ssh",
            Self::Unknown => "unknown",
        }
    }
}

/// How other protocols begin. None begins as TLS does (0x16, or a byte of 0x80 and above).
const OPENINGS: &[(&[u8], NotTls)] = &[
    (b"GET ", NotTls::Http),
    (b"POST ", NotTls::Http),
    (b"HEAD ", NotTls::Http),
    (b"PUT ", NotTls::Http),
    (b"PATCH ", NotTls::Http),
    (b"DELETE ", NotTls::Http),
    (b"OPTIONS ", NotTls::Http),
    (b"CONNECT ", NotTls::Http),
    (b"TRACE ", NotTls::Http),
    // The HTTP/2 connection preface (RFC 9113 section 3.4).
    (b"PRI * HTTP/2.0\r\n", NotTls::Http),
    (b"PROXY ", NotTls::ProxyProtocol),
    (b"\r\n\r\n\0\r\nQUIT\n", NotTls::ProxyProtocol),
    (b"SSH-", NotTls::Ssh),
];

/// Reads one hello from the start of a connection.
#[derive(Clone, Debug, Default)]
pub struct HelloReader {
    /// Bytes of input looked at.
    position: usize,
    records: usize,
    /// Payload bytes of the current record not yet looked at.
    left: usize,
    /// Handshake bytes seen, header included.
    seen: usize,
    header: [u8; HANDSHAKE_HEADER],
}

impl HelloReader {
    /// Looks at all bytes received so far. `input` must begin at the first byte of the connection and only
    /// grow between calls. Once the answer is not [`Progress::NeedMore`] it stands.
    pub fn read<'a>(&mut self, input: &'a [u8], scratch: &'a mut Scratch) -> Progress<'a> {
        match input.first() {
            None => Progress::NeedMore,
            Some(0x14..=0x18) => self.records(input, scratch),
            Some(0x80..) => sslv2(input),
            Some(_) => other(input),
        }
    }

    fn records<'a>(&mut self, input: &'a [u8], scratch: &'a mut Scratch) -> Progress<'a> {
        match self.advance(input) {
            Ok(None) => Progress::NeedMore,
            Ok(Some(message)) => {
                let record_version = Version(u16::from_be_bytes([
                    3,
                    input.get(2).copied().unwrap_or_default(),
                ]));
                let consumed = self.position;
                let body = if self.records == 1 {
                    input
                        .get(RECORD_HEADER + HANDSHAKE_HEADER..consumed)
                        .unwrap_or_default()
                } else {
                    let message = assemble(input, scratch, message);
                    message.get(HANDSHAKE_HEADER..).unwrap_or_default()
                };
                match ClientHello::parse(body, HANDSHAKE_HEADER, record_version) {
                    Ok(hello) => Progress::Hello { hello, consumed },
                    Err((offset, reason)) => {
                        // Of the bytes after the hello some may have come and some not: they must not matter.
                        let records = input.get(..consumed).unwrap_or_default();
                        Progress::Malformed(Malformed {
                            offset: wire_offset(records, offset),
                            reason,
                        })
                    }
                }
            }
            Err((offset, reason)) => Progress::Malformed(Malformed { offset, reason }),
        }
    }

    /// The length of the hello, header included, once its header is there.
    fn whole(&self) -> Option<usize> {
        let [_, length @ ..] = self.header;
        let length = length
            .iter()
            .fold(0, |value, &byte| (value << 8) | usize::from(byte));
        (self.seen >= HANDSHAKE_HEADER).then_some(HANDSHAKE_HEADER + length)
    }

    /// Walks records until the hello is whole; its length, header included, is the answer then.
    fn advance(&mut self, input: &[u8]) -> Result<Option<usize>, (usize, Reason)> {
        loop {
            let whole = self.whole();
            if let Some(whole) = whole {
                if whole > MAX_HELLO {
                    let length = u32::try_from(whole - HANDSHAKE_HEADER).unwrap_or(u32::MAX);
                    return Err((self.position.saturating_sub(1), Reason::TooLong(length)));
                }
                if whole == self.seen {
                    return Ok(Some(whole));
                }
            }
            if self.left == 0 {
                let at = self.position;
                let header = input.get(at..).unwrap_or_default();
                let Some(length) =
                    record_length(header).map_err(|(offset, reason)| (at + offset, reason))?
                else {
                    return Ok(None);
                };
                if at + RECORD_HEADER + length > MAX_WIRE {
                    return Err((at, Reason::TooManyRecords));
                }
                self.records += 1;
                self.left = length;
                self.position += RECORD_HEADER;
            }
            let taken = match whole {
                Some(whole) => {
                    let come = input.len().saturating_sub(self.position);
                    come.min(self.left).min(whole - self.seen)
                }
                None => self.header_byte(input)?,
            };
            if taken == 0 {
                return Ok(None);
            }
            self.seen += taken;
            self.left -= taken;
            self.position += taken;
        }
    }

    /// Keeps the next byte of the handshake header, if it has come: how many bytes were kept.
    fn header_byte(&mut self, input: &[u8]) -> Result<usize, (usize, Reason)> {
        let (Some(&byte), Some(slot)) = (input.get(self.position), self.header.get_mut(self.seen))
        else {
            return Ok(0);
        };
        if self.seen == 0 && byte != 1 {
            return Err((self.position, Reason::HandshakeType(byte)));
        }
        *slot = byte;
        Ok(1)
    }
}

/// The payload length of the record that starts here, once its header is there; each byte of the header is
/// judged as soon as it has come.
fn record_length(header: &[u8]) -> Result<Option<usize>, (usize, Reason)> {
    if let Some(&kind) = header.first()
        && kind != 0x16
    {
        return Err((0, Reason::RecordType(kind)));
    }
    if let Some(&major) = header.get(1)
        && major != 3
    {
        return Err((1, Reason::RecordVersion(major)));
    }
    let Some(&[_, _, _, a, b]) = header.first_chunk::<RECORD_HEADER>() else {
        return Ok(None);
    };
    match u16::from_be_bytes([a, b]) {
        0 => Err((3, Reason::EmptyRecord)),
        length if length > MAX_RECORD => Err((3, Reason::RecordTooLong(length))),
        length => Ok(Some(length.into())),
    }
}

/// The payloads of the records, back to back, with where each stands on the wire.
fn payloads(input: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let length = record_length(input.get(at..)?).ok()??;
        let start = at + RECORD_HEADER;
        let end = (start + length).min(input.len());
        at = end;
        Some((start, input.get(start..end)?))
    })
}

/// Copies a message of `length` bytes that is spread over records into `scratch`.
fn assemble<'a>(input: &[u8], scratch: &'a mut Scratch, length: usize) -> &'a [u8] {
    let message = scratch.0.get_mut(..length).unwrap_or_default();
    let mut room = &mut *message;
    for (_, payload) in payloads(input) {
        let (slot, rest) = room.split_at_mut(payload.len().min(room.len()));
        slot.copy_from_slice(payload.get(..slot.len()).unwrap_or_default());
        room = rest;
    }
    message
}

/// Where byte `offset` of the handshake message stands on the wire.
fn wire_offset(input: &[u8], offset: usize) -> usize {
    let mut before = 0;
    let mut end = 0;
    for (start, payload) in payloads(input) {
        if offset < before + payload.len() {
            return start + (offset - before);
        }
        before += payload.len();
        end = start + payload.len();
    }
    end
}

/// An SSLv2-compatible CLIENT-HELLO: a two-byte header with its top bit set, then type 1, then a version.
fn sslv2(input: &[u8]) -> Progress<'_> {
    /// Two bytes of record header; the message begins with its type.
    const HEADER: usize = 2;
    /// Type, version and three lengths: a header that promises less cannot be told from noise.
    const SHORTEST: usize = 9;
    if let Some(&kind) = input.get(2)
        && kind != 1
    {
        return Progress::NotTls(NotTls::Unknown);
    }
    match (input.get(3), input.get(4)) {
        (None | Some(0 | 3), None) | (Some(0), Some(2)) | (Some(3), Some(_)) => {}
        _ => return Progress::NotTls(NotTls::Unknown),
    }
    let Some(&[a, b]) = input.first_chunk::<HEADER>() else {
        return Progress::NeedMore;
    };
    let consumed = HEADER + usize::from(u16::from_be_bytes([a & 0x7f, b]));
    if consumed < HEADER + SHORTEST {
        return Progress::NotTls(NotTls::Unknown);
    }
    let Some(body) = input.get(HEADER + 1..consumed) else {
        return Progress::NeedMore;
    };
    match ClientHello::parse_sslv2(body, HEADER + 1) {
        Ok(hello) => {
            debug_assert_eq!(hello.format, Format::Sslv2);
            Progress::Hello { hello, consumed }
        }
        Err((offset, reason)) => Progress::Malformed(Malformed { offset, reason }),
    }
}

fn other(input: &[u8]) -> Progress<'static> {
    let mut undecided = false;
    for (opening, protocol) in OPENINGS {
        if input.starts_with(opening) {
            return Progress::NotTls(*protocol);
        }
        undecided |= opening.starts_with(input);
    }
    if undecided {
        Progress::NeedMore
    } else {
        Progress::NotTls(NotTls::Unknown)
    }
}
