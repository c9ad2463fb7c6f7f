//! What a demo's data comes out as says that it is a demo's, in every form that can be handed on; and nobody else's does.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what goes wrong in a helper of a test fails the test"
)]

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

const SAID: &str = "Demo data, made up by sundown demo: nobody was seen.";

/// What a command writes to standard output. Reports end with a verdict, which is none of this.
#[track_caller]
fn said(directory: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_sundown"))
        .current_dir(directory)
        .args(arguments)
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        matches!(output.status.code(), Some(0 | 1)),
        "{arguments:?}: {error}"
    );
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn whatever_is_made_of_a_demo_says_so() {
    let directory = tempfile::tempdir().unwrap();
    said(directory.path(), &["demo", "--accounts", "20"]);
    let demo = directory.path().join("sundown-demo");
    for command in [&["report"][..], &["replay", "--floor", "tls1.2"]] {
        let of = |format: &[&str]| said(&demo, &[command, format].concat());
        for format in [&[][..], &["--markdown"], &["--html"]] {
            let text = of(format);
            assert_eq!(
                text.matches(SAID).count(),
                1,
                "{command:?} {format:?}: {text}"
            );
        }
        let json: Value = serde_json::from_str(&of(&["--json"])).unwrap();
        assert_eq!(json["demo"], SAID, "{command:?}");
        let mut rows = 0;
        let table = of(&["--csv"]);
        let mut reader = csv::Reader::from_reader(table.as_bytes());
        assert_eq!(reader.headers().unwrap().iter().next_back(), Some("demo"));
        for record in reader.records() {
            assert_eq!(record.unwrap().iter().next_back(), Some(SAID));
            rows += 1;
        }
        assert!(rows > 0, "{command:?}: {table}");
    }
    for command in [&["notify", "--json"][..], &["ledger", "info", "--json"]] {
        let json: Value = serde_json::from_str(&said(&demo, command)).unwrap();
        assert_eq!(json["demo"], SAID, "{command:?}");
    }
    let lines = said(&demo, &["ledger", "export", "--format", "jsonl"]);
    assert!(lines.lines().count() > 100);
    for line in lines.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        assert_eq!(row["edge"], "demo", "{line}");
    }

    // The same data without the mark of a demo.
    fs::remove_file(demo.join("sundown-data/DEMO")).unwrap();
    for format in ["--json", "--csv", "--markdown", "--html"] {
        let text = said(&demo, &["report", format]);
        assert!(!text.to_lowercase().contains("demo data"), "{format}");
        assert!(
            !text.contains("\"demo\"") && !text.contains(",demo"),
            "{format}"
        );
    }
}
