//! The accept loop.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use ::door::Diverted;
use ledger::Outcome;
use rustix::net::{SocketFlags, acceptfrom_with};
use tokio::io::unix::AsyncFd;
use tokio::runtime::Handle;
use tokio::task::yield_now;
use tokio::time::sleep;
use tokio_util::task::TaskTracker;

use super::{Answer, Caller, Knock, answer};
use crate::connection;
use crate::core::{Core, Entrance, Live};
use crate::record::Record;

/// How long to wait after an accept that failed for want of descriptors or memory, so as not to spin.
const PAUSE: Duration = Duration::from_millis(50);
/// How many connections are taken before others on the same worker get their turn.
const BATCH: usize = 64;

/// Accepts until the edge stops or another process accepts in its place.
pub(crate) async fn accept(
    socket: AsyncFd<TcpListener>,
    entrance: Arc<Entrance>,
    core: Arc<Core>,
    tasks: TaskTracker,
) {
    let mut failing = false;
    loop {
        let mut ready = tokio::select! {
            Ok(ready) = socket.readable() => ready,
            () = core.leaving.cancelled() => return,
            // The runtime is going away.
            else => return,
        };
        let live = core.live.load_full();
        for _ in 0..BATCH {
            match accept_one(socket.get_ref()) {
                Ok((stream, peer)) => {
                    failing = false;
                    admit(stream, peer, &entrance, &core, &live, &tasks);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready.clear_ready();
                    break;
                }
                // The client has gone again.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    // Out of descriptors, most likely: said once, not once for each try.
                    if !failing {
                        tracing::error!(%error, "cannot accept connections; raise the limit on open files (ulimit -n) or lower limits.connections");
                        failing = true;
                    }
                    sleep(PAUSE).await;
                    break;
                }
            }
        }
        yield_now().await;
    }
}

fn accept_one(socket: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    let (stream, peer) = acceptfrom_with(socket, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC)?;
    let peer = peer
        .and_then(|peer| SocketAddr::try_from(peer).ok())
        .ok_or(io::ErrorKind::ConnectionAborted)?;
    Ok((stream.into(), peer))
}

/// Judges a connection on the spot if its hello is there, and else in a task of its own.
fn admit(
    stream: TcpStream,
    peer: SocketAddr,
    entrance: &Arc<Entrance>,
    core: &Arc<Core>,
    live: &Arc<Live>,
    tasks: &TaskTracker,
) {
    let limits = &live.settings.limits;
    let mut record = Record::new(
        core.sink.clone(),
        core.clock,
        entrance.name.clone(),
        peer,
        live.settings.privacy.addresses,
    );
    let awaits_introduction = entrance.introducers.contain(peer.ip());
    // Whoever is in front has the connections of many.
    let most = if awaits_introduction {
        usize::MAX
    } else {
        limits.connections_per_address
    };
    let Some(permit) = core.bounds.admit(peer.ip(), limits.connections, most) else {
        record.note(|sighting| sighting.outcome = Outcome::Shed);
        return;
    };
    let mut knock = Knock::new();
    let mut first = None;
    // Who has to be introduced first is waited for: few are, and the header seldom comes alone.
    if !awaits_introduction && let Some(opening) = knock.take(&stream) {
        let bytes = std::mem::take(&mut knock.bytes);
        let answer = answer(opening, bytes, core, live, peer.ip(), &mut record);
        match answer.act_at_once(&stream) {
            Some(answer) => first = Some(answer),
            None => return,
        }
    }
    let caller = Caller {
        peer,
        record,
        permit,
        awaits_introduction,
    };
    tasks.spawn(attend(
        stream,
        caller,
        knock,
        first,
        core.clone(),
        entrance.clone(),
    ));
}

/// Takes over connections that another listener of this process hands to this one.
pub(crate) fn divert_to(
    entrance: Arc<Entrance>,
    core: Arc<Core>,
    tasks: TaskTracker,
    runtime: Handle,
) -> impl Fn(Diverted) + Send + Sync {
    move |diverted| {
        let Diverted {
            stream,
            peer,
            bytes,
            permit,
            mut record,
        } = diverted;
        let mut knock = Knock::with(bytes);
        let first = knock.look().map(|opening| {
            let bytes = std::mem::take(&mut knock.bytes);
            let live = core.live.load();
            answer(opening, bytes, &core, &live, peer.ip(), &mut record)
        });
        let caller = Caller {
            peer,
            record,
            permit,
            awaits_introduction: false,
        };
        let attended = attend(stream, caller, knock, first, core.clone(), entrance.clone());
        tasks.spawn_on(attended, &runtime);
    }
}

/// Waits for the hello if need be, acts on the answer, and serves whoever is let in.
async fn attend(
    stream: TcpStream,
    mut caller: Caller,
    mut knock: Knock,
    first: Option<Answer>,
    core: Arc<Core>,
    entrance: Arc<Entrance>,
) {
    // Fails only where the runtime is going away.
    let Ok(stream) = tokio::net::TcpStream::from_std(stream) else {
        return;
    };
    let answer = match first {
        Some(answer) => answer,
        None => {
            let live = core.live.load_full();
            let opening = knock.wait(&stream, &mut caller, &core, &live).await;
            let (address, record) = (caller.peer.ip(), &mut caller.record);
            answer(opening, knock.bytes, &core, &live, address, record)
        }
    };
    let Caller {
        peer,
        record,
        permit,
        ..
    } = caller;
    if let Some((stream, admitted)) = answer.act(stream, &core.stopping).await {
        // Boxed: a connection that waits at the door should not carry the room that TLS and HTTP need.
        Box::pin(connection::serve(
            stream, peer, *admitted, record, permit, core, entrance,
        ))
        .await;
    }
}
