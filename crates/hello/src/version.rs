//! Protocol versions, spelled as OpenSSL does.

use std::fmt;

/// A protocol version by its code point. Ordered: a greater value is a later protocol, for those that are
/// [known](Version::is_known).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Version(pub u16);

impl Version {
    /// SSL 2.0 (as its CLIENT-HELLO writes it).
    pub const SSLV2: Self = Self(0x0002);
    /// SSL 3.0 (RFC 6101).
    pub const SSLV3: Self = Self(0x0300);
    /// TLS 1.0 (RFC 2246).
    pub const TLSV1: Self = Self(0x0301);
    /// TLS 1.1 (RFC 4346).
    pub const TLSV1_1: Self = Self(0x0302);
    /// TLS 1.2 (RFC 5246).
    pub const TLSV1_2: Self = Self(0x0303);
    /// TLS 1.3 (RFC 8446).
    pub const TLSV1_3: Self = Self(0x0304);

    /// Every version with a name, oldest first.
    pub const KNOWN: [Self; 6] = [
        Self::SSLV2,
        Self::SSLV3,
        Self::TLSV1,
        Self::TLSV1_1,
        Self::TLSV1_2,
        Self::TLSV1_3,
    ];

    /// The name OpenSSL gives it, or `None` for drafts, GREASE and values nobody assigned.
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::SSLV2 => Some("SSLv2"),
            Self::SSLV3 => Some("SSLv3"),
            Self::TLSV1 => Some("TLSv1"),
            Self::TLSV1_1 => Some("TLSv1.1"),
            Self::TLSV1_2 => Some("TLSv1.2"),
            Self::TLSV1_3 => Some("TLSv1.3"),
            _ => None,
        }
    }

    /// Whether this is one of [`Version::KNOWN`].
    pub const fn is_known(self) -> bool {
        self.name().is_some()
    }

    /// The version with this OpenSSL name, exactly spelled.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::KNOWN
            .into_iter()
            .find(|version| version.name() == Some(name))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => write!(f, "{:#06x}", self.0),
        }
    }
}
