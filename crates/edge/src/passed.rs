//! Listening sockets that the service manager has opened: each has a name there.

use std::io;
use std::net::{SocketAddr, TcpListener};

use rustix::net::sockopt::socket_acceptconn;
use socket2::SockRef;

/// The sockets that were passed and that no listener has taken yet.
#[derive(Default)]
pub struct Passed(Vec<(String, TcpListener)>);

/// A listener that wants a socket.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Its name, where it has one.
    pub name: Option<String>,
    /// The address that it is asked for by.
    pub address: SocketAddr,
}

impl Passed {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a socket with its name, and makes it as one of our own.
    ///
    /// # Errors
    ///
    /// When it does not listen.
    pub fn add(&mut self, name: &str, socket: TcpListener) -> io::Result<()> {
        if !socket_acceptconn(&socket)? {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "it is no listening socket; in its unit, write Accept=no",
            ));
        }
        socket.set_nonblocking(true)?;
        SockRef::from(&socket).set_tcp_nodelay(true)?;
        self.0.push((name.to_owned(), socket));
        Ok(())
    }

    /// The socket of this name, or else the one at this address.
    pub(crate) fn take(&mut self, wanted: &Wanted) -> Option<TcpListener> {
        let named = self
            .0
            .iter()
            .position(|(name, _)| wanted.name.as_ref() == Some(name));
        let index = named.or_else(|| {
            let mut sockets = self.0.iter();
            sockets.position(|(_, socket)| {
                socket
                    .local_addr()
                    .is_ok_and(|bound| bound == wanted.address)
            })
        })?;
        Some(self.0.remove(index).1)
    }

    /// Names and addresses of those that nobody has taken.
    pub(crate) fn left(&self) -> Vec<String> {
        let told = |(name, socket): &(String, TcpListener)| match socket.local_addr() {
            Ok(address) => format!("`{name}` on {address}"),
            Err(_) => format!("`{name}`"),
        };
        self.0.iter().map(told).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_found_by_its_name_or_else_by_its_address() {
        let mut passed = Passed::default();
        let mut addresses = Vec::new();
        for name in ["public", "unknown"] {
            let socket = TcpListener::bind("127.0.0.1:0").unwrap();
            addresses.push(socket.local_addr().unwrap());
            passed.add(name, socket).unwrap();
        }
        let mut take = |name: Option<&str>, address| {
            let wanted = Wanted {
                name: name.map(str::to_owned),
                address,
            };
            let taken = passed.take(&wanted)?;
            taken.local_addr().ok()
        };
        let elsewhere = "127.0.0.1:1".parse().unwrap();
        assert_eq!(take(None, elsewhere), None);
        assert_eq!(take(Some("private"), elsewhere), None);
        assert_eq!(take(Some("public"), elsewhere), Some(addresses[0]));
        assert_eq!(take(Some("public"), elsewhere), None, "each once");
        assert_eq!(take(Some("other"), addresses[1]), Some(addresses[1]));
        assert_eq!(passed.left(), Vec::<String>::new());
    }

    #[test]
    fn what_does_not_listen_is_none() {
        let listening = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = std::net::TcpStream::connect(listening.local_addr().unwrap()).unwrap();
        let descriptor = std::os::fd::OwnedFd::from(client);
        assert!(Passed::default().add("x", descriptor.into()).is_err());
    }
}
