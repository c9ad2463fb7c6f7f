//! Connecting to a service without waiting.

use std::io;
use std::net::SocketAddr;

use rustix::io::Errno;
use rustix::net::sockopt::{set_tcp_nodelay, set_tcp_quickack, socket_error};
use rustix::net::{
    AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, send, socket_with,
};

use crate::settings::Target;
use crate::side::Side;

/// A connection that has begun.
pub(crate) enum Begun {
    /// It stands, and so many of the first bytes are on their way.
    Stands(Side, usize),
    /// It will stand or fail.
    Awaited(Side),
}

/// Begins to connect, and sends the first bytes where that is possible at once: on a fast way it is.
///
/// # Errors
///
/// When it failed at once.
pub(crate) fn begin(target: &Target, first: &[u8]) -> io::Result<Begun> {
    let side = open(target)?;
    // Until it stands there is nobody to send to, and the kernel says so.
    match send(&side.socket, first, SendFlags::NOSIGNAL) {
        Ok(sent) => Ok(Begun::Stands(side, sent)),
        Err(Errno::AGAIN | Errno::NOTCONN | Errno::INTR) => Ok(Begun::Awaited(side)),
        Err(error) => Err(error.into()),
    }
}

/// A socket that is being connected.
///
/// # Errors
///
/// When it failed at once.
pub(crate) fn open(target: &Target) -> io::Result<Side> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let family = match target {
        Target::Tcp(SocketAddr::V4(_)) => AddressFamily::INET,
        Target::Tcp(SocketAddr::V6(_)) => AddressFamily::INET6,
        Target::Unix(_) => AddressFamily::UNIX,
    };
    let socket = socket_with(family, SocketType::STREAM, flags, None)?;
    let begun = match target {
        Target::Tcp(address) => {
            // What follows the hello must not wait for the peer's delayed ACK.
            set_tcp_nodelay(&socket, true)?;
            // The handshake's ACK rides on the hello.
            set_tcp_quickack(&socket, false).ok();
            connect(&socket, address)
        }
        Target::Unix(path) => connect(&socket, &SocketAddrUnix::new(path)?),
    };
    match begun {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(Side::new(socket)),
        Err(error) => Err(error.into()),
    }
}

/// Whether a connection that was awaited stands; `None` where it still has to be awaited.
///
/// # Errors
///
/// When it failed.
pub(crate) fn try_send(side: &Side, first: &[u8]) -> io::Result<Option<usize>> {
    socket_error(&side.socket)??;
    match send(&side.socket, first, SendFlags::NOSIGNAL) {
        Ok(sent) => Ok(Some(sent)),
        Err(Errno::AGAIN | Errno::NOTCONN | Errno::INTR) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
