//! Bodies that pass through, bounded in length and in how long they may stand still.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Either, Full};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use hyper::header::EXPECT;
use hyper::{Request, Version};
use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::headers;
use super::peeked::Peeked;
use super::upstream::Reply;

/// What an answer carries: the edge's own words, or the upstream's as they come.
pub(crate) type Body = Either<Full<Bytes>, Bounded<Reply>>;

/// A body of the edge's own.
pub(crate) fn own(bytes: impl Into<Bytes>) -> Body {
    Either::Left(Full::new(bytes.into()))
}

/// Why a body was cut off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("the body is longer than {0} bytes")]
    TooLong(u64),
    #[error("the body stood still for {0:?}")]
    Stalled(Duration),
    #[error(transparent)]
    Transport(#[from] hyper::Error),
}

/// Passes a body on, frame by frame.
pub(crate) struct Bounded<B> {
    body: B,
    left: u64,
    most: u64,
    stall: Duration,
    /// Made when the body is first waited for: most are there at once.
    timer: Option<Pin<Box<Sleep>>>,
    /// Dropped when the body has ended, which tells the other end.
    ended: Option<oneshot::Sender<()>>,
}

impl<B: HttpBody> Bounded<B> {
    pub(crate) fn new(body: B, most: u64, stall: Duration) -> Self {
        Self {
            body,
            left: most,
            most,
            stall,
            timer: None,
            ended: None,
        }
    }

    /// The same, and a receiver that resolves when the body has ended or is given up.
    pub(crate) fn watched(body: B, most: u64, stall: Duration) -> (Self, oneshot::Receiver<()>) {
        let (sender, receiver) = oneshot::channel();
        let ended = (!body.is_end_stream()).then_some(sender);
        (
            Self {
                ended,
                ..Self::new(body, most, stall)
            },
            receiver,
        )
    }
}

impl<B: HttpBody<Data = Bytes, Error = hyper::Error> + Unpin> HttpBody for Bounded<B> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        match Pin::new(&mut this.body).poll_frame(cx) {
            Poll::Ready(Some(Ok(mut frame))) => {
                this.timer = None;
                if let Some(trailers) = frame.trailers_mut() {
                    headers::clean_trailers(trailers);
                } else if let Some(data) = frame.data_ref() {
                    let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
                    let Some(left) = this.left.checked_sub(length) else {
                        return Poll::Ready(Some(Err(BodyError::TooLong(this.most))));
                    };
                    this.left = left;
                }
                if this.body.is_end_stream() {
                    this.ended = None;
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(error.into()))),
            Poll::Ready(None) => {
                this.ended = None;
                Poll::Ready(None)
            }
            Poll::Pending => {
                let stall = this.stall;
                let timer = this.timer.get_or_insert_with(|| Box::pin(sleep(stall)));
                ready!(timer.as_mut().poll(cx));
                timer.as_mut().reset(Instant::now() + stall);
                Poll::Ready(Some(Err(BodyError::Stalled(stall))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// How long the next part of a request that goes no further is waited for, and all of it.
const QUIET: Duration = Duration::from_secs(2);
const WHOLE: Duration = Duration::from_secs(30);

/// Reads away the body of a request that goes no further, beside its answer. Many clients read nothing before
/// they have sent everything; and a body that is dropped cancels its stream in HTTP/2, which some clients see
/// instead of the answer, where it is meant to only ask them to stop (RFC 9113 section 8.1).
///
/// When the edge stops, a body that keeps coming is waited for no longer than one that has fallen silent.
pub(crate) fn read_away(request: Request<Peeked>, stopping: &CancellationToken) {
    let waits = request.version() < Version::HTTP_2 && request.headers().contains_key(EXPECT);
    let mut body = request.into_body();
    // A client that waits for 100 Continue has sent nothing, and reading would send it.
    if waits || body.is_end_stream() {
        return;
    }
    let stopping = stopping.clone();
    tokio::spawn(async move {
        let reading = async { while let Ok(Some(Ok(_))) = timeout(QUIET, body.frame()).await {} };
        let stopped = async {
            stopping.cancelled().await;
            sleep(QUIET).await;
        };
        // What has not come by then is not waited for: HTTP/1.1 closes, HTTP/2 resets the stream.
        tokio::select! {
            _ = timeout(WHOLE, reading) => {}
            () = stopped => {}
        }
    });
}
