//! The service behind the proxies: says what was recorded, holds connections open, or moves bytes in bulk.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread;

use anyhow::Result;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, accept_with, bind, listen, recv,
    send, socket_with,
};
use slab::Slab;

use super::bulk;
use super::recording::Recording;

/// As many as a burst of the load can be.
const BACKLOG: i32 = 4096;
const ROOM: usize = 16 * 1024;

/// One socket for each proxy: connections that are over keep their ports for a minute, and nobody should be short of
/// ports for what another did.
pub(crate) struct Service {
    pub(crate) addresses: Vec<SocketAddr>,
}

/// A connection to it.
struct Guest {
    socket: OwnedFd,
    /// It has been answered once.
    greeted: bool,
    /// Bytes since the last answer.
    got: usize,
}

impl Service {
    /// Starts it, for so many proxies. It ends with this process.
    pub(crate) fn start(recording: Arc<Recording>, sockets: usize) -> Result<Self> {
        let mut listeners = Vec::new();
        let mut addresses = Vec::new();
        for _ in 0..sockets {
            let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
            let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
            bind(&socket, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
            listen(&socket, BACKLOG)?;
            let socket = TcpListener::from(socket);
            addresses.push(socket.local_addr()?);
            listeners.push(socket);
        }
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        for (index, listener) in (1..).zip(&listeners) {
            epoll::add(
                &epoll,
                listener,
                EventData::new_u64(u64::MAX - index),
                EventFlags::IN,
            )?;
        }
        thread::Builder::new()
            .name("service".to_owned())
            .spawn(move || serve(&recording, &listeners, &epoll))?;
        Ok(Self { addresses })
    }
}

fn serve(recording: &Recording, listeners: &[TcpListener], epoll: &OwnedFd) {
    let mut guests: Slab<Guest> = Slab::new();
    let mut events: Vec<Event> = Vec::with_capacity(256);
    let mut room = vec![0; ROOM];
    loop {
        events.clear();
        if epoll::wait(epoll, spare_capacity(&mut events), None).is_err() {
            continue;
        }
        for event in &events {
            let data = event.data.u64();
            let place = usize::try_from(u64::MAX - data).unwrap_or(usize::MAX);
            if let Some(listener) = place.checked_sub(1).and_then(|place| listeners.get(place)) {
                let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
                while let Ok(socket) = accept_with(listener, flags) {
                    let entry = guests.vacant_entry();
                    let data = EventData::new_u64(entry.key() as u64);
                    let flags = EventFlags::IN | EventFlags::RDHUP | EventFlags::ET;
                    if epoll::add(epoll, &socket, data, flags).is_ok() {
                        entry.insert(Guest {
                            socket,
                            greeted: false,
                            got: 0,
                        });
                    }
                }
                continue;
            }
            let Ok(index) = usize::try_from(data) else {
                continue;
            };
            let Some(guest) = guests.get_mut(index) else {
                continue;
            };
            match turn(guest, recording, &mut room) {
                Turn::Stays => {}
                Turn::Leaves => drop(guests.remove(index)),
                Turn::Bulk(order) => {
                    let guest = guests.remove(index);
                    if epoll::delete(epoll, &guest.socket).is_ok() {
                        let stream = TcpStream::from(guest.socket);
                        thread::spawn(move || bulk::obey(stream, &order));
                    }
                }
            }
        }
    }
}

enum Turn {
    Stays,
    Leaves,
    Bulk(Vec<u8>),
}

fn turn(guest: &mut Guest, recording: &Recording, room: &mut [u8]) -> Turn {
    loop {
        let length = match recv(&guest.socket, &mut *room, RecvFlags::DONTWAIT) {
            Ok((0, _)) => return Turn::Leaves,
            Ok((length, _)) => length,
            Err(Errno::AGAIN) => return Turn::Stays,
            Err(_) => return Turn::Leaves,
        };
        if guest.greeted && guest.got == 0 && matches!(room.first(), Some(b'G' | b'P')) {
            return Turn::Bulk(room.get(..length).unwrap_or_default().to_vec());
        }
        guest.got += length;
        let (expected, answer) = if guest.greeted {
            (recording.second.len(), &recording.answer)
        } else {
            (recording.hello.len(), &recording.flight)
        };
        if guest.got >= expected {
            guest.got -= expected;
            guest.greeted = true;
            if send(&guest.socket, answer, SendFlags::NOSIGNAL) != Ok(answer.len()) {
                return Turn::Leaves;
            }
        }
    }
}
