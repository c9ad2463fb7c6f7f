//! Packets of live traffic, from this machine's interfaces.
//!
//! In: the names of interfaces. Out: packets for a [`capture::Observer`](crate::capture::Observer), and how many of them
//! the system had to drop. Nothing is sent, nothing is changed, and it takes `CAP_NET_RAW` and no more.
//!
//! It is a plain `AF_PACKET` socket: a filter in the kernel lets through only TCP that carries something, a thread does
//! nothing but take packets off the socket, up to 32 of them with one call, and what waits for the observer waits in this
//! process's memory, where no limit of the system cuts it. The ring of `TPACKET_V3` would spare a copy, but reading memory
//! that the kernel writes takes `unsafe`, and no crate that wraps it is one to build on: what `netring` publishes for this
//! workspace's compiler (0.11) is fifteen breaking releases behind, and its iterator over packets hands out references that
//! dangle, as its own documentation says; its later releases need a newer compiler. `afpacket` (of 2021) has no ring and
//! counts no drops, `af_packet` is GPL, and `pcap` needs a C library.

mod block;
mod filter;
mod interfaces;
mod reader;
mod socket;

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use jiff::Timestamp;

pub use block::Block;
pub use interfaces::Interfaces;
pub use reader::Counts;
use reader::{Reader, Shared};

/// Blocks that wait to be looked at: half a second of a busy interface, while the disk is slow or a program is looked for.
/// Usually a quarter of a megabyte each, some 50 MiB all together where every packet is as long as packets get.
const WAITING: usize = 24;

/// Why live traffic cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LiveError {
    /// `CAP_NET_RAW` is lacking.
    #[error("this process may not read packets: it lacks the capability CAP_NET_RAW")]
    NotAllowed,
    /// There is no such interface.
    #[error("there is no interface {name}; there are {known}, and `any` for all of them")]
    NoInterface {
        /// What was asked for.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// The system refuses.
    #[error("packets cannot be read: {0}")]
    System(#[from] io::Error),
}

/// Packets under way.
pub struct Live {
    blocks: Receiver<Block>,
    spare: SyncSender<Block>,
    shared: Arc<Shared>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Live {
    /// Begins to take packets from these interfaces. `buffer` is how many bytes of them may wait in the kernel, as far as
    /// the system lets us; `clock` says what time it is when they come.
    ///
    /// # Errors
    ///
    /// When the capability is lacking, there is no such interface, or the system refuses.
    pub fn open(
        interfaces: Interfaces,
        buffer: usize,
        clock: impl Fn() -> Timestamp + Send + 'static,
    ) -> Result<Self, LiveError> {
        let shared = Arc::<Shared>::default();
        let stop = Arc::<AtomicBool>::default();
        let (sender, blocks) = sync_channel(WAITING);
        let (spare, spares) = sync_channel(WAITING);
        let (opened, outcome) = sync_channel(1);
        let (theirs, their_stop) = (shared.clone(), stop.clone());
        // The socket's buffers are the thread's own.
        let thread = thread::Builder::new()
            .name("packets".to_owned())
            .spawn(move || {
                let reader = match Reader::open(interfaces, buffer, theirs, their_stop) {
                    Ok(reader) => reader,
                    Err(error) => {
                        opened.send(Err(error)).ok();
                        return Ok(());
                    }
                };
                opened.send(Ok(())).ok();
                reader.run(&sender, &spares, clock)
            })?;
        outcome
            .recv()
            .map_err(|_| io::Error::other("the thread that reads packets has failed"))??;
        Ok(Self {
            blocks,
            spare,
            shared,
            stop,
            thread: Some(thread),
        })
    }

    /// The packets that come next; `None` where none have come for so long.
    ///
    /// # Errors
    ///
    /// When the system ends it: the interface's driver fails, say. All that came before was given out.
    pub fn next(&mut self, patience: Duration) -> io::Result<Option<Block>> {
        match self.blocks.recv_timeout(patience) {
            Ok(block) => Ok(Some(block)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => self.join().map(|()| None),
        }
    }

    /// Takes back the room of packets that were looked at.
    pub fn give_back(&self, block: Block) {
        self.spare.try_send(block).ok();
    }

    /// No more packets are taken from now on. [`Live::rest`] has those that had come.
    pub fn stop(&self) {
        self.stop.store(true, Relaxed);
    }

    /// What had come before the stop; `None` when that was all.
    ///
    /// # Errors
    ///
    /// As [`Live::next`].
    pub fn rest(&mut self) -> io::Result<Option<Block>> {
        match self.blocks.recv() {
            Ok(block) => Ok(Some(block)),
            Err(_) => self.join().map(|()| None),
        }
    }

    /// What has come so far, and what of it could not be taken.
    pub fn counts(&self) -> Counts {
        self.shared.counts()
    }

    fn join(&mut self) -> io::Result<()> {
        let Some(thread) = self.thread.take() else {
            return Ok(());
        };
        thread
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the thread that reads packets has failed")))
    }
}
