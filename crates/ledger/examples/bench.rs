//! Fills a ledger with ten million roll-up rows and measures what it costs and how long questions take.
//!
//! `cargo run --release -p sundown-ledger --example bench -- [ROWS] [DIRECTORY]`; the figures are in `bench/LEDGER.md`.

#![allow(
    clippy::unwrap_used,
    reason = "what goes wrong in a bench ends the bench"
)]

use std::path::Path;
use std::time::{Duration, Instant};

use hello::Offer;
use jiff::{SignedDuration, Timestamp};
use ledger::{
    Account, Entry, Importer, Judged, LedgerSettings, Negotiated, Outcome, Query, Range, Reader,
    Requests, Sighting, Visitor, Who,
};

/// 35 days of hours, as long as the default keeps them.
const HOURS: i64 = 35 * 24;
/// Customers.
const ACCOUNTS: usize = 5_000;
/// Combinations of account, address, offer and User-Agent: eight for each account.
const KEYS: usize = 40_000;
/// Different offers: what a few months of a public API bring.
const OFFERS: usize = 600;
/// Rows of one transaction. An edge commits twice a second; a quarter of a second at full speed.
const COMMIT: usize = 60_000;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let rows: usize = arguments
        .next()
        .map_or(10_000_000, |rows| rows.parse().unwrap());
    let directory = arguments.next().unwrap_or_else(|| ".".to_owned());
    let place = tempfile::tempdir_in(directory).unwrap();
    let path = place.path().join(ledger::FILE);
    let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    fill(&path, rows, start);
    ask(&path, start);
    compact(&path, start);
}

fn fill(path: &Path, rows: usize, start: Timestamp) {
    let entries: Vec<Entry> = (0..KEYS).map(|key| entry(key, start)).collect();
    let per_hour = rows / HOURS as usize;
    let mut importer = Importer::open(path, &LedgerSettings::default(), start).unwrap();
    let (mut written, mut waiting) = (0, 0);
    let (mut adding, mut committing) = (Took::default(), Took::default());
    for hour in 0..HOURS {
        for turn in 0..per_hour {
            // Other keys in every hour, in no order.
            let key = (turn * 7919 + hour as usize * 104_729) % KEYS;
            let mut entry = entries.get(key).unwrap().clone();
            entry.at = start
                + SignedDuration::from_hours(hour)
                + SignedDuration::from_secs((turn % 3600) as i64);
            let watch = Watch::start();
            importer.add(&entry).unwrap();
            adding += watch.stop();
            waiting += 1;
            if waiting == COMMIT {
                let watch = Watch::start();
                written += importer.commit().unwrap();
                committing += watch.stop();
                waiting = 0;
            }
        }
    }
    let watch = Watch::start();
    written += importer.commit().unwrap();
    importer.finish().unwrap();
    committing += watch.stop();
    let rate = |time: Duration| format!("{:.0}", written as f64 / time.as_secs_f64());
    say("rows", &written.to_string(), "");
    say("add up, entries/s", &rate(adding.cpu), &rate(adding.wall));
    say(
        "store, rows/s",
        &rate(committing.cpu),
        &rate(committing.wall),
    );
}

fn ask(path: &Path, start: Timestamp) {
    let reader = Reader::open(path).unwrap();
    let each = reader.info().unwrap().bytes_per_row.unwrap();
    say("file, MiB", &mebibytes(&reader), "");
    say("bytes a row", &format!("{each:.1}"), "");
    let always = Range::default();
    let week = Range {
        from: Some(start + SignedDuration::from_hours(27 * 24 + 9)),
        until: Some(start + SignedDuration::from_hours(34 * 24 + 15)),
    };
    timed("groups, all time", || reader.groups(always).unwrap().len());
    timed("groups, a week and parts of two days", || {
        reader.groups(week).unwrap().len()
    });
    timed("accounts", || reader.accounts().unwrap().len());
    timed("associations, 100,000 at most", || {
        reader.associations(100_000).unwrap().len()
    });
    timed("details of one account", || {
        reader
            .details(always, &Who::Known("account-17".into()))
            .unwrap()
            .len()
    });
    timed("offers", || reader.offers().unwrap().len());
    timed("verify", || reader.verify(|_, _| {}).unwrap().len());
    let plain = rusqlite::Connection::open(path).unwrap();
    let count = |sql: &str| {
        let mut statement = plain.prepare(sql).unwrap();
        let mut rows = statement.query(()).unwrap();
        let mut count = 0;
        while rows.next().unwrap().is_some() {
            count += 1;
        }
        count
    };
    timed("plain SQL: by account and offer over the rows", || {
        count(
            "SELECT who, visitor, offer, sum(connections), sum(refused), sum(served), sum(warned), sum(explained), \
             sum(answered), min(hour * 3600 + first), max(hour * 3600 + last) FROM hourly \
             JOIN key ON key.id = hourly.key JOIN client ON client.id = key.client GROUP BY 1, 2, 3",
        )
    });
    timed("plain SQL: by key over the rows", || {
        count("SELECT key, sum(connections), sum(served) FROM hourly GROUP BY key")
    });
}

fn compact(path: &Path, start: Timestamp) {
    let settings = LedgerSettings {
        hourly: 2,
        ..LedgerSettings::default()
    };
    let watch = Watch::start();
    let compacted = ledger::compact(path, &settings, start, |_, _| {}).unwrap();
    let took = watch.stop();
    say(
        &format!(
            "compact {} hours and give the room back, s",
            compacted.hours
        ),
        &seconds(took.cpu),
        &seconds(took.wall),
    );
    let reader = Reader::open(path).unwrap();
    say("file after that, MiB", &mebibytes(&reader), "");
    timed("groups, all time, after that", || {
        reader.groups(Range::default()).unwrap().len()
    });
}

fn mebibytes(reader: &Reader) -> String {
    let info = reader.info().unwrap();
    format!("{:.0}", info.bytes as f64 / f64::from(1 << 20))
}

/// Time of this thread on a processor, and on the wall.
#[derive(Clone, Copy, Default)]
struct Took {
    cpu: Duration,
    wall: Duration,
}

impl std::ops::AddAssign for Took {
    fn add_assign(&mut self, more: Self) {
        self.cpu += more.cpu;
        self.wall += more.wall;
    }
}

struct Watch {
    cpu: Duration,
    wall: Instant,
}

impl Watch {
    fn start() -> Self {
        Self {
            cpu: cpu(),
            wall: Instant::now(),
        }
    }

    fn stop(self) -> Took {
        Took {
            cpu: cpu() - self.cpu,
            wall: self.wall.elapsed(),
        }
    }
}

fn cpu() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

fn seconds(time: Duration) -> String {
    format!("{:.3}", time.as_secs_f64())
}

fn timed(what: &str, mut work: impl FnMut() -> usize) {
    // The second time: the file is in the page cache then, for every question alike.
    work();
    let watch = Watch::start();
    let count = work();
    let took = watch.stop();
    say(
        &format!("{what}, s ({count} found)"),
        &seconds(took.cpu),
        &seconds(took.wall),
    );
}

#[expect(clippy::print_stdout, reason = "the figures are what it is for")]
fn say(what: &str, cpu: &str, wall: &str) {
    println!("| {what} | {cpu} | {wall} |");
}

fn entry(key: usize, at: Timestamp) -> Entry {
    let account = key % ACCOUNTS;
    let suites: Vec<u8> = (0..16)
        .flat_map(|turn| ((key % OFFERS) as u16 * 16 + turn).to_be_bytes())
        .collect();
    let sighting = Sighting {
        at,
        duration_ms: 10,
        edge: "0.0.0.0:443".into(),
        address: Some([10, (key >> 16) as u8, (key >> 8) as u8, key as u8].into()),
        sni: Some("api.example.com".into()),
        offer: Some(offer(&suites)),
        offered: Some(hello::Version::TLSV1_2),
        negotiated: Some(Negotiated {
            version: hello::Version::TLSV1_2,
            cipher: "ECDHE-RSA-AES128-GCM-SHA256",
            group: Some("secp256r1"),
            alpn: None,
            resumed: false,
        }),
        account: (!account.is_multiple_of(10))
            .then(|| Account::Known(format!("account-{account}").into())),
        visitor: Visitor::Customer,
        user_agent: Some(format!("client/{}.{}", key % 40, key % 7).into()),
        judged: Some(Judged {
            sunset: None,
            phase: None,
            action: "serve",
            window: None,
            preview: false,
        }),
        outcome: Outcome::Terminated,
        requests: Requests::default(),
    };
    Entry {
        at,
        connections: 1,
        requests: Requests {
            served: 1 + (key % 50) as u64,
            ..Requests::default()
        },
        is_last: true,
        sighting,
    }
}

/// An offer of these cipher suites, in the stored form.
fn offer(suites: &[u8]) -> Offer {
    let mut bytes = vec![1, 0, 3, 3, 0, 0];
    bytes.extend_from_slice(&(suites.len() as u16).to_be_bytes());
    bytes.extend_from_slice(suites);
    bytes.extend_from_slice(&[0; 20]);
    Offer::from_bytes(&bytes).unwrap()
}
