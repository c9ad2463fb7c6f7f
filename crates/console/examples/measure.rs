//! What the console costs over a ledger of 100,000 accounts and 90 days of hourly rows.
//!
//! `cargo run --release -p sundown-console --example measure -- [DIRECTORY] [ACCOUNTS]` fills a ledger in DIRECTORY (kept, and
//! used again) and asks every page; the figures are in `bench/CONSOLE.md`.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "the figures are what it is for, and what goes wrong ends it"
)]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use console::{Access, Console, ConsoleSettings, InForce, Ingredients, Source, router};
use floor::config::PlanTables;
use http::{Request, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use ledger::{
    Account, Entry, Importer, LedgerSettings, Negotiated, Outcome, Requests, Sighting, Visitor,
};
use tower::ServiceExt;

const DAYS: i64 = 90;
const PLAN: &str = r#"
    [[sunset]]
    name = "TLS 1.0 and 1.1"
    floor = "tls1.2"
    observe = "2026-01-01"
    warn = "2026-02-01"
    refuse = "2026-06-01"
    [[sunset]]
    name = "Key exchange without ML-KEM"
    floor = "pq"
    observe = "2026-01-01"
    refuse = "2027-06-01"
"#;

struct Fixed(Arc<InForce>);

impl Source for Fixed {
    fn in_force(&self) -> Arc<InForce> {
        self.0.clone()
    }

    fn draft(&self, text: &str, share_key: [u8; 16]) -> Result<floor::Plan, Vec<floor::Problem>> {
        toml::from_str::<PlanTables>(text).unwrap().build(share_key)
    }
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let directory = PathBuf::from(arguments.next().unwrap_or_else(|| ".".to_owned()));
    let accounts: usize = arguments
        .next()
        .map_or(100_000, |count| count.parse().unwrap());
    let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let path = directory.join(ledger::FILE);
    if !path.exists() {
        let watch = Instant::now();
        let rows = fill(&path, accounts, start);
        println!(
            "| made {rows} hourly rows of {accounts} accounts, s | {:.1} |",
            watch.elapsed().as_secs_f64()
        );
    }
    println!(
        "| file, MiB | {} |",
        std::fs::metadata(&path).unwrap().len() >> 20
    );
    let now = start + SignedDuration::from_hours(24 * DAYS - 4);
    let tables: PlanTables = toml::from_str(PLAN).unwrap();
    let in_force = InForce {
        plan: tables.build([0; 16]).unwrap(),
        name: "sundown.toml".to_owned(),
        text: PLAN.to_owned(),
        check_path: "/ssl/".to_owned(),
        problem: None,
        generation: 1,
    };
    let address: SocketAddr = "127.0.0.1:8444".parse().unwrap();
    let in_force = Arc::new(in_force);
    let start = || {
        router(Console::new(Ingredients {
            data_dir: directory.clone(),
            source: Arc::new(Fixed(in_force.clone())),
            access: Access::new(&ConsoleSettings::default(), address, &directory).unwrap(),
            clock: Box::new(move || now),
            real_clock: Box::new(move || now),
            marked: None,
        }))
    };
    std::fs::remove_file(directory.join(ledger::standings::STANDINGS)).ok();
    let console = start();
    let watch = Instant::now();
    // A page waits for the first picture for two minutes at most.
    while ask(&console, "/").await != StatusCode::OK {}
    println!(
        "| the first page of all, which waits for the first picture, ms | {:.0} |",
        watch.elapsed().as_secs_f64() * 1000.0
    );
    drop(console);
    // What made the picture lets go of its file a moment after the picture is shown.
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    let console = start();
    println!(
        "| the first page after a restart, while a new picture is made, ms | {:.1} |",
        timed(&console, "/").await
    );
    for (what, path) in [
        ("accounts, first page", "/accounts"),
        ("search", "/accounts?show=all&q=9999"),
    ] {
        println!(
            "| {what}, at once after that, ms | {:.1} |",
            timed(&console, path).await
        );
    }
    // The picture that is being made is done, and nothing else is measured beside it.
    tokio::time::sleep(std::time::Duration::from_secs(30)).await;
    for (what, path) in [
        ("overview", "/"),
        ("accounts, first page", "/accounts"),
        ("accounts, all", "/accounts?show=all"),
        (
            "accounts, far into the list",
            "/accounts?show=all&after=90000",
        ),
        ("accounts, by id", "/accounts?show=all&sort=account"),
        ("accounts, by requests", "/accounts?show=all&sort=requests"),
        (
            "accounts of a program",
            "/accounts?show=all&program=openssl",
        ),
        ("accounts of an owner", "/accounts?show=all&owner=dana"),
        (
            "accounts of a floor that most miss",
            "/accounts?sunset=1&lacks=groups",
        ),
        ("all accounts as CSV", "/accounts.csv?show=all"),
        ("search", "/accounts?show=all&q=9999"),
        ("search that finds nothing", "/accounts?show=all&q=nobody"),
        ("one account", "/account?id=account-77"),
        ("plan", "/plan"),
        ("metrics", "/metrics"),
        ("overview as data", "/api/v1/overview"),
        ("clients", "/clients"),
    ] {
        timed(&console, path).await;
        let mut times = Vec::new();
        for _ in 0..7 {
            times.push(timed(&console, path).await);
        }
        times.sort_by(f64::total_cmp);
        println!(
            "| {what}, ms (median of 7) | {:.1} |",
            times.get(3).copied().unwrap_or_default()
        );
    }
    for (what, most) in [("50 accounts each", Some(50)), ("all", None)] {
        let options = report::Options {
            since: Some(now - SignedDuration::from_hours(24 * 30)),
            most,
            ..report::Options::default()
        };
        let watch = Instant::now();
        let reader = ledger::people::Marked::open(&directory).unwrap();
        let made = report::report(&reader, &in_force.plan, now, &options).unwrap();
        println!(
            "| a report of 30 days, {what}, {} rows, s | {:.2} |",
            made.sunsets
                .iter()
                .map(|sunset| sunset.breaking.len())
                .sum::<usize>(),
            watch.elapsed().as_secs_f64()
        );
    }
}

async fn timed(console: &Router, path: &str) -> f64 {
    let watch = Instant::now();
    let status = ask(console, path).await;
    assert!(status.is_success(), "{path}: {status}");
    watch.elapsed().as_secs_f64() * 1000.0
}

async fn ask(console: &Router, path: &str) -> StatusCode {
    let mut request = Request::builder()
        .uri(path)
        .header(header::HOST, "localhost")
        .body(Body::empty())
        .unwrap();
    let peer: SocketAddr = "127.0.0.1:1".parse().unwrap();
    request.extensions_mut().insert(ConnectInfo(peer));
    let response = console.clone().oneshot(request).await.unwrap();
    let status = response.status();
    axum::body::to_bytes(response.into_body(), usize::MAX)
        .await
        .unwrap();
    status
}

/// A row of each account on each day, in an hour of its own; three in a hundred run something old, and half of these are
/// fixed on the way.
fn fill(path: &Path, accounts: usize, start: Timestamp) -> usize {
    let offer = |name: &str| {
        let mut known = advice::Knowledge::known_clients().iter();
        known
            .find(|client| client.name == name)
            .unwrap()
            .offer
            .clone()
    };
    let offers = [
        "OpenSSL 0.9.8y",
        "OpenSSL 3.0.15 (Debian)",
        "OpenSSL 3.5.0 (git)",
        "Java 17.0.3/21.0.6 (OpenJDK)",
        "go 1.17.8",
    ]
    .map(offer);
    let mut importer = Importer::open(
        path,
        &LedgerSettings {
            clients_per_day: 1_000_000,
            ..LedgerSettings::default()
        },
        start,
    )
    .unwrap();
    let mut rows = 0;
    let mut entries: Vec<Entry> = (0..accounts)
        .map(|number| entry(number, start, offers.get(1 + number % 4).unwrap()))
        .collect();
    for day in 0..DAYS {
        for hour in 0..24 {
            let at = start + SignedDuration::from_hours(24 * day + hour);
            for (number, entry) in entries
                .iter_mut()
                .enumerate()
                .skip(hour as usize)
                .step_by(24)
            {
                let is_old = number % 33 == 0 && (number % 66 == 0 || day < (number % 90) as i64);
                let which = if is_old { 0 } else { 1 + number % 4 };
                entry.sighting.offer = offers.get(which).cloned();
                entry.at = at + SignedDuration::from_secs((number % 3600) as i64);
                importer.add(entry).unwrap();
                rows += 1;
            }
        }
    }
    importer.finish().unwrap();
    rows
}

fn entry(number: usize, at: Timestamp, offer: &hello::Offer) -> Entry {
    let [_, high, middle, low] = (number as u32).to_be_bytes();
    let sighting = Sighting {
        at,
        duration_ms: 10,
        edge: "0.0.0.0:443".into(),
        address: Some([10, high, middle, low].into()),
        sni: Some("api.example.com".into()),
        offered: Some(offer.max_version()),
        offer: Some(offer.clone()),
        negotiated: Some(Negotiated {
            version: offer.max_version(),
            cipher: "ECDHE-RSA-AES128-GCM-SHA256",
            group: Some("secp256r1"),
            alpn: None,
            resumed: false,
        }),
        account: Some(Account::Known(format!("account-{number}").into())),
        visitor: Visitor::Customer,
        user_agent: Some(format!("client/{}.{}", number % 40, number % 7).into()),
        judged: None,
        outcome: Outcome::Terminated,
        requests: Requests::default(),
    };
    Entry {
        at,
        connections: 1,
        requests: Requests {
            served: 1 + (number % 50) as u64,
            ..Requests::default()
        },
        is_last: true,
        sighting,
    }
}
