//! Whether a file has changed.

use std::fs::metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::SystemTime;

/// Tells one state of a file from another: when it was changed, its length and its inode. The time alone does not
/// show a file put in place of another by a tool that keeps times (`cp -p`). `None` where there is no file.
pub type Stamp = Option<(SystemTime, u64, u64)>;

/// The state of a file.
pub fn stamp(path: &Path) -> Stamp {
    let metadata = metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len(), metadata.ino()))
}
