//! What a piece of evidence shows.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use accounts::Shown;
use hello::Offer;
use jiff::Timestamp;
use ledger::{Negotiated, Outcome};

/// What one connection in a capture shows, or a number of log lines that say the same of the same client.
#[derive(Clone, Debug)]
pub struct Evidence<'a> {
    /// When the first of it happened.
    pub first: Timestamp,
    /// When the last of it happened; in the same hour as the first, because the ledger counts by the hour.
    pub last: Timestamp,
    /// Where it was seen, as reports show it in the place of a listener: `nginx access.log`, `eth0`.
    pub source: &'a Arc<str>,
    /// The client's address.
    pub address: Option<IpAddr>,
    /// The client's port.
    pub port: Option<u16>,
    /// The server's address and port.
    pub server: Option<SocketAddr>,
    /// The host name in the hello, or the one that was asked for.
    pub sni: Option<&'a str>,
    /// What the client offered: whole where a hello was seen, else a partial offer with what is known of it.
    pub offer: Option<Offer>,
    /// What was agreed, where the evidence shows it.
    pub negotiated: Option<Negotiated>,
    /// What the client showed of who it is.
    pub shown: Shown<'a>,
    /// The User-Agent.
    pub user_agent: Option<&'a str>,
    /// How it ended, as far as the evidence shows.
    pub outcome: Outcome,
    /// How many connections this is.
    pub connections: u64,
    /// How many requests were made on them.
    pub requests: u64,
}
