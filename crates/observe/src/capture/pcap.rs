//! The pcap format (draft-ietf-opsawg-pcap).

use std::io::{self, Read};

use super::format::{Each, MOST_PACKET, Next, Packet};
use super::window::Window;
use super::{Flaw, Order};

/// Bytes of the file's header.
const HEADER: usize = 24;

/// What the file's header says.
#[derive(Clone, Copy)]
pub(super) struct Header {
    order: Order,
    /// Nanoseconds that the fraction of a second counts in.
    unit: i64,
    /// Bytes before each packet.
    record: usize,
    link: u16,
}

impl Header {
    /// The byte order, if these bytes begin a pcap file.
    pub(super) const fn order(start: [u8; 4]) -> Option<Order> {
        match start {
            // Microseconds, nanoseconds, and what Alexey Kuznetsov's patched libpcap wrote.
            [0xa1, 0xb2, 0xc3, 0xd4] | [0xa1, 0xb2, 0x3c, 0x4d] | [0xa1, 0xb2, 0xcd, 0x34] => {
                Some(Order::Big)
            }
            [0xd4, 0xc3, 0xb2, 0xa1] | [0x4d, 0x3c, 0xb2, 0xa1] | [0x34, 0xcd, 0xb2, 0xa1] => {
                Some(Order::Little)
            }
            _ => None,
        }
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let order = Self::order(*bytes.first_chunk()?)?;
        let magic = order.u32(bytes, 0)?;
        Some(Self {
            order,
            unit: if magic == 0xa1b2_3c4d { 1 } else { 1000 },
            record: if magic == 0xa1b2_cd34 { 24 } else { 16 },
            // The upper half says whether frames end in a checksum; lengths inside the packet settle that.
            link: order.u32(bytes, 20)? as u16,
        })
    }
}

pub(super) fn packets<R: Read>(
    window: &mut Window<R>,
    each: &mut impl Each,
) -> io::Result<Option<Flaw>> {
    window.fill(HEADER)?;
    let Some(header) = window.bytes().get(..HEADER).and_then(Header::read) else {
        return Ok(Some(Flaw::CutShort));
    };
    window.consume(HEADER);
    loop {
        match window.fill(header.record)? {
            0 => return Ok(None),
            there if there < header.record => return Ok(Some(Flaw::CutShort)),
            _ => {}
        }
        let Some((at, kept, length)) = record(&header, window.bytes()) else {
            return Ok(Some(Flaw::CutShort));
        };
        if kept > MOST_PACKET {
            return Ok(Some(Flaw::PacketTooLong(kept)));
        }
        let whole = header.record + kept;
        if window.fill(whole)? < whole {
            // The rest may come: its writer may be at work.
            return Ok(Some(Flaw::CutShort));
        }
        let bytes = window.bytes().get(header.record..whole).unwrap_or_default();
        let packet = Packet {
            link: header.link,
            at,
            bytes,
            length,
        };
        let behind = window.offset() + whole as u64;
        let mut next = each.packet(packet, behind);
        window.consume(whole);
        if next == Next::Pause {
            next = each.pause(behind, window.tail());
        }
        if next == Next::Stop {
            return Ok(None);
        }
    }
}

/// When it was seen, how many bytes of it follow, how long it was.
#[inline]
fn record(header: &Header, bytes: &[u8]) -> Option<(i64, usize, usize)> {
    let order = header.order;
    let fields = bytes.first_chunk::<16>()?;
    let seconds = i64::from(order.u32(fields, 0)?);
    let fraction = i64::from(order.u32(fields, 4)?);
    let kept = order.u32(fields, 8)? as usize;
    let length = order.u32(fields, 12)? as usize;
    let at = seconds * 1_000_000_000 + fraction * header.unit;
    Some((at, kept, length.max(kept)))
}
