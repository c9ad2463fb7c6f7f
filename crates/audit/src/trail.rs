//! Appends to the trail.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::files;
use crate::record::{self, Deed, NOTHING, Record, When, sha256};
use crate::{AuditError, Reading};

/// How much is read from the end at first, to find the last record: most are shorter.
const CHUNK: u64 = 16 * 1024;

/// The record of what was done to an edge.
#[derive(Clone, Debug)]
pub struct Trail {
    path: PathBuf,
}

impl Trail {
    /// The trail of the edge with this data directory.
    pub fn of(directory: &Path) -> Self {
        Self {
            path: directory.join("audit.jsonl"),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends deeds that belong together, on disk when this returns.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or written. What was written of it then is found by the next append.
    pub fn append(&self, when: When, by: &str, deeds: &[Deed]) -> Result<(), AuditError> {
        self.try_append(when, by, deeds)
            .map_err(|reason| self.error("cannot record this in", reason))
    }

    fn try_append(&self, when: When, by: &str, deeds: &[Deed]) -> io::Result<()> {
        if let Some(directory) = self.path.parent() {
            files::make_directory(directory)?;
        }
        let mut file = files::open(&self.path, OpenOptions::new().read(true).append(true))?;
        // Until the file is closed.
        file.lock()?;
        let End {
            last,
            unfinished,
            needs_line_feed,
        } = End::of(&mut file)?;
        let (mut seq, mut hash) =
            last.map_or((0, NOTHING.to_owned()), |record| (record.seq, record.hash));
        let mut text = String::new();
        if needs_line_feed {
            text.push('\n');
        }
        let recovered = (!unfinished.is_empty()).then(|| Deed::Recovered {
            bytes: unfinished.len(),
            sha256: sha256(&unfinished),
        });
        for deed in recovered.iter().chain(deeds) {
            seq += 1;
            let line;
            (line, hash) = record::line(seq, when, by, deed, &hash)?;
            text.push_str(&line);
            text.push('\n');
        }
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        if seq == 1 {
            files::sync_directory(&self.path)?;
        }
        Ok(())
    }

    /// Reads and checks all of it. A trail that was never begun is empty.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub fn read(&self) -> Result<Reading, AuditError> {
        let mut text = Vec::new();
        let read = File::open(&self.path).and_then(|mut file| {
            // So that nothing is read half written.
            file.lock_shared()?;
            file.read_to_end(&mut text)
        });
        match read {
            Ok(_) => Ok(Reading::of(&text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Reading::default()),
            Err(error) => Err(self.error("cannot read", error)),
        }
    }

    fn error(&self, what: &'static str, reason: io::Error) -> AuditError {
        AuditError {
            what,
            path: self.path.clone(),
            reason,
        }
    }
}

/// How a trail ends.
struct End {
    last: Option<Record>,
    /// What follows the last record and is none; without its last line feed.
    unfinished: Vec<u8>,
    needs_line_feed: bool,
}

impl End {
    fn of(file: &mut File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        let mut chunk = CHUNK;
        loop {
            let start = length.saturating_sub(chunk);
            file.seek(SeekFrom::Start(start))?;
            let mut text = Vec::new();
            file.take(chunk).read_to_end(&mut text)?;
            if let Some(end) = Self::in_text(&text, start == 0) {
                return Ok(end);
            }
            chunk = chunk.saturating_mul(2);
        }
    }

    /// Looks for the last record; `None` where the text has to begin earlier.
    fn in_text(text: &[u8], is_all: bool) -> Option<Self> {
        let needs_line_feed = text.last().is_some_and(|&byte| byte != b'\n');
        // What cannot be seen from its beginning is no whole line.
        let first = if is_all {
            0
        } else {
            text.iter().position(|&byte| byte == b'\n')? + 1
        };
        let body = text.get(first..)?;
        let mut ends_at = body.len();
        for line in body.split_inclusive(|&byte| byte == b'\n').rev() {
            let bare = line.strip_suffix(b"\n").unwrap_or(line);
            if let Some((record, _)) = record::read(bare) {
                let rest = body.get(ends_at..).unwrap_or_default();
                return Some(Self {
                    last: Some(record),
                    unfinished: rest.strip_suffix(b"\n").unwrap_or(rest).to_vec(),
                    needs_line_feed,
                });
            }
            ends_at -= line.len();
        }
        is_all.then(|| Self {
            last: None,
            unfinished: body.strip_suffix(b"\n").unwrap_or(body).to_vec(),
            needs_line_feed,
        })
    }
}
