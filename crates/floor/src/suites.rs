//! What a cipher suite or a group can be negotiated in, from the protocol's own rules, whatever the policy.

use hello::Version;
use hello::names::{self, GroupFacts, GroupKind, Hash, KeyExchange, SuiteFacts};

/// A suite of TLS 1.3 (RFC 8446 appendix B.4); it can be used in no other version.
pub(crate) const TLS13: u8 = 1;
/// Usable in TLS 1.2, with an elliptic curve.
pub(crate) const TLS12_EC: u8 = 1 << 1;
/// Usable in TLS 1.2, with a finite-field group.
pub(crate) const TLS12_FF: u8 = 1 << 2;
/// Usable in TLS 1.2, with no group at all: RSA key exchange and the like.
pub(crate) const TLS12_BARE: u8 = 1 << 3;
/// The same three for TLS 1.1 and older.
pub(crate) const OLD_EC: u8 = 1 << 4;
/// See [`OLD_EC`].
pub(crate) const OLD_FF: u8 = 1 << 5;
/// See [`OLD_EC`].
pub(crate) const OLD_BARE: u8 = 1 << 6;

/// All marks of TLS 1.2.
pub(crate) const TLS12: u8 = TLS12_EC | TLS12_FF | TLS12_BARE;
/// All marks of TLS 1.1 and older.
pub(crate) const OLD: u8 = OLD_EC | OLD_FF | OLD_BARE;

/// A group usable in TLS 1.3.
pub(crate) const GROUP_TLS13: u8 = 1;
/// An elliptic curve usable in TLS 1.2 and older.
pub(crate) const GROUP_EC: u8 = 1 << 1;
/// A finite-field group usable in TLS 1.2 and older.
pub(crate) const GROUP_FF: u8 = 1 << 2;
/// Any finite-field group, wanted or not: naming one binds the server to the named ones (RFC 7919 section 4).
pub(crate) const LISTS_FF: u8 = 1 << 3;

/// secp256r1, the curve that servers turn to when a client names none.
pub(crate) const SECP256R1: u16 = 0x0017;

/// ffdhe2048, of the size that servers turn to when a client names no finite-field group.
pub(crate) const FFDHE2048: u16 = 0x0100;

/// Where a suite can be used.
pub(crate) fn suite_marks(facts: &SuiteFacts) -> u8 {
    if facts.tls13 {
        return TLS13;
    }
    let (new, old) = match facts.key_exchange {
        // Nothing at all: the state before a handshake, never to be negotiated (RFC 5246 appendix A.5).
        KeyExchange::Null => return 0,
        KeyExchange::Ecdhe | KeyExchange::Ecdh | KeyExchange::EcdhePsk | KeyExchange::Eccpwd => {
            (TLS12_EC, OLD_EC)
        }
        KeyExchange::Dhe | KeyExchange::DhePsk => (TLS12_FF, OLD_FF),
        _ => (TLS12_BARE, OLD_BARE),
    };
    // AEAD, and every hash later than SHA-1, came with TLS 1.2: RFC 5246 section 1.2; the suites themselves say so,
    // as in RFC 5288 section 4.
    if facts.mode.aead()
        || !matches!(
            facts.hash,
            Hash::Null | Hash::Md5 | Hash::Sha1 | Hash::Gost94
        )
    {
        new
    } else if facts.export {
        // RFC 4346 appendix A.5: not to be negotiated in TLS 1.1 or later.
        old
    } else {
        new | old
    }
}

/// Where a group can be used. A group with a key share is one of TLS 1.3 (RFC 8446 section 4.2.7).
pub(crate) fn group_marks(code: u16, facts: GroupFacts) -> u8 {
    /// brainpool for TLS 1.3 (RFC 8734) and curveSM2 (RFC 8998): not for older versions.
    const ONLY_TLS13: [u16; 4] = [0x001f, 0x0020, 0x0021, 0x0029];
    let tls13 = if facts.key_share.is_some() {
        GROUP_TLS13
    } else {
        0
    };
    match facts.kind {
        GroupKind::Ec if ONLY_TLS13.contains(&code) => GROUP_TLS13,
        GroupKind::Ec => tls13 | GROUP_EC,
        GroupKind::Ffdhe => tls13 | GROUP_FF | LISTS_FF,
        GroupKind::MlKem | GroupKind::Experiment => tls13,
    }
}

/// The marks of suites that count in this version.
pub(crate) fn suites_in(version: Version) -> u8 {
    match version {
        Version::TLSV1_3 => TLS13,
        Version::TLSV1_2 => TLS12,
        version if version < Version::TLSV1_2 => OLD,
        _ => 0,
    }
}

/// Every suite with a name, and its facts.
pub(crate) fn all_suites() -> impl Iterator<Item = (u16, SuiteFacts)> {
    (0..=u16::MAX).filter_map(|code| Some((code, names::suite_facts(code)?)))
}

/// Every group with a name, and its facts.
pub(crate) fn all_groups() -> impl Iterator<Item = (u16, GroupFacts)> {
    (0..=u16::MAX).filter_map(|code| Some((code, names::group_facts(code)?)))
}
