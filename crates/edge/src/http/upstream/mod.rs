//! The services behind the edge: connections to them, kept from one request to the next.
//!
//! A request without a body is driven in the task of its client: whoever waits for the answer also reads it from the
//! socket, and no other task has to be woken for it. That is a fifth of what a proxied request costs. One with a body
//! gets a task for as long as it lasts, because its upload must not wait until the client reads.

mod connect;
mod lane;
mod reply;

use std::mem;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{Either, Empty};
use hyper::body::Body as _;
use hyper::client::conn::{TrySendError, http1, http2};
use hyper::header::{CONNECTION, HOST, HeaderValue, TE, UPGRADE};
use hyper::http::uri::{Authority, PathAndQuery, Scheme};
use hyper::{Request, Response, Uri, Version};
use tokio::time::{MissedTickBehavior, interval};

pub(crate) use self::connect::ConnectError;
use self::connect::{Connector, Speaks};
use self::lane::Lane;
pub(crate) use self::reply::Reply;
use super::body::Bounded;
use super::peeked::Peeked;
use crate::settings;

/// The body of a request that is passed on.
pub(super) type Onward = Either<Empty<Bytes>, Bounded<Peeked>>;

/// How often connections without a request on them are looked at.
const SWEEP: Duration = Duration::from_secs(5);
/// How many sweeps a connection is kept for: 30 seconds. Below the 60 to 75 after which common servers close, so that
/// a request seldom meets a connection that is just being closed.
const SWEEPS_KEPT: u32 = 6;
/// Connections kept to one upstream without a request on them. More than that many requests at once are a burst.
const MOST_KEPT: usize = 1024;

/// Why an upstream gave no answer.
pub(super) enum Failure {
    /// There is no connection. The request has not been touched.
    NotConnected(Box<Request<Onward>>, ConnectError),
    /// The connection was closed before it took the request. The request has not been touched.
    NotSent(Box<Request<Onward>>, hyper::Error),
    /// The connection failed, or the request's body did.
    Broken(hyper::Error),
}

/// One service behind the edge.
pub(super) struct Upstream {
    scheme: Scheme,
    authority: Authority,
    connector: Connector,
    /// HTTP/1.1 connections without a request on them, and when each came; the last is taken first.
    kept: Mutex<Vec<(u32, Box<Lane>)>>,
    /// Sweeps so far.
    sweeps: AtomicU32,
    /// The HTTP/2 connection, where the service speaks that.
    shared: Mutex<Option<http2::SendRequest<Onward>>>,
    /// Whether the service spoke HTTP/2 when it was last connected to: then one connection is opened at a time.
    shares: AtomicBool,
    opening: tokio::sync::Mutex<()>,
}

/// A connection that can take a request.
enum Way {
    Alone(Box<Lane>),
    Shared(http2::SendRequest<Onward>),
}

impl Upstream {
    /// An upstream that is connected to within `limit` or not at all. Connections are looked after for as long as it
    /// lasts; must be called inside a tokio runtime.
    pub(super) fn new(
        to: &settings::Upstream,
        trusted: Option<&std::path::Path>,
        limit: Duration,
    ) -> Result<Arc<Self>, ConnectError> {
        let connector = Connector::new(to, trusted, limit)?;
        let upstream = Arc::new(Self {
            scheme: to.scheme.clone(),
            authority: to.authority.clone(),
            shares: AtomicBool::new(connector.speaks() == Speaks::Http2),
            connector,
            kept: Mutex::default(),
            sweeps: AtomicU32::new(0),
            shared: Mutex::default(),
            opening: tokio::sync::Mutex::default(),
        });
        tokio::spawn(sweep(Arc::downgrade(&upstream)));
        Ok(upstream)
    }

    /// Whether a request to switch protocols (WebSocket) can be passed on.
    pub(super) fn can_switch(&self) -> bool {
        self.connector.speaks() != Speaks::Http2
    }

    /// Sends a request and gives the answer as it comes. `switches`: the request wants to switch protocols.
    pub(super) async fn send(
        self: &Arc<Self>,
        request: Request<Onward>,
        switches: bool,
    ) -> Result<Response<Reply>, Failure> {
        let way = match self.way(switches).await {
            Ok(way) => way,
            Err(error) => return Err(Failure::NotConnected(Box::new(request), error)),
        };
        match way {
            Way::Shared(sender) => self.send_shared(sender, request).await,
            Way::Alone(lane) if switches => send_switching(lane, request).await,
            Way::Alone(lane) if request.body().is_end_stream() => {
                self.send_here(lane, request).await
            }
            Way::Alone(lane) => self.send_beside(lane, request).await,
        }
    }

    async fn way(&self, switches: bool) -> Result<Way, ConnectError> {
        if let Some(lane) = self.take() {
            return Ok(Way::Alone(lane));
        }
        if switches {
            return Box::pin(self.connector.connect(Speaks::Http1)).await;
        }
        if let Some(sender) = self.open_shared() {
            return Ok(Way::Shared(sender));
        }
        let one_at_a_time = if self.shares.load(Relaxed) {
            Some(self.opening.lock().await)
        } else {
            None
        };
        // Whoever held the lock may have opened one.
        if let Some(sender) = one_at_a_time.as_ref().and_then(|_| self.open_shared()) {
            return Ok(Way::Shared(sender));
        }
        // Boxed: most requests find a connection, and should not carry the room that making one needs.
        let way = Box::pin(self.connector.connect(self.connector.speaks())).await?;
        if let Way::Shared(sender) = &way {
            *lock(&self.shared) = Some(sender.clone());
        }
        self.shares.store(matches!(way, Way::Shared(_)), Relaxed);
        Ok(way)
    }

    fn open_shared(&self) -> Option<http2::SendRequest<Onward>> {
        if !self.shares.load(Relaxed) {
            return None;
        }
        lock(&self.shared)
            .as_ref()
            .filter(|sender| !sender.is_closed())
            .cloned()
    }

    /// A connection that was not closed meanwhile, as far as can be seen.
    fn take(&self) -> Option<Box<Lane>> {
        loop {
            let (_, mut lane) = lock(&self.kept).pop()?;
            if lane.is_usable() {
                return Some(lane);
            }
        }
    }

    /// Keeps a connection whose request and answer have ended. Whether it can take another is seen when it is taken.
    fn keep(&self, lane: Box<Lane>) {
        if lane.is_open() {
            let mut kept = lock(&self.kept);
            if kept.len() < MOST_KEPT {
                kept.push((self.sweeps.load(Relaxed), lane));
            }
        }
    }

    /// Sends a request that has no body, and drives the connection while it waits.
    async fn send_here(
        self: &Arc<Self>,
        mut lane: Box<Lane>,
        request: Request<Onward>,
    ) -> Result<Response<Reply>, Failure> {
        let answer = lane.ask(request).await.map_err(failure)?;
        Ok(answer.map(|body| Reply::driving(body, lane, self.clone())))
    }

    /// Sends a request whose connection has a task of its own until the answer has ended.
    async fn send_beside(
        self: &Arc<Self>,
        lane: Box<Lane>,
        request: Request<Onward>,
    ) -> Result<Response<Reply>, Failure> {
        let (mut sender, returned) = lane.drive_beside(self.clone());
        let answer = sender.try_send_request(request).await.map_err(failure)?;
        Ok(answer.map(|body| Reply::beside(body, sender, returned)))
    }

    async fn send_shared(
        &self,
        mut sender: http2::SendRequest<Onward>,
        request: Request<Onward>,
    ) -> Result<Response<Reply>, Failure> {
        let request = self.in_http2(request);
        let answer = sender.try_send_request(request).await.map_err(failure)?;
        Ok(answer.map(Reply::shared))
    }

    /// The request as HTTP/2 has it (RFC 9113 section 8.3.1): the host in `:authority`, nothing of the hop.
    fn in_http2(&self, request: Request<Onward>) -> Request<Onward> {
        let (mut parts, body) = request.into_parts();
        parts.version = Version::HTTP_2;
        parts.headers.remove(CONNECTION);
        parts.headers.remove(UPGRADE);
        let host = parts.headers.remove(HOST);
        let authority = host
            .and_then(|host| Authority::try_from(host.as_bytes()).ok())
            .unwrap_or_else(|| self.authority.clone());
        let mut target = mem::take(&mut parts.uri).into_parts();
        target.scheme = Some(self.scheme.clone());
        target.authority = Some(authority);
        target
            .path_and_query
            .get_or_insert_with(|| PathAndQuery::from_static("/"));
        parts.uri = Uri::from_parts(target).unwrap_or_default();
        Request::from_parts(parts, body)
    }
}

/// Sends a request to switch protocols. The connection is never kept.
async fn send_switching(
    lane: Box<Lane>,
    request: Request<Onward>,
) -> Result<Response<Reply>, Failure> {
    let mut sender = lane.drive_with_upgrades();
    let answer = sender.try_send_request(request).await.map_err(failure)?;
    Ok(answer.map(|body| Reply::switching(body, sender)))
}

fn failure(mut error: TrySendError<Request<Onward>>) -> Failure {
    match error.take_message() {
        Some(request) => Failure::NotSent(Box::new(request), error.into_error()),
        None => Failure::Broken(error.into_error()),
    }
}

/// Says that the sender of a request takes trailers, on this hop as it did on the one before.
pub(super) fn take_trailers(request: &mut Request<Onward>) {
    let headers = request.headers_mut();
    headers.insert(TE, HeaderValue::from_static("trailers"));
    headers.append(CONNECTION, HeaderValue::from_static("te"));
}

/// Closes connections that are no use any more.
async fn sweep(upstream: Weak<Upstream>) {
    let mut ticks = interval(SWEEP);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(upstream) = upstream.upgrade() else {
            return;
        };
        let now = upstream.sweeps.fetch_add(1, Relaxed);
        lock(&upstream.kept)
            .retain_mut(|(since, lane)| now.wrapping_sub(*since) < SWEEPS_KEPT && lane.is_usable());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each change is whole, whatever panicked after it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The sender of a connection over HTTP/1.1.
type Sender = http1::SendRequest<Onward>;
