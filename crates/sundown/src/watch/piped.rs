//! Standard input that can be asked without waiting for it.

use std::io::{self, ErrorKind, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use super::stopping::Stopping;

/// Bytes that are read at once.
const BLOCK: usize = 128 << 10;
/// Blocks that wait to be looked at.
const WAITING: usize = 4;
/// How long is waited for more before somebody else gets a turn.
const PATIENCE: Duration = Duration::from_millis(200);

/// Standard input. A read that finds nothing for a while says `WouldBlock`; it ends when somebody wants the run to end.
pub(crate) struct Piped {
    stopping: Stopping,
    blocks: Receiver<io::Result<Vec<u8>>>,
    block: io::Cursor<Vec<u8>>,
}

impl Piped {
    /// Begins to read.
    ///
    /// # Errors
    ///
    /// When no thread can be started.
    pub(crate) fn new(stopping: Stopping) -> io::Result<Self> {
        let (sender, blocks) = sync_channel(WAITING);
        thread::Builder::new()
            .name("standard input".to_owned())
            .spawn(move || {
                let mut stdin = io::stdin().lock();
                loop {
                    let mut block = vec![0; BLOCK];
                    let read = stdin.read(&mut block);
                    let is_last = !matches!(read, Ok(1..));
                    let sent = sender.send(read.map(|read| {
                        block.truncate(read);
                        block
                    }));
                    if is_last || sent.is_err() {
                        return;
                    }
                }
            })?;
        Ok(Self {
            stopping,
            blocks,
            block: io::Cursor::default(),
        })
    }

    /// The first bytes, as many as came at once; waits for them, or for the end of the run. They are there to be read all
    /// the same.
    ///
    /// # Errors
    ///
    /// When reading fails.
    pub(crate) fn start(&mut self) -> io::Result<&[u8]> {
        while self.block.get_ref().is_empty() && !self.stopping.is_wanted() {
            match self.blocks.recv_timeout(PATIENCE) {
                Ok(block) => {
                    self.block = io::Cursor::new(block?);
                    break;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        Ok(self.block.get_ref())
    }
}

impl Read for Piped {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.block.read(buffer)?;
            if read > 0 {
                return Ok(read);
            }
            match self.blocks.recv_timeout(PATIENCE) {
                Ok(block) => {
                    let block = block?;
                    if block.is_empty() {
                        return Ok(0);
                    }
                    self.block = io::Cursor::new(block);
                }
                Err(RecvTimeoutError::Timeout) if self.stopping.is_wanted() => return Ok(0),
                Err(RecvTimeoutError::Timeout) => return Err(ErrorKind::WouldBlock.into()),
                Err(RecvTimeoutError::Disconnected) => return Ok(0),
            }
        }
    }
}
