//! The details of a few offers are those of all, without the others.
#![allow(
    clippy::unwrap_used,
    reason = "what goes wrong in a helper of a test fails the test"
)]

mod support;

use jiff::SignedDuration;
use ledger::{Detail, Entry, LedgerSettings, Query, Range, Who, Writer};
use support::{ALWAYS, offer, open, refused, served, time};

/// Two offers of one account and of nobody, over three days.
fn entries() -> Vec<Entry> {
    let start = time("2026-03-01T10:00:00Z");
    let hours = (0..72).map(|hour| start + SignedDuration::from_hours(hour));
    hours
        .flat_map(|at| {
            let mut other = served(at, "acme", 2);
            other.sighting.offer = Some(offer(0x1301));
            [
                served(at, "acme", 1),
                other,
                served(at, "globex", 5),
                refused(at),
            ]
        })
        .collect()
}

fn sorted(mut details: Vec<Detail>) -> Vec<String> {
    let mut told: Vec<String> = details.drain(..).map(|one| format!("{one:?}")).collect();
    told.sort();
    told
}

#[test]
fn a_few_offers_are_a_part_of_all() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(ledger::FILE);
    let now = time("2026-03-04T00:00:00Z");
    let (writer, sink, _shown) = Writer::open(&path, &LedgerSettings::default(), now).unwrap();
    entries().into_iter().for_each(|entry| sink.record(entry));
    drop(sink);
    writer.close();
    let reader = open(&path);
    let part = Range {
        from: Some(time("2026-03-02T05:00:00Z")),
        until: Some(time("2026-03-03T07:00:00Z")),
    };
    let old = refused(now).sighting.offer.unwrap().id();
    let new = offer(0x1301).id();
    let mut found = 0;
    for range in [ALWAYS, part] {
        for who in [
            Who::Known("acme".into()),
            Who::Known("globex".into()),
            Who::Nobody,
        ] {
            for offers in [&[][..], &[new], &[old], &[old, new]] {
                let mut all = reader.details(range, &who).unwrap();
                all.retain(|detail| detail.offer.is_some_and(|offer| offers.contains(&offer)));
                let some = reader.details_of(range, &who, offers).unwrap();
                found += some.len();
                assert_eq!(sorted(some), sorted(all), "{who:?} {offers:?}");
            }
        }
    }
    assert!(found > 10, "{found}");
}
