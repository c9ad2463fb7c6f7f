//! Last words on a connection that is not served, and a close that lets them arrive.

use std::os::fd::AsFd;

use hello::Version;
use rustix::net::{SendFlags, send};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::lingering::Lingering;

/// The alert for a hello that cannot be read (RFC 8446 section 6.2).
pub(crate) const DECODE_ERROR: u8 = 50;

/// What may still be on its way from a client that is sent an alert.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unread {
    /// Nothing: all it sent was read, and it has to wait for an answer before it sends more.
    Nothing,
    /// Perhaps something: early data, or whatever follows what could not be read.
    Perhaps,
}

/// Sends a fatal alert without waiting, where nothing that was sent is unread: a close sends FIN then, not
/// RST, and there is nothing to linger for. The alert is held back until that FIN, so that both leave in one
/// segment. False if it could not be sent.
pub(crate) fn send_alert_at_once(
    socket: impl AsFd,
    description: u8,
    legacy_version: Version,
) -> bool {
    let alert = alert(description, legacy_version);
    send(socket, &alert, SendFlags::MORE | SendFlags::NOSIGNAL) == Ok(alert.len())
}

/// Sends a fatal alert and closes when the client has had time to read it.
pub(crate) async fn send_alert(
    stream: TcpStream,
    description: u8,
    legacy_version: Version,
    stopping: &CancellationToken,
) {
    close_after(stream, &alert(description, legacy_version), stopping).await;
}

/// A fatal alert (RFC 8446 section 6; the same bytes since SSLv3).
///
/// The record carries the hello's own `legacy_version`, TLS 1.2 at most. Measured with real clients: OpenSSL
/// 1.0.1 held to one version says "wrong version number" to any other, and OpenSSL 1.0.0 says "unknown
/// protocol" to a later one; only with their own version do they name the alert.
fn alert(description: u8, legacy_version: Version) -> [u8; 7] {
    const RECORD_TYPE: u8 = 21;
    const FATAL: u8 = 2;
    let [major, minor] = legacy_version
        .clamp(Version::SSLV3, Version::TLSV1_2)
        .0
        .to_be_bytes();
    [RECORD_TYPE, major, minor, 0, 2, FATAL, description]
}

/// Answers an HTTP request that came without TLS, and closes.
pub(crate) async fn send_plain_http_answer(stream: TcpStream, stopping: &CancellationToken) {
    const BODY: &str = "This port speaks HTTPS. Use https:// in the URL.\n";
    let answer = format!(
        "HTTP/1.1 400 HTTPS Needed Here\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{BODY}",
        BODY.len()
    );
    close_after(stream, answer.as_bytes(), stopping).await;
}

async fn close_after(stream: TcpStream, last_words: &[u8], stopping: &CancellationToken) {
    let mut stream = Lingering::new(stream, stopping.clone());
    // A failure means the client is gone already, which is what we are after.
    if stream.write_all(last_words).await.is_ok() {
        stream.shutdown().await.ok();
    }
}
