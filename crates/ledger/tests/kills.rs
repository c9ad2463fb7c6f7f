//! Two hundred kills at random moments: what was committed stays, nothing counts twice, each is noted.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what goes wrong in a helper of a test fails the test"
)]

mod support;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use ledger::{LedgerSettings, Query, Writer};
use support::{ALWAYS, open, served, sums, time};

/// Where the child keeps its ledger: the variable makes a run of this test binary the child.
const CHILD: &str = "SUNDOWN_TEST_LEDGER";

/// Records one connection after the other until it is killed, and says before each which it is.
#[test]
fn child() {
    let Ok(path) = std::env::var(CHILD) else {
        return;
    };
    let start = time("2026-03-01T00:00:00Z");
    let (_writer, sink, _shown) =
        Writer::open(Path::new(&path), &LedgerSettings::default(), start).unwrap();
    let mut out = std::io::stdout().lock();
    for turn in 1_i64.. {
        writeln!(out, "recorded {turn}").unwrap();
        out.flush().unwrap();
        let at = start + SignedDuration::from_secs(turn);
        sink.record(served(at, &format!("account {}", turn % 100), 1));
        thread::sleep(Duration::from_millis(1));
    }
}

/// Runs a child for this long, kills it, and gives how many it recorded by when: each time it said so.
fn run_and_kill(path: &Path, life: Duration) -> Vec<Instant> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture"])
        .env(CHILD, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    let reading = thread::spawn(move || {
        let lines = out.lines().map_while(Result::ok);
        lines
            .filter(|line| line.contains("recorded "))
            .map(|_| Instant::now())
            .collect::<Vec<_>>()
    });
    thread::sleep(life);
    child.kill().unwrap();
    child.wait().unwrap();
    reading.join().unwrap()
}

#[test]
fn two_hundred_kills_lose_a_second_each_at_most_and_count_nothing_twice() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(ledger::FILE);
    let (mut stored, mut losses) = (0, Vec::new());
    // Any sequence does; it is the same on every run, the moments are not.
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    for kill in 0..200 {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        // Most die young, in the middle of opening or of the first commits; one in twenty lives on.
        let life = if kill % 20 == 19 {
            1200 + random % 800
        } else {
            random % 200
        };
        let recorded = run_and_kill(&path, Duration::from_millis(life));
        if !path.exists() {
            continue;
        }
        let killed = Instant::now();
        // A reader alone recovers what the log holds; a file that was not finished yet has no rows.
        let Ok(reader) = ledger::Reader::open(&path) else {
            continue;
        };
        let now = sums(&reader, ALWAYS).0;
        let added = now.checked_sub(stored).expect("what was committed stays");
        assert!(
            added <= recorded.len() as u64,
            "{added} stored of {} recorded",
            recorded.len()
        );
        if kill % 20 == 19 {
            let first_lost = recorded.get(usize::try_from(added).unwrap());
            losses.push(first_lost.map_or(Duration::ZERO, |lost| killed - *lost));
            assert_eq!(reader.verify(|_, _| {}).unwrap(), Vec::<String>::new());
        }
        stored = now;
    }
    losses.sort_unstable();
    // A loaded machine can hold any one of them up.
    assert!(
        losses[losses.len() / 2] <= Duration::from_secs(1),
        "{losses:?}"
    );
    let start = time("2026-03-01T00:00:00Z");
    let settings = LedgerSettings::default();
    let (writer, sink, _shown) = Writer::open(&path, &settings, start).unwrap();
    drop(sink);
    writer.close();
    let reader = open(&path);
    assert_eq!(sums(&reader, ALWAYS).0, stored);
    assert!(stored > 1000, "{stored}");
    let gaps = reader.gaps(ALWAYS).unwrap();
    assert!((100..=200).contains(&gaps.len()), "{}", gaps.len());
    for gap in gaps {
        assert_eq!(gap.reason.as_ref(), "not stopped properly");
        let length = gap.until.unwrap().duration_since(gap.from);
        assert!(length <= SignedDuration::from_secs(1), "{length:?}");
    }
    assert_eq!(
        reader.info().unwrap().set_aside.len(),
        0,
        "a kill damages nothing"
    );
}
