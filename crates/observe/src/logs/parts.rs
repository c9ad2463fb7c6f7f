//! One log as several, to be read at the same time.
//!
//! A plain file is cut at ends of lines. Where depends on nothing but its bytes, so that whatever comes of it is the same
//! however many are read at once; what can only be read from its beginning is one part.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use memchr::memchr;

use super::beginning::{Beginning, Place};
use super::format::{Format, Framing, Said, Wanted};
use super::log::{Log, LogError, Start};
use super::open::{Packing, Progress};

/// Bytes of a part: less than a second of reading, and rarely more different lines than one table holds.
const PART: u64 = 32 << 20;
/// Bytes that are read at once to find the end of a line.
const BLOCK: usize = 64 << 10;

/// The parts of a log, in their order. Each goes on from the one before: [`Log::goes_on_from`].
#[derive(Debug)]
pub struct Parts {
    /// What is read as a whole.
    whole: Option<Log>,
    cutting: Option<Cutting>,
}

/// A file that is cut.
#[derive(Debug)]
struct Cutting {
    file: Arc<File>,
    place: Place,
    format: Arc<dyn Format>,
    wanted: Wanted,
    start: Start,
    /// The first bytes, which the first part has.
    head: Vec<u8>,
    progress: Progress,
    /// How long a part is.
    length: u64,
    is_done: bool,
}

impl Beginning {
    /// Opens it to be read from this byte of its content on, in parts.
    ///
    /// # Errors
    ///
    /// As [`Beginning::open`].
    pub fn parts(self, said: &Said, wanted: &Wanted, start: &Start) -> Result<Parts, LogError> {
        self.parts_of(said, wanted, start, PART)
    }

    fn parts_of(
        self,
        said: &Said,
        wanted: &Wanted,
        start: &Start,
        length: u64,
    ) -> Result<Parts, LogError> {
        let one = |whole| Parts {
            whole: Some(whole),
            cutting: None,
        };
        let path = match self.place() {
            Place::File(path) if self.packing() == Packing::Plain => path.clone(),
            _ => return self.open(said, wanted, start).map(one),
        };
        let progress = self.progress();
        let mut whole = self.open(said, wanted, start)?;
        let file = match File::open(&path) {
            Ok(file) if whole.format().framing() == Framing::Lines => file,
            _ => return Ok(one(whole)),
        };
        if size(&file) < start.position + 2 * length {
            return Ok(one(whole));
        }
        Ok(Parts {
            cutting: Some(Cutting {
                file: file.into(),
                place: whole.place().clone(),
                format: whole.shared_format(),
                wanted: wanted.clone(),
                start: start.clone(),
                head: std::mem::take(whole.head_mut()),
                progress,
                length,
                is_done: false,
            }),
            whole: None,
        })
    }
}

impl Parts {
    /// The format of all of them.
    pub fn format(&self) -> Option<&dyn Format> {
        let of_whole = self.whole.as_ref().map(Log::format);
        of_whole.or_else(|| self.cutting.as_ref().map(|cutting| &*cutting.format))
    }
}

impl Iterator for Parts {
    type Item = Result<Log, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(whole) = self.whole.take() {
            return Some(Ok(whole));
        }
        let cutting = self.cutting.as_mut().filter(|cutting| !cutting.is_done)?;
        let part = cutting.part();
        cutting.is_done |= part.is_err();
        Some(part.map_err(|error| cutting.place.io(error)))
    }
}

impl Cutting {
    fn part(&mut self) -> io::Result<Log> {
        let from = self.start.position;
        let end = self.cut(from)?;
        let reader = Part {
            file: self.reopened(),
            at: from,
            end: end.unwrap_or(u64::MAX),
            progress: self.progress.clone(),
        };
        let mut log = Log::new(
            self.place.clone(),
            self.format.clone(),
            &self.wanted,
            &self.start,
            Box::new(reader),
        );
        *log.head_mut() = std::mem::take(&mut self.head);
        // Only the last part can end within a line.
        log.is_of_plain_file();
        match end {
            Some(end) => self.start.position = end,
            None => self.is_done = true,
        }
        Ok(log)
    }

    /// Where the part that begins here ends, behind the end of a line; `None` where it is the last.
    fn cut(&self, from: u64) -> io::Result<Option<u64>> {
        let size = size(&self.file);
        let mut at = from + self.length;
        // What is left is not worth a part of its own, or is one line.
        let latest = (at + self.length / 2).min(size);
        let mut block = vec![0; BLOCK];
        while at < latest {
            let read = self.file.read_at(&mut block, at)?;
            if let Some(end) = memchr(b'\n', block.get(..read).unwrap_or_default()) {
                let end = at + end as u64 + 1;
                return Ok((end < size).then_some(end));
            }
            if read == 0 {
                break;
            }
            at += read as u64;
        }
        Ok(None)
    }

    /// The same file, with a place of its own in it, so that the kernel reads ahead for each part.
    fn reopened(&self) -> Arc<File> {
        let Place::File(path) = &self.place else {
            return self.file.clone();
        };
        match File::open(path) {
            Ok(again) if identity(&again) == identity(&self.file) => again.into(),
            _ => self.file.clone(),
        }
    }
}

fn size(file: &File) -> u64 {
    file.metadata().map_or(0, |file| file.len())
}

fn identity(file: &File) -> Option<(u64, u64)> {
    let file = file.metadata().ok()?;
    Some((file.dev(), file.ino()))
}

/// Bytes of a file from one place to another.
struct Part {
    file: Arc<File>,
    at: u64,
    end: u64,
    progress: Progress,
}

impl Read for Part {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let room = buffer.len().min(left);
        let read = self
            .file
            .read_at(buffer.get_mut(..room).unwrap_or_default(), self.at)?;
        self.at += read as u64;
        self.progress.fetch_add(read as u64, Relaxed);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::super::log::Step;
    use super::*;
    use proptest::prelude::*;
    use std::fs;

    /// What was counted, in an order of its own; counts of lines, and numbers of those that cannot be read.
    fn read(parts: Parts) -> (Vec<String>, Vec<u64>, u64) {
        let mut before: Option<Log> = None;
        let mut shown = Vec::new();
        for part in parts {
            let mut log = part.expect("a part");
            while log.step().expect("lines") != Step::End {}
            if let Some(before) = &mut before {
                log.goes_on_from(before);
            }
            log.hand_on(|evidence| {
                let version = evidence.negotiated.as_ref().map(|agreed| agreed.version);
                for _ in 0..evidence.requests {
                    shown.push(format!("{:?} {version:?}", evidence.address));
                }
                Ok::<_, ()>(())
            })
            .expect("nothing fails");
            before = Some(log);
        }
        shown.sort();
        let last = before.expect("one part at least");
        let counts = *last.counts();
        let malformed = last.malformed().iter().map(|line| line.line).collect();
        let all = [counts.rows, counts.skipped, counts.malformed];
        assert_eq!(counts.lines, all.iter().sum::<u64>() + counts.without_tls);
        (shown, malformed, last.position())
    }

    proptest! {
        #[test]
        fn parts_are_the_whole(lines in prop::collection::vec((0..4_u8, 0..3_u8), 1..60), length in 20..400_u64, ends: bool) {
            let mut text = String::from("192.0.2.9 [25/Nov/2026:13:00:00 +0000] TLSv1.3 x\n");
            for (client, version) in lines {
                match version {
                    0 => text.push_str("what nobody can read\n"),
                    1 => text.push('\n'),
                    _ => text.push_str(&format!("192.0.2.{client} [25/Nov/2026:13:00:0{version} +0000] TLSv1.{client} x\n")),
                }
            }
            if !ends {
                text.pop();
            }
            let file = tempfile::NamedTempFile::new().expect("a file");
            fs::write(file.path(), &text).expect("a file");
            let said = Said::As("$remote_addr [$time_local] $ssl_protocol $ssl_cipher".to_owned());
            let of = |length| {
                let beginning = Beginning::of_file(file.path(), Progress::default()).expect("a file");
                beginning.parts_of(&said, &Wanted::default(), &Start::default(), length).expect("a log")
            };
            prop_assert_eq!(read(of(length)), read(of(1 << 20)));
        }
    }
}
