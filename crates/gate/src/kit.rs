//! One turn of one connection: what its bytes say, who it is for, and what follows.

use std::mem;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Instant;

use accounts::Seen;
use door::last_words::LastWords;
use door::proxy_protocol::{Ends, Introduced, introduce};
use door::{Beginning, Greeting, Kinds, Opening, Rules, Shared, look, refuse_to_read};
use floor::{Action, Decision};
use hello::{Offer, Scratch};
use ledger::Outcome;
use rustix::event::epoll::{self, EventData};
use rustix::io::Errno;
use rustix::net::{RecvFlags, getsockname, recv};

use crate::connection::{Arrival, Connecting, Connection, Next, Passing, Stage, our_fault, say};
use crate::deadlines::{Deadlines, Key, Tick};
use crate::pipes::Pipes;
use crate::pool::Pool;
use crate::proxy_protocol::{self, Told};
use crate::settings::SendProxyProtocol;
use crate::side::Side;
use crate::upstream::{self, Begun};

/// The alert for a name that nothing here is for (RFC 6066 section 3).
const UNRECOGNIZED_NAME: u8 = 112;

/// Which of a connection's sockets an event is of; a worker counts its own from the top.
pub(crate) const CLIENT: u64 = 0;
/// See [`CLIENT`].
pub(crate) const UPSTREAM: u64 = 1;

/// What a connection's turn needs.
pub(crate) struct Kit {
    pub(crate) epoll: OwnedFd,
    pub(crate) shared: Shared,
    pub(crate) rules: Arc<Rules>,
    pub(crate) started: Instant,
    pub(crate) now: Tick,
    /// The same time for what begins at this turn.
    pub(crate) beginning: Beginning,
    pub(crate) scratch: Box<[u8]>,
    pub(crate) hello: Scratch,
    pub(crate) pipes: Pipes,
    pub(crate) kinds: Kinds,
    pub(crate) deadlines: Deadlines,
    pub(crate) is_stopping: bool,
}

/// What is there when a connection is accepted.
pub(crate) enum First {
    /// All there is to know.
    Opening(Opening, Received),
    /// Not all of it.
    Part(Box<Arrival>),
}

/// What has been read of a connection. Who is refused at once costs no room of its own for it.
pub(crate) enum Received {
    /// So many bytes of the scratch buffer.
    InScratch(usize),
    Apart(Vec<u8>),
}

impl Received {
    fn len(&self) -> usize {
        match self {
            Self::InScratch(length) => *length,
            Self::Apart(bytes) => bytes.len(),
        }
    }

    fn into_bytes(self, scratch: &[u8]) -> Vec<u8> {
        match self {
            Self::InScratch(length) => scratch.get(..length).unwrap_or_default().to_vec(),
            Self::Apart(bytes) => bytes,
        }
    }
}

/// What becomes of a connection whose opening has been looked at.
enum Verdict {
    Close,
    TurnAway(LastWords),
    Divert,
    Pass(Box<Connecting>),
}

impl Connection {
    /// Says last words; what is left is to wait until they have been read.
    pub(crate) fn turn_away(&mut self, last_words: LastWords, now: Tick) -> Next {
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
    /// Reads what is there when a connection is accepted. What is complete stays in the scratch buffer.
    pub(crate) fn take_first(&mut self, client: &mut Side) -> First {
        let mut arrival = Arrival::default();
        match recv(&client.socket, &mut *self.scratch, RecvFlags::DONTWAIT) {
            Ok((0, _)) => First::Opening(Opening::Closed, Received::InScratch(0)),
            Ok((length, _)) => {
                client.readable = length == self.scratch.len();
                let read = self.scratch.get(..length).unwrap_or_default();
                if let Some(opening) = look(&mut arrival.reader, read, &mut self.hello) {
                    return First::Opening(opening, Received::InScratch(length));
                }
                arrival.bytes.extend_from_slice(read);
                First::Part(Box::new(arrival))
            }
            Err(Errno::AGAIN | Errno::INTR) => First::Part(Box::new(arrival)),
            Err(_) => First::Opening(Opening::Closed, Received::InScratch(0)),
        }
    }

    /// Reads more of an opening that was not complete.
    pub(crate) fn take_more(&mut self, connection: &mut Connection) -> Option<Opening> {
        let Stage::Opening(arrival) = &mut connection.stage else {
            return None;
        };
        let Arrival {
            bytes,
            reader,
            awaits_introduction,
        } = &mut **arrival;
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
                    // Bounded: the reader settles the matter within MAX_WIRE bytes, and a header within less.
                    bytes.extend_from_slice(read);
                    if *awaits_introduction {
                        let record = &mut connection.record;
                        match introduce(bytes, &self.rules, &self.shared.bounds, record) {
                            Introduced::NeedMore => continue,
                            Introduced::No(opening) => return Some(opening),
                            Introduced::Is(client) => {
                                *awaits_introduction = false;
                                if let Some((ends, permit)) = client {
                                    connection.permit = permit;
                                    connection.peer = ends.from;
                                    connection.destination = Some(Box::new(ends.to));
                                }
                            }
                        }
                    }
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
    pub(crate) fn answer(
        &mut self,
        connection: &mut Connection,
        opening: Opening,
        received: Received,
    ) -> Option<Next> {
        let verdict = match refuse_to_read(opening, received.len()) {
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
                connection.stage = Stage::Opening(Box::new(Arrival {
                    bytes: received.into_bytes(&self.scratch),
                    ..Arrival::default()
                }));
                None
            }
            Verdict::Pass(mut connecting) => {
                let bytes = received.into_bytes(&self.scratch);
                if connecting.opening.is_empty() {
                    connecting.opening = bytes;
                } else {
                    connecting.opening.extend_from_slice(&bytes);
                }
                connection.stage = Stage::Connecting(connecting);
                Some(self.connect_next(connection))
            }
        }
    }

    fn judge(&mut self, connection: &mut Connection, greeting: Greeting) -> Verdict {
        let (rules, shared) = (&self.rules, &self.shared);
        let record = &mut connection.record;
        let now = self.beginning.at;
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
                            key: pool.key(address, sni.as_deref()),
                            opening: tell(
                                pool,
                                connection,
                                &offer,
                                sni.as_deref(),
                                &decision,
                                rules,
                            ),
                            pool: pool.clone(),
                            tried: 0,
                            lease: None,
                            upstream: None,
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
        connection.record.note(|sighting| {
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
        let entrance = &connection.entrance;
        let from = entrance.transparent.then(|| connection.peer.ip());
        while let Some(lease) = connecting.pool.lease(connecting.key, &mut connecting.tried) {
            let Some(target) = lease.target() else { break };
            match upstream::begin(target, &connecting.opening, from) {
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
    pub(crate) fn connect(&mut self, connection: &mut Connection) -> Next {
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
    pub(crate) fn too_slow(&mut self, connection: &mut Connection) -> Next {
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
        connection.destination = None;
        connection.deadline = self.now.after(self.rules.limits.handshake);
        if connection.client.readable {
            Next::Again
        } else {
            Next::Wait
        }
    }

    pub(crate) fn pass(&mut self, connection: &mut Connection) -> Next {
        let Stage::Passing(passing) = &mut connection.stage else {
            return Next::Close;
        };
        let (answered, moved) = (passing.is_answered(), passing.moved());
        let next = passing.advance(
            &mut connection.client,
            &mut connection.record,
            &mut self.scratch,
            (&mut self.pipes, &mut self.kinds),
        );
        if passing.is_answered() && (passing.moved() != moved || !answered) {
            connection.deadline = self.now.after(connection.entrance.idle);
        }
        next
    }

    /// Has the kernel tell of every change at the sockets of a connection.
    pub(crate) fn watch(&self, key: Key, connection: &mut Connection) {
        let upstream = match &mut connection.stage {
            Stage::Connecting(connecting) => connecting.upstream.as_mut(),
            Stage::Passing(passing) => Some(&mut passing.upstream),
            _ => None,
        };
        let sides = [(Some(&mut connection.client), CLIENT), (upstream, UPSTREAM)];
        for (side, which) in sides {
            let Some(side) = side else { continue };
            let wanted = side.wanted();
            if wanted == side.watched {
                continue;
            }
            let data = u64::from(key.generation) << 32 | u64::from(key.index) << 1 | which;
            let data = EventData::new_u64(data);
            // What is so already is told, too.
            let told = if side.watched.is_empty() {
                epoll::add(&self.epoll, &side.socket, data, wanted)
            } else {
                epoll::modify(&self.epoll, &side.socket, data, wanted)
            };
            match told {
                Ok(()) => side.watched = wanted,
                // Out of memory or of watches: it ends at its deadline.
                Err(error) => tracing::error!(%error, "a connection cannot be watched"),
            }
        }
    }

    /// Has the wheel look at a connection by its deadline.
    pub(crate) fn schedule(&mut self, key: Key, connection: &mut Connection) {
        if connection.deadline < connection.scheduled {
            connection.scheduled = self.deadlines.add(key, connection.deadline);
        }
    }

    pub(crate) fn close(&mut self, mut connection: Box<Connection>) {
        if let Stage::Passing(passing) = &mut connection.stage {
            passing.up.close(&mut self.pipes);
            passing.down.close(&mut self.pipes);
        }
    }
}

/// What a service is told before the hello.
fn tell(
    pool: &Pool,
    connection: &Connection,
    offer: &Offer,
    sni: Option<&str>,
    decision: &Decision,
    rules: &Rules,
) -> Vec<u8> {
    if pool.tells() == SendProxyProtocol::Off {
        return Vec::new();
    }
    let here = || {
        let address = getsockname(&connection.client.socket).ok()?;
        SocketAddr::try_from(address).ok()
    };
    let destination = connection.destination.as_deref().copied().or_else(here);
    let told = Told {
        ends: Ends {
            from: connection.peer,
            to: destination.unwrap_or(connection.entrance.address),
        },
        sni,
        offer,
        action: decision.action.name(),
        sunset: rules.sunset(decision).map(|sunset| sunset.name.as_str()),
    };
    proxy_protocol::write(pool.tells(), &told)
}

/// Whether connecting failed for want of descriptors or memory here, which is no fault of the service.
fn is_ours(error: &std::io::Error) -> bool {
    let errors = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    let ours = Errno::from_io_error(error);
    ours.is_some_and(|error| errors.contains(&error))
}
