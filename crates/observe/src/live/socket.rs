//! The socket that packets come from (packet(7)).

use std::io::{self, IoSliceMut};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::getsockopt_impl;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::sockopt::{GetStruct, RcvBuf, RcvBufForce};
use nix::sys::socket::{
    AddressFamily, LinkAddr, MsgFlags, MultiHeaders, SockFlag, SockProtocol, SockType, getsockopt,
    recvmmsg, setsockopt, socket,
};
use socket2::SockRef;
use std::os::fd::AsFd;

use super::{LiveError, filter};

/// Packets that are taken with one call.
pub(super) const BATCH: usize = 32;
/// The longest packet that is taken whole: what a network card or the kernel has put together out of many.
const LONGEST: usize = 64 * 1024 + 256;
/// How often the queue is emptied at most while the filter is put on.
const MOST_STALE: usize = 10_000;

/// `PACKET_STATISTICS`: counts since they were asked for last.
#[derive(Clone, Copy)]
struct Statistics;

getsockopt_impl!(
    Statistics,
    libc::SOL_PACKET,
    libc::PACKET_STATISTICS,
    libc::tpacket_stats,
    GetStruct<libc::tpacket_stats>
);

/// A socket that sees packets from their network layer on, whatever link they came over.
pub(super) struct Socket {
    socket: OwnedFd,
    headers: MultiHeaders<LinkAddr>,
    buffers: Vec<Box<[u8]>>,
    filled: Vec<Filled>,
}

/// One packet that was taken.
#[derive(Clone, Copy)]
struct Filled {
    /// Its EtherType, as it stands in packets.
    protocol: [u8; 2],
    /// Bytes on the wire.
    length: usize,
}

impl Socket {
    pub(super) fn open(buffer: usize, interfaces: Option<&[u32]>) -> Result<Self, LiveError> {
        let socket = socket(
            AddressFamily::Packet,
            SockType::Datagram,
            SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
            SockProtocol::EthAll,
        )
        .map_err(|error| match error {
            Errno::EPERM | Errno::EACCES => LiveError::NotAllowed,
            error => LiveError::System(error.into()),
        })?;
        let mut opened = Self {
            socket,
            headers: MultiHeaders::preallocate(BATCH, None),
            buffers: vec![vec![0; LONGEST].into_boxed_slice(); BATCH],
            filled: Vec::with_capacity(BATCH),
        };
        // What has come before there was a filter may be anything.
        SockRef::from(&opened.socket).attach_filter(&filter::nothing())?;
        for _ in 0..MOST_STALE {
            if opened.receive()? == 0 {
                break;
            }
        }
        opened.statistics()?;
        opened.listen_to(interfaces)?;
        // As far as one may: past the system's limit (net.core.rmem_max) takes CAP_NET_ADMIN.
        if setsockopt(&opened.socket, RcvBufForce, &buffer).is_err() {
            setsockopt(&opened.socket, RcvBuf, &buffer).map_err(io::Error::from)?;
        }
        Ok(opened)
    }

    /// From now on the packets of these interfaces are taken; `None` for all.
    pub(super) fn listen_to(&self, interfaces: Option<&[u32]>) -> io::Result<()> {
        SockRef::from(&self.socket).attach_filter(&filter::program(interfaces))
    }

    /// Waits until there is a packet, so many milliseconds at most.
    pub(super) fn wait(&self, milliseconds: u16) -> io::Result<()> {
        let mut waited = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
        match poll(&mut waited, PollTimeout::from(milliseconds)) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes what is there: how many packets.
    pub(super) fn receive(&mut self) -> io::Result<usize> {
        self.filled.clear();
        let mut slices: Vec<[IoSliceMut<'_>; 1]> = self
            .buffers
            .iter_mut()
            .map(|buffer| [IoSliceMut::new(buffer)])
            .collect();
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_TRUNC;
        let received = recvmmsg(
            self.socket.as_raw_fd(),
            &mut self.headers,
            slices.iter_mut(),
            flags,
            None,
        );
        match received {
            Ok(messages) => self.filled.extend(messages.map(|message| {
                Filled {
                    protocol: message
                        .address
                        .map_or([0; 2], |address| address.protocol().to_ne_bytes()),
                    length: message.bytes,
                }
            })),
            // An interface that was taken down says so once; the others go on.
            Err(Errno::EAGAIN | Errno::EINTR | Errno::ENETDOWN) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(self.filled.len())
    }

    /// What was taken last: EtherType, what was kept, bytes on the wire.
    pub(super) fn received(&self) -> impl Iterator<Item = ([u8; 2], &[u8], usize)> {
        self.filled
            .iter()
            .zip(&self.buffers)
            .map(|(filled, buffer)| {
                let kept = buffer.get(..filled.length).unwrap_or(buffer);
                (filled.protocol, kept, filled.length)
            })
    }

    /// Packets that passed the filter, and those of them for which there was no room, since this was asked last.
    pub(super) fn statistics(&self) -> io::Result<(u64, u64)> {
        let counts = getsockopt(&self.socket, Statistics)?;
        Ok((counts.tp_packets.into(), counts.tp_drops.into()))
    }
}
