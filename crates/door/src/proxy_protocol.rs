//! The PROXY protocol, versions 1 and 2, as it comes in: whom a connection is for, said before its first byte by
//! whoever is in front.
//!
//! Specification: <https://www.haproxy.org/download/2.8/doc/proxy-protocol.txt>.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use accounts::kept;
use crc32c::{crc32c, crc32c_append};
use floor::Cidr;
use proxy_header::{Error, ParseConfig, ProxyHeader};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::{Bounds, Opening, Permit, Record, Rules};

/// The longest header of version 1 (specification section 2.1).
const LONGEST_LINE: usize = 107;
/// The longest header of version 2 that is read. It could be up to 64 KiB, and nobody has that much to say of a
/// connection.
const LONGEST: usize = 4096;

const LINE: &[u8] = b"PROXY ";
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family, length (specification section 2.2).
const HEAD: usize = 16;

/// Who says at the start of a connection whom it is for: ranges of addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Introducers(Vec<Range>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range(Cidr);

impl<'de> Deserialize<'de> for Range {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse()
            .map(Self)
            .map_err(|error| D::Error::custom(format!("{error}; write it like \"10.0.0.0/8\"")))
    }
}

impl Introducers {
    /// Whether a connection from here begins with a header.
    pub fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|range| range.0.contains(address))
    }
}

/// The ends of a connection as whoever is in front saw them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// The client.
    pub from: SocketAddr,
    /// Where it connected to.
    pub to: SocketAddr,
}

/// What stands at the start of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// Not all of it.
    NeedMore,
    /// A header of so many bytes; whom it is for, if it is not whoever sent it (a check of its own, say).
    For(Option<Ends>, usize),
    /// No header, or one that cannot be read.
    Nothing,
}

/// Reads a header. It is settled within the longest one.
pub fn read(bytes: &[u8]) -> Said {
    let begins = |with: &[u8]| bytes.iter().zip(with).all(|(byte, wanted)| byte == wanted);
    let (most, is_whole, bytes) = if begins(LINE) {
        // With the first end of a line it ends, however much of what follows is there already.
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let line = end.and_then(|end| bytes.get(..=end));
        (LONGEST_LINE, line.is_some(), line.unwrap_or(bytes))
    } else if begins(SIGNATURE) {
        match bytes.get(HEAD - 2..HEAD) {
            Some(&[high, low]) => {
                let length = HEAD + usize::from(u16::from_be_bytes([high, low]));
                if length > LONGEST {
                    return Said::Nothing;
                }
                (LONGEST, bytes.len() >= length, bytes)
            }
            _ => (LONGEST, false, bytes),
        }
    } else {
        return Said::Nothing;
    };
    let config = ParseConfig {
        include_tlvs: false,
        ..ParseConfig::default()
    };
    match ProxyHeader::parse(bytes, config) {
        Ok((header, length)) if length <= most => {
            let is_version_2 = bytes.starts_with(SIGNATURE);
            if is_version_2 && !bytes.get(..length).is_some_and(is_intact) {
                return Said::Nothing;
            }
            let ends = header.proxied_address().map(|address| Ends {
                from: address.source,
                to: address.destination,
            });
            Said::For(ends, length)
        }
        Err(Error::BufferTooShort) if !is_whole && bytes.len() < most => Said::NeedMore,
        _ => Said::Nothing,
    }
}

/// `PP2_TYPE_CRC32C`.
const CHECKSUM: u8 = 0x03;

/// Whether what stands behind the addresses of a header of version 2 is fields to its end, and its checksum right, where it
/// has one: with a wrong one the connection has to be turned away (specification section 2.2.5). What comes with a check of
/// the sender's own is to be passed over.
fn is_intact(header: &[u8]) -> bool {
    const PROXY: u8 = 0x21;
    let (Some(&PROXY), Some(family)) = (header.get(HEAD - 4), header.get(HEAD - 3)) else {
        return true;
    };
    let mut place = HEAD
        + match family >> 4 {
            1 => 12,
            2 => 36,
            3 => 216,
            _ => 0,
        };
    while place < header.len() {
        let Some((&[kind, high, low], rest)) =
            header.get(place..).and_then(<[u8]>::split_first_chunk::<3>)
        else {
            return false;
        };
        place += 3;
        let length = usize::from(u16::from_be_bytes([high, low]));
        let Some((value, after)) = rest.split_at_checked(length) else {
            return false;
        };
        if kind == CHECKSUM && !sums_up(header.get(..place).unwrap_or_default(), value, after) {
            return false;
        }
        place += length;
    }
    place == header.len()
}

/// Whether a checksum is that of the whole header, with zeros in its own place.
fn sums_up(before: &[u8], said: &[u8], after: &[u8]) -> bool {
    let sum = crc32c_append(crc32c_append(crc32c(before), &[0; 4]), after);
    said == sum.to_be_bytes()
}

/// What becomes of a connection that begins with a header.
pub enum Introduced {
    /// Not all of the header has come.
    NeedMore,
    /// The header has been taken out of the bytes. The connection is for these ends, with a place of its own; `None`:
    /// for whoever sent it.
    Is(Option<(Ends, Permit)>),
    /// It is turned away.
    No(Opening),
}

/// Takes the header from the start of what has come, and has the connection seen and counted as its client's.
pub fn introduce(
    bytes: &mut Vec<u8>,
    rules: &Rules,
    bounds: &Arc<Bounds>,
    record: &mut Record,
) -> Introduced {
    let (ends, length) = match read(bytes) {
        Said::NeedMore => return Introduced::NeedMore,
        Said::Nothing => return Introduced::No(Opening::Unintroduced),
        Said::For(ends, length) => (ends, length),
    };
    bytes.drain(..length);
    let Some(ends) = ends else {
        return Introduced::Is(None);
    };
    let client = ends.from.ip();
    record.note(|sighting| sighting.address = kept(client, rules.addresses));
    // It has a place among all already, and that one is given back only when this one is there.
    let permit = bounds.admit(client, usize::MAX, rules.limits.connections_per_address);
    match permit {
        Some(permit) => Introduced::Is(Some((ends, permit))),
        None => Introduced::No(Opening::TooMany),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A header of version 2 for TCP over IPv4 that says it has so many bytes (specification section 2.2).
    fn version_2(length: u16) -> Vec<u8> {
        let mut bytes = [SIGNATURE, &[0x21, 0x11]].concat();
        bytes.extend(length.to_be_bytes());
        bytes.extend([192, 0, 2, 7, 192, 0, 2, 1, 0x13, 0x88, 0x01, 0xbb]);
        bytes.resize(HEAD + usize::from(length).max(12), 0);
        bytes
    }

    fn ends() -> Ends {
        Ends {
            from: "192.0.2.7:5000".parse().unwrap(),
            to: "192.0.2.1:443".parse().unwrap(),
        }
    }

    #[test]
    fn both_versions_say_whom_it_is_for_however_they_come() {
        let line = b"PROXY TCP4 192.0.2.7 192.0.2.1 5000 443\r\n".to_vec();
        for header in [line, version_2(12), version_2(4080)] {
            for end in 0..header.len() {
                assert_eq!(read(&header[..end]), Said::NeedMore, "{end}");
            }
            let both = [&header, &b"\x16\x03\x01"[..]].concat();
            assert_eq!(read(&both), Said::For(Some(ends()), header.len()));
        }
    }

    #[test]
    fn a_check_is_for_nobody() {
        assert_eq!(read(b"PROXY UNKNOWN\r\n"), Said::For(None, 15));
        // LOCAL, with and without addresses, which are to be ignored.
        for (mut header, family) in [(version_2(12), 0x11), (version_2(12), 0x00)] {
            (header[12], header[13]) = (0x20, family);
            assert_eq!(read(&header), Said::For(None, 28));
        }
    }

    /// The example's sum was worked out apart from this, bit by bit from the polynomial of RFC 4960 appendix B; HAProxy's are
    /// in the tests of the gate.
    const EXAMPLE: [u8; 4] = [0x88, 0xca, 0x67, 0x7f];

    #[test]
    fn a_checksum_has_to_be_right_wherever_it_stands() {
        let mut header = version_2(12 + 5 + 7 + 3);
        assert_eq!(header.len(), 43);
        header[HEAD + 12..].copy_from_slice(&[
            0xea, 0, 2, 7, 7, // A field that is nobody's business.
            3, 0, 4, 0, 0, 0, 0, // The checksum.
            4, 0, 0, // Padding.
        ]);
        let place = HEAD + 12 + 5 + 3;
        header[place..place + 4].copy_from_slice(&EXAMPLE);
        assert_eq!(read(&header), Said::For(Some(ends()), header.len()));
        for broken in 0..header.len() {
            let mut other = header.clone();
            other[broken] ^= 0x10;
            let said = read(&other);
            // What is broken may be how long it is.
            let is_refused = matches!(said, Said::Nothing | Said::NeedMore);
            // What is no checksum any more is passed over.
            let is_other_kind = broken == place - 3;
            assert!(is_refused || is_other_kind, "{broken}: {said:?}");
        }
        // Of another length than it has; and fields that do not end where the header does.
        for fields in [&[3, 0, 2, 0, 0][..], &[4, 0, 2, 0], &[4, 0]] {
            let mut short = version_2(12 + fields.len() as u16);
            short[HEAD + 12..].copy_from_slice(fields);
            assert_eq!(read(&short), Said::Nothing, "{fields:?}");
        }
    }

    #[test]
    fn what_is_no_header_or_too_long_is_settled_at_once() {
        let mut long = b"PROXY UNKNOWN ".to_vec();
        long.resize(LONGEST_LINE, b'x');
        assert_eq!(read(&long), Said::Nothing);
        for nothing in [
            &[0x16, 3, 1][..],
            b"PROXY TCP4 nonsense\r\n",
            b"PROXY TCP4 192.0.2.7 192.0.2.1 5000 443\n",
            b"PROXY UDP4 192.0.2.7 192.0.2.1 5000 443\r\n",
            b"PROXYTCP",
            // Its head alone says that it is too long; and one too short for its addresses.
            &version_2(4081)[..HEAD],
            &version_2(11),
            // Version 3.
            b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x0c............",
        ] {
            assert_eq!(read(nothing), Said::Nothing, "{nothing:?}");
        }
        assert_eq!(read(b""), Said::NeedMore);
    }

    /// Found by fuzzing: in pieces it was turned away, and at once it was let in.
    #[test]
    fn an_end_of_a_line_ends_it_however_it_comes() {
        let header = b"PROXY UNKNOWNIT\n!\r\n";
        for end in 16..=header.len() {
            assert_eq!(read(&header[..end]), Said::Nothing, "{end}");
        }
    }

    #[test]
    fn introducers_are_ranges() {
        let parse = |text: &str| {
            toml::from_str::<std::collections::BTreeMap<String, Introducers>>(text)
                .map(|mut table| table.remove("from").unwrap())
        };
        let some = parse("from = [\"10.0.0.0/8\", \"2001:db8::1\"]").unwrap();
        for (address, is_one) in [
            ("10.9.8.7", true),
            ("::ffff:10.9.8.7", true),
            ("11.0.0.1", false),
            ("2001:db8::1", true),
            ("2001:db8::2", false),
        ] {
            assert_eq!(some.contain(address.parse().unwrap()), is_one, "{address}");
        }
        let said = parse("from = [\"lb.internal\"]").unwrap_err().to_string();
        assert!(said.contains("write it like \"10.0.0.0/8\""), "{said}");
    }

    proptest! {
        /// Whatever comes, it is settled within a bound, and never takes more than there is.
        #[test]
        fn nothing_makes_it_panic_or_wait_for_ever(
            start in prop::sample::select(vec![SIGNATURE, b"\r\n\r\n\0\r\nQUIT\n\x21\x11", b"PROXY TCP4 ", b"PROXY ", b""]),
            rest in prop::collection::vec(any::<u8>(), 0..LONGEST),
        ) {
            let bytes = [start, &rest].concat();
            match read(&bytes) {
                Said::For(_, length) => prop_assert!(length <= bytes.len()),
                Said::NeedMore => prop_assert!(bytes.len() < LONGEST),
                Said::Nothing => {}
            }
        }
    }
}
