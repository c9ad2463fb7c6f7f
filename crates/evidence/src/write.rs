//! Writes a pack into a directory.

use std::fs;
use std::path::Path;

use crate::{EvidenceError, Pack, cbom, page};

/// The page to read.
pub const PAGE: &str = "index.html";
/// The same as data.
pub const DATA: &str = "evidence.json";
/// Protocols, suites and groups.
pub const CBOM: &str = "cbom.cdx.json";
/// The audit trail, whole: its chain begins with its first record.
pub const AUDIT: &str = "audit.jsonl";

/// Writes the files of a pack into a directory that is there; gives their names. `trail` is the audit trail's file.
///
/// # Errors
///
/// When a file cannot be read or written.
pub fn write(
    pack: &Pack,
    trail: &Path,
    directory: &Path,
) -> Result<Vec<&'static str>, EvidenceError> {
    let put = |name: &str, bytes: &[u8]| {
        let path = directory.join(name);
        fs::write(&path, bytes).map_err(EvidenceError::file(&path))
    };
    put(PAGE, report::page::html(&page(pack)).as_bytes())?;
    put(DATA, pretty(pack).as_bytes())?;
    put(CBOM, pretty(&cbom(pack)).as_bytes())?;
    let mut names = vec![PAGE, DATA, CBOM];
    if trail.exists() {
        // A copy would be as private as the trail.
        put(AUDIT, &fs::read(trail).map_err(EvidenceError::file(trail))?)?;
        names.push(AUDIT);
    }
    Ok(names)
}

/// Data of ours always becomes JSON: its maps have texts for keys.
fn pretty(value: &impl serde::Serialize) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}
