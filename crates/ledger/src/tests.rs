//! What the tests of this crate share.

use crate::{Entry, Outcome, Requests, Sighting, Visitor};

/// A refused connection without an offer.
pub(crate) fn entry() -> Entry {
    let sighting = Sighting {
        at: jiff::Timestamp::UNIX_EPOCH,
        duration_ms: 0,
        edge: "127.0.0.1:0".into(),
        address: None,
        sni: None,
        offer: None,
        offered: Some(hello::Version::TLSV1),
        negotiated: None,
        account: None,
        visitor: Visitor::Customer,
        user_agent: None,
        judged: None,
        outcome: Outcome::Refused { alert: 70 },
        requests: Requests::default(),
    };
    Entry {
        at: sighting.at,
        connections: 1,
        requests: sighting.requests,
        is_last: true,
        sighting,
    }
}
