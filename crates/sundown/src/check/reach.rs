//! From a name to a TCP connection: every address is tried, the slow ones side by side.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};

use super::target::Target;

/// How long an attempt runs alone before the next address is tried beside it (RFC 8305 section 5).
const HEAD_START: Duration = Duration::from_millis(250);
/// The most addresses that are tried; more than any name needs, fewer than a hostile answer can hold.
const MOST_ADDRESSES: usize = 16;

/// The first connection that is accepted.
pub(crate) async fn connect(target: &Target, deadline: Instant) -> anyhow::Result<TcpStream> {
    let addresses = resolve(target, deadline).await?;
    let mut waiting = addresses.into_iter();
    let mut attempts = JoinSet::new();
    let mut failures = Vec::new();
    loop {
        if let Some(address) = waiting.next() {
            attempts.spawn(async move { (address, attempt(address).await) });
        } else if attempts.is_empty() {
            bail!(
                "nothing takes connections at {} ({}); is the server running, and is that its port?",
                target.place(),
                failures.join("; ")
            );
        }
        let alone_until = match waiting.len() {
            0 => deadline,
            _ => deadline.min(Instant::now() + HEAD_START),
        };
        match timeout_at(alone_until, attempts.join_next()).await {
            Ok(Some(Ok((_, Ok(stream))))) => return Ok(stream),
            Ok(Some(Ok((address, Err(error))))) => failures.push(format!("{address}: {error}")),
            Ok(Some(Err(error))) => failures.push(error.to_string()),
            Ok(None) => {}
            Err(_) if Instant::now() >= deadline => bail!(
                "no connection to {} in time; a firewall may drop what is sent there",
                target.place()
            ),
            Err(_) => {}
        }
    }
}

async fn attempt(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    // The handshake is small messages that each wait for the other side.
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn resolve(target: &Target, deadline: Instant) -> anyhow::Result<Vec<SocketAddr>> {
    let left = deadline.saturating_duration_since(Instant::now());
    let found = timeout(left, lookup_host((target.host.as_str(), target.port)))
        .await
        .map_err(|_| {
            anyhow!(
                "no answer to the name {} in time; is this machine's DNS reachable?",
                target.host
            )
        })?
        .with_context(|| {
            format!(
                "the name {} cannot be resolved; check its spelling and this machine's DNS",
                target.host
            )
        })?;
    let addresses = alternating(found);
    if addresses.is_empty() {
        bail!(
            "the name {} has no address; check its spelling",
            target.host
        );
    }
    Ok(addresses)
}

/// IPv6 and IPv4 in turn, IPv6 first (RFC 8305 section 4).
fn alternating(found: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let (six, four): (Vec<_>, Vec<_>) = found.partition(SocketAddr::is_ipv6);
    let (mut six, mut four) = (six.into_iter(), four.into_iter());
    let mut all = Vec::new();
    while six.len() + four.len() > 0 && all.len() < MOST_ADDRESSES {
        all.extend(six.next());
        all.extend(four.next());
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_families_take_turns() {
        let [a, b, c, d]: [SocketAddr; 4] = [
            "192.0.2.1:1",
            "192.0.2.2:1",
            "192.0.2.3:1",
            "[2001:db8::1]:1",
        ]
        .map(|text| text.parse().unwrap());
        assert_eq!(alternating([a, b, c, d].into_iter()), [d, a, b, c]);
    }

    #[tokio::test]
    async fn an_address_that_refuses_does_not_hold_up_the_next() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = Target {
            // Resolves to ::1 too where the machine has IPv6, and nothing listens there.
            host: "localhost".to_owned(),
            port: listener.local_addr().unwrap().port(),
            path: None,
        };
        let stream = connect(&target, Instant::now() + Duration::from_secs(5))
            .await
            .unwrap();
        assert_eq!(stream.peer_addr().unwrap(), listener.local_addr().unwrap());
    }
}
