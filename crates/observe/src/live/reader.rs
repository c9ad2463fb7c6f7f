//! The thread that takes packets off the socket, and does nothing else: whatever holds up who looks at them, the kernel's
//! small buffer does not run over.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::block::Block;
use super::socket::Socket;
use super::{Interfaces, LiveError};

/// How long is waited for a packet before somebody may end it, in milliseconds.
const PATIENCE: u16 = 200;
/// How often the counts are fetched and interfaces that were named are looked for again.
const LOOK: Duration = Duration::from_millis(500);
/// How long what had come before the stop is taken. On a busy interface more comes all the time.
const LAST: Duration = Duration::from_millis(500);

/// What has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Packets that passed the filter.
    pub packets: u64,
    /// Those of them that the kernel had no room for. What was in them is not known.
    pub dropped: u64,
}

/// The same, between the threads.
#[derive(Debug, Default)]
pub(super) struct Shared {
    packets: AtomicU64,
    dropped: AtomicU64,
}

impl Shared {
    pub(super) fn counts(&self) -> Counts {
        Counts {
            packets: self.packets.load(Relaxed),
            dropped: self.dropped.load(Relaxed),
        }
    }
}

/// What the thread has.
pub(super) struct Reader {
    interfaces: Interfaces,
    indexes: Option<Vec<u32>>,
    socket: Socket,
    shared: Arc<Shared>,
    stop: Arc<AtomicBool>,
}

impl Reader {
    pub(super) fn open(
        interfaces: Interfaces,
        buffer: usize,
        shared: Arc<Shared>,
        stop: Arc<AtomicBool>,
    ) -> Result<Self, LiveError> {
        interfaces.check()?;
        let indexes = interfaces.indexes();
        let socket = Socket::open(buffer, indexes.as_deref())?;
        Ok(Self {
            interfaces,
            indexes,
            socket,
            shared,
            stop,
        })
    }

    /// Takes packets until it is stopped, or nobody looks at them any more.
    pub(super) fn run(
        mut self,
        blocks: &SyncSender<Block>,
        spares: &Receiver<Block>,
        clock: impl Fn() -> Timestamp,
    ) -> io::Result<()> {
        let mut looked = Instant::now();
        let mut end = None;
        loop {
            if self.stop.load(Relaxed) {
                end.get_or_insert_with(|| Instant::now() + LAST);
            } else {
                self.socket.wait(PATIENCE)?;
            }
            let mut block = spares.try_recv().unwrap_or_default();
            block.clear();
            let drained = self.fill(&mut block, &clock)?;
            if looked.elapsed() >= LOOK || end.is_some() {
                looked = Instant::now();
                self.look()?;
            }
            if !block.is_empty() && blocks.send(block).is_err() {
                return Ok(());
            }
            if end.is_some_and(|end| drained || Instant::now() >= end) {
                return self.look();
            }
        }
    }

    /// Fills a block with what is there: whether that was all.
    fn fill(&mut self, block: &mut Block, clock: impl Fn() -> Timestamp) -> io::Result<bool> {
        while !block.is_full() {
            if self.socket.receive()? == 0 {
                return Ok(true);
            }
            // Until about the year 2262.
            let at = i64::try_from(clock().as_nanosecond()).unwrap_or(i64::MAX);
            for (protocol, payload, length) in self.socket.received() {
                block.push(protocol, payload, length, at);
            }
        }
        Ok(false)
    }

    /// Adds up the counts; finds interfaces again that were taken away and have come back under another number.
    fn look(&mut self) -> io::Result<()> {
        let (packets, dropped) = self.socket.statistics()?;
        self.shared.packets.fetch_add(packets, Relaxed);
        self.shared.dropped.fetch_add(dropped, Relaxed);
        let indexes = self.interfaces.indexes();
        if indexes != self.indexes {
            self.socket.listen_to(indexes.as_deref())?;
            self.indexes = indexes;
        }
        Ok(())
    }
}
