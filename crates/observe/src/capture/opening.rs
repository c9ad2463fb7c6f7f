//! Who opens a connection, seen before anything else of it is known.

use std::net::SocketAddr;

use super::format::Packet;
use super::link::{Content, content};
use super::shape;

/// A client that opens a connection, or begins to speak TLS on one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The client's end.
    pub client: SocketAddr,
    /// The server's end.
    pub server: SocketAddr,
    /// The number that the client's stream begins with, where this is its SYN. It stays the same where addresses are
    /// rewritten on the way.
    pub sequence: Option<u32>,
}

impl Opening {
    /// What this packet opens, if it does.
    pub fn of(packet: &Packet<'_>) -> Option<Self> {
        let Content::Tcp(segment) = content(packet.link, packet.bytes, packet.length) else {
            return None;
        };
        let begins = segment.syn() && !segment.ack() && !segment.rst();
        if !begins && shape::client_hello(segment.payload).is_none() {
            return None;
        }
        Some(Self {
            client: segment.from.socket(),
            server: segment.to.socket(),
            sequence: begins.then_some(segment.sequence),
        })
    }
}
