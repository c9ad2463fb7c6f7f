//! Files in the data directory that more than one user may write: the edge as its own, an operator as root.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, fchown};
use std::path::Path;

/// Makes the directory where it is missing, for its owner alone.
pub(crate) fn make_directory(directory: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
}

/// Opens a file, made where it is missing, and gives it to whoever owns its directory: root's hold must not keep the
/// edge from reading it.
pub(crate) fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let file = options.create(true).mode(0o600).open(path)?;
    if let Some(directory) = path.parent() {
        let owner = fs::metadata(directory)?;
        let now = file.metadata()?;
        if (owner.uid(), owner.gid()) != (now.uid(), now.gid()) {
            // Only root may; for anybody else the file is theirs as it is.
            fchown(&file, Some(owner.uid()), Some(owner.gid())).ok();
        }
    }
    Ok(file)
}

/// Writes to the disk that a name in a directory is there.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}
