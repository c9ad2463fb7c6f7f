//! One listener.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use door::Divert;
use door::proxy_protocol::Introducers;

use crate::routes::Routes;

/// What all connections to a listener share.
pub(crate) struct Entrance {
    /// Its address, as sightings name it.
    pub(crate) name: Arc<str>,
    pub(crate) address: SocketAddr,
    pub(crate) socket: TcpListener,
    pub(crate) routes: Routes,
    /// Takes the clients that would be explained to.
    pub(crate) divert: Option<Arc<Divert>>,
    pub(crate) idle: Duration,
    /// Services see clients' own addresses.
    pub(crate) transparent: bool,
    /// Who says whom its connections are for.
    pub(crate) introducers: Introducers,
}
