//! Protocol versions, oldest first.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A protocol version, ordered by age: `Tls10 < Tls12`.
///
/// Written as OpenSSL writes it, in text and when serialized.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Protocol {
    /// SSL 2.0, prohibited by RFC 6176.
    #[serde(rename = "SSLv2")]
    Sslv2,
    /// SSL 3.0 (RFC 6101), prohibited by RFC 7568.
    #[serde(rename = "SSLv3")]
    Sslv3,
    /// TLS 1.0 (RFC 2246), deprecated by RFC 8996.
    #[serde(rename = "TLSv1")]
    Tls10,
    /// TLS 1.1 (RFC 4346), deprecated by RFC 8996.
    #[serde(rename = "TLSv1.1")]
    Tls11,
    /// TLS 1.2 (RFC 5246).
    #[serde(rename = "TLSv1.2")]
    Tls12,
    /// TLS 1.3 (RFC 8446).
    #[serde(rename = "TLSv1.3")]
    Tls13,
}

impl Protocol {
    /// OpenSSL's name, for instance `TLSv1` for TLS 1.0.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sslv2 => "SSLv2",
            Self::Sslv3 => "SSLv3",
            Self::Tls10 => "TLSv1",
            Self::Tls11 => "TLSv1.1",
            Self::Tls12 => "TLSv1.2",
            Self::Tls13 => "TLSv1.3",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl From<hello::Version> for Protocol {
    /// The protocol of a code point; one that is not known counts as the latest, so that nobody is told to
    /// change what this crate has not heard of.
    fn from(version: hello::Version) -> Self {
        match version {
            hello::Version::SSLV2 => Self::Sslv2,
            hello::Version::SSLV3 => Self::Sslv3,
            hello::Version::TLSV1 => Self::Tls10,
            hello::Version::TLSV1_1 => Self::Tls11,
            hello::Version::TLSV1_2 => Self::Tls12,
            _ => Self::Tls13,
        }
    }
}
