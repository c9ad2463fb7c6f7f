//! What a server agreed to, as far as its answer is in the capture.

use hello::names;
use hello::records::named_curve;
use hello::server_hello::ServerHello;
use hello::{Offer, PartialOffer, Version};
use ledger::Negotiated;

use super::shape;

/// What was agreed.
#[derive(Debug)]
pub(super) struct Agreed {
    version: Version,
    suite: Option<u16>,
    group: Option<u16>,
    alpn: Option<&'static str>,
    resumed: bool,
    encrypts: bool,
}

impl Agreed {
    /// What a server that speaks SSLv2 has agreed to: the client chooses the cipher, under encryption.
    pub(super) const fn sslv2() -> Self {
        Self {
            version: Version::SSLV2,
            suite: None,
            group: None,
            alpn: None,
            resumed: false,
            encrypts: false,
        }
    }

    /// What this answer agrees to, to a client that has sent this session id.
    pub(super) fn of(hello: &ServerHello, session_id: &[u8]) -> Self {
        Self {
            version: hello.version,
            suite: Some(hello.suite),
            group: hello.group,
            alpn: hello.alpn.as_deref().and_then(shape::alpn),
            resumed: hello.resumes(session_id),
            encrypts: hello.encrypts(),
        }
    }

    /// Whether what follows it is encrypted, as in TLS 1.3.
    pub(super) const fn encrypts(&self) -> bool {
        self.encrypts
    }

    /// Takes the group from the first bytes of a ServerKeyExchange.
    pub(super) fn key_exchange(&mut self, start: [u8; 3]) {
        let curve = self.suite.and_then(|suite| named_curve(suite, start));
        self.group = curve.or(self.group);
    }

    /// What a client must have offered, of whose hello nothing was seen.
    pub(super) fn offer(&self) -> Offer {
        Offer::from(&PartialOffer {
            agreed_version: Some(self.version),
            agreed_suite: self.suite,
            agreed_group: self.group,
            ..PartialOffer::default()
        })
    }

    /// As evidence shows it.
    pub(super) fn negotiated(&self) -> Negotiated {
        let cipher = self
            .suite
            .and_then(names::cipher_suite)
            .map_or("unknown", |name| name.openssl.unwrap_or(name.iana));
        Negotiated {
            version: self.version,
            cipher,
            group: self.group.and_then(names::group),
            alpn: self.alpn,
            resumed: self.resumed,
        }
    }
}
