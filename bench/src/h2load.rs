//! Load over HTTP/2, from h2load (nghttp2).

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::load::Cost;
use crate::process::CpuTime;

/// Requests before the measurement: caches are warm after them, and how long they take says how many to measure.
const WARM_UP: u64 = 4000;
/// Streams at once on a connection. Connections are as many fewer, so that the load is that of the other rows.
const STREAMS: usize = 4;
/// A server finishes closing connections within this.
const SETTLE: Duration = Duration::from_millis(50);
/// No run takes longer, on any machine.
const PATIENCE_SECONDS: u64 = 120;

/// Asks `server` for `/` for about `length`, `at_once` requests at once. The few handshakes are in the figure.
pub(crate) async fn drive(
    pid: u32,
    server: SocketAddr,
    at_once: usize,
    length: Duration,
) -> Result<Cost> {
    let started = Instant::now();
    requests(server, at_once, WARM_UP).await?;
    let rate = WARM_UP as f64 / started.elapsed().as_secs_f64();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate and a length are neither negative nor that large"
    )]
    let number = ((rate * length.as_secs_f64()) as u64).max(WARM_UP);
    sleep(SETTLE).await;
    let (before, started) = (CpuTime::of(pid)?, Instant::now());
    requests(server, at_once, number).await?;
    let elapsed = started.elapsed();
    sleep(SETTLE).await;
    let used = CpuTime::of(pid)?.since(&before)?;
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    let done = number as f64;
    Ok(Cost {
        microseconds: used.as_secs_f64() * 1e6 / done,
        done: number,
        failed: 0,
        busy: used.as_secs_f64() / elapsed.as_secs_f64(),
    })
}

/// Makes this many requests, each of which has to succeed.
async fn requests(server: SocketAddr, at_once: usize, number: u64) -> Result<()> {
    let connections = (at_once / STREAMS).max(1);
    // The application behind the servers runs in this very thread: waiting must not hold it.
    let output = spawn_blocking(move || {
        Command::new("timeout")
            .arg(PATIENCE_SECONDS.to_string())
            .arg("h2load")
            .args(["--tls13-ciphers=TLS_AES_128_GCM_SHA256", "--groups=X25519"])
            .args(["-n", &number.to_string()])
            .args(["-c", &connections.to_string()])
            .args(["-m", &STREAMS.to_string()])
            .arg(format!("https://{server}/"))
            .stdin(Stdio::null())
            .output()
    })
    .await?
    .context("cannot run timeout and h2load")?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success(),
        "h2load ended with {}: install it (apt-get install nghttp2-client) or leave proxy-h2 out with --only",
        output.status
    );
    ensure!(
        succeeded(&text) == Some(number) && text.contains("Application protocol: h2"),
        "h2load did not get {number} answers over HTTP/2:\n{text}"
    );
    Ok(())
}

/// How many requests were answered with a 2xx.
fn succeeded(text: &str) -> Option<u64> {
    let line = text
        .lines()
        .find(|line| line.starts_with("status codes:"))?;
    let count = line.split_once(": ")?.1.split_once(" 2xx")?.0;
    count.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::succeeded;

    #[test]
    fn only_a_2xx_counts() {
        let text = "requests: 10 total, 10 started, 10 done, 9 succeeded, 1 failed, 0 errored, 0 timeout\n\
                    status codes: 9 2xx, 0 3xx, 0 4xx, 1 5xx\n";
        assert_eq!(succeeded(text), Some(9));
        assert_eq!(succeeded("nothing"), None);
    }
}
