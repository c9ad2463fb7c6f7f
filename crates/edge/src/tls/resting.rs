//! A TLS stream that keeps no buffers while it waits.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Secured;
use crate::wire::Wire;

/// A TLS stream whose record buffers, 32 KiB of them, are given back whenever it waits for the client. Most
/// connections of an API spend most of their life waiting.
pub(crate) struct Resting<S: AsyncRead + AsyncWrite + Unpin> {
    stream: Secured<S>,
    /// Read already, and given back.
    put_back: Bytes,
    keeping: Arc<AtomicBool>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Resting<S> {
    pub(crate) fn new(stream: Secured<S>) -> Self {
        Self {
            stream,
            put_back: Bytes::new(),
            keeping: Arc::default(),
        }
    }

    /// While set, a shutdown leaves the stream open: whoever has it is to give it back.
    pub(crate) fn keeping(&self) -> Arc<AtomicBool> {
        self.keeping.clone()
    }

    /// Takes back what was read and not used, after the stream was kept.
    pub(crate) fn put_back(&mut self, bytes: Bytes) {
        self.put_back = bytes;
        self.keeping.store(false, Relaxed);
    }

    fn rest(&mut self) {
        // Refused while a record is half read or half written, and then not needed.
        self.stream.as_mut().release_buffers().ok();
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Resting<Wire<S>> {
    /// Resolves when the client has sent something, or has closed.
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
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if read.is_pending() {
            self.rest();
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
        if self.keeping.load(Relaxed) {
            return Pin::new(&mut self.stream).poll_flush(cx);
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
