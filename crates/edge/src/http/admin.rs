//! The listener for those who run the edge: plain HTTP on loopback, `/metrics` and `/healthz`.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{ALLOW, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::body::Body;
use super::{health, metrics, respond};
use crate::core::Core;

/// Connections at once: a scraper or two and somebody who looks.
const CONNECTIONS: usize = 16;
/// From a connection's first byte to its end: one question, one answer.
const LIFE: Duration = Duration::from_secs(10);
/// How long to wait after an accept that failed, so as not to spin.
const PAUSE: Duration = Duration::from_millis(50);
/// The longest head of a question.
const HEAD: usize = 16 * 1024;

/// The listener over a bound socket. Must be called inside a tokio runtime.
pub(crate) fn listen(listener: std::net::TcpListener) -> io::Result<TcpListener> {
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

/// Answers until the edge stops or another process answers here.
pub(crate) async fn accept(listener: TcpListener, core: Arc<Core>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = core.leaving.cancelled() => return,
        };
        let Ok((stream, _)) = accepted else {
            sleep(PAUSE).await;
            continue;
        };
        // One too many is closed unread.
        if let Ok(place) = places.clone().try_acquire_owned() {
            let core = core.clone();
            tokio::spawn(async move {
                timeout(LIFE, serve(stream, core)).await.ok();
                drop(place);
            });
        }
    }
}

async fn serve(stream: TcpStream, core: Arc<Core>) {
    let answers = service_fn(|request| {
        let answer = answer(&core, &request);
        async move { Ok::<_, Infallible>(answer) }
    });
    // Fails where whoever asked has gone.
    http1::Builder::new()
        .timer(TokioTimer::new())
        .keep_alive(false)
        .max_buf_size(HEAD)
        .serve_connection(TokioIo::new(stream), answers)
        .await
        .ok();
}

fn answer(core: &Arc<Core>, request: &Request<Incoming>) -> Response<Body> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut answer =
            respond::plain(StatusCode::METHOD_NOT_ALLOWED, "Only GET is known here.\n");
        let allowed = HeaderValue::from_static("GET, HEAD");
        answer.headers_mut().insert(ALLOW, allowed);
        return answer;
    }
    match request.uri().path() {
        "/metrics" => metrics::answer(core),
        "/healthz" => health::answer(core),
        _ => respond::plain(
            StatusCode::NOT_FOUND,
            "There are /metrics and /healthz here.\n",
        ),
    }
}
