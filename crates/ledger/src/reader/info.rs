//! How much a ledger holds.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::Connection;
use serde::Serialize;

use crate::amounts::{DAY_HOURS, HOUR, moment};
use crate::store::schema;

/// How much a ledger holds.
#[derive(Clone, Debug, Serialize)]
pub struct Info {
    /// The file.
    pub path: PathBuf,
    /// Its size and its log's, in bytes.
    pub bytes: u64,
    /// The number of its format.
    pub format: i64,
    /// Roll-up rows by the hour.
    pub hourly_rows: u64,
    /// Roll-up rows by the day, compacted.
    pub daily_rows: u64,
    /// Summaries by day and client.
    pub summaries: u64,
    /// Bytes of the file for each roll-up row; absent without rows.
    pub bytes_per_row: Option<f64>,
    /// Distinct keys: everything that is kept apart, without the hour.
    pub keys: u64,
    /// Distinct clients: accounts with offers.
    pub clients: u64,
    /// Distinct offers.
    pub offers: u64,
    /// The start of the first hour or day with rows.
    pub first: Option<Timestamp>,
    /// The start of the last hour or day with rows.
    pub last: Option<Timestamp>,
    /// Connections.
    pub connections: u64,
    /// Requests.
    pub requests: u64,
    /// Of the connections, those counted without their details.
    pub connections_without_details: u64,
    /// Programs that write to it now, or that did and were not stopped properly.
    pub writers: u64,
    /// Damaged ledgers that were set aside and lie beside it.
    pub set_aside: Vec<PathBuf>,
}

pub(super) fn info(connection: &Connection, path: &Path) -> rusqlite::Result<Info> {
    let one = |sql: &str| connection.query_row(sql, (), |row| row.get::<_, u64>(0));
    let bound = |sql: &str| connection.query_row(sql, (), |row| row.get::<_, Option<i64>>(0));
    let (hourly_rows, daily_rows) = (
        one("SELECT count(*) FROM hourly")?,
        one("SELECT count(*) FROM daily")?,
    );
    let hours = |hour: Option<i64>| hour.map(|hour| hour * HOUR);
    let days = |day: Option<i64>| day.map(|day| day * DAY_HOURS * HOUR);
    let firsts = [
        hours(bound("SELECT min(hour) FROM hourly")?),
        days(bound("SELECT min(day) FROM daily")?),
    ];
    let lasts = [
        hours(bound("SELECT max(hour) FROM hourly")?),
        days(bound("SELECT max(day) FROM daily")?),
    ];
    let bytes = [path.to_owned(), beside(path, "-wal")]
        .iter()
        .filter_map(|path| Some(std::fs::metadata(path).ok()?.len()))
        .sum::<u64>();
    let rows = hourly_rows + daily_rows;
    Ok(Info {
        path: path.to_owned(),
        bytes,
        format: schema::stamp(connection)?.1,
        hourly_rows,
        daily_rows,
        summaries: one("SELECT count(*) FROM summary")?,
        bytes_per_row: (rows > 0).then(|| bytes as f64 / rows as f64),
        keys: one("SELECT count(*) FROM key")?,
        clients: one("SELECT count(*) FROM client")?,
        offers: one("SELECT count(*) FROM offer")?,
        first: firsts.into_iter().flatten().min().map(moment),
        last: lasts.into_iter().flatten().max().map(moment),
        connections: one("SELECT ifnull(sum(connections), 0) FROM day")?,
        requests: one("SELECT ifnull(sum(served + warned + explained + answered), 0) FROM day")?,
        connections_without_details: one(
            "SELECT ifnull(sum(connections), 0) FROM summary JOIN client ON client.id = summary.client WHERE is_other",
        )?,
        writers: one("SELECT count(*) FROM writer")?,
        set_aside: set_aside(path),
    })
}

/// Damaged ledgers beside this one, oldest first.
fn set_aside(path: &Path) -> Vec<PathBuf> {
    let name = beside(Path::new(path.file_name().unwrap_or_default()), ".damaged-");
    let beginning = name.to_string_lossy().into_owned();
    let directory = path.parent().unwrap_or(Path::new("."));
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(&beginning) && !name.ends_with("-wal") && !name.ends_with("-shm")
        })
        .collect();
    found.sort();
    found
}

pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}
