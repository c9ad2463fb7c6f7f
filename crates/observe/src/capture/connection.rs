//! One TCP connection: what each side sent, put in order and handed to its handshake.

use std::net::SocketAddr;
use std::sync::Arc;

use accounts::Shown;
use hello::{NotTls, Scratch};

use super::agreed::Agreed;
use super::handshake::Handshake;
use super::link::Segment;
use super::moment::Span;
use super::shape;
use super::stream::{Stream, Turn};
use crate::Evidence;

/// From whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Server,
}

/// What became of a connection.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It goes on.
    Open,
    /// There is nothing more to learn of it.
    Over,
    /// It is no TLS.
    Forget,
}

/// One connection that is being followed.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) span: Span,
    /// The sequence number of the client's SYN.
    pub(super) begin: Option<u32>,
    up: Stream,
    down: Stream,
    closed_first: Option<Side>,
    handshake: Handshake,
}

impl Connection {
    pub(super) fn new(at: i64) -> Self {
        Self {
            span: Span::new(at),
            begin: None,
            up: Stream::default(),
            down: Stream::default(),
            closed_first: None,
            handshake: Handshake::default(),
        }
    }

    /// Bytes that it holds beside itself.
    pub(super) fn weight(&self) -> usize {
        self.up.weight() + self.down.weight() + self.handshake.weight()
    }

    /// Whether a hello of this client was read or begun.
    pub(super) fn has_hello(&self) -> bool {
        self.handshake.has_hello()
    }

    /// The protocol that was spoken instead of TLS.
    pub(super) const fn plain(&self) -> Option<NotTls> {
        self.handshake.plain()
    }

    /// Whether its end is not in the capture.
    pub(super) const fn is_unfinished(&self) -> bool {
        self.handshake.is_unfinished()
    }

    /// Whether the hello, or a part of it, is not in the capture.
    pub(super) fn is_incomplete(&self) -> bool {
        self.handshake.offer().is_none()
    }

    /// Whether the client turns out to be who was called: the first hello comes from the other side.
    pub(super) fn is_turned(&self, side: Side, segment: &Segment<'_>) -> bool {
        side == Side::Server
            && self.handshake.is_untouched()
            && shape::client_hello(segment.payload).is_some()
    }

    /// Exchanges the sides.
    pub(super) const fn turn(&mut self) {
        std::mem::swap(&mut self.up, &mut self.down);
    }

    /// Takes a segment of this side.
    pub(super) fn segment(
        &mut self,
        side: Side,
        segment: &Segment<'_>,
        scratch: &mut Scratch,
    ) -> Verdict {
        let sequence = segment.sequence.wrapping_add(segment.syn().into());
        if segment.syn() {
            let stream = self.stream(side);
            if !stream.begun() {
                stream.begin(sequence);
            }
        }
        if !segment.payload.is_empty() || segment.missing > 0 {
            self.payload(side, sequence, segment, scratch);
        }
        if segment.fin() {
            let length = u32::try_from(segment.payload.len()).unwrap_or(0);
            let end = sequence.wrapping_add(length).wrapping_add(segment.missing);
            self.stream(side).finish(end);
            self.closed_first.get_or_insert(side);
        }
        if segment.rst() {
            self.closed_first.get_or_insert(side);
        }
        if self.handshake.is_no_tls() {
            return Verdict::Forget;
        }
        let over = segment.rst() || (self.up.is_over() && self.down.is_over());
        if over {
            self.handshake
                .close(self.closed_first == Some(Side::Server), self.up.waits());
        }
        if self.handshake.is_settled() {
            Verdict::Over
        } else if over {
            Verdict::Forget
        } else {
            Verdict::Open
        }
    }

    const fn stream(&mut self, side: Side) -> &mut Stream {
        match side {
            Side::Client => &mut self.up,
            Side::Server => &mut self.down,
        }
    }

    fn payload(&mut self, side: Side, sequence: u32, segment: &Segment<'_>, scratch: &mut Scratch) {
        let stream = self.stream(side);
        let mut turn = stream.turn(sequence, segment.payload, segment.missing);
        if turn == Turn::Full {
            let gap = stream.give_up(sequence);
            self.hole(side, gap);
            self.drain(side, scratch);
            turn = self
                .stream(side)
                .turn(sequence, segment.payload, segment.missing);
        }
        if let Turn::Now(old) = turn {
            self.feed(side, segment.payload, segment.missing, old, scratch);
            self.drain(side, scratch);
        }
    }

    /// What was held and whose turn has come.
    fn drain(&mut self, side: Side, scratch: &mut Scratch) {
        while !self.handshake.is_settled()
            && !self.handshake.is_no_tls()
            && let Some((piece, old)) = self.stream(side).held()
        {
            self.feed(side, &piece.bytes, piece.missing, old, scratch);
        }
    }

    /// The next bytes of a side, of which `old` were there already, and `missing` that nobody captured.
    fn feed(&mut self, side: Side, bytes: &[u8], missing: u32, old: usize, scratch: &mut Scratch) {
        let new = bytes.get(old..).unwrap_or_default();
        let past = u32::try_from(old.saturating_sub(bytes.len())).unwrap_or(u32::MAX);
        let missing = missing.saturating_sub(past);
        let count = u32::try_from(new.len()).unwrap_or(u32::MAX);
        self.stream(side).advance(count.wrapping_add(missing));
        if !new.is_empty() {
            match side {
                Side::Client => {
                    let one_sided = !self.down.begun();
                    self.handshake.up(new, one_sided, scratch);
                }
                Side::Server => self.handshake.down(new),
            }
        }
        if missing > 0 && !self.handshake.is_settled() {
            self.hole(side, missing);
        }
    }

    /// Bytes that are not in the capture.
    fn hole(&mut self, side: Side, count: u32) {
        match side {
            Side::Client => self.handshake.up_hole(count),
            Side::Server => self.handshake.down_hole(count),
        }
    }

    /// Nothing more will come: what is known has to do.
    pub(super) fn stop(&mut self) {
        self.handshake.stop(self.up.waits());
    }

    /// What it shows, if it was TLS.
    pub(super) fn evidence<'a>(
        &'a mut self,
        source: &'a Arc<str>,
        client: SocketAddr,
        server: SocketAddr,
    ) -> Option<Evidence<'a>> {
        let outcome = self.handshake.take_outcome()?;
        let (first, last) = self.span.within_an_hour();
        let handshake = &self.handshake;
        let agreed = handshake.agreed();
        Some(Evidence {
            first,
            last,
            source,
            address: Some(client.ip()),
            port: Some(client.port()),
            server: Some(server),
            sni: handshake.server_name(),
            offer: handshake
                .offer()
                .cloned()
                .or_else(|| agreed.map(Agreed::offer)),
            negotiated: agreed.map(Agreed::negotiated),
            shown: Shown::default(),
            user_agent: None,
            outcome,
            connections: 1,
            requests: 0,
        })
    }
}
