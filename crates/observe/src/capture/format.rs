//! From a capture file to its packets, whatever format it has.

use std::io::{self, BufReader, Read};

use super::window::Window;
use super::{Flaw, Problem, pcap, pcapng};

/// The longest packet that is read. It is what libpcap and Wireshark take at most.
pub(super) const MOST_PACKET: usize = 256 * 1024;

/// One packet of a capture.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// What its first bytes are (<https://www.tcpdump.org/linktypes.html>).
    pub link: u16,
    /// When it was seen, in nanoseconds since 1970.
    pub at: i64,
    /// What was kept of it.
    pub bytes: &'a [u8],
    /// How long it was on the wire.
    pub length: usize,
}

/// What a capture begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Magic {
    /// A pcap or pcapng file.
    Capture,
    /// gzip: what is inside has to be looked at.
    Gzip,
    /// zstd, likewise.
    Zstd,
}

impl Magic {
    /// Bytes that it takes to tell.
    pub const LENGTH: usize = 4;

    /// Tells by the first bytes.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match *bytes.first_chunk::<{ Self::LENGTH }>()? {
            [0x0a, 0x0d, 0x0d, 0x0a] => Some(Self::Capture),
            start if pcap::Header::order(start).is_some() => Some(Self::Capture),
            [0x1f, 0x8b, 8, _] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd] => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// What goes on after a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The next packet.
    Packet,
    /// Before it, [`Each::pause`].
    Pause,
    /// Nothing.
    Stop,
}

/// What takes packets.
pub(super) trait Each {
    /// A packet, and the byte of the content behind it.
    fn packet(&mut self, packet: Packet<'_>, behind: u64) -> Next;

    /// What was read so far ends before this byte of the content; `tail` are the last of what was read.
    fn pause(&mut self, position: u64, tail: &[u8]) -> Next;

    /// There are no more packets.
    fn ended(&mut self, position: u64, tail: &[u8]);
}

/// Hands on every packet until `each` says to stop, and gives the bytes of the content that it took. What is wrong with
/// the file is told at its end; what came before that was handed on.
///
/// # Errors
///
/// When reading fails.
pub(super) fn packets(
    input: impl Read,
    each: &mut impl Each,
) -> io::Result<(u64, Option<Problem>)> {
    let mut input = input;
    let mut start = [0; Magic::LENGTH];
    let mut there = 0;
    while let Some(room) = start.get_mut(there..).filter(|room| !room.is_empty()) {
        match input.read(room) {
            Ok(0) => break,
            Ok(count) => there += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let start = start.get(..there).unwrap_or_default();
    let whole = start.chain(input);
    match Magic::of(start) {
        Some(Magic::Gzip) => plain(
            flate2::bufread::MultiGzDecoder::new(BufReader::with_capacity(64 * 1024, whole)),
            each,
        ),
        Some(Magic::Zstd) => plain(zstd::stream::read::Decoder::new(whole)?, each),
        _ => plain(whole, each),
    }
}

fn plain(input: impl Read, each: &mut impl Each) -> io::Result<(u64, Option<Problem>)> {
    let mut window = Window::new(input);
    window.fill(Magic::LENGTH)?;
    let read = match window.bytes().first_chunk::<4>() {
        Some(&[0x0a, 0x0d, 0x0d, 0x0a]) => pcapng::packets(&mut window, each),
        Some(&start) if pcap::Header::order(start).is_some() => pcap::packets(&mut window, each),
        _ => Ok(Some(Flaw::NoCapture)),
    };
    let flaw = match read {
        // A packed file that was cut short says so here.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Some(Flaw::CutShort),
        // What the system reports has a number; the rest is what an unpacker has to say.
        Err(error) if error.raw_os_error().is_none() => Some(Flaw::Packing),
        read => read?,
    };
    let offset = window.offset();
    each.ended(offset, window.tail());
    Ok((offset, flaw.map(|flaw| Problem { offset, flaw })))
}
