//! Made-up traffic: one line each.

use std::net::IpAddr;
use std::sync::Arc;

use floor::Plan;
use floor::config::PlanTables;
use hello::{Facts, Offer, Version};
use jiff::Timestamp;
use ledger::{
    Account, Candidate, Entry, Inferred, Judged, Negotiated, Outcome, Requests, Sighting, Visitor,
};

use super::memory::Memory;

pub(crate) fn at(text: &str) -> Timestamp {
    floor::config::When(text.to_owned()).moment().expect(text)
}

/// Node.js 0.8.28, as far as a hello built from facts is one.
pub(crate) fn tls10() -> Offer {
    Offer::from(&Facts {
        legacy_version: Version::TLSV1,
        suites: vec![0xc014, 0x0039, 0x0035, 0x002f, 0x000a],
        groups: vec![0x0017, 0x0018],
        ..Facts::default()
    })
}

pub(crate) fn tls12() -> Offer {
    Offer::from(&Facts {
        sni: true,
        legacy_version: Version::TLSV1_2,
        suites: vec![0xc02f, 0xc030, 0x009c],
        groups: vec![0x001d, 0x0017],
        ..Facts::default()
    })
}

pub(crate) fn tls13(group: u16) -> Offer {
    Offer::from(&Facts {
        sni: true,
        legacy_version: Version::TLSV1_2,
        supported_versions: vec![Version::TLSV1_3, Version::TLSV1_2],
        suites: vec![0x1301, 0x1302, 0xc02f],
        groups: vec![group, 0x0017],
        key_shares: vec![group],
        ..Facts::default()
    })
}

/// One connection that is over, with its requests.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    entry: Entry,
}

pub(crate) fn seen(when: &str, offer: Option<Offer>) -> Seen {
    let at = at(when);
    let sighting = Sighting {
        at,
        duration_ms: 5,
        edge: "0.0.0.0:443".into(),
        address: Some("192.0.2.1".parse().expect("an address")),
        sni: Some("api.example.com".into()),
        offered: offer.as_ref().map(Offer::max_version),
        negotiated: offer.as_ref().map(|offer| Negotiated {
            version: offer.max_version(),
            cipher: "AES128-SHA",
            group: None,
            alpn: None,
            resumed: false,
        }),
        offer,
        account: None,
        visitor: Visitor::Customer,
        user_agent: None,
        judged: None,
        outcome: Outcome::Terminated,
        requests: Requests::default(),
    };
    Seen {
        entry: Entry {
            at,
            connections: 1,
            requests: Requests::default(),
            is_last: true,
            sighting,
        },
    }
}

impl Seen {
    pub(crate) fn account(mut self, id: &str) -> Self {
        self.entry.sighting.account = Some(Account::Known(id.into()));
        self
    }

    /// Ids, and how long ago each was seen.
    pub(crate) fn inferred(mut self, candidates: &[(&str, u64)], more: bool) -> Self {
        let candidates = candidates.iter().map(|&(id, age_seconds)| Candidate {
            id: id.into(),
            age_seconds,
        });
        self.entry.sighting.account = Some(Account::Inferred(Inferred {
            candidates: candidates.collect(),
            more,
        }));
        self
    }

    pub(crate) fn from(mut self, address: &str) -> Self {
        self.entry.sighting.address = Some(address.parse::<IpAddr>().expect(address));
        self
    }

    pub(crate) fn sni(mut self, name: &str) -> Self {
        self.entry.sighting.sni = Some(name.into());
        self
    }

    pub(crate) fn agent(mut self, user_agent: &str) -> Self {
        self.entry.sighting.user_agent = Some(user_agent.into());
        self
    }

    pub(crate) fn requests(mut self, served: u64) -> Self {
        self.entry.requests.served = served;
        self.entry.sighting.requests.served = served;
        self
    }

    pub(crate) fn refused(mut self) -> Self {
        self.entry.sighting.negotiated = None;
        self.entry.sighting.outcome = Outcome::Refused { alert: 70 };
        self
    }

    pub(crate) fn visitor(mut self, visitor: Visitor) -> Self {
        self.entry.sighting.visitor = visitor;
        self
    }

    /// Explained to in a window.
    pub(crate) fn in_window(mut self, sunset: &str, start: &str, requests: u64) -> Self {
        self.entry.requests.explained = requests;
        self.entry.sighting.judged = Some(Judged {
            sunset: Some(Arc::from(sunset)),
            phase: Some(floor::Phase::Brownout),
            action: "explain",
            window: Some(at(start)),
            preview: false,
        });
        self
    }

    pub(crate) fn judged(
        mut self,
        sunset: &str,
        phase: floor::Phase,
        action: &'static str,
    ) -> Self {
        self.entry.sighting.judged = Some(Judged {
            sunset: Some(Arc::from(sunset)),
            phase: Some(phase),
            action,
            window: None,
            preview: false,
        });
        self
    }
}

pub(crate) fn memory(all: impl IntoIterator<Item = Seen>) -> Memory {
    Memory {
        entries: all.into_iter().map(|seen| seen.entry).collect(),
        ..Memory::default()
    }
}

pub(crate) fn plan(text: &str) -> Plan {
    let tables: PlanTables = toml::from_str(text).expect(text);
    tables.build([7; 16]).expect("a plan in order")
}
