//! `sundown notify` from outside, on the demo's platform: a real mail server takes the letters, Python's email package
//! reads them, and a run that is killed goes on without writing to anybody twice.
#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};

use ledger::Visitor;
use ledger::people::{Note, People};
use serde_json::Value;

#[path = "support/installed.rs"]
mod installed;

#[path = "notify/authority.rs"]
mod authority;
#[path = "notify/links.rs"]
mod links;
#[path = "notify/platform.rs"]
mod platform;
#[path = "notify/tls.rs"]
mod tls;

use platform::*;

#[test]
fn nothing_is_sent_unless_it_is_said() {
    let platform = Platform::new();
    let without = platform.said(&[], 0);
    assert!(without.contains("no address is known"), "{without}");
    assert!(
        without.contains("There is nobody to write to."),
        "{without}"
    );
    let accounts = platform.with_contacts(|_, account| format!("it@{account}.example"));

    let said = platform.said(&[], 0);
    assert!(said.contains("would be sent; nothing was"), "{said}");
    let answer = platform.json(&[], 0);
    assert_eq!(answer["sent"], false);
    assert_eq!(states(&answer)["to send"], accounts.len());
    assert!(!platform.demo.join("sundown-data/people.sqlite").exists());

    // A letter names its own account, dates, programs, and how to prove the fix.
    let account = &accounts[0];
    let letter = on_one_line(&platform.said(&["--preview", account], 0));
    for part in [
        &format!("To: it@{account}.example"),
        "Demo data, made up by sundown demo: nobody was seen.",
        "From 15 December 2026, our API needs TLSv1.2 or later.",
        account,
        "offers TLSv1",
        "29 December 2026",
        "https://next.api.example.com/ssl/",
        "https://api.example.com/tls",
    ] {
        assert!(letter.contains(part), "{part}: {letter}");
    }
    // What is over is not told.
    assert!(!letter.contains("17 November 2026, 09:00"), "{letter}");
    let nobody = platform.notify(&["--preview", "nobody"]).output().unwrap();
    assert_eq!(nobody.status.code(), Some(2));

    // Nobody is told dates that do not hold.
    let hold = [
        "hold",
        "--sunset",
        SUNSET,
        "--reason",
        "acme's checkout fails",
    ];
    ended(&sundown(&platform.demo, &hold).output().unwrap(), 0);
    let held = platform.json(&[], 0);
    assert_eq!(held["on_hold"][0], SUNSET);
    assert!(states(&held).is_empty());
}

#[test]
fn a_real_server_takes_them_and_each_arrives_once() {
    let Some(server) = MailServer::start() else {
        return;
    };
    let platform = Platform::new();
    let names = ["refused", "later", "once-later"];
    let accounts = platform.with_contacts(|index, account| {
        format!("{}@{account}.example", names.get(index).unwrap_or(&"it"))
    });
    let sent = platform.json(&by(&server.url, "1000/s"), 1);
    let expected = [
        ("failed".to_owned(), 2),
        ("sent".to_owned(), accounts.len() - 2),
    ];
    assert_eq!(states(&sent), BTreeMap::from(expected));
    let reason = |index: usize| text(&sent["letters"][index]["reason"]);
    assert!(reason(0).contains("no such user"), "{}", reason(0));
    assert!(reason(1).contains("greylisted"), "{}", reason(1));

    let mails = server.mails();
    assert_eq!(mails.len(), accounts.len() - 2);
    let unique: BTreeSet<String> = recipients(&mails).into_iter().collect();
    assert_eq!(unique.len(), mails.len());
    let mut ids = BTreeSet::new();
    for mail in &mails {
        assert_eq!(mail["defects"], Value::Array(Vec::new()));
        assert_eq!(mail["type"], "multipart/alternative");
        assert_eq!(headers(mail, "From"), ["Example API <api@example.com>"]);
        assert_eq!(headers(mail, "Auto-Submitted"), ["auto-generated"]);
        assert_eq!(headers(mail, "Date").len(), 1);
        let id = headers(mail, "Message-ID").remove(0);
        assert!(id.ends_with("@example.com>"), "{id}");
        assert!(ids.insert(id));
        let to = headers(mail, "To").remove(0);
        let account = to.split(['@', '.']).nth(1).unwrap();
        for part in ["text", "html"] {
            assert!(text(&mail[part]).contains(account), "{part} of {to}");
        }
        assert!(text(&mail["html"]).starts_with("<!DOCTYPE html>"));
    }

    // Those that failed are tried again; with another address one of them arrives. Nobody else hears twice.
    platform.json(&by(&server.url, "1000/s"), 1);
    assert_eq!(server.mails().len(), mails.len());
    let file = platform.demo.join("contacts.csv");
    let fixed = fs::read_to_string(&file).unwrap();
    let fixed = fixed
        .replace(",refused@", ",it@")
        .replace(",later@", ",it@");
    fs::write(&file, fixed).unwrap();
    let again = platform.json(&by(&server.url, "1000/s"), 0);
    assert_eq!(states(&again)["sent"], 2);
    assert_eq!(server.mails().len(), accounts.len());
    let over = platform.said(&by(&server.url, "1000/s"), 0);
    assert!(over.contains("There is nobody to write to."), "{over}");
    assert_eq!(server.mails().len(), accounts.len());
}

#[test]
fn a_run_that_is_killed_goes_on_without_writing_twice() {
    let Some(mut server) = MailServer::start() else {
        return;
    };
    let platform = Platform::new();
    // The fourth is taken by the server, which then never answers: nobody knows whether it arrived.
    let accounts = platform.with_contacts(|index, account| {
        format!(
            "{}@{account}.example",
            if index == 3 { "slow" } else { "it" }
        )
    });
    let mut running = platform
        .notify(&by(&server.url, "1000/s"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    for _ in 0..4 {
        assert!(!server.next().is_empty());
    }
    running.kill().unwrap();
    running.wait().unwrap();

    let said = platform.said(&by(&server.url, "1000/s"), 0);
    assert!(
        said.contains(&format!("{}: was perhaps written to", accounts[3])),
        "{said}"
    );
    let all = recipients(&server.mails());
    let unique: BTreeSet<&String> = all.iter().collect();
    assert_eq!((all.len(), unique.len()), (accounts.len(), accounts.len()));
    // No server at all: nobody's letter is begun.
    let nowhere = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("smtp://{}", nowhere.local_addr().unwrap());
    drop(nowhere);
    fs::remove_file(platform.demo.join("sundown-data/people.sqlite")).unwrap();
    let output = platform.notify(&by(&url, "1000/s")).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert_eq!(states(&platform.json(&[], 0))["to send"], accounts.len());
}

#[test]
fn who_has_fixed_itself_is_thanked_once() {
    let platform = Platform::new();
    let answer = |arguments: &[&str]| platform.json(arguments, 0);
    let october = ["--as-of", "2026-10-05"];
    // Everybody who broke then.
    let then = {
        let mut command = sundown(&platform.demo, &["notify", "--json"]);
        let said = ended(&command.args(october).output().unwrap(), 0);
        let answer: Value = serde_json::from_str(&said).unwrap();
        let skipped = answer["not_written_to"].as_array().unwrap().iter();
        skipped
            .map(|one| text(&one["account"]))
            .collect::<BTreeSet<_>>()
    };
    let lines = then
        .iter()
        .map(|account| format!("{account},it@{account}.example\n"));
    let file = format!("account,email\n{}", lines.collect::<String>());
    fs::write(platform.demo.join("contacts.csv"), file).unwrap();
    let mut command = sundown(&platform.demo, &["notify", "--contacts", "contacts.csv"]);
    command
        .args(october)
        .args(FROM)
        .args(["--out", "october", "--send"]);
    ended(&command.output().unwrap(), 0);

    let now = answer(&[]);
    let of = |wanted: &str| {
        let letters = now["letters"].as_array().unwrap().iter();
        letters
            .filter(|letter| text(&letter["occasion"]).starts_with(wanted))
            .map(|letter| text(&letter["account"]))
            .collect::<BTreeSet<_>>()
    };
    let (thanked, reminded) = (of("fixed"), of("breaks:brownout:2026-12-08"));
    assert!(thanked.len() > 3 && !reminded.is_empty(), "{now}");
    assert!(thanked.is_disjoint(&reminded));
    assert!(thanked.is_subset(&then));
    // The report says the same of them.
    for account in &thanked {
        let mut report = sundown(&platform.demo, &["report", "--json", "--since", "8d"]);
        let output = report.args(["--as-of", TODAY, "--sunset", SUNSET]).output();
        let report: Value = serde_json::from_slice(&output.unwrap().stdout).unwrap();
        let rows = report["sunsets"][0]["breaking"].as_array().unwrap();
        assert!(rows.iter().all(|row| row["who"]["id"] != account.as_str()));
    }
    let letter = on_one_line(&platform.said(&["--preview", thanked.first().unwrap()], 0));
    assert!(
        letter.contains("We wrote to you on 5 October 2026."),
        "{letter}"
    );

    let send = [&FROM[..], &["--out", "november", "--send"]].concat();
    assert_eq!(
        states(&answer(&send))["sent"],
        thanked.len() + reminded.len()
    );
    assert!(states(&answer(&send)).is_empty());
    if let Some(mails) = read(&platform.demo.join("november")) {
        assert_eq!(mails.len(), thanked.len() + reminded.len());
    }
}

#[test]
fn hostile_names_are_inert() {
    let platform = Platform::new();
    let account =
        "acme\r\nBcc: eve@evil.example\r\n\r\n<script>alert(1)</script>\u{1b}[2J{{ 7*7 }}";
    let user_agent =
        "<img src=x onerror=alert(1)>\r\nX-Evil: yes `b` https://evil.example/ \u{202e}";
    let accounts = platform.missing_contacts();
    let ledger = rusqlite::Connection::open(platform.demo.join("sundown-data/ledger.sqlite"));
    let ledger = ledger.unwrap();
    let changed = |sql: &str, values: [&str; 2]| ledger.execute(sql, values).unwrap();
    assert!(
        changed(
            "UPDATE who SET ids = replace(ids, ?1, ?2)",
            [&accounts[0], "\u{1}"]
        ) > 0
    );
    let escaped = serde_json::to_string(account).unwrap();
    let stored: String = ledger
        .query_row("SELECT ids FROM who WHERE ids LIKE '%\u{1}%'", (), |row| {
            row.get(0)
        })
        .unwrap();
    let planted = if stored.contains('"') {
        escaped.trim_matches('"')
    } else {
        account
    };
    changed(
        "UPDATE who SET ids = replace(ids, ?1, ?2)",
        ["\u{1}", planted],
    );
    let plant = "UPDATE text SET value = ?1 || value WHERE id IN \
                 (SELECT user_agent FROM key WHERE client IN (SELECT client.id FROM client \
                 JOIN who ON who.id = client.who WHERE ids LIKE ?2))";
    assert!(changed(plant, [user_agent, "%eve@evil%"]) > 0);
    drop(ledger);
    let line = format!("\"{}\",it@acme.example\n", account.replace('"', "\"\""));
    fs::write(
        platform.demo.join("contacts.csv"),
        format!("account,email\n{line}"),
    )
    .unwrap();
    fs::write(
        platform.demo.join("t.txt"),
        "Hello {{ account }}.\n{{ letter }}",
    )
    .unwrap();
    fs::write(
        platform.demo.join("t.html"),
        "<b>{{ account }}</b>{{ letter }}",
    )
    .unwrap();

    let shown = platform.said(&[], 0) + &platform.said(&["--preview"], 0);
    assert!(shown.contains("acme"), "{shown}");
    assert!(!shown.contains(['\u{1b}', '\r', '\u{202e}']), "{shown}");
    let ways: [&[&str]; 2] = [&[], &["--template", "t.txt", "--html-template", "t.html"]];
    for (index, way) in ways.iter().enumerate() {
        let out = format!("out{index}");
        platform.said(&[&FROM[..], &["--out", &out], way].concat(), 0);
        let Some(mails) = read(&platform.demo.join(&out)) else {
            return;
        };
        let [mail] = mails.as_slice() else {
            panic!("{mails:?}");
        };
        assert_eq!(mail["defects"], Value::Array(Vec::new()));
        assert!(headers(mail, "Bcc").is_empty() && headers(mail, "X-Evil").is_empty());
        assert_eq!(headers(mail, "To"), ["it@acme.example"]);
        let (html, plain) = (text(&mail["html"]), text(&mail["text"]));
        assert!(
            !html.contains("<script") && !html.contains("<img"),
            "{html}"
        );
        assert!(html.contains("&lt;script&gt;"), "{html}");
        assert!(!html.contains("href=\"https://evil.example"), "{html}");
        assert!(
            plain.contains("{{ 7*7 }}") && !plain.contains('\u{1b}'),
            "{plain}"
        );
    }
    let files = fs::read_dir(platform.demo.join("out0")).unwrap();
    for file in files {
        let name = file.unwrap().file_name().into_string().unwrap();
        assert!(
            name.starts_with("acme__Bcc") && name.ends_with(".eml"),
            "{name}"
        );
    }
}

#[test]
fn a_webhook_is_posted_what_it_can_verify() {
    let platform = Platform::new();
    let accounts = platform.with_contacts(|_, account| format!("it@{account}.example"));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook?key=k", listener.local_addr().unwrap());
    let count = accounts.len();
    let receiver = std::thread::spawn(move || {
        let mut bodies = Vec::new();
        // One more: the first is put off once.
        for number in 0..=count {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut head = BTreeMap::new();
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                let Some((name, value)) = line.trim().split_once(": ") else {
                    if line.trim().is_empty() {
                        break;
                    }
                    continue;
                };
                head.insert(name.to_ascii_lowercase(), value.to_owned());
            }
            let mut body = vec![0; head["content-length"].parse().unwrap()];
            reader.read_exact(&mut body).unwrap();
            let status = if number == 0 {
                "503 Later"
            } else {
                "204 No Content"
            };
            write!(stream, "HTTP/1.1 {status}\r\nConnection: close\r\n\r\n").unwrap();
            bodies.push((head, body));
        }
        bodies
    });
    let arguments = [
        "--webhook",
        &url,
        "--secret-file",
        "secret",
        "--send",
        "--rate",
        "1000/s",
    ];
    let answer = platform.json(&[&arguments[..], &["--retry-after", "10ms"]].concat(), 0);
    assert_eq!(states(&answer)["sent"], count);
    let posts = receiver.join().unwrap();
    let mut ids = Vec::new();
    for (head, body) in &posts {
        let mut signed = format!("{}.", head["sundown-timestamp"]).into_bytes();
        signed.extend_from_slice(body);
        assert_eq!(
            head["sundown-signature"],
            format!("v1={}", by_openssl(&signed))
        );
        let value: Value = serde_json::from_slice(body).unwrap();
        assert_eq!(value["sunset"], SUNSET);
        assert!(text(&value["html"]).contains(&text(&value["account"])));
        ids.push(text(&value["id"]));
    }
    assert_eq!(
        ids.first(),
        ids.last(),
        "the one that was put off has the same id"
    );
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), count);
    assert!(states(&platform.json(&arguments, 0)).is_empty());
}

/// HMAC-SHA256 as somebody else makes it.
fn by_openssl(signed: &[u8]) -> String {
    let mut child = Command::new("openssl")
        .args(["dgst", "-sha256", "-hmac", SECRET])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(signed).unwrap();
    let said = child.wait_with_output().unwrap().stdout;
    let said = String::from_utf8(said).unwrap();
    said.trim().rsplit("= ").next().unwrap().to_owned()
}

#[test]
fn what_cannot_be_is_said_before_anything_is_sent() {
    let platform = Platform::new();
    platform.with_contacts(|_, account| format!("it@{account}.example"));
    fs::write(
        platform.demo.join("bad.csv"),
        "account,email\na,a@a.example\nb,nobody\n",
    )
    .unwrap();
    fs::write(platform.demo.join("t.txt"), "{{ nmae }}").unwrap();
    for (arguments, said) in [
        (&["--send"][..], "--preview"),
        (&["--out", "o"], "--from"),
        (&["--smtp", "smtp://127.0.0.1"], "--from"),
        (
            &["--smtp", "smtp://u:p@h", "--from", "a@b.example"],
            "--password-file",
        ),
        (
            &[
                "--smtp",
                "smtp://h.example",
                "--from",
                "a@b.example",
                "--user",
                "u",
            ],
            "in the clear",
        ),
        (
            &[
                "--smtp",
                "smtps://h.example",
                "--from",
                "a@b.example",
                "--user",
                "u",
            ],
            "SUNDOWN_SMTP_PASSWORD",
        ),
        (&["--contacts", "bad.csv"], "bad.csv line 3"),
        (&["--template", "t.txt", "--preview"], "t.txt"),
        (&["--rate", "0/min"], "10/min"),
        (
            &[
                "--webhook",
                "http://crm.example/",
                "--secret-file",
                "secret",
            ],
            "https://",
        ),
    ] {
        let mut command = sundown(&platform.demo, &["notify", "--as-of", TODAY]);
        if !arguments.contains(&"--contacts") {
            command.args(["--contacts", "contacts.csv"]);
        }
        let output = command.args(arguments).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
        assert!(error.contains(said), "{arguments:?}: {error}");
    }
    assert!(!platform.demo.join("sundown-data/people.sqlite").exists());
}

#[test]
fn a_password_goes_over_tls_alone_and_is_never_shown() {
    let platform = Platform::new();
    let accounts = platform.with_contacts(|_, account| format!("it@{account}.example"));
    let made = Command::new("openssl")
        .current_dir(&platform.demo)
        .args([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
        ])
        .args(["-keyout", "key.pem", "-out", "certificate.pem"])
        .args([
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
        ])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let file = |name: &str| platform.demo.join(name).to_str().unwrap().to_owned();
    let (certificate, key) = (file("certificate.pem"), file("key.pem"));
    let Some(server) = MailServer::with(&[&certificate, &key, "api", "open sesame"]) else {
        return;
    };
    let url = server.url.replace("127.0.0.1", "localhost") + "?tls=required";
    fs::write(platform.demo.join("right"), "open sesame\n").unwrap();
    fs::write(platform.demo.join("wrong"), "open barley\n").unwrap();
    let arguments = |password| {
        let user = ["--user", "api", "--password-file", password];
        [&by(&url, "1000/s")[..], &user].concat()
    };
    let trusted = ["--ca", &certificate];
    for (password, trusted, said) in [("right", &[][..], "ertificate"), ("wrong", &trusted, "535")]
    {
        let arguments = [&arguments(password)[..], trusted].concat();
        let output = platform.notify(&arguments).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(error.contains(said), "{error}");
        assert!(!error.contains("open "), "{error}");
    }
    // In the clear the server takes nothing.
    let clear = url.replace("?tls=required", "");
    let answer = platform.json(&by(&clear, "1000/s"), 1);
    assert_eq!(states(&answer)["failed"], accounts.len());
    assert!(server.mails().is_empty());

    let output = platform.notify(&[&arguments("right")[..], &trusted].concat());
    let said = ended(&{ output }.output().unwrap(), 0);
    assert!(!said.contains("sesame"), "{said}");
    assert_eq!(server.mails().len(), accounts.len());
}

#[test]
fn addresses_and_marks_are_those_of_the_notes() {
    let platform = Platform::new();
    let accounts = platform.missing_contacts();
    let people = People::open(&platform.demo.join("sundown-data/people.sqlite")).unwrap();
    let note = |account: &str, contact: &str, visitor| {
        let note = Note {
            account: account.to_owned(),
            text: String::new(),
            owner: String::new(),
            contact: contact.to_owned(),
            visitor,
            changed: TODAY.parse().unwrap(),
            author: "ann".to_owned(),
        };
        people.write(&note).unwrap();
    };
    note(&accounts[0], "it@noted.example", Visitor::Customer);
    note(&accounts[1], "bot@noted.example", Visitor::Bot);
    note(&accounts[2], "555-0100", Visitor::Customer);
    let answer = platform.json(&[], 0);
    let [letter] = answer["letters"].as_array().unwrap().as_slice() else {
        panic!("{answer}");
    };
    assert_eq!(letter["to"], "it@noted.example");
    let skipped = answer["not_written_to"].as_array().unwrap();
    let because = |account: &str| {
        let one = skipped.iter().find(|one| one["account"] == account);
        one.map(|one| text(&one["because"]))
    };
    assert_eq!(because(&accounts[1]), None);
    assert!(because(&accounts[2]).unwrap().contains("no mail address"));
    // A file overrules them.
    let file = format!("account,email\n{},cto@filed.example\n", accounts[0]);
    fs::write(platform.demo.join("contacts.csv"), file).unwrap();
    let answer = platform.json(&[], 0);
    assert_eq!(answer["letters"][0]["to"], "cto@filed.example");
}
