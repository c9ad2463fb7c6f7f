//! TCP streams in packet captures, put together in order of their sequence numbers.

use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::Command;

// Link types (https://www.tcpdump.org/linktypes.html).
const NULL: u16 = 0;
const ETHERNET: u16 = 1;
const PPP: u16 = 9;
const RAW: u16 = 101;
const LINUX_SLL2: u16 = 276;

/// What one side sent to the other.
#[derive(Default)]
struct Stream {
    start: Option<u32>,
    segments: Vec<(u32, Vec<u8>)>,
}

/// From whom, and to whom.
pub(crate) type Direction = (SocketAddr, SocketAddr);

/// The bytes of every TCP stream of a capture, each direction apart. A pair of addresses that is used again
/// has several.
pub(crate) fn streams(path: &Path) -> Vec<(Direction, Vec<u8>)> {
    let mut open: BTreeMap<Direction, Stream> = BTreeMap::new();
    let mut done = Vec::new();
    for (link, packet) in packets(path) {
        let Some((direction, sequence, syn, payload)) = segment(link, &packet) else {
            continue;
        };
        if syn
            && let Some(stream) = open.get(&direction)
            && stream.start != Some(sequence.wrapping_add(1))
        {
            done.extend(
                open.remove(&direction)
                    .map(|stream| (direction, stream.join())),
            );
        }
        let stream = open.entry(direction).or_default();
        if syn {
            stream.start = Some(sequence.wrapping_add(1));
        }
        if !payload.is_empty() {
            stream
                .segments
                .push((sequence.wrapping_add(syn.into()), payload));
        }
    }
    done.extend(
        open.into_iter()
            .map(|(direction, stream)| (direction, stream.join())),
    );
    done
}

impl Stream {
    /// The bytes up to the first gap.
    fn join(mut self) -> Vec<u8> {
        let Some(start) = self
            .start
            .or(self.segments.first().map(|(sequence, _)| *sequence))
        else {
            return Vec::new();
        };
        self.segments
            .sort_by_key(|(sequence, _)| sequence.wrapping_sub(start));
        let mut bytes: Vec<u8> = Vec::new();
        for (sequence, payload) in self.segments {
            let at = sequence.wrapping_sub(start) as usize;
            if at <= bytes.len() {
                bytes.extend(payload.iter().skip(bytes.len() - at));
            }
        }
        bytes
    }
}

/// Reads numbers in the byte order of a capture.
#[derive(Clone, Copy)]
struct Order {
    little: bool,
}

impl Order {
    fn u16(self, bytes: &[u8], at: usize) -> u16 {
        let pair = [bytes[at], bytes[at + 1]];
        if self.little {
            u16::from_le_bytes(pair)
        } else {
            u16::from_be_bytes(pair)
        }
    }

    fn u32(self, bytes: &[u8], at: usize) -> u32 {
        let four = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
        if self.little {
            u32::from_le_bytes(four)
        } else {
            u32::from_be_bytes(four)
        }
    }
}

/// The packets of a capture, each with its link type (draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng).
fn packets(path: &Path) -> Vec<(u16, Vec<u8>)> {
    let file = match path.extension() {
        // gzip is on every machine that these tests know; a crate for one file is not worth it.
        Some(extension) if extension == "gz" => {
            Command::new("gzip")
                .arg("-dc")
                .arg(path)
                .output()
                .unwrap()
                .stdout
        }
        _ => std::fs::read(path).unwrap(),
    };
    match file[..4] {
        [0x0a, 0x0d, 0x0d, 0x0a] => packets_ng(&file),
        // Microseconds, nanoseconds, and what Alexey Kuznetsov's patched libpcap wrote.
        [0xd4 | 0x4d | 0x34, 0xc3 | 0x3c | 0xcd, 0xb2, 0xa1] => {
            packets_old(&file, Order { little: true })
        }
        [0xa1, 0xb2, 0xc3 | 0x3c | 0xcd, 0xd4 | 0x4d | 0x34] => {
            packets_old(&file, Order { little: false })
        }
        _ => panic!("{} is no capture", path.display()),
    }
}

fn packets_old(file: &[u8], order: Order) -> Vec<(u16, Vec<u8>)> {
    let patched = order.u32(file, 0) == 0xa1b2_cd34;
    let header = if patched { 24 } else { 16 };
    let link = order.u16(file, if order.little { 20 } else { 22 });
    let (mut at, mut packets) = (24, Vec::new());
    while at + header <= file.len() {
        let length = order.u32(file, at + 8) as usize;
        let Some(data) = file.get(at + header..at + header + length) else {
            break;
        };
        packets.push((link, data.to_vec()));
        at += header + length;
    }
    packets
}

fn packets_ng(file: &[u8]) -> Vec<(u16, Vec<u8>)> {
    const SECTION_HEADER: u32 = 0x0a0d_0d0a;
    const INTERFACE_DESCRIPTION: u32 = 1;
    const ENHANCED_PACKET: u32 = 6;
    let (mut order, mut links, mut packets) = (Order { little: true }, Vec::new(), Vec::new());
    let mut at = 0;
    while at + 12 <= file.len() {
        if order.u32(file, at) == SECTION_HEADER {
            order = Order {
                little: file[at + 8] == 0x4d,
            };
            links.clear();
        }
        let length = order.u32(file, at + 4) as usize;
        let Some(block) = file.get(at..at + length) else {
            break;
        };
        match order.u32(block, 0) {
            INTERFACE_DESCRIPTION => links.push(order.u16(block, 8)),
            ENHANCED_PACKET => {
                let link = links[order.u32(block, 8) as usize];
                packets.push((link, block[28..28 + order.u32(block, 20) as usize].to_vec()));
            }
            _ => {}
        }
        at += length;
    }
    packets
}

/// Direction, sequence number, SYN and payload of a TCP segment.
fn segment(link: u16, packet: &[u8]) -> Option<(Direction, u32, bool, Vec<u8>)> {
    let sliced = match link {
        ETHERNET => SlicedPacket::from_ethernet(packet).ok()?,
        RAW => SlicedPacket::from_ip(packet).ok()?,
        NULL => SlicedPacket::from_ip(packet.get(4..)?).ok()?,
        // A PPP packet may or may not begin with its address and control bytes (RFC 1662 section 3.1).
        PPP => SlicedPacket::from_ip(
            packet
                .strip_prefix(&[0xff, 0x03])
                .unwrap_or(packet)
                .get(2..)?,
        )
        .ok()?,
        LINUX_SLL2 => SlicedPacket::from_ip(packet.get(20..)?).ok()?,
        other => panic!("link type {other} is not known here"),
    };
    let (from, to): (IpAddr, IpAddr) = match sliced.net.as_ref()? {
        NetSlice::Ipv4(ip) => (
            ip.header().source_addr().into(),
            ip.header().destination_addr().into(),
        ),
        NetSlice::Ipv6(ip) => (
            ip.header().source_addr().into(),
            ip.header().destination_addr().into(),
        ),
        NetSlice::Arp(_) => return None,
    };
    let Some(TransportSlice::Tcp(tcp)) = sliced.transport else {
        return None;
    };
    let direction = (
        SocketAddr::new(from, tcp.source_port()),
        SocketAddr::new(to, tcp.destination_port()),
    );
    Some((
        direction,
        tcp.sequence_number(),
        tcp.syn(),
        tcp.payload().to_vec(),
    ))
}
