//! A way to the edge from an address of choice.
//!
//! Comes in: an address of the loopback network, and where the edge listens. Goes out: a port; what connects to it
//! reaches the edge from that address, byte for byte. Most client programs cannot choose the address they come from.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use socket2::{Domain, Socket, Type};

/// A relay that runs until it is dropped.
pub(crate) struct Relay {
    address: SocketAddr,
    stopping: Arc<AtomicBool>,
}

impl Relay {
    /// Takes a free port, from which connections go on to `edge` from `source`.
    pub(crate) fn start(source: Ipv4Addr, edge: SocketAddr) -> Relay {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let stopping = Arc::new(AtomicBool::new(false));
        let relay = Relay {
            address,
            stopping: stopping.clone(),
        };
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if stopping.load(Ordering::Relaxed) {
                    break;
                }
                thread::spawn(move || pass(client, source, edge));
            }
        });
        relay
    }

    /// The URL of a path, by the name that the local authority certifies.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.address.port())
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Relaxed);
        // Wakes the accept; one that is gone needs no waking.
        let _ = TcpStream::connect(self.address);
    }
}

/// Ends when both sides have said their last.
fn pass(client: TcpStream, source: Ipv4Addr, edge: SocketAddr) -> io::Result<()> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((IpAddr::V4(source), 0)).into())?;
    socket.connect(&edge.into())?;
    let edge = TcpStream::from(socket);
    edge.set_nodelay(true)?;
    client.set_nodelay(true)?;
    let (client_too, edge_too) = (client.try_clone()?, edge.try_clone()?);
    let upward = thread::spawn(move || one_way(client, edge));
    one_way(edge_too, client_too);
    upward.join().ok();
    Ok(())
}

/// What comes in goes out; an end, however it came, goes out as an end.
fn one_way(mut from: TcpStream, mut to: TcpStream) {
    io::copy(&mut from, &mut to).ok();
    to.shutdown(Shutdown::Write).ok();
}
