//! What only the store itself can be asked.

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};
use rusqlite::Connection;

use super::known::Known;
use super::{Delay, Store, schema};
use crate::rollup::{Adder, Batch};
use crate::tests::entry;
use crate::{Account, LedgerSettings, Query, Range, Reader};

fn now() -> Timestamp {
    "2026-03-01T00:00:00Z".parse().unwrap()
}

/// A file of the first format, as that format's program left it: two hours of one key and one of another, a day later.
const FIRST_FORMAT: &str = "
    INSERT INTO text VALUES (1, '0.0.0.0:443'), (2, 'refuse'), (3, 'refused');
    INSERT INTO who VALUES (1, 1, '[\"acme\"]');
    INSERT INTO client VALUES (1, 1, 0, 0, 0), (2, 1, 2, 0, 0);
    INSERT INTO key (id, digest, day, client, edge, action, preview, outcome) VALUES
        (1, x'00112233445566778899aabbccddeeff', 20513, 1, 1, 2, 0, 3),
        (2, x'ffeeddccbbaa99887766554433221100', 20514, 2, 1, 2, 0, 3);
    INSERT INTO hourly VALUES
        (492312, 1, 5, 5, 0, 0, 0, 0, 10, 3599, NULL),
        (492335, 1, 2, 2, 0, 0, 0, 0, 0, 0, NULL),
        (492336, 2, 1, 0, 9, 0, 0, 0, 1800, 1800, NULL);
    INSERT INTO gap (first, last, reason, connections) VALUES (1772326800, 1772326801, 'not stopped properly', 0);";

#[test]
fn a_file_of_the_first_format_becomes_one_of_the_newest() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(super::FILE);
    let mut connection = Connection::open(&path).unwrap();
    schema::make_format(&mut connection, 1);
    connection.execute_batch(FIRST_FORMAT).unwrap();
    drop(connection);
    let error = Reader::open(&path).unwrap_err().to_string();
    assert!(
        error.contains("older") && error.contains("sundown ledger compact"),
        "{error}"
    );

    let settings = LedgerSettings::default();
    Store::open(&path, &settings, now())
        .unwrap()
        .finish()
        .unwrap();
    let reader = Reader::open(&path).unwrap();
    let mut groups = reader.groups(Range::default()).unwrap();
    groups.sort_by_key(|group| group.visitor);
    let told: Vec<_> = groups
        .iter()
        .map(|group| {
            let counts = group.counts;
            (counts.connections, counts.refused, counts.requests.served)
        })
        .collect();
    assert_eq!(told, [(7, 7, 0), (1, 0, 9)]);
    assert_eq!(
        groups[0].counts.first,
        "2026-03-01T00:00:10Z".parse().unwrap()
    );
    assert_eq!(
        groups[0].counts.last,
        "2026-03-01T23:00:00Z".parse().unwrap()
    );
    assert_eq!(reader.gaps(Range::default()).unwrap().len(), 1);
    // Its keys were made up, so their digests are not theirs; all else adds up.
    let problems = reader.verify(|_, _| {}).unwrap();
    assert!(
        problems.iter().all(|problem| problem.contains("digest")),
        "{problems:?}"
    );
}

/// A commit that reported a failure may have happened. Whoever asks the file first does it once.
#[test]
fn the_file_says_which_batch_it_holds() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(super::FILE);
    let mut store = Store::open(&path, &LedgerSettings::default(), now()).unwrap();
    let mut batch = Batch::new(10);
    Adder::default().add(&mut batch, &entry());
    assert_eq!(store.reopen().unwrap(), 0);
    store.commit(1, &batch, Delay::default()).unwrap();
    assert_eq!(store.reopen().unwrap(), 1);
    // A failed transaction leaves neither rows nor ids behind.
    store
        .connection
        .pragma_update(None, "query_only", true)
        .unwrap();
    assert!(store.commit(2, &batch, Delay::default()).is_err());
    assert_eq!(store.reopen().unwrap(), 1);
    store.commit(2, &batch, Delay::default()).unwrap();
    assert_eq!(store.reopen().unwrap(), 2);
    store.finish().unwrap();
    let groups = Reader::open(&path)
        .unwrap()
        .groups(Range::default())
        .unwrap();
    assert_eq!(groups[0].counts.connections, 2);
}

/// Both may write while one takes over from the other, and the one that is killed is noted by whoever comes alone.
#[test]
fn two_writers_at_once_count_once_each() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(super::FILE);
    let settings = LedgerSettings::default();
    let mut old = Store::open(&path, &settings, now()).unwrap();
    let mut new = Store::open(&path, &settings, now()).unwrap();
    let mut batch = Batch::new(10);
    Adder::default().add(&mut batch, &entry());
    for number in 1..=3 {
        old.commit(number, &batch, Delay::default()).unwrap();
        new.commit(number, &batch, Delay::default()).unwrap();
    }
    // As a kill leaves it: nothing is said to the file.
    drop(old);
    new.finish().unwrap();
    let reader = Reader::open(&path).unwrap();
    assert_eq!(reader.info().unwrap().connections, 6);
    assert_eq!(reader.verify(|_, _| {}).unwrap(), Vec::<String>::new());
    assert!(reader.gaps(Range::default()).unwrap().is_empty());
    Store::open(&path, &settings, now())
        .unwrap()
        .finish()
        .unwrap();
    assert_eq!(reader.gaps(Range::default()).unwrap().len(), 1);
}

/// As many entries, each with a name and an account of its own; each third was known before.
fn many(from: u32, day: i64) -> Vec<crate::Entry> {
    (from..from + 900)
        .map(|number| {
            let number = if number % 3 == 0 { number / 9 } else { number };
            let mut entry = entry();
            entry.at = now() + SignedDuration::from_hours(24 * day);
            entry.sighting.sni = Some(format!("{number}.example").into());
            entry.sighting.account = Some(Account::Known(format!("account {number}").into()));
            entry
        })
        .collect()
}

/// Whatever is remembered, and whoever writes beside it, every key is in the file once and nothing points at what is not.
#[test]
fn what_waits_to_be_written_is_never_forgotten() {
    for (most_keys, most_others) in [(usize::MAX, usize::MAX), (700, 90), (3, 2)] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(super::FILE);
        let settings = LedgerSettings::default();
        let mut store = Store::open(&path, &settings, now()).unwrap();
        store.spare_memory().unwrap();
        store.known = Known::bounded(most_keys, most_others);
        let mut beside = Store::open(&path, &settings, now()).unwrap();
        let mut names = HashSet::new();
        for (number, from) in (1..).zip([0, 450, 900, 1350]) {
            let mut batch = Batch::new(100_000);
            // The later day comes first or last, as the table has it.
            for day in [0, 1] {
                for entry in many(from, day) {
                    names.insert(entry.sighting.sni.clone());
                    Adder::default().add(&mut batch, &entry);
                }
            }
            store.commit(number, &batch, Delay::default()).unwrap();
            if number == 2 {
                let mut batch = Batch::new(100_000);
                for entry in many(5_000, 1) {
                    names.insert(entry.sighting.sni.clone());
                    Adder::default().add(&mut batch, &entry);
                }
                beside.commit(1, &batch, Delay::default()).unwrap();
            }
        }
        store.finish().unwrap();
        beside.finish().unwrap();
        let reader = Reader::open(&path).unwrap();
        assert_eq!(reader.info().unwrap().connections, 9 * 900);
        assert_eq!(reader.verify(|_, _| {}).unwrap(), Vec::<String>::new());
        let count = |table: &str| -> usize {
            let text = format!("SELECT count(*) FROM {table}");
            let connection = Connection::open(&path).unwrap();
            connection.query_row(&text, (), |row| row.get(0)).unwrap()
        };
        assert_eq!(
            ["key", "who", "client"].map(count),
            [names.len(); 3],
            "{most_keys}"
        );
    }
}
