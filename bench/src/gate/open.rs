//! Connections that stay open: what each takes of a proxy's memory, and how long the others wait beside them.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use rustix::time::Timespec;

use super::callers::Sources;
use super::recording::Recording;
use crate::process::resident;
use crate::server::Running;

/// Buffers that a proxy gives back after a pause are gone by then.
const SETTLE: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(10);
/// Exchanges due each second, over all connections together.
const EXCHANGES: u32 = 1000;
/// Of so many, one is a new connection.
const OPENINGS: u32 = 5;

/// Times that were measured, in microseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

/// How long something took beside connections that are open.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Delay {
    /// From connecting to the last byte of the service's flight.
    pub(crate) opening: Times,
    /// From a request to the last byte of its answer.
    pub(crate) exchange: Times,
}

fn times(mut values: Vec<f64>) -> Result<Times> {
    values.sort_unstable_by(f64::total_cmp);
    let at = |share: usize| {
        let index = values.len() * share / 100;
        values
            .get(index.min(values.len().saturating_sub(1)))
            .copied()
    };
    Ok(Times {
        p50: at(50).context("nothing was measured")?,
        p99: at(99).context("nothing was measured")?,
    })
}

/// One connection with its handshake and its first answer behind it.
fn opened(address: SocketAddr, recording: &Recording, sources: &mut Sources) -> Result<TcpStream> {
    let mut stream = TcpStream::from(sources.connect(address)?);
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(&recording.hello)?;
    stream
        .read_exact(&mut vec![0; recording.flight.len()])
        .context("the service's flight")?;
    stream.write_all(&recording.second)?;
    stream
        .read_exact(&mut vec![0; recording.answer.len()])
        .context("the answer")?;
    Ok(stream)
}

fn hold(address: SocketAddr, recording: &Recording, count: usize) -> Result<Vec<TcpStream>> {
    let mut sources = Sources::default();
    (0..count)
        .map(|index| {
            opened(address, recording, &mut sources)
                .with_context(|| format!("connection {index} of {count}"))
        })
        .collect()
}

/// Growth of a fresh server's memory for each of so many open connections, KiB.
pub(crate) fn memory(server: &Running, recording: &Recording, count: usize) -> Result<f64> {
    // What is set up once is no connection's cost.
    drop(hold(server.address, recording, 64)?);
    sleep(SETTLE);
    let before = resident(server.pid)?;
    let held = hold(server.address, recording, count)?;
    sleep(SETTLE);
    let after = resident(server.pid)?;
    ensure_open(&held)?;
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let kibibytes = after.saturating_sub(before) as f64 / 1024.0 / count as f64;
    Ok(kibibytes)
}

fn ensure_open(held: &[TcpStream]) -> Result<()> {
    for stream in held {
        stream.set_nonblocking(true)?;
        let mut byte = [0];
        ensure!(
            stream.peek(&mut byte).is_err(),
            "a connection that was to stay open was closed"
        );
    }
    Ok(())
}

/// What is waited for on a socket.
struct Awaited {
    due: Instant,
    left: usize,
}

/// Exchanges on `count` open connections at a fixed rate, and new ones among them. Each is timed from when it was due,
/// so that one that holds up the others counts for all of them.
pub(crate) fn delay(
    address: SocketAddr,
    recording: &Recording,
    count: usize,
    length: Duration,
) -> Result<Delay> {
    let held = hold(address, recording, count)?;
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    let watch = |socket: &OwnedFd, index: usize| {
        let flags = EventFlags::IN | EventFlags::RDHUP | EventFlags::ET;
        epoll::add(&epoll, socket, EventData::new_u64(index as u64), flags)
    };
    let mut sockets: Vec<OwnedFd> = held.into_iter().map(OwnedFd::from).collect();
    let mut awaited: Vec<Option<Awaited>> = Vec::new();
    for (index, socket) in sockets.iter().enumerate() {
        watch(socket, index)?;
        awaited.push(None);
    }
    let (mut exchanges, mut openings) = (Vec::new(), Vec::new());
    // At the end of both lists: the connection that is being opened, if one is.
    let mut opening: Option<(OwnedFd, Awaited)> = None;
    let mut sources = Sources::default();
    let every = Duration::from_secs(1) / EXCHANGES;
    let start = Instant::now();
    let mut queue: VecDeque<Instant> = VecDeque::new();
    let (mut turn, mut next_socket) = (0_u32, 0_usize);
    let mut events: Vec<Event> = Vec::with_capacity(256);
    let mut room = vec![0; 16 * 1024];
    let micros = |since: Instant| since.elapsed().as_secs_f64() * 1e6;
    loop {
        let now = Instant::now();
        if now - start > length + PATIENCE {
            bail!("an answer did not come within {PATIENCE:?}");
        }
        let mut due = start + every * turn;
        while due <= now && due < start + length {
            turn += 1;
            if turn.is_multiple_of(OPENINGS) && opening.is_none() {
                let began = Instant::now();
                let socket = sources.connect(address)?;
                watch(&socket, count)?;
                let hello = &recording.hello[..];
                // On loopback the connection stands at once, but for a busy moment.
                let mut sent = send(&socket, hello, SendFlags::NOSIGNAL);
                while sent == Err(Errno::AGAIN) && began.elapsed() < PATIENCE {
                    std::thread::yield_now();
                    sent = send(&socket, hello, SendFlags::NOSIGNAL);
                }
                ensure!(sent == Ok(hello.len()), "a hello could not be sent");
                let left = recording.flight.len();
                opening = Some((socket, Awaited { due: began, left }));
            } else {
                queue.push_back(due);
            }
            due = start + every * turn;
        }
        // The next socket that is free; with one connection an exchange waits for the one before it.
        while let Some(due) = queue.front().copied() {
            next_socket %= count;
            let (Some(socket), Some(place)) =
                (sockets.get(next_socket), awaited.get_mut(next_socket))
            else {
                break;
            };
            if place.is_some() {
                break;
            }
            let second = &recording.second[..];
            ensure!(
                send(socket, second, SendFlags::NOSIGNAL) == Ok(second.len()),
                "a request could not be sent"
            );
            *place = Some(Awaited {
                due,
                left: recording.answer.len(),
            });
            queue.pop_front();
            next_socket += 1;
        }
        let is_over = due >= start + length;
        if is_over && queue.is_empty() && opening.is_none() && awaited.iter().all(Option::is_none) {
            break;
        }
        let wait = due.saturating_duration_since(Instant::now());
        let wait = if is_over {
            Duration::from_millis(5)
        } else {
            wait
        };
        events.clear();
        match epoll::wait(
            &epoll,
            spare_capacity(&mut events),
            Some(&Timespec::try_from(wait)?),
        ) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => bail!(error),
        }
        for event in &events {
            let index = usize::try_from(event.data.u64())?;
            if index == count {
                let Some((socket, waits)) = &mut opening else {
                    continue;
                };
                if take(socket, waits, &mut room)? {
                    openings.push(micros(waits.due));
                    opening = None;
                }
            } else if let (Some(socket), Some(place)) = (sockets.get(index), awaited.get_mut(index))
                && let Some(waits) = place
                && take(socket, waits, &mut room)?
            {
                exchanges.push(micros(waits.due));
                *place = None;
            }
        }
    }
    sockets.clear();
    // The proxy closes them before anything else is measured.
    sleep(Duration::from_millis(300));
    Ok(Delay {
        opening: times(openings)?,
        exchange: times(exchanges)?,
    })
}

/// Reads what has come; true once all has.
fn take(socket: &OwnedFd, waits: &mut Awaited, room: &mut [u8]) -> Result<bool> {
    loop {
        match recv(socket, &mut *room, RecvFlags::DONTWAIT) {
            Ok((0, _)) => bail!("closed before the answer"),
            Ok((length, _)) => {
                waits.left = waits.left.saturating_sub(length);
                if waits.left == 0 {
                    return Ok(true);
                }
            }
            Err(Errno::AGAIN) => return Ok(false),
            Err(error) => return Err(error).context("before the answer"),
        }
    }
}
