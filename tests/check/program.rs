//! The program under test: `sundown check`, run to its end, and what its report says.

use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// What `sundown check` made of it.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs it with these arguments.
pub(crate) fn check(arguments: &[&str]) -> Checked {
    check_with(arguments, |command| command)
}

/// With a change to how the program is started.
pub(crate) fn check_with(
    arguments: &[&str],
    change: impl Fn(&mut Command) -> &mut Command,
) -> Checked {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sundown"));
    command.arg("check").args(arguments).stdin(Stdio::null());
    let Output {
        status,
        stdout,
        stderr,
    } = change(&mut command)
        .output()
        .expect("the program can be started");
    Checked {
        code: status.code(),
        stdout: String::from_utf8(stdout).expect("text"),
        stderr: String::from_utf8(stderr).expect("text"),
    }
}

impl Checked {
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
            assert!(
                self.stderr.contains(word),
                "{word:?} is missing: {}",
                self.stderr
            );
        }
        assert_eq!(
            self.stderr.lines().count(),
            1,
            "one line of error: {}",
            self.stderr
        );
    }
}

/// The verdict of one floor.
pub(crate) fn floor<'a>(report: &'a Value, name: &str) -> &'a str {
    let floors = report["floors"].as_array().expect("a list");
    let floor = floors.iter().find(|floor| floor["name"] == name);
    floor.expect("every named floor")["verdict"]
        .as_str()
        .expect("a word")
}

/// A list of texts.
pub(crate) fn texts(list: &Value) -> Vec<&str> {
    let list = list.as_array().expect("a list");
    list.iter().filter_map(Value::as_str).collect()
}
