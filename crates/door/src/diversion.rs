//! A connection that one listener hands to another of the same process.

use std::net::{SocketAddr, TcpStream};

use crate::{Permit, Record};

/// A connection with all that is known of it.
pub struct Diverted {
    /// The connection, not blocking.
    pub stream: TcpStream,
    /// Where it comes from.
    pub peer: SocketAddr,
    /// What has been read of it, from its first byte.
    pub bytes: Vec<u8>,
    /// Its place among all that are open.
    pub permit: Permit,
    /// Its sighting, which the listener that it goes to finishes.
    pub record: Record,
}

/// Takes a connection over. Never waits.
pub type Divert = dyn Fn(Diverted) + Send + Sync;
