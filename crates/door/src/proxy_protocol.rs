//! The PROXY protocol, versions 1 and 2, as it comes in: whom a connection is for, said before its first byte by
//! whoever is in front.
//!
//! Specification: <https://www.haproxy.org/download/2.8/doc/proxy-protocol.txt>.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use accounts::kept;
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
    let (most, is_whole) = if begins(LINE) {
        (LONGEST_LINE, bytes.contains(&b'\n'))
    } else if begins(SIGNATURE) {
        match bytes.get(HEAD - 2..HEAD) {
            Some(&[high, low]) => {
                let length = HEAD + usize::from(u16::from_be_bytes([high, low]));
                if length > LONGEST {
                    return Said::Nothing;
                }
                (LONGEST, bytes.len() >= length)
            }
            _ => (LONGEST, false),
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
