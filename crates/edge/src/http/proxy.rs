//! Passing a request on.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use http_body_util::{Either, Empty};
use hyper::body::Body as _;
use hyper::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderValue, UPGRADE};
use hyper::http::request::Parts;
use hyper::http::uri::PathAndQuery;
use hyper::{HeaderMap, Method, Request, Response, StatusCode, Uri, Version, upgrade};
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::again::Again;
use super::body::{Body, BodyError, Bounded, read_away};
use super::peeked::Peeked;
use super::timers::Timers;
use super::upstream::{ConnectError, Failure, Onward, Reply, Upstream, take_trailers};
use super::{headers, respond};
use crate::connection::Session;
use crate::settings::{self, Limits};

/// How long an upgraded connection (WebSocket) may last. What moves on it, and whether, is not ours to judge.
const UPGRADED_LIFE: Duration = Duration::from_secs(24 * 60 * 60);
/// Connections in a row that may turn out to be closed before they take a request.
const MOST_STALE: u8 = 3;

/// Passes requests to the upstreams of one listener, each in turn.
pub(crate) struct Proxy {
    upstreams: Vec<Arc<Upstream>>,
    next: AtomicUsize,
}

/// Why there is no answer from an upstream.
enum Unanswered {
    /// The time for an answer is over.
    Late,
    /// There is no connection.
    NotConnected(ConnectError),
    /// The connection failed, or the request's body did.
    Failed(hyper::Error),
}

/// How a request is to be passed on.
struct Manner {
    /// It wants to switch protocols.
    switches: bool,
    /// Its sender takes trailers.
    takes_trailers: bool,
    /// Resolves when its body has ended, if it has one.
    ended: Option<oneshot::Receiver<()>>,
}

impl Proxy {
    /// Must be called inside a tokio runtime. `trusted` holds the authorities of the upstreams' certificates.
    pub(crate) fn new(
        upstreams: &[settings::Upstream],
        trusted: Option<&Path>,
        limits: &Limits,
    ) -> Result<Self, ConnectError> {
        let upstreams = upstreams
            .iter()
            .map(|upstream| Upstream::new(upstream, trusted, limits.upstream_connect))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            upstreams,
            next: AtomicUsize::new(0),
        })
    }

    /// Whether there is anywhere to pass a request to.
    pub(crate) fn is_configured(&self) -> bool {
        !self.upstreams.is_empty()
    }

    /// Passes a request for `host` on and gives the answer as it comes. `tell` adds what the application learns of the
    /// client. The session is held until an upgraded connection ends.
    pub(crate) async fn pass(
        &self,
        mut request: Request<Peeked>,
        host: &HeaderValue,
        tell: impl Fn(&mut HeaderMap),
        limits: &Limits,
        session: &Arc<Session>,
    ) -> Response<Body> {
        let stopping = &session.core.stopping;
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
        let can_switch = self.upstreams.iter().all(|upstream| upstream.can_switch());
        let upgrade = if request.version() == Version::HTTP_11 && can_switch {
            headers::upgrade(request.headers())
        } else {
            None
        };
        let client_upgrade = upgrade.as_ref().map(|_| upgrade::on(&mut request));

        let (mut parts, body) = request.into_parts();
        parts.version = Version::HTTP_11;
        let takes_trailers = headers::takes_trailers(&parts.headers);
        headers::strip_hop_by_hop(&mut parts.headers);
        // Where there is no authority, `host` is the very field.
        if parts.uri.authority().is_some() || !parts.headers.contains_key(HOST) {
            parts.headers.insert(HOST, host.clone());
        }
        parts.uri = target(parts.uri);
        let mut manner = Manner {
            switches: upgrade.is_some(),
            takes_trailers,
            ended: None,
        };
        if let Some(protocol) = upgrade {
            parts
                .headers
                .insert(CONNECTION, HeaderValue::from_static("upgrade"));
            parts.headers.insert(UPGRADE, protocol);
        }
        let body = if body.is_end_stream() {
            if parts
                .headers
                .get(CONTENT_LENGTH)
                .is_some_and(|length| length != "0")
            {
                // A length that no body backs would leave the upstream waiting.
                parts.headers.remove(CONTENT_LENGTH);
            }
            Either::Left(Empty::new())
        } else {
            let (body, ended) = Bounded::watched(body, most, limits.stall);
            manner.ended = Some(ended);
            Either::Right(body)
        };
        match self
            .send(parts, body, manner, tell, limits, &session.timers)
            .await
        {
            Ok(mut answer) => {
                if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
                    return match client_upgrade {
                        Some(client) => switch(client, answer, session.clone()),
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
            Err(Unanswered::Late) => respond::plain(
                StatusCode::GATEWAY_TIMEOUT,
                "The service behind this edge did not answer in time.\n",
            ),
            Err(Unanswered::NotConnected(error)) => {
                tracing::warn!(error = %respond::chain(&error), "upstream failed");
                respond::plain(
                    StatusCode::BAD_GATEWAY,
                    "The service behind this edge cannot be reached.\n",
                )
            }
            Err(Unanswered::Failed(error)) => failed(&error),
        }
    }

    /// Sends a request, and again where that does no harm: an upstream may not be there while another is, and a kept
    /// connection may be closed before it takes the request. One that it may have taken is sent once more only if
    /// that comes to the same (RFC 9110 section 9.2.2).
    async fn send(
        &self,
        parts: Parts,
        body: Onward,
        manner: Manner,
        tell: impl Fn(&mut HeaderMap),
        limits: &Limits,
        timers: &Timers,
    ) -> Result<Response<Reply>, Unanswered> {
        // Before the application is told of the client: that can be said again.
        let mut again = (body.is_end_stream() && parts.method.is_idempotent() && !manner.switches)
            .then(|| Again::of(&parts));
        let mut request = Request::from_parts(parts, body);
        tell(request.headers_mut());
        if manner.takes_trailers {
            take_trailers(&mut request);
        }
        let mut ended = manner.ended;
        let (mut unreachable, mut stale) = (1, 0);
        loop {
            let late = async {
                if let Some(ended) = &mut ended {
                    // An error is the body's end as much as a value is.
                    ended.await.ok();
                }
                timers.after(limits.upstream_answer).await;
            };
            let Some(upstream) = self.upstream() else {
                return Err(Unanswered::Late);
            };
            let answer = tokio::select! {
                biased;
                answer = upstream.send(request, manner.switches) => answer,
                () = late => return Err(Unanswered::Late),
            };
            request = match answer {
                Ok(answer) => return Ok(answer),
                Err(Failure::NotConnected(request, _)) if unreachable < self.upstreams.len() => {
                    unreachable += 1;
                    *request
                }
                Err(Failure::NotConnected(_, error)) => {
                    return Err(Unanswered::NotConnected(error));
                }
                Err(Failure::NotSent(request, _)) if stale < MOST_STALE => {
                    stale += 1;
                    *request
                }
                // An answer that cannot be read would be the same again.
                Err(Failure::Broken(error)) if !error.is_parse() => match again.take() {
                    Some(again) => {
                        let mut request = again.request(Either::Left(Empty::new()));
                        tell(request.headers_mut());
                        request
                    }
                    None => return Err(Unanswered::Failed(error)),
                },
                Err(Failure::NotSent(_, error) | Failure::Broken(error)) => {
                    return Err(Unanswered::Failed(error));
                }
            };
        }
    }

    fn upstream(&self) -> Option<&Arc<Upstream>> {
        let turn = self.next.fetch_add(1, Relaxed) % self.upstreams.len().max(1);
        self.upstreams.get(turn)
    }
}

/// What stands in a request line: the path alone (RFC 9112 section 3.2.1).
fn target(requested: Uri) -> Uri {
    let path = requested.into_parts().path_and_query;
    Uri::from(path.unwrap_or_else(|| PathAndQuery::from_static("/")))
}

/// Ties the two upgraded connections together, in a task of their own, and lets the 101 through.
fn switch(
    client: upgrade::OnUpgrade,
    mut answer: Response<Reply>,
    session: Arc<Session>,
) -> Response<Body> {
    let upstream = upgrade::on(&mut answer);
    tokio::spawn(async move {
        let _session = session;
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

fn failed(error: &hyper::Error) -> Response<Body> {
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
    respond::plain(
        StatusCode::BAD_GATEWAY,
        "The service behind this edge did not give a valid answer.\n",
    )
}
