//! Each thing that can happen to the file, done to it on purpose.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what goes wrong in a helper of a test fails the test"
)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use ledger::{
    AccountFacts, Association, Entry, Importer, LedgerError, LedgerSettings, Query, Reader, State,
    Who, Writer,
};
use support::{ALWAYS, eventually, offer, open, refused, served, settled, sums, time};

fn start() -> Timestamp {
    time("2026-03-01T00:00:00Z")
}

fn write(path: &Path) -> (Writer, ledger::Sink, ledger::Receiver) {
    Writer::open(path, &LedgerSettings::default(), start()).unwrap()
}

fn import(path: &Path, entries: impl IntoIterator<Item = Entry>) {
    let mut importer = Importer::open(path, &LedgerSettings::default(), start()).unwrap();
    for entry in entries {
        importer.add(&entry).unwrap();
    }
    importer.finish().unwrap();
}

/// Three days of fifty accounts with some offers: a few hundred pages.
fn three_days() -> impl Iterator<Item = Entry> {
    (0..72 * 50).map(|turn| {
        let account = turn % 50;
        let at =
            start() + SignedDuration::from_hours(turn / 50) + SignedDuration::from_secs(turn % 7);
        let mut entry = served(at, &format!("account {account}"), 3);
        entry.sighting.offer = Some(offer(u32::try_from(account % 9).unwrap()));
        entry.sighting.user_agent = Some(format!("client/{}", account % 4).into());
        entry
    })
}

/// Everything that can be asked.
type Answers = (
    Vec<String>,
    Vec<String>,
    Vec<AccountFacts>,
    Vec<Association>,
    usize,
);

#[track_caller]
fn answers(reader: &Reader) -> Result<Answers, LedgerError> {
    let sorted = |mut lines: Vec<String>| {
        lines.sort_unstable();
        lines
    };
    let groups = reader.groups(ALWAYS)?;
    let details = reader.details(ALWAYS, &Who::Known("account 17".into()))?;
    let mut accounts = reader.accounts()?;
    accounts.sort_by(|a, b| a.id.cmp(&b.id));
    Ok((
        sorted(groups.iter().map(|group| format!("{group:?}")).collect()),
        sorted(details.iter().map(|detail| format!("{detail:?}")).collect()),
        accounts,
        reader.associations(1000)?,
        reader.offers()?.len(),
    ))
}

/// A flipped byte is found by `verify`, or it lies where it changes no answer.
#[test]
fn a_flipped_byte_is_found_or_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(ledger::FILE);
    import(&path, three_days());
    let sound = fs::read(&path).unwrap();
    let expected = answers(&open(&path)).unwrap();
    assert_eq!(open(&path).verify(|_, _| {}).unwrap(), Vec::<String>::new());
    let (mut found, mut harmless) = (0, 0);
    // 400 places spread over the whole file, each with another bit.
    for turn in 0..400 {
        let place = (turn * 7919 + 13) * 31 % sound.len();
        let mut bytes = sound.clone();
        bytes[place] ^= 1 << (turn % 8);
        fs::write(&path, &bytes).unwrap();
        let reader = match Reader::open(&path) {
            Ok(reader) => reader,
            Err(_) => {
                found += 1;
                continue;
            }
        };
        match reader.verify(|_, _| {}) {
            Ok(problems) if problems.is_empty() => {
                let answers = answers(&reader).unwrap();
                assert!(answers == expected, "byte {place} changes an answer unseen");
                harmless += 1;
            }
            _ => found += 1,
        }
    }
    assert!(found >= 100, "{found} found, {harmless} harmless");
}

/// What lies in the directory, by name.
fn names(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path.parent().unwrap()).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn set_aside(path: &Path) -> Vec<PathBuf> {
    names(path)
        .into_iter()
        .filter(|name| {
            name.contains(".damaged-") && !name.ends_with("-wal") && !name.ends_with("-shm")
        })
        .map(|name| path.with_file_name(name))
        .collect()
}

#[test]
fn a_damaged_file_is_set_aside_whole_and_a_new_one_begun() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(ledger::FILE);
    import(&path, three_days());
    let mut bytes = fs::read(&path).unwrap();
    bytes[3] ^= 0x20;
    fs::write(&path, &bytes).unwrap();
    let error = Reader::open(&path).unwrap_err();
    assert!(matches!(error, LedgerError::Damaged { .. }), "{error}");
    let (writer, sink, _shown) = write(&path);
    sink.record(served(start(), "acme", 5));
    drop(sink);
    writer.close();
    let aside = set_aside(&path);
    assert_eq!(aside.len(), 1, "{:?}", names(&path));
    assert!(
        fs::read(&aside[0]).unwrap() == bytes,
        "nothing of it is lost"
    );
    let reader = open(&path);
    assert_eq!(sums(&reader, ALWAYS), (1, 0, 5));
    let gaps = reader.gaps(ALWAYS).unwrap();
    assert_eq!(gaps.len(), 1);
    assert_eq!(gaps[0].reason.as_ref(), "the file was damaged");
    assert_eq!(reader.info().unwrap().set_aside, aside);
}

/// A value that was changed in the newest day breaks its sums: found when the ledger is opened.
#[test]
fn a_day_that_does_not_add_up_is_found_when_it_is_opened() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(ledger::FILE);
    import(&path, three_days());
    let plain = rusqlite::Connection::open(&path).unwrap();
    plain
        .execute(
            "UPDATE hourly SET connections = 2 WHERE hour = (SELECT max(hour) FROM hourly) AND key = 1",
            (),
        )
        .unwrap();
    drop(plain);
    let (writer, sink, _shown) = write(&path);
    drop(sink);
    writer.close();
    let aside = set_aside(&path);
    assert_eq!(aside.len(), 1);
    let gaps = open(&path).gaps(ALWAYS).unwrap();
    assert_eq!(gaps[0].from, start(), "what the old file held is told");
    assert!(!open(&aside[0]).verify(|_, _| {}).unwrap().is_empty());
}

/// What `verify` says of three days in which this was changed.
fn problems_after(change: &str) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(ledger::FILE);
    import(&path, three_days());
    let plain = rusqlite::Connection::open(&path).unwrap();
    plain.execute(change, ()).unwrap();
    drop(plain);
    open(&path).verify(|_, _| {}).unwrap()
}

/// The day on which a key was last seen is in no digest: it is that of its last row.
#[test]
fn a_key_that_was_last_seen_on_another_day_is_found() {
    let problems = problems_after("UPDATE key SET day = day | 8 WHERE id = 18");
    assert_eq!(
        problems,
        ["1 keys were last seen on another day than they say"]
    );
}

/// The age of an inferred account is in no sum: it is there exactly where an account was inferred.
#[test]
fn an_age_without_an_inferred_account_is_found() {
    let problems = problems_after("UPDATE hourly SET age = 0 WHERE key = 18");
    assert_eq!(problems.len(), 3, "one for each day: {problems:?}");
    assert!(
        problems[0].contains("24 rows of 2026-03-01"),
        "{problems:?}"
    );
}

#[test]
fn damage_while_it_is_written_is_survived() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(ledger::FILE);
    import(&path, three_days());
    let (writer, sink, _shown) = write(&path);
    let late = start() + SignedDuration::from_hours(80);
    sink.record(served(late, "account 1", 1));
    settled(&sink);
    // Another connection changes something, so that the writer reads its pages again.
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute("UPDATE text SET value = value", ()).unwrap();
    other
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()))
        .unwrap();
    drop(other);
    let mut bytes = fs::read(&path).unwrap();
    for byte in &mut bytes[4096..] {
        *byte ^= 0x5a;
    }
    fs::write(&path, &bytes).unwrap();
    for turn in 0..10 {
        sink.record(served(late, &format!("account {turn}"), 1));
    }
    settled(&sink);
    assert_eq!(sink.health().state(), State::Ok);
    drop(sink);
    writer.close();
    assert_eq!(set_aside(&path).len(), 1, "{:?}", names(&path));
    assert_eq!(
        sums(&open(&path), ALWAYS).0,
        10,
        "the batch at hand went into the new file"
    );
    assert_eq!(open(&path).verify(|_, _| {}).unwrap(), Vec::<String>::new());
}

#[test]
fn a_format_of_the_future_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(ledger::FILE);
    import(&path, three_days());
    let plain = rusqlite::Connection::open(&path).unwrap();
    plain.pragma_update(None, "user_version", 99).unwrap();
    drop(plain);
    let before = fs::read(&path).unwrap();
    let error = Writer::open(&path, &LedgerSettings::default(), start()).unwrap_err();
    let said = error.to_string();
    for part in [
        "ledger.sqlite",
        "format is 99",
        "up to 3",
        "use that version",
        "move the file away",
    ] {
        assert!(said.contains(part), "{said}");
    }
    assert!(matches!(
        Reader::open(&path).unwrap_err(),
        LedgerError::Newer { found: 99, .. }
    ));
    assert!(fs::read(&path).unwrap() == before);
    assert!(set_aside(&path).is_empty());
}

#[test]
fn a_clock_that_jumps_loses_and_drops_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(ledger::FILE);
    let (writer, sink, _shown) = write(&path);
    let day = SignedDuration::from_hours(24);
    let mut recorded = 0;
    // A day forth, a day back, ten years forth, back again, and before the epoch.
    for at in [
        start(),
        start() + day,
        start(),
        start() - day,
        start() + day * 3653,
        start(),
        time("1969-12-31T23:59:59Z"),
    ] {
        for second in 0..20 {
            sink.record(served(at + SignedDuration::from_secs(second), "acme", 2));
            recorded += 1;
        }
        settled(&sink);
    }
    drop(sink);
    writer.close();
    assert_eq!(sums(&open(&path), ALWAYS), (recorded, 0, 2 * recorded));
    let compacted = ledger::compact(&path, &LedgerSettings::default(), start(), |_, _| {}).unwrap();
    assert_eq!(
        compacted.days, 1,
        "1970 alone is older than all days that are trusted"
    );
    let reader = open(&path);
    assert_eq!(sums(&reader, ALWAYS).0, recorded - 20);
    assert_eq!(reader.verify(|_, _| {}).unwrap(), Vec::<String>::new());
}

#[test]
fn a_file_that_is_taken_away_is_begun_anew() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(ledger::FILE);
    let (writer, sink, _shown) = write(&path);
    sink.record(served(start(), "acme", 1));
    settled(&sink);
    let elsewhere = directory.path().join("elsewhere");
    fs::rename(&path, &elsewhere).unwrap();
    for _ in 0..3 {
        sink.record(served(start(), "acme", 1));
    }
    settled(&sink);
    assert_eq!(sink.health().state(), State::Ok, "{:?}", names(&path));
    drop(sink);
    writer.close();
    assert_eq!(sums(&open(&path), ALWAYS).0, 3, "{:?}", names(&path));
}

/// Whoever reads what is shown may stop reading: the ledger goes on.
#[test]
fn a_pipe_that_blocks_does_not_stall_the_ledger() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(ledger::FILE);
    let (writer, sink, shown) = write(&path);
    for turn in 0..40_000 {
        sink.record(served(start(), "acme", 1));
        if turn % 4000 == 0 {
            std::thread::sleep(Duration::from_millis(100));
        }
    }
    settled(&sink);
    assert!(sink.totals().snapshot().dropped > 0);
    drop(sink);
    writer.close();
    assert_eq!(sums(&open(&path), ALWAYS), (40_000, 0, 40_000));
    drop(shown);
}

/// Runs a command; whether it went well.
fn run(program: &str, arguments: &[&str]) -> bool {
    let status = Command::new(program)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

/// A small file system of our own, gone with this value.
struct Disk(tempfile::TempDir);

impl Disk {
    /// `None` where this user may not mount.
    fn mount(options: &str) -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().to_str().unwrap();
        run("mount", &["-t", "tmpfs", "-o", options, "tmpfs", path]).then_some(Self(directory))
    }

    fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        assert!(run(
            "mount",
            &["-o", &options, self.0.path().to_str().unwrap()]
        ));
    }

    fn path(&self) -> PathBuf {
        self.0.path().join(ledger::FILE)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        run("umount", &["--lazy", self.0.path().to_str().unwrap()]);
    }
}

#[test]
fn a_full_disk_holds_nobody_up_and_loses_nothing() {
    let Some(disk) = Disk::mount("size=2m") else {
        eprintln!("SKIPPED a full disk: mounting a tmpfs takes root");
        return;
    };
    let path = disk.path();
    let (writer, sink, _shown) = write(&path);
    sink.record(served(start(), "acme", 1));
    settled(&sink);
    let filler = disk.0.path().join("filler");
    // As much as there is room for.
    run(
        "dd",
        &[
            "if=/dev/zero",
            &format!("of={}", filler.display()),
            "bs=4096",
        ],
    );
    let mut recorded = 1;
    for turn in 0..3000_i64 {
        let mut entry = refused(start() + SignedDuration::from_secs(turn));
        entry.sighting.sni = Some(format!("{turn}.example.com").into());
        sink.record(entry);
        recorded += 1;
    }
    eventually(
        "the disk is full",
        || matches!(sink.health().state(), State::Failing(reason) if reason.contains("the disk is full")),
    );
    assert!(!sink.health().lag().is_zero());
    for _ in 0..1000 {
        sink.record(served(start(), "acme", 1));
        recorded += 1;
    }
    fs::remove_file(&filler).unwrap();
    eventually("it is stored again", || sink.health().state() == State::Ok);
    settled(&sink);
    drop(sink);
    writer.close();
    let reader = open(&path);
    assert_eq!(sums(&reader, ALWAYS).0, recorded);
    let gaps = reader.gaps(ALWAYS).unwrap();
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    assert_eq!(gaps[0].reason.as_ref(), "the disk is full");
    assert_eq!(reader.verify(|_, _| {}).unwrap(), Vec::<String>::new());
}

#[test]
fn a_read_only_disk_is_waited_for_and_can_be_read() {
    let Some(disk) = Disk::mount("size=4m") else {
        eprintln!("SKIPPED a read-only disk: mounting a tmpfs takes root");
        return;
    };
    let path = disk.path();
    disk.remount("ro");
    let (writer, sink, _shown) = write(&path);
    sink.record(served(start(), "acme", 7));
    assert!(matches!(sink.health().state(), State::Failing(_)));
    eventually("it was tried in vain", || {
        sink.health().lag() > Duration::from_secs(2)
    });
    disk.remount("rw");
    eventually("it is stored", || sink.health().state() == State::Ok);
    drop(sink);
    writer.close();
    disk.remount("ro");
    let reader = open(&path);
    assert_eq!(sums(&reader, ALWAYS), (1, 0, 7));
    assert_eq!(reader.gaps(ALWAYS).unwrap().len(), 1);
}
