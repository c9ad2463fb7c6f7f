//! What a client certificate says of its holder.

use std::fmt::Write;
use std::sync::Arc;

use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

use crate::names::plain;

/// The longest subject that is passed on; no header should be longer, and no real subject is.
const LONGEST: usize = 4096;

/// A client certificate that was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// Its subject as RFC 4514 writes it, in ASCII: what is beyond is escaped as that RFC allows.
    pub subject: String,
    /// The account: the common name, or the whole subject where there is none or there are several.
    pub account: Arc<str>,
}

impl ClientCertificate {
    /// Reads the leaf. `None` for a certificate without a subject, which names nobody.
    pub fn read(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        Self::of(certificate.subject())
    }

    fn of(name: &X509Name<'_>) -> Option<Self> {
        let subject = rfc4514(name);
        if subject.is_empty() || subject.len() > LONGEST {
            return None;
        }
        let mut names = name.iter_common_name();
        let common_name = names
            .next()
            .filter(|_| names.next().is_none())
            .and_then(|common_name| common_name.as_str().ok())
            .filter(|common_name| !common_name.is_empty());
        Some(Self {
            account: plain(common_name.unwrap_or(&subject), None),
            subject,
        })
    }
}

/// The common name in a subject that somebody else wrote as a string, by RFC 4514 (`CN=kiosk,O=Acme`) or as OpenSSL
/// once did (`/O=Acme/CN=kiosk`); the whole subject where it has none or several. A name with an escaped separator in it
/// is left whole too.
pub(crate) fn common_name(subject: &str) -> &str {
    let separator = if subject.starts_with('/') { '/' } else { ',' };
    let mut names = subject.split(separator).filter_map(|part| {
        let (kind, name) = part.trim().split_once('=')?;
        kind.eq_ignore_ascii_case("CN").then_some(name)
    });
    match (names.next(), names.next()) {
        (Some(name), None) if !name.is_empty() && !subject.contains('\\') => name,
        _ => subject,
    }
}

/// A name as a string (RFC 4514 section 2): the last part first, `+` within a part.
fn rfc4514(name: &X509Name<'_>) -> String {
    let parts: Vec<String> = name
        .iter_rdn()
        .map(|part| {
            let attributes: Vec<String> = part.iter().map(attribute).collect();
            attributes.join("+")
        })
        .collect();
    parts.into_iter().rev().collect::<Vec<_>>().join(",")
}

fn attribute(attribute: &AttributeTypeAndValue<'_>) -> String {
    let oid = attribute.attr_type().to_id_string();
    // The short names of RFC 4514 section 3, and the one for e-mail that everybody uses.
    let name = match oid.as_str() {
        "2.5.4.3" => "CN",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "2.5.4.6" => "C",
        "2.5.4.9" => "STREET",
        "0.9.2342.19200300.100.1.25" => "DC",
        "0.9.2342.19200300.100.1.1" => "UID",
        "1.2.840.113549.1.9.1" => "emailAddress",
        other => other,
    };
    match attribute.as_str() {
        Ok(value) => format!("{name}={}", escaped(value)),
        // A type of string that is not known: its bytes (section 2.4).
        Err(_) => {
            let mut text = format!("{name}=#");
            for byte in attribute.as_slice() {
                // Writing to a String does not fail.
                write!(text, "{byte:02x}").ok();
            }
            text
        }
    }
}

fn escaped(value: &str) -> String {
    let mut text = String::new();
    let last = value.chars().count().saturating_sub(1);
    for (at, letter) in value.chars().enumerate() {
        match letter {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => text.extend(['\\', letter]),
            '#' if at == 0 => text.push_str("\\#"),
            ' ' if at == 0 || at == last => text.push_str("\\ "),
            ' '..='~' => text.push(letter),
            _ => {
                for byte in letter.encode_utf8(&mut [0; 4]).bytes() {
                    // Writing to a String does not fail.
                    write!(text, "\\{byte:02X}").ok();
                }
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

    fn of(parts: &[(DnType, &str)]) -> Option<ClientCertificate> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        for (kind, value) in parts {
            params.distinguished_name.push(kind.clone(), *value);
        }
        let key = KeyPair::generate().unwrap();
        ClientCertificate::read(params.self_signed(&key).unwrap().der())
    }

    #[test]
    fn the_common_name_is_the_account_and_the_subject_cannot_be_misread() {
        let acme = of(&[
            (DnType::CountryName, "US"),
            (DnType::OrganizationName, "Acme, Inc"),
            (DnType::CommonName, "kiosk 7"),
        ])
        .unwrap();
        assert_eq!(acme.subject, "CN=kiosk 7,O=Acme\\, Inc,C=US");
        assert_eq!(&*acme.account, "kiosk 7");
        let forged = of(&[(DnType::CommonName, "a,CN=globex\r\nx: y")]).unwrap();
        assert_eq!(forged.subject, "CN=a\\,CN=globex\\0D\\0Ax: y");
        assert_eq!(&*forged.account, "a,CN=globexx: y");
        let far = of(&[(DnType::CommonName, " #é ")]).unwrap();
        assert_eq!(far.subject, "CN=\\ #\\C3\\A9\\ ");
    }

    #[test]
    fn without_a_common_name_the_whole_subject_is_the_account() {
        let acme = of(&[(DnType::OrganizationName, "Acme")]).unwrap();
        assert_eq!(&*acme.account, "O=Acme");
        assert_eq!(of(&[]), None);
    }
}
