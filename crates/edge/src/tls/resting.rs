//! A TLS stream that keeps no buffers while it rests.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Secured;
use crate::wire::Wire;

/// What whoever drives a connection asks of its stream while HTTP has it.
#[derive(Default)]
pub(crate) struct Wishes {
    /// A shutdown leaves the stream open: whoever has it is to give it back.
    pub(crate) keep: AtomicBool,
    /// Nothing has moved for a while: when the stream is next read in vain it gives back its buffers.
    pub(crate) rest: AtomicBool,
}

/// A TLS stream that gives back its buffers, 48 KiB of them and more, when the connection has come to rest. Most
/// connections of an API spend most of their life waiting; one in use should not make its buffers anew for each
/// request.
pub(crate) struct Resting<S: AsyncRead + AsyncWrite + Unpin> {
    stream: Secured<Wire<S>>,
    /// Read already, and given back.
    put_back: Bytes,
    /// The client's end, or a failure, was read.
    ended: bool,
    /// A shutdown has begun, and nothing more can be said.
    closing: bool,
    wishes: Arc<Wishes>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Resting<S> {
    pub(crate) fn new(stream: Secured<Wire<S>>) -> Self {
        Self {
            stream,
            put_back: Bytes::new(),
            ended: false,
            closing: false,
            wishes: Arc::default(),
        }
    }

    /// What can be asked of the stream while HTTP has it.
    pub(crate) fn wishes(&self) -> Arc<Wishes> {
        self.wishes.clone()
    }

    /// Whether a shutdown has begun: then there is nothing to keep it for.
    pub(crate) const fn is_closing(&self) -> bool {
        self.closing
    }

    /// Takes back what was read and not used, after the stream was kept.
    pub(crate) fn put_back(&mut self, bytes: Bytes) {
        self.put_back = bytes;
        self.wishes.keep.store(false, Relaxed);
    }

    fn rest(&mut self) {
        // Refused while a record is half read or half written, and then not needed.
        self.stream.as_mut().release_buffers().ok();
        self.stream.get_mut().rest();
    }

    /// Resolves when the client has sent something, or has closed; rests until then.
    pub(crate) fn poll_spoken(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.put_back.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let spoken = self.stream.get_mut().poll_fill(cx);
        if spoken.is_pending() {
            self.rest();
        }
        spoken
    }

    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // HTTP/1.1 looks for the client's end at each turn of a request. Where nothing has come, TLS has nothing to
        // say to that.
        if !self.ended && self.stream.as_ref().peek_len() == 0 {
            ready!(self.stream.get_mut().poll_fill(cx))?;
        }
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Resting<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.put_back.is_empty() {
            let length = self.put_back.len().min(buffer.remaining());
            buffer.put_slice(&self.put_back.split_to(length));
            return Poll::Ready(Ok(()));
        }
        let before = buffer.remaining();
        let read = self.poll_next(cx, buffer);
        match &read {
            Poll::Ready(Ok(())) => self.ended |= before > 0 && buffer.remaining() == before,
            Poll::Ready(Err(_)) => self.ended = true,
            Poll::Pending => {
                if self.wishes.rest.swap(false, Relaxed) {
                    self.rest();
                }
            }
        }
        read
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Resting<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A shutdown that waits for the client is not called off by a wish that comes later.
        if !self.closing && self.wishes.keep.load(Relaxed) {
            return Pin::new(&mut self.stream).poll_flush(cx);
        }
        self.closing = true;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
