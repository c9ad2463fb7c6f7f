//! Small files of settings, read as far as such a file goes.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Longest file that is read: java.security has 60 KiB.
const LONGEST: u64 = 512 << 10;

/// The text of a file; `None` where there is none, or it cannot be read.
pub(super) fn text(path: &Path) -> Option<String> {
    // A pipe or a device would keep us waiting.
    if !path.metadata().ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    File::open(path)
        .ok()?
        .take(LONGEST)
        .read_to_end(&mut bytes)
        .ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// `file:line`.
pub(super) fn place(path: &Path, line: usize) -> String {
    format!("{}:{line}", path.display())
}
