//! A close that lets the last words arrive.
//!
//! A close with unread bytes makes the kernel send RST, and a client whose stack sees RST first reports
//! "connection reset" instead of the alert or the answer that was sent. So: shut down the write side, read away
//! what the client still sends for a bounded time, then close. When the edge stops, what a client sends buys it no
//! more time: its last words have been sent, and a stop is not to wait for whoever never falls silent.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ::door::last_words::{QUIET, WHOLE};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::sync::CancellationToken;

/// A socket whose shutdown ends when the client is done too. Whoever shuts it down reads no more from it.
#[derive(Debug)]
pub(crate) struct Lingering<S> {
    socket: S,
    /// The client's end has been read: nothing is left to wait for.
    ended: bool,
    closing: Option<Closing>,
    stopping: CancellationToken,
}

#[derive(Debug)]
struct Closing {
    /// When the client has been quiet for long enough.
    quiet: Instant,
    /// When it has been waited for long enough in all.
    whole: Instant,
    /// Made when there is something to wait for.
    timer: Option<Pin<Box<Sleep>>>,
}

impl<S> Lingering<S> {
    /// `stopping` is cancelled when the edge stops.
    pub(crate) const fn new(socket: S, stopping: CancellationToken) -> Self {
        Self {
            socket,
            ended: false,
            closing: None,
            stopping,
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
            let now = Instant::now();
            self.closing = Some(Closing {
                quiet: now + QUIET,
                whole: now + WHOLE,
                timer: None,
            });
        }
        let mut scratch = [0; 4096];
        while !self.ended {
            let mut scratch = ReadBuf::new(&mut scratch);
            let read = self.as_mut().poll_read(cx, &mut scratch);
            let Self {
                closing: Some(closing),
                stopping,
                ..
            } = &mut *self
            else {
                break;
            };
            let now = Instant::now();
            let until = closing.quiet.min(closing.whole);
            match read {
                Poll::Ready(Ok(())) if now < until => {
                    if !stopping.is_cancelled() {
                        closing.quiet = now + QUIET;
                    }
                }
                // Out of time, or the client is gone, which is what we are after.
                Poll::Ready(_) => break,
                Poll::Pending => {
                    let timer = closing
                        .timer
                        .get_or_insert_with(|| Box::pin(sleep_until(until)));
                    if timer.deadline() != until {
                        timer.as_mut().reset(until);
                    }
                    ready!(timer.as_mut().poll(cx));
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
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::time::sleep;

    fn lingering() -> (Lingering<DuplexStream>, DuplexStream, CancellationToken) {
        let (near, far) = duplex(1 << 16);
        let stopping = CancellationToken::new();
        (Lingering::new(near, stopping.clone()), far, stopping)
    }

    /// How long the close takes while the client sends a byte each second and never stops.
    async fn closing_while_it_trickles(
        mut lingering: Lingering<DuplexStream>,
        mut far: DuplexStream,
    ) -> Duration {
        let trickle = async {
            loop {
                far.write_all(b"x").await.unwrap();
                sleep(Duration::from_secs(1)).await;
            }
        };
        let start = Instant::now();
        tokio::select! {
            shut = lingering.shutdown() => shut.unwrap(),
            () = trickle => {}
        }
        start.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn the_close_waits_for_the_client_but_not_for_ever() {
        let (mut quiet, mut far, _) = lingering();
        let start = Instant::now();
        quiet.shutdown().await.unwrap();
        assert_eq!(start.elapsed(), QUIET, "a client that says nothing more");
        assert_eq!(far.read(&mut [0]).await.unwrap(), 0, "has seen our end");

        let (trickled, far, _) = lingering();
        let lasted = closing_while_it_trickles(trickled, far).await;
        assert!(
            lasted > 10 * QUIET && lasted <= WHOLE,
            "a client that never stops: {lasted:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_waits_no_longer_than_the_quiet_time() {
        let (trickled, far, stopping) = lingering();
        stopping.cancel();
        let lasted = closing_while_it_trickles(trickled, far).await;
        assert!(lasted <= QUIET, "stopping before the close: {lasted:?}");

        let (trickled, far, stopping) = lingering();
        let before = Duration::from_millis(7500);
        tokio::spawn(async move {
            sleep(before).await;
            stopping.cancel();
        });
        let lasted = closing_while_it_trickles(trickled, far).await;
        assert!(
            lasted > before && lasted <= before + QUIET,
            "stopping while it closes: {lasted:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_is_done_is_not_waited_for() {
        let (mut lingering, far, _) = lingering();
        drop(far);
        assert_eq!(lingering.read(&mut [0; 8]).await.unwrap(), 0);
        let start = Instant::now();
        lingering.shutdown().await.unwrap();
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}
