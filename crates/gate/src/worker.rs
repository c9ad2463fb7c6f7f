//! One thread: an event loop over its share of the connections.

use std::mem;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use door::{Beginning, Diverted, Kinds, Opening, Record, Shared};
use hello::Scratch;
use ledger::Outcome;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{SocketFlags, acceptfrom_with};
use rustix::time::Timespec;
use slab::Slab;

use crate::connection::{Arrival, Connection, Next, Stage, linger, our_fault};
use crate::control::{Control, Phase};
use crate::deadlines::{Deadlines, Key, Tick};
use crate::entrance::Entrance;
use crate::flow::CHUNK;
use crate::kit::{CLIENT, First, Kit, Received, UPSTREAM};
use crate::pipes::Pipes;
use crate::side::Side;

/// How long to wait after an accept that failed for want of descriptors or memory, so as not to spin.
const PAUSE: Duration = Duration::from_millis(50);
/// How many connections are taken before others on the same thread get their turn.
const BATCH: usize = 64;
/// Most connections that wait to be accepted: as many as the kernel keeps for a listener of ours.
const QUEUE: usize = 4096;
/// Events taken at once.
const EVENTS: usize = 256;

/// What a wake-up is told by; listeners count down from it.
const WAKE: u64 = u64::MAX;

/// One thread of the gate.
pub(crate) struct Worker {
    entrances: Vec<Arc<Entrance>>,
    /// Boxed: a table that grows moves what it holds, and keeps room for as much again.
    connections: Slab<Box<Connection>>,
    kit: Kit,
    control: Arc<Control>,
    wake: Arc<OwnedFd>,
    phase: Phase,
    generation: u32,
    again: Vec<Key>,
    /// When to listen again after an accept that failed.
    paused_until: Option<Tick>,
    is_failing: bool,
}

impl Worker {
    pub(crate) fn new(
        entrances: Vec<Arc<Entrance>>,
        shared: Shared,
        control: Arc<Control>,
        wake: Arc<OwnedFd>,
    ) -> std::io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &wake, EventData::new_u64(WAKE), EventFlags::IN)?;
        let worker = Self {
            kit: Kit {
                epoll,
                rules: shared.rules.load_full(),
                beginning: Beginning::now(shared.clock),
                shared,
                started: Instant::now(),
                now: Tick::default(),
                scratch: vec![0; CHUNK].into_boxed_slice(),
                hello: Scratch::default(),
                pipes: Pipes::default(),
                kinds: Kinds::default(),
                deadlines: Deadlines::new(),
                is_stopping: false,
            },
            entrances,
            connections: Slab::new(),
            control,
            wake,
            phase: Phase::Serving,
            generation: 0,
            again: Vec::new(),
            paused_until: None,
            is_failing: false,
        };
        worker.listen()?;
        Ok(worker)
    }

    fn listen(&self) -> std::io::Result<()> {
        for (place, entrance) in (1..).zip(&self.entrances) {
            // One thread is woken for each connection, not all of them.
            let flags = EventFlags::IN | EventFlags::EXCLUSIVE;
            let data = EventData::new_u64(WAKE - place);
            epoll::add(&self.kit.epoll, &entrance.socket, data, flags)?;
        }
        Ok(())
    }

    fn stop_listening(&self) {
        for entrance in &self.entrances {
            // Not there while paused.
            epoll::delete(&self.kit.epoll, &entrance.socket).ok();
        }
    }

    /// Serves until it is told to stop; gives how many connections were cut off.
    pub(crate) fn run(mut self) -> usize {
        let mut events: Vec<Event> = Vec::with_capacity(EVENTS);
        let mut due = Vec::new();
        let mut end = Tick::NEVER;
        loop {
            let sleep = self.sleep();
            events.clear();
            match epoll::wait(&self.kit.epoll, spare_capacity(&mut events), sleep.as_ref()) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => {
                    tracing::error!(%error, "the gate cannot wait for events; a thread of it ends");
                    return self.connections.len();
                }
            }
            self.kit.beginning = Beginning::now(self.kit.shared.clock);
            let since_start = self.kit.beginning.started.duration_since(self.kit.started);
            self.kit.now = Tick::at(since_start);
            self.kit.rules = self.kit.shared.rules.load_full();
            for key in mem::take(&mut self.again) {
                self.turn(key, None);
            }
            for event in &events {
                let (data, flags) = (event.data.u64(), event.flags);
                match WAKE - data {
                    0 => self.woken(&mut end),
                    place if place <= self.entrances.len() as u64 => {
                        if self.phase == Phase::Serving {
                            self.accept(place, BATCH);
                        }
                    }
                    _ => {
                        let key = Key {
                            index: u32::try_from(data >> 1 & 0x7fff_ffff).unwrap_or_default(),
                            generation: u32::try_from(data >> 32).unwrap_or_default(),
                        };
                        self.turn(key, Some((data & 1, flags)));
                    }
                }
            }
            self.kit.deadlines.take_due(self.kit.now, &mut due);
            for key in due.drain(..) {
                self.look_at_deadline(key);
            }
            if self.paused_until.is_some_and(|until| until <= self.kit.now) {
                self.paused_until = None;
                if self.phase == Phase::Serving {
                    self.listen().ok();
                }
            }
            if self.phase == Phase::Stopping && (self.connections.is_empty() || self.kit.now >= end)
            {
                return self.end();
            }
        }
    }

    fn sleep(&self) -> Option<Timespec> {
        /// While it ends, or pauses, it looks at the clock.
        const SHORT: Duration = Duration::from_millis(50);
        let sleep = if self.again.is_empty() {
            let short =
                (self.phase == Phase::Stopping || self.paused_until.is_some()).then_some(SHORT);
            let due = self.kit.deadlines.sleep();
            short.into_iter().chain(due).min()
        } else {
            Some(Duration::ZERO)
        };
        sleep.and_then(|sleep| Timespec::try_from(sleep).ok())
    }

    fn woken(&mut self, end: &mut Tick) {
        rustix::io::read(&self.wake, &mut [0; 8]).ok();
        self.control.turned();
        let phase = self.control.phase();
        if phase == self.phase {
            return;
        }
        let before = mem::replace(&mut self.phase, phase);
        if before == Phase::Serving {
            self.stop_listening();
            // A connection that this thread alone was woken for would wait until another comes.
            for place in (1..).take(self.entrances.len()) {
                self.accept(place, QUEUE);
            }
        }
        if phase == Phase::Stopping {
            self.kit.is_stopping = true;
            *end = self.kit.now.after(self.kit.rules.limits.drain);
        }
    }

    /// It is over: says so of hellos that never came. Gives how many connections are cut off.
    fn end(mut self) -> usize {
        let waiting: Vec<Key> = self
            .connections
            .iter()
            .filter(|(_, connection)| matches!(connection.stage, Stage::Opening(_)))
            .filter_map(|(index, connection)| key(index, connection))
            .collect();
        for key in waiting {
            self.settle(key, Opening::Stopping);
        }
        self.connections.len()
    }

    fn accept(&mut self, place: u64, most: usize) {
        let index = usize::try_from(place - 1).unwrap_or(usize::MAX);
        let Some(entrance) = self.entrances.get(index).cloned() else {
            return;
        };
        for _ in 0..most {
            let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
            match acceptfrom_with(&entrance.socket, flags) {
                Ok((socket, peer)) => {
                    self.is_failing = false;
                    let peer = peer.and_then(|peer| SocketAddr::try_from(peer).ok());
                    if let Some(peer) = peer {
                        self.admit(socket, peer, &entrance);
                    }
                }
                Err(Errno::AGAIN) => return,
                // The client has gone again.
                Err(Errno::CONNABORTED | Errno::INTR) => {}
                Err(error) => {
                    // Out of descriptors, most likely: said once, not once for each try.
                    if !mem::replace(&mut self.is_failing, true) {
                        tracing::error!(%error, "cannot accept connections; raise the limit on open files (ulimit -n) or lower limits.connections");
                    }
                    self.stop_listening();
                    self.paused_until = Some(self.kit.now.after(PAUSE));
                    return;
                }
            }
        }
    }

    /// Judges a connection on the spot if its hello is there, and else when it is.
    fn admit(&mut self, socket: OwnedFd, peer: SocketAddr, entrance: &Arc<Entrance>) {
        let kit = &mut self.kit;
        let limits = &kit.rules.limits;
        let mut record = Record::begun(
            kit.shared.sink.clone(),
            kit.shared.clock,
            entrance.name.clone(),
            peer,
            kit.rules.addresses,
            kit.beginning,
        );
        let awaits_introduction = entrance.introducers.contain(peer.ip());
        // Whoever is in front has the connections of many.
        let most = if awaits_introduction {
            usize::MAX
        } else {
            limits.connections_per_address
        };
        let permit = kit.shared.bounds.admit(peer.ip(), limits.connections, most);
        let Some(permit) = permit else {
            record.note(|sighting| sighting.outcome = Outcome::Shed);
            return;
        };
        let deadline = kit.now.after(limits.hello);
        let mut client = Side::new(socket);
        let first = if awaits_introduction {
            // Read as soon as an event says that there is something.
            First::Part(Box::new(Arrival {
                awaits_introduction,
                ..Arrival::default()
            }))
        } else {
            kit.take_first(&mut client)
        };
        let (stage, opening) = match first {
            First::Part(arrival) => (Stage::Opening(arrival), None),
            First::Opening(opening, received) => (Stage::Over, Some((opening, received))),
        };
        self.generation = self.generation.wrapping_add(1);
        let mut connection = Connection {
            generation: self.generation,
            client,
            stage,
            deadline,
            scheduled: Tick::NEVER,
            peer,
            destination: None,
            entrance: entrance.clone(),
            record,
            permit,
        };
        let next = match opening {
            Some((opening, received)) => kit.answer(&mut connection, opening, received),
            None => Some(Next::Wait),
        };
        match next {
            // Diverted: the connection has moved.
            None => self.hand_on(connection),
            Some(Next::Close) => {}
            Some(next) => {
                let entry = self.connections.vacant_entry();
                let Ok(index) = u32::try_from(entry.key()) else {
                    return;
                };
                let key = Key {
                    index,
                    generation: connection.generation,
                };
                kit.watch(key, &mut connection);
                kit.schedule(key, &mut connection);
                entry.insert(Box::new(connection));
                if next == Next::Again {
                    self.again.push(key);
                }
            }
        }
    }

    /// A connection's turn, because of an event or because it had more to do.
    fn turn(&mut self, key: Key, event: Option<(u64, EventFlags)>) {
        let Some(connection) = self.find(key) else {
            return;
        };
        match event {
            Some((CLIENT, flags)) => connection.client.note(flags),
            Some((UPSTREAM, flags)) => {
                let upstream = match &mut connection.stage {
                    Stage::Connecting(connecting) => connecting.upstream.as_mut(),
                    Stage::Passing(passing) => Some(&mut passing.upstream),
                    _ => None,
                };
                if let Some(upstream) = upstream {
                    upstream.note(flags);
                }
            }
            _ => {}
        }
        self.advance(key);
    }

    fn advance(&mut self, key: Key) {
        let Some(connection) = self.connections.get_mut(key.index as usize) else {
            return;
        };
        if connection.generation != key.generation {
            return;
        }
        let kit = &mut self.kit;
        let next = match &mut connection.stage {
            Stage::Opening(_) => match kit.take_more(connection) {
                None => Next::Wait,
                Some(opening) => return self.settle(key, opening),
            },
            Stage::Connecting(_) => kit.connect(connection),
            Stage::Passing(_) => kit.pass(connection),
            Stage::Lingering { until } => {
                let until = *until;
                let ticks = (kit.now, connection.deadline);
                let (next, quiet) = linger(
                    &connection.client,
                    until,
                    ticks,
                    kit.is_stopping,
                    &mut kit.scratch,
                );
                connection.deadline = quiet;
                next
            }
            Stage::Over => Next::Close,
        };
        self.after(key, next);
    }

    /// What follows from a turn.
    fn after(&mut self, key: Key, next: Next) {
        let Some(connection) = self.connections.get_mut(key.index as usize) else {
            return;
        };
        match next {
            Next::Close => {
                let connection = self.connections.remove(key.index as usize);
                self.kit.close(connection);
            }
            Next::Wait | Next::Again => {
                self.kit.watch(key, connection);
                self.kit.schedule(key, connection);
                if next == Next::Again {
                    self.again.push(key);
                }
            }
        }
    }

    /// Acts on an opening that has been read.
    fn settle(&mut self, key: Key, opening: Opening) {
        let Some(connection) = self.connections.get_mut(key.index as usize) else {
            return;
        };
        let bytes = match &mut connection.stage {
            Stage::Opening(arrival) => mem::take(&mut arrival.bytes),
            _ => Vec::new(),
        };
        let received = Received::Apart(bytes);
        match self.kit.answer(connection, opening, received) {
            Some(next) => self.after(key, next),
            None => {
                let connection = self.connections.remove(key.index as usize);
                self.hand_on(*connection);
            }
        }
    }

    /// Gives a connection to the listener that explains.
    fn hand_on(&self, connection: Connection) {
        let Connection {
            client,
            stage: Stage::Opening(arrival),
            peer,
            entrance,
            record,
            permit,
            ..
        } = connection
        else {
            return;
        };
        if !client.watched.is_empty() && epoll::delete(&self.kit.epoll, &client.socket).is_err() {
            return;
        }
        if let Some(divert) = &entrance.divert {
            divert(Diverted {
                stream: TcpStream::from(client.socket),
                peer,
                bytes: arrival.bytes,
                permit,
                record,
            });
        }
    }

    fn find(&mut self, key: Key) -> Option<&mut Connection> {
        let connection = self.connections.get_mut(key.index as usize)?;
        (connection.generation == key.generation).then_some(&mut **connection)
    }

    fn look_at_deadline(&mut self, key: Key) {
        let now = self.kit.now;
        let Some(connection) = self.find(key) else {
            return;
        };
        connection.scheduled = Tick::NEVER;
        if connection.deadline > now {
            self.after(key, Next::Wait);
            return;
        }
        let next = match &mut connection.stage {
            Stage::Opening(_) => return self.settle(key, Opening::Late),
            Stage::Connecting(_) => {
                let Some(connection) = self.connections.get_mut(key.index as usize) else {
                    return;
                };
                self.kit.too_slow(connection)
            }
            Stage::Passing(passing) if !passing.is_answered() => {
                let last_words = our_fault(passing.legacy_version);
                connection
                    .record
                    .note(|sighting| sighting.outcome = Outcome::UpstreamSilent);
                connection.turn_away(last_words, now)
            }
            // Has stood still for too long, or was read away from for long enough.
            Stage::Passing(_) | Stage::Lingering { .. } | Stage::Over => Next::Close,
        };
        self.after(key, next);
    }
}

fn key(index: usize, connection: &Connection) -> Option<Key> {
    Some(Key {
        index: u32::try_from(index).ok()?,
        generation: connection.generation,
    })
}
