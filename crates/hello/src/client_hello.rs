//! The ClientHello message, borrowed from the bytes it came in.

use crate::fault::{Field, Reason};
use crate::reader::{Fault, Reader};
use crate::{Codes, Version};

/// How the hello was framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// A TLS handshake record (SSLv3 and later).
    Tls,
    /// The SSLv2-compatible CLIENT-HELLO (RFC 5246 appendix E.2).
    Sslv2,
}

/// A ClientHello (RFC 8446 section 4.1.2; RFC 5246 section 7.4.1.2; RFC 5246 appendix E.2 for SSLv2 framing).
///
/// Values are as sent, GREASE included; [`crate::Offer`] is the canonical form.
#[derive(Clone, Copy, Debug)]
pub struct ClientHello<'a> {
    /// How it was framed.
    pub format: Format,
    /// The version on the first record. Says little: clients of any age write `0x0301` here.
    pub record_version: Version,
    /// `legacy_version`: the highest version offered, unless supported_versions is present.
    pub legacy_version: Version,
    /// `random`, or the challenge of an SSLv2-compatible hello.
    pub random: &'a [u8],
    /// `legacy_session_id`, at most 32 bytes.
    pub session_id: &'a [u8],
    pub(crate) suites: &'a [u8],
    pub(crate) compression: &'a [u8],
    extensions: &'a [u8],
    server_name: Option<&'a [u8]>,
    pub(crate) versions: &'a [u8],
    pub(crate) groups: &'a [u8],
    key_shares: &'a [u8],
    pub(crate) signature_algorithms: &'a [u8],
    pub(crate) signature_algorithms_cert: &'a [u8],
    pub(crate) point_formats: &'a [u8],
    alpn: &'a [u8],
}

/// One extension as sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extension<'a> {
    /// Its code point in the IANA registry "TLS ExtensionType Values".
    pub code: u16,
    /// Its body, unread.
    pub body: &'a [u8],
}

/// Code points of the extensions this crate looks into (IANA "TLS ExtensionType Values").
pub(crate) mod extension {
    pub(crate) const SERVER_NAME: u16 = 0;
    pub(crate) const SUPPORTED_GROUPS: u16 = 10;
    pub(crate) const EC_POINT_FORMATS: u16 = 11;
    pub(crate) const SIGNATURE_ALGORITHMS: u16 = 13;
    pub(crate) const ALPN: u16 = 16;
    pub(crate) const PRE_SHARED_KEY: u16 = 41;
    /// Where key_share stood in the drafts of TLS 1.3 before the 23rd.
    pub(crate) const KEY_SHARE_DRAFT: u16 = 40;
    pub(crate) const EARLY_DATA: u16 = 42;
    pub(crate) const SUPPORTED_VERSIONS: u16 = 43;
    pub(crate) const SIGNATURE_ALGORITHMS_CERT: u16 = 50;
    pub(crate) const KEY_SHARE: u16 = 51;
}

impl<'a> ClientHello<'a> {
    /// Reads the body of a ClientHello handshake message; offsets in faults count from `start`.
    pub(crate) fn parse(
        body: &'a [u8],
        start: usize,
        record_version: Version,
    ) -> Result<Self, Fault> {
        let mut reader = Reader::new(body, start);
        let legacy_version = Version(reader.u16(Field::LegacyVersion)?);
        let random = reader.take(32, Field::Random)?;
        let at = reader.offset();
        let session_id = reader.vector8(Field::SessionId)?.rest();
        if session_id.len() > 32 {
            return Err((at, Reason::OutOfRange(Field::SessionId)));
        }
        let at = reader.offset();
        let suites = reader
            .vector16(Field::CipherSuites)?
            .items(2, Field::CipherSuites)?;
        if suites.is_empty() {
            return Err((at, Reason::Empty(Field::CipherSuites)));
        }
        let at = reader.offset();
        let compression = reader.vector8(Field::CompressionMethods)?.rest();
        if compression.is_empty() {
            return Err((at, Reason::Empty(Field::CompressionMethods)));
        }
        let mut hello = Self {
            format: Format::Tls,
            record_version,
            legacy_version,
            random,
            session_id,
            suites,
            compression,
            extensions: &[],
            server_name: None,
            versions: &[],
            groups: &[],
            key_shares: &[],
            signature_algorithms: &[],
            signature_algorithms_cert: &[],
            point_formats: &[],
            alpn: &[],
        };
        // SSLv3 and TLS 1.0 hellos may end here: extensions came with RFC 3546.
        if reader.is_empty() {
            return Ok(hello);
        }
        let extensions = reader.vector16(Field::Extensions)?;
        if !reader.is_empty() {
            return Err((reader.offset(), Reason::TrailingBytes));
        }
        hello.extensions = extensions.rest();
        hello.read_extensions(extensions)?;
        Ok(hello)
    }

    /// Checks the framing of all extensions and remembers the lists inside those that say what is offered.
    /// Bytes after a list inside its extension are ignored: some stacks send them and servers accept them.
    fn read_extensions(&mut self, mut reader: Reader<'a>) -> Result<(), Fault> {
        while !reader.is_empty() {
            let code = reader.u16(Field::Extensions)?;
            let mut body = reader.vector16(Field::Extensions)?;
            match code {
                // An empty body is what a server sends back; a few clients send it too, meaning no name.
                extension::SERVER_NAME if !body.is_empty() => {
                    self.server_name = host_name(body.vector16(Field::ServerName)?)?;
                }
                extension::SUPPORTED_VERSIONS => {
                    let field = Field::SupportedVersions;
                    self.versions = body.vector8(field)?.items(2, field)?;
                }
                extension::SUPPORTED_GROUPS => {
                    let field = Field::SupportedGroups;
                    self.groups = body.vector16(field)?.items(2, field)?;
                }
                extension::KEY_SHARE => {
                    let list = body.vector16(Field::KeyShare)?;
                    let mut shares = list;
                    while !shares.is_empty() {
                        shares.u16(Field::KeyShare)?;
                        shares.vector16(Field::KeyShare)?;
                    }
                    self.key_shares = list.rest();
                }
                extension::SIGNATURE_ALGORITHMS => {
                    let field = Field::SignatureAlgorithms;
                    self.signature_algorithms = body.vector16(field)?.items(2, field)?;
                }
                extension::SIGNATURE_ALGORITHMS_CERT => {
                    let field = Field::SignatureAlgorithmsCert;
                    self.signature_algorithms_cert = body.vector16(field)?.items(2, field)?;
                }
                extension::EC_POINT_FORMATS => {
                    self.point_formats = body.vector8(Field::EcPointFormats)?.rest()
                }
                extension::ALPN => {
                    let list = body.vector16(Field::Alpn)?;
                    let mut names = list;
                    while !names.is_empty() {
                        names.vector8(Field::Alpn)?;
                    }
                    self.alpn = list.rest();
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Reads an SSLv2-compatible CLIENT-HELLO after its two-byte record header and its message type
    /// (RFC 5246 appendix E.2).
    pub(crate) fn parse_sslv2(body: &'a [u8], start: usize) -> Result<Self, Fault> {
        let mut reader = Reader::new(body, start);
        let legacy_version = Version(reader.u16(Field::LegacyVersion)?);
        let at = reader.offset();
        let suites = usize::from(reader.u16(Field::CipherSuites)?);
        let session_id = usize::from(reader.u16(Field::SessionId)?);
        let challenge = usize::from(reader.u16(Field::Challenge)?);
        if suites == 0 {
            return Err((at, Reason::Empty(Field::CipherSuites)));
        }
        if suites % 3 != 0 {
            return Err((at, Reason::OddLength(Field::CipherSuites)));
        }
        if session_id > 32 {
            return Err((at, Reason::OutOfRange(Field::SessionId)));
        }
        let suites = reader.take(suites, Field::CipherSuites)?;
        let session_id = reader.take(session_id, Field::SessionId)?;
        let random = reader.take(challenge, Field::Challenge)?;
        if !reader.is_empty() {
            return Err((reader.offset(), Reason::TrailingBytes));
        }
        Ok(Self {
            format: Format::Sslv2,
            record_version: legacy_version,
            legacy_version,
            random,
            session_id,
            suites,
            compression: &[],
            extensions: &[],
            server_name: None,
            versions: &[],
            groups: &[],
            key_shares: &[],
            signature_algorithms: &[],
            signature_algorithms_cert: &[],
            point_formats: &[],
            alpn: &[],
        })
    }

    /// Cipher suites in the order sent. An SSLv2-compatible hello carries them as three bytes, of which
    /// those starting with zero are TLS suites (RFC 5246 appendix E.2).
    pub fn suites(&self) -> impl Iterator<Item = u16> + 'a {
        let (tls, sslv2) = match self.format {
            Format::Tls => (self.suites, &[][..]),
            Format::Sslv2 => (&[][..], self.suites),
        };
        Codes::new(tls).chain(
            sslv2
                .as_chunks::<3>()
                .0
                .iter()
                .filter(|[first, ..]| *first == 0)
                .map(|[_, a, b]| u16::from_be_bytes([*a, *b])),
        )
    }

    /// SSLv2 cipher kinds in the order sent (only in an SSLv2-compatible hello).
    pub fn sslv2_kinds(&self) -> impl Iterator<Item = [u8; 3]> + 'a {
        let kinds = if self.format == Format::Sslv2 {
            self.suites
        } else {
            &[]
        };
        kinds
            .as_chunks::<3>()
            .0
            .iter()
            .copied()
            .filter(|[first, ..]| *first != 0)
    }

    /// Extensions in the order sent.
    pub fn extensions(&self) -> impl Iterator<Item = Extension<'a>> + Clone + 'a {
        let mut reader = Reader::new(self.extensions, 0);
        // `parse` has walked this list to its end, so the iterator ends only there.
        std::iter::from_fn(move || {
            let code = reader.u16(Field::Extensions).ok()?;
            let body = reader.vector16(Field::Extensions).ok()?.rest();
            Some(Extension { code, body })
        })
    }

    /// Whether early data may follow at once (RFC 8446 section 4.2.10).
    pub fn offers_early_data(&self) -> bool {
        self.extensions()
            .any(|extension| extension.code == extension::EARLY_DATA)
    }

    /// Groups for which a key share was sent, in the order sent.
    pub fn key_shares(&self) -> impl Iterator<Item = u16> + 'a {
        let mut reader = Reader::new(self.key_shares, 0);
        std::iter::from_fn(move || {
            let group = reader.u16(Field::KeyShare).ok()?;
            reader.vector16(Field::KeyShare).ok()?;
            Some(group)
        })
    }

    /// ALPN protocol names in the order sent.
    pub fn alpn(&self) -> impl Iterator<Item = &'a [u8]> + 'a {
        let mut reader = Reader::new(self.alpn, 0);
        std::iter::from_fn(move || Some(reader.vector8(Field::Alpn).ok()?.rest()))
    }

    /// The host name in server_name (RFC 6066 section 3), if it is one: ASCII, 1 to 255 bytes, no control
    /// characters. The case is as sent.
    pub fn server_name(&self) -> Option<&'a str> {
        let name = self.server_name?;
        let plausible = (1..=255).contains(&name.len()) && name.iter().all(u8::is_ascii_graphic);
        std::str::from_utf8(name).ok().filter(|_| plausible)
    }
}

/// The first entry of type host_name (0) in a server_name list (RFC 6066 section 3).
fn host_name(mut list: Reader<'_>) -> Result<Option<&[u8]>, Fault> {
    while !list.is_empty() {
        let kind = list.u8(Field::ServerName)?;
        let name = list.vector16(Field::ServerName)?.rest();
        if kind == 0 {
            return Ok(Some(name));
        }
    }
    Ok(None)
}
