//! HTTP after the handshake: drives the connection, and decides once more at each request.

mod account;
mod activity;
pub(crate) mod admin;
mod again;
pub(crate) mod body;
mod explain;
pub(crate) mod fetch;
mod headers;
mod health;
mod metrics;
mod notice;
pub(crate) mod offered;
mod page;
mod peeked;
pub(crate) mod proxy;
pub(crate) mod reports;
mod respond;
mod route;
mod seldom;
mod ssl;
pub(crate) mod timers;
mod token;
pub(crate) mod upstream;

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

pub(crate) use self::headers::Told;

use self::activity::{Activity, Still, Watched};
use self::body::Body;
use self::peeked::Peeked;
use self::seldom::Seldom;
use crate::connection::Session;
use crate::lingering::Lingering;
use crate::settings::Limits;
use crate::tls::{Resting, Wishes};

/// Streams that one HTTP/2 connection may have open at once: what RFC 9113 section 6.5.2 recommends at least.
const STREAMS: u32 = 100;

/// What HTTP travels on.
type Stream = Resting<Lingering<TcpStream>>;

/// Serves requests until the connection ends.
pub(crate) async fn serve(mut stream: Stream, session: Arc<Session>, limits: &Limits) {
    loop {
        // A connection that says nothing needs no HTTP, and the room that takes.
        let spoke = tokio::select! {
            spoke = timeout(limits.idle, poll_fn(|cx| stream.poll_spoken(cx))) => matches!(spoke, Ok(Ok(()))),
            () = session.stopping.cancelled() => false,
        };
        if !spoke {
            // To a client that is gone there is nobody to say goodbye to.
            timeout(GOODBYE, stream.shutdown()).await.ok();
            return;
        }
        // Boxed, each by itself: HTTP/1.1 should not carry the room that HTTP/2 needs.
        let ended = if session.negotiated.alpn == Some("h2") {
            Box::pin(serve_http2(stream, session.clone(), limits)).await
        } else {
            Box::pin(serve_http1(stream, session.clone(), limits)).await
        };
        match ended {
            Ok(Some(rests)) => stream = rests,
            Ok(None) => return,
            // The client's doing (a reset, bad HTTP, a time-out), and the end of this connection only.
            Err(error) => {
                tracing::debug!(error = %respond::chain(&error), "connection ended");
                return;
            }
        }
    }
}

/// Gives the stream back when the connection rests: hyper holds 20 KiB for each connection it serves.
async fn serve_http1(
    stream: Stream,
    session: Arc<Session>,
    limits: &Limits,
) -> hyper::Result<Option<Stream>> {
    let activity = Activity::new();
    let wishes = stream.wishes();
    let stopping = session.stopping.clone();
    // Boxed: hyper keeps the room of a request for as long as the connection lasts.
    let requests = service_fn(|request| Box::pin(answer(&session, &activity, request)));
    let mut builder = http1::Builder::new();
    // No timer: `over` bounds the wait for a head, and a timer for each request costs a twentieth of it.
    // No `pipeline_flush`: it keeps back an answer as long as unread bytes follow its request, and where that
    // answer is the last the client never gets it.
    builder
        .max_buf_size(longest_head(limits).max(8192))
        .half_close(false);
    let mut connection = builder
        .serve_connection(TokioIo::new(stream), requests)
        .with_upgrades();
    let mut over = Seldom::new(over(&stopping, &activity, limits, &wishes, true));
    let over = tokio::select! {
        // First, so that the connection is driven after it was told to rest.
        biased;
        over = &mut over => over,
        ended = &mut connection => return ended.map(|()| None),
    };
    let rests = matches!(over, Over::Rests);
    wishes.keep.store(rests, Relaxed);
    Pin::new(&mut connection).graceful_shutdown();
    let finished = finish(over, &activity, limits, &mut connection).await?;
    // What is not finished still holds a part of an answer: the stream cannot go on without it.
    let parts = connection.into_parts().filter(|_| rests && finished);
    Ok(parts.and_then(|parts| {
        let mut stream = parts.io.into_inner();
        stream.put_back(parts.read_buf);
        (!stream.is_closing()).then_some(stream)
    }))
}

async fn serve_http2(
    stream: Stream,
    session: Arc<Session>,
    limits: &Limits,
) -> hyper::Result<Option<Stream>> {
    let activity = Activity::new();
    let wishes = stream.wishes();
    let stopping = session.stopping.clone();
    let counted = activity.clone();
    let requests = service_fn(move |request| {
        let (session, activity) = (session.clone(), counted.clone());
        async move { answer(&session, &activity, request).await }
    });
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(u32::try_from(longest_head(limits)).unwrap_or(u32::MAX))
        // A client that does not answer pings is gone.
        .keep_alive_interval(limits.idle)
        .keep_alive_timeout(limits.idle.min(Duration::from_secs(20)));
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), requests));
    let mut over = Seldom::new(over(&stopping, &activity, limits, &wishes, false));
    let over = tokio::select! {
        biased;
        // HTTP/2 has state that outlives a rest.
        over = &mut over => over,
        ended = connection.as_mut() => return ended.map(|()| None),
    };
    connection.as_mut().graceful_shutdown();
    finish(over, &activity, limits, connection)
        .await
        .map(|_| None)
}

async fn answer(
    session: &Arc<Session>,
    activity: &Arc<Activity>,
    request: Request<Incoming>,
) -> Result<Response<Watched<Body>>, Infallible> {
    let _under_way = activity.request();
    let is_http1 = request.version() < Version::HTTP_2;
    let mut answer = route::answer(session, request.map(Peeked::from)).await;
    if is_http1 && session.core.leaving.is_cancelled() {
        // Said beforehand, so that the client sends its next request to whoever accepts now. HTTP/2 says it by itself.
        let closes = HeaderValue::from_static("close");
        answer.headers_mut().entry(CONNECTION).or_insert(closes);
    }
    Ok(answer.map(|body| activity.watch(body)))
}

fn longest_head(limits: &Limits) -> usize {
    usize::try_from(limits.head.as_u64()).unwrap_or(usize::MAX)
}

/// Why a connection is to take no more requests, or none for now.
enum Over {
    Stopping,
    Still,
    Rests,
}

async fn over(
    stopping: &CancellationToken,
    activity: &Activity,
    limits: &Limits,
    wishes: &Wishes,
    rests: bool,
) -> Over {
    let quiet = || wishes.rest.store(true, Relaxed);
    tokio::select! {
        () = stopping.cancelled() => Over::Stopping,
        still = activity.still(limits, rests, quiet) => match still {
            Still::Rests => Over::Rests,
            Still::Ceased => Over::Still,
        },
    }
}

/// How long a connection on which nothing moved may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(5);

/// Waits for what is under way, and says whether it came to its end; where that stands still there is little to wait
/// for.
async fn finish(
    over: Over,
    activity: &Activity,
    limits: &Limits,
    mut connection: impl Future<Output = hyper::Result<()>> + Unpin,
) -> hyper::Result<bool> {
    let patience = match over {
        // The client may still be reading its last answer.
        Over::Rests => limits.idle,
        Over::Still | Over::Stopping => GOODBYE,
    };
    match timeout(patience, &mut connection).await {
        Ok(ended) => ended.map(|()| true),
        // A request has bounds of its own; half the head of a first one is none yet.
        Err(_) if matches!(over, Over::Stopping) && activity.begun() => {
            connection.await.map(|()| true)
        }
        Err(_) => Ok(false),
    }
}
