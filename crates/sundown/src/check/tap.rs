//! What went over the wire, kept beside the stream: the hello that was sent, and how the server began.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use hello::{HelloReader, Offer, Progress, Scratch};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Room for the longest hello that s2n-tls sends, of which two key shares with ML-KEM are the most.
const SENT_KEPT: usize = 16 * 1024;
/// Enough to tell a protocol by its opening.
const RECEIVED_KEPT: usize = 64;

/// What is known of the wire. Outlives the stream, which is gone when a handshake fails.
#[derive(Debug, Default)]
pub(super) struct Wire {
    sent: Vec<u8>,
    received: Vec<u8>,
    /// The alert that the server sent.
    pub(super) alert: Option<u8>,
}

impl Wire {
    /// What was really offered: the hello, read back from the bytes.
    pub(super) fn offer(&self) -> Option<Offer> {
        match HelloReader::default().read(&self.sent, &mut Scratch::default()) {
            Progress::Hello { hello, .. } => Some(Offer::from(&hello)),
            Progress::NeedMore | Progress::NotTls(_) | Progress::Malformed(_) => None,
        }
    }

    /// The server's first bytes.
    pub(super) fn opening(&self) -> &[u8] {
        &self.received
    }
}

/// A handle on what is kept.
#[derive(Clone, Debug, Default)]
pub(super) struct Record(Arc<Mutex<Wire>>);

impl Record {
    pub(super) fn wire(&self) -> MutexGuard<'_, Wire> {
        // What is kept is whole at every moment, so a panic elsewhere spoils nothing.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream that keeps its first bytes each way.
pub(super) struct Tap<S> {
    stream: S,
    record: Record,
}

impl<S> Tap<S> {
    pub(super) fn new(stream: S, record: Record) -> Self {
        Self { stream, record }
    }
}

fn keep(kept: &mut Vec<u8>, bytes: &[u8], most: usize) {
    let room = most.saturating_sub(kept.len()).min(bytes.len());
    kept.extend(bytes.iter().take(room));
}

impl<S: AsyncRead + Unpin> AsyncRead for Tap<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        let new = buffer.filled().get(before..).unwrap_or_default();
        keep(&mut self.record.wire().received, new, RECEIVED_KEPT);
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tap<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        if let Poll::Ready(Ok(written)) = polled {
            let new = bytes.get(..written).unwrap_or_default();
            keep(&mut self.record.wire().sent, new, SENT_KEPT);
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
