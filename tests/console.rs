//! `sundown demo` and `sundown console` from outside: the figures of a report, on a page; a console beside an edge; one that
//! does not start open to others; and the files for Prometheus.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that meets the unexpected is to fail"
)]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

#[path = "support/edge.rs"]
mod edge;

use edge::{Edge, LIMIT, eventually};

/// A moment within the demo, so that the test is the same on every day.
const NOW: &str = "2026-03-18T12:00:00Z";

/// A console that runs.
struct Running {
    child: Child,
    address: String,
}

impl Running {
    fn start(directory: &Path, more: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sundown"))
            .args(["console", "--listen", "127.0.0.1:0", "--as-of", NOW])
            .args(more)
            .current_dir(directory)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program can be started");
        let mut line = String::new();
        let stdout = child.stdout.as_mut().expect("standard output is piped");
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("it says where it is");
        let address = line.trim().rsplit("http://").next().unwrap_or_default();
        Self {
            address: address.to_owned(),
            child,
        }
    }

    fn get(&self, path: &str) -> (u16, String) {
        get(&self.address, path, "")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).ok();
        self.child.wait().ok();
    }
}

/// Status and body.
fn get(address: &str, path: &str, more: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).expect("a console listens");
    // The first picture of a debug build on a busy machine takes a while.
    stream.set_read_timeout(Some(LIMIT * 6)).expect("a time");
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nAccept: text/html\r\nConnection: close\r\n{more}\r\n"
    );
    stream.write_all(request.as_bytes()).expect("a connection");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("no answer: {answer}"));
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap_or(0);
    let body = if head.to_lowercase().contains("transfer-encoding: chunked") {
        unchunked(body)
    } else {
        body.to_owned()
    };
    (status, body)
}

fn unchunked(mut text: &str) -> String {
    let mut body = String::new();
    while let Some((size, rest)) = text.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap_or(0);
        if size == 0 {
            break;
        }
        body.push_str(&rest[..size]);
        text = &rest[size + 2..];
    }
    body
}

fn sundown(directory: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_sundown"))
        .args(arguments)
        .current_dir(directory)
        .output()
        .expect("the program can be started");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

fn demo(parent: &Path) -> PathBuf {
    let (code, said, _) = sundown(parent, &["demo", "--accounts", "40", "--as-of", NOW]);
    assert_eq!(code, Some(0));
    assert!(said.contains("sundown console"), "{said}");
    parent.join("sundown-demo")
}

#[test]
fn the_console_shows_what_a_report_says_of_the_demo() {
    let parent = tempfile::tempdir().expect("a directory");
    let directory = demo(parent.path());
    let (_, report, said) = sundown(&directory, &["report", "--json", "--as-of", NOW]);
    assert!(said.contains("Demo data"), "{said}");
    let report: Value = serde_json::from_str(&report).expect("JSON");
    let running = Running::start(&directory, &[]);
    let (status, overview) = running.get("/api/v1/overview");
    assert_eq!(status, 200, "{overview}");
    let overview: Value = serde_json::from_str(&overview).expect("JSON");
    assert_eq!(overview["sunsets"].as_array().map(Vec::len), Some(2));
    for (shown, said) in overview["sunsets"]
        .as_array()
        .into_iter()
        .flatten()
        .zip(report["sunsets"].as_array().into_iter().flatten())
    {
        for of in ["accounts", "requests", "connections"] {
            assert_eq!(shown[of], said[of], "{of}");
        }
    }
    let (status, page) = running.get("/");
    assert_eq!(status, 200);
    let accounts = &report["sunsets"][0]["accounts"];
    let told = format!("{} of {} would break", accounts["break"], accounts["total"]);
    assert!(page.contains(&told) && page.contains("Demo data"), "{told}");
    let worst = report["sunsets"][0]["breaking"][0]["who"]["id"]
        .as_str()
        .expect("somebody breaks");
    let (status, account) = running.get(&format!("/account?id={worst}"));
    assert_eq!(status, 200);
    assert!(account.contains(worst) && account.contains("What it will meet"));
    let (_, again, _) = sundown(&directory, &["demo", "--directory", "."]);
    assert_eq!(again, "", "a demo that is there is not made over");
    let (code, _, said) = sundown(&directory, &["audit", "--verify"]);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn a_demo_never_takes_the_place_of_what_is_none() {
    let parent = tempfile::tempdir().expect("a directory");
    fs::create_dir_all(parent.path().join("sundown-demo/sundown-data")).expect("a directory");
    let (code, _, said) = sundown(parent.path(), &["demo", "--force", "--accounts", "20"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("no demo"), "{said}");
}

#[test]
fn an_address_for_others_takes_a_token() {
    let directory = tempfile::tempdir().expect("a directory");
    let (code, _, said) = sundown(directory.path(), &["console", "--listen", "0.0.0.0:0"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("token_file"), "{said}");
}

#[test]
fn a_console_runs_beside_an_edge_and_pulls_its_levers() {
    let edge = Edge::start(
        &format!("[console]\nlisten = \"127.0.0.1:0\"\n{}", edge::WARN),
        None,
    );
    let listening = edge.listening();
    let address = listening["console"]
        .as_str()
        .and_then(|url| url.strip_prefix("http://"))
        .unwrap_or_else(|| panic!("{listening}"))
        .to_owned();
    let ended = edge
        .curl()
        .args(["-o", "/dev/null", "-A", "Java/1.8.0_212"])
        .arg(edge.url("/orders"))
        .status();
    assert!(ended.expect("curl is there").success());
    eventually("the console shows what the edge saw", || {
        let (status, text) = get(&address, "/api/v1/overview", "");
        let Ok(overview) = serde_json::from_str::<Value>(&text) else {
            return false;
        };
        status == 200 && overview["evidence"]["connections"].as_u64() >= Some(1)
    });
    let (status, _) = get(&address, "/plan", "");
    assert_eq!(status, 200);
    edge.stop();
}

#[test]
fn prometheus_takes_the_alert_rules() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let grafana =
        fs::read_to_string(root.join("docs/monitoring/grafana.json")).expect("the dashboard");
    let dashboard: Value = serde_json::from_str(&grafana).expect("JSON");
    let rules =
        fs::read_to_string(root.join("docs/monitoring/sundown.rules.yml")).expect("the rules");
    // What they ask for is what the console says.
    let metrics = include_str!("../crates/console/src/metrics.rs");
    let panels = dashboard["panels"].as_array().expect("panels").iter();
    let asked = panels.map(|panel| {
        panel["targets"][0]["expr"]
            .as_str()
            .expect("an expression")
            .to_owned()
    });
    for text in asked.chain([rules]) {
        for name in text
            .split(|character: char| !(character.is_ascii_alphanumeric() || character == '_'))
            .filter(|word| word.starts_with("sundown_"))
        {
            assert!(metrics.contains(&format!("\"{name}\"")), "{name}");
        }
    }
    let checked = Command::new("promtool")
        .args(["check", "rules"])
        .arg(root.join("docs/monitoring/sundown.rules.yml"))
        .output();
    match checked {
        Err(error) => {
            println!("SKIPPED promtool check rules: {error}; on Debian install prometheus")
        }
        Ok(output) => assert!(output.status.success(), "{output:?}"),
    }
}
