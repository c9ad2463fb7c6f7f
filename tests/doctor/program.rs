//! The program under test: `sundown doctor`, run to its end in an environment of our own, and what its report says.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A machine of our own: a home directory, a temporary one, and programs that only play at being runtimes.
pub(crate) struct Machine {
    directory: TempDir,
}

/// What the program made of it.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Machine {
    pub(crate) fn new() -> Self {
        let machine = Self {
            directory: tempfile::tempdir().expect("a directory of our own"),
        };
        for name in ["home", "tmp", "bin"] {
            fs::create_dir(machine.path(name)).expect("a directory of our own");
        }
        machine
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Puts a shell script where programs are.
    pub(crate) fn program(&self, name: &str, script: &str) -> PathBuf {
        let path = self.path("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("a directory of our own");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a file of our own");
        path
    }

    /// The program in this machine's environment; only `bin` is looked into unless the arguments say otherwise.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sundown"));
        command
            .arg("doctor")
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path("home"))
            .env("TMPDIR", self.path("tmp"))
            .stdin(Stdio::null());
        command
    }

    /// Runs it over the programs in `bin`.
    pub(crate) fn fakes(&self, arguments: &[&str]) -> Told {
        let bin = self.path("bin").display().to_string();
        run(self.command(&[&["--in", &bin], arguments].concat()))
    }

    /// What was left behind.
    pub(crate) fn left(&self) -> Vec<PathBuf> {
        let mut left = Vec::new();
        for name in ["home", "tmp"] {
            below(&self.path(name), &mut left);
        }
        left
    }
}

fn below(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("a directory of our own") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            below(&path, found);
        }
        found.push(path);
    }
}

pub(crate) fn run(mut command: Command) -> Told {
    let output = command.output().expect("the program can be started");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    Told {
        code: output.status.code(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

impl Told {
    /// The report, once the exit code is what it should be.
    #[track_caller]
    pub(crate) fn report(&self, code: i32) -> Value {
        assert_eq!(self.code, Some(code), "{self:?}");
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Could not tell, and says all of this.
    #[track_caller]
    pub(crate) fn could_not_tell(&self, words: &[&str]) {
        assert_eq!(self.code, Some(2), "{self:?}");
        assert_eq!(self.stdout, "", "a report where there is nothing to report");
        for word in words {
            let says = self.stderr.contains(word);
            assert!(says, "{word:?} is missing: {}", self.stderr);
        }
    }
}

/// The runtimes of a report.
pub(crate) fn runtimes(report: &Value) -> &[Value] {
    report["runtimes"].as_array().expect("a list")
}

/// The verdict of one floor on a runtime, and what it rests on.
pub(crate) fn verdict<'r>(runtime: &'r Value, floor: &str) -> (&'r str, &'r str) {
    let floors = runtime["floors"].as_array().expect("a list");
    let judged = floors.iter().find(|judged| judged["name"] == floor);
    let judged = judged.unwrap_or_else(|| panic!("{floor} is not there: {runtime:#}"));
    let text = |key: &str| judged[key].as_str().expect("a word");
    (text("verdict"), text("by"))
}

/// The fix for one floor.
pub(crate) fn fix<'r>(runtime: &'r Value, floor: &str) -> &'r str {
    let floors = runtime["floors"].as_array().expect("a list");
    let judged = floors.iter().find(|judged| judged["name"] == floor);
    let fix = judged.and_then(|judged| judged["fix"]["summary"].as_str());
    fix.unwrap_or_else(|| panic!("no fix for {floor}: {runtime:#}"))
}
