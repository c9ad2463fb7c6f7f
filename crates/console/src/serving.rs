//! Connections: how many there may be, and how long one may take to say what it wants.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::ServiceExt as _;

use crate::console::Console;
use crate::live::FEEDS;

/// Connections at once. A browser keeps six; half of all can be feeds, which stay open.
const CONNECTIONS: usize = 2 * FEEDS;
/// Of these, from one address that is neither this machine nor a trusted proxy: an office behind one address fits, and
/// takes no more than a part.
const OF_ONE: usize = CONNECTIONS / 4;
/// From a connection's beginning, or the end of the answer before, to the end of a request's head.
const HEAD: Duration = Duration::from_secs(15);
/// The longest head: an address with everything that can be asked for, and a proxy's headers.
const LONGEST_HEAD: usize = 64 * 1024;
/// How long to wait after an accept that failed, so as not to spin.
const PAUSE: Duration = Duration::from_millis(50);

/// Answers until the task is dropped. One connection too many is closed unread.
pub(crate) async fn accept(listener: TcpListener, router: Router, console: Arc<Console>) {
    let places = Arc::new(Places::new(CONNECTIONS, OF_ONE));
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let ip = peer.ip().to_canonical();
        let is_many = ip.is_loopback() || console.access.proxy_from(ip).is_some();
        if let Some(place) = places.take((!is_many).then_some(ip)) {
            let router = router.clone();
            tokio::spawn(async move {
                answer(stream, peer, router, HEAD).await;
                drop(place);
            });
        }
    }
}

async fn answer(stream: TcpStream, peer: SocketAddr, router: Router, head: Duration) {
    // Small answers go out at once; where that cannot be asked for they go out later.
    stream.set_nodelay(true).ok();
    let answers = service_fn(move |request: http::Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().oneshot(request)
    });
    // Fails where whoever asked has gone or takes too long.
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head)
        .max_buf_size(LONGEST_HEAD)
        .serve_connection(TokioIo::new(stream), answers)
        .await
        .ok();
}

/// Room for connections.
struct Places {
    all: Arc<Semaphore>,
    of_one: usize,
    /// How many there are from each address; it has no more entries than there are connections.
    from: Mutex<HashMap<IpAddr, usize>>,
}

/// Room that a connection takes, for as long as this lives.
struct Place {
    places: Arc<Places>,
    from: Option<IpAddr>,
    _one: OwnedSemaphorePermit,
}

impl Places {
    fn new(all: usize, of_one: usize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(all)),
            of_one,
            from: Mutex::default(),
        }
    }

    /// `None` where there is none left, in all or for this address.
    fn take(self: &Arc<Self>, from: Option<IpAddr>) -> Option<Place> {
        let one = self.all.clone().try_acquire_owned().ok()?;
        if let Some(ip) = from {
            let mut counts = self.from.lock().unwrap_or_else(PoisonError::into_inner);
            let count = counts.entry(ip).or_default();
            if *count >= self.of_one {
                return None;
            }
            *count += 1;
        }
        Some(Place {
            places: self.clone(),
            from,
            _one: one,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(ip) = self.from else {
            return;
        };
        let counts = &self.places.from;
        let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&ip) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&ip);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// Nothing here is timed: what is shown is that the connection has an end, however slowly it goes on.
    #[tokio::test]
    async fn whoever_trickles_a_head_is_left() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let served = tokio::spawn(async move {
            let (stream, peer) = listener.accept().await.expect("somebody");
            let router = Router::new().fallback(|| async { "said" });
            answer(stream, peer, router, Duration::from_millis(200)).await;
        });
        let client = TcpStream::connect(address).await.expect("a console");
        let (mut reading, mut writing) = client.into_split();
        let trickling = tokio::spawn(async move {
            writing
                .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
                .await?;
            loop {
                writing.write_all(b"x").await?;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            #[expect(unreachable_code, reason = "says what the task gives")]
            std::io::Result::Ok(())
        });
        served.await.expect("no panic");
        let mut said = Vec::new();
        // A reset is an end too.
        reading.read_to_end(&mut said).await.ok();
        assert!(!said.starts_with(b"HTTP/1.1 200"), "{said:?}");
        trickling.await.expect("no panic").expect_err("it is over");
    }

    #[test]
    fn there_is_room_for_so_many_and_for_so_many_of_one() {
        let places = Arc::new(Places::new(4, 2));
        let (one, other) = (Some([192, 0, 2, 1].into()), Some([192, 0, 2, 2].into()));
        let first = places.take(one);
        let second = places.take(one);
        assert!(first.is_some() && second.is_some());
        assert!(places.take(one).is_none(), "one address has its part");
        let third = places.take(other);
        let fourth = places.take(None);
        assert!(third.is_some() && fourth.is_some());
        assert!(places.take(None).is_none(), "there are four in all");
        drop(first);
        assert!(places.take(one).is_some());
        drop((second, third, fourth));
        assert!(places.from.lock().is_ok_and(|counts| counts.is_empty()));
    }
}
