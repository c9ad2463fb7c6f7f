//! What the tests share: where the data is, and how to read a hello whole.
#![allow(dead_code, reason = "every test binary uses its own part")]

use hello::{ClientHello, HelloReader, Offer, Progress, Scratch};
use std::path::PathBuf;

/// A file of the shared data, by `SUNDOWN_SHARED` or beside the checkout. `None`, said loudly, if it is not
/// there.
#[expect(clippy::print_stderr, reason = "a skipped test has to say so")]
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("SUNDOWN_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
        PathBuf::from,
    );
    let file = root.join(path);
    if file.exists() {
        return Some(file);
    }
    eprintln!(
        "SKIPPED: {} is not there; set SUNDOWN_SHARED to the directory of the shared data",
        file.display()
    );
    None
}

/// Whether a program can be run; says loudly that a test is skipped if not.
#[expect(clippy::print_stderr, reason = "a skipped test has to say so")]
pub(crate) fn program(name: &str, argument: &str) -> bool {
    let found = std::process::Command::new(name)
        .arg(argument)
        .output()
        .is_ok_and(|output| output.status.success());
    if !found {
        eprintln!("SKIPPED: `{name} {argument}` does not run; install {name}");
    }
    found
}

/// Reads a hello that is all there, and hands it on with how many bytes it took.
pub(crate) fn read<T>(
    bytes: &[u8],
    use_it: impl FnOnce(&ClientHello<'_>, usize) -> T,
) -> Result<T, String> {
    let mut scratch = Scratch::default();
    match HelloReader::default().read(bytes, &mut scratch) {
        Progress::Hello { hello, consumed } => Ok(use_it(&hello, consumed)),
        other => Err(format!("{other:?}")),
    }
}

/// The offer in a hello that is all there.
pub(crate) fn offer(bytes: &[u8]) -> Result<Offer, String> {
    read(bytes, |hello, _| Offer::from(hello))
}
