//! What the tests of the levers share: a client of TLSv1, and the commands that an operator types.
#![allow(
    dead_code,
    reason = "each test that includes this file uses its own part of it"
)]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::clients;
use crate::edge::{Edge, eventually};

/// What became of a request of a client that offers TLSv1 at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// An answer: its status, its head and its body.
    Answered(u16, String, String),
    /// The handshake was refused.
    Refused,
}

impl Fate {
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::Answered(status, ..) => *status,
            Self::Refused => 0,
        }
    }

    pub(crate) fn is_refused(&self) -> bool {
        *self == Self::Refused
    }

    /// Served, and not told a word.
    #[track_caller]
    pub(crate) fn assert_untold(&self) {
        let Self::Answered(200, head, _) = self else {
            panic!("not served: {self:?}");
        };
        let head = head.to_ascii_lowercase();
        assert!(
            !head.contains("deprecation") && !head.contains("sundown-notice"),
            "{head}"
        );
    }

    pub(crate) fn body(&self) -> &str {
        match self {
            Self::Answered(_, _, body) => body,
            Self::Refused => "",
        }
    }
}

/// Asks as a client of TLSv1; `None` where there is no curl, said loudly.
pub(crate) fn ask(edge: &Edge, path: &str, more: &[&str]) -> Option<Fate> {
    ask_at(edge, &edge.url(path), more)
}

/// The same, at a URL.
pub(crate) fn ask_at(edge: &Edge, url: &str, more: &[&str]) -> Option<Fate> {
    let ca = edge.ca.display().to_string();
    let mut arguments = vec![
        "--silent",
        "--show-error",
        "--include",
        "--http1.1",
        "--ipv4",
    ];
    arguments.extend([
        "--path-as-is",
        "--cacert",
        &ca,
        "--tls-max",
        "1.0",
        "--tlsv1.0",
    ]);
    arguments.extend(["--ciphers", "DEFAULT@SECLEVEL=0"]);
    arguments.extend(more);
    arguments.push(url);
    let ended = clients::run_tool("curl", &arguments)?;
    if !ended.success {
        assert!(
            ended.stderr.contains("alert protocol version"),
            "it fails in another way: {ended:?}"
        );
        return Some(Fate::Refused);
    }
    let (head, body) = ended
        .stdout
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("{ended:?}"));
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let status = status.unwrap_or_else(|| panic!("{head}"));
    Some(Fate::Answered(status, head.to_owned(), body.to_owned()))
}

/// Waits until a request of a client of TLSv1 has this fate.
#[track_caller]
pub(crate) fn becomes(edge: &Edge, what: &str, wanted: impl Fn(&Fate) -> bool) {
    eventually(what, || {
        ask(edge, "/v1/x", &[]).is_some_and(|fate| wanted(&fate))
    });
}

/// Runs a command on a data directory.
pub(crate) fn sundown(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sundown"))
        .args(arguments)
        .arg("--data-dir")
        .arg(directory.join("data"))
        .current_dir(directory)
        .output()
        .expect("the program can be started")
}

/// Runs a command that must succeed, and gives what it says.
#[track_caller]
pub(crate) fn done(directory: &Path, arguments: &[&str]) -> String {
    let output = sundown(directory, arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// The records of the audit trail.
#[track_caller]
pub(crate) fn trail(directory: &Path) -> Vec<Value> {
    serde_json::from_str(&done(directory, &["audit", "--json"])).expect("JSON")
}

/// The kinds of the records, in order.
pub(crate) fn kinds(trail: &[Value]) -> Vec<&str> {
    let kinds = trail.iter().filter_map(|record| record["kind"].as_str());
    kinds.collect()
}
