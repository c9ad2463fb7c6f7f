//! Connecting to a service without waiting.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::sockopt::{set_tcp_nodelay, set_tcp_quickack, socket_error};
use rustix::net::{
    AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType, bind, connect, send,
    socket_with,
};
use socket2::SockRef;

use crate::settings::Target;
use crate::side::Side;

/// A connection that has begun.
pub(crate) enum Begun {
    /// It stands, and so many of the first bytes are on their way.
    Stands(Side, usize),
    /// It will stand or fail.
    Awaited(Side),
}

/// Begins to connect, from this address if one is given, and sends the first bytes where that is possible at once: on a
/// fast way it is.
///
/// # Errors
///
/// When it failed at once.
pub(crate) fn begin(target: &Target, first: &[u8], from: Option<IpAddr>) -> io::Result<Begun> {
    let side = open(target, from)?;
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
pub(crate) fn open(target: &Target, from: Option<IpAddr>) -> io::Result<Side> {
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
            if let Some(from) = from.map(|from| from.to_canonical()) {
                take(&socket, from, address)?;
            }
            connect(&socket, address)
        }
        Target::Unix(path) => connect(&socket, &SocketAddrUnix::new(path)?),
    };
    match begun {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(Side::new(socket)),
        Err(error) => Err(error.into()),
    }
}

/// Has a socket connect from an address that is not this machine's, if it is of the same family.
fn take(socket: &OwnedFd, from: IpAddr, to: &SocketAddr) -> io::Result<()> {
    let options = SockRef::from(socket);
    match (from, to) {
        (IpAddr::V4(_), SocketAddr::V4(_)) => options.set_ip_transparent_v4(true)?,
        (IpAddr::V6(_), SocketAddr::V6(_)) => options.set_ip_transparent_v6(true)?,
        _ => return Ok(()),
    }
    // The port is the kernel's to choose: the client's own may be in use here.
    Ok(bind(socket, &SocketAddr::new(from, 0))?)
}

/// Whether sockets of this process may take addresses that are not this machine's.
///
/// # Errors
///
/// When they may not.
pub(crate) fn may_be_transparent() -> io::Result<()> {
    let socket = socket_with(
        AddressFamily::INET,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )?;
    SockRef::from(&socket)
        .set_ip_transparent_v4(true)
        .map_err(|error| {
            let remedy = "`transparent` takes CAP_NET_ADMIN; leave it out, or give services the address by `send_proxy_protocol`";
            io::Error::new(error.kind(), format!("{remedy} ({error})"))
        })
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
