//! HTTP after the handshake: drives the connection, and decides once more at each request.

pub(crate) mod body;
mod explain;
mod headers;
mod health;
mod notice;
mod page;
pub(crate) mod proxy;
pub(crate) mod reports;
mod respond;
mod route;
mod ssl;

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;

use crate::connection::Session;
use crate::wire::Wire;
use crate::settings::Limits;
use crate::tls::Secured;

/// Streams that one HTTP/2 connection may have open at once: what RFC 9113 section 6.5.2 recommends at least.
const STREAMS: u32 = 100;

/// Serves requests until the connection ends.
pub(crate) async fn serve(stream: Secured<Wire<TcpStream>>, session: Arc<Session>, limits: &Limits) {
    let stopping = session.core.stopping.clone();
    let is_http2 = session.negotiated.alpn == Some("h2");
    let head = usize::try_from(limits.head.as_u64()).unwrap_or(usize::MAX);
    let io = TokioIo::new(stream);
    let requests = service_fn(move |request| {
        let session = session.clone();
        async move { Ok::<_, Infallible>(route::answer(&session, request).await) }
    });
    // An error here is the client's doing (a reset, bad HTTP, a time-out) and ends this connection only.
    let ended = if is_http2 {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(u32::try_from(head).unwrap_or(u32::MAX))
            // A client that does not answer pings is gone; one that does may keep its connection.
            .keep_alive_interval(limits.idle)
            .keep_alive_timeout(limits.idle.min(Duration::from_secs(20)));
        let mut connection = pin!(builder.serve_connection(io, requests));
        tokio::select! {
            ended = connection.as_mut() => ended,
            () = stopping.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    } else {
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(limits.idle).max_buf_size(head.max(8192)).pipeline_flush(true).half_close(false);
        let mut connection = pin!(builder.serve_connection(io, requests).with_upgrades());
        tokio::select! {
            ended = connection.as_mut() => ended,
            () = stopping.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(error = %respond::chain(&error), "connection ended");
    }
}
