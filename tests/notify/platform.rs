//! The demo's platform with somebody to write to, a real mail server, and what it took in.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

use crate::installed::installed;

pub(crate) const TODAY: &str = "2026-11-25T12:00:00Z";
pub(crate) const SUNSET: &str = "TLS 1.0 and 1.1";
pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// A demo, with an address for each account.
pub(crate) struct Platform {
    pub(crate) _directory: tempfile::TempDir,
    pub(crate) demo: PathBuf,
}

pub(crate) fn sundown(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sundown"));
    command
        .current_dir(directory)
        .args(arguments)
        .stdin(Stdio::null())
        .env_remove("SUNDOWN_SMTP_PASSWORD");
    command
}

#[track_caller]
pub(crate) fn ended(output: &Output, code: i32) -> String {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

impl Platform {
    pub(crate) fn new() -> Self {
        static MADE: OnceLock<PathBuf> = OnceLock::new();
        let made = MADE.get_or_init(|| {
            let place = Path::new(env!("CARGO_TARGET_TMPDIR"));
            let more = ["--as-of", TODAY, "--directory", "notify-demo"];
            let again = place.join("notify-demo").exists().then_some("--force");
            let mut made = sundown(place, &["demo", "--accounts", "240"]);
            ended(&made.args(more).args(again).output().unwrap(), 0);
            place.join("notify-demo")
        });
        let directory = tempfile::tempdir().unwrap();
        let demo = directory.path().join("sundown-demo");
        copy(made, &demo);
        // What the demo's people wrote down is not what this is about.
        for end in ["", "-wal", "-shm"] {
            fs::remove_file(demo.join(format!("sundown-data/people.sqlite{end}"))).ok();
        }
        fs::write(demo.join("secret"), SECRET).unwrap();
        Self {
            _directory: directory,
            demo,
        }
    }

    /// Gives each account that would break an address, and gives back those accounts.
    pub(crate) fn with_contacts(&self, address: impl Fn(usize, &str) -> String) -> Vec<String> {
        let accounts = self.missing_contacts();
        assert!(accounts.len() > 5, "{accounts:?}");
        let lines = accounts
            .iter()
            .enumerate()
            .map(|(index, account)| format!("{account},{}\n", address(index, account)));
        let file = format!("account,email\n{}", lines.collect::<String>());
        fs::write(self.demo.join("contacts.csv"), file).unwrap();
        accounts
    }

    pub(crate) fn missing_contacts(&self) -> Vec<String> {
        let answer = self.json(&[], 0);
        let skipped = answer["not_written_to"].as_array().unwrap();
        let none = skipped
            .iter()
            .filter(|one| one["because"] == "no address is known");
        none.map(|one| text(&one["account"])).collect()
    }

    pub(crate) fn notify(&self, arguments: &[&str]) -> Command {
        let mut command = sundown(&self.demo, &["notify", "--as-of", TODAY]);
        if self.demo.join("contacts.csv").exists() {
            command.args(["--contacts", "contacts.csv"]);
        }
        command.args(arguments);
        command
    }

    #[track_caller]
    pub(crate) fn said(&self, arguments: &[&str], code: i32) -> String {
        ended(&self.notify(arguments).output().unwrap(), code)
    }

    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str], code: i32) -> Value {
        let said = self.said(&[arguments, &["--json"]].concat(), code);
        serde_json::from_str(&said).unwrap()
    }
}

pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Without regard to where lines were broken.
pub(crate) fn on_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// How many letters are in each state.
pub(crate) fn states(answer: &Value) -> BTreeMap<String, usize> {
    let mut states = BTreeMap::new();
    for letter in answer["letters"].as_array().unwrap() {
        *states.entry(text(&letter["state"])).or_default() += 1;
    }
    states
}

/// A real mail server on a port of its own.
pub(crate) struct MailServer {
    pub(crate) process: Child,
    pub(crate) _input: ChildStdin,
    pub(crate) output: BufReader<ChildStdout>,
    pub(crate) url: String,
    pub(crate) mails: tempfile::TempDir,
}

pub(crate) fn driver(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/clients")
        .join(name)
}

impl MailServer {
    pub(crate) fn start() -> Option<Self> {
        Self::with(&[])
    }

    /// With a certificate, its key, and a user with a password.
    pub(crate) fn with(more: &[&str]) -> Option<Self> {
        let mails = tempfile::tempdir().unwrap();
        let mut process = installed("aiosmtpd")?
            .command()
            .arg(driver("smtpd.py"))
            .arg(mails.path())
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = process.stdin.take().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut port = String::new();
        output.read_line(&mut port).unwrap();
        Some(Self {
            process,
            _input: input,
            output,
            url: format!("smtp://127.0.0.1:{}", port.trim()),
            mails,
        })
    }

    /// Waits until it has taken one more.
    pub(crate) fn next(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    pub(crate) fn mails(&self) -> Vec<Value> {
        read(self.mails.path()).unwrap()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// The mails of a directory, as Python reads them.
pub(crate) fn read(directory: &Path) -> Option<Vec<Value>> {
    let output = installed("aiosmtpd")?
        .command()
        .arg(driver("mails.py"))
        .arg(directory)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

pub(crate) fn headers(mail: &Value, name: &str) -> Vec<String> {
    let headers = mail["headers"].as_array().unwrap().iter();
    headers
        .filter(|header| header[0] == name)
        .map(|header| text(&header[1]))
        .collect()
}

pub(crate) fn recipients(mails: &[Value]) -> Vec<String> {
    mails.iter().flat_map(|mail| headers(mail, "To")).collect()
}

pub(crate) const FROM: [&str; 2] = ["--from", "Example API <api@example.com>"];

pub(crate) fn by<'a>(server: &'a str, rate: &'a str) -> Vec<&'a str> {
    let more = ["--smtp", server, "--rate", rate, "--retry-after", "10ms"];
    [&FROM[..], &more, &["--send"]].concat()
}
