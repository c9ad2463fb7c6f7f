//! Packets that came together.

use crate::capture::Packet;

/// Bytes that make a block full.
pub(super) const FULL: usize = 256 * 1024;

/// The header that stands before each packet: Linux cooked capture, version 2
/// (<https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL2.html>).
pub(super) const HEADER: usize = 20;
const LINKTYPE_LINUX_SLL2: u16 = 276;

/// Packets that came together, in the order in which they came.
#[derive(Debug, Default)]
pub struct Block {
    bytes: Vec<u8>,
    packets: Vec<Place>,
}

/// Where a packet lies.
#[derive(Clone, Copy, Debug)]
struct Place {
    end: usize,
    /// Bytes on the wire, with the header.
    length: usize,
    at: i64,
}

impl Block {
    /// The packets.
    pub fn packets(&self) -> impl Iterator<Item = Packet<'_>> {
        let mut start = 0;
        self.packets.iter().map(move |place| {
            let bytes = self.bytes.get(start..place.end).unwrap_or_default();
            start = place.end;
            Packet {
                link: LINKTYPE_LINUX_SLL2,
                at: place.at,
                bytes,
                length: place.length,
            }
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() >= FULL
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.packets.clear();
        // A burst of the longest packets is no reason to keep their room for ever.
        self.bytes.shrink_to(2 * FULL);
    }

    /// Adds a packet from its network layer on, of this EtherType, of which `length` bytes were on the wire.
    pub(super) fn push(&mut self, protocol: [u8; 2], payload: &[u8], length: usize, at: i64) {
        let tags = tags(protocol, payload, length);
        let (payload, length) = (payload.get(tags..).unwrap_or_default(), length - tags);
        let mut header = [0; HEADER];
        if let Some(first) = header.first_chunk_mut() {
            *first = protocol;
        }
        self.bytes.extend_from_slice(&header);
        self.bytes.extend_from_slice(payload);
        self.packets.push(Place {
            end: self.bytes.len(),
            length: length + HEADER,
            at,
        });
    }
}

/// Bytes of VLAN tags before the network layer, of which the EtherType says nothing: since Linux 6.10 it is that of what is
/// behind them.
fn tags(protocol: [u8; 2], payload: &[u8], length: usize) -> usize {
    let is_behind = |tags: usize| {
        let named = tags
            .checked_sub(2)
            .and_then(|at| payload.get(at..tags))
            .is_some_and(|inside| inside == protocol);
        let whole = length.saturating_sub(tags);
        named
            && match payload.get(tags..).unwrap_or_default() {
                [first @ 0x45..=0x4f, _, a, b, ..] if protocol == [0x08, 0x00] => {
                    let header = usize::from(first & 15) * 4;
                    (header..=whole).contains(&usize::from(u16::from_be_bytes([*a, *b])))
                }
                [0x60..=0x6f, _, _, _, a, b, ..] if protocol == [0x86, 0xdd] => {
                    40 + usize::from(u16::from_be_bytes([*a, *b])) <= whole
                }
                _ => false,
            }
    };
    [4, 8]
        .into_iter()
        .find(|tags| is_behind(*tags))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_passed_over_and_packets_are_not_taken_for_tags() {
        let mut v4 = vec![0x45, 0, 0, 60, 0, 0, 0x40, 0, 64, 6];
        v4.resize(60, 1);
        let mut v6 = vec![0x60, 0, 0, 0, 0, 20, 6, 64];
        v6.resize(60, 1);
        for (protocol, packet) in [([0x08, 0x00], v4), ([0x86, 0xdd], v6)] {
            assert_eq!(tags(protocol, &packet, packet.len()), 0);
            // Priority 2 looks like IPv4, priority 3 like IPv6.
            for first in [0x00, 0x45, 0x60] {
                let one = [&[first, 5], &protocol[..], &packet].concat();
                assert_eq!(tags(protocol, &one, one.len()), 4);
                let two = [&[first, 5, 0x81, 0], &one[..]].concat();
                assert_eq!(tags(protocol, &two, two.len()), 8);
            }
        }
        // An IPv4 packet of 2,048 bytes has the EtherType of IPv4 where a tag would have it.
        for identity in [0x4500, 0x0800, 0xffff_u16] {
            for fragment in [0x4000_u16, 0] {
                let mut packet = vec![0x45, 0, 8, 0];
                packet.extend(identity.to_be_bytes());
                packet.extend(fragment.to_be_bytes());
                packet.resize(2048, 6);
                assert_eq!(tags([8, 0], &packet, packet.len()), 0);
            }
        }
        assert_eq!(tags([8, 0], &[], 0), 0);
    }
}
