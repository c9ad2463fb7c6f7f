//! What `tests/setup` found or installed on this machine.
//!
//! Comes in: `tests/.clients/manifest.json`. Goes out: a program by its id, ready to be given its arguments in an
//! environment of our own; or a loud line that says why it is not there. It never installs and never runs anything.
#![allow(
    dead_code,
    reason = "each test that includes this file uses its own part of it"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};

use serde_json::Value;

/// A program that `tests/setup` found or installed.
pub(crate) struct Installed {
    /// What it says its version is.
    pub version: String,
    command: Vec<String>,
    env: Vec<(String, String)>,
    home: PathBuf,
}

impl Installed {
    /// The program in an environment of our own: variables such as `SSL_CERT_FILE` or `REQUESTS_CA_BUNDLE` overrule
    /// the authority that a client is told to trust, and `OPENSSL_CONF` the versions it offers.
    pub(crate) fn command(&self) -> Command {
        let mut words = self.command.iter();
        let mut command = Command::new(words.next().map_or("", String::as_str));
        command
            .args(words)
            .env_clear()
            .envs(self.env.iter().map(|(name, value)| (name, value)));
        command.env("LANG", "C.UTF-8").env("HOME", &self.home);
        for kept in ["PATH", "TMPDIR"] {
            if let Some(value) = std::env::var_os(kept) {
                command.env(kept, value);
            }
        }
        command
    }
}

/// The program called `id`; where it is missing, `None` and a line that says why.
pub(crate) fn installed(id: &str) -> Option<&'static Installed> {
    static MANIFEST: OnceLock<BTreeMap<String, Result<Installed, String>>> = OnceLock::new();
    let why = match MANIFEST.get_or_init(manifest).get(id) {
        Some(Ok(installed)) => return Some(installed),
        Some(Err(why)) => why,
        None => "not in tests/.clients/manifest.json; run tests/setup",
    };
    skipped(id, why);
    None
}

/// Says what a test does without, and why; once, however many tests ask.
pub(crate) fn skipped(what: &str, why: &str) {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let line = format!("SKIPPED {what}: {why}\n");
    let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    if said.insert(line.clone()) {
        // Not `eprintln!`: the test harness hides that where the test passes. A lost line costs nothing but itself.
        let _ = io::stderr().write_all(line.as_bytes());
    }
}

/// Reads the manifest; one that is missing or unreadable holds no client.
fn manifest() -> BTreeMap<String, Result<Installed, String>> {
    let clients = tests_directory().join(".clients");
    let read = std::fs::read_to_string(clients.join("manifest.json")).unwrap_or_default();
    let parsed: Value = serde_json::from_str(&read).unwrap_or_default();
    let entries = parsed.as_object().into_iter().flatten();
    entries
        .map(|(id, entry)| (id.clone(), entry_of(entry, &clients.join("home"))))
        .collect()
}

fn entry_of(entry: &Value, home: &Path) -> Result<Installed, String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let Some(command) = entry.get("command").and_then(Value::as_array) else {
        return Err(entry.get("why").map(text).unwrap_or_default());
    };
    let env = entry
        .get("env")
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    Ok(Installed {
        version: entry.get("version").map(text).unwrap_or_default(),
        command: command.iter().map(text).collect(),
        env: env
            .map(|(name, value)| (name.clone(), text(value)))
            .collect(),
        home: home.to_owned(),
    })
}

/// The checkout's `tests/`: the nearest one with a `setup` in it, upwards from the package that includes this file.
fn tests_directory() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let found = package
        .ancestors()
        .map(|above| above.join("tests"))
        .find(|tests| tests.join("setup").is_file());
    found.unwrap_or_else(|| package.join("tests"))
}
