//! A relay on the loopback, one for each runtime that is asked: it passes every byte on unchanged, in both directions, and
//! keeps the first ones, so that what was offered and chosen is known whatever a runtime tells of it. Without a server
//! it reads the hello and ends the handshake.

use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hello::{HelloReader, MAX_WIRE, Offer, Progress, Scratch};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::route::Route;

/// A certificate chain of any length in use, and what comes before and after it in the clear.
const RECEIVED_KEPT: usize = 128 << 10;
/// The longest request for a tunnel that is read.
const LONGEST_CONNECT: usize = 8 << 10;
/// Connections that one runtime may make; those that try again with less make two or three.
const MOST_CONNECTIONS: usize = 8;
/// How long a client may take to begin to speak.
const BEGIN: Duration = Duration::from_secs(30);
/// Refuses: a fatal `handshake_failure` (RFC 8446 section 6), in a record that every version reads.
const GOODBYE: [u8; 7] = [21, 3, 1, 0, 2, 2, 40];

/// What went over the wire on the first connection that began a handshake.
#[derive(Debug, Default)]
pub(super) struct Wire {
    sent: Vec<u8>,
    received: Vec<u8>,
    /// Why the server was not reached.
    pub(super) unreachable: Option<String>,
    begun: bool,
}

impl Wire {
    /// The hello, as it was sent.
    pub(super) fn offer(&self) -> Option<Offer> {
        match HelloReader::default().read(&self.sent, &mut Scratch::default()) {
            Progress::Hello { hello, .. } => Some(Offer::from(&hello)),
            Progress::NeedMore | Progress::NotTls(_) | Progress::Malformed(_) => None,
        }
    }

    /// What the server sent in the clear.
    pub(super) fn sent_back(&self) -> super::wire::Sent {
        super::wire::read(&self.received)
    }

    /// Whether the server said nothing at all.
    pub(super) fn is_silent(&self) -> bool {
        self.received.is_empty()
    }
}

/// A relay that listens until it is dropped.
pub(super) struct Relay {
    pub(super) port: u16,
    wire: Arc<Mutex<Wire>>,
    task: JoinHandle<()>,
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Relay {
    /// Listens on a free port; without a route nobody is spoken for.
    pub(super) async fn start(route: Option<Arc<Route>>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let wire = Arc::<Mutex<Wire>>::default();
        let kept = wire.clone();
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            for _ in 0..MOST_CONNECTIONS {
                let Ok((stream, _)) = listener.accept().await else {
                    break;
                };
                let (route, kept) = (route.clone(), kept.clone());
                connections.spawn(async move {
                    // However it ends, what was kept tells it.
                    let _ = serve(stream, route.as_deref(), &kept).await;
                });
            }
            while connections.join_next().await.is_some() {}
        });
        Ok(Self { port, wire, task })
    }

    /// What it saw so far.
    pub(super) fn wire(&self) -> MutexGuard<'_, Wire> {
        lock(&self.wire)
    }
}

/// What is kept is whole at every moment, so a panic elsewhere spoils nothing.
fn lock(wire: &Mutex<Wire>) -> MutexGuard<'_, Wire> {
    wire.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(mut client: TcpStream, route: Option<&Route>, kept: &Mutex<Wire>) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut first = vec![0; 16 << 10];
    let mut length = timeout(BEGIN, client.read(&mut first)).await??;
    first.truncate(length);
    if first.starts_with(b"CONNECT ") {
        first = tunnel(&mut client, first).await?;
        length = first.len();
    }
    if length == 0 {
        return Ok(());
    }
    // A runtime that is refused and tries again with less is known by what it tried first.
    let own = {
        let mut wire = lock(kept);
        !std::mem::replace(&mut wire.begun, true)
    };
    let keep = |from_client: bool, bytes: &[u8]| {
        if !own {
            return;
        }
        let mut wire = lock(kept);
        let (kept, most) = match from_client {
            true => (&mut wire.sent, MAX_WIRE),
            false => (&mut wire.received, RECEIVED_KEPT),
        };
        let room = most.saturating_sub(kept.len());
        kept.extend(bytes.iter().take(room));
    };
    keep(true, &first);
    let Some(route) = route else {
        return refuse(client, kept, keep).await;
    };
    let mut server = match route.connect(Instant::now() + super::route::REACH).await {
        Ok(server) => server,
        Err(error) => {
            lock(kept).unreachable = Some(format!("{error:#}"));
            return Ok(());
        }
    };
    server.write_all(&first).await?;
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    tokio::try_join!(
        pass(&mut from_client, &mut to_server, |bytes| keep(true, bytes)),
        pass(&mut from_server, &mut to_client, |bytes| keep(false, bytes)),
    )?;
    Ok(())
}

/// Answers a request for a tunnel; gives what came after it.
async fn tunnel(client: &mut TcpStream, mut head: Vec<u8>) -> io::Result<Vec<u8>> {
    let end = |head: &[u8]| head.windows(4).position(|four| four == b"\r\n\r\n");
    while end(&head).is_none() {
        let mut part = [0; 1024];
        let length = timeout(BEGIN, client.read(&mut part)).await??;
        if length == 0 || head.len() > LONGEST_CONNECT {
            return Ok(Vec::new());
        }
        head.extend(part.iter().take(length));
    }
    client
        .write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
        .await?;
    let rest = head.split_off(end(&head).unwrap_or_default() + 4);
    if !rest.is_empty() {
        return Ok(rest);
    }
    let mut first = vec![0; 16 << 10];
    let length = timeout(BEGIN, client.read(&mut first)).await??;
    first.truncate(length);
    Ok(first)
}

/// Reads until the hello is whole, then ends the handshake.
async fn refuse(
    mut client: TcpStream,
    kept: &Mutex<Wire>,
    keep: impl Fn(bool, &[u8]),
) -> io::Result<()> {
    let mut part = vec![0; 16 << 10];
    for _ in 0..MAX_WIRE {
        let whole = {
            let wire = lock(kept);
            let mut scratch = Scratch::default();
            let read = HelloReader::default().read(&wire.sent, &mut scratch);
            !matches!(read, Progress::NeedMore)
        };
        if whole {
            break;
        }
        let length = timeout(BEGIN, client.read(&mut part)).await??;
        if length == 0 {
            break;
        }
        keep(true, part.get(..length).unwrap_or_default());
    }
    client.write_all(&GOODBYE).await?;
    client.shutdown().await?;
    // A close with unread bytes would reset the connection, and the client would try again.
    while matches!(timeout(BEGIN, client.read(&mut part)).await, Ok(Ok(1..))) {}
    Ok(())
}

/// Passes bytes on until one side ends; the other is told.
async fn pass(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    keep: impl Fn(&[u8]),
) -> io::Result<()> {
    let mut part = vec![0; 16 << 10];
    loop {
        let length = from.read(&mut part).await?;
        let bytes = part.get(..length).unwrap_or_default();
        if bytes.is_empty() {
            return to.shutdown().await;
        }
        keep(bytes);
        to.write_all(bytes).await?;
    }
}
