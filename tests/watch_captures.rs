//! `sundown watch` reads a capture that others published, and counts it once whatever it is called.
#![allow(
    clippy::unwrap_used,
    reason = "what goes wrong in a helper of a test fails the test"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn run(arguments: &[&str], data: &Path) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_sundown"))
        .args(arguments)
        .arg("--json")
        .arg("--data-dir")
        .arg(data)
        .current_dir(data.parent().unwrap())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_capture_is_counted_once() {
    let root = std::env::var_os("SUNDOWN_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
        PathBuf::from,
    );
    let capture = root.join("captures/foxio/browsers-x509.pcapng");
    if !capture.exists() {
        eprintln!(
            "SKIPPED a published capture: {} is not there",
            capture.display()
        );
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let first = run(&["watch", capture.to_str().unwrap()], &data);
    assert_eq!(first["connections"], 3);
    assert_eq!(first["versions"]["TLSv1.2"]["connections"], 3);
    let copy = directory.path().join("copy");
    std::fs::copy(&capture, &copy).unwrap();
    let again = run(&["watch", copy.to_str().unwrap()], &data);
    assert_eq!(again["connections"], 0);
    let report = run(&["report", "--since", "2023-01-01"], &data);
    assert_eq!(report["evidence"]["connections"], 3);
}
