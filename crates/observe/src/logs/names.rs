//! Versions, suites and groups, as the programs that write logs spell them.

use hello::{Version, names};

/// A version: `TLSv1.2`, `TLSv12`, `tlsv12`, `TLS 1.2`, `1.2`, `TLS1.2`, `0x0303`, `771`.
pub(crate) fn version(text: &[u8]) -> Option<Version> {
    let text = std::str::from_utf8(text).ok()?.trim();
    if let Some(exact) = Version::from_name(text) {
        return Some(exact);
    }
    if let Some(code) = number(text)
        && Version(code).is_known()
    {
        return Some(Version(code));
    }
    // Longer than any spelling.
    if text.len() > 16 {
        return None;
    }
    let letters: String = text
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|character| character.to_ascii_lowercase())
        .collect();
    let bare = letters.strip_prefix("tls").unwrap_or(&letters);
    match bare.strip_prefix('v').unwrap_or(bare) {
        "1" | "10" => Some(Version::TLSV1),
        "11" => Some(Version::TLSV1_1),
        "12" => Some(Version::TLSV1_2),
        "13" => Some(Version::TLSV1_3),
        "sslv3" | "ssl3" | "ssl30" | "sslv30" => Some(Version::SSLV3),
        "sslv2" | "ssl2" | "ssl20" | "sslv20" => Some(Version::SSLV2),
        _ => None,
    }
}

/// A cipher suite by either of its names or by its code point.
pub(crate) fn suite(text: &[u8]) -> Option<u16> {
    let text = std::str::from_utf8(text).ok()?.trim();
    names::cipher_suite_by_name(text)
        .or_else(|| number(text))
        // Go leaves the hash out of two names that it had before they were assigned.
        .or_else(|| {
            names::cipher_suite_by_name(&format!(
                "{}_SHA256",
                text.strip_suffix("POLY1305").map(|_| text)?
            ))
        })
}

/// The name that a cipher suite is known by.
pub(crate) fn suite_name(code: u16) -> Option<&'static str> {
    names::cipher_suite(code).map(|name| name.openssl.unwrap_or(name.iana))
}

/// A group by its IANA name, by that of OpenSSL, Go or Java, or by its code point.
pub(crate) fn group(text: &[u8]) -> Option<u16> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let iana = match text {
        "prime256v1" | "P-256" | "CurveP256" | "P256" | "secp256r1" => "secp256r1",
        "P-384" | "CurveP384" | "P384" | "secp384r1" => "secp384r1",
        "P-521" | "CurveP521" | "P521" | "secp521r1" => "secp521r1",
        "X25519" | "x25519" => "x25519",
        "X448" | "x448" => "x448",
        "prime192v1" | "P-192" => "secp192r1",
        other => other,
    };
    names::group_by_name(iana)
        .or_else(|| number(text))
        .or_else(|| {
            // X25519MLKEM768 is X25519mlkem768 in some.
            (text.len() <= 64).then_some(())?;
            (0x0200..=0x0202)
                .chain(0x11eb..=0x11ee)
                .chain(0x0100..=0x0104)
                .chain(0x0001..=0x0029)
                .find(|code| {
                    names::group(*code).is_some_and(|name| name.eq_ignore_ascii_case(text))
                })
        })
}

/// `0x1301`, `1301h` or 4865.
fn number(text: &str) -> Option<u16> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) if hex.bytes().all(|digit| digit.is_ascii_hexdigit()) => {
            u16::from_str_radix(hex, 16).ok()
        }
        Some(_) => None,
        None if text.bytes().all(|digit| digit.is_ascii_digit()) => text.parse().ok(),
        None => None,
    }
}

/// A whole list, GREASE left out; `None` where it is empty or one of its items cannot be read: part of a list would
/// pass for all of it.
pub(crate) fn list(text: &[u8], item: fn(&[u8]) -> Option<u16>) -> Option<Vec<u16>> {
    let divider = if memchr::memchr3(b':', b',', b'"', text).is_some() {
        |byte: &u8| matches!(byte, b':' | b',')
    } else {
        // The names of suites have dashes in them; numbers have not.
        |byte: &u8| matches!(byte, b'-')
    };
    let is_one_name = item(text).is_some();
    let parts: Vec<&[u8]> = if is_one_name {
        vec![text]
    } else {
        text.split(divider).collect()
    };
    let mut codes = Vec::with_capacity(parts.len());
    for part in parts {
        let part = part
            .trim_ascii()
            .trim_prefix_byte(b'[')
            .trim_suffix_byte(b']')
            .trim_ascii()
            .trim_prefix_byte(b'"')
            .trim_suffix_byte(b'"');
        let code = item(part)?;
        if !hello::is_grease(code) {
            codes.push(code);
        }
    }
    (!codes.is_empty()).then_some(codes)
}

/// What slices lack.
trait Trim {
    fn trim_prefix_byte(&self, byte: u8) -> &[u8];
    fn trim_suffix_byte(&self, byte: u8) -> &[u8];
}

impl Trim for [u8] {
    fn trim_prefix_byte(&self, byte: u8) -> &[u8] {
        self.strip_prefix(&[byte]).unwrap_or(self)
    }

    fn trim_suffix_byte(&self, byte: u8) -> &[u8] {
        self.strip_suffix(&[byte]).unwrap_or(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_program_spells_versions_in_its_own_way() {
        for (texts, expected) in [
            (
                ["TLSv1", "TLSv10", "TLS 1.0", "1.0", "769", "0x0301"],
                Version::TLSV1,
            ),
            (
                ["TLSv1.1", "TLSv11", "tlsv11", "TLS 1.1", "1.1", "770"],
                Version::TLSV1_1,
            ),
            (
                ["TLSv1.2", "TLSv12", "tlsv12", "TLS 1.2", "TLS1.2", "771"],
                Version::TLSV1_2,
            ),
            (
                ["TLSv1.3", "TLSv13", "tlsv13", "TLS 1.3", "1.3", "772"],
                Version::TLSV1_3,
            ),
            (
                ["SSLv3", "sslv3", "SSL 3.0", "SSL3", "768", "0x0300"],
                Version::SSLV3,
            ),
        ] {
            for text in texts {
                assert_eq!(version(text.as_bytes()), Some(expected), "{text}");
            }
        }
        for text in ["", "-", "TLS", "TLSv1.4", "HTTP/1.1", "200", "9"] {
            assert_eq!(version(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn lists_are_whole_or_nothing() {
        assert_eq!(
            list(b"ECDHE-RSA-AES128-GCM-SHA256:0x1301:AES128-SHA", suite),
            Some(vec![0xc02f, 0x1301, 0x002f])
        );
        assert_eq!(list(b"AES128-SHA", suite), Some(vec![0x002f]));
        assert_eq!(list(b"4865-47", suite), Some(vec![0x1301, 0x002f]));
        assert_eq!(
            list(b"[\"X25519\",\"P-256\"]", group),
            Some(vec![0x1d, 0x17])
        );
        assert_eq!(
            list(b"0x11ec:X25519:prime256v1", group),
            Some(vec![0x11ec, 0x1d, 0x17])
        );
        assert_eq!(
            list(b"0x0a0a:X25519", group),
            Some(vec![0x1d]),
            "GREASE is no group"
        );
        assert_eq!(list(b"X25519:never-heard-of", group), None);
        assert_eq!(list(b"", group), None);
    }
}
