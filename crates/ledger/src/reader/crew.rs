//! Further connections to the file, for a question that walks over much of it: each walks over a part, in a thread of its
//! own.
//!
//! All see the same: each begins to read, and then a connection that reads nothing is asked whether anything was
//! committed meanwhile. Where something was, they begin again.

use std::thread;

use rusqlite::{Connection, Transaction};

use super::{Reader, connect_as};
use crate::LedgerError;

/// Threads that walk, the caller's among them. Each holds sums of its own.
const MOST: usize = 4;
/// A smaller file is walked over before threads are worth their beginning.
const SMALLEST: u64 = if cfg!(test) { 1 } else { 32 << 20 };
/// Beginnings, before the caller walks alone. An edge commits twice a second, and a beginning takes far less.
const TRIES: usize = 10;
/// What each keeps of the file in memory, in KiB below zero: it reads every page once.
const CACHE: i64 = -2 * 1024;

/// Asks within one transaction, with a crew that sees what it sees; with none where the file is small.
pub(super) fn ask<T>(
    reader: &Reader,
    question: impl FnOnce(&Transaction<'_>, &mut [Connection]) -> rusqlite::Result<T>,
) -> Result<T, LedgerError> {
    let mut crew = hire(reader).unwrap_or_default();
    let answer = begin(reader, &mut crew).and_then(|transaction| question(&transaction, &mut crew));
    answer.map_err(|error| LedgerError::from_sqlite(&reader.path, &error))
}

/// Whoever cannot be had (no more files can be opened, say) is done without.
fn hire(reader: &Reader) -> rusqlite::Result<Vec<Connection>> {
    let size = std::fs::metadata(&reader.path).map_or(0, |file| file.len());
    let count = thread::available_parallelism().map_or(1, |count| count.get().min(MOST));
    if size < SMALLEST {
        return Ok(Vec::new());
    }
    (1..count)
        .map(|_| {
            let connection = connect_as(&reader.path, reader.is_unchanging)?;
            connection.pragma_update(None, "cache_size", CACHE)?;
            Ok(connection)
        })
        .collect()
}

fn begin<'r>(reader: &'r Reader, crew: &mut Vec<Connection>) -> rusqlite::Result<Transaction<'r>> {
    if crew.is_empty() {
        return reader.transaction();
    }
    let watch = connect_as(&reader.path, reader.is_unchanging)?;
    for _ in 0..TRIES {
        let before = version(&watch)?;
        let transaction = reader.transaction()?;
        touch(&transaction)?;
        for one in crew.iter() {
            one.execute_batch("BEGIN")?;
            touch(one)?;
        }
        if version(&watch)? == before {
            return Ok(transaction);
        }
        for one in crew.iter() {
            one.execute_batch("ROLLBACK")?;
        }
    }
    crew.clear();
    reader.transaction()
}

/// A transaction sees what there is at its first reading.
fn touch(connection: &Connection) -> rusqlite::Result<()> {
    connection.query_row("SELECT count(*) FROM writer", (), |_| Ok(()))
}

/// SQLite's number of changes by others.
fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA data_version", (), |row| row.get(0))
}

/// Gives each of `parts` to `walk` with a connection of its own, and what comes of them, in no order.
pub(super) fn walk<P: Sync, T: Send>(
    own: &Connection,
    crew: &mut [Connection],
    parts: &[P],
    walk: impl Fn(&Connection, &[P]) -> rusqlite::Result<T> + Sync,
) -> rusqlite::Result<Vec<T>> {
    let each = parts.len().div_ceil(crew.len() + 1).max(1);
    let mut shares = parts.chunks(each);
    let first = shares.next().unwrap_or_default();
    let walk = &walk;
    thread::scope(|scope| {
        let others: Vec<_> = crew
            .iter_mut()
            .zip(shares)
            .map(|(connection, share)| scope.spawn(move || walk(connection, share)))
            .collect();
        let mut all = vec![walk(own, first)?];
        for other in others {
            match other.join() {
                Ok(found) => all.push(found?),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok(all)
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use hello::Offer;
    use jiff::{SignedDuration, Timestamp};

    use crate::tests::entry;
    use crate::{
        Account, Detail, Entry, Importer, LedgerSettings, Outcome, Query, Range, Reader, Requests,
        Wanted, Who,
    };

    /// So many that a day is walked over, and not looked up key by key.
    const ACCOUNTS: usize = 1_000;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn offer(suite: u8) -> Offer {
        let mut bytes = vec![1, 0, 3, 1, 0, 0, 0, 2, 0, suite];
        bytes.extend_from_slice(&[0; 20]);
        Offer::from_bytes(&bytes).unwrap()
    }

    fn seen(at: Timestamp, account: usize, suite: u8) -> Entry {
        let mut entry = entry();
        entry.at = at;
        entry.sighting.account = Some(Account::Known(format!("account-{account}").into()));
        entry.sighting.offer = Some(offer(suite));
        if !account.is_multiple_of(3) {
            entry.sighting.outcome = Outcome::Terminated;
            entry.requests = Requests {
                served: account as u64,
                warned: u64::from(suite),
                ..Requests::default()
            };
        }
        entry
    }

    /// One connection of each account with each of two offers on each of these days.
    fn add(importer: &mut Importer, days: &[Timestamp]) {
        for day in days {
            for account in 0..ACCOUNTS {
                let at = *day + SignedDuration::from_mins(account as i64);
                importer.add(&seen(at, account, 0x2f)).unwrap();
                importer.add(&seen(at, account, 0x35)).unwrap();
            }
        }
        importer.commit().unwrap();
    }

    fn importer(path: &Path, settings: &LedgerSettings) -> Importer {
        Importer::open(path, settings, time("2026-03-04T00:00:00Z")).unwrap()
    }

    fn all(offers: &[u8]) -> Vec<Wanted> {
        let offers: Vec<_> = offers.iter().map(|suite| offer(*suite).id()).collect();
        (0..ACCOUNTS)
            .rev()
            .map(|account| Wanted {
                who: Who::Known(format!("account-{account}").into()),
                offers: offers.clone(),
            })
            .collect()
    }

    fn sorted(details: Vec<Detail>) -> Vec<String> {
        let mut told: Vec<String> = details.iter().map(|one| format!("{one:?}")).collect();
        told.sort();
        told
    }

    #[test]
    fn many_at_once_are_told_what_each_is_told_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(crate::FILE);
        let settings = LedgerSettings {
            hourly: 2,
            ..LedgerSettings::default()
        };
        let days = [
            "2026-02-10",
            "2026-02-20",
            "2026-02-28",
            "2026-03-01",
            "2026-03-02",
        ];
        let days = days.map(|day| time(&format!("{day}T03:00:00Z")));
        let mut importer = importer(&path, &settings);
        add(&mut importer, &days);
        importer.finish().unwrap();
        let part = Range {
            from: Some(time("2026-02-20T09:30:00Z")),
            until: Some(time("2026-03-02T12:00:00Z")),
        };
        for is_compacted in [false, true] {
            if is_compacted {
                let now = time("2026-03-04T00:00:00Z");
                let compacted = crate::compact(&path, &settings, now, |_, _| {}).unwrap();
                assert!(compacted.hours > 0);
            }
            let reader = Reader::open(&path).unwrap();
            for range in [Range::default(), part] {
                for offers in [&[0x2f][..], &[0x2f, 0x35]] {
                    let wanted = all(offers);
                    let mut told = 0;
                    let mut each = |place: usize, details: Vec<Detail>| {
                        assert_eq!(place, told, "in the order asked for");
                        told += 1;
                        // One in 37 by itself: the way of a few, which looks rows up.
                        if place.is_multiple_of(37) {
                            let Wanted { who, offers } = &wanted[place];
                            let alone = reader.details_of(range, who, offers).unwrap();
                            assert_eq!(sorted(details), sorted(alone), "{who:?}");
                        }
                    };
                    Reader::open(&path)
                        .unwrap()
                        .details_of_each(range, &wanted, &mut each)
                        .unwrap();
                    assert_eq!(told, ACCOUNTS);
                }
            }
        }
    }

    /// Each commit adds as much to one day as to the other, and the days are walked over by different threads.
    #[test]
    fn what_is_committed_meanwhile_is_in_all_of_an_answer_or_in_none() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(crate::FILE);
        let days = ["2026-03-01", "2026-03-02", "2026-03-03", "2026-03-04"];
        let days = days.map(|day| time(&format!("{day}T03:00:00Z")));
        let mut importer = importer(&path, &LedgerSettings::default());
        add(&mut importer, &days);
        std::thread::scope(|scope| {
            let writing = scope.spawn(|| {
                for _ in 0..6 {
                    add(&mut importer, &days);
                }
                importer.finish().unwrap();
            });
            let mut answers = 0;
            while answers < 3 || !writing.is_finished() {
                let reader = Reader::open(&path).unwrap();
                let mut connections = 0;
                let mut each = |_: usize, details: Vec<Detail>| {
                    connections += details
                        .iter()
                        .map(|detail| detail.counts.connections)
                        .sum::<u64>();
                };
                reader
                    .details_of_each(Range::default(), &all(&[0x2f, 0x35]), &mut each)
                    .unwrap();
                let of_a_commit = (ACCOUNTS * 2 * days.len()) as u64;
                assert_eq!(connections % of_a_commit, 0, "{connections}");
                answers += 1;
            }
            writing.join().unwrap();
        });
    }
}
