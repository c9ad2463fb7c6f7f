//! Which s2n-tls security policy serves which hello.
//!
//! Modern clients always get the modern policy. The legacy policy exists only for hellos that the modern one
//! cannot serve, and so, as the plan decides first, only for those that a phase still lets in.
//!
//! The lists below restate what the two policies contain. A test makes s2n-tls negotiate each of them.

use std::sync::LazyLock;

use floor::Alert;
use hello::{Offer, Version};
use s2n_tls::security::Policy;

/// What one s2n-tls policy can do.
struct Capability {
    oldest: Version,
    tls13_suites: &'static [u16],
    suites: &'static [u16],
    groups: &'static [u16],
    /// Schemes for a client that names what it accepts; one that names none accepts SHA-1 (RFC 5246 section 7.4.1.4.1).
    signatures: &'static [u16],
    sha1: bool,
}

/// A policy of the edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Serving {
    /// TLS 1.2 with forward secrecy and TLS 1.3, hybrids with ML-KEM included.
    Modern,
    /// TLS 1.0 and later, RSA key exchange and 3DES included.
    Legacy,
}

/// A fixed policy rather than `default_pq`, which may change under us with an update of the library. It is
/// what `default_pq` stands for in s2n-tls 0.3.47.
static MODERN: LazyLock<Policy> = LazyLock::new(|| policy("20250721"));
static LEGACY: LazyLock<Policy> = LazyLock::new(|| policy("CloudFront-TLS-1-0-2014"));

#[expect(clippy::expect_used, reason = "fails only on a NUL byte in the name")]
fn policy(name: &str) -> Policy {
    Policy::from_version(name).expect("a policy name without NUL")
}

const TLS13_SUITES: &[u16] = &[0x1301, 0x1302, 0x1303];

const MODERN_CAPABILITY: Capability = Capability {
    oldest: Version::TLSV1_2,
    tls13_suites: TLS13_SUITES,
    suites: &[
        0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc024, 0xc028, 0xc023, 0xc027,
    ],
    groups: &[0x0017, 0x001d, 0x0018, 0x0019, 0x11ec, 0x11eb, 0x11ed],
    signatures: &[
        0x0904, 0x0905, 0x0906, 0x0403, 0x0503, 0x0603, 0x0809, 0x080a, 0x080b, 0x0804, 0x0805,
        0x0806, 0x0401, 0x0501, 0x0601,
    ],
    sha1: false,
};

const LEGACY_CAPABILITY: Capability = Capability {
    oldest: Version::TLSV1,
    tls13_suites: TLS13_SUITES,
    suites: &[
        0xc02b, 0xc02f, 0xc023, 0xc027, 0xc009, 0xc013, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc024,
        0xc028, 0xc00a, 0xc014, 0x009c, 0x009d, 0x003c, 0x0035, 0x002f, 0x000a,
    ],
    groups: &[0x001d, 0x0017, 0x0018, 0x11ec, 0x11eb, 0x11ed],
    signatures: &[
        0x0809, 0x080a, 0x080b, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0301, 0x0403,
        0x0503, 0x0603, 0x0303, 0x0201, 0x0203,
    ],
    sha1: true,
};

impl Capability {
    fn serves(&self, offer: &Offer) -> bool {
        let any =
            |mut codes: hello::Codes<'_>, known: &[u16]| codes.any(|code| known.contains(&code));
        if offer.speaks(Version::TLSV1_3) {
            // s2n-tls takes the highest version both speak and does not fall back from it.
            return any(offer.suites(), self.tls13_suites)
                && any(offer.groups(), self.groups)
                && any(offer.signature_algorithms(), self.signatures);
        }
        let signatures = offer.signature_algorithms();
        // Below TLS 1.2 a client cannot name schemes; in TLS 1.2 silence means SHA-1.
        let signed = if signatures.len() == 0 {
            self.sha1
        } else {
            any(signatures, self.signatures)
        };
        let groupless = offer
            .suites()
            .any(|suite| RSA_KEY_EXCHANGE.contains(&suite) && self.suites.contains(&suite));
        let groups = offer.groups().len() == 0 || any(offer.groups(), self.groups) || groupless;
        offer.max_version() >= self.oldest && any(offer.suites(), self.suites) && signed && groups
    }
}

/// The suites above that need no group.
const RSA_KEY_EXCHANGE: &[u16] = &[0x009c, 0x009d, 0x003c, 0x0035, 0x002f, 0x000a];

impl Serving {
    /// The policy for this offer, or the alert that says why there is none.
    pub(crate) fn choose(offer: &Offer) -> Result<Self, Alert> {
        if MODERN_CAPABILITY.serves(offer) {
            Ok(Self::Modern)
        } else if LEGACY_CAPABILITY.serves(offer) {
            Ok(Self::Legacy)
        } else if offer.max_version() < LEGACY_CAPABILITY.oldest {
            Err(Alert::ProtocolVersion)
        } else {
            Err(Alert::HandshakeFailure)
        }
    }

    pub(crate) fn policy(self) -> &'static Policy {
        match self {
            Self::Modern => &MODERN,
            Self::Legacy => &LEGACY,
        }
    }
}
