//! `sundown evidence` from outside, on the demo's platform: checked by minisign, sha256sum and the schema of CycloneDX,
//! broken on purpose, and compared with what other commands say.
#![cfg(test)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde_json::Value;

#[path = "support/installed.rs"]
mod installed;

use installed::installed;

fn sundown(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sundown"))
        .current_dir(directory)
        .args(arguments)
        .output()
        .unwrap()
}

#[track_caller]
fn done(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// A small demo, made once for all tests here.
fn demo() -> &'static Path {
    static DEMO: OnceLock<PathBuf> = OnceLock::new();
    DEMO.get_or_init(|| {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("evidence");
        fs::create_dir_all(&directory).unwrap();
        done(&sundown(
            &directory,
            &["demo", "--accounts", "60", "--force"],
        ));
        directory.join("sundown-demo")
    })
}

/// A pack of the demo, one's own.
struct Made {
    directory: tempfile::TempDir,
    demo: &'static Path,
    pack: PathBuf,
}

fn made() -> Made {
    let directory = tempfile::tempdir().unwrap();
    let pack = directory.path().join("pack");
    done(&sundown(
        demo(),
        &["evidence", "-o", pack.to_str().unwrap()],
    ));
    Made {
        directory,
        demo: demo(),
        pack,
    }
}

impl Made {
    fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&fs::read(self.pack.join(name)).unwrap()).unwrap()
    }

    /// What `evidence verify` says of the pack.
    #[track_caller]
    fn verified(&self, more: &[&str]) -> (Option<i32>, Value) {
        let arguments = [&["evidence", "verify", "pack", "--json"], more].concat();
        let output = sundown(self.directory.path(), &arguments);
        let said = serde_json::from_slice(&output.stdout).unwrap_or_default();
        (output.status.code(), said)
    }
}

#[test]
fn a_pack_is_checked_by_others_and_any_change_shows() {
    let made = made();
    let key = done(&sundown(made.demo, &["evidence", "key"]));
    let key = key.trim();
    if let Some(minisign) = installed("minisign") {
        let mut command = minisign.command();
        command.current_dir(&made.pack);
        let output = command
            .args(["-V", "-P", key, "-m", "SHA256SUMS"])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    }
    let sums = Command::new("sha256sum")
        .args(["-c", "--strict", "SHA256SUMS"])
        .current_dir(&made.pack)
        .output()
        .unwrap();
    assert!(sums.status.success(), "{sums:?}");

    assert_eq!(made.verified(&[]).0, Some(0));
    let (code, said) = made.verified(&["--key", key]);
    assert_eq!(code, Some(0));
    assert_eq!(said["key_is_its_own"], false);
    // Another platform's key does not fit.
    let other = sundown(
        made.demo.parent().unwrap(),
        &["evidence", "key", "--data-dir", "."],
    );
    let (code, said) = made.verified(&["--key", done(&other).trim()]);
    assert_eq!(code, Some(1), "{said}");

    for name in [
        "index.html",
        "evidence.json",
        "cbom.cdx.json",
        "audit.jsonl",
        "SHA256SUMS",
    ] {
        let path = made.pack.join(name);
        let whole = fs::read(&path).unwrap();
        let mut changed = whole.clone();
        changed[whole.len() / 2] ^= 1;
        fs::write(&path, &changed).unwrap();
        let (code, said) = made.verified(&[]);
        assert_eq!(code, Some(1), "{name}: {said}");
        fs::remove_file(&path).unwrap();
        assert_ne!(made.verified(&[]).0, Some(0), "{name} is gone");
        fs::write(&path, &whole).unwrap();
    }
    fs::write(made.pack.join("more.html"), "slipped in").unwrap();
    let (code, said) = made.verified(&[]);
    assert_eq!(code, Some(1));
    assert_eq!(said["findings"][0], "more.html is not under seal");
}

#[test]
fn the_inventory_is_a_valid_bill_of_materials() {
    let made = made();
    let bill = made.json("cbom.cdx.json");
    assert_eq!(bill["specVersion"], "1.7");
    let components = bill["components"].as_array().unwrap();
    let named = |name: &str| {
        components
            .iter()
            .find(|component| component["name"] == name)
    };
    let properties = &named("TLSv1.2").expect("seen")["cryptoProperties"]["protocolProperties"];
    assert_eq!(properties["version"], "1.2");
    assert!(named("X25519MLKEM768").is_some());
    let Some(validator) = installed("cyclonedx") else {
        return;
    };
    let output = validator
        .command()
        .arg(made.pack.join("cbom.cdx.json"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// What the pack counts is what the report counts on the same ledger, over the same range.
#[test]
fn a_pack_agrees_with_the_report() {
    let made = made();
    let pack = made.json("evidence.json");
    assert_eq!(pack["demo"], true);
    let at = pack["made_at"].as_str().unwrap();
    let output = sundown(
        made.demo,
        &[
            "report", "--json", "--floor", "tls1.2", "--since", "90d", "--as-of", at,
        ],
    );
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let early: u64 = pack["early"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["connections"].as_u64().unwrap())
        .sum();
    let breaks = &report["sunsets"][0]["connections"]["break"];
    assert_eq!(Some(early), breaks.as_u64(), "{report}");
    assert!(early > 0);

    let audit = sundown(made.demo, &["audit", "--verify", "--json"]);
    let audit: Value = serde_json::from_slice(&audit.stdout).unwrap();
    assert_eq!(pack["trail"]["last_hash"], audit["last_hash"]);
    assert_eq!(pack["trail"]["records"], audit["records"]);
    assert_eq!(pack["trail"]["fault"], Value::Null);
}

#[test]
fn what_cannot_be_done_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let output = sundown(directory.path(), &["evidence"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("there is no ledger at"), "{said}");
    assert!(
        !directory.path().join("sundown-data").exists(),
        "nothing is made where nothing was"
    );
    let output = sundown(directory.path(), &["evidence", "verify", "nothing"]);
    assert_eq!(output.status.code(), Some(2));

    let made = made();
    let output = sundown(made.demo, &["evidence", "-o", made.pack.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("is not empty"), "{said}");
    assert_eq!(made.verified(&[]).0, Some(0), "the pack is as it was");
}
