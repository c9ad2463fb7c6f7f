//! What a connection adds to the ledger, as it goes.

use jiff::Timestamp;

use crate::{Requests, Sighting};

/// A part of a connection. A connection lasts for seconds or for days; what it adds is handed over as it comes,
/// so that little is lost when the process is killed. The sum of a connection's entries is the connection.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The connection as it is now. Its `account`, `user_agent` and `judged` are those that the requests of this
    /// entry were made with: when one of them changes, an entry ends. Its `requests` are all since the connection
    /// began, those of earlier entries included.
    pub sighting: Sighting,
    /// When this entry was made, on the plan's clock: the hour in which it counts.
    pub at: Timestamp,
    /// 1 in the one entry by which the connection itself is counted, else 0. It is counted with its first
    /// request, when its account is known as well as it ever will be, or at its end if it made none.
    pub connections: u64,
    /// The requests since the last entry.
    pub requests: Requests,
    /// The connection has ended: `sighting` is final.
    pub is_last: bool,
}
