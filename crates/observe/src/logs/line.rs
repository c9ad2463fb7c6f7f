//! What one line of a log shows, borrowed from it.

/// Something that a line can show. What is kept apart is told apart by these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    /// The client's address; a port behind it is cut off.
    Address,
    /// The server's address; a port behind it stays.
    Server,
    /// The server's port, where it stands by itself.
    ServerPort,
    /// The server name that was asked for, in the hello or in the request.
    ServerName,
    /// The version that was agreed.
    Protocol,
    /// The cipher suite that was agreed.
    Cipher,
    /// The group that was agreed.
    Group,
    /// The application protocol that was agreed.
    Alpn,
    /// Whether a session was resumed.
    Resumed,
    /// Every cipher suite that was offered.
    Suites,
    /// Every group that was offered.
    Groups,
    /// The `legacy_version` of the hello.
    OfferedVersion,
    /// `supported_versions` of the hello.
    OfferedVersions,
    /// The text that a JA3 fingerprint is the hash of.
    Ja3,
    /// The User-Agent.
    UserAgent,
    /// The user of HTTP Basic authentication.
    User,
    /// The subject of the client's certificate.
    Certificate,
    /// The account's id itself.
    Account,
    /// What was asked for: `GET /orders HTTP/1.1`, or a path.
    Request,
    /// The status of the answer.
    Status,
    /// The number of this request on its connection, from 1.
    Nth,
    /// Why there was no handshake; empty where there was one.
    Failure,
    /// A request header that accounts are named by.
    Header(u8),
}

/// Headers that are looked at; a configuration that names accounts by more is not one that people write.
pub const MOST_HEADERS: usize = 8;

impl Field {
    /// How many there are.
    pub(crate) const COUNT: usize = 22 + MOST_HEADERS;

    /// Its place among them.
    pub(crate) const fn index(self) -> usize {
        match self {
            Self::Address => 0,
            Self::Server => 1,
            Self::ServerPort => 2,
            Self::ServerName => 3,
            Self::Protocol => 4,
            Self::Cipher => 5,
            Self::Group => 6,
            Self::Alpn => 7,
            Self::Resumed => 8,
            Self::Suites => 9,
            Self::Groups => 10,
            Self::OfferedVersion => 11,
            Self::OfferedVersions => 12,
            Self::Ja3 => 13,
            Self::UserAgent => 14,
            Self::User => 15,
            Self::Certificate => 16,
            Self::Account => 17,
            Self::Request => 18,
            Self::Status => 19,
            Self::Nth => 20,
            Self::Failure => 21,
            Self::Header(nth) => 22 + nth as usize,
        }
    }

    /// Whether it says who a client is, and not what it can do or what it met: nearly every client has another.
    pub(crate) const fn says_who(self) -> bool {
        matches!(
            self,
            Self::Address | Self::User | Self::Certificate | Self::Account | Self::Header(_)
        )
    }

    /// Whether what it shows says who a client is or what it can do, and is kept apart. The others say what kind of
    /// line it is, or are added up.
    pub(crate) const fn is_kept(self) -> bool {
        !matches!(self, Self::Request | Self::Status | Self::Nth)
    }
}

/// How a time is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// `25/Nov/2026:13:31:33 +0000`, with or without a fraction of a second or an offset.
    Common,
    /// RFC 3339, with or without a fraction of a second or an offset; a blank may stand for the `T`.
    Iso,
    /// Seconds of the Unix epoch, with or without a fraction.
    Seconds,
    /// The same in thousandths of a second.
    Milliseconds,
    /// The same in millionths of a second.
    Microseconds,
    /// The same in billionths of a second.
    Nanoseconds,
    /// As this strftime(3) pattern says.
    Pattern(String),
}

/// One line, taken apart.
#[derive(Clone, Debug)]
pub struct Line<'a> {
    /// The time, as it is written.
    pub(crate) time: &'a [u8],
    fields: [&'a [u8]; Field::COUNT],
}

impl Default for Line<'_> {
    fn default() -> Self {
        Self {
            time: &[],
            fields: [&[]; Field::COUNT],
        }
    }
}

impl<'a> Line<'a> {
    /// What a field shows; empty where it shows nothing.
    pub(crate) fn get(&self, field: Field) -> &'a [u8] {
        self.fields.get(field.index()).copied().unwrap_or_default()
    }

    /// Notes that a handshake failed, where the value says that it was not completed.
    pub(crate) fn set_established(&mut self, value: &'a [u8]) {
        if matches!(value, b"F" | b"false" | b"0") {
            self.set(Field::Failure, value);
        }
    }

    /// Puts in what a field shows. A dash shows nothing.
    pub(crate) fn set(&mut self, field: Field, value: &'a [u8]) {
        if let Some(place) = self.fields.get_mut(field.index()) {
            *place = if value == b"-" { &[] } else { value };
        }
    }
}

/// Whether a line is one to be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is.
    Row,
    /// It is a comment, a heading, or tells of something else.
    Skipped,
}

/// Why a line cannot be read. Its text is for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong.
    pub(crate) reason: std::borrow::Cow<'static, str>,
    /// The byte at which it shows, from 0.
    pub(crate) at: usize,
}

impl Fault {
    /// A fault at a byte of the line.
    pub(crate) fn new(at: usize, reason: impl Into<std::borrow::Cow<'static, str>>) -> Self {
        Self {
            reason: reason.into(),
            at,
        }
    }
}
