//! From packets to evidence.

use std::hash::BuildHasher;
use std::ops::ControlFlow;
use std::sync::Arc;

use foldhash::quality::RandomState;
use hello::{NotTls, Scratch};

use super::Summary;
use super::connection::{Connection, Verdict};
use super::format::Packet;
use super::link::{Content, Segment, content};
use super::shape;
use super::table::{Done, Key, List, Table};
use crate::Evidence;

/// How long a handshake may take, in nanoseconds. What is not done by then will not be: servers give up sooner.
const MOST_TIME: i64 = 120 * 1_000_000_000;

/// What takes the evidence. [`ControlFlow::Break`] ends the reading.
pub type Sink<'a> = dyn FnMut(Evidence<'_>) -> ControlFlow<()> + 'a;

/// Looks at packets in the order in which they were captured, and tells of every TLS connection once: when its handshake
/// is over, or when nothing more can be learned of it.
pub struct Observer {
    source: Arc<str>,
    table: Table,
    done: Done,
    hasher: RandomState,
    scratch: Scratch,
    /// The latest time of any packet: clocks that go backwards do not make anything younger.
    now: i64,
    summary: Summary,
}

impl Observer {
    /// Evidence will say that it comes from this source.
    pub fn new(source: Arc<str>) -> Self {
        Self {
            source,
            table: Table::new(),
            done: Done::new(),
            hasher: RandomState::default(),
            scratch: Scratch::default(),
            now: i64::MIN,
            summary: Summary::default(),
        }
    }

    /// What was seen so far.
    pub const fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Looks at a packet.
    pub fn packet(&mut self, packet: Packet<'_>, sink: &mut Sink<'_>) -> ControlFlow<()> {
        let summary = &mut self.summary;
        summary.packets += 1;
        summary.bytes += packet.length as u64;
        match content(packet.link, packet.bytes, packet.length) {
            Content::Tcp(segment) => self.segment(&segment, packet.at, sink),
            Content::Fragment => {
                summary.fragments += 1;
                ControlFlow::Continue(())
            }
            Content::Quic => {
                summary.quic += 1;
                ControlFlow::Continue(())
            }
            Content::UnknownLink => {
                summary.unknown_links += 1;
                summary.unknown_link = Some(packet.link);
                ControlFlow::Continue(())
            }
            Content::Cut => {
                summary.cut_headers += 1;
                ControlFlow::Continue(())
            }
            Content::Other => ControlFlow::Continue(()),
        }
    }

    /// Nothing more will come: tells of what is still open.
    pub fn finish(&mut self, sink: &mut Sink<'_>) -> ControlFlow<()> {
        for list in [List::Talking, List::Silent] {
            while let Some((index, _)) = self.table.oldest(list) {
                self.give_up(index, sink)?;
            }
        }
        ControlFlow::Continue(())
    }

    /// Tells of connections whose handshake has taken too long by this time, in nanoseconds since 1970. Packets do this by
    /// themselves; it is for when none come.
    pub fn expire(&mut self, now: i64, sink: &mut Sink<'_>) -> ControlFlow<()> {
        self.now = self.now.max(now);
        for list in [List::Talking, List::Silent] {
            while let Some((index, since)) = self.table.oldest(list)
                && self.now.saturating_sub(since) > MOST_TIME
            {
                self.give_up(index, sink)?;
            }
        }
        ControlFlow::Continue(())
    }

    #[inline]
    fn segment(&mut self, segment: &Segment<'_>, at: i64, sink: &mut Sink<'_>) -> ControlFlow<()> {
        let empty = segment.payload.is_empty() && segment.missing == 0;
        if empty && !segment.syn() && !segment.fin() && !segment.rst() {
            return ControlFlow::Continue(());
        }
        let key = Key::new(segment.from, segment.to);
        let hash = self.hasher.hash_one(key.parts());
        match self.table.find(hash, &key) {
            Some(index) => self.followed(index, hash, segment, at, sink),
            None => self.unknown(hash, segment, at, sink),
        }
    }

    /// A segment of a connection that is not followed: it begins one, or looks like the beginning of TLS, or is passed
    /// over. That is the way of most bytes.
    #[inline]
    fn unknown(
        &mut self,
        hash: u64,
        segment: &Segment<'_>,
        at: i64,
        sink: &mut Sink<'_>,
    ) -> ControlFlow<()> {
        let payload = segment.payload;
        let from_client = if segment.syn() {
            if segment.rst() {
                return ControlFlow::Continue(());
            }
            // The same pair of addresses is used again.
            self.done.remove(hash);
            !segment.ack()
        } else if shape::client_hello(payload) == Some(0) || shape::sslv2_client_hello(payload) {
            true
        } else if shape::server_hello(payload) {
            false
        } else {
            return ControlFlow::Continue(());
        };
        if !segment.syn() && self.done.contains(hash) {
            return ControlFlow::Continue(());
        }
        self.begin(hash, segment, from_client, at, sink)
    }

    fn begin(
        &mut self,
        hash: u64,
        segment: &Segment<'_>,
        from_client: bool,
        at: i64,
        sink: &mut Sink<'_>,
    ) -> ControlFlow<()> {
        self.now = self.now.max(at);
        let mut connection = Connection::new(at);
        let ends = if from_client {
            connection.begin = segment.syn().then_some(segment.sequence);
            (segment.from, segment.to)
        } else {
            (segment.to, segment.from)
        };
        let index = self.table.insert(hash, ends, self.now, connection);
        while let Some(oldest) = self.table.too_many() {
            self.summary.evicted += 1;
            self.give_up(oldest, sink)?;
        }
        self.expire(at, sink)?;
        self.followed(index, hash, segment, at, sink)
    }

    fn followed(
        &mut self,
        index: u32,
        hash: u64,
        segment: &Segment<'_>,
        at: i64,
        sink: &mut Sink<'_>,
    ) -> ControlFlow<()> {
        let Some(slot) = self.table.get(index) else {
            return ControlFlow::Continue(());
        };
        if segment.syn() && !segment.ack() {
            match slot.connection.begin {
                Some(begin) if begin != segment.sequence => {
                    // The same pair of addresses is used again, and nobody has seen the end of the last.
                    self.give_up(index, sink)?;
                    self.done.remove(hash);
                    return self.begin(hash, segment, true, at, sink);
                }
                _ => slot.connection.begin = Some(segment.sequence),
            }
        }
        let side = slot.side(segment.from);
        let side = if slot.connection.is_turned(side, segment) {
            slot.turn();
            slot.side(segment.from)
        } else {
            side
        };
        slot.connection.span.extend(at);
        let verdict = slot.connection.segment(side, segment, &mut self.scratch);
        match verdict {
            Verdict::Over => self.tell(index, sink),
            Verdict::Forget => {
                if let Some(slot) = self.table.remove(index) {
                    self.count_plain(&slot.connection);
                }
                ControlFlow::Continue(())
            }
            Verdict::Open => {
                if !segment.payload.is_empty() {
                    let now = self.now.max(at);
                    self.table.talks(index, now);
                }
                ControlFlow::Continue(())
            }
        }
    }

    /// Nothing more is waited for.
    fn give_up(&mut self, index: u32, sink: &mut Sink<'_>) -> ControlFlow<()> {
        if let Some(slot) = self.table.get(index) {
            slot.connection.stop();
        }
        self.tell(index, sink)
    }

    /// Forgets a connection and tells what it has shown.
    fn tell(&mut self, index: u32, sink: &mut Sink<'_>) -> ControlFlow<()> {
        let Some(mut slot) = self.table.remove(index) else {
            return ControlFlow::Continue(());
        };
        let (client, server) = slot.ends();
        let hash = self.hasher.hash_one(Key::new(client, server).parts());
        self.count_plain(&slot.connection);
        let connection = &mut slot.connection;
        let (unfinished, incomplete) = (connection.is_unfinished(), connection.is_incomplete());
        let Some(evidence) = connection.evidence(&self.source, client.socket(), server.socket())
        else {
            return ControlFlow::Continue(());
        };
        self.done.insert(hash);
        self.summary.connections += 1;
        self.summary.answered += u64::from(evidence.negotiated.is_some());
        self.summary.unfinished += u64::from(unfinished);
        self.summary.incomplete += u64::from(incomplete);
        sink(evidence)
    }

    fn count_plain(&mut self, connection: &Connection) {
        if connection.has_hello() {
            return;
        }
        match connection.plain() {
            Some(NotTls::Http) => self.summary.http += 1,
            Some(_) => self.summary.other += 1,
            None => {}
        }
    }
}
