//! A close that lets the last words arrive.
//!
//! A close with unread bytes makes the kernel send RST, and a client whose stack sees RST first reports
//! "connection reset" instead of the alert or the answer that was sent. So: shut down the write side, read away
//! what the client still sends for a bounded time, then close.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// How long to wait for the client's next bytes or its close. A client that has read our last words closes at once.
const QUIET: Duration = Duration::from_secs(2);
/// How long to read away in all. Many clients read nothing before they have sent their whole body.
const WHOLE: Duration = Duration::from_secs(30);

/// A socket whose shutdown ends when the client is done too. Whoever shuts it down reads no more from it.
#[derive(Debug)]
pub(crate) struct Lingering<S> {
    socket: S,
    /// The client's end has been read: nothing is left to wait for.
    ended: bool,
    closing: Option<Closing>,
}

#[derive(Debug)]
struct Closing {
    /// Made when there is something to wait for.
    quiet: Option<Pin<Box<Sleep>>>,
    until: Instant,
}

impl<S> Lingering<S> {
    pub(crate) const fn new(socket: S) -> Self {
        Self {
            socket,
            ended: false,
            closing: None,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Lingering<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.remaining();
        ready!(Pin::new(&mut self.socket).poll_read(cx, buffer))?;
        self.ended |= before > 0 && buffer.remaining() == before;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Lingering<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.closing.is_none() {
            ready!(Pin::new(&mut self.socket).poll_shutdown(cx))?;
            self.closing = Some(Closing {
                quiet: None,
                until: Instant::now() + WHOLE,
            });
        }
        let mut scratch = [0; 4096];
        while !self.ended {
            let mut scratch = ReadBuf::new(&mut scratch);
            let read = self.as_mut().poll_read(cx, &mut scratch);
            let Some(closing) = &mut self.closing else {
                break;
            };
            let now = Instant::now();
            match read {
                Poll::Ready(Ok(())) if now < closing.until => closing.quiet = None,
                // Out of time, or the client is gone, which is what we are after.
                Poll::Ready(_) => break,
                Poll::Pending => {
                    let quiet = closing.quiet.get_or_insert_with(|| {
                        Box::pin(sleep_until(closing.until.min(now + QUIET)))
                    });
                    ready!(quiet.as_mut().poll(cx));
                    break;
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    #[tokio::test(start_paused = true)]
    async fn the_close_waits_for_the_client_but_not_for_ever() {
        let (near, mut far) = duplex(1 << 16);
        let mut lingering = Lingering::new(near);
        let start = Instant::now();
        lingering.shutdown().await.unwrap();
        assert_eq!(start.elapsed(), QUIET, "a client that says nothing more");
        assert_eq!(far.read(&mut [0]).await.unwrap(), 0, "has seen our end");

        let (near, mut far) = duplex(1 << 16);
        let mut lingering = Lingering::new(near);
        let trickle = async {
            loop {
                far.write_all(b"x").await.unwrap();
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        };
        let start = Instant::now();
        tokio::select! {
            shut = lingering.shutdown() => shut.unwrap(),
            () = trickle => {}
        }
        assert!(
            start.elapsed() <= WHOLE + QUIET,
            "a client that never stops: {:?}",
            start.elapsed()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_is_done_is_not_waited_for() {
        let (near, far) = duplex(1 << 16);
        let mut lingering = Lingering::new(near);
        drop(far);
        assert_eq!(lingering.read(&mut [0; 8]).await.unwrap(), 0);
        let start = Instant::now();
        lingering.shutdown().await.unwrap();
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}
