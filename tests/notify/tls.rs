//! Letters over TLS from the first byte: a real mail server and a real web server behind certificates of a private
//! authority. Where the certificate is not what it should be, nothing is handed over.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use serde_json::Value;

use crate::authority::Authority;
use crate::installed::installed;
use crate::platform::*;

/// Certificates that must not be taken, with what is said of each; what is shown, and what is trusted.
fn refused(right: &Authority, wrong: &Authority) -> Vec<([String; 2], Option<String>)> {
    vec![
        // Nobody vouches for it.
        (right.issue("localhost"), None),
        // Somebody else does.
        (right.issue("localhost"), Some(wrong.file())),
        // It is another server's.
        (right.issue("mail.elsewhere.example"), Some(right.file())),
    ]
}

#[test]
fn smtps_is_spoken_from_the_first_byte_to_the_right_server_alone() {
    let platform = Platform::new();
    let accounts = platform.with_contacts(|_, account| format!("it@{account}.example"));
    let right = Authority::new(&platform.demo, "right");
    let wrong = Authority::new(&platform.demo, "wrong");
    let start = |certificate: &[String; 2]| {
        let [certificate, key] = certificate;
        let server = MailServer::with(&[certificate, key])?;
        let url = server.url.replace("smtp://127.0.0.1", "smtps://localhost");
        Some((server, url))
    };
    for (certificate, trusted) in refused(&right, &wrong) {
        let Some((server, url)) = start(&certificate) else {
            return;
        };
        let ca: Vec<&str> = trusted.iter().flat_map(|file| ["--ca", file]).collect();
        let output = platform
            .notify(&[&by(&url, "1000/s")[..], &ca].concat())
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(error.contains("ertificate"), "{certificate:?}: {error}");
        assert!(server.mails().is_empty());
    }
    let Some((server, url)) = start(&right.issue("localhost")) else {
        return;
    };
    let file = right.file();
    let answer = platform.json(&[&by(&url, "1000/s")[..], &["--ca", &file]].concat(), 0);
    assert_eq!(states(&answer)["sent"], accounts.len());
    assert_eq!(server.mails().len(), accounts.len());
}

/// A receiver of webhooks.
struct Hook {
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    url: String,
}

impl Hook {
    fn start(certificate: &[String; 2]) -> Option<Self> {
        let mut process = installed("aiosmtpd")?
            .command()
            .arg(driver("hook.py"))
            .args(certificate)
            .arg(SECRET)
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
            input: Some(input),
            output,
            url: format!("https://localhost:{}/letters", port.trim()),
        })
    }

    /// Ends it, and gives what it was posted.
    fn posts(mut self) -> Vec<Value> {
        // It ends with its input, and then all it wrote is here.
        self.input = None;
        let lines = self.output.by_ref().lines();
        lines
            .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
            .collect()
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

#[test]
fn a_webhook_over_tls_goes_to_the_right_server_alone() {
    let platform = Platform::new();
    let accounts = platform.with_contacts(|_, account| format!("it@{account}.example"));
    let right = Authority::new(&platform.demo, "right");
    let wrong = Authority::new(&platform.demo, "wrong");
    let to = |url: &str, trusted: Option<&str>| {
        let mut command = platform.notify(&["--secret-file", "secret", "--send", "--json"]);
        command.args([
            "--rate",
            "1000/s",
            "--retry-after",
            "10ms",
            "--webhook",
            url,
        ]);
        command.args(trusted.iter().flat_map(|file| ["--ca", file]));
        command.output().unwrap()
    };
    for (certificate, trusted) in refused(&right, &wrong) {
        let Some(hook) = Hook::start(&certificate) else {
            return;
        };
        let output = to(&hook.url, trusted.as_deref());
        // Said once, and not of each letter.
        let error = String::from_utf8_lossy(&output.stderr).to_lowercase();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(error.contains("tls with localhost"), "{error}");
        assert!(error.contains("cert"), "{error}");
        assert!(hook.posts().is_empty());
    }
    let Some(hook) = Hook::start(&right.issue("localhost")) else {
        return;
    };
    let file = right.file();
    let output = to(&hook.url, Some(&file));
    let answer: Value = serde_json::from_str(&ended(&output, 0)).unwrap();
    assert_eq!(states(&answer)["sent"], accounts.len());
    let posts = hook.posts();
    assert_eq!(posts.len(), accounts.len());
    for post in posts {
        assert_eq!(post["path"], "/letters");
        assert!(text(&post["tls"]).as_str() >= "TLSv1.2", "{post}");
        assert!(text(&post["host"]).starts_with("localhost:"), "{post}");
        assert_eq!(post["right"], true, "{post}");
        assert!(accounts.contains(&text(&post["account"])), "{post}");
    }
}
