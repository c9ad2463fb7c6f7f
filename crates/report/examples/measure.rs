//! How long each format of a report takes where every account of a big ledger breaks, and a replay of the same.
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

use advice::Knowledge;
use floor::config::PlanTables;
use floor::{Floor, Plan};
use jiff::{SignedDuration, Timestamp};
use ledger::{Query, Reader};
use report::replay::{self, Draft, Replaying};
use report::simulate::{self, Trial};
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
    replays(&ledger, &name, now);
    let floor = Floor::named(&name).unwrap();
    let watch = Instant::now();
    let clients: Vec<_> = Knowledge::known_clients().iter().collect();
    let simulation = simulate::simulate(Trial::Floor(floor), &name, &clients, "https://api/ssl/");
    let made = watch.elapsed();
    let length = simulate::svg(&simulation).len();
    println!(
        "| simulate, {} clients, picture | {:.3} | {:.3} | {length} |",
        clients.len(),
        made.as_secs_f64(),
        watch.elapsed().as_secs_f64()
    );
}

/// A floor that refused all the time, and a plan whose brownout windows cut every hour in two.
fn replays(ledger: &Reader, name: &str, now: Timestamp) {
    let seen = ledger.groups(ledger::Range::default()).unwrap();
    let first = seen.iter().map(|group| group.counts.first).min().unwrap();
    let last = seen.iter().map(|group| group.counts.last).max().unwrap();
    let sunset = format!("[[sunset]]\nname = \"old\"\nfloor = \"{name}\"\nobserve = \"{first}\"\n");
    let middle = first + SignedDuration::from_secs(last.duration_since(first).as_secs() / 2);
    let refused = format!("{sunset}refuse = \"{first}\"\n");
    let windows = format!(
        "{sunset}warn = \"{first}\"\nrefuse = \"{last}\"\n[[sunset.brownout]]\nfrom = \"{middle}\"\nto = \"{last}\"\n\
         length = \"10m\"\nevery = \"1h\"\noffset = \"7m\"\nas = \"explain\"\n"
    );
    for (what, text) in [
        ("replay, a floor that refuses all the time", refused),
        (
            "replay, windows of ten minutes in each hour of half the time",
            windows,
        ),
    ] {
        let tables: PlanTables = toml::from_str(&text).unwrap();
        let plan = tables.build([0; 16]).unwrap();
        let replaying = Replaying {
            draft: Draft {
                name: "draft",
                plan: &plan,
            },
            against: None,
            recorded: None,
            shift: SignedDuration::ZERO,
        };
        let watch = Instant::now();
        let made = replay::replay(ledger, &replaying, now, &Options::default()).unwrap();
        let replayed = watch.elapsed();
        let mut out = Vec::new();
        format::json(&made, &mut out).unwrap();
        println!(
            "| {what} ({} accounts turned away) | {:.3} | {:.3} | {} |",
            made.plan.accounts.turned_away,
            replayed.as_secs_f64(),
            watch.elapsed().as_secs_f64(),
            out.len()
        );
    }
}
