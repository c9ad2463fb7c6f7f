//! Last words on a connection that is not served, and a close that lets them arrive.

use ::door::last_words::LastWords;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::lingering::Lingering;

/// Says them and closes when the client has had time to read them.
pub(crate) async fn say(stream: TcpStream, last_words: LastWords, stopping: &CancellationToken) {
    let mut stream = Lingering::new(stream, stopping.clone());
    // A failure means the client is gone already, which is what we are after.
    if stream.write_all(&last_words.bytes()).await.is_ok() {
        stream.shutdown().await.ok();
    }
}
