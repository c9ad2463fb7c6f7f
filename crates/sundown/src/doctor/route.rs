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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::net::TcpListener;

    use super::*;

    /// A proxy that gives this answer, and what it was asked.
    async fn ask(answer: &'static [u8]) -> (anyhow::Result<Vec<u8>>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let proxy = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = vec![0; 4096];
            let length = stream.read(&mut asked).await.unwrap();
            stream.write_all(answer).await.unwrap();
            asked.truncate(length);
            String::from_utf8(asked).unwrap()
        });
        let route = Arc::new(Route {
            target: Target::parse("https://api.example.com/ssl/").unwrap(),
            proxy: Some(Proxy {
                host: "127.0.0.1".to_owned(),
                port,
                authorization: Some("bWU6c2VjcmV0".to_owned()),
                variable: "HTTPS_PROXY",
            }),
        });
        let connected = route.connect(Instant::now() + REACH).await;
        let asked = proxy.await.unwrap();
        let rest = match connected {
            Ok(mut stream) => {
                let mut rest = Vec::new();
                stream.read_to_end(&mut rest).await.unwrap();
                Ok(rest)
            }
            Err(error) => Err(error),
        };
        (rest, asked)
    }

    #[tokio::test]
    async fn a_tunnel_leads_through_the_proxy_and_what_follows_is_the_servers() {
        let (rest, asked) = ask(b"HTTP/1.1 200 Connection established\r\n\r\nhello").await;
        assert_eq!(rest.unwrap(), b"hello");
        assert!(
            asked.starts_with("CONNECT api.example.com:443 HTTP/1.1\r\n"),
            "{asked}"
        );
        assert!(
            asked.contains("Proxy-Authorization: Basic bWU6c2VjcmV0\r\n"),
            "{asked}"
        );
    }

    #[tokio::test]
    async fn a_proxy_that_will_not_is_named_with_the_variable_and_no_secret() {
        for answer in [
            &b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"[..],
            b"SSH-2.0-x\r\n\r\n",
            b"",
            &[b'x'; 20_000],
        ] {
            let (refused, _) = ask(answer).await;
            let error = format!("{:#}", refused.unwrap_err());
            assert!(
                error.contains("HTTPS_PROXY") && error.contains("127.0.0.1"),
                "{error}"
            );
            assert!(!error.contains("bWU6c2VjcmV0"), "{error}");
        }
    }
}
