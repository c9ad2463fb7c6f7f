//! The TLS side: which policy serves which hello, which certificates, and the handshake itself.

pub(crate) mod certificates;
mod handshake;
pub(crate) mod local_ca;
pub(crate) mod policy;
mod resting;
pub(crate) mod tickets;

pub use handshake::negotiated;
pub(crate) use handshake::{HandshakeError, Secured, accept, client_certificate};
pub(crate) use resting::{Resting, Wishes};
