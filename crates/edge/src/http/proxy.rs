//! Passing a request on.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{Either, Empty};
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderValue, UPGRADE};
use hyper::http::request::Parts;
use hyper::http::uri::PathAndQuery;
use hyper::{Method, Request, Response, StatusCode, Uri, Version, upgrade};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::copy_bidirectional;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::body::{Body, BodyError, Bounded, read_away};
use super::connector::{Connector, connector};
use super::peeked::Peeked;
use super::{headers, respond};
use crate::settings::{Limits, Upstream};

/// How long a connection to the upstream is kept without a request on it. Below the 60 to 75 seconds after
/// which common servers close, so that a request seldom meets a connection that is just being closed.
const POOL_IDLE: Duration = Duration::from_secs(30);
/// How long an upgraded connection (WebSocket) may last. What moves on it, and whether, is not ours to judge.
const UPGRADED_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// Passes requests to the upstreams of one listener, each in turn.
pub(crate) struct Proxy {
    upstreams: Vec<Upstream>,
    next: AtomicUsize,
    client: Client<Connector, Onward>,
}

/// The body of a request that is passed on.
type Onward = Either<Empty<Bytes>, Bounded<Peeked>>;

/// Why there is no answer from an upstream.
enum Failure {
    /// The request's target is no path.
    Target,
    /// The time for an answer is over.
    Late,
    /// The connection failed, or the request's body did.
    Failed(hyper_util::client::legacy::Error),
}

impl Proxy {
    pub(crate) fn new(
        upstreams: Vec<Upstream>,
        limits: &Limits,
    ) -> Result<Self, s2n_tls::error::Error> {
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            // The client's own spelling of Host is passed on.
            .set_host(false)
            .build(connector(limits.upstream_connect)?);
        Ok(Self {
            upstreams,
            next: AtomicUsize::new(0),
            client,
        })
    }

    /// Whether there is anywhere to pass a request to.
    pub(crate) fn is_configured(&self) -> bool {
        !self.upstreams.is_empty()
    }

    /// Passes a request for `host` on and gives the answer as it comes. `keep` is held until an upgraded connection ends.
    pub(crate) async fn pass<K: Send + Sync + 'static>(
        &self,
        mut request: Request<Peeked>,
        host: &HeaderValue,
        limits: &Limits,
        stopping: &CancellationToken,
        keep: Arc<K>,
    ) -> Response<Body> {
        if request.method() == Method::CONNECT {
            return respond::plain(
                StatusCode::METHOD_NOT_ALLOWED,
                "CONNECT is for forward proxies; this is an API endpoint.\n",
            );
        }
        if let Some((status, why)) = headers::fault(&request) {
            read_away(request, stopping);
            return respond::plain(status, why);
        }
        let most = limits.body.as_u64();
        if request.body().size_hint().lower() > most {
            read_away(request, stopping);
            return too_long(most);
        }
        let upgrade = if request.version() == Version::HTTP_11 {
            headers::upgrade(request.headers())
        } else {
            None
        };
        let client_upgrade = upgrade.as_ref().map(|_| upgrade::on(&mut request));

        let (mut parts, body) = request.into_parts();
        parts.version = Version::HTTP_11;
        headers::strip_hop_by_hop(&mut parts.headers);
        parts.headers.insert(HOST, host.clone());
        // Answered by the edge, which sends 100 Continue when it begins to read the body.
        parts.headers.remove(EXPECT);
        let upgrades = upgrade.is_some();
        if let Some(protocol) = upgrade {
            parts
                .headers
                .insert(CONNECTION, HeaderValue::from_static("upgrade"));
            parts.headers.insert(UPGRADE, protocol);
        }
        let answer = if body.is_end_stream() {
            if parts
                .headers
                .get(CONTENT_LENGTH)
                .is_some_and(|length| length != "0")
            {
                // A length that no body backs would leave the upstream waiting.
                parts.headers.remove(CONTENT_LENGTH);
            }
            self.send_without_body(parts, upgrades, limits).await
        } else {
            let (body, ended) = Bounded::watched(body, most, limits.stall);
            self.send(parts, Either::Right(body), Some(ended), limits)
                .await
        };
        match answer {
            Ok(mut answer) => {
                if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
                    return match client_upgrade {
                        Some(client) => switch(client, answer, keep),
                        None => respond::plain(
                            StatusCode::BAD_GATEWAY,
                            "The service behind this edge switched protocols unasked.\n",
                        ),
                    };
                }
                headers::strip_hop_by_hop(answer.headers_mut());
                *answer.version_mut() = Version::default();
                answer.map(|body| Either::Right(Bounded::new(body, u64::MAX, limits.stall)))
            }
            Err(Failure::Target) => respond::plain(
                StatusCode::BAD_REQUEST,
                "This request's target cannot be passed on.\n",
            ),
            Err(Failure::Late) => respond::plain(
                StatusCode::GATEWAY_TIMEOUT,
                "The service behind this edge did not answer in time.\n",
            ),
            Err(Failure::Failed(error)) => failed(&error),
        }
    }

    /// Sends a request that has no body, and once more where that does no harm: the first try may have met a
    /// connection that the upstream was just closing, or an upstream that is not there while another is.
    async fn send_without_body(
        &self,
        parts: Parts,
        upgrades: bool,
        limits: &Limits,
    ) -> Result<Response<Incoming>, Failure> {
        let again = (parts.method.is_idempotent() && !upgrades).then(|| parts.clone());
        let first = self
            .send(parts, Either::Left(Empty::new()), None, limits)
            .await;
        match (first, again) {
            (Err(Failure::Failed(error)), Some(parts)) if self.may_help(&error) => {
                self.send(parts, Either::Left(Empty::new()), None, limits)
                    .await
            }
            (answer, _) => answer,
        }
    }

    /// Whether a second try can go better than the one that ended so.
    fn may_help(&self, error: &hyper_util::client::legacy::Error) -> bool {
        if error.is_connect() {
            return self.upstreams.len() > 1;
        }
        let cause = error
            .source()
            .and_then(|source| source.downcast_ref::<hyper::Error>());
        // An answer that cannot be read would be the same again.
        cause.is_some_and(|cause| !cause.is_parse())
    }

    async fn send(
        &self,
        mut parts: Parts,
        body: Onward,
        ended: Option<oneshot::Receiver<()>>,
        limits: &Limits,
    ) -> Result<Response<Incoming>, Failure> {
        parts.uri = self.target(&parts.uri).ok_or(Failure::Target)?;
        let late = async {
            if let Some(ended) = ended {
                // An error is the body's end as much as a value is.
                ended.await.ok();
            }
            sleep(limits.upstream_answer).await;
        };
        tokio::select! {
            answer = self.client.request(Request::from_parts(parts, body)) => answer.map_err(Failure::Failed),
            () = late => Err(Failure::Late),
        }
    }

    fn target(&self, requested: &Uri) -> Option<Uri> {
        let turn = self.next.fetch_add(1, Relaxed) % self.upstreams.len().max(1);
        let upstream = self.upstreams.get(turn)?;
        let path = requested
            .path_and_query()
            .cloned()
            .unwrap_or_else(|| PathAndQuery::from_static("/"));
        Uri::builder()
            .scheme(upstream.scheme.clone())
            .authority(upstream.authority.clone())
            .path_and_query(path)
            .build()
            .ok()
    }
}

/// Ties the two upgraded connections together, in a task of their own, and lets the 101 through.
fn switch<K: Send + Sync + 'static>(
    client: upgrade::OnUpgrade,
    mut answer: Response<Incoming>,
    keep: Arc<K>,
) -> Response<Body> {
    let upstream = upgrade::on(&mut answer);
    tokio::spawn(async move {
        let _keep = keep;
        if let (Ok(client), Ok(upstream)) = tokio::join!(client, upstream) {
            // However it ends, both sides see it by their own close.
            timeout(
                UPGRADED_LIFE,
                copy_bidirectional(&mut TokioIo::new(client), &mut TokioIo::new(upstream)),
            )
            .await
            .ok();
        }
    });
    answer.map(|_| super::body::own(""))
}

fn too_long(most: u64) -> Response<Body> {
    respond::plain(
        StatusCode::PAYLOAD_TOO_LARGE,
        &format!("The request body is longer than {most} bytes, the most this edge passes on.\n"),
    )
}

fn failed(error: &hyper_util::client::legacy::Error) -> Response<Body> {
    let mut source = error.source();
    while let Some(cause) = source {
        match cause.downcast_ref() {
            Some(BodyError::TooLong(most)) => return too_long(*most),
            Some(BodyError::Stalled(_)) => {
                return respond::plain(
                    StatusCode::REQUEST_TIMEOUT,
                    "The request body stood still for too long.\n",
                );
            }
            Some(BodyError::Transport(_)) => {
                // The client broke off, or framed its body wrongly.
                return respond::plain(StatusCode::BAD_REQUEST, "The request body broke off.\n");
            }
            None => source = cause.source(),
        }
    }
    tracing::warn!(error = %respond::chain(error), "upstream failed");
    if error.is_connect() {
        respond::plain(
            StatusCode::BAD_GATEWAY,
            "The service behind this edge cannot be reached.\n",
        )
    } else {
        respond::plain(
            StatusCode::BAD_GATEWAY,
            "The service behind this edge did not give a valid answer.\n",
        )
    }
}
