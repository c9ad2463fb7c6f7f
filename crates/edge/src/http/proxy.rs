//! Passing a request on.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use http_body_util::Either;
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderValue, UPGRADE};
use hyper::http::uri::PathAndQuery;
use hyper::{Method, Request, Response, StatusCode, Uri, Version, upgrade};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use s2n_tls::config::Config;
use s2n_tls_hyper::connector::HttpsConnector;
use tokio::io::copy_bidirectional;
use tokio::time::{sleep, timeout};

use super::body::{Body, BodyError, Bounded};
use super::{headers, respond};
use crate::settings::{Limits, Upstream};
use crate::tls::policy::Serving;

/// How long a connection to the upstream is kept without a request on it. Below the 60 to 75 seconds after
/// which common servers close, so that a request seldom meets a connection that is just being closed.
const POOL_IDLE: Duration = Duration::from_secs(30);
/// How long an upgraded connection (WebSocket) may stand still before it is closed.
const UPGRADED_LIFE: Duration = Duration::from_hours(24);

/// Passes requests to the upstreams of one listener, each in turn.
pub(crate) struct Proxy {
    upstreams: Vec<Upstream>,
    next: AtomicUsize,
    client: Client<HttpsConnector<HttpConnector>, Bounded<Incoming>>,
}

impl Proxy {
    pub(crate) fn new(upstreams: Vec<Upstream>, limits: &Limits) -> Result<Self, s2n_tls::error::Error> {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(limits.upstream_connect));
        let mut tls = Config::builder();
        tls.set_security_policy(Serving::Modern.policy())?;
        let mut connector = HttpsConnector::builder_with_http(http, tls.build()?);
        connector.with_plaintext_http(true);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            // The client's own spelling of Host is passed on.
            .set_host(false)
            .build(connector.build());
        Ok(Self { upstreams, next: AtomicUsize::new(0), client })
    }

    /// Whether there is anywhere to pass a request to.
    pub(crate) fn is_configured(&self) -> bool {
        !self.upstreams.is_empty()
    }

    /// Passes a request on and gives the answer as it comes. `keep` is held until an upgraded connection ends.
    pub(crate) async fn pass<K: Send + Sync + 'static>(
        &self,
        mut request: Request<Incoming>,
        fallback_host: &HeaderValue,
        limits: &Limits,
        keep: Arc<K>,
    ) -> Response<Body> {
        if request.method() == Method::CONNECT {
            return respond::plain(StatusCode::METHOD_NOT_ALLOWED, "CONNECT is for forward proxies; this is an API endpoint.\n");
        }
        let most = limits.body.as_u64();
        if request.body().size_hint().lower() > most {
            return too_long(most);
        }
        let upgrade = if request.version() == Version::HTTP_11 { headers::upgrade(request.headers()) } else { None };
        let client_upgrade = upgrade.as_ref().map(|_| upgrade::on(&mut request));

        let Some(uri) = self.target(request.uri()) else {
            return respond::plain(StatusCode::BAD_REQUEST, "This request's target cannot be passed on.\n");
        };
        let (mut parts, body) = request.into_parts();
        parts.uri = uri;
        parts.version = Version::HTTP_11;
        headers::strip_hop_by_hop(&mut parts.headers);
        // HTTP/2 carries the host in :authority, HTTP/1.0 perhaps nowhere.
        parts.headers.entry(HOST).or_insert_with(|| fallback_host.clone());
        if let Some(protocol) = upgrade {
            parts.headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
            parts.headers.insert(UPGRADE, protocol);
        }
        if body.is_end_stream() && parts.headers.get(CONTENT_LENGTH).is_some_and(|length| length != "0") {
            // A length that no body backs would leave the upstream waiting.
            parts.headers.remove(CONTENT_LENGTH);
        }
        let (body, ended) = Bounded::watched(body, most, limits.stall);
        let answer_late = async {
            // An error is the body's end as much as a value is.
            ended.await.ok();
            sleep(limits.upstream_answer).await;
        };
        let answer = tokio::select! {
            answer = self.client.request(Request::from_parts(parts, body)) => answer,
            () = answer_late => {
                return respond::plain(StatusCode::GATEWAY_TIMEOUT, "The service behind this edge did not answer in time.\n");
            }
        };
        match answer {
            Ok(mut answer) => {
                if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
                    return match client_upgrade {
                        Some(client) => switch(client, answer, keep),
                        None => respond::plain(StatusCode::BAD_GATEWAY, "The service behind this edge switched protocols unasked.\n"),
                    };
                }
                headers::strip_hop_by_hop(answer.headers_mut());
                *answer.version_mut() = Version::default();
                answer.map(|body| Either::Right(Bounded::new(body, u64::MAX, limits.stall)))
            }
            Err(error) => failed(&error),
        }
    }

    fn target(&self, requested: &Uri) -> Option<Uri> {
        let turn = self.next.fetch_add(1, Relaxed) % self.upstreams.len().max(1);
        let upstream = self.upstreams.get(turn)?;
        let path = requested.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        Uri::builder().scheme(upstream.scheme.clone()).authority(upstream.authority.clone()).path_and_query(path).build().ok()
    }
}

/// Ties the two upgraded connections together, in a task of their own, and lets the 101 through.
fn switch<K: Send + Sync + 'static>(client: upgrade::OnUpgrade, mut answer: Response<Incoming>, keep: Arc<K>) -> Response<Body> {
    let upstream = upgrade::on(&mut answer);
    tokio::spawn(async move {
        let _keep = keep;
        if let (Ok(client), Ok(upstream)) = tokio::join!(client, upstream) {
            // However it ends, both sides see it by their own close.
            timeout(UPGRADED_LIFE, copy_bidirectional(&mut TokioIo::new(client), &mut TokioIo::new(upstream))).await.ok();
        }
    });
    answer.map(|_| super::body::own(""))
}

fn too_long(most: u64) -> Response<Body> {
    respond::plain(StatusCode::PAYLOAD_TOO_LARGE, &format!("The request body is longer than {most} bytes, the most this edge passes on.\n"))
}

fn failed(error: &hyper_util::client::legacy::Error) -> Response<Body> {
    let mut source = error.source();
    while let Some(cause) = source {
        match cause.downcast_ref() {
            Some(BodyError::TooLong(most)) => return too_long(*most),
            Some(BodyError::Stalled(_)) => {
                return respond::plain(StatusCode::REQUEST_TIMEOUT, "The request body stood still for too long.\n");
            }
            Some(BodyError::Transport(_)) | None => source = cause.source(),
        }
    }
    tracing::warn!(error = %respond::chain(error), "upstream failed");
    if error.is_connect() {
        respond::plain(StatusCode::BAD_GATEWAY, "The service behind this edge cannot be reached.\n")
    } else {
        respond::plain(StatusCode::BAD_GATEWAY, "The service behind this edge did not give a valid answer.\n")
    }
}
