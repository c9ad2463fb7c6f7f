//! What grows old becomes coarser, then goes; what is still counted stays explained.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what goes wrong in a helper of a test fails the test"
)]

mod support;

use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use ledger::{Compacted, Entry, Importer, LedgerSettings, Query, Range, Who, Writer};
use support::{ALWAYS, eventually, offer, open, served, sums, time};

const SETTINGS: LedgerSettings = LedgerSettings {
    hourly: 2,
    daily: 6,
    clients_per_day: 1000,
};

fn start() -> Timestamp {
    time("2026-03-01T00:00:00Z")
}

/// Twelve days of every hour: a daily account with one offer, and each day an account with an offer of its own.
fn twelve_days() -> impl Iterator<Item = Entry> {
    (0..12 * 24).flat_map(|hour| {
        let at = start() + SignedDuration::from_hours(hour) + SignedDuration::from_secs(61);
        let day = u32::try_from(hour / 24).unwrap();
        let mut own = served(at, &format!("of day {day}"), 2);
        own.sighting.offer = Some(offer(100 + day));
        own.sighting.user_agent = Some(format!("agent/{day}").into());
        [served(at, "daily", 1), own]
    })
}

fn fill(directory: &Path) -> PathBuf {
    let path = directory.join(ledger::FILE);
    let mut importer = Importer::open(&path, &SETTINGS, start()).unwrap();
    for entry in twelve_days() {
        importer.add(&entry).unwrap();
    }
    importer.finish().unwrap();
    path
}

/// What must hold after compaction to these settings: the newest day that is trusted is the tenth, so days 1 to 3 are
/// gone and days 4 to 7 are whole.
fn assert_compacted(path: &Path) {
    let reader = open(path);
    assert_eq!(reader.verify(|_, _| {}).unwrap(), Vec::<String>::new());
    assert_eq!(sums(&reader, ALWAYS), (9 * 48, 0, 9 * 24 * 3));
    let info = reader.info().unwrap();
    assert_eq!((info.daily_rows, info.hourly_rows), (4 * 2, 5 * 24 * 2));
    assert_eq!(info.offers, 10, "the offers of the days that are left");
    // A compacted day is whole wherever the range touches it; an hour is an hour.
    let at = |hour| Range {
        from: Some(start() + SignedDuration::from_hours(hour)),
        until: Some(start() + SignedDuration::from_hours(hour + 1)),
    };
    assert_eq!(sums(&reader, at(4 * 24 + 5)).0, 48);
    assert_eq!(sums(&reader, at(8 * 24 + 5)).0, 2);
    let details = |who: &str, range| {
        let details = reader.details(range, &Who::Known(who.into())).unwrap();
        details
            .into_iter()
            .map(|detail| detail.counts)
            .collect::<Vec<_>>()
    };
    let whole = details("of day 4", ALWAYS);
    assert_eq!(whole.len(), 1);
    assert_eq!((whole[0].connections, whole[0].requests.served), (24, 48));
    assert_eq!(whole[0].first, time("2026-03-05T00:01:01Z"));
    assert_eq!(whole[0].last, time("2026-03-05T23:01:01Z"));
    assert_eq!(details("of day 4", at(4 * 24 + 5)), whole);
    assert!(details("of day 2", ALWAYS).is_empty());
    let accounts = reader.accounts().unwrap();
    assert_eq!(accounts.len(), 10);
    let daily = accounts.iter().find(|fact| fact.id.as_ref() == "daily");
    assert_eq!(daily.unwrap().first, time("2026-03-04T00:01:01Z"));
    let seen = reader.associations(100).unwrap();
    let days: Vec<_> = seen
        .iter()
        .map(|seen| (seen.account.to_string(), seen.last))
        .collect();
    assert!(
        days.contains(&("of day 3".to_owned(), time("2026-03-04T23:01:01Z"))),
        "{days:?}"
    );
    assert_eq!(days.len(), 10);
}

#[test]
fn old_hours_become_days_and_old_days_go() {
    let directory = tempfile::tempdir().unwrap();
    let path = fill(directory.path());
    let mut steps = Vec::new();
    let compacted = ledger::compact(&path, &SETTINGS, start(), |done, all| {
        steps.push((done, all))
    });
    let expected = Compacted {
        hours: 7 * 24,
        days: 3,
    };
    assert_eq!(compacted.unwrap(), expected);
    assert_eq!(
        steps.last(),
        Some(&(171, 171)),
        "the progress that was announced is made"
    );
    assert_compacted(&path);
    let again = ledger::compact(&path, &SETTINGS, start(), |_, _| {}).unwrap();
    assert_eq!(again, Compacted::default());
}

/// A running edge does it by itself, beside what it records.
#[test]
fn a_running_writer_compacts_by_itself() {
    let directory = tempfile::tempdir().unwrap();
    let path = fill(directory.path());
    let (writer, sink, _shown) = Writer::open(&path, &SETTINGS, start()).unwrap();
    eventually("it is compacted", || {
        let info = open(&path).info().unwrap();
        (info.daily_rows, info.hourly_rows, info.offers) == (8, 240, 10)
    });
    // What comes late for a day that was compacted is in it all the same.
    let late = start() + SignedDuration::from_hours(5 * 24 + 3);
    sink.record(served(late, "daily", 5));
    support::settled(&sink);
    assert_eq!(sums(&open(&path), ALWAYS).0, 9 * 48 + 1);
    drop(sink);
    writer.close();
    ledger::compact(&path, &SETTINGS, start(), |_, _| {}).unwrap();
    let reader = open(&path);
    assert_eq!(reader.info().unwrap().hourly_rows, 240);
    assert_eq!(sums(&reader, ALWAYS).0, 9 * 48 + 1);
    assert_eq!(reader.verify(|_, _| {}).unwrap(), Vec::<String>::new());
}

/// Compaction by another process takes nothing away from under an edge that remembers what the file had.
#[test]
fn compaction_beside_a_writer_leaves_it_right() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(ledger::FILE);
    let forever = LedgerSettings::default();
    let (writer, sink, _shown) = Writer::open(&path, &forever, start()).unwrap();
    for entry in twelve_days() {
        sink.record(entry);
    }
    support::settled(&sink);
    ledger::compact(&path, &SETTINGS, start(), |_, _| {}).unwrap();
    assert_compacted(&path);
    // The keys of these were dropped with their days.
    for entry in twelve_days().take(48) {
        sink.record(entry);
    }
    support::settled(&sink);
    drop(sink);
    writer.close();
    let reader = open(&path);
    assert_eq!(sums(&reader, ALWAYS).0, 9 * 48 + 48);
    assert_eq!(reader.verify(|_, _| {}).unwrap(), Vec::<String>::new());
}
