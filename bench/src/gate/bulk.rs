//! Bytes in bulk, both ways, and whether they came as they were sent.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rustix::net::{RecvFlags, recv};

use super::recording::Recording;
use crate::process::CpuTime;
use crate::server::Running;

/// An order is one letter and a length.
const ORDER: usize = 9;
const BLOCK: usize = 256 * 1024;
/// A transfer that stands still for this long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// What moving bytes cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moved {
    /// CPU seconds of the proxy for 10^9 bytes.
    pub(crate) seconds_per_gigabyte: f64,
    /// 10^6 bytes a second.
    pub(crate) megabytes_per_second: f64,
}

/// Bytes that repeat within no length that could be lost or swapped: xorshift64*.
struct Noise(u64);

impl Noise {
    fn fill(&mut self, block: &mut [u8]) {
        for piece in block.chunks_mut(8) {
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            let bytes = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes();
            for (to, from) in piece.iter_mut().zip(bytes) {
                *to = from;
            }
        }
    }
}

/// FNV-1a over words.
struct Hash(u64);

impl Hash {
    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

const START: u64 = 0xcbf2_9ce4_8422_2325;

/// The service's side: sends so many bytes (`G`), or takes so many and says their hash (`P`).
pub(crate) fn obey(stream: TcpStream, order: &[u8]) -> Option<()> {
    let mut stream = stream;
    stream.set_nonblocking(false).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.set_write_timeout(Some(PATIENCE)).ok()?;
    let (order, rest) = order.split_at_checked(ORDER)?;
    let (kind, length) = order.split_first()?;
    let length = u64::from_le_bytes(length.try_into().ok()?);
    if *kind == b'G' {
        let hash = pour(&mut stream, length).ok()?;
        stream.write_all(&hash.to_le_bytes()).ok()?;
        stream.shutdown(Shutdown::Write).ok()?;
        // The client's end is waited for: a close with its bytes unread would be a reset.
        stream.read_to_end(&mut Vec::new()).ok()?;
    } else {
        let mut hash = Hash(START);
        hash.add(rest);
        let mut block = vec![0; BLOCK];
        let mut left = length.checked_sub(rest.len() as u64)?;
        while left > 0 {
            match stream.read(&mut block).ok()? {
                0 => return None,
                read => {
                    hash.add(block.get(..read)?);
                    left = left.checked_sub(read as u64)?;
                }
            }
        }
        stream.write_all(&hash.0.to_le_bytes()).ok()?;
    }
    Some(())
}

fn pour(stream: &mut TcpStream, length: u64) -> Result<u64> {
    let (mut noise, mut hash, mut left) = (Noise(length | 1), Hash(START), length);
    let mut block = vec![0; BLOCK];
    // Long streams repeat one block and are not hashed: what is measured then is the proxy.
    let is_checked = length <= CHECKED;
    noise.fill(&mut block);
    while left > 0 {
        let size = usize::try_from(left).unwrap_or(BLOCK).min(BLOCK);
        let piece = block.get(..size).unwrap_or_default();
        stream.write_all(piece)?;
        left -= size as u64;
        if is_checked {
            hash.add(piece);
            noise.fill(&mut block);
        }
    }
    Ok(hash.0)
}

/// Streams up to this long are hashed at both ends.
const CHECKED: u64 = 64 << 20;

/// Shakes hands through `address`, up to where an order can be given.
fn open(address: SocketAddr, recording: &Recording) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    stream.write_all(&recording.hello)?;
    let mut flight = vec![0; recording.flight.len()];
    stream
        .read_exact(&mut flight)
        .context("reading the service's flight")?;
    ensure!(
        flight == recording.flight,
        "the service's flight came changed"
    );
    Ok(stream)
}

fn order(kind: u8, length: u64) -> Vec<u8> {
    [&[kind], &length.to_le_bytes()[..]].concat()
}

/// A download and an upload of 20 MB, compared by hash at their other end. An error where they differ.
pub(crate) fn check(address: SocketAddr, recording: &Recording) -> Result<()> {
    const LENGTH: u64 = 20_000_000;
    let mut stream = open(address, recording)?;
    stream.write_all(&order(b'G', LENGTH))?;
    let mut got = Vec::new();
    stream
        .read_to_end(&mut got)
        .context("reading the download")?;
    let (bytes, said) = got.split_last_chunk::<8>().context("nothing came")?;
    let mut hash = Hash(START);
    hash.add(bytes);
    ensure!(
        bytes.len() as u64 == LENGTH && hash.0 == u64::from_le_bytes(*said),
        "a download of {LENGTH} bytes came changed"
    );
    let mut stream = open(address, recording)?;
    stream.write_all(&order(b'P', LENGTH))?;
    let hash = pour(&mut stream, LENGTH)?;
    let mut said = [0; 8];
    stream
        .read_exact(&mut said)
        .context("reading what the upload was")?;
    ensure!(
        hash == u64::from_le_bytes(said),
        "an upload of {LENGTH} bytes came changed"
    );
    Ok(())
}

/// One download for so long.
pub(crate) fn download(server: &Running, recording: &Recording, length: Duration) -> Result<Moved> {
    let mut stream = open(server.address, recording)?;
    // More than comes in that time; it is cut off.
    stream.write_all(&order(b'G', 1 << 50))?;
    // Thrown away by the kernel: what is measured is the proxy.
    let discard = |until: Instant| -> Result<u64> {
        let mut room = vec![0; 1 << 20];
        let mut total = 0;
        while Instant::now() < until {
            let (length, _) = recv(&stream, &mut *room, RecvFlags::TRUNC)?;
            ensure!(length > 0, "the download ended");
            total += length as u64;
        }
        Ok(total)
    };
    discard(Instant::now() + Duration::from_millis(300))?;
    let (before, started) = (CpuTime::of(server.pid)?, Instant::now());
    let total = discard(started + length)?;
    let (used, elapsed) = (CpuTime::of(server.pid)?.since(&before)?, started.elapsed());
    drop(stream);
    // The proxy closes both ends before anything else is measured.
    thread::sleep(Duration::from_millis(100));
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let bytes = total as f64;
    Ok(Moved {
        seconds_per_gigabyte: used.as_secs_f64() / bytes * 1e9,
        megabytes_per_second: bytes / 1e6 / elapsed.as_secs_f64(),
    })
}
