//! The way to the server: direct, or through the proxy that the environment names.

use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::proxy::Proxy;
use crate::check::reach;
use crate::check::target::Target;
use crate::check::text::printable;

/// How long the way to the server may take.
pub(super) const REACH: Duration = Duration::from_secs(10);

/// The longest answer of a proxy that is read.
const LONGEST_ANSWER: usize = 8 << 10;

/// Where the server is, and how it is reached.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) target: Target,
    pub(super) proxy: Option<Proxy>,
}

impl Route {
    /// A connection on which the server speaks.
    pub(super) async fn connect(&self, deadline: Instant) -> anyhow::Result<TcpStream> {
        let Some(proxy) = &self.proxy else {
            return reach::connect(&self.target, deadline).await;
        };
        let there = Target {
            host: proxy.host.clone(),
            port: proxy.port,
            path: None,
        };
        let mut stream = reach::connect(&there, deadline)
            .await
            .with_context(|| format!("{} names the proxy {proxy}", proxy.variable))?;
        timeout_at(deadline, tunnel(&mut stream, &self.target, proxy))
            .await
            .map_err(|_| {
                anyhow!(
                    "the proxy {proxy} does not answer in time; {} names it",
                    proxy.variable
                )
            })??;
        Ok(stream)
    }
}

/// Asks a proxy for a tunnel (RFC 9110 section 9.3.6).
async fn tunnel(stream: &mut TcpStream, target: &Target, proxy: &Proxy) -> anyhow::Result<()> {
    let place = target.place();
    let mut request = format!("CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n");
    if let Some(authorization) = &proxy.authorization {
        request.push_str(&format!("Proxy-Authorization: Basic {authorization}\r\n"));
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    // Byte by byte: what follows the head is the server's.
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= LONGEST_ANSWER {
            bail!(
                "the proxy {proxy} gives an answer without end; {} names it",
                proxy.variable
            );
        }
        let byte = stream.read_u8().await.with_context(|| {
            format!(
                "the proxy {proxy} ends the connection; {} names it",
                proxy.variable
            )
        })?;
        head.push(byte);
    }
    let head = String::from_utf8_lossy(&head);
    let line = printable(head.lines().next().unwrap_or_default());
    let status = line.split(' ').nth(1).unwrap_or_default();
    if !(line.starts_with("HTTP/1.") && status.starts_with('2')) {
        bail!(
            "the proxy {proxy} answers {line:?} to a tunnel to {place}; {} names it",
            proxy.variable
        );
    }
    Ok(())
}
