//! From a packet to what TCP says in it, through link and network layers.
//!
//! Written by hand, with the least work a packet can cost: most packets of a capture are looked at for their ports and
//! their payload's first bytes, and forgotten.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::Order;

/// Link types (<https://www.tcpdump.org/linktypes.html>).
mod kind {
    pub(super) const NULL: u16 = 0;
    pub(super) const ETHERNET: u16 = 1;
    pub(super) const PPP: u16 = 9;
    /// What raw IP is on BSD and on OpenBSD.
    pub(super) const RAW_BSD: u16 = 12;
    pub(super) const RAW_OPENBSD: u16 = 14;
    pub(super) const PPP_HDLC: u16 = 50;
    pub(super) const RAW: u16 = 101;
    pub(super) const C_HDLC: u16 = 104;
    pub(super) const LOOP: u16 = 108;
    pub(super) const LINUX_SLL: u16 = 113;
    pub(super) const IPV4: u16 = 228;
    pub(super) const IPV6: u16 = 229;
    pub(super) const LINUX_SLL2: u16 = 276;
}

/// EtherTypes (IEEE 802 numbers).
mod ether {
    pub(super) const IPV4: u16 = 0x0800;
    pub(super) const IPV6: u16 = 0x86dd;
    pub(super) const VLAN: u16 = 0x8100;
    pub(super) const QINQ: u16 = 0x88a8;
    pub(super) const QINQ_OLD: u16 = 0x9100;
    pub(super) const MPLS: u16 = 0x8847;
    pub(super) const PPPOE: u16 = 0x8864;
}

/// Protocol numbers (IANA).
mod protocol {
    pub(super) const HOP_BY_HOP: u8 = 0;
    pub(super) const IPV4: u8 = 4;
    pub(super) const TCP: u8 = 6;
    pub(super) const UDP: u8 = 17;
    pub(super) const IPV6: u8 = 41;
    pub(super) const ROUTING: u8 = 43;
    pub(super) const FRAGMENT: u8 = 44;
    pub(super) const AUTHENTICATION: u8 = 51;
    pub(super) const DESTINATION: u8 = 60;
}

/// Tags, labels, extension headers and tunnels in one packet. A packet with more is made to cost time.
const MOST_LAYERS: usize = 16;

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct End {
    /// IPv4 addresses are mapped (RFC 4291 section 2.5.5.2).
    address: u128,
    port: u16,
}

impl End {
    pub(super) fn socket(self) -> SocketAddr {
        let address = Ipv6Addr::from_bits(self.address);
        let address = address
            .to_ipv4_mapped()
            .map_or(IpAddr::V6(address), IpAddr::V4);
        SocketAddr::new(address, self.port)
    }

    /// What of it goes into a hash.
    pub(super) const fn parts(self) -> (u128, u16) {
        (self.address, self.port)
    }
}

/// A TCP segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment<'a> {
    pub(super) from: End,
    pub(super) to: End,
    pub(super) sequence: u32,
    flags: u8,
    /// What was kept of its payload.
    pub(super) payload: &'a [u8],
    /// How many bytes of its payload were not kept.
    pub(super) missing: u32,
}

impl Segment<'_> {
    pub(super) const fn fin(&self) -> bool {
        self.flags & 1 != 0
    }

    pub(super) const fn syn(&self) -> bool {
        self.flags & 2 != 0
    }

    pub(super) const fn rst(&self) -> bool {
        self.flags & 4 != 0
    }

    pub(super) const fn ack(&self) -> bool {
        self.flags & 16 != 0
    }
}

/// What a packet holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Content<'a> {
    Tcp(Segment<'a>),
    /// A piece of an IP packet.
    Fragment,
    /// Begins as QUIC does when it opens a connection (RFC 9000 section 17.2.2).
    Quic,
    /// Something that TLS over TCP is never in.
    Other,
    /// A link layer that is not read.
    UnknownLink,
    /// It ends before its headers do.
    Cut,
}

/// What is in this packet, of which `length` bytes were on the wire.
#[inline]
pub(super) fn content(link: u16, bytes: &[u8], length: usize) -> Content<'_> {
    let at = |skip: usize| bytes.get(skip..).unwrap_or_default();
    let (kind, rest) = match link {
        kind::ETHERNET => (word(bytes, 12), at(14)),
        kind::LINUX_SLL => (word(bytes, 14), at(16)),
        kind::LINUX_SLL2 => (word(bytes, 0), at(20)),
        kind::NULL | kind::LOOP => (by_version(at(4)), at(4)),
        kind::RAW | kind::RAW_BSD | kind::RAW_OPENBSD | kind::IPV4 | kind::IPV6 => {
            (by_version(bytes), bytes)
        }
        kind::PPP | kind::PPP_HDLC if bytes.starts_with(&[0xff, 3]) => (ppp(at(2)), at(4)),
        kind::PPP | kind::PPP_HDLC => (ppp(bytes), at(2)),
        kind::C_HDLC => (word(bytes, 2), at(4)),
        _ => return Content::UnknownLink,
    };
    let length = length.saturating_sub(bytes.len() - rest.len());
    match kind {
        Some(ether::IPV4) => ipv4(rest, length, 0),
        Some(ether::IPV6) => ipv6(rest, length, 0),
        Some(kind) => tagged(kind, rest, length),
        None => Content::Cut,
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Order::Big.u16(bytes, at)
}

fn by_version(bytes: &[u8]) -> Option<u16> {
    match bytes.first()? >> 4 {
        4 => Some(ether::IPV4),
        6 => Some(ether::IPV6),
        _ => Some(0),
    }
}

fn ppp(bytes: &[u8]) -> Option<u16> {
    match word(bytes, 0)? {
        0x0021 => Some(ether::IPV4),
        0x0057 => Some(ether::IPV6),
        _ => Some(0),
    }
}

/// Passes over VLAN tags, MPLS labels and PPPoE.
fn tagged(mut kind: u16, mut bytes: &[u8], mut length: usize) -> Content<'_> {
    for _ in 0..MOST_LAYERS {
        let (inside, skip) = match kind {
            ether::IPV4 => return ipv4(bytes, length, 0),
            ether::IPV6 => return ipv6(bytes, length, 0),
            ether::VLAN | ether::QINQ | ether::QINQ_OLD => (word(bytes, 2), 4),
            // The bottom of the stack has its bit set, and then the packet speaks for itself.
            ether::MPLS if bytes.get(2).is_some_and(|byte| byte & 1 == 0) => (Some(kind), 4),
            ether::MPLS => (by_version(bytes.get(4..).unwrap_or_default()), 4),
            ether::PPPOE => (ppp(bytes.get(6..).unwrap_or_default()), 8),
            _ => return Content::Other,
        };
        let (Some(inside), Some(rest)) = (inside, bytes.get(skip..)) else {
            return Content::Cut;
        };
        (kind, bytes, length) = (inside, rest, length.saturating_sub(skip));
    }
    Content::Other
}

/// RFC 791 section 3.1.
#[inline]
fn ipv4(bytes: &[u8], length: usize, layers: usize) -> Content<'_> {
    let Some(head) = bytes.first_chunk::<20>() else {
        return Content::Cut;
    };
    let [
        first,
        _,
        total_a,
        total_b,
        _,
        _,
        fragment_a,
        fragment_b,
        _,
        number,
        ..,
    ] = *head;
    let header = usize::from(first & 15) * 4;
    if first >> 4 != 4 || header < 20 {
        return Content::Other;
    }
    // More fragments, or an offset.
    if u16::from_be_bytes([fragment_a, fragment_b]) & 0x3fff != 0 {
        return Content::Fragment;
    }
    let total = match u16::from_be_bytes([total_a, total_b]) {
        // The sending host has left it to its network card.
        0 => length,
        total => usize::from(total),
    };
    let [
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        source @ ..,
        d0,
        d1,
        d2,
        d3,
    ] = *head;
    let mapped = |bytes| Ipv4Addr::from_octets(bytes).to_ipv6_mapped().to_bits();
    let Some(rest) = bytes.get(header..) else {
        return Content::Cut;
    };
    let length = total.saturating_sub(header);
    let addresses = (mapped(source), mapped([d0, d1, d2, d3]));
    transport(number, addresses, rest, length, layers)
}

/// RFC 8200 section 3.
fn ipv6(bytes: &[u8], length: usize, layers: usize) -> Content<'_> {
    let (Some(head), Some(mut rest)) = (bytes.first_chunk::<40>(), bytes.get(40..)) else {
        return Content::Cut;
    };
    let [
        first,
        _,
        _,
        _,
        length_a,
        length_b,
        mut number,
        _,
        addresses @ ..,
    ] = *head;
    if first >> 4 != 6 {
        return Content::Other;
    }
    let mut length = match u16::from_be_bytes([length_a, length_b]) {
        // A jumbogram, or left to the network card.
        0 => length.saturating_sub(40),
        length => usize::from(length),
    };
    let half = |part: Option<&[u8; 16]>| part.map_or(0, |part| u128::from_be_bytes(*part));
    let addresses = (half(addresses.first_chunk()), half(addresses.last_chunk()));
    for _ in 0..MOST_LAYERS {
        let size = match number {
            protocol::HOP_BY_HOP | protocol::ROUTING | protocol::DESTINATION => {
                rest.get(1).map(|size| (usize::from(*size) + 1) * 8)
            }
            protocol::AUTHENTICATION => rest.get(1).map(|size| (usize::from(*size) + 2) * 4),
            protocol::FRAGMENT => {
                if word(rest, 2).is_some_and(|offset| offset & 0xfff9 != 0) {
                    return Content::Fragment;
                }
                Some(8)
            }
            _ => return transport(number, addresses, rest, length, layers),
        };
        let (Some(size), Some(&next)) = (size, rest.first()) else {
            return Content::Cut;
        };
        let Some(behind) = rest.get(size..) else {
            return Content::Cut;
        };
        (number, rest, length) = (next, behind, length.saturating_sub(size));
    }
    Content::Other
}

#[inline]
fn transport(
    number: u8,
    (source, destination): (u128, u128),
    bytes: &[u8],
    length: usize,
    layers: usize,
) -> Content<'_> {
    match number {
        protocol::TCP => tcp(source, destination, bytes, length),
        protocol::UDP => udp(bytes),
        protocol::IPV4 if layers < MOST_LAYERS => ipv4(bytes, length, layers + 1),
        protocol::IPV6 if layers < MOST_LAYERS => ipv6(bytes, length, layers + 1),
        _ => Content::Other,
    }
}

/// RFC 9293 section 3.1. `length` is of header and payload.
#[inline]
fn tcp(source: u128, destination: u128, bytes: &[u8], length: usize) -> Content<'_> {
    let Some(
        &[
            p0,
            p1,
            q0,
            q1,
            s0,
            s1,
            s2,
            s3,
            _,
            _,
            _,
            _,
            offset,
            flags,
            ..,
        ],
    ) = bytes.first_chunk::<20>()
    else {
        return Content::Cut;
    };
    let header = usize::from(offset >> 4) * 4;
    if header < 20 || header > length {
        return Content::Other;
    }
    // Ethernet pads short frames: what is behind the length is not payload.
    let end = length.min(bytes.len());
    let payload = bytes.get(header..end).unwrap_or_default();
    let whole = length - header;
    Content::Tcp(Segment {
        from: End {
            address: source,
            port: u16::from_be_bytes([p0, p1]),
        },
        to: End {
            address: destination,
            port: u16::from_be_bytes([q0, q1]),
        },
        sequence: u32::from_be_bytes([s0, s1, s2, s3]),
        flags,
        payload,
        missing: u32::try_from(whole - payload.len()).unwrap_or(u32::MAX),
    })
}

/// An Initial packet of QUIC version 1 or 2 (RFC 9000 section 17.2, RFC 9369 section 3.2).
fn udp(bytes: &[u8]) -> Content<'_> {
    match bytes.get(8..13) {
        Some(&[first, 0, 0, 0, 1]) if first & 0xf0 == 0xc0 => Content::Quic,
        Some(&[first, 0x6b, 0x33, 0x43, 0xcf]) if first & 0xf0 == 0xd0 => Content::Quic,
        _ => Content::Other,
    }
}
