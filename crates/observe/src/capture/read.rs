//! Reading a capture from its first packet to its last, or on from where it was read to.

use std::io::{self, Read};
use std::ops::ControlFlow;
use std::sync::Arc;

use super::format::{self, Each, Next, Packet};
use super::{Observer, Sink, Summary};
use crate::Evidence;

/// Content that is read before [`Taker::reached`] is asked, however little is in it.
const MOST_UNASKED: u64 = 4 << 20;

/// How far a capture was read before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// What ends before this byte of its content was counted; 0 where nothing was.
    pub position: u64,
    /// The capture ended there, or seemed to: what was open was counted as unfinished. Where it was left in the middle,
    /// what was open was not.
    pub at_its_end: bool,
}

/// What takes what a capture shows.
pub trait Taker {
    /// What one connection shows. [`ControlFlow::Break`] ends the reading.
    fn take(&mut self, evidence: Evidence<'_>) -> ControlFlow<()>;

    /// Everything that ends before this byte of the content was handed on, and nothing else: from here it can be read on
    /// later. `tail` are the bytes before it, at most [`TAIL`](crate::logs::TAIL). [`ControlFlow::Break`] ends the reading.
    fn reached(&mut self, position: u64, tail: &[u8]) -> ControlFlow<()>;

    /// The capture ends before this byte; what is still open comes next.
    fn ended(&mut self, position: u64, tail: &[u8]);
}

/// Reads a capture, packed with gzip or zstd or not, to its end or until `sink` breaks off, and hands on what each TLS
/// connection in it shows. It takes the same memory for a capture of any length, and one that is damaged is read as far as
/// it goes: [`Summary::problem`] says how far.
///
/// # Errors
///
/// When reading fails.
pub fn read(input: impl Read, source: &Arc<str>, sink: &mut Sink<'_>) -> io::Result<Summary> {
    struct All<'a, 'b>(&'a mut Sink<'b>);
    impl Taker for All<'_, '_> {
        fn take(&mut self, evidence: Evidence<'_>) -> ControlFlow<()> {
            (self.0)(evidence)
        }

        fn reached(&mut self, _position: u64, _tail: &[u8]) -> ControlFlow<()> {
            ControlFlow::Continue(())
        }

        fn ended(&mut self, _position: u64, _tail: &[u8]) {}
    }
    read_on(input, source, Counted::default(), &mut All(sink))
}

/// As [`read`], for a capture of which a part was counted: a connection that was handed on before is not again, nor in
/// the summary. It is read from its beginning all the same, because connections lie across any byte of it.
///
/// # Errors
///
/// When reading fails.
pub fn read_on(
    input: impl Read,
    source: &Arc<str>,
    counted: Counted,
    taker: &mut impl Taker,
) -> io::Result<Summary> {
    let mut reading = Reading {
        observer: Observer::new(source.clone()),
        counted: (counted.position > 0).then_some(counted),
        before: Summary::default(),
        asked: 0,
        stopped: false,
        taker,
    };
    let (content, problem) = format::packets(input, &mut reading)?;
    let nothing_new = reading.counted.is_some_and(|counted| counted.at_its_end);
    if nothing_new {
        reading.before = reading.observer.summary().clone();
    } else if !reading.stopped {
        reading.pass();
        let taker = &mut *reading.taker;
        let _ = reading
            .observer
            .finish(&mut |evidence| taker.take(evidence));
    }
    let mut summary = reading.observer.summary().since(&reading.before);
    summary.content = content;
    summary.problem = problem;
    Ok(summary)
}

struct Reading<'a, T> {
    observer: Observer,
    /// What was counted, until it is passed.
    counted: Option<Counted>,
    /// What was seen until then.
    before: Summary,
    /// Where the taker was asked last.
    asked: u64,
    stopped: bool,
    taker: &'a mut T,
}

impl<T> Reading<'_, T> {
    /// From here on it is new.
    fn pass(&mut self) {
        let Some(counted) = self.counted.take() else {
            return;
        };
        if counted.at_its_end {
            // As it was when it ended here: what was open then was told of.
            let _ = self.observer.finish(&mut |_| ControlFlow::Continue(()));
        }
        self.before = self.observer.summary().clone();
    }
}

impl<T: Taker> Each for Reading<'_, T> {
    fn packet(&mut self, packet: Packet<'_>, behind: u64) -> Next {
        if let Some(counted) = self.counted {
            if behind <= counted.position {
                let _ = self
                    .observer
                    .packet(packet, &mut |_| ControlFlow::Continue(()));
                return Next::Packet;
            }
            self.pass();
        }
        let mut told = false;
        let taker = &mut *self.taker;
        let flow = self.observer.packet(packet, &mut |evidence| {
            told = true;
            taker.take(evidence)
        });
        if flow.is_break() {
            self.stopped = true;
            Next::Stop
        } else if told || behind - self.asked > MOST_UNASKED {
            self.asked = behind;
            Next::Pause
        } else {
            Next::Packet
        }
    }

    fn pause(&mut self, position: u64, tail: &[u8]) -> Next {
        if self.taker.reached(position, tail).is_break() {
            self.stopped = true;
            Next::Stop
        } else {
            Next::Packet
        }
    }

    fn ended(&mut self, position: u64, tail: &[u8]) {
        if !self.stopped && self.counted.is_none() {
            self.taker.ended(position, tail);
        }
    }
}
