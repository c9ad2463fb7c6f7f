//! Captures: pcap and pcapng files, and packets from anywhere else.
//!
//! In: packets. Out: one piece of evidence for each TLS connection in them, with what the client offered and what was
//! agreed. A packet costs a look at its headers, and nothing of it is copied unless a hello lies across several; bulk
//! data of connections whose handshake is over is passed over.

mod agreed;
mod alert;
mod connection;
mod format;
mod handshake;
mod link;
mod moment;
mod observer;
mod opening;
mod pcap;
mod pcapng;
mod read;
mod shape;
mod stream;
mod table;
mod window;

use std::fmt;

pub use format::{Magic, Packet};
pub use observer::{Observer, Sink};
pub use opening::Opening;
pub use read::{Counted, Taker, read, read_on};

/// What a capture holds, and what of it could not be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Packets.
    pub packets: u64,
    /// Bytes of them on the wire.
    pub bytes: u64,
    /// TLS connections: so many pieces of evidence there are.
    pub connections: u64,
    /// Those of them in which a server has agreed on something.
    pub answered: u64,
    /// Those of them whose end is not in the capture; what is known of them is told all the same.
    pub unfinished: u64,
    /// Those of them whose hello, or a part of it, is not in the capture, or is broken.
    pub incomplete: u64,
    /// Connections that spoke HTTP without TLS.
    pub http: u64,
    /// Connections that spoke something else.
    pub other: u64,
    /// Connections that made room for newer ones before their handshake was over, because more were open at once than are
    /// followed. Those with a hello were told of.
    pub evicted: u64,
    /// Pieces of IP packets: they are not put together, so TLS in them is not seen.
    pub fragments: u64,
    /// Packets that open a QUIC connection: QUIC is not read.
    pub quic: u64,
    /// Packets that end before their headers do.
    pub cut_headers: u64,
    /// Packets of a link layer that is not read.
    pub unknown_links: u64,
    /// The last such link layer (<https://www.tcpdump.org/linktypes.html>).
    pub unknown_link: Option<u16>,
    /// Bytes of its content, unpacked, that were read.
    pub content: u64,
    /// What ended the reading before the end of the file.
    pub problem: Option<Problem>,
}

impl Summary {
    /// What came after `before` was seen.
    fn since(&self, before: &Self) -> Self {
        Self {
            packets: self.packets - before.packets,
            bytes: self.bytes - before.bytes,
            connections: self.connections - before.connections,
            answered: self.answered - before.answered,
            unfinished: self.unfinished - before.unfinished,
            incomplete: self.incomplete - before.incomplete,
            http: self.http - before.http,
            other: self.other - before.other,
            evicted: self.evicted - before.evicted,
            fragments: self.fragments - before.fragments,
            quic: self.quic - before.quic,
            cut_headers: self.cut_headers - before.cut_headers,
            unknown_links: self.unknown_links - before.unknown_links,
            unknown_link: self.unknown_link,
            content: self.content,
            problem: self.problem,
        }
    }
}

/// What is wrong with a capture, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at byte {offset}: {flaw}")]
pub struct Problem {
    /// Bytes from the start of the capture, unpacked where it is packed.
    pub offset: u64,
    /// What is wrong there.
    pub flaw: Flaw,
}

/// What can be wrong with a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Flaw {
    /// It is no capture.
    NoCapture,
    /// It ends inside a packet: its writer was stopped, or is still writing.
    CutShort,
    /// It is packed, and cannot be unpacked from here on.
    Packing,
    /// A packet is said to be longer than any is.
    PacketTooLong(usize),
    /// A block of a pcapng file has a length that cannot be.
    BlockLength(usize),
    /// A section of a pcapng file does not say in which byte order it is.
    ByteOrder,
    /// A packet of an interface that was not described, or too many of them.
    Interface,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCapture => f.write_str("neither pcap nor pcapng begins here"),
            Self::CutShort => f.write_str("the capture ends inside a packet"),
            Self::Packing => f.write_str(
                "it cannot be unpacked from here on; it is damaged, or not all of it is here",
            ),
            Self::PacketTooLong(length) => write!(
                f,
                "a packet of {length} bytes, at most {} are read; the capture is damaged here",
                format::MOST_PACKET
            ),
            Self::BlockLength(length) => {
                write!(f, "a block of {length} bytes; the capture is damaged here")
            }
            Self::ByteOrder => f.write_str("a section without a byte order"),
            Self::Interface => {
                f.write_str("a packet of an interface that the capture does not describe")
            }
        }
    }
}

/// The byte order of a capture.
#[derive(Clone, Copy, Debug)]
enum Order {
    Big,
    Little,
}

impl Order {
    #[inline]
    fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let field = *bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Big => u16::from_be_bytes(field),
            Self::Little => u16::from_le_bytes(field),
        })
    }

    #[inline]
    fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let field = *bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Big => u32::from_be_bytes(field),
            Self::Little => u32::from_le_bytes(field),
        })
    }

    fn u64(self, bytes: &[u8], at: usize) -> Option<u64> {
        let field = *bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Big => u64::from_be_bytes(field),
            Self::Little => u64::from_le_bytes(field),
        })
    }
}
