//! What one thread reads of a capture, for another to count.

use std::fs::File;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use accounts::Shown;
use hello::Offer;
use jiff::Timestamp;
use ledger::{Negotiated, Outcome};
use observe::Evidence;
use observe::capture::{self, Counted, Summary, Taker};
use observe::logs::Progress;

use super::captures::Watched;

/// Connections that are handed over at once, and counted in one transaction: fewer than one thread alone takes, because
/// each that reads holds as many, and as many wait to be counted.
const MOST: usize = 2_048;
/// Bytes of their offers, likewise: a hello can have 64 KiB.
const MOST_BYTES: usize = 2 << 20;

/// A connection, holding its own text.
#[derive(Debug)]
struct Told {
    first: Timestamp,
    last: Timestamp,
    address: Option<IpAddr>,
    port: Option<u16>,
    server: Option<SocketAddr>,
    sni: Option<Box<str>>,
    offer: Option<Offer>,
    negotiated: Option<Negotiated>,
    outcome: Outcome,
}

impl Told {
    fn evidence<'a>(self, sni: Option<&'a str>, source: &'a Arc<str>) -> Evidence<'a> {
        Evidence {
            first: self.first,
            last: self.last,
            source,
            address: self.address,
            port: self.port,
            server: self.server,
            sni,
            offer: self.offer,
            negotiated: self.negotiated,
            shown: Shown::default(),
            user_agent: None,
            outcome: self.outcome,
            connections: 1,
            requests: 0,
        }
    }
}

/// A part of a capture.
#[derive(Debug, Default)]
pub(super) struct Part {
    connections: Vec<Told>,
    /// Bytes of their offers.
    bytes: usize,
    /// Everything that ends before this byte is in it, or was in a part before it; 0 where nothing was reached.
    pub(super) position: u64,
    /// The bytes before that.
    pub(super) tail: Vec<u8>,
}

impl Part {
    /// Hands on what it holds, until `take` fails.
    pub(super) fn hand_on<E>(
        self,
        source: &Arc<str>,
        mut take: impl FnMut(&Evidence<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.connections.into_iter().try_for_each(|mut told| {
            let sni = told.sni.take();
            take(&told.evidence(sni.as_deref(), source))
        })
    }
}

/// A capture to be read.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) path: PathBuf,
    pub(super) source: Arc<str>,
    pub(super) counted: Counted,
    pub(super) progress: Progress,
}

/// What is left when it was read.
pub(super) struct Rest {
    pub(super) part: Part,
    pub(super) summary: io::Result<Summary>,
    /// Somebody wants the run to end, and it is not at its own.
    pub(super) is_stopped: bool,
}

/// Reads a capture; hands over full parts, and gives the rest. `is_stopped` says that somebody wants the run to end.
pub(super) fn read(
    task: &Task,
    hand_over: impl FnMut(Part) -> ControlFlow<()>,
    is_stopped: impl Fn() -> bool,
) -> Rest {
    let mut telling = Telling {
        part: Part::default(),
        hand_over,
        wants_end: is_stopped,
        is_stopped: false,
    };
    let summary = File::open(&task.path).and_then(|file| {
        let input = Watched::new(file, task.progress.clone());
        capture::read_on(input, &task.source, task.counted, &mut telling)
    });
    Rest {
        part: telling.part,
        summary,
        is_stopped: telling.is_stopped,
    }
}

struct Telling<H, S> {
    part: Part,
    hand_over: H,
    wants_end: S,
    is_stopped: bool,
}

impl<H, S> Telling<H, S> {
    fn at(&mut self, position: u64, tail: &[u8]) {
        self.part.position = position;
        self.part.tail.clear();
        self.part.tail.extend_from_slice(tail);
    }
}

impl<H: FnMut(Part) -> ControlFlow<()>, S: Fn() -> bool> Taker for Telling<H, S> {
    fn take(&mut self, evidence: Evidence<'_>) -> ControlFlow<()> {
        let offer = evidence.offer.as_ref();
        self.part.bytes += offer.map_or(0, |offer| offer.as_bytes().len());
        self.part.connections.push(Told {
            first: evidence.first,
            last: evidence.last,
            address: evidence.address,
            port: evidence.port,
            server: evidence.server,
            sni: evidence.sni.map(Into::into),
            offer: evidence.offer,
            negotiated: evidence.negotiated,
            outcome: evidence.outcome,
        });
        ControlFlow::Continue(())
    }

    fn reached(&mut self, position: u64, tail: &[u8]) -> ControlFlow<()> {
        self.at(position, tail);
        self.is_stopped = (self.wants_end)();
        if self.is_stopped {
            return ControlFlow::Break(());
        }
        if self.part.connections.len() >= MOST || self.part.bytes >= MOST_BYTES {
            (self.hand_over)(std::mem::take(&mut self.part))?;
            self.at(position, tail);
        }
        ControlFlow::Continue(())
    }

    fn ended(&mut self, position: u64, tail: &[u8]) {
        self.at(position, tail);
    }
}
