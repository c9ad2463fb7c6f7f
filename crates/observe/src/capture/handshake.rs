//! One handshake, from the bytes of both sides: the client's hello, the server's answer, and how it went.

use hello::records::{Message, Messages, Part, Records, content};
use hello::server_hello::{ServerHello, is_sslv2};
use hello::{ClientHello, Format, HelloReader, NotTls, Offer, Progress, Scratch};
use ledger::Outcome;

use super::agreed::Agreed;
use super::alert;
use super::shape;

/// Bytes of another protocol that a client may send before TLS begins: STARTTLS, CONNECT, SOCKS and their like come
/// within the first few hundred.
const MOST_PLAIN: u32 = 32 * 1024;
/// An alert in TLS 1.3 has 19 bytes (RFC 8446 sections 5.2 and 6), the shortest Finished has 53.
const SHORTER_THAN_FINISHED: u16 = 40;

/// How far the client's hello is.
#[derive(Debug)]
enum Hello {
    /// It may come, or has begun.
    Waiting { bytes: Vec<u8>, reader: HelloReader },
    /// Something else is spoken, and so many bytes of it may still be before TLS begins.
    Plain { left: u32 },
    /// It was read.
    Read,
    /// It is not whole in the capture.
    Missing { have: usize, lost: u32 },
}

/// How far the server's answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    None,
    Tls,
    Sslv2,
}

/// What was read of the client's hello.
#[derive(Debug)]
struct Seen {
    offer: Offer,
    sni: Option<Box<str>>,
    session_id: Box<[u8]>,
    early_data: bool,
}

/// A handshake under way.
#[derive(Debug)]
pub(super) struct Handshake {
    hello: Hello,
    seen: Option<Box<Seen>>,
    answer: Answer,
    agreed: Option<Agreed>,
    up_records: Records,
    down_records: Records,
    messages: Messages,
    /// TLS began after something else.
    after_plain: bool,
    up_changed: bool,
    down_changed: bool,
    /// Where the records of a side begin is no longer known.
    up_lost: bool,
    down_lost: bool,
    /// It is no TLS.
    forget: bool,
    outcome: Option<Outcome>,
    /// The protocol that was spoken instead.
    plain: Option<NotTls>,
    /// Of the server there is nothing in the capture.
    one_sided: bool,
    /// Its end is not in the capture.
    unfinished: bool,
}

impl Default for Handshake {
    fn default() -> Self {
        Self {
            hello: Hello::Waiting {
                bytes: Vec::new(),
                reader: HelloReader::default(),
            },
            seen: None,
            answer: Answer::None,
            agreed: None,
            up_records: Records::default(),
            down_records: Records::default(),
            messages: Messages::default(),
            after_plain: false,
            up_changed: false,
            down_changed: false,
            up_lost: false,
            down_lost: false,
            forget: false,
            outcome: None,
            plain: None,
            one_sided: false,
            unfinished: false,
        }
    }
}

impl Handshake {
    /// Bytes that it holds beside itself.
    pub(super) fn weight(&self) -> usize {
        let hello = match &self.hello {
            Hello::Waiting { bytes, .. } => bytes.capacity(),
            _ => 0,
        };
        let seen = self.seen.as_ref().map_or(0, |seen| {
            size_of::<Seen>()
                + seen.offer.as_bytes().len()
                + seen.sni.as_ref().map_or(0, |name| name.len())
                + seen.session_id.len()
        });
        hello + seen + self.messages.weight()
    }

    /// Whether a hello of this client was read or begun.
    pub(super) fn has_hello(&self) -> bool {
        match &self.hello {
            Hello::Waiting { bytes, .. } => !bytes.is_empty(),
            Hello::Plain { .. } => self.agreed.is_some(),
            Hello::Read | Hello::Missing { .. } => true,
        }
    }

    /// Whether nothing of TLS was seen of either side.
    pub(super) const fn is_untouched(&self) -> bool {
        self.seen.is_none() && self.agreed.is_none()
    }

    /// The protocol that was spoken instead of TLS.
    pub(super) const fn plain(&self) -> Option<NotTls> {
        self.plain
    }

    /// Whether it is known to be no TLS.
    pub(super) const fn is_no_tls(&self) -> bool {
        self.forget
    }

    /// Whether there is nothing more to learn.
    pub(super) const fn is_settled(&self) -> bool {
        self.outcome.is_some()
    }

    /// Whether its end is not in the capture.
    pub(super) const fn is_unfinished(&self) -> bool {
        self.unfinished
    }

    /// What the client offered, where its hello was read.
    pub(super) fn offer(&self) -> Option<&Offer> {
        self.seen.as_ref().map(|seen| &seen.offer)
    }

    /// The host name in that hello.
    pub(super) fn server_name(&self) -> Option<&str> {
        self.seen.as_ref().and_then(|seen| seen.sni.as_deref())
    }

    /// What the server agreed to.
    pub(super) const fn agreed(&self) -> Option<&Agreed> {
        self.agreed.as_ref()
    }

    /// How it went, once.
    pub(super) const fn take_outcome(&mut self) -> Option<Outcome> {
        self.outcome.take()
    }

    /// Bytes of the client that are not in the capture.
    pub(super) fn up_hole(&mut self, count: u32) {
        match &mut self.hello {
            Hello::Waiting { bytes, .. } if bytes.is_empty() => {
                self.hello = Hello::Plain { left: MOST_PLAIN };
            }
            Hello::Waiting { bytes, .. } => {
                let have = bytes.len();
                self.hello = Hello::Missing { have, lost: count };
            }
            Hello::Missing { lost, .. } => *lost = lost.saturating_add(count),
            Hello::Plain { left } => *left = left.saturating_sub(count),
            Hello::Read => self.up_lost |= !self.up_records.skip(count),
        }
    }

    /// Bytes of the server that are not in the capture.
    pub(super) fn down_hole(&mut self, count: u32) {
        if self.answer != Answer::Tls {
            return;
        }
        let messages = self.down_changed
            || self.agreed.as_ref().is_some_and(Agreed::encrypts)
            || !self.down_records.in_handshake()
            || self.messages.skip(count);
        self.down_lost |= !messages || !self.down_records.skip(count);
    }

    /// The next bytes of the client. `one_sided`: nothing of the server is in the capture.
    pub(super) fn up(&mut self, bytes: &[u8], one_sided: bool, scratch: &mut Scratch) {
        self.one_sided = one_sided;
        self.client(bytes, scratch);
    }

    fn client(&mut self, bytes: &[u8], scratch: &mut Scratch) {
        match &mut self.hello {
            Hello::Read => self.client_records(bytes),
            Hello::Missing { .. } => {}
            Hello::Plain { left } => {
                *left = left.saturating_sub(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
                let left = *left;
                if let Some(start) = shape::client_hello(bytes) {
                    self.after_plain = true;
                    self.begin_hello(bytes.get(start..).unwrap_or_default(), scratch);
                } else if left == 0 && self.agreed.is_none() {
                    self.forget = true;
                }
            }
            Hello::Waiting { bytes: waiting, .. } => {
                if waiting.is_empty() {
                    return self.begin_hello(bytes, scratch);
                }
                let Hello::Waiting {
                    bytes: mut waiting,
                    mut reader,
                } = std::mem::replace(&mut self.hello, Hello::Read)
                else {
                    return;
                };
                waiting.extend_from_slice(bytes);
                if self.hello(&waiting, &mut reader, scratch) {
                    self.hello = Hello::Waiting {
                        bytes: waiting,
                        reader,
                    };
                }
            }
        }
    }

    /// The first bytes of a hello, or of something else. A hello that is whole is read where it is.
    fn begin_hello(&mut self, bytes: &[u8], scratch: &mut Scratch) {
        let mut reader = HelloReader::default();
        if self.hello(bytes, &mut reader, scratch) {
            self.hello = Hello::Waiting {
                bytes: bytes.to_vec(),
                reader,
            };
        }
    }

    /// Reads a hello in these bytes: whether it takes more.
    fn hello(&mut self, bytes: &[u8], reader: &mut HelloReader, scratch: &mut Scratch) -> bool {
        match reader.read(bytes, scratch) {
            Progress::NeedMore => return true,
            Progress::Hello { hello, consumed } => {
                self.see(&hello);
                self.hello = Hello::Read;
                let rest = bytes.get(consumed..).unwrap_or_default();
                if !rest.is_empty() {
                    self.client_records(rest);
                }
            }
            Progress::Malformed(malformed) if bytes.starts_with(&[22, 3]) => {
                self.hello = Hello::Missing {
                    have: bytes.len(),
                    lost: 0,
                };
                self.outcome = Some(Outcome::Malformed {
                    reason: malformed.to_string(),
                });
            }
            Progress::Malformed(_) => self.begin_plain(NotTls::Unknown, bytes, scratch),
            Progress::NotTls(protocol) => self.begin_plain(protocol, bytes, scratch),
        }
        false
    }

    fn begin_plain(&mut self, protocol: NotTls, bytes: &[u8], scratch: &mut Scratch) {
        self.plain.get_or_insert(protocol);
        self.hello = Hello::Plain { left: MOST_PLAIN };
        if shape::client_hello(bytes).is_some_and(|start| start > 0) {
            self.client(bytes, scratch);
        }
    }

    fn see(&mut self, hello: &ClientHello<'_>) {
        self.seen = Some(Box::new(Seen {
            offer: Offer::from(hello),
            sni: hello.server_name().map(Into::into),
            session_id: hello.session_id.into(),
            early_data: hello.offers_early_data(),
        }));
    }

    /// The next bytes of the server.
    pub(super) fn down(&mut self, bytes: &[u8]) {
        match self.answer {
            Answer::Tls => return self.server_records(bytes),
            Answer::Sslv2 => return,
            Answer::None => {}
        }
        let read = matches!(self.hello, Hello::Read);
        let old = self
            .seen
            .as_ref()
            .is_some_and(|seen| seen.offer.format() == Format::Sslv2);
        if old && let Some(body) = shape::sslv2_server_hello(bytes) {
            if is_sslv2(body) {
                self.answer = Answer::Sslv2;
                self.agreed = Some(Agreed::sslv2());
            }
        } else if shape::server_answer(bytes, read) {
            self.answer = Answer::Tls;
            self.server_records(bytes);
        } else if read && !self.after_plain {
            self.fail("the server answered with something else than TLS");
        }
    }

    fn fail(&mut self, reason: &'static str) {
        self.outcome.get_or_insert(Outcome::HandshakeFailed {
            reason,
            alert: None,
        });
    }

    fn client_records(&mut self, mut bytes: &[u8]) {
        if self.answer == Answer::Sslv2 {
            // The client has chosen a cipher: from here on it is encrypted.
            self.outcome.get_or_insert(Outcome::Terminated);
            return;
        }
        while self.outcome.is_none() && !self.up_lost {
            let Some(part) = self.up_records.next(&mut bytes) else {
                return;
            };
            match part {
                Part::Start { content, length } => self.client_record(content, length),
                Part::Alert { level, description } => self.client_alert(level, description),
                Part::Handshake(_) => {}
                Part::Broken => self.up_lost = true,
            }
        }
    }

    fn client_record(&mut self, content: u8, length: u16) {
        let early = self.seen.as_ref().is_some_and(|seen| seen.early_data);
        let encrypts = self.agreed.as_ref().map(Agreed::encrypts);
        match (content, encrypts) {
            (content::CHANGE_CIPHER_SPEC, _) => {
                self.up_changed = true;
                self.complete_if_changed();
            }
            (content::APPLICATION_DATA, Some(true)) if length < SHORTER_THAN_FINISHED && !early => {
                self.fail("the client ended it with an encrypted alert");
            }
            (content::APPLICATION_DATA, Some(_)) => self.complete(),
            // Of the server there is nothing in the capture.
            (content::APPLICATION_DATA, None) if !early && self.one_sided => self.complete(),
            (content::ALERT, _) if length != 2 => {
                self.fail("the client ended it with an encrypted alert");
            }
            _ => {}
        }
    }

    fn client_alert(&mut self, level: u8, description: u8) {
        let modern = self.agreed.as_ref().is_some_and(Agreed::encrypts);
        match alert::Meaning::of(level, description, modern) {
            alert::Meaning::Warning => {}
            alert::Meaning::Close => self.outcome = Some(Outcome::HandshakeAbandoned),
            alert::Meaning::Fatal => {
                self.outcome = Some(Outcome::HandshakeFailed {
                    reason: "the client refused what the server answered",
                    alert: Some(description),
                });
            }
        }
    }

    fn server_records(&mut self, mut bytes: &[u8]) {
        while self.outcome.is_none() && !self.down_lost {
            let Some(part) = self.down_records.next(&mut bytes) else {
                return;
            };
            match part {
                Part::Start { content, length } => self.server_record(content, length),
                Part::Alert { level, description } => self.server_alert(level, description),
                Part::Handshake(payload) => self.server_messages(payload),
                Part::Broken if self.agreed.is_none() => {
                    self.fail("the server answered with something else than TLS");
                }
                Part::Broken => self.down_lost = true,
            }
        }
    }

    fn server_record(&mut self, content: u8, length: u16) {
        let encrypts = self.agreed.as_ref().map(Agreed::encrypts);
        match (content, encrypts) {
            (content::CHANGE_CIPHER_SPEC, _) => {
                self.down_changed = true;
                self.complete_if_changed();
            }
            (content::APPLICATION_DATA, Some(false)) => self.complete(),
            (content::ALERT, _) if length != 2 => {
                self.fail("the server ended it with an encrypted alert");
            }
            _ => {}
        }
    }

    fn server_alert(&mut self, level: u8, description: u8) {
        let modern = self.agreed.as_ref().is_some_and(Agreed::encrypts);
        match alert::Meaning::of(level, description, modern) {
            alert::Meaning::Warning => {}
            alert::Meaning::Close => self.fail("the server closed the connection"),
            alert::Meaning::Fatal if self.agreed.is_none() => {
                self.outcome = Some(Outcome::Unservable { alert: description });
            }
            alert::Meaning::Fatal => self.fail(alert::of_server(description)),
        }
    }

    fn server_messages(&mut self, payload: &[u8]) {
        let encrypted = self.agreed.as_ref().is_some_and(Agreed::encrypts);
        if self.down_changed && !encrypted && self.agreed.is_some() {
            return;
        }
        let mut messages = std::mem::take(&mut self.messages);
        messages.read(payload, |message| match message {
            Message::ServerHello(body) => self.server_hello(body),
            Message::KeyExchange(start) => {
                if let Some(agreed) = &mut self.agreed {
                    agreed.key_exchange(start);
                }
            }
            Message::TooLong => self.fail("the server's hello cannot be read"),
        });
        self.messages = messages;
    }

    fn server_hello(&mut self, body: &[u8]) {
        if self.agreed.is_some() {
            return;
        }
        let Ok(hello) = ServerHello::parse(body) else {
            return self.fail("the server's hello cannot be read");
        };
        if hello.retry {
            return;
        }
        let session_id = self.seen.as_ref().map(|seen| &*seen.session_id);
        self.agreed = Some(Agreed::of(&hello, session_id.unwrap_or_default()));
    }

    fn complete_if_changed(&mut self) {
        let old = self
            .agreed
            .as_ref()
            .is_some_and(|agreed| !agreed.encrypts());
        if old && self.up_changed && self.down_changed {
            self.complete();
        }
    }

    fn complete(&mut self) {
        self.outcome.get_or_insert(Outcome::Terminated);
    }

    /// Both sides are done, or one has reset the connection.
    /// `by_server`: the server closed first; `waits`: some of what the client
    /// sent is missing, and later bytes are held.
    pub(super) fn close(&mut self, by_server: bool, waits: bool) {
        if self.outcome.is_some() {
            return;
        }
        self.outcome = match &self.hello {
            Hello::Read if self.agreed.is_some() && (self.up_lost || self.down_lost) => {
                self.unfinished = true;
                Some(Outcome::Terminated)
            }
            Hello::Read if by_server => Some(Outcome::HandshakeFailed {
                reason: "the server closed the connection",
                alert: None,
            }),
            Hello::Read => Some(Outcome::HandshakeAbandoned),
            Hello::Waiting { bytes, .. } if !bytes.is_empty() && !waits => {
                Some(Outcome::ClosedEarly { bytes: bytes.len() })
            }
            _ => return self.stop(waits),
        };
    }

    /// Nothing more will come: what is known has to do.
    pub(super) fn stop(&mut self, waits: bool) {
        if self.outcome.is_some() {
            return;
        }
        self.unfinished = true;
        self.outcome = match &self.hello {
            _ if self.agreed.is_some() => Some(Outcome::Terminated),
            Hello::Read => Some(Outcome::HandshakeTimeout),
            Hello::Waiting { bytes, .. } if bytes.is_empty() => None,
            Hello::Waiting { bytes, .. } if waits => Some(Outcome::Malformed {
                reason: format!(
                    "the capture has the first {} bytes of the hello, and lacks some before the next",
                    bytes.len()
                ),
            }),
            Hello::Waiting { .. } => Some(Outcome::HelloTimeout),
            Hello::Missing { have, lost } => Some(Outcome::Malformed {
                reason: format!(
                    "the capture has the first {have} bytes of the hello, and lacks {lost} after them"
                ),
            }),
            Hello::Plain { .. } => None,
        };
    }
}
