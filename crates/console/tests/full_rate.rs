//! A ledger that is written at full rate meanwhile.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected is to fail"
)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use console::ConsoleSettings;
use http::StatusCode;
use jiff::SignedDuration;
use ledger::LedgerSettings;
use support::{ask, at, console, entry, fill, some};

#[tokio::test(flavor = "multi_thread")]
async fn pages_answer_while_an_edge_writes() {
    let directory = tempfile::tempdir().unwrap();
    fill(directory.path(), some());
    let stop = Arc::new(AtomicBool::new(false));
    let path = directory.path().join(ledger::FILE);
    let (writer, sink, sightings) =
        ledger::Writer::open(&path, &LedgerSettings::default(), at(support::NOW)).unwrap();
    let (stopped, start) = (stop.clone(), at("2026-03-20T10:00:00Z"));
    let reading = std::thread::spawn(move || sightings.iter().count());
    let writing = std::thread::spawn(move || {
        let mut count = 0_i64;
        while !stopped.load(Ordering::Relaxed) {
            let when = start + SignedDuration::from_secs(count % 7_000);
            sink.record(entry(
                Some(&format!("busy-{}", count % 500)),
                count % 3 == 0,
                when,
                1,
            ));
            count += 1;
        }
        count
    });
    let router = console(
        directory.path(),
        &ConsoleSettings::default(),
        "127.0.0.1:8444",
    );
    for turn in 0..6 {
        for path in [
            "/",
            "/accounts",
            "/account?id=acme",
            "/clients",
            "/plan",
            "/metrics",
        ] {
            let answer = ask(&router, path).await;
            assert_eq!(
                answer.status,
                StatusCode::OK,
                "{turn} {path}: {}",
                answer.body
            );
        }
    }
    stop.store(true, Ordering::Relaxed);
    assert!(writing.join().unwrap() > 0);
    writer.close();
    drop(router);
    reading.join().unwrap();
}
