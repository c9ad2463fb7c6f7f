//! HTTP after the handshake: drives the connection, and decides once more at each request.

mod activity;
pub(crate) mod body;
mod connector;
mod explain;
mod headers;
mod health;
mod notice;
pub(crate) mod offered;
mod page;
pub(crate) mod proxy;
pub(crate) mod reports;
mod respond;
mod route;
mod ssl;

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use self::activity::{Activity, Watched};
use self::body::Body;
use crate::connection::Session;
use crate::lingering::Lingering;
use crate::settings::Limits;
use crate::tls::Resting;
use crate::wire::Wire;

/// Streams that one HTTP/2 connection may have open at once: what RFC 9113 section 6.5.2 recommends at least.
const STREAMS: u32 = 100;

/// What HTTP travels on.
type Stream = Resting<Wire<Lingering<TcpStream>>>;

/// Serves requests until the connection ends.
pub(crate) async fn serve(mut stream: Stream, session: Arc<Session>, limits: &Limits) {
    // A connection that has said nothing yet needs no HTTP: clients open some ahead of time.
    stream.rest();
    let spoke = tokio::select! {
        spoke = timeout(limits.idle, poll_fn(|cx| stream.wire().poll_fill(cx))) => matches!(spoke, Ok(Ok(()))),
        () = session.core.stopping.cancelled() => false,
    };
    if !spoke {
        // To a client that is gone there is nobody to say goodbye to.
        timeout(GOODBYE, stream.shutdown()).await.ok();
        return;
    }
    // Boxed, each by itself: HTTP/1.1 should not carry the room that HTTP/2 needs.
    let ended = if session.negotiated.alpn == Some("h2") {
        Box::pin(serve_http2(stream, session, limits)).await
    } else {
        Box::pin(serve_http1(stream, session, limits)).await
    };
    // An error here is the client's doing (a reset, bad HTTP, a time-out) and ends this connection only.
    if let Err(error) = ended {
        tracing::debug!(error = %respond::chain(&error), "connection ended");
    }
}

async fn serve_http1(stream: Stream, session: Arc<Session>, limits: &Limits) -> hyper::Result<()> {
    let activity = Activity::new();
    let over = over(session.core.stopping.clone(), &activity, limits);
    // Boxed: hyper keeps the room of a request for as long as the connection lasts.
    let requests = service_fn(|request| Box::pin(answer(&session, &activity, request)));
    let mut builder = http1::Builder::new();
    // No `pipeline_flush`: it keeps back an answer as long as unread bytes follow its request, and where that
    // answer is the last the client never gets it.
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.idle)
        .max_buf_size(longest_head(limits).max(8192))
        .half_close(false);
    let mut connection = pin!(
        builder
            .serve_connection(TokioIo::new(stream), requests)
            .with_upgrades()
    );
    tokio::select! {
        ended = connection.as_mut() => ended,
        over = over => {
            connection.as_mut().graceful_shutdown();
            finish(over, connection).await
        }
    }
}

async fn serve_http2(stream: Stream, session: Arc<Session>, limits: &Limits) -> hyper::Result<()> {
    let activity = Activity::new();
    let over = over(session.core.stopping.clone(), &activity, limits);
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
    tokio::select! {
        ended = connection.as_mut() => ended,
        over = over => {
            connection.as_mut().graceful_shutdown();
            finish(over, connection).await
        }
    }
}

async fn answer(
    session: &Arc<Session>,
    activity: &Arc<Activity>,
    request: Request<Incoming>,
) -> Result<Response<Watched<Body>>, Infallible> {
    let _under_way = activity.request();
    let answer = route::answer(session, request).await;
    Ok(answer.map(|body| activity.watch(body)))
}

fn longest_head(limits: &Limits) -> usize {
    usize::try_from(limits.head.as_u64()).unwrap_or(usize::MAX)
}

/// Resolves when a connection is to take no more requests.
async fn over(stopping: CancellationToken, activity: &Activity, limits: &Limits) -> Over {
    tokio::select! {
        () = stopping.cancelled() => Over::Stopping,
        () = activity.ceased(limits) => Over::Still,
    }
}

/// Why a connection is to take no more requests.
enum Over {
    Stopping,
    Still,
}

/// How long a connection on which nothing moved may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(5);

/// Waits for what is under way; where that stands still there is little to wait for.
async fn finish(
    over: Over,
    connection: impl Future<Output = hyper::Result<()>>,
) -> hyper::Result<()> {
    match over {
        Over::Stopping => connection.await,
        Over::Still => timeout(GOODBYE, connection).await.unwrap_or(Ok(())),
    }
}
