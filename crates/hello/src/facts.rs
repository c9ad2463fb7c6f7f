//! The facts of an offer as plain lists.

use crate::client_hello::extension;
use crate::offer::{FLAG_GREASE, FLAG_SNI, FLAG_SSLV2, Writer};
use crate::{Format, Offer, Version};

/// The facts of an offer as plain lists: to make an offer from knowledge rather than from bytes, and to show
/// or change one.
///
/// Turning facts into an [`Offer`] makes one that a hello can hold: GREASE is removed, an extension that a
/// list needs is added at the end when it is not named, no compression methods become the null method, and
/// an SSLv2-compatible hello keeps its suites and kinds alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// An SSLv2-compatible hello.
    pub sslv2_format: bool,
    /// server_name carries a host name.
    pub sni: bool,
    /// GREASE was, or is to be, sent.
    pub grease: bool,
    /// `legacy_version`.
    pub legacy_version: Version,
    /// supported_versions; empty for none.
    pub supported_versions: Vec<Version>,
    /// Cipher suites.
    pub suites: Vec<u16>,
    /// SSLv2 cipher kinds.
    pub sslv2_kinds: Vec<[u8; 3]>,
    /// Compression methods.
    pub compression: Vec<u8>,
    /// Groups.
    pub groups: Vec<u16>,
    /// Groups with a key share.
    pub key_shares: Vec<u16>,
    /// Signature schemes.
    pub signature_algorithms: Vec<u16>,
    /// Signature schemes for certificates.
    pub signature_algorithms_cert: Vec<u16>,
    /// EC point formats.
    pub point_formats: Vec<u8>,
    /// ALPN protocol names.
    pub alpn: Vec<Vec<u8>>,
    /// Extension types in the order sent.
    pub extensions: Vec<u16>,
}

impl Facts {
    /// These facts as a hello can hold them.
    fn canonical(&self) -> Self {
        if self.sslv2_format {
            return Self {
                sslv2_format: true,
                grease: self.grease,
                legacy_version: self.legacy_version,
                suites: self.suites.clone(),
                sslv2_kinds: self.sslv2_kinds.clone(),
                ..Self::default()
            };
        }
        let mut facts = Self {
            sslv2_kinds: Vec::new(),
            ..self.clone()
        };
        if facts.compression.is_empty() {
            facts.compression.push(0);
        }
        let needed = [
            (extension::SERVER_NAME, self.sni),
            (extension::SUPPORTED_GROUPS, !self.groups.is_empty()),
            (extension::EC_POINT_FORMATS, !self.point_formats.is_empty()),
            (
                extension::SIGNATURE_ALGORITHMS,
                !self.signature_algorithms.is_empty(),
            ),
            (extension::ALPN, !self.alpn.is_empty()),
            (
                extension::SUPPORTED_VERSIONS,
                !self.supported_versions.is_empty(),
            ),
            (
                extension::SIGNATURE_ALGORITHMS_CERT,
                !self.signature_algorithms_cert.is_empty(),
            ),
            (extension::KEY_SHARE, !self.key_shares.is_empty()),
        ];
        for (code, needed) in needed {
            if needed && !self.extensions.contains(&code) {
                // pre_shared_key has to be the last (RFC 8446 section 4.2.11).
                let last = usize::from(facts.extensions.last() == Some(&extension::PRE_SHARED_KEY));
                facts.extensions.insert(facts.extensions.len() - last, code);
            }
        }
        facts
    }
}

impl From<&Facts> for Offer {
    fn from(facts: &Facts) -> Self {
        let facts = facts.canonical();
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        let flags = flag(facts.sslv2_format, FLAG_SSLV2)
            | flag(facts.sni, FLAG_SNI)
            | flag(facts.grease, FLAG_GREASE);
        let mut writer = Writer::new(flags, facts.legacy_version);
        writer.codes(facts.supported_versions.iter().map(|version| version.0));
        writer.codes(facts.suites);
        writer.section(&facts.sslv2_kinds);
        writer.section([&facts.compression]);
        writer.codes(facts.groups);
        writer.codes(facts.key_shares);
        writer.codes(facts.signature_algorithms);
        writer.codes(facts.signature_algorithms_cert);
        writer.section([&facts.point_formats]);
        writer.finish(
            facts.alpn.iter().map(Vec::as_slice),
            facts.extensions.into_iter(),
        )
    }
}

impl From<&Offer> for Facts {
    fn from(offer: &Offer) -> Self {
        Self {
            sslv2_format: offer.format() == Format::Sslv2,
            sni: offer.has_sni(),
            grease: offer.has_grease(),
            legacy_version: offer.legacy_version(),
            supported_versions: offer.supported_versions().collect(),
            suites: offer.suites().collect(),
            sslv2_kinds: offer.sslv2_kinds().collect(),
            compression: offer.compression().to_vec(),
            groups: offer.groups().collect(),
            key_shares: offer.key_shares().collect(),
            signature_algorithms: offer.signature_algorithms().collect(),
            signature_algorithms_cert: offer.signature_algorithms_cert().collect(),
            point_formats: offer.point_formats().to_vec(),
            alpn: offer.alpn().map(<[u8]>::to_vec).collect(),
            extensions: offer.extensions().collect(),
        }
    }
}
