//! The pcapng format (draft-ietf-opsawg-pcapng).

use std::io::{self, Read};

use super::format::{Each, MOST_PACKET, Next, Packet};
use super::window::Window;
use super::{Flaw, Order};

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
/// Obsolete, and still written by some.
const PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

/// Bytes of a block that are not its body: type, length, and the length again.
const FRAME: usize = 12;
/// Bytes of a block that are looked at, where its packet does not make it longer: options of an interface.
const MOST_LOOKED_AT: usize = 64 * 1024;
/// The longest block of a packet: a packet and its options.
const MOST_BLOCK: usize = MOST_PACKET + MOST_LOOKED_AT;
/// A section with more interfaces than this is not one that anybody captured.
const MOST_INTERFACES: usize = 65_536;

/// One interface of a section.
#[derive(Clone, Copy)]
struct Interface {
    link: u16,
    /// The most bytes of a packet that are kept; 0 for all.
    most: u32,
    unit: Unit,
    /// Seconds to add.
    offset: i64,
}

/// What timestamps count in.
#[derive(Clone, Copy)]
enum Unit {
    /// Units of 10^-n seconds.
    Decimal(u32),
    /// Units of 2^-n seconds.
    Binary(u32),
}

impl Interface {
    fn read(order: Order, body: &[u8]) -> Option<Self> {
        let mut interface = Self {
            link: order.u16(body, 0)?,
            most: order.u32(body, 4)?,
            unit: Unit::Decimal(6),
            offset: 0,
        };
        let mut options = body.get(8..).unwrap_or_default();
        while let (Some(code), Some(length)) = (order.u16(options, 0), order.u16(options, 2)) {
            let length = usize::from(length);
            let Some(value) = options.get(4..4 + length) else {
                break;
            };
            match (code, value) {
                (0, _) => break,
                // if_tsresol: the top bit says whether it is a power of two.
                (9, &[unit, ..]) if unit & 0x80 != 0 => {
                    interface.unit = Unit::Binary((unit & 0x7f).into());
                }
                (9, &[unit, ..]) => interface.unit = Unit::Decimal(unit.into()),
                // if_tsoffset
                (14, value) => interface.offset = order.u64(value, 0).unwrap_or(0) as i64,
                _ => {}
            }
            options = options
                .get(4 + length.next_multiple_of(4)..)
                .unwrap_or_default();
        }
        Some(interface)
    }

    /// Nanoseconds since 1970; the nearest that can be said where that is too far off.
    fn nanoseconds(&self, high: u32, low: u32) -> i64 {
        let count = (u64::from(high) << 32) | u64::from(low);
        let since = match self.unit {
            Unit::Decimal(6) => i128::from(count) * 1000,
            Unit::Decimal(n @ 0..=9) => i128::from(count) * 10_i128.pow(9 - n),
            Unit::Decimal(n) => i128::from(count) / 10_i128.checked_pow(n - 9).unwrap_or(i128::MAX),
            Unit::Binary(n) => (i128::from(count) * 1_000_000_000) >> n.min(127),
        };
        let since = since + i128::from(self.offset) * 1_000_000_000;
        i64::try_from(since).unwrap_or(if since < 0 { i64::MIN } else { i64::MAX })
    }
}

/// Where in a block its packet is.
struct Place {
    interface: usize,
    /// The two halves of the timestamp.
    time: (u32, u32),
    /// Bytes before the packet, the frame's first eight included.
    start: usize,
    kept: usize,
    length: usize,
}

impl Place {
    /// Reads the fixed fields of a block that holds a packet.
    fn read(
        order: Order,
        kind: u32,
        block: &[u8],
        total: usize,
        first: Option<&Interface>,
    ) -> Option<Self> {
        match kind {
            ENHANCED_PACKET => Some(Self {
                interface: order.u32(block, 8)? as usize,
                time: (order.u32(block, 12)?, order.u32(block, 16)?),
                start: 28,
                kept: order.u32(block, 20)? as usize,
                length: order.u32(block, 24)? as usize,
            }),
            PACKET => Some(Self {
                interface: order.u16(block, 8)?.into(),
                time: (order.u32(block, 12)?, order.u32(block, 16)?),
                start: 28,
                kept: order.u32(block, 20)? as usize,
                length: order.u32(block, 24)? as usize,
            }),
            _ => {
                let length = order.u32(block, 8)? as usize;
                let most = first.map_or(0, |interface| interface.most as usize);
                let kept = if most == 0 { length } else { length.min(most) };
                Some(Self {
                    interface: 0,
                    // It has none.
                    time: (0, 0),
                    start: 12,
                    kept: kept.min(total.saturating_sub(FRAME + 4)),
                    length,
                })
            }
        }
    }
}

pub(super) fn packets<R: Read>(
    window: &mut Window<R>,
    each: &mut impl Each,
) -> io::Result<Option<Flaw>> {
    let mut order = Order::Little;
    let mut interfaces: Vec<Interface> = Vec::new();
    loop {
        // The byte order of a section stands behind its length.
        match window.fill(FRAME)? {
            0 => return Ok(None),
            there if there < FRAME => return Ok(Some(Flaw::CutShort)),
            _ => {}
        }
        let head = window.bytes();
        if head.first_chunk() == Some(&SECTION.to_be_bytes()) {
            order = match head.get(8..12) {
                Some([0x1a, 0x2b, 0x3c, 0x4d]) => Order::Big,
                Some([0x4d, 0x3c, 0x2b, 0x1a]) => Order::Little,
                _ => return Ok(Some(Flaw::ByteOrder)),
            };
            interfaces.clear();
        }
        let (kind, total) = (
            order.u32(head, 0).unwrap_or_default(),
            order.u32(head, 4).unwrap_or_default() as usize,
        );
        if total < FRAME || !total.is_multiple_of(4) {
            return Ok(Some(Flaw::BlockLength(total)));
        }
        let behind = window.offset() + total as u64;
        let mut next = Next::Packet;
        let there = match kind {
            INTERFACE => {
                let there = window.fill(total.min(MOST_LOOKED_AT))?;
                let end = there.min(total - 4);
                let body = window.bytes().get(8..end).unwrap_or_default();
                match Interface::read(order, body) {
                    Some(interface) if interfaces.len() < MOST_INTERFACES => {
                        interfaces.push(interface);
                    }
                    _ => return Ok(Some(Flaw::Interface)),
                }
                there
            }
            PACKET | SIMPLE_PACKET | ENHANCED_PACKET => {
                if total > MOST_BLOCK {
                    return Ok(Some(Flaw::BlockLength(total)));
                }
                if window.fill(total)? < total {
                    // The rest may come: its writer may be at work.
                    return Ok(Some(Flaw::CutShort));
                }
                let place = Place::read(order, kind, window.bytes(), total, interfaces.first());
                let Some(place) = place.filter(|place| place.start + place.kept + 4 <= total)
                else {
                    return Ok(Some(Flaw::BlockLength(total)));
                };
                if place.kept > MOST_PACKET {
                    return Ok(Some(Flaw::PacketTooLong(place.kept)));
                }
                let Some(interface) = interfaces.get(place.interface) else {
                    return Ok(Some(Flaw::Interface));
                };
                let packet = Packet {
                    link: interface.link,
                    at: interface.nanoseconds(place.time.0, place.time.1),
                    bytes: window
                        .bytes()
                        .get(place.start..place.start + place.kept)
                        .unwrap_or_default(),
                    length: place.length.max(place.kept),
                };
                next = each.packet(packet, behind);
                total
            }
            _ => 0,
        };
        window.consume(there);
        if !window.skip((total - there) as u64)? {
            return Ok(Some(Flaw::CutShort));
        }
        if next == Next::Pause {
            next = each.pause(behind, window.tail());
        }
        if next == Next::Stop {
            return Ok(None);
        }
    }
}
