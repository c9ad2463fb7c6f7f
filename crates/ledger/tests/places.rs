//! How far a log was read is in the ledger with what was counted, or not at all.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what goes wrong in a helper of a test fails the test"
)]

mod support;

use ledger::{Entry, Importer, LedgerError, LedgerSettings, Mark, Place};
use support::{ALWAYS, served, sums, time};

fn place(position: u64) -> Place {
    Place {
        id: None,
        head: Mark::of(b"the first line\n"),
        tail: Mark::of(&position.to_be_bytes()),
        position,
        server: 0x0303,
        seen: time("2026-11-25T12:00:00Z").as_second(),
        name: "access.log".to_owned(),
    }
}

fn open(path: &std::path::Path) -> Importer {
    let mut importer = Importer::open(
        path,
        &LedgerSettings::default(),
        time("2026-11-25T12:00:00Z"),
    )
    .unwrap();
    importer.gather();
    importer
}

fn entry() -> Entry {
    served(time("2026-11-25T12:00:00Z"), "acme", 1)
}

fn connections(path: &std::path::Path) -> u64 {
    sums(&support::open(path), ALWAYS).0
}

#[test]
fn what_was_counted_and_where_reading_stands_are_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.sqlite");
    let mut importer = open(&path);
    assert_eq!(importer.places().unwrap(), []);
    let mut here = place(100);
    importer.add(&entry()).unwrap();
    importer.commit_read(&mut here, 0).unwrap();
    assert!(here.id.is_some());
    assert_eq!(connections(&path), 1);
    here.position = 250;
    importer.add(&entry()).unwrap();
    importer.commit_read(&mut here, 100).unwrap();
    importer.finish().unwrap();
    let importer = open(&path);
    assert_eq!(importer.places().unwrap(), [here]);
    assert_eq!(connections(&path), 2);
}

#[test]
fn two_that_read_the_same_log_count_it_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.sqlite");
    let (mut one, mut other) = (open(&path), open(&path));
    for importer in [&mut one, &mut other] {
        importer.add(&entry()).unwrap();
    }
    let mut mine = place(100);
    one.commit_read(&mut mine, 0).unwrap();
    let theirs = other.commit_read(&mut place(100), 0);
    assert!(
        matches!(theirs, Err(LedgerError::ReadByAnother(_))),
        "{theirs:?}"
    );
    assert_eq!(connections(&path), 1);

    let mut theirs = mine.clone();
    (mine.position, theirs.position) = (200, 200);
    one.add(&entry()).unwrap();
    one.commit_read(&mut mine, 100).unwrap();
    let again = other.commit_read(&mut theirs, 100);
    assert!(
        matches!(again, Err(LedgerError::ReadByAnother(_))),
        "{again:?}"
    );
    assert_eq!(connections(&path), 2);
    assert_eq!(one.places().unwrap(), [mine]);
}
