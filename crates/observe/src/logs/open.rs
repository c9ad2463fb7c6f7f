//! Opening a log, packed or not.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use flate2::read::MultiGzDecoder;

/// Bytes that are read at once: they stay in the processor's cache until they are looked at.
const BLOCK: usize = 128 << 10;

/// How a file is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    Plain,
    /// gzip (RFC 1952), any number of members.
    Gzip,
    /// Zstandard (RFC 8878), any number of frames.
    Zstd,
}

impl Packing {
    /// By the first bytes.
    pub(crate) fn of(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            _ => Self::Plain,
        }
    }
}

/// A log, opened.
pub(crate) struct Opened {
    /// How it is packed.
    pub(crate) packing: Packing,
    /// Its bytes, unpacked.
    pub(crate) reader: Box<dyn Read + Send>,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened")
            .field("packing", &self.packing)
            .finish_non_exhaustive()
    }
}

/// Counts bytes of the file for whoever shows how far it is.
pub type Progress = std::sync::Arc<std::sync::atomic::AtomicU64>;

struct Counted<R> {
    inner: R,
    progress: Progress,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.progress
            .fetch_add(read as u64, std::sync::atomic::Ordering::Relaxed);
        Ok(read)
    }
}

/// Opens a stream.
///
/// # Errors
///
/// When its first bytes cannot be read, or what unpacks it cannot be set up.
pub(crate) fn stream(inner: impl Read + Send + 'static, progress: Progress) -> io::Result<Opened> {
    let mut inner = Counted { inner, progress };
    let mut head = Vec::with_capacity(4);
    loop {
        let missing = 4_u64.saturating_sub(head.len() as u64);
        match inner.by_ref().take(missing).read_to_end(&mut head) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            read => {
                read?;
                break;
            }
        }
    }
    let packing = Packing::of(&head);
    let whole = io::Cursor::new(head).chain(inner);
    let reader: Box<dyn Read + Send> = match packing {
        Packing::Plain => Box::new(whole),
        Packing::Gzip => Box::new(MultiGzDecoder::new(BufReader::with_capacity(BLOCK, whole))),
        Packing::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(
            BufReader::with_capacity(BLOCK, whole),
        )?),
    };
    Ok(Opened { packing, reader })
}

/// Opens a file from this byte of its unpacked content on.
///
/// # Errors
///
/// As [`stream`]; also when it is shorter.
pub(crate) fn file(path: &Path, from: u64, progress: Progress) -> io::Result<Opened> {
    let mut file = File::open(path)?;
    let mut head = [0; 4];
    let read = file.read(&mut head)?;
    let is_plain = Packing::of(head.get(..read).unwrap_or_default()) == Packing::Plain;
    file.seek(SeekFrom::Start(if is_plain { from } else { 0 }))?;
    if is_plain {
        progress.fetch_add(from, std::sync::atomic::Ordering::Relaxed);
        return Ok(Opened {
            packing: Packing::Plain,
            reader: Box::new(Counted {
                inner: file,
                progress,
            }),
        });
    }
    let mut opened = stream(file, progress)?;
    let skipped = io::copy(&mut opened.reader.by_ref().take(from), &mut io::sink())?;
    if skipped < from {
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "it is shorter than what was read of it before",
        ));
    }
    Ok(opened)
}
