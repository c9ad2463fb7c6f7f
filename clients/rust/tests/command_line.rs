//! The command line without a server. With servers of every kind it is tested beside the helpers of the other languages.

use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sundown-check"));
    command
        .args(arguments)
        .output()
        .expect("the program can be started")
}

#[test]
fn a_url_that_is_none_is_an_answer() {
    let output = run(&["--json", "http://api.example.com"]);
    assert_eq!(output.status.code(), Some(2));
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(answer["verdict"], "unknown");
    assert_eq!(
        answer["summary"],
        "the URL is plain HTTP; write https:// to check TLS"
    );
}

#[test]
fn arguments_that_are_none_teach() {
    for arguments in [
        &[][..],
        &["--splendid"],
        &["--timeout", "0", "https://localhost"],
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(
            String::from_utf8_lossy(&output.stderr).starts_with("usage: "),
            "{arguments:?}"
        );
    }
}
