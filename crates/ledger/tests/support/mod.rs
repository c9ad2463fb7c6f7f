//! Entries as an edge would make them, and what must hold of every ledger.
#![allow(
    dead_code,
    reason = "each test that includes this file uses its own part of it"
)]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hello::Offer;
use jiff::Timestamp;
use ledger::{
    Account, Candidate, Entry, Inferred, Judged, Negotiated, Outcome, Query, Range, Reader,
    Requests, Sighting, Sink, Visitor,
};

/// Longer than anything here takes on a loaded machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

pub(crate) const ALWAYS: Range = Range {
    from: None,
    until: None,
};

pub(crate) fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// An offer of one cipher suite, in the stored form: every code point makes another offer.
pub(crate) fn offer(suite: u32) -> Offer {
    let mut bytes = vec![1, 0, 3, 1, 0, 0, 0, 4];
    bytes.extend_from_slice(&suite.to_be_bytes());
    bytes.extend_from_slice(&[0; 20]);
    Offer::from_bytes(&bytes).unwrap()
}

/// A refused connection.
pub(crate) fn refused(at: Timestamp) -> Entry {
    let sighting = Sighting {
        at,
        duration_ms: 3,
        edge: "0.0.0.0:443".into(),
        address: Some([192, 0, 2, 7].into()),
        sni: Some("api.example.com".into()),
        offer: Some(offer(0x002f_0035)),
        offered: Some(hello::Version::TLSV1),
        negotiated: None,
        account: None,
        visitor: Visitor::Customer,
        user_agent: None,
        judged: Some(Judged {
            sunset: Some("old TLS".into()),
            phase: Some(floor::Phase::Refuse),
            action: "refuse",
            window: None,
            preview: false,
        }),
        outcome: Outcome::Refused { alert: 70 },
        requests: Requests::default(),
    };
    Entry {
        at,
        connections: 1,
        requests: Requests::default(),
        is_last: true,
        sighting,
    }
}

/// A connection of an account that was served this many requests and has ended.
pub(crate) fn served(at: Timestamp, account: &str, requests: u64) -> Entry {
    let mut entry = refused(at);
    entry.sighting.account = Some(Account::Known(account.into()));
    entry.sighting.user_agent = Some("Node.js/0.8".into());
    entry.sighting.outcome = Outcome::Terminated;
    entry.sighting.negotiated = Some(Negotiated {
        version: hello::Version::TLSV1_2,
        cipher: "ECDHE-RSA-AES128-GCM-SHA256",
        group: Some("x25519"),
        alpn: None,
        resumed: false,
    });
    entry.sighting.judged = Some(Judged {
        sunset: None,
        phase: None,
        action: "serve",
        window: None,
        preview: false,
    });
    entry.requests.served = requests;
    entry.sighting.requests = entry.requests;
    entry
}

/// These accounts were seen there before, each this many seconds ago.
pub(crate) fn inferred(accounts: &[(&str, u64)]) -> Account {
    Account::Inferred(Inferred {
        candidates: accounts
            .iter()
            .map(|(id, age_seconds)| Candidate {
                id: Arc::from(*id),
                age_seconds: *age_seconds,
            })
            .collect(),
        more: false,
    })
}

/// Connections, refused, requests served: over all groups.
pub(crate) fn sums(reader: &Reader, range: Range) -> (u64, u64, u64) {
    let groups = reader.groups(range).unwrap();
    groups.iter().fold((0, 0, 0), |sum, group| {
        let counts = &group.counts;
        (
            sum.0 + counts.connections,
            sum.1 + counts.refused,
            sum.2 + counts.requests.served,
        )
    })
}

/// Waits until everything recorded so far is in the file.
#[track_caller]
pub(crate) fn settled(sink: &Sink) {
    // What was recorded may still be in the channel: it is looked at within 50 ms.
    std::thread::sleep(Duration::from_millis(200));
    eventually("everything is committed", || sink.health().lag().is_zero());
}

#[track_caller]
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !holds() {
        assert!(Instant::now() < deadline, "not so in time: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[track_caller]
pub(crate) fn open(path: &Path) -> Reader {
    Reader::open(path).unwrap()
}
