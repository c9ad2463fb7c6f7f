//! One connection: its two sides, and how far it is.

use std::net::SocketAddr;
use std::sync::Arc;

use door::last_words::{INTERNAL_ERROR, LastWords, QUIET, Unread, WHOLE};
use door::{Kinds, Permit, Record};
use hello::server_hello::{self, Answer, ServerHello};
use hello::{HelloReader, Version, names};
use ledger::{Negotiated, Outcome};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, Shutdown, recv, send, shutdown};

use crate::curve::{Curve, Found};
use crate::deadlines::Tick;
use crate::entrance::Entrance;
use crate::flow::{Flow, Moved};
use crate::pipes::Pipes;
use crate::pool::{Lease, Pool};
use crate::side::Side;

/// A connection from accept to close. Its sighting is recorded when it is dropped.
pub(crate) struct Connection {
    pub(crate) generation: u32,
    pub(crate) client: Side,
    pub(crate) stage: Stage,
    /// When it is over, unless something happens.
    pub(crate) deadline: Tick,
    /// When the wheel looks at it next.
    pub(crate) scheduled: Tick,
    pub(crate) peer: SocketAddr,
    /// Where the client connected to, if that was in front of this listener; until its service has been told.
    pub(crate) destination: Option<Box<SocketAddr>>,
    pub(crate) entrance: Arc<Entrance>,
    pub(crate) record: Record,
    pub(crate) permit: Permit,
}

/// How far a connection is. What a stage needs to know is boxed: most stages are over soon, and the last of them should not
/// hold the room of all.
pub(crate) enum Stage {
    /// Its hello is not complete.
    Opening(Box<Arrival>),
    /// An upstream is being connected to, and nothing has been sent there.
    Connecting(Box<Connecting>),
    /// Bytes go both ways.
    Passing(Box<Passing>),
    /// Its last words have been said.
    Lingering { until: Tick },
    /// Nothing is left to do.
    Over,
}

/// What has come of a hello.
#[derive(Default)]
pub(crate) struct Arrival {
    pub(crate) bytes: Vec<u8>,
    pub(crate) reader: HelloReader,
    /// Whoever is in front has to say first whom it is for.
    pub(crate) awaits_introduction: bool,
}

/// What connecting needs to know.
pub(crate) struct Connecting {
    pub(crate) pool: Arc<Pool>,
    /// What it is spread by.
    pub(crate) key: u64,
    /// The services that were tried, a bit each.
    pub(crate) tried: u64,
    pub(crate) lease: Option<Lease>,
    pub(crate) upstream: Option<Side>,
    /// What is to be sent first.
    pub(crate) opening: Vec<u8>,
    pub(crate) legacy_version: Version,
}

/// What passing needs to know.
pub(crate) struct Passing {
    pub(crate) upstream: Side,
    pub(crate) up: Flow,
    pub(crate) down: Flow,
    /// Counts the connection at its service while it lasts.
    _lease: Option<Lease>,
    /// The upstream's first bytes, until they say what it answers.
    pub(crate) answer: Option<Vec<u8>>,
    /// Looked for in what follows its hello.
    curve: Option<Box<Curve>>,
    pub(crate) legacy_version: Version,
    /// Nothing has come from the client after its hello.
    pub(crate) awaits_second: bool,
}

/// What becomes of it next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Something has to happen first.
    Wait,
    /// It has more to do; others get their turn.
    Again,
    /// It is over.
    Close,
}

impl Passing {
    pub(crate) fn new(
        upstream: Side,
        lease: Option<Lease>,
        opening: &[u8],
        sent: usize,
        legacy_version: Version,
    ) -> Self {
        let mut up = Flow::default();
        up.hold(opening, sent);
        Self {
            upstream,
            up,
            down: Flow::default(),
            _lease: lease,
            answer: Some(Vec::new()),
            curve: None,
            legacy_version,
            awaits_second: true,
        }
    }

    /// Whether the upstream has answered the hello.
    pub(crate) const fn is_answered(&self) -> bool {
        self.answer.is_none()
    }

    /// Moves bytes both ways.
    pub(crate) fn advance(
        &mut self,
        client: &mut Side,
        record: &mut Record,
        scratch: &mut [u8],
        (pipes, kinds): (&mut Pipes, &mut Kinds),
    ) -> Next {
        let Self {
            upstream,
            up,
            down,
            answer,
            curve,
            awaits_second,
            ..
        } = self;
        let mut again = false;
        // Twice where a side turns out to be gone on the way to it: what it had sent is to be read still.
        for _ in 0..2 {
            let was_reset = client.reset || upstream.reset;
            let last = down.is_over;
            let sent = up.advance(client, upstream, last, scratch, pipes, |bytes| {
                if std::mem::take(awaits_second) {
                    note_second(bytes, record);
                }
            });
            let last = up.is_over;
            let got = down.advance(upstream, client, last, scratch, pipes, |bytes| {
                let is_known = if let Some(before) = answer.take() {
                    (*answer, *curve) = look_at_answer(before, bytes, record);
                    answer.is_none() && curve.is_none()
                } else if let Some(before) = curve.take() {
                    *curve = look_for_curve(before, bytes, record);
                    curve.is_none()
                } else {
                    false
                };
                if is_known {
                    record.hold_together(kinds);
                }
            });
            match (sent, got) {
                (Moved::Reset, _) => {
                    upstream.will_reset();
                    return Next::Close;
                }
                (_, Moved::Reset) => {
                    if answer.is_some() {
                        record.note(|sighting| sighting.outcome = Outcome::UpstreamClosed);
                    }
                    client.will_reset();
                    return Next::Close;
                }
                _ => again = sent == Moved::More || got == Moved::More,
            }
            if was_reset == (client.reset || upstream.reset) {
                break;
            }
        }
        if down.ended && answer.is_some() && !up.ended {
            // The first end was the upstream's.
            *answer = None;
            record.note(|sighting| sighting.outcome = Outcome::UpstreamClosed);
        }
        if up.is_over && down.is_over {
            if client.reset || upstream.reset {
                client.will_reset();
                upstream.will_reset();
            }
            return Next::Close;
        }
        if again { Next::Again } else { Next::Wait }
    }

    /// How much has gone through.
    pub(crate) const fn moved(&self) -> u64 {
        self.up.moved() + self.down.moved()
    }
}

/// What a client says after its hello is hidden from us, but for an alert below TLS 1.3.
fn note_second(bytes: &[u8], record: &mut Record) {
    if let [21, 3, _, 0, 2, 2, alert, ..] = *bytes {
        record.note(|sighting| {
            sighting.outcome = Outcome::HandshakeFailed {
                reason: "alert",
                alert: Some(alert),
            };
        });
    }
}

/// Looks at what a service says first. Gives what has come of an answer that is not whole, and what is looked for behind one
/// that is.
fn look_at_answer(
    mut before: Vec<u8>,
    bytes: &[u8],
    record: &mut Record,
) -> (Option<Vec<u8>>, Option<Box<Curve>>) {
    if !before.is_empty() {
        before.extend_from_slice(bytes);
    }
    let all = if before.is_empty() { bytes } else { &before };
    let curve = match server_hello::answer(all) {
        Answer::NeedMore => {
            if before.is_empty() {
                before.extend_from_slice(bytes);
            }
            return (Some(before), None);
        }
        Answer::Hello(hello) => {
            record.note(|sighting| {
                sighting.negotiated = negotiated(&hello);
                sighting.outcome = Outcome::Passed;
            });
            Curve::of(&hello).and_then(|curve| look_for_curve(curve, all, record))
        }
        Answer::Alert(alert) => {
            record.note(|sighting| sighting.outcome = Outcome::UpstreamRefused { alert });
            None
        }
        // It is passed on all the same; what it is, is the client's business.
        Answer::Other => {
            record.note(|sighting| sighting.outcome = Outcome::Passed);
            None
        }
    };
    (None, curve)
}

/// Looks for the group behind a hello that did not name it, and gives itself back as long as it may come.
fn look_for_curve(mut curve: Box<Curve>, bytes: &[u8], record: &mut Record) -> Option<Box<Curve>> {
    match curve.read(bytes) {
        Found::NeedMore => return Some(curve),
        Found::Group(group) => record.note(|sighting| {
            if let Some(negotiated) = &mut sighting.negotiated {
                negotiated.group = names::group(group);
            }
        }),
        Found::Nothing => {}
    }
    None
}

fn negotiated(hello: &ServerHello) -> Option<Negotiated> {
    // A suite without a name is none that a client of ours could have offered.
    let cipher = names::cipher_suite(hello.suite)?;
    Some(Negotiated {
        version: hello.version,
        cipher: cipher.openssl.unwrap_or(cipher.iana),
        group: hello.group.and_then(names::group),
        alpn: match hello.alpn.as_deref() {
            Some(b"h2") => Some("h2"),
            Some(b"http/1.1") => Some("http/1.1"),
            Some(b"http/1.0") => Some("http/1.0"),
            _ => None,
        },
        resumed: hello.resumed,
    })
}

/// An alert for what is no fault of the client's.
pub(crate) const fn our_fault(legacy_version: Version) -> LastWords {
    LastWords::Alert {
        description: INTERNAL_ERROR,
        legacy_version,
        unread: Unread::Perhaps,
    }
}

/// Says last words; gives what is left to do.
pub(crate) fn say(client: &Side, last_words: LastWords, now: Tick) -> Stage {
    if last_words.say_at_once(client) {
        return Stage::Over;
    }
    let bytes = last_words.bytes();
    // A socket that has not been written to has room for these few bytes.
    let flags = SendFlags::MORE | SendFlags::NOSIGNAL;
    if send(&client.socket, &bytes, flags) != Ok(bytes.len()) {
        return Stage::Over;
    }
    if shutdown(&client.socket, Shutdown::Write).is_err() {
        return Stage::Over;
    }
    Stage::Lingering {
        until: now.after(WHOLE),
    }
}

/// Reads away what a client that is not let in still sends. Gives when it has been quiet for too long.
pub(crate) fn linger(
    client: &Side,
    until: Tick,
    (now, before): (Tick, Tick),
    is_stopping: bool,
    scratch: &mut [u8],
) -> (Next, Tick) {
    /// Reads until others get their turn.
    const TURNS: usize = 16;
    // When the process stops, what a client sends buys it no more time.
    let quiet = if is_stopping {
        before
    } else {
        until.min(now.after(QUIET))
    };
    for _ in 0..TURNS {
        match recv(&client.socket, &mut *scratch, RecvFlags::DONTWAIT) {
            Ok((0, _)) => return (Next::Close, quiet),
            Ok(_) | Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return (Next::Wait, quiet),
            Err(_) => return (Next::Close, quiet),
        }
    }
    (Next::Again, quiet)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An open connection is one of the first and one of the second, next to what it has in common with others: half a KiB
    /// is the goal. What goes over these is held by thousands, for days.
    #[test]
    fn an_open_connection_is_small() {
        let (connection, passing) = (size_of::<Connection>(), size_of::<Passing>());
        assert!(
            connection <= 224 && passing <= 128,
            "{connection} and {passing}"
        );
    }
}
