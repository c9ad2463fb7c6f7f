//! What a client said it can do, in one canonical form.
//!
//! # Format, version 1
//!
//! All numbers are big-endian. One byte of format version (1), one byte of flags, two bytes of
//! `legacy_version`, then sections in this order, each a two-byte length and its items, GREASE removed
//! (RFC 8701) and otherwise in the order sent:
//!
//! | section | item |
//! | --- | --- |
//! | supported_versions | 2 bytes |
//! | cipher suites | 2 bytes |
//! | SSLv2 cipher kinds | 3 bytes |
//! | compression methods | 1 byte |
//! | supported_groups | 2 bytes |
//! | key_share, groups only | 2 bytes |
//! | signature_algorithms | 2 bytes |
//! | signature_algorithms_cert | 2 bytes |
//! | ec_point_formats | 1 byte |
//! | ALPN | 1 byte of length, then the name |
//! | extension types, sorted | 2 bytes |
//! | extension types, as sent | 2 bytes |
//!
//! The [identity](Offer::id) of an offer leaves out the last section: browsers shuffle their extensions on
//! every connection, and one client must not become a thousand offers.

mod partial;
mod writer;

use sha2::{Digest, Sha256};
use std::fmt;

pub use partial::PartialOffer;
pub(crate) use writer::Writer;

use crate::{ClientHello, Facts, Format, Version};

/// The format version written first in every offer.
const FORMAT: u8 = 1;
/// The one of an offer of which only a part is known; `partial` gives it.
const FORMAT_PARTIAL: u8 = 2;
/// Format version, flags, legacy_version.
const HEADER: usize = 4;

pub(crate) const FLAG_SSLV2: u8 = 1;
pub(crate) const FLAG_SNI: u8 = 1 << 1;
pub(crate) const FLAG_GREASE: u8 = 1 << 2;

/// The sections, in the order in which they are written.
#[derive(Clone, Copy)]
enum Section {
    Versions,
    Suites,
    Sslv2Kinds,
    Compression,
    Groups,
    KeyShares,
    SignatureAlgorithms,
    SignatureAlgorithmsCert,
    PointFormats,
    Alpn,
    ExtensionSet,
    ExtensionOrder,
}

impl Section {
    /// Bytes of one item; 1 where items differ in length.
    const fn item(self) -> usize {
        match self {
            Self::Sslv2Kinds => 3,
            Self::Compression | Self::PointFormats | Self::Alpn => 1,
            _ => 2,
        }
    }
}

const SECTIONS: [Section; 12] = [
    Section::Versions,
    Section::Suites,
    Section::Sslv2Kinds,
    Section::Compression,
    Section::Groups,
    Section::KeyShares,
    Section::SignatureAlgorithms,
    Section::SignatureAlgorithmsCert,
    Section::PointFormats,
    Section::Alpn,
    Section::ExtensionSet,
    Section::ExtensionOrder,
];

/// What a client said it can do: canonical, GREASE removed, hashable. The module text gives the format.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Offer {
    bytes: Vec<u8>,
}

/// The identity of an offer: the first 16 bytes of the SHA-256 of its bytes without the extension order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OfferId(pub [u8; 16]);

impl fmt::Display for OfferId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for OfferId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OfferId({self})")
    }
}

/// Bytes that are no offer of a format this version reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidOffer {
    /// Written by a later version of this crate, or not an offer at all.
    #[error("offer format {0} is not known; the newest known is {FORMAT_PARTIAL}")]
    Format(u8),
    /// Cut short, or longer than its sections say.
    #[error("offer is damaged: its {0} bytes are not the sections it should have")]
    Damaged(usize),
}

/// Code points of two bytes each, in the order sent.
#[derive(Clone, Debug, Default)]
pub struct Codes<'a>(std::slice::Iter<'a, [u8; 2]>);

impl<'a> Codes<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes.as_chunks::<2>().0.iter())
    }
}

impl Iterator for Codes<'_> {
    type Item = u16;

    fn next(&mut self) -> Option<u16> {
        self.0.next().map(|pair| u16::from_be_bytes(*pair))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl ExactSizeIterator for Codes<'_> {}

impl Offer {
    /// Reads an offer that was stored.
    ///
    /// # Errors
    ///
    /// When the format is unknown, or the sections do not fill the bytes and the items their sections exactly.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidOffer> {
        let after = match bytes.first() {
            Some(&FORMAT) => 0,
            Some(&FORMAT_PARTIAL) => partial::TAIL,
            Some(&other) => return Err(InvalidOffer::Format(other)),
            None => return Err(InvalidOffer::Damaged(0)),
        };
        let damaged = InvalidOffer::Damaged(bytes.len());
        let mut rest = bytes.get(HEADER..).ok_or(damaged)?;
        for section in SECTIONS {
            let (length, tail) = rest.split_first_chunk::<2>().ok_or(damaged)?;
            let (items, tail) = tail
                .split_at_checked(u16::from_be_bytes(*length).into())
                .ok_or(damaged)?;
            if items.len() % section.item() != 0 {
                return Err(damaged);
            }
            rest = tail;
        }
        if rest.len() == after {
            Ok(Self {
                bytes: bytes.to_vec(),
            })
        } else {
            Err(damaged)
        }
    }

    /// The canonical bytes, to store.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The identity: equal for two hellos that differ only in GREASE and in the order of extensions.
    pub fn id(&self) -> OfferId {
        let order = if self.is_partial() {
            0
        } else {
            2 + self.section(Section::ExtensionOrder).len()
        };
        let identity = self
            .bytes
            .get(..self.bytes.len() - order)
            .unwrap_or_default();
        let digest = Sha256::digest(identity);
        OfferId(digest.first_chunk::<16>().copied().unwrap_or_default())
    }

    fn section(&self, wanted: Section) -> &[u8] {
        let mut rest = self.bytes.get(HEADER..).unwrap_or_default();
        for _ in 0..wanted as usize {
            rest = split_section(rest).1;
        }
        split_section(rest).0
    }

    fn flag(&self, flag: u8) -> bool {
        self.bytes.get(1).is_some_and(|flags| flags & flag != 0)
    }

    /// Whether this is only a part of an offer, because nobody saw the hello. Its lists are then empty where they are
    /// not known, and it has no fingerprint.
    pub fn is_partial(&self) -> bool {
        self.bytes.first() == Some(&FORMAT_PARTIAL)
    }

    /// What is known of an offer of which only a part is; `None` for a whole one.
    pub fn partial(&self) -> Option<PartialOffer> {
        PartialOffer::of(self)
    }

    /// How the hello was framed.
    pub fn format(&self) -> Format {
        if self.flag(FLAG_SSLV2) {
            Format::Sslv2
        } else {
            Format::Tls
        }
    }

    /// Whether server_name carried a host name.
    pub fn has_sni(&self) -> bool {
        self.flag(FLAG_SNI)
    }

    /// Whether the client sent GREASE (RFC 8701) anywhere.
    pub fn has_grease(&self) -> bool {
        self.flag(FLAG_GREASE)
    }

    /// `legacy_version` as sent.
    pub fn legacy_version(&self) -> Version {
        self.bytes
            .get(2..HEADER)
            .map_or_else(Version::default, |pair| {
                Version(
                    pair.iter()
                        .fold(0, |value, &byte| (value << 8) | u16::from(byte)),
                )
            })
    }

    /// supported_versions as sent, empty when the extension is absent (RFC 8446 section 4.2.1).
    pub fn supported_versions(&self) -> impl ExactSizeIterator<Item = Version> {
        self.codes(Section::Versions).map(Version)
    }

    /// The highest known version the client can speak. Without supported_versions that is `legacy_version`,
    /// and TLS 1.2 at most (RFC 8446 appendix D.1); drafts and unknown values count for nothing.
    ///
    /// Of a part of an offer it is the latest that the client may speak as far as is known.
    pub fn max_version(&self) -> Version {
        if let Some(partial) = self.partial() {
            return partial.speaks_at_most();
        }
        self.supported_versions()
            .filter(|version| version.is_known())
            .max()
            .unwrap_or_else(|| {
                Version::KNOWN
                    .into_iter()
                    .rfind(|known| self.speaks(*known))
                    .unwrap_or(Version::SSLV2)
            })
    }

    /// Whether the client would speak this version. Without supported_versions a client speaks everything up
    /// to its `legacy_version` as far as the hello can tell.
    pub fn speaks(&self, version: Version) -> bool {
        let mut listed = self.supported_versions().peekable();
        if listed.peek().is_some() {
            return listed.any(|listed| listed == version);
        }
        version <= self.legacy_version().min(Version::TLSV1_2)
            && (version != Version::SSLV2 || self.format() == Format::Sslv2)
    }

    /// Cipher suites in the client's order of preference.
    pub fn suites(&self) -> Codes<'_> {
        self.codes(Section::Suites)
    }

    /// SSLv2 cipher kinds.
    pub fn sslv2_kinds(&self) -> impl Iterator<Item = [u8; 3]> {
        self.section(Section::Sslv2Kinds)
            .as_chunks::<3>()
            .0
            .iter()
            .copied()
    }

    /// Compression methods.
    pub fn compression(&self) -> &[u8] {
        self.section(Section::Compression)
    }

    /// Groups in the client's order of preference.
    pub fn groups(&self) -> Codes<'_> {
        self.codes(Section::Groups)
    }

    /// Groups for which the client sent a key share.
    pub fn key_shares(&self) -> Codes<'_> {
        self.codes(Section::KeyShares)
    }

    /// Signature schemes for the handshake, in the client's order of preference.
    pub fn signature_algorithms(&self) -> Codes<'_> {
        self.codes(Section::SignatureAlgorithms)
    }

    /// Signature schemes for certificates, where the client names them apart.
    pub fn signature_algorithms_cert(&self) -> Codes<'_> {
        self.codes(Section::SignatureAlgorithmsCert)
    }

    /// EC point formats.
    pub fn point_formats(&self) -> &[u8] {
        self.section(Section::PointFormats)
    }

    /// ALPN protocol names in the client's order of preference.
    pub fn alpn(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.section(Section::Alpn);
        std::iter::from_fn(move || {
            let (&length, tail) = rest.split_first()?;
            let (name, tail) = tail.split_at_checked(length.into())?;
            rest = tail;
            Some(name)
        })
    }

    /// Extension types in the order sent.
    pub fn extensions(&self) -> Codes<'_> {
        self.codes(Section::ExtensionOrder)
    }

    /// Extension types in ascending order: the same for a client that shuffles them.
    pub fn extension_set(&self) -> Codes<'_> {
        self.codes(Section::ExtensionSet)
    }

    fn codes(&self, section: Section) -> Codes<'_> {
        Codes::new(self.section(section))
    }
}

impl fmt::Debug for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(partial) = self.partial() {
            return partial.fmt(f);
        }
        Facts::from(self).fmt(f)
    }
}

/// The first section of what is left, and what follows it. Lengths were checked when the offer was made.
fn split_section(bytes: &[u8]) -> (&[u8], &[u8]) {
    let Some((length, rest)) = bytes.split_first_chunk::<2>() else {
        return (&[], &[]);
    };
    rest.split_at_checked(u16::from_be_bytes(*length).into())
        .unwrap_or_default()
}

impl From<&ClientHello<'_>> for Offer {
    fn from(hello: &ClientHello<'_>) -> Self {
        let sslv2 = if hello.format == Format::Sslv2 {
            FLAG_SSLV2
        } else {
            0
        };
        let sni = if hello.server_name().is_some() {
            FLAG_SNI
        } else {
            0
        };
        let mut writer = Writer::new(sslv2 | sni, hello.legacy_version);
        writer.codes(Codes::new(hello.versions));
        writer.codes(hello.suites());
        writer.section(hello.sslv2_kinds());
        writer.section([hello.compression]);
        writer.codes(Codes::new(hello.groups));
        writer.codes(hello.key_shares());
        writer.codes(Codes::new(hello.signature_algorithms));
        writer.codes(Codes::new(hello.signature_algorithms_cert));
        writer.section([hello.point_formats]);
        writer.finish(
            hello.alpn(),
            hello.extensions().map(|extension| extension.code),
        )
    }
}
