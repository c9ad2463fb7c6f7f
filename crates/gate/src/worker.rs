//! One thread: an event loop over its share of the connections.

use std::mem;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use accounts::Seen;
use door::last_words::LastWords;
use door::{Diverted, Greeting, Opening, Record, Rules, Shared, look, refuse_to_read};
use floor::Action;
use hello::{HelloReader, Scratch};
use ledger::Outcome;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SocketFlags, acceptfrom_with, recv};
use rustix::time::Timespec;
use slab::Slab;

use crate::connection::{Connecting, Connection, Next, Passing, Stage, linger, our_fault, say};
use crate::control::{Control, Phase};
use crate::deadlines::{Deadlines, Key, Tick};
use crate::entrance::Entrance;
use crate::flow::CHUNK;
use crate::pipes::Pipes;
use crate::side::Side;
use crate::upstream::{self, Begun};

/// How long to wait after an accept that failed for want of descriptors or memory, so as not to spin.
const PAUSE: Duration = Duration::from_millis(50);
/// How many connections are taken before others on the same thread get their turn.
const BATCH: usize = 64;
/// Events taken at once.
const EVENTS: usize = 256;
/// The alert for a name that nothing here is for (RFC 6066 section 3).
const UNRECOGNIZED_NAME: u8 = 112;

/// Which of a connection's sockets an event is of; for the wake-up and for listeners it counts from the top.
const CLIENT: u64 = 0;
const UPSTREAM: u64 = 1;
const WAKE: u64 = u64::MAX;

/// One thread of the gate.
pub(crate) struct Worker {
    entrances: Vec<Arc<Entrance>>,
    connections: Slab<Connection>,
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

/// What a connection's turn needs.
struct Kit {
    epoll: OwnedFd,
    shared: Shared,
    rules: Arc<Rules>,
    started: Instant,
    now: Tick,
    scratch: Box<[u8]>,
    hello: Scratch,
    pipes: Pipes,
    deadlines: Deadlines,
    is_stopping: bool,
}

/// What becomes of a connection whose opening has been looked at.
enum Verdict {
    Close,
    TurnAway(LastWords),
    Divert,
    Pass(Box<Connecting>),
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
                shared,
                started: Instant::now(),
                now: Tick::default(),
                scratch: vec![0; CHUNK].into_boxed_slice(),
                hello: Scratch::default(),
                pipes: Pipes::default(),
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
            self.kit.now = Tick::at(self.kit.started.elapsed());
            self.kit.rules = self.kit.shared.rules.load_full();
            for key in mem::take(&mut self.again) {
                self.turn(key, None);
            }
            for event in &events {
                let (data, flags) = (event.data.u64(), event.flags);
                match WAKE - data {
                    0 => self.woken(&mut end),
                    place if place <= self.entrances.len() as u64 => self.accept(place),
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
                return self.connections.len();
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
        let phase = self.control.phase();
        if phase == self.phase {
            return;
        }
        self.phase = phase;
        self.stop_listening();
        if phase != Phase::Stopping {
            return;
        }
        self.kit.is_stopping = true;
        *end = self.kit.now.after(self.kit.rules.limits.drain);
        let waiting: Vec<Key> = self
            .connections
            .iter()
            .filter(|(_, connection)| matches!(connection.stage, Stage::Opening { .. }))
            .filter_map(|(index, connection)| key(index, connection))
            .collect();
        for key in waiting {
            self.settle(key, Opening::Stopping);
        }
    }

    fn accept(&mut self, place: u64) {
        let index = usize::try_from(place - 1).unwrap_or(usize::MAX);
        let Some(entrance) = self.entrances.get(index).cloned() else {
            return;
        };
        if self.phase != Phase::Serving {
            return;
        }
        for _ in 0..BATCH {
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
        let mut record = Record::new(
            kit.shared.sink.clone(),
            kit.shared.clock,
            entrance.name.clone(),
            peer,
            kit.rules.addresses,
        );
        let permit = kit.shared.bounds.admit(
            peer.ip(),
            limits.connections,
            limits.connections_per_address,
        );
        let Some(permit) = permit else {
            record.note(|sighting| sighting.outcome = Outcome::Shed);
            return;
        };
        let deadline = kit.now.after(limits.hello);
        self.generation = self.generation.wrapping_add(1);
        let mut connection = Connection {
            generation: self.generation,
            client: Side::new(socket),
            stage: Stage::Opening {
                bytes: Vec::new(),
                reader: HelloReader::default(),
            },
            deadline,
            scheduled: Tick::NEVER,
            peer,
            entrance: entrance.clone(),
            record,
            permit,
        };
        let next = match kit.take_first(&mut connection) {
            Some((opening, length)) => {
                let bytes = kit.scratch.get(..length).unwrap_or_default().to_vec();
                kit.answer(&mut connection, opening, bytes)
            }
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
                entry.insert(connection);
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
            Stage::Opening { .. } => match kit.take_more(connection) {
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
            Stage::Opening { bytes, .. } => mem::take(bytes),
            _ => Vec::new(),
        };
        match self.kit.answer(connection, opening, bytes) {
            Some(next) => self.after(key, next),
            None => {
                let connection = self.connections.remove(key.index as usize);
                self.hand_on(connection);
            }
        }
    }

    /// Gives a connection to the listener that explains.
    fn hand_on(&self, connection: Connection) {
        let Connection {
            client,
            stage: Stage::Opening { bytes, .. },
            peer,
            entrance,
            record,
            permit,
            ..
        } = connection
        else {
            return;
        };
        if client.is_watched && epoll::delete(&self.kit.epoll, &client.socket).is_err() {
            return;
        }
        if let Some(divert) = &entrance.divert {
            divert(Diverted {
                stream: TcpStream::from(client.socket),
                peer,
                bytes,
                permit,
                record,
            });
        }
    }

    fn find(&mut self, key: Key) -> Option<&mut Connection> {
        self.connections
            .get_mut(key.index as usize)
            .filter(|connection| connection.generation == key.generation)
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
            Stage::Opening { .. } => return self.settle(key, Opening::Late),
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

impl Connection {
    /// Says last words; what is left is to wait until they have been read.
    fn turn_away(&mut self, last_words: LastWords, now: Tick) -> Next {
        // The upstream, where there is one, is closed by this.
        self.stage = say(&self.client, last_words, now);
        if matches!(self.stage, Stage::Over) {
            return Next::Close;
        }
        self.deadline = now.after(door::last_words::QUIET);
        self.client.readable = true;
        // What it has sent is read now: no event will say that it is there.
        Next::Again
    }
}

impl Kit {
    /// Reads what is there when a connection is accepted. What is complete stays in the scratch buffer; its length.
    fn take_first(&mut self, connection: &mut Connection) -> Option<(Opening, usize)> {
        let Stage::Opening { bytes, reader } = &mut connection.stage else {
            return None;
        };
        match recv(
            &connection.client.socket,
            &mut *self.scratch,
            RecvFlags::DONTWAIT,
        ) {
            Ok((0, _)) => Some((Opening::Closed, 0)),
            Ok((length, _)) => {
                connection.client.readable = length == self.scratch.len();
                let read = self.scratch.get(..length).unwrap_or_default();
                let opening = look(reader, read, &mut self.hello);
                if opening.is_none() {
                    bytes.extend_from_slice(read);
                }
                Some((opening?, length))
            }
            Err(Errno::AGAIN | Errno::INTR) => None,
            Err(_) => Some((Opening::Closed, 0)),
        }
    }

    /// Reads more of an opening that was not complete.
    fn take_more(&mut self, connection: &mut Connection) -> Option<Opening> {
        let Stage::Opening { bytes, reader } = &mut connection.stage else {
            return None;
        };
        loop {
            match recv(
                &connection.client.socket,
                &mut *self.scratch,
                RecvFlags::DONTWAIT,
            ) {
                Ok((0, _)) => return Some(Opening::Closed),
                Ok((length, _)) => {
                    // A read that is not full has taken all there was: what comes next is an event.
                    connection.client.readable = length == self.scratch.len();
                    let read = self.scratch.get(..length).unwrap_or_default();
                    // Bounded: the reader settles the matter within MAX_WIRE bytes.
                    bytes.extend_from_slice(read);
                    let opening = look(reader, bytes, &mut self.hello);
                    if opening.is_some() {
                        return opening;
                    }
                }
                Err(Errno::AGAIN) => return None,
                Err(Errno::INTR) => {}
                Err(_) => return Some(Opening::Closed),
            }
        }
    }

    /// Acts on what a connection began with. `None` where it is to be diverted; its stage has the bytes then.
    fn answer(
        &mut self,
        connection: &mut Connection,
        opening: Opening,
        bytes: Vec<u8>,
    ) -> Option<Next> {
        let verdict = match refuse_to_read(opening, bytes.len()) {
            Err(greeting) => self.judge(connection, greeting),
            Ok((outcome, last_words)) => {
                let visitor = self.rules.visitors.who(&Seen {
                    address: Some(connection.peer.ip()),
                    hello: None,
                    request: None,
                });
                connection.record.note(|sighting| {
                    sighting.outcome = outcome;
                    sighting.visitor = visitor;
                });
                last_words.map_or(Verdict::Close, Verdict::TurnAway)
            }
        };
        match verdict {
            Verdict::Close => Some(Next::Close),
            Verdict::TurnAway(last_words) => Some(connection.turn_away(last_words, self.now)),
            Verdict::Divert => {
                connection.stage = Stage::Opening {
                    bytes,
                    reader: HelloReader::default(),
                };
                None
            }
            Verdict::Pass(mut connecting) => {
                connecting.opening = bytes;
                connection.stage = Stage::Connecting(connecting);
                Some(self.connect_next(connection))
            }
        }
    }

    fn judge(&mut self, connection: &mut Connection, greeting: Greeting) -> Verdict {
        let (rules, shared) = (&self.rules, &self.shared);
        let record = &mut connection.record;
        let now = shared.clock.now();
        let address = connection.peer.ip();
        let judgement = door::judge(&greeting, address, rules, &shared.memory, now, record);
        let decision = judgement.decision;
        let Greeting { offer, sni, unread } = greeting;
        let legacy_version = offer.legacy_version();
        let alert = |description| {
            Verdict::TurnAway(LastWords::Alert {
                description,
                legacy_version,
                unread,
            })
        };
        let entrance = &connection.entrance;
        let explains = decision.preview || decision.action == Action::Explain;
        let (outcome, verdict) = match decision.action {
            Action::Refuse(refused) => (
                Outcome::Refused {
                    alert: refused.code(),
                },
                alert(refused.code()),
            ),
            _ if explains && entrance.divert.is_some() => {
                // The edge finishes the sighting.
                (Outcome::HandshakeAbandoned, Verdict::Divert)
            }
            // Nothing can be added to what is encrypted: a warning is counted, and so is an explanation that nobody
            // here can give.
            Action::Serve | Action::Warn | Action::Explain => {
                match entrance.routes.find(sni.as_deref()) {
                    Some(pool) => (
                        // Holds until the upstream answers.
                        Outcome::HandshakeAbandoned,
                        Verdict::Pass(Box::new(Connecting {
                            pool: pool.clone(),
                            tried: 0,
                            lease: None,
                            upstream: None,
                            opening: Vec::new(),
                            legacy_version,
                        })),
                    ),
                    None => (
                        Outcome::Unservable {
                            alert: UNRECOGNIZED_NAME,
                        },
                        alert(UNRECOGNIZED_NAME),
                    ),
                }
            }
        };
        record.note(|sighting| {
            sighting.offer = Some(offer);
            sighting.outcome = outcome;
        });
        verdict
    }

    /// Begins to connect to the next service that was not tried.
    fn connect_next(&mut self, connection: &mut Connection) -> Next {
        let Stage::Connecting(connecting) = &mut connection.stage else {
            return Next::Close;
        };
        connecting.upstream = None;
        connecting.lease = None;
        while let Some(lease) = connecting.pool.lease(&mut connecting.tried) {
            let Some(target) = lease.target() else { break };
            match upstream::begin(target, &connecting.opening) {
                Ok(Begun::Stands(side, sent)) => {
                    lease.reached();
                    connecting.upstream = Some(side);
                    connecting.lease = Some(lease);
                    return self.stands(connection, sent);
                }
                Ok(Begun::Awaited(mut side)) => {
                    side.writable = false;
                    connecting.upstream = Some(side);
                    connecting.lease = Some(lease);
                    connection.deadline = self.now.after(self.rules.limits.upstream_connect);
                    return Next::Wait;
                }
                Err(error) if is_ours(&error) => {
                    tracing::debug!(%error, "no socket for an upstream");
                    break;
                }
                Err(error) => {
                    tracing::debug!(%error, upstream = %target, "cannot be reached");
                    lease.failed();
                }
            }
        }
        let last_words = our_fault(connecting.legacy_version);
        connection
            .record
            .note(|sighting| sighting.outcome = Outcome::UpstreamUnreachable);
        connection.turn_away(last_words, self.now)
    }

    /// Looks whether the connection to a service stands by now.
    fn connect(&mut self, connection: &mut Connection) -> Next {
        if connection.client.reset {
            return Next::Close;
        }
        let Stage::Connecting(connecting) = &mut connection.stage else {
            return Next::Close;
        };
        let Some(side) = &mut connecting.upstream else {
            return Next::Close;
        };
        if !side.writable && !side.reset {
            return Next::Wait;
        }
        match upstream::try_send(side, &connecting.opening) {
            Ok(Some(sent)) => {
                if let Some(lease) = &connecting.lease {
                    lease.reached();
                }
                self.stands(connection, sent)
            }
            Ok(None) => {
                side.writable = false;
                Next::Wait
            }
            Err(_) => self.too_slow(connection),
        }
    }

    /// A service failed, or did not answer in time.
    fn too_slow(&mut self, connection: &mut Connection) -> Next {
        if let Stage::Connecting(connecting) = &mut connection.stage
            && let Some(lease) = connecting.lease.take()
        {
            lease.failed();
        }
        self.connect_next(connection)
    }

    /// A connection to a service stands, and so much of the hello has been sent.
    fn stands(&mut self, connection: &mut Connection, sent: usize) -> Next {
        let Stage::Connecting(connecting) = mem::replace(&mut connection.stage, Stage::Over) else {
            return Next::Close;
        };
        let Connecting {
            upstream,
            lease,
            opening,
            legacy_version,
            ..
        } = *connecting;
        let Some(upstream) = upstream else {
            return Next::Close;
        };
        connection.stage = Stage::Passing(Box::new(Passing::new(
            upstream,
            lease,
            &opening,
            sent,
            legacy_version,
        )));
        connection.deadline = self.now.after(self.rules.limits.handshake);
        if connection.client.readable {
            Next::Again
        } else {
            Next::Wait
        }
    }

    fn pass(&mut self, connection: &mut Connection) -> Next {
        let Stage::Passing(passing) = &mut connection.stage else {
            return Next::Close;
        };
        let (answered, moved) = (passing.is_answered(), passing.moved());
        let next = passing.advance(
            &mut connection.client,
            &mut connection.record,
            &mut self.scratch,
            &mut self.pipes,
        );
        if passing.is_answered() && (passing.moved() != moved || !answered) {
            connection.deadline = self.now.after(connection.entrance.idle);
        }
        next
    }

    /// Has the kernel tell of every change at the sockets of a connection.
    fn watch(&self, key: Key, connection: &mut Connection) {
        let upstream = match &mut connection.stage {
            Stage::Connecting(connecting) => connecting.upstream.as_mut(),
            Stage::Passing(passing) => Some(&mut passing.upstream),
            _ => None,
        };
        let sides = [(Some(&mut connection.client), CLIENT), (upstream, UPSTREAM)];
        for (side, which) in sides {
            let Some(side) = side.filter(|side| !side.is_watched) else {
                continue;
            };
            let data = u64::from(key.generation) << 32 | u64::from(key.index) << 1 | which;
            match epoll::add(
                &self.epoll,
                &side.socket,
                EventData::new_u64(data),
                Side::EVENTS,
            ) {
                Ok(()) => side.is_watched = true,
                // Out of memory or of watches: it ends at its deadline.
                Err(error) => tracing::error!(%error, "a connection cannot be watched"),
            }
        }
    }

    /// Has the wheel look at a connection by its deadline.
    fn schedule(&mut self, key: Key, connection: &mut Connection) {
        if connection.deadline < connection.scheduled {
            connection.scheduled = self.deadlines.add(key, connection.deadline);
        }
    }

    fn close(&mut self, mut connection: Connection) {
        if let Stage::Passing(passing) = &mut connection.stage {
            passing.up.close(&mut self.pipes);
            passing.down.close(&mut self.pipes);
        }
    }
}

/// Whether connecting failed for want of descriptors or memory here, which is no fault of the service.
fn is_ours(error: &std::io::Error) -> bool {
    let errors = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    let ours = Errno::from_io_error(error);
    ours.is_some_and(|error| errors.contains(&error))
}
