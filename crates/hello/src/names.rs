//! Code points and their names, from `data/codepoints.csv`; protocol versions are in [`crate::Version`].
//!
//! Names are spelled as IANA does; cipher suites have the OpenSSL name too, where OpenSSL has one.

use std::fmt;

pub use crate::group::{GroupFacts, GroupKind};
pub use crate::suite::{Authentication, Cipher, Hash, KeyExchange, Mode, SuiteFacts};

// Sorted by code, and by name: `build.rs` sees to it.
include!(concat!(env!("OUT_DIR"), "/codepoints.rs"));

/// The two names of a cipher suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CipherSuiteName {
    /// The IANA name, `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256`.
    pub iana: &'static str,
    /// The OpenSSL name, `ECDHE-RSA-AES128-GCM-SHA256`; `None` for suites that OpenSSL never had.
    pub openssl: Option<&'static str>,
}

struct Suite {
    code: u16,
    name: CipherSuiteName,
    facts: Option<SuiteFacts>,
}

struct Group {
    code: u16,
    name: &'static str,
    facts: GroupFacts,
}

fn find<T, K: Ord>(table: &'static [T], wanted: &K, key: impl Fn(&T) -> K) -> Option<&'static T> {
    table.get(table.binary_search_by(|row| key(row).cmp(wanted)).ok()?)
}

fn name<C: Ord + Copy>(table: &'static [(C, &'static str)], code: C) -> Option<&'static str> {
    find(table, &code, |row| row.0).map(|row| row.1)
}

fn suite(code: u16) -> Option<&'static Suite> {
    find(&SUITES, &code, |row| row.code)
}

/// The names of a cipher suite, signalling values (RFC 5746 section 3.3, RFC 7507 section 2) included.
pub fn cipher_suite(code: u16) -> Option<CipherSuiteName> {
    suite(code).map(|row| row.name)
}

/// The code point of a cipher suite by its IANA name or by its OpenSSL name, exactly spelled. Spellings that
/// OpenSSL has given up (`EDH-RSA-DES-CBC3-SHA`) are known too.
pub fn cipher_suite_by_name(name: &str) -> Option<u16> {
    let index = SUITES_BY_NAME
        .binary_search_by(|row| row.0.cmp(name))
        .ok()?;
    SUITES_BY_NAME.get(index).map(|row| row.1)
}

/// What a cipher suite is made of; `None` for signalling values and unknown code points.
pub fn suite_facts(code: u16) -> Option<SuiteFacts> {
    suite(code)?.facts
}

/// The names of an SSLv2 cipher kind.
pub fn sslv2_kind([a, b, c]: [u8; 3]) -> Option<CipherSuiteName> {
    find(&SSLV2_KINDS, &u32::from_be_bytes([0, a, b, c]), |row| row.0).map(|row| row.1)
}

/// The name of a group, `x25519`.
pub fn group(code: u16) -> Option<&'static str> {
    find(&GROUPS, &code, |row| row.code).map(|row| row.name)
}

/// The code point of a group by its IANA name, exactly spelled.
pub fn group_by_name(name: &str) -> Option<u16> {
    GROUPS
        .iter()
        .find(|row| row.name == name)
        .map(|row| row.code)
}

/// What a group is; `None` for unknown code points.
pub fn group_facts(code: u16) -> Option<GroupFacts> {
    find(&GROUPS, &code, |row| row.code).map(|row| row.facts)
}

/// The name of a signature scheme, `ecdsa_secp256r1_sha256`.
pub fn signature_scheme(code: u16) -> Option<&'static str> {
    name(&SCHEMES, code)
}

/// The name of an extension, `server_name`.
pub fn extension(code: u16) -> Option<&'static str> {
    name(&EXTENSIONS, code)
}

/// The name of an alert, `protocol_version`.
pub fn alert(code: u8) -> Option<&'static str> {
    name(&ALERTS, code)
}

/// Shows a code point by its name, or in hexadecimal when it has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Named {
    /// A cipher suite, by its OpenSSL name, or its IANA name where it has no other.
    Suite(u16),
    /// An SSLv2 cipher kind, by its `SSL_CK_` name: its OpenSSL name can be that of a cipher suite.
    Sslv2Kind([u8; 3]),
    /// A group.
    Group(u16),
    /// A signature scheme.
    SignatureScheme(u16),
    /// An extension.
    Extension(u16),
    /// An alert.
    Alert(u8),
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match *self {
            Self::Suite(code) => cipher_suite(code).map(|name| name.openssl.unwrap_or(name.iana)),
            Self::Sslv2Kind(kind) => sslv2_kind(kind).map(|name| name.iana),
            Self::Group(code) => group(code),
            Self::SignatureScheme(code) => signature_scheme(code),
            Self::Extension(code) => extension(code),
            Self::Alert(code) => alert(code),
        };
        match (name, *self) {
            (Some(name), _) => f.pad(name),
            (None, Self::Alert(code)) => write!(f, "{code:#04x}"),
            (None, Self::Sslv2Kind([a, b, c])) => {
                write!(f, "{:#08x}", u32::from_be_bytes([0, a, b, c]))
            }
            (
                None,
                Self::Suite(code)
                | Self::Group(code)
                | Self::SignatureScheme(code)
                | Self::Extension(code),
            ) => write!(f, "{code:#06x}"),
        }
    }
}
