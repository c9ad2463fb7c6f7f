//! Which socket of this process's own network namespace a connection belongs to (sock_diag(7)).

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;

use netlink_packet_core::{NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_sock_diag::SockDiagMessage;
use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP};
use netlink_packet_sock_diag::inet::{ExtensionFlags, InetRequest, SocketId, StateFlags};
use netlink_sys::protocols::NETLINK_SOCK_DIAG;
use netlink_sys::{Socket, SocketAddr as Port};

use super::Owned;

/// An answer about one socket has some 200 bytes.
const LONGEST: usize = 8 * 1024;

/// Asks the kernel, one socket at a time.
pub(super) struct Sockets(Socket);

impl Sockets {
    pub(super) fn new() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_SOCK_DIAG)?;
        socket.bind_auto()?;
        socket.connect(&Port::new(0, 0))?;
        Ok(Self(socket))
    }

    /// The socket with these ends; `None` where there is none, or nobody owns it any more.
    pub(super) fn find(&self, local: SocketAddr, remote: SocketAddr) -> Option<Owned> {
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST;
        let request = SockDiagMessage::InetRequest(InetRequest {
            family: match local.ip() {
                IpAddr::V4(_) => AF_INET,
                IpAddr::V6(_) => AF_INET6,
            },
            protocol: IPPROTO_TCP,
            extensions: ExtensionFlags::empty(),
            states: StateFlags::all(),
            socket_id: SocketId {
                source_port: local.port(),
                destination_port: remote.port(),
                source_address: local.ip(),
                destination_address: remote.ip(),
                interface_id: 0,
                // INET_DIAG_NOCOOKIE: whichever has these ends.
                cookie: [0xff; 8],
            },
        });
        let mut message = NetlinkMessage::new(header, request.into());
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        debug_assert!(self.0.as_raw_fd() >= 0);
        self.0.send(&bytes, 0).ok()?;
        let mut answer = vec![0; LONGEST];
        let length = self.0.recv(&mut &mut answer[..], 0).ok()?;
        let answer = answer.get(..length)?;
        let answer = NetlinkMessage::<SockDiagMessage>::deserialize(answer).ok()?;
        let NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(found)) = answer.payload
        else {
            return None;
        };
        (found.header.inode != 0).then_some(Owned {
            inode: found.header.inode.into(),
            user: found.header.uid,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsFd;
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn a_connection_is_its_own_socket_in_either_direction() {
        let sockets = Sockets::new().unwrap();
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(address).unwrap();
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (server, _) = listener.accept().unwrap();
            for stream in [&client, &server] {
                let file = std::fs::File::from(stream.as_fd().try_clone_to_owned().unwrap());
                let found = sockets.find(stream.local_addr().unwrap(), stream.peer_addr().unwrap());
                assert_eq!(found.unwrap().inode, file.metadata().unwrap().ino());
            }
            let (local, remote) = (client.local_addr().unwrap(), client.peer_addr().unwrap());
            drop((client, server));
            assert_eq!(sockets.find(local, remote), None, "nobody owns it");
        }
    }
}
