//! Memory stays flat whatever clients make up, and so does the file; counts stay exact.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what goes wrong in a helper of a test fails the test"
)]

mod support;

use std::time::Duration;

use jiff::SignedDuration;
use ledger::{LedgerSettings, Query, Sink, Who, Writer};
use support::{ALWAYS, offer, open, refused, served, settled, sums, time};

/// Resident memory of this process, in bytes.
fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = pages.split_whitespace().nth(1).unwrap().parse().unwrap();
    pages * rustix::param::page_size() as u64
}

/// 100,000 connections, each with a name and an offer that nobody has sent before, and now and then a customer.
fn flood(sink: &Sink, from: u32) {
    for turn in from..from + 100_000 {
        let at = time("2026-03-01T10:00:00Z") + SignedDuration::from_millis(i64::from(turn) / 100);
        let mut entry = refused(at);
        entry.sighting.sni = Some(format!("{turn:x}.{}.example", "random".repeat(20)).into());
        entry.sighting.offer = Some(offer(turn));
        sink.record(entry);
        if turn % 1000 == 0 {
            sink.record(served(at, "acme", 2));
            // As much as a machine takes in, and no more: what comes too fast is another matter.
            std::thread::sleep(Duration::from_millis(60));
        }
    }
    settled(sink);
}

#[test]
fn a_hundred_thousand_made_up_clients_fill_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(ledger::FILE);
    let settings = LedgerSettings {
        clients_per_day: 20_000,
        ..LedgerSettings::default()
    };
    let (writer, sink, shown) =
        Writer::open(&path, &settings, time("2026-03-01T10:00:00Z")).unwrap();
    let showing = std::thread::spawn(move || shown.iter().count());
    flood(&sink, 0);
    let (memory, size) = (resident(), open(&path).info().unwrap().bytes);
    flood(&sink, 100_000);
    flood(&sink, 200_000);
    let (memory_after, size_after) = (resident(), open(&path).info().unwrap().bytes);
    assert!(
        memory_after < memory + (16 << 20),
        "{memory} bytes after the first flood, {memory_after} after the third"
    );
    assert!(
        size_after < size + (4 << 20),
        "{size} bytes of file after the first flood, {size_after} after the third"
    );
    let unseen = sink.health().too_many_keys() + sink.health().too_fast();
    drop(sink);
    writer.close();
    assert_eq!(showing.join().unwrap(), 300_300);
    let reader = open(&path);
    assert_eq!(sums(&reader, ALWAYS), (300_300, 300_000, 600));
    let groups = reader.groups(ALWAYS).unwrap();
    let others = groups.iter().filter(|group| group.is_other);
    let other: u64 = others.map(|group| group.counts.connections).sum();
    assert!(other >= 280_000, "{other} without their details");
    assert!(unseen >= other);
    let gaps = reader.gaps(ALWAYS).unwrap();
    assert_eq!(gaps.iter().map(|gap| gap.connections).sum::<u64>(), other);
    let acme = reader.details(ALWAYS, &Who::Known("acme".into())).unwrap();
    assert!(
        acme.iter()
            .map(|detail| detail.counts.connections)
            .sum::<u64>()
            >= 290,
        "a customer keeps a row of his own under the flood"
    );
    assert_eq!(reader.info().unwrap().keys, 20_000 + 1 + 1);
    assert_eq!(reader.verify(|_, _| {}).unwrap(), Vec::<String>::new());
}
