//! What the tests share: offers of known kinds of client, and plans from text.
#![allow(dead_code, reason = "each test binary uses its part")]

pub(crate) mod tables;

use std::net::IpAddr;

use floor::config::PlanTables;
use floor::{Account, Plan, Who};
use hello::{Facts, Offer, Version};
use jiff::Timestamp;

/// OpenSSL 0.9.8 and Java 6: TLS 1.0, RSA and DHE with CBC, no extensions.
pub(crate) fn tls10() -> Offer {
    Offer::from(&Facts {
        legacy_version: Version::TLSV1,
        suites: vec![0x0039, 0x0035, 0x002f, 0x000a, 0x0005, 0x00ff],
        ..Facts::default()
    })
}

/// OpenSSL 1.0.1: TLS 1.2 with forward secrecy, classical curves.
pub(crate) fn tls12() -> Offer {
    Offer::from(&Facts {
        legacy_version: Version::TLSV1_2,
        suites: vec![0xc030, 0xc02f, 0xc014, 0x009f, 0x0035, 0x002f, 0x00ff],
        groups: vec![0x0017, 0x0018, 0x0019],
        ..Facts::default()
    })
}

/// A browser of 2020: TLS 1.3 and 1.2, no post-quantum group.
pub(crate) fn tls13() -> Offer {
    Offer::from(&Facts {
        groups: vec![0x001d, 0x0017, 0x0018],
        key_shares: vec![0x001d],
        ..modern()
    })
}

/// A browser of 2025: TLS 1.3 with X25519MLKEM768.
pub(crate) fn hybrid() -> Offer {
    Offer::from(&Facts {
        groups: vec![0x11ec, 0x001d, 0x0017, 0x0018],
        key_shares: vec![0x11ec, 0x001d],
        ..modern()
    })
}

/// What browsers share.
pub(crate) fn modern() -> Facts {
    Facts {
        legacy_version: Version::TLSV1_2,
        supported_versions: vec![Version::TLSV1_3, Version::TLSV1_2],
        suites: vec![
            0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014,
            0x009c, 0x009d, 0x002f, 0x0035,
        ],
        ..Facts::default()
    }
}

/// A plan, from its tables.
pub(crate) fn plan(toml: &str) -> Plan {
    let tables: PlanTables = toml::from_str(toml).unwrap_or_else(|error| panic!("{error}\n{toml}"));
    tables
        .build([7; 16])
        .unwrap_or_else(|problems| panic!("{problems:?}\n{toml}"))
}

pub(crate) fn at(text: &str) -> Timestamp {
    floor::config::When(text.to_owned())
        .moment()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

pub(crate) fn who(account: Account<'_>) -> Who<'_> {
    Who {
        address: Some(IpAddr::from([203, 0, 113, 9])),
        sni: Some("api.example.com"),
        account,
    }
}
