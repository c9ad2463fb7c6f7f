//! What is wrong with a hello, and where.

use std::fmt;

/// A TLS hello that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed hello at byte {offset}: {reason}")]
pub struct Malformed {
    /// Bytes from the start of the connection to the first byte that is wrong.
    pub offset: usize,
    /// What is wrong there.
    pub reason: Reason,
}

/// Why a hello cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The first record, or one inside the hello, is not of content type handshake (RFC 8446 section 5.1).
    RecordType(u8),
    /// A record's version has a major number other than 3.
    RecordVersion(u8),
    /// A record of length zero (RFC 8446 section 5.1 forbids it for handshakes).
    EmptyRecord,
    /// A record longer than 2^14 bytes (RFC 8446 section 5.1).
    RecordTooLong(u16),
    /// The hello is spread over more wire bytes than [`crate::MAX_WIRE`].
    TooManyRecords,
    /// The first handshake message is not a ClientHello.
    HandshakeType(u8),
    /// The hello says it is longer than [`crate::MAX_HELLO`].
    TooLong(u32),
    /// A length points past the end of what holds it.
    Truncated(Field),
    /// A list of fixed-size items has a length that is not a multiple of the item size.
    OddLength(Field),
    /// A list that must hold something is empty.
    Empty(Field),
    /// A length is outside what the field allows (a session id over 32 bytes, say).
    OutOfRange(Field),
    /// Bytes follow the last field of the hello.
    TrailingBytes,
}

/// The part of a hello that a [`Reason`] speaks of, by the name its RFC gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "each variant is the field's own name in RFC 8446 section 4.1.2 and the extension registry"
)]
#[non_exhaustive]
pub enum Field {
    LegacyVersion,
    Random,
    SessionId,
    CipherSuites,
    CompressionMethods,
    Extensions,
    ServerName,
    SupportedVersions,
    SupportedGroups,
    KeyShare,
    SignatureAlgorithms,
    SignatureAlgorithmsCert,
    EcPointFormats,
    Alpn,
    Challenge,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LegacyVersion => "legacy_version",
            Self::Random => "random",
            Self::SessionId => "session_id",
            Self::CipherSuites => "cipher_suites",
            Self::CompressionMethods => "compression_methods",
            Self::Extensions => "extensions",
            Self::ServerName => "server_name",
            Self::SupportedVersions => "supported_versions",
            Self::SupportedGroups => "supported_groups",
            Self::KeyShare => "key_share",
            Self::SignatureAlgorithms => "signature_algorithms",
            Self::SignatureAlgorithmsCert => "signature_algorithms_cert",
            Self::EcPointFormats => "ec_point_formats",
            Self::Alpn => "application_layer_protocol_negotiation",
            Self::Challenge => "challenge",
        })
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RecordType(found) => write!(
                f,
                "record type {found} where a handshake record (22) belongs"
            ),
            Self::RecordVersion(major) => {
                write!(f, "record version has major number {major}, not 3")
            }
            Self::EmptyRecord => f.write_str("empty handshake record"),
            Self::RecordTooLong(length) => {
                write!(f, "record of {length} bytes, at most 16384 are allowed")
            }
            Self::TooManyRecords => write!(
                f,
                "hello spread over more than {} bytes of records",
                crate::MAX_WIRE
            ),
            Self::HandshakeType(found) => write!(
                f,
                "handshake message of type {found} where a ClientHello (1) belongs"
            ),
            Self::TooLong(length) => write!(
                f,
                "hello of {length} bytes, at most {} are read",
                crate::MAX_HELLO
            ),
            Self::Truncated(field) => write!(f, "{field} runs past its end"),
            Self::OddLength(field) => write!(f, "{field} has a length that its items do not fill"),
            Self::Empty(field) => write!(f, "{field} is empty"),
            Self::OutOfRange(field) => write!(f, "{field} has a length that is not allowed"),
            Self::TrailingBytes => f.write_str("bytes after the last field"),
        }
    }
}
