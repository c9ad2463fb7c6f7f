//! What only the store itself can be asked.

use jiff::Timestamp;
use rusqlite::Connection;

use super::{Delay, Store, schema};
use crate::rollup::{Adder, Batch};
use crate::tests::entry;
use crate::{LedgerSettings, Query, Range, Reader};

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
