//! What the first bytes of a connection turn out to be.

use hello::{ClientHello, HelloReader, Malformed, NotTls, Offer, Progress, Scratch, Version};
use ledger::Outcome;

use crate::last_words::{DECODE_ERROR, LastWords, Unread};

/// How the first bytes turned out.
pub enum Opening {
    /// A hello.
    Hello(Greeting),
    /// Another protocol.
    NotTls(NotTls),
    /// TLS, but broken.
    Malformed(Malformed),
    /// Closed or reset by the client.
    Closed,
    /// Not complete in time.
    Late,
    /// The process stops.
    Stopping,
    /// Whoever is in front did not say whom it is for.
    Unintroduced,
    /// Of the client it is for there are too many already.
    TooMany,
}

/// A hello, as far as anything after it needs to know.
pub struct Greeting {
    /// What the client offers.
    pub offer: Offer,
    /// The server name it asks for, in lower case.
    pub sni: Option<Box<str>>,
    /// Whether more may be on its way.
    pub unread: Unread,
}

impl Greeting {
    fn of(hello: &ClientHello<'_>, consumed: usize, received: usize) -> Self {
        Self {
            unread: if consumed == received && !hello.offers_early_data() {
                Unread::Nothing
            } else {
                Unread::Perhaps
            },
            sni: hello
                .server_name()
                .map(|name| name.to_ascii_lowercase().into()),
            offer: Offer::from(hello),
        }
    }
}

/// Looks at all bytes received so far; `None` where a hello could still come of them. The reader settles the matter
/// within [`hello::MAX_WIRE`] bytes.
pub fn look(reader: &mut HelloReader, bytes: &[u8], scratch: &mut Scratch) -> Option<Opening> {
    Some(match reader.read(bytes, scratch) {
        Progress::NeedMore => return None,
        Progress::Hello { hello, consumed } => {
            Opening::Hello(Greeting::of(&hello, consumed, bytes.len()))
        }
        Progress::NotTls(protocol) => Opening::NotTls(protocol),
        Progress::Malformed(fault) => Opening::Malformed(fault),
    })
}

/// What becomes of an opening that is no hello: how the connection ends, and what is said, if anything. `received` is
/// the number of bytes. A hello is given back.
///
/// # Errors
///
/// The hello.
pub fn refuse_to_read(
    opening: Opening,
    received: usize,
) -> Result<(Outcome, Option<LastWords>), Greeting> {
    Ok(match opening {
        Opening::Hello(greeting) => return Err(greeting),
        Opening::NotTls(protocol) => (
            Outcome::NotTls { protocol },
            (protocol == NotTls::Http).then_some(LastWords::PlainHttp),
        ),
        Opening::Malformed(fault) => (
            Outcome::Malformed {
                reason: fault.to_string(),
            },
            Some(LastWords::Alert {
                description: DECODE_ERROR,
                legacy_version: Version::TLSV1,
                unread: Unread::Perhaps,
            }),
        ),
        Opening::Closed => (Outcome::ClosedEarly { bytes: received }, None),
        Opening::Late => (Outcome::HelloTimeout, None),
        Opening::Stopping => (Outcome::Stopped, None),
        Opening::Unintroduced => (Outcome::Unintroduced, None),
        Opening::TooMany => (Outcome::Shed, None),
    })
}
