//! The socket under the TLS stream: gives back the bytes that were read to see the hello, and makes few
//! system calls of many.
//!
//! s2n-tls writes each record by itself and reads each in two steps, its header and its body. On a socket
//! that is a dozen calls, and as many packets, for one handshake. Here what is written waits until the other
//! side has to answer (a read, a flush, a shutdown), and a read takes what is there. Both buffers are kept from one
//! use to the next until [rest](Wire::rest) gives them back, so an idle connection has none.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::io::{poll_read_buf, poll_write_buf};

/// How much is read at once: a record of the greatest size and its header (RFC 8446 section 5.2).
const READ_AHEAD: usize = 16 * 1024 + 256 + 5;
/// How much may wait to be written before a write waits itself.
const WRITE_BEHIND: usize = 64 * 1024;

/// A socket with buffers that come and go.
#[derive(Debug)]
pub(crate) struct Wire<S> {
    socket: S,
    incoming: Vec<u8>,
    /// How much of `incoming` has been taken.
    taken: usize,
    outgoing: Vec<u8>,
    /// How much of `outgoing` has left.
    sent: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    /// `already_read` comes first.
    pub(crate) const fn new(socket: S, already_read: Vec<u8>) -> Self {
        Self {
            socket,
            incoming: already_read,
            taken: 0,
            outgoing: Vec::new(),
            sent: 0,
        }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(mut rest) = self
            .outgoing
            .get(self.sent..)
            .filter(|rest| !rest.is_empty())
        {
            match ready!(poll_write_buf(Pin::new(&mut self.socket), cx, &mut rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                sent => self.sent += sent,
            }
        }
        self.outgoing.clear();
        self.sent = 0;
        Poll::Ready(Ok(()))
    }

    /// Gives back the room of what has been read and of what has been sent.
    pub(crate) fn rest(&mut self) {
        if self.taken >= self.incoming.len() {
            self.incoming = Vec::new();
            self.taken = 0;
        }
        if self.outgoing.is_empty() {
            self.outgoing = Vec::new();
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    /// Sends what waits and resolves when there is something to read, or the end.
    pub(crate) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Whoever reads waits for an answer to what was written. A socket that takes no more now is no reason
        // not to read: the other side may be waiting for just that.
        if let Poll::Ready(Err(error)) = self.poll_send(cx) {
            return Poll::Ready(Err(error));
        }
        if self.taken < self.incoming.len() {
            return Poll::Ready(Ok(()));
        }
        self.incoming.clear();
        self.taken = 0;
        self.incoming.reserve(READ_AHEAD);
        poll_read_buf(Pin::new(&mut self.socket), cx, &mut self.incoming).map_ok(|_| ())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_fill(cx))?;
        let rest = self.incoming.get(self.taken..).unwrap_or_default();
        let length = rest.len().min(buffer.remaining());
        buffer.put_slice(rest.get(..length).unwrap_or_default());
        self.taken += length;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.outgoing.len() >= WRITE_BEHIND {
            ready!(self.poll_send(cx))?;
        }
        self.outgoing.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(cx))?;
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(cx))?;
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    #[tokio::test]
    async fn bytes_come_in_order_and_the_buffers_go() {
        let (near, mut far) = duplex(1 << 20);
        let mut wire = Wire::new(near, b"hello, ".to_vec());
        far.write_all(b"world").await.unwrap();
        let mut read = [0; 12];
        wire.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"hello, world");
        wire.write_all(b"one ").await.unwrap();
        wire.write_all(b"two").await.unwrap();
        assert_eq!(wire.outgoing, b"one two", "nothing leaves before it has to");
        // Waiting for more sends what was written.
        let mut byte = [0];
        tokio::select! {
            biased;
            read = wire.read(&mut byte) => panic!("{read:?}"),
            () = tokio::task::yield_now() => {}
        }
        let mut seen = [0; 7];
        far.read_exact(&mut seen).await.unwrap();
        assert_eq!(&seen, b"one two");
        wire.rest();
        assert_eq!(
            (wire.incoming.capacity(), wire.outgoing.capacity()),
            (0, 0),
            "an idle connection keeps no buffer"
        );
    }

    #[tokio::test]
    async fn a_full_socket_holds_writes_back_but_not_reads() {
        let (near, mut far) = duplex(1024);
        let mut wire = Wire::new(near, Vec::new());
        far.write_all(b"still readable").await.unwrap();
        let mut written = 0;
        while let Ok(Ok(length)) =
            tokio::time::timeout(std::time::Duration::from_millis(20), wire.write(&[7; 4096])).await
        {
            written += length;
            assert!(written <= 2 * WRITE_BEHIND, "what waits is bounded");
        }
        let mut read = [0; 14];
        wire.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"still readable");
        let reader = tokio::spawn(async move {
            let mut all = Vec::new();
            far.read_to_end(&mut all).await.map(|_| all)
        });
        wire.shutdown().await.unwrap();
        drop(wire);
        let all = reader.await.unwrap().unwrap();
        assert_eq!(all.len(), written);
    }
}
