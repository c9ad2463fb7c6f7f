//! What evidence becomes in the ledger: the accounts, visitors and addresses that the edge would have written down.
#![cfg(test)]

use std::sync::Arc;

use accounts::{AccountSettings, Addresses, Privacy, Secret, Shown};
use hello::{Offer, PartialOffer, Version};
use jiff::Timestamp;
use ledger::{Importer, LedgerSettings, Negotiated, Outcome, Query, Range, Reader, Visitor, Who};
use observe::{Evidence, Recorder, Rules};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn evidence<'a>(source: &'a Arc<str>, shown: Shown<'a>, user_agent: &'a str) -> Evidence<'a> {
    Evidence {
        first: at("2016-10-02T10:00:00Z"),
        last: at("2016-10-02T10:59:59Z"),
        source,
        address: Some("203.0.113.77".parse().unwrap()),
        port: None,
        server: None,
        sni: Some("API.example.com"),
        offer: Some(Offer::from(&PartialOffer {
            agreed_version: Some(Version::TLSV1),
            agreed_suite: Some(0xc013),
            ..PartialOffer::default()
        })),
        negotiated: Some(Negotiated {
            version: Version::TLSV1,
            cipher: "ECDHE-RSA-AES128-SHA",
            group: None,
            alpn: None,
            resumed: false,
        }),
        shown,
        user_agent: Some(user_agent),
        outcome: Outcome::Terminated,
        connections: 3,
        requests: 7,
    }
}

#[test]
fn evidence_counts_as_what_it_is_and_hides_what_must_be_hidden() {
    let directory = tempfile::tempdir().unwrap();
    let secret = Secret::open(directory.path()).unwrap();
    let path = directory.path().join(ledger::FILE);
    let settings: AccountSettings =
        toml::from_str(r#"sources = ["header:X-Api-Key", "basic"]"#).unwrap();
    let rules = Rules {
        account: &settings,
        privacy: Privacy {
            addresses: Addresses::Truncated,
        },
        visitors: &[],
    };
    let now = at("2016-10-03T00:00:00Z");
    let importer = Importer::open(&path, &LedgerSettings::default(), now).unwrap();
    let mut recorder = Recorder::new(importer, rules, &secret).unwrap();
    let source: Arc<str> = "access.log".into();
    let key = "a-key-that-must-not-be-kept";
    let headers = [("x-api-key", key)];
    let by_key = Shown {
        headers: &headers,
        ..Shown::default()
    };
    let by_user = Shown {
        basic_user: Some("acme"),
        ..Shown::default()
    };
    let java = "Java/1.6.0_45";
    recorder.record(&evidence(&source, by_key, java)).unwrap();
    recorder.record(&evidence(&source, by_user, java)).unwrap();
    recorder
        .record(&evidence(&source, by_user, "Googlebot/2.1"))
        .unwrap();
    recorder.into_importer().finish().unwrap();

    let reader = Reader::open(&path).unwrap();
    let groups = reader.groups(Range::default()).unwrap();
    let known = |group: &ledger::Group| match &group.who {
        Who::Known(id) => id.to_string(),
        other => panic!("{other:?}"),
    };
    let mut counted: Vec<_> = groups
        .iter()
        .map(|group| (known(group), group.visitor, group.counts.connections))
        .collect();
    counted.sort();
    assert_eq!(counted.len(), 3);
    assert_eq!(counted[0], ("acme".to_owned(), Visitor::Customer, 3));
    assert_eq!(counted[1], ("acme".to_owned(), Visitor::Bot, 3));
    assert!(counted[2].0.starts_with("key:"), "{counted:?}");
    assert_eq!(groups[0].counts.requests.served, 7);
    assert_eq!(groups[0].counts.first, at("2016-10-02T10:00:00Z"));
    assert_eq!(groups[0].counts.last, at("2016-10-02T10:59:59Z"));
    assert_eq!(reader.offers().unwrap().len(), 1);

    let details = reader
        .details(Range::default(), &Who::Known("acme".into()))
        .unwrap();
    assert_eq!(details[0].address, Some("203.0.113.0".parse().unwrap()));
    assert_eq!(details[0].sni.as_deref(), Some("api.example.com"));
    assert_eq!(&*details[0].edge, "access.log");
    drop(reader);
    let stored = std::fs::read(&path).unwrap();
    assert!(!stored.windows(key.len()).any(|part| part == key.as_bytes()));
}
