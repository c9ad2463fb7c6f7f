//! Last words on a connection that is not let in, and how long to wait until they have been read.
//!
//! A close with unread bytes makes the kernel send RST, and a client whose stack sees RST first reports
//! "connection reset" instead of the alert that was sent. So: shut down the write side, read away what the client
//! still sends for a bounded time, then close.

use std::os::fd::AsFd;
use std::time::Duration;

use hello::Version;
use rustix::net::{SendFlags, send};

/// The alert for a hello that cannot be read (RFC 8446 section 6.2).
pub const DECODE_ERROR: u8 = 50;
/// The alert for what is no fault of the client's (RFC 8446 section 6.2): nothing behind can be reached.
pub const INTERNAL_ERROR: u8 = 80;

/// How long to wait for the client's next bytes or its close. A client that has read our last words closes at once.
pub const QUIET: Duration = Duration::from_secs(2);
/// How long to read away in all. Many clients read nothing before they have sent their whole body.
pub const WHOLE: Duration = Duration::from_secs(30);

/// What may still be on its way from a client that is sent an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// Nothing: all it sent was read, and it has to wait for an answer before it sends more.
    Nothing,
    /// Perhaps something: early data, or whatever follows what could not be read.
    Perhaps,
}

/// What is said to a client that is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastWords {
    /// A fatal alert.
    Alert {
        /// IANA "TLS Alerts".
        description: u8,
        /// The hello's own, see [`alert`].
        legacy_version: Version,
        /// Whether to linger.
        unread: Unread,
    },
    /// An answer to HTTP that came without TLS.
    PlainHttp,
}

impl LastWords {
    /// Sends a fatal alert without waiting, where nothing that was sent is unread: a close sends FIN then, not RST, and
    /// there is nothing to linger for. The alert is held back until that FIN, so that both leave in one segment. False
    /// if it could not be sent, or there is something to linger for.
    pub fn say_at_once(&self, socket: impl AsFd) -> bool {
        let Self::Alert {
            description,
            legacy_version,
            unread: Unread::Nothing,
        } = *self
        else {
            return false;
        };
        let alert = alert(description, legacy_version);
        send(socket, &alert, SendFlags::MORE | SendFlags::NOSIGNAL) == Ok(alert.len())
    }

    /// The bytes.
    pub fn bytes(&self) -> Vec<u8> {
        match *self {
            Self::Alert {
                description,
                legacy_version,
                ..
            } => alert(description, legacy_version).to_vec(),
            Self::PlainHttp => plain_http(),
        }
    }
}

/// A fatal alert (RFC 8446 section 6; the same bytes since SSLv3).
///
/// The record carries the hello's own `legacy_version`, TLS 1.2 at most. Measured with real clients: OpenSSL
/// 1.0.1 held to one version says "wrong version number" to any other, and OpenSSL 1.0.0 says "unknown
/// protocol" to a later one; only with their own version do they name the alert.
pub fn alert(description: u8, legacy_version: Version) -> [u8; 7] {
    const RECORD_TYPE: u8 = 21;
    const FATAL: u8 = 2;
    let [major, minor] = legacy_version
        .clamp(Version::SSLV3, Version::TLSV1_2)
        .0
        .to_be_bytes();
    [RECORD_TYPE, major, minor, 0, 2, FATAL, description]
}

fn plain_http() -> Vec<u8> {
    const BODY: &str = "This port speaks HTTPS. Use https:// in the URL.\n";
    format!(
        "HTTP/1.1 400 HTTPS Needed Here\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{BODY}",
        BODY.len()
    )
    .into_bytes()
}
