//! `sundown advise` from outside.

use std::process::Command;

use serde_json::Value;

/// Exit code, standard output, standard error.
fn advise(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_sundown"))
        .arg("advise")
        .args(arguments)
        .output()
        .expect("the program can be run");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[track_caller]
fn json(arguments: &[&str], code: i32) -> Value {
    let (exit, out, error) = advise(&[arguments, &["--json"]].concat());
    assert_eq!(exit, Some(code), "{error}");
    serde_json::from_str(&out).expect("JSON")
}

#[test]
fn a_name_and_a_version_get_the_exact_change() {
    let (code, out, _) = advise(&["java", "7u25"]);
    assert_eq!(code, Some(1));
    for says in [
        "Java 7u25",
        "leaves it off",
        "-Dhttps.protocols=TLSv1.2",
        "java -version",
        "https://api.example.com/ssl/",
        "https://",
    ] {
        assert!(out.contains(says), "{says}: {out}");
    }
    let (code, out, _) = advise(&["python", "3.12"]);
    assert_eq!(code, Some(0), "{out}");
}

#[test]
fn other_floors_get_other_answers() {
    let tls13 = json(&[".NET 4.5", "--floor", "tls1.3"], 1);
    assert_eq!(tls13["client"]["family"], "dotnet-framework");
    assert_eq!(tls13["needs"][0]["what"], "TLSv1.3");
    assert_eq!(tls13["needs"][0]["support"], "never");
    let pq = json(&["java", "21", "--floor", "pq"], 1);
    let needs = pq["needs"].as_array().expect("needs");
    let last = needs.last().expect("one at least");
    assert_eq!(last["what"], "X25519MLKEM768");
    let summary = last["advice"]["summary"].as_str().expect("text");
    assert!(summary.contains("Java 27 and later"), "{summary}");
    let strict = json(&["openssl", "1.0.2", "--floor", "rfc9325"], 0);
    assert_eq!(strict["also"][0], "cipher suites");
}

#[test]
fn a_client_is_known_by_what_it_sends() {
    let known = json(
        &[
            "--user-agent",
            "Python-urllib/2.7",
            "--ja4",
            "t10d090600_c491f621fb4c_195413a0cc0f",
            "--url",
            "https://api.test/ssl/",
        ],
        1,
    );
    assert_eq!(known["client"]["runtime"], "Python");
    assert_eq!(known["client"]["library"], "OpenSSL 1.1.0 or later");
    let advice = &known["needs"][0]["advice"];
    let summary = advice["summary"].as_str().expect("text");
    assert!(summary.contains("offered TLSv1 at most"), "{summary}");
    let verify = advice["verify"].as_str().expect("text");
    assert!(verify.contains("https://api.test/ssl/"), "{verify}");

    let liar = json(
        &[
            "--user-agent",
            "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
            "--ja4",
            "t10i150300_0dfbaf47f5cc_1332affee883",
        ],
        1,
    );
    assert_eq!(liar["client"]["runtime"], "Java", "never believed");
    assert_eq!(
        liar["client"]["contradiction"],
        "the User-Agent names Chrome, the handshake is that of Java JSSE"
    );
}

#[test]
fn what_is_not_known_is_answered_with_what_may_be_meant() {
    let (code, _, error) = advise(&["pyhton", "2.7"]);
    assert_eq!(code, Some(2));
    assert!(error.contains("did you mean Python"), "{error}");
    let (code, _, error) = advise(&["java", "seven"]);
    assert_eq!(code, Some(2));
    assert!(error.contains("\"seven\" is no version"), "{error}");
    let (code, _, error) = advise(&["--user-agent", "x"]);
    assert_eq!(code, Some(2));
    assert!(error.contains("--list"), "{error}");
    let (code, _, error) = advise(&["java", "--floor", "tls9"]);
    assert_eq!(code, Some(2));
    assert!(error.contains("tls1.2"), "{error}");
}

#[test]
fn hostile_words_end_quickly_and_do_no_harm() {
    let long = "A".repeat(100_000);
    let bomb = "(a+)+$".repeat(2_000);
    for text in [long.as_str(), bomb.as_str(), "\u{1b}[2J\r\n", "é\u{202e}"] {
        let (code, out, error) = advise(&["--user-agent", text]);
        assert_eq!(code, Some(2), "{error}");
        assert!(!out.contains('\u{1b}') && !error.contains('\u{1b}'));
        let (code, ..) = advise(&[text]);
        assert_eq!(code, Some(2));
    }
    let (_, out, _) = advise(&["curl", "7.19", "--url", "https://x/'; rm -rf /"]);
    assert!(out.contains("https://x/%27%3B%20rm"), "{out}");
}

#[test]
fn everything_known_can_be_listed() {
    let (code, out, _) = advise(&["--list"]);
    assert_eq!(code, Some(0));
    assert!(
        out.contains(".NET Framework") && out.contains("IBM i"),
        "{out}"
    );
    let all = json(&["--list"], 0);
    assert!(all.as_array().expect("a list").len() > 80);
    let (code, out, _) = advise(&["--list", "ruby"]);
    assert_eq!(code, Some(0));
    assert!(
        out.contains("2.5 to before") || out.contains("2.5 and later"),
        "{out}"
    );
}
