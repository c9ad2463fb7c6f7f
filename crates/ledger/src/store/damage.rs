//! A file that cannot be trusted is set aside, whole.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags};

/// Renames a ledger and what SQLite keeps beside it; gives its new name.
pub(super) fn set_aside(path: &Path, now: Timestamp) -> io::Result<PathBuf> {
    let stamp = now.strftime("%Y%m%dT%H%M%SZ");
    let mut aside = beside(path, &format!(".damaged-{stamp}"));
    let mut turn = 1;
    // A second one within a second is kept as well.
    while aside.exists() {
        turn += 1;
        aside = beside(path, &format!(".damaged-{stamp}-{turn}"));
    }
    // The log first: a database without its log is older, a log without its database is nothing.
    for suffix in ["-wal", "-shm"] {
        match fs::rename(beside(path, suffix), beside(&aside, suffix)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    fs::rename(path, &aside)?;
    Ok(aside)
}

/// The first and the last second of what a damaged file held, as far as it can still be read.
pub(super) fn extent(path: &Path) -> Option<(i64, i64)> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).ok()?;
    let of = |column: &str| {
        connection
            .query_row(&format!("SELECT {column}(day) FROM day"), (), |row| {
                row.get::<_, Option<i64>>(0)
            })
            .ok()
            .flatten()
    };
    let day = crate::amounts::HOUR * crate::amounts::DAY_HOURS;
    Some((of("min")?.checked_mul(day)?, of("max")?.checked_mul(day)?))
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}
