//! `sundown check` against servers of every kind.
//!
//! The judges are OpenSSL's `s_server`, which says what it negotiated, and the real edge. Nothing leaves this machine.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that meets the unexpected is to fail"
)]

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

#[path = "support/edge.rs"]
mod edge;
#[path = "check/of_an_edge.rs"]
mod of_an_edge;
#[path = "check/program.rs"]
mod program;
#[path = "check/servers.rs"]
mod servers;

use program::{check, check_with, floor, texts};
use servers::{Judge, canned, certificates, http};

// --- What is negotiated -----------------------------------------------------------------------------------------------

/// Everything that OpenSSL says of the connection is what the report says of it.
#[track_caller]
fn agrees_with_openssl(version: &str, arguments: &[&str], exit: i32) {
    // As a platform of 2016 answered: a protocol, a cipher, no plan.
    let body = json!({ "protocol": version, "cipher": "AES128-SHA" }).to_string();
    let Some(mut judge) = Judge::start("here", arguments, &http("200 OK", &body)) else {
        return;
    };
    let ca = certificates().expect("made above").path("here.pem");
    let report = check(&[&judge.url, "--ca", &ca, "--json"]).report(exit);

    assert_eq!(report["offered"]["sni"], true);
    // OpenSSL 3.0 has no names for hybrids, which come first; the others it tells in the order of the hello.
    let groups = judge.says("Supported groups: ");
    let offered = texts(&report["offered"]["groups"]);
    assert_eq!(groups.split(':').count(), offered.len(), "{groups}");
    assert!(offered.contains(&"X25519MLKEM768"), "{offered:?}");
    let classical = offered.iter().skip_while(|group| group.contains("MLKEM"));
    let classical = classical.copied().collect::<Vec<_>>().join(":");
    assert!(groups.ends_with(&classical), "{groups}, not {classical}");
    assert_eq!(judge.says("CIPHER is "), report["negotiated"]["cipher"]);
    assert_eq!(report["negotiated"]["protocol"], version);
    assert_eq!(report["certificate"]["subject"], "O=Sundown tests, CN=here");
    assert_eq!(report["certificate"]["expires"], not_after(&ca));
    assert_eq!(report["certificate"]["verified_by"], ca);

    assert_eq!(report["server"]["protocol"], version);
    assert_eq!(report["server"]["intermediary"], false);
    assert_eq!(report["decided_by"], json!({ "floor": "tls1.2" }));
    assert_eq!(
        report["verdict"],
        if exit == 0 { "meets" } else { "misses" }
    );
    assert_eq!(
        floor(&report, "tls1.2"),
        report["verdict"].as_str().expect("a word")
    );
}

/// When a certificate ends, as OpenSSL reads it.
fn not_after(certificate: &str) -> String {
    let told = Command::new("openssl")
        .args(["x509", "-noout", "-enddate", "-dateopt", "iso_8601", "-in"])
        .arg(certificate)
        .output()
        .expect("openssl made the certificate");
    let told = String::from_utf8(told.stdout).expect("text");
    let date = told.trim().strip_prefix("notAfter=").expect("a date");
    date.replace(' ', "T")
}

#[test]
fn a_server_held_to_tls13() {
    agrees_with_openssl("TLSv1.3", &["-tls1_3"], 0);
}

#[test]
fn a_server_held_to_tls12() {
    agrees_with_openssl("TLSv1.2", &["-tls1_2"], 0);
}

#[test]
fn a_server_held_to_tls12_with_rsa_key_exchange() {
    agrees_with_openssl("TLSv1.2", &["-tls1_2", "-cipher", "AES256-SHA"], 0);
}

#[test]
fn a_server_held_to_tls11() {
    let old = ["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"];
    agrees_with_openssl("TLSv1.1", &old, 1);
}

#[test]
fn a_server_held_to_tls1() {
    let old = ["-tls1", "-cipher", "DEFAULT@SECLEVEL=0"];
    agrees_with_openssl("TLSv1", &old, 1);
}

#[test]
fn the_floor_that_decides_can_be_named() {
    let Some(judge) = Judge::start("here", &["-tls1_2"], &http("404 Not Found", "{}")) else {
        return;
    };
    let ca = certificates().expect("made above").path("here.pem");
    let report = check(&[&judge.url, "--ca", &ca, "--json", "--floor", "tls1.3"]).report(1);
    assert_eq!(report["verdict"], "misses");
    assert_eq!(report["decided_by"], json!({ "floor": "tls1.3" }));
    assert_eq!(floor(&report, "tls1.2"), "meets");
    let looked: Vec<&Value> = report["unanswered"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|unanswered| &unanswered["path"])
        .collect();
    assert_eq!(looked, ["/ssl/", "/api/v4/ssl/"]);
    check(&[&judge.url, "--floor", "tls9"]).could_not_tell(&["tls9", "rfc9325"]);
}

#[test]
fn an_address_is_no_server_name() {
    let Some(judge) = Judge::start("here", &[], &http("404 Not Found", "")) else {
        return;
    };
    let ca = certificates().expect("made above").path("here.pem");
    let url = judge.url.replace("localhost", "127.0.0.1");
    let report = check(&[&format!("{url}/health"), "--ca", &ca, "--json"]).report(0);
    assert_eq!(report["offered"]["sni"], false);
    assert_eq!(report["unanswered"][0]["path"], "/health");
}

// --- What the server says ---------------------------------------------------------------------------------------------

#[test]
fn a_server_that_saw_another_protocol_is_behind_something() {
    let body = json!({ "protocol": "TLSv1.2" }).to_string();
    let Some(judge) = Judge::start("here", &["-tls1_3"], &http("200 OK", &body)) else {
        return;
    };
    let ca = certificates().expect("made above").path("here.pem");
    let report = check(&[&judge.url, "--ca", &ca, "--json"]).report(0);
    assert_eq!(report["server"]["intermediary"], true);
    let shown = check(&[&judge.url, "--ca", &ca]);
    assert!(
        shown.stdout.contains("something between them re-encrypts"),
        "{shown:?}"
    );
}

#[test]
fn what_a_server_says_cannot_steer_the_terminal() {
    let body = r#"{ "protocol": "TLSv1.3\u001b[2J\u009b31m", "verdict": "at-risk", "advice": { "summary": "a\u202eb" },
        "floors": [{ "sunset": "\u001b]0;x\u0007", "name": "n" }] }"#;
    let body = body.replace(char::is_whitespace, "");
    let Some(judge) = Judge::start("here", &["-tls1_3"], &http("200 OK", &body)) else {
        return;
    };
    let ca = certificates().expect("made above").path("here.pem");
    let json = check(&[&judge.url, "--ca", &ca, "--json"]);
    assert_eq!(json.report(1)["verdict"], "at-risk");
    let table = check(&[&judge.url, "--ca", &ca]);
    assert_eq!(table.code, Some(1));
    assert!(table.stdout.contains("To fix it: ab"), "{table:?}");
    for shown in [json.stdout, table.stdout] {
        let steering = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!shown.contains(steering), "{shown:?}");
        assert!(!shown.contains("\\u001b"), "{shown}");
    }
}

#[test]
fn an_answer_without_end_is_cut_off() {
    let long = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: 1500000\r\n\r\n{}",
        "7".repeat(1_500_000)
    );
    let Some(judge) = Judge::start("here", &["-tls1_3"], &long) else {
        return;
    };
    let ca = certificates().expect("made above").path("here.pem");
    let report = check(&[&judge.url, "--ca", &ca, "--json"]).report(0);
    assert_eq!(report["server"], Value::Null);
    let why = report["unanswered"][0]["why"].as_str().expect("text");
    assert!(why.contains("length limit exceeded"), "{why}");
}

#[test]
fn a_server_without_http_is_judged_by_its_handshake() {
    let Some(judge) = Judge::start("here", &["-tls1_2"], "") else {
        return;
    };
    let ca = certificates().expect("made above").path("here.pem");
    let report = check(&[&judge.url, "--ca", &ca, "--json"]).report(0);
    assert_eq!(report["verdict"], "meets");
    assert_eq!(report["unanswered"][0]["why"], "no HTTP answer within 10 s");
}

// --- Refusals by others -----------------------------------------------------------------------------------------------

#[test]
fn openssl_refuses_when_there_is_no_group_in_common() {
    let Some(judge) = Judge::start("here", &["-tls1_3", "-groups", "P-521"], "") else {
        return;
    };
    let report = check(&[&judge.url, "--json"]).report(1);
    assert_eq!(
        report["alert"],
        json!({ "code": 40, "name": "handshake_failure" })
    );
}

#[test]
fn protocol_version_is_a_verdict_and_internal_error_is_none() {
    let report = check(&[&canned(Some(b"\x15\x03\x01\x00\x02\x02\x46")), "--json"]).report(1);
    assert_eq!(
        report["alert"],
        json!({ "code": 70, "name": "protocol_version" })
    );
    check(&[&canned(Some(b"\x15\x03\x01\x00\x02\x02\x50"))])
        .could_not_tell(&["alert 80 internal_error", "log"]);
    check(&[&canned(Some(b"\x15\x03\x03\x00\x02\x02\x70"))])
        .could_not_tell(&["alert 112 unrecognized_name", "check the URL"]);
}

#[test]
fn a_missing_client_certificate_says_nothing_about_floors() {
    let Some(judge) = Judge::start("here", &["-tls1_2", "-Verify", "1"], "") else {
        return;
    };
    let ca = certificates().expect("made above").path("here.pem");
    check(&[&judge.url, "--ca", &ca])
        .could_not_tell(&["alert 40 handshake_failure", "client certificate"]);

    let Some(judge) = Judge::start("here", &["-tls1_3", "-Verify", "1"], "") else {
        return;
    };
    let report = check(&[&judge.url, "--ca", &ca, "--json"]).report(0);
    let why = report["unanswered"][0]["why"].as_str().expect("text");
    assert!(why.contains("alert 116 certificate_required"), "{why}");
}

#[test]
fn a_server_may_warn_of_a_name_and_go_on() {
    let Some(files) = certificates() else {
        return;
    };
    let (ca, key) = (files.path("here.pem"), files.path("here.key"));
    let other = [
        "-tls1_2",
        "-servername",
        "elsewhere.example",
        "-cert2",
        &ca,
        "-key2",
        &key,
    ];
    let Some(judge) = Judge::start("here", &other, &http("404 Not Found", "")) else {
        return;
    };
    check(&[&judge.url, "--ca", &ca, "--json"]).report(0);
    let fatal = [&other[..], &["-servername_fatal"]].concat();
    let Some(judge) = Judge::start("here", &fatal, "") else {
        return;
    };
    check(&[&judge.url, "--ca", &ca]).could_not_tell(&["alert 112 unrecognized_name"]);
}

// --- Where it cannot tell ---------------------------------------------------------------------------------------------

#[test]
fn a_certificate_that_nobody_vouches_for() {
    let Some(judge) = Judge::start("here", &[], "") else {
        return;
    };
    let files = certificates().expect("made above");
    let remedy = ["leads to no authority", "--ca FILE"];
    check(&[&judge.url]).could_not_tell(&remedy);
    let other = files.path("elsewhere.pem");
    check(&[&judge.url, "--ca", &other]).could_not_tell(&[&remedy[..], &[&other]].concat());
}

#[test]
fn a_certificate_for_another_name() {
    let Some(judge) = Judge::start("elsewhere", &[], "") else {
        return;
    };
    let ca = certificates().expect("made above").path("elsewhere.pem");
    check(&[&judge.url, "--ca", &ca]).could_not_tell(&["is not for localhost"]);
    let address = judge.url.replace("localhost", "127.0.0.1");
    check(&[&address, "--ca", &ca]).could_not_tell(&["is not for 127.0.0.1"]);
}

#[test]
fn an_authority_file_may_hold_several_and_words_between_them() {
    let Some(judge) = Judge::start("here", &["-tls1_3"], &http("404 Not Found", "")) else {
        return;
    };
    let files = certificates().expect("made above");
    let read = |name| fs::read_to_string(files.path(name)).expect("made above");
    let bundle = PathBuf::from(files.path("bundle.pem"));
    let text = format!(
        "# two\n{}\nwords\n{}\nmore words\n",
        read("elsewhere.pem"),
        read("here.pem")
    );
    fs::write(&bundle, text).expect("a directory of our own");
    let bundle = bundle.to_str().expect("text");
    check(&[&judge.url, "--ca", bundle, "--json"]).report(0);

    let key = files.path("here.key");
    check(&[&judge.url, "--ca", &key]).could_not_tell(&[&key, "BEGIN CERTIFICATE"]);
    check(&[&judge.url, "--ca", "no-such.pem"]).could_not_tell(&["no-such.pem", "PEM file"]);
}

/// AWS-LC finds the system's authorities as OpenSSL does, so a test can put one of its own there.
#[test]
fn without_a_file_the_system_is_trusted_and_with_one_it_is_not() {
    let Some(judge) = Judge::start("here", &["-tls1_3"], &http("404 Not Found", "")) else {
        return;
    };
    let files = certificates().expect("made above");
    let (here, elsewhere) = (files.path("here.pem"), files.path("elsewhere.pem"));
    let report = check_with(&[&judge.url, "--json"], |command| {
        command.env("SSL_CERT_FILE", &here)
    })
    .report(0);
    assert_eq!(
        report["certificate"]["verified_by"],
        "the system's authorities"
    );
    check_with(&[&judge.url, "--ca", &elsewhere], |command| {
        command.env("SSL_CERT_FILE", &here)
    })
    .could_not_tell(&["leads to no authority", &elsewhere]);
}

#[test]
fn nothing_listens() {
    // A port that was free a moment ago.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    check(&[&format!("https://127.0.0.1:{port}")]).could_not_tell(&[
        "nothing takes connections",
        "refused",
        "is that its port?",
    ]);
}

#[test]
fn a_server_that_speaks_something_else() {
    check(&[&canned(Some(b"HTTP/1.1 400 Bad Request\r\n\r\n"))]).could_not_tell(&[
        "plain HTTP",
        "not TLS",
        "give the port",
    ]);
    check(&[&canned(Some(b"SSH-2.0-x\r\n"))]).could_not_tell(&["SSH"]);
    check(&[&canned(Some(b"220 \x1b[2Jmail ready\r\n"))])
        .could_not_tell(&["does not speak TLS", "220 \\x1b[2Jmail"]);
    check(&[&canned(Some(b"\x00\xff"))]).could_not_tell(&["does not speak TLS"]);
}

#[test]
fn a_server_that_breaks_off() {
    check(&[&canned(Some(b""))]).could_not_tell(&["closed the connection without an answer"]);
    check(&[&canned(Some(b"\x16\x03\x03\x00\x50\x02"))])
        .could_not_tell(&["in the middle of the handshake"]);
    // A record of handshake type that holds no handshake.
    check(&[&canned(Some(b"\x16\x03\x03\x00\x04\xff\xff\xff\xff"))])
        .could_not_tell(&["handshake", "failed"]);
}

#[test]
fn a_server_that_never_answers() {
    let started = Instant::now();
    check(&[&canned(None)]).could_not_tell(&["did not finish a TLS handshake in time"]);
    let took = started.elapsed();
    assert!(took < Duration::from_secs(15), "{took:?}");
}

#[test]
fn what_is_no_url() {
    check(&["api.example.com"]).could_not_tell(&["write https://api.example.com"]);
    check(&["http://localhost"]).could_not_tell(&["write https://"]);
    // RFC 6761 section 6.4: such a name never resolves.
    check(&["https://nowhere.invalid"]).could_not_tell(&["nowhere.invalid", "cannot be resolved"]);
}
