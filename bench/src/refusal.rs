//! A TLS 1.0 client that wants to be refused properly: it reads the alert, then the end, and meets no reset.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::client::Sources;

/// A fatal `protocol_version` alert without its record version: content type 21, length 2, level 2, description
/// 70 (RFC 8446, 6).
const LENGTH_AND_ALERT: [u8; 4] = [0, 2, 2, 70];

/// Sends `hello` to `server`. Anything but the alert followed by an orderly end is an error.
pub(crate) async fn be_refused(sources: &Sources, server: SocketAddr, hello: &[u8]) -> Result<()> {
    let mut stream = sources.connect(server).await?;
    stream.write_all(hello).await.context("sending the hello")?;
    let mut answer = Vec::with_capacity(64);
    loop {
        ensure!(answer.len() < 64, "more than an alert came: {answer:02x?}");
        match stream.read_buf(&mut answer).await {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) => bail!("{error} after {answer:02x?}"),
        }
    }
    match answer.as_slice() {
        [21, 3, _, rest @ ..] if rest == LENGTH_AND_ALERT => Ok(()),
        [] => bail!("closed without an alert"),
        other => bail!("not a protocol_version alert: {other:02x?}"),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::thread;
    use std::time::Duration;

    use super::be_refused;
    use crate::client::Sources;

    /// What the client makes of a server that writes `answer`, having read the hello or not.
    async fn outcome(answer: &'static [u8], reads: bool) -> Result<(), String> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            // Until the hello is here, closing would be no reset.
            stream.peek(&mut [0]).unwrap();
            if reads {
                stream.read_exact(&mut [0; 5]).unwrap();
            }
            stream.write_all(answer).unwrap();
        });
        let sources = Sources::default();
        let refused = be_refused(&sources, address, b"hello");
        let outcome = tokio::time::timeout(Duration::from_secs(5), refused)
            .await
            .unwrap();
        server.join().unwrap();
        outcome.map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn only_an_alert_and_an_orderly_end_count() {
        const ALERT: &[u8] = &[21, 3, 1, 0, 2, 2, 70];
        assert_eq!(outcome(ALERT, true).await, Ok(()));
        assert_eq!(
            outcome(b"", true).await,
            Err("closed without an alert".into())
        );
        let handshake_failure = outcome(&[21, 3, 1, 0, 2, 2, 40], true).await.unwrap_err();
        assert!(
            handshake_failure.starts_with("not a protocol_version alert"),
            "{handshake_failure}"
        );
        // Unread bytes turn the close into a reset, with the alert already on its way.
        let reset = outcome(ALERT, false).await.unwrap_err();
        assert!(reset.contains("reset"), "{reset}");
    }
}
