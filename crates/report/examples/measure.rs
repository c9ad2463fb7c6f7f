//! How long each format of a report takes where every account of a big ledger breaks.
//!
//! `cargo run --release -p sundown-report --example measure -- LEDGER.sqlite [FLOOR]`, on a ledger that the ledger's own
//! bench filled; the figures are in `bench/LEDGER.md`.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "the figures are what it is for, and what goes wrong ends it"
)]

use std::io::Write;
use std::time::Instant;

use floor::{Floor, Plan};
use jiff::Timestamp;
use ledger::Reader;
use report::{Options, format};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().unwrap();
    let name = arguments.next().unwrap_or_else(|| "tls1.2".to_owned());
    let ledger = Reader::open(path.as_ref()).unwrap();
    let now: Timestamp = "2027-01-01T00:00:00Z".parse().unwrap();
    let plan = Plan::default();
    let all = |most, days| Options {
        floor: Some(Floor::named(&name).unwrap().clone()),
        most,
        days,
        ..Options::default()
    };
    for (what, most, days) in [
        ("text, 50 accounts", Some(50), false),
        ("html, 50 accounts", Some(50), true),
        ("csv, all", None, false),
        ("json, all", None, true),
    ] {
        let watch = Instant::now();
        let report = report::report(&ledger, &plan, now, &all(most, days)).unwrap();
        let made = watch.elapsed();
        let mut out = Vec::new();
        match what.split(',').next() {
            Some("text") => format::terminal(&report, 120, &mut out).unwrap(),
            Some("html") => out.write_all(format::html(&report).as_bytes()).unwrap(),
            Some("csv") => format::csv(&report, &mut out).unwrap(),
            _ => format::json(&report, &mut out).unwrap(),
        }
        println!(
            "| {what} | {:.3} | {:.3} | {} |",
            made.as_secs_f64(),
            watch.elapsed().as_secs_f64(),
            out.len()
        );
    }
}
