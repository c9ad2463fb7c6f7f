//! `sundown notice` from outside: the committed announcement of the 2016 plan, and what every form of it holds.
//!
//! `UPDATE=1` in the environment writes `docs/notice-2016.md` anew.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn notice(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sundown"))
        .current_dir(top())
        .args(["notice", "--config", "examples/pokitdok-2016.toml"])
        .args(["--as-of", "2016-09-15"])
        .args(arguments)
        .output()
        .expect("the program can be run")
}

#[track_caller]
fn text(arguments: &[&str]) -> String {
    let output = notice(arguments);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// What the notice of 2016 told its readers, and where it was too simple.
const FACTS: [&str; 40] = [
    // What, when, why.
    "15 December 2016",
    "TLSv1 is of 1999, TLSv1.1 of 2006",
    "since 2008",
    "TLSv1.3 is still a draft",
    "PCI",
    "30 June 2018",
    "once called SSL",
    // Ruby, Python, PHP, Perl: OpenSSL 1.0.1.
    "OpenSSL 1.0.1 or later",
    "OPENSSL_LIBRARY_VERSION",
    "ssl.OPENSSL_VERSION",
    // .NET 4.6, 4.5, 4.0, 3.5.
    "4.6 to before 4.7",
    "SecurityProtocolType.Tls12",
    "(SecurityProtocolType)3072",
    "|=",
    "KB3154518",
    "SystemDefaultTlsVersions",
    "built for below 4.6",
    // Java 6, 7, 8.
    "Move to Java 8 or later",
    "-Dhttps.protocols=TLSv1.2",
    "-Djdk.tls.client.protocols=TLSv1.2",
    "6u115",
    "8 and later",
    // Node.js, Go.
    "before 0.10",
    "before 1.2",
    // PHP's own trap.
    "STREAM_CRYPTO_METHOD_TLSv1_2_CLIENT",
    // Android from 4.1, but switched on; iOS 5.
    "4.1 to before 5",
    "ProviderInstaller",
    "before 5",
    // Rehearsals, the check, the preview, the helpers, whom to ask.
    "15 November 2016, 09:07 to 09:17 UTC",
    "https://api.example.com/ssl/",
    "https://next.api.example.com/ssl/",
    "16 January 2017",
    "python -m sundown_check https://api.example.com/ssl/",
    "Node.js: sundown-check https:",
    "PHP: sundown-check https:",
    "sundown-check.jar",
    "sundown-check.exe",
    "./sundown-check.sh https:",
    "https://example.com/help",
    "status 403",
];

/// Sentences of 2016: facts are ours to tell, words are not.
const THEIR_WORDS: [&str; 6] = [
    "utmost importance",
    "You don’t need to do any additional work",
    "there is no workaround",
    "handy helper",
    "we constantly iterate",
    "amplified security",
];

#[test]
fn the_notice_of_2016_tells_what_was_told_and_more_in_every_form() {
    for format in ["markdown", "html", "text"] {
        let said = text(&["--format", format]);
        let plain = said
            .replace("<code>", "")
            .replace("</code>", "")
            .replace("&lt;", "<")
            .replace("&quot;", "\"")
            .replace('`', "")
            .replace("\\|", "|")
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        for fact in FACTS {
            assert!(plain.contains(fact), "{format} does not tell {fact:?}");
        }
        for words in THEIR_WORDS {
            assert!(!plain.contains(words), "{format} says {words:?}");
        }
        assert!(
            !said.contains("{name}") && !said.contains("{url}"),
            "{format}"
        );
    }
}

#[test]
fn the_notice_is_what_was_agreed_to() {
    let file = top().join("docs/notice-2016.md");
    let said = text(&["--service", "the Example platform"]);
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&file, &said).expect("a directory of this project");
    }
    let committed = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        said == committed,
        "the notice is no longer docs/notice-2016.md; read the change with UPDATE=1 cargo test --test notice && git diff docs"
    );
}

#[test]
fn prose_keeps_to_eighty_columns() {
    let said = text(&["--format", "text"]);
    for line in said.lines().filter(|line| line.chars().count() > 80) {
        let whole = line.starts_with("    ") || line.trim_start().starts_with("http");
        assert!(whole, "prose past 80 columns: {line}");
    }
}

#[test]
fn a_page_has_no_script_and_asks_for_nothing() {
    let said = text(&["--format", "html"]);
    for tag in ["<script", "<img", "<link", "src="] {
        assert!(!said.contains(tag), "{tag}");
    }
    assert!(said.starts_with("<!DOCTYPE html>"));
}

#[test]
fn the_operators_words_go_around_ours() {
    let directory = tempfile::tempdir().expect("a directory of our own");
    let template = directory.path().join("notice.md");
    let written = directory.path().join("out.md");
    let arguments = |template: &Path| {
        [
            "--template".to_owned(),
            template.display().to_string(),
            "--output".to_owned(),
            written.display().to_string(),
        ]
    };
    let run = |source: &str| {
        fs::write(&template, source).expect("a directory of our own");
        let arguments = arguments(&template);
        notice(&arguments.each_ref().map(String::as_str))
    };
    let output = run("Dear customer,\n\n{{ sections.dates }}\nUntil {{ date }}: {{ contact }}\n");
    assert!(output.status.success(), "{output:?}");
    let said = fs::read_to_string(&written).expect("it was written");
    assert!(
        said.starts_with("Dear customer,\n\n## What happens when"),
        "{said}"
    );
    assert!(
        said.contains("Until 15 December 2016: https://example.com/help"),
        "{said}"
    );
    assert!(!said.contains("## Why"), "{said}");

    for (source, says) in [
        ("{{ sectoins.dates }}", "notice.md"),
        ("{% for x in %}", "notice.md:1"),
        (
            "{% for a in range(10000) %}{% for b in range(10000) %}.{% endfor %}{% endfor %}",
            "notice.md",
        ),
    ] {
        let output = run(source);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{source}: {error}");
        assert!(error.contains(says), "{source}: {error}");
    }
}

#[test]
fn what_cannot_be_announced_is_said() {
    let output = notice(&["--url", "http://api.example.com/path"]);
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        error.contains("https://api.example.com, without a path"),
        "{error}"
    );
}
