//! What marks a data directory as a demo's: one file in it.

use std::fs;
use std::io;
use std::path::Path;

/// The file's name.
const FILE: &str = "DEMO";
const TEXT: &str = "What is in this directory was made up by `sundown demo`. Nobody was seen.\n";
/// What is said of such data wherever it is shown.
pub(crate) const SAID: &str = "Demo data, made up by sundown demo: nobody was seen.";

/// Whether a data directory is a demo's.
pub(crate) fn is_demo(data_dir: &Path) -> bool {
    data_dir.join(FILE).exists()
}

/// What is said of such data, where a data directory is a demo's.
pub(crate) fn words(data_dir: &Path) -> Option<String> {
    is_demo(data_dir).then(|| SAID.to_owned())
}

/// Marks it.
pub(super) fn mark(data_dir: &Path) -> io::Result<()> {
    fs::write(data_dir.join(FILE), TEXT)
}

/// Says so on standard error, where it is one.
pub(crate) fn say(data_dir: &Path) {
    if is_demo(data_dir) {
        anstream::eprintln!("{SAID}");
    }
}
