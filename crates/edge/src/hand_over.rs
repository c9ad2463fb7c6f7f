//! Handing the listening sockets to the process that takes this one's place.
//!
//! A new process asks the running one for its listening sockets, through a socket in the data directory that is its
//! user's alone; once it can serve it says so, and the old one takes no more connections, gives those it has the time
//! for a first request, and drains. No listening socket is closed on the way, so no connection is refused or reset:
//! the kernel keeps those that wait for whichever process accepts them.

use std::fs;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::cmsg_space;
use rustix::net::sockopt::socket_peercred;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use rustix::process::geteuid;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use crate::tls::tickets::{Key, Tickets};

/// Sockets that can be handed over: more listeners than anybody has, and fewer than the kernel passes at once (253).
const MOST: usize = 128;
/// How long either side waits for the other's next word. The new process reads its certificates meanwhile.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest description: an address and its like for each socket, and two keys.
const LONGEST: u32 = 64 * 1024;
/// What the new process says once it can serve.
const READY: u8 = b'R';

fn path(data_dir: &Path) -> PathBuf {
    data_dir.join("hand-over.sock")
}

/// What a socket is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Purpose {
    /// TLS, for everybody.
    Clients,
    /// Plain HTTP, for those who run the edge.
    Admin,
}

/// Which socket it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// The address that it was asked for by. Port 0 stays 0.
    pub(crate) address: SocketAddr,
    pub(crate) purpose: Purpose,
}

/// What goes with the sockets.
#[derive(Serialize, Deserialize)]
struct Description {
    /// In the order of the sockets.
    places: Vec<Place>,
    ticket_keys: Vec<Key>,
}

/// What a running edge gave.
pub struct Taken {
    stream: UnixStream,
    sockets: Vec<Socket>,
    pub(crate) ticket_keys: Vec<Key>,
}

impl Taken {
    /// Asks the edge that runs with this data directory for its listening sockets; `None` where there is none. It goes
    /// on as before unless it is told that they are in use.
    ///
    /// # Errors
    ///
    /// When there is an edge that cannot be asked, or its answer makes no sense.
    pub fn ask(data_dir: &Path) -> io::Result<Option<Self>> {
        let mut stream = match UnixStream::connect(path(data_dir)) {
            Ok(stream) => stream,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
                ) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let sockets = receive(stream.as_fd())?;
        let mut length = [0; 4];
        stream.read_exact(&mut length)?;
        let length = u32::from_be_bytes(length);
        if length > LONGEST {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut description = Vec::new();
        (&stream)
            .take(length.into())
            .read_to_end(&mut description)?;
        let Description {
            places,
            ticket_keys,
        } = serde_json::from_slice(&description)?;
        if places.len() != sockets.len() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let sockets = sockets.into_iter().map(TcpListener::from);
        Ok(Some(Self {
            stream,
            sockets: places.into_iter().zip(sockets).collect(),
            ticket_keys,
        }))
    }

    /// The socket for this place, if there is one. Each is given once, the first first.
    pub(crate) fn socket(&mut self, wanted: Place) -> Option<TcpListener> {
        let index = self.sockets.iter().position(|(place, socket)| {
            place.purpose == wanted.purpose
                && (place.address == wanted.address
                    || socket
                        .local_addr()
                        .is_ok_and(|bound| bound == wanted.address))
        })?;
        Some(self.sockets.remove(index).1)
    }

    /// Tells the old process that this one serves from now on.
    pub(crate) fn ready(mut self) -> io::Result<()> {
        self.stream.write_all(&[READY])
    }
}

fn receive(stream: BorrowedFd<'_>) -> io::Result<Vec<OwnedFd>> {
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(MOST))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let received = recvmsg(
        stream,
        &mut [IoSliceMut::new(&mut byte)],
        &mut control,
        RecvFlags::CMSG_CLOEXEC,
    )?;
    if received.bytes == 0 {
        // Closed: it is somebody else's, or it stops.
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut sockets = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            sockets.extend(descriptors);
        }
    }
    Ok(sockets)
}

/// A socket to hand over, and which it is.
pub(crate) type Socket = (Place, TcpListener);

/// Hands the sockets to whoever may ask, until one has taken them or the edge stops. Then `leaving` is cancelled.
pub(crate) async fn offer(
    listening: tokio::net::UnixListener,
    sockets: Vec<Socket>,
    tickets: Arc<Tickets>,
    leaving: CancellationToken,
) {
    let sockets = Arc::new(sockets);
    loop {
        let stream = tokio::select! {
            accepted = listening.accept() => match accepted {
                Ok((stream, _)) => stream.into_std(),
                Err(error) => Err(error),
            },
            () = leaving.cancelled() => return,
        };
        let (sockets, tickets) = (sockets.clone(), tickets.clone());
        let given = spawn_blocking(move || give(stream?, &sockets, tickets.keys())).await;
        match given.map_err(io::Error::other).flatten() {
            Ok(()) => {
                tracing::info!("another process has taken the listening sockets over");
                leaving.cancel();
                return;
            }
            Err(error) => {
                tracing::warn!(%error, "the listening sockets were asked for and not taken over");
            }
        }
    }
}

/// Listens for a process that asks to take over. `replacing`: the process that listened there before is leaving.
/// `None`, and a line in the log, where that cannot be.
pub(crate) fn listen(data_dir: &Path, replacing: bool) -> Option<tokio::net::UnixListener> {
    let path = path(data_dir);
    try_listen(&path, replacing)
        .inspect_err(|error| {
            tracing::warn!(%error, path = %path.display(), "this process cannot be taken over from");
        })
        .ok()
}

fn try_listen(path: &Path, replacing: bool) -> io::Result<tokio::net::UnixListener> {
    if !replacing && UnixStream::connect(path).is_ok() {
        return Err(io::Error::other(
            "another edge runs with this data directory; `--take-over` takes its place",
        ));
    }
    // In place of what a process before this one left, at once, and never open to others.
    let new = path.with_extension(format!("{}", std::process::id()));
    fs::remove_file(&new).ok();
    let listening = UnixListener::bind(&new)?;
    fs::set_permissions(&new, fs::Permissions::from_mode(0o600))?;
    fs::rename(&new, path)?;
    listening.set_nonblocking(true)?;
    tokio::net::UnixListener::from_std(listening)
}

/// Gives the sockets and waits to hear that they are in use.
fn give(mut stream: UnixStream, sockets: &[Socket], ticket_keys: Vec<Key>) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    if socket_peercred(&stream)?.uid != geteuid() {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "asked for by another user",
        ));
    }
    let description = serde_json::to_vec(&Description {
        places: sockets.iter().map(|(place, _)| *place).collect(),
        ticket_keys,
    })?;
    let descriptors: Vec<BorrowedFd<'_>> = sockets
        .iter()
        .map(|(_, socket)| socket.as_fd())
        .take(MOST)
        .collect();
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(MOST))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&descriptors));
    sendmsg(
        &stream,
        &[IoSlice::new(&[0])],
        &mut control,
        SendFlags::NOSIGNAL,
    )?;
    let length = u32::try_from(description.len()).map_err(io::Error::other)?;
    stream.write_all(&length.to_be_bytes())?;
    stream.write_all(&description)?;
    let mut word = [0];
    stream.read_exact(&mut word)?;
    if word == [READY] {
        Ok(())
    } else {
        Err(io::ErrorKind::InvalidData.into())
    }
}
