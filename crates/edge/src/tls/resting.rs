//! A TLS stream that keeps no buffers while it waits.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Secured;

/// A TLS stream whose record buffers, 32 KiB of them, are given back whenever it waits for the client. Most
/// connections of an API spend most of their life waiting.
pub(crate) struct Resting<S: AsyncRead + AsyncWrite + Unpin> {
    stream: Secured<S>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Resting<S> {
    pub(crate) const fn new(stream: Secured<S>) -> Self {
        Self { stream }
    }

    /// The stream that the TLS records travel on.
    pub(crate) fn wire(&mut self) -> &mut S {
        self.stream.get_mut()
    }

    /// Gives the buffers back until they are needed.
    pub(crate) fn rest(&mut self) {
        // Refused while a record is half read or half written, and then not needed.
        self.stream.as_mut().release_buffers().ok();
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Resting<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
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
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
