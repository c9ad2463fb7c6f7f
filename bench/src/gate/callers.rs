//! Clients by the thousand in one thread: each connects, says what was recorded, and checks how it is answered.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::sockopt::set_tcp_nodelay;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, connect, recv, send,
    socket_with,
};
use rustix::time::Timespec;

use super::recording::Recording;
use crate::process::CpuTime;
use crate::server::Running;

/// Loopback addresses that connections come from: one runs out of ports within seconds.
const SOURCES: u8 = 64;
/// One connection may take this long, on any machine.
const PATIENCE: Duration = Duration::from_secs(10);
/// Caches are warm after this, and the other proxies' traces gone.
const WARM_UP: Duration = Duration::from_millis(250);
/// A proxy finishes closing connections within this, and the ledger commits.
const SETTLE: Duration = Duration::from_millis(600);

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A handshake, a request and its answer; then the client closes.
    Pass,
    /// A hello of TLS 1.0, and whatever is said to it.
    Refused,
}

/// What a stretch of load did.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    /// CPU time of the proxy for each connection, microseconds.
    pub(crate) microseconds: f64,
    /// Connections a second.
    pub(crate) rate: f64,
    pub(crate) done: u64,
    pub(crate) failed: u64,
    /// Of those that were refused: how many heard the alert, with an orderly end behind it.
    pub(crate) told: u64,
    /// How many were reset instead.
    pub(crate) reset: u64,
}

/// A connection under way.
struct Caller {
    socket: OwnedFd,
    greeted: bool,
    asked: bool,
    got: usize,
    began: Instant,
}

enum Turn {
    Waits,
    Done,
    Told,
    Reset,
    Failed,
}

/// Connections from the addresses in turn.
#[derive(Default)]
pub(crate) struct Sources(u8);

impl Sources {
    /// A connection that has begun.
    pub(crate) fn connect(&mut self, server: SocketAddr) -> Result<OwnedFd> {
        self.0 = (self.0 + 1) % SOURCES;
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
        set_tcp_nodelay(&socket, true)?;
        bind(
            &socket,
            &SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2 + self.0), 0)),
        )
        .context("binding a source address")?;
        match connect(&socket, &server) {
            Ok(()) | Err(Errno::INPROGRESS) => Ok(socket),
            Err(error) => Err(error).context("connecting"),
        }
    }
}

/// Keeps `server` busy with `connections` at once for `length`, after a warm-up, and reads off what each cost it.
pub(crate) fn drive(
    server: &Running,
    recording: &Recording,
    purpose: Purpose,
    connections: usize,
    length: Duration,
) -> Result<Cost> {
    let mut sources = Sources::default();
    let mut stretch = |length| {
        stretch(
            server,
            recording,
            purpose,
            connections,
            length,
            &mut sources,
        )
    };
    stretch(WARM_UP)?;
    std::thread::sleep(SETTLE);
    let (before, started) = (CpuTime::of(server.pid)?, Instant::now());
    let mut cost = stretch(length)?;
    let elapsed = started.elapsed();
    std::thread::sleep(SETTLE);
    let used = CpuTime::of(server.pid)?.since(&before)?;
    ensure!(cost.done > 0, "nothing was done in {length:?}");
    ensure!(
        cost.failed * 100 <= cost.done,
        "{} connections failed, {} succeeded",
        cost.failed,
        cost.done
    );
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    let done = cost.done as f64;
    cost.microseconds = used.as_secs_f64() * 1e6 / done;
    cost.rate = done / elapsed.as_secs_f64();
    Ok(cost)
}

fn stretch(
    server: &Running,
    recording: &Recording,
    purpose: Purpose,
    connections: usize,
    length: Duration,
    sources: &mut Sources,
) -> Result<Cost> {
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    let hello = match purpose {
        Purpose::Pass => &recording.hello[..],
        Purpose::Refused => crate::hello10::BYTES,
    };
    let end = Instant::now() + length;
    let mut begin = |index: usize| -> Result<Caller> {
        let socket = sources.connect(server.address)?;
        // On loopback the connection stands already.
        let greeted = send(&socket, hello, SendFlags::NOSIGNAL) == Ok(hello.len());
        let mut flags = EventFlags::IN | EventFlags::RDHUP | EventFlags::ET;
        if !greeted {
            flags |= EventFlags::OUT;
        }
        epoll::add(&epoll, &socket, EventData::new_u64(index as u64), flags)?;
        Ok(Caller {
            socket,
            greeted,
            asked: false,
            got: 0,
            began: Instant::now(),
        })
    };
    let mut cost = Cost::default();
    let mut callers = Vec::new();
    for index in 0..connections {
        callers.push(Some(begin(index)?));
    }
    let mut under_way = connections;
    let mut events: Vec<Event> = Vec::with_capacity(256);
    let mut room = vec![0; 16 * 1024];
    let look = Timespec::try_from(Duration::from_millis(500))?;
    while under_way > 0 {
        events.clear();
        match epoll::wait(&epoll, spare_capacity(&mut events), Some(&look)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => bail!(error),
        }
        if events.is_empty() {
            let late = |caller: &Caller| caller.began.elapsed() > PATIENCE;
            for caller in &mut callers {
                if caller.as_ref().is_some_and(late) {
                    *caller = None;
                    under_way -= 1;
                    cost.failed += 1;
                }
            }
            continue;
        }
        for event in &events {
            let index = usize::try_from(event.data.u64())?;
            let Some(place) = callers.get_mut(index) else {
                continue;
            };
            let Some(caller) = place else { continue };
            if !caller.greeted {
                match send(&caller.socket, hello, SendFlags::NOSIGNAL) {
                    Ok(length) if length == hello.len() => caller.greeted = true,
                    Err(Errno::AGAIN | Errno::NOTCONN) => continue,
                    // What was said before a reset is still to be read.
                    _ => caller.greeted = true,
                }
            }
            match turn(caller, recording, purpose, &mut room) {
                Turn::Waits => continue,
                Turn::Failed => cost.failed += 1,
                how => {
                    cost.done += 1;
                    match how {
                        Turn::Told => cost.told += 1,
                        Turn::Reset => cost.reset += 1,
                        _ => {}
                    }
                }
            }
            *place = None;
            if Instant::now() < end {
                *place = Some(begin(index)?);
            } else {
                under_way -= 1;
            }
        }
    }
    Ok(cost)
}

fn turn(caller: &mut Caller, recording: &Recording, purpose: Purpose, room: &mut [u8]) -> Turn {
    loop {
        let read = recv(&caller.socket, &mut *room, RecvFlags::DONTWAIT);
        let length = match read {
            Ok((length, _)) => length,
            Err(Errno::AGAIN) => return Turn::Waits,
            Err(_) if purpose == Purpose::Refused => return Turn::Reset,
            Err(_) => return Turn::Failed,
        };
        if purpose == Purpose::Refused {
            let alert = matches!(room.first_chunk(), Some([21, 3, _, 0, 2, 2, 70]));
            match length {
                // The end: with the alert before it, or without a word.
                0 if caller.got == 7 => return Turn::Told,
                0 => return Turn::Done,
                7 if alert && caller.got == 0 => caller.got = 7,
                _ => return Turn::Failed,
            }
            continue;
        }
        if length == 0 {
            return Turn::Failed;
        }
        caller.got += length;
        let flight = recording.flight.len();
        if !caller.asked && caller.got >= flight {
            caller.asked = true;
            let second = &recording.second[..];
            if send(&caller.socket, second, SendFlags::NOSIGNAL) != Ok(second.len()) {
                return Turn::Failed;
            }
        }
        if caller.got == flight + recording.answer.len() {
            return Turn::Done;
        }
    }
}
