//! JA3 and JA4, from an offer alone.
//!
//! JA3: <https://github.com/salesforce/ja3>. JA4: <https://github.com/FoxIO-LLC/ja4>, of which this is the TLS
//! client fingerprint only.

use md5::Md5;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

use crate::client_hello::extension;
use crate::{Offer, Version};

/// The text that JA3 hashes: version, suites, extensions, groups and point formats in decimal.
pub fn ja3_text(offer: &Offer) -> String {
    let mut text = offer.legacy_version().0.to_string();
    text.push(',');
    push_joined(&mut text, offer.suites());
    text.push(',');
    push_joined(&mut text, offer.extensions());
    text.push(',');
    push_joined(&mut text, offer.groups());
    text.push(',');
    push_joined(
        &mut text,
        offer.point_formats().iter().copied().map(u16::from),
    );
    text
}

fn push_joined(text: &mut String, codes: impl Iterator<Item = u16>) {
    for (index, code) in codes.enumerate() {
        let separator = if index == 0 { "" } else { "-" };
        push(text, format_args!("{separator}{code}"));
    }
}

fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    text.write_fmt(arguments).unwrap_or_default();
}

/// JA3: the MD5 of [`ja3_text`], in hexadecimal.
pub fn ja3(offer: &Offer) -> String {
    hex(&Md5::digest(ja3_text(offer)))
}

/// JA4 with its lists spelled out, which JA4's authors call JA4_r.
pub fn ja4_raw(offer: &Offer) -> String {
    let (suites, rest) = ja4_lists(offer);
    format!("{}_{suites}_{rest}", ja4_summary(offer))
}

/// JA4. Of an SSLv2-compatible hello it shows the TLS suites alone: there is no word on cipher kinds in it.
pub fn ja4(offer: &Offer) -> String {
    let (suites, rest) = ja4_lists(offer);
    format!(
        "{}_{}_{}",
        ja4_summary(offer),
        ja4_hash(&suites),
        ja4_hash(&rest)
    )
}

/// Protocol, version, server_name, counts and ALPN.
fn ja4_summary(offer: &Offer) -> String {
    let version = match offer
        .supported_versions()
        .max()
        .unwrap_or(offer.legacy_version())
    {
        Version::SSLV2 => "s2",
        Version::SSLV3 => "s3",
        Version::TLSV1 => "10",
        Version::TLSV1_1 => "11",
        Version::TLSV1_2 => "12",
        Version::TLSV1_3 => "13",
        _ => "00",
    };
    let name = if offer
        .extensions()
        .any(|code| code == extension::SERVER_NAME)
    {
        'd'
    } else {
        'i'
    };
    let [first, last] = ja4_alpn(offer.alpn().next().unwrap_or_default());
    format!(
        "t{version}{name}{:02}{:02}{first}{last}",
        offer.suites().len().min(99),
        offer.extensions().len().min(99)
    )
}

/// The first and the last character of the first ALPN name, or of its hexadecimal digits when one of the two
/// is not alphanumeric.
fn ja4_alpn(name: &[u8]) -> [char; 2] {
    let (Some(&first), Some(&last)) = (name.first(), name.last()) else {
        return ['0', '0'];
    };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        return [first, last].map(char::from);
    }
    [digit(first >> 4), digit(last & 0xf)]
}

/// Suites sorted; extensions sorted but for server_name and ALPN, with the signature schemes as sent.
fn ja4_lists(offer: &Offer) -> (String, String) {
    let mut suites: Vec<u16> = offer.suites().collect();
    suites.sort_unstable();
    let mut extensions: Vec<u16> = offer.extension_set().collect();
    extensions.retain(|code| ![extension::SERVER_NAME, extension::ALPN].contains(code));
    let mut rest = hex_list(extensions.into_iter());
    // Clients older than TLS 1.2 send no schemes; then there is no separator either.
    if offer.signature_algorithms().len() > 0 {
        rest.push('_');
        rest.push_str(&hex_list(offer.signature_algorithms()));
    }
    (hex_list(suites.into_iter()), rest)
}

fn hex_list(codes: impl ExactSizeIterator<Item = u16>) -> String {
    let mut text = String::with_capacity(5 * codes.len());
    for code in codes {
        if !text.is_empty() {
            text.push(',');
        }
        push_hex(&mut text, &code.to_be_bytes());
    }
    text
}

/// The first twelve digits of the SHA-256; zeros for an empty list.
fn ja4_hash(list: &str) -> String {
    if list.is_empty() {
        return "0".repeat(12);
    }
    hex(Sha256::digest(list)
        .first_chunk::<6>()
        .map_or(&[], |start| start))
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    push_hex(&mut text, bytes);
    text
}

/// Every connection is fingerprinted, and `format!` takes several times as long.
fn push_hex(text: &mut String, bytes: &[u8]) {
    text.extend(
        bytes
            .iter()
            .flat_map(|byte| [byte >> 4, byte & 0xf])
            .map(digit),
    );
}

fn digit(nibble: u8) -> char {
    char::from_digit(nibble.into(), 16).unwrap_or_default()
}
