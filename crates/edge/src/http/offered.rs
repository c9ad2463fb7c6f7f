//! What the client offered, with every code point named.

use hello::Offer;
use hello::names::Named;
use serde::{Serialize, Serializer};

/// An offer, to be shown. Kept as the offer is, a few hundred bytes, and named when it is asked for: a report
/// may wait a day for its reader.
#[derive(Clone, Debug)]
pub struct Offered(Offer);

/// The names in an offer. The field names are part of the contract of `/ssl/`.
#[derive(Serialize)]
pub struct OfferedNames {
    /// The highest version.
    pub max_protocol: String,
    /// Every version that the hello names.
    pub protocols: Vec<String>,
    /// Cipher suites, by [`Named::Suite`], in the client's order.
    pub ciphers: Vec<String>,
    /// Groups, in the client's order.
    pub groups: Vec<String>,
    /// The groups for which a key share came along.
    pub key_shares: Vec<String>,
    /// Signature schemes, in the client's order.
    pub signature_algorithms: Vec<String>,
    /// Application protocols, in the client's order.
    pub alpn: Vec<String>,
    /// Whether a server name was sent.
    pub sni: bool,
}

impl Offered {
    /// To be shown.
    pub const fn new(offer: Offer) -> Self {
        Self(offer)
    }

    /// The names of all that is offered.
    pub fn names(&self) -> OfferedNames {
        let Self(offer) = self;
        let max_protocol = offer.max_version().to_string();
        let mut protocols: Vec<String> = offer
            .supported_versions()
            .map(|version| version.to_string())
            .collect();
        if protocols.is_empty() {
            // Without supported_versions a hello names its highest version only.
            protocols.push(max_protocol.clone());
        }
        OfferedNames {
            max_protocol,
            protocols,
            ciphers: named(offer.suites(), Named::Suite),
            groups: named(offer.groups(), Named::Group),
            key_shares: named(offer.key_shares(), Named::Group),
            signature_algorithms: named(offer.signature_algorithms(), Named::SignatureScheme),
            alpn: offer
                .alpn()
                .map(|name| String::from_utf8_lossy(name).into_owned())
                .collect(),
            sni: offer.has_sni(),
        }
    }
}

fn named(codes: hello::Codes<'_>, kind: fn(u16) -> Named) -> Vec<String> {
    codes.map(|code| kind(code).to_string()).collect()
}

impl Serialize for Offered {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.names().serialize(serializer)
    }
}
