//! Last words on a connection that is not served, and a close that lets them arrive.
//!
//! A close with unread bytes makes the kernel send RST, and a client whose stack sees RST first reports
//! "connection reset" instead of the alert. So: write, shut down the write side, read away what the client
//! still sends for a bounded time, then close.

use std::time::Duration;

use hello::Version;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long to wait for the client's own close. A client that has read the alert closes at once.
const LINGER: Duration = Duration::from_secs(2);
/// How many bytes to read away meanwhile: a hello with early data behind it, generously.
const LINGER_BYTES: usize = 256 * 1024;

/// The alert for a hello that cannot be read (RFC 8446 section 6.2).
pub(crate) const DECODE_ERROR: u8 = 50;

/// Sends a fatal alert (RFC 8446 section 6; the same bytes since SSLv3) and closes.
///
/// The record carries the hello's own `legacy_version`, TLS 1.2 at most. Measured with real clients: OpenSSL
/// 1.0.1 held to one version says "wrong version number" to any other, and OpenSSL 1.0.0 says "unknown
/// protocol" to a later one; only with their own version do they name the alert.
pub(crate) async fn send_alert(stream: TcpStream, description: u8, legacy_version: Version) {
    let [major, minor] = legacy_version.clamp(Version::SSLV3, Version::TLSV1_2).0.to_be_bytes();
    const FATAL: u8 = 2;
    close_after(stream, &[21, major, minor, 0, 2, FATAL, description]).await;
}

/// Answers an HTTP request that came without TLS, and closes.
pub(crate) async fn send_plain_http_answer(stream: TcpStream) {
    const BODY: &str = "This port speaks HTTPS. Use https:// in the URL.\n";
    let answer = format!(
        "HTTP/1.1 400 HTTPS Needed Here\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{BODY}",
        BODY.len()
    );
    close_after(stream, answer.as_bytes()).await;
}

async fn close_after(mut stream: TcpStream, last_words: &[u8]) {
    let linger = async {
        // A failure here means the client is gone already, which is what we are after.
        if stream.write_all(last_words).await.is_err() || stream.shutdown().await.is_err() {
            return;
        }
        let mut scratch = [0; 2048];
        let mut read = 0;
        while let Ok(length @ 1..) = stream.read(&mut scratch).await {
            read += length;
            if read > LINGER_BYTES {
                return;
            }
        }
    };
    // Out of time: the close that follows is the best that is left.
    timeout(LINGER, linger).await.ok();
}
