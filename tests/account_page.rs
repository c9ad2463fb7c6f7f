//! The private page of an account, from outside: real clients call, `sundown link` makes the link, and whoever holds it
//! sees that account and nothing else. The link itself is nowhere to be found afterwards.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what goes wrong in a helper of a test fails the test"
)]

#[path = "support/edge.rs"]
mod edge;
#[path = "support/upstream.rs"]
mod upstream;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use accounts::LinkKey;
use edge::{Edge, REFUSE, WARN, eventually};
use jiff::{SignedDuration, Timestamp};
use ledger::Visitor;
use ledger::people::{Note, People};
use rustix::process::Signal;
use serde_json::Value;
use upstream::Upstream;

const ACCOUNTS: &str = "[account]\nsources = [\"basic\"]\n";
const HOSTILE: &str = "<script>alert(1)</script>'\"& \u{202e}gro";
const HOSTILE_AGENT: &str = "\"><img src=x onerror=alert(1)><b>`</b> {{7*7}} javascript:alert(1)";

fn data(edge: &Edge) -> PathBuf {
    edge.directory.path().join("data")
}

/// A client that speaks TLS 1.0 at most, or the newest.
#[track_caller]
fn call(edge: &Edge, account: &str, agent: &str, old: bool) -> Output {
    let mut curl = edge.curl();
    curl.args([
        "--user",
        &format!("{account}:secret"),
        "--user-agent",
        agent,
    ]);
    if old {
        curl.args(["--tls-max", "1.0", "--ciphers", "DEFAULT@SECLEVEL=0"]);
    }
    curl.arg(edge.url("/orders")).output().unwrap()
}

#[track_caller]
fn link(edge: &Edge, account: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_sundown"))
        .args(["link", account, "--url", &edge.url(""), "--data-dir"])
        .arg(data(edge))
        .arg("--config")
        .arg(edge.directory.path().join("sundown.toml"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A link to an account made with a key of the test's own choosing.
fn made(edge: &Edge, key: &LinkKey, account: &str, hours: i64) -> String {
    #[expect(clippy::disallowed_methods, reason = "a link ends on the real clock")]
    let until = Timestamp::now() + SignedDuration::from_hours(hours);
    edge.url(&format!(
        "/ssl/account/{}",
        key.token(account, until).unwrap()
    ))
}

/// What a browser gets: status, head and body.
#[track_caller]
fn browse(edge: &Edge, url: &str, more: &[&str]) -> (u16, String, String) {
    let output = edge
        .curl()
        .args(["--include", "--http1.1", "--user-agent", "Mozilla/5.0"])
        .args(["--header", "Accept: text/html,*/*"])
        .args(more)
        .arg(url)
        .output()
        .unwrap();
    let answer = String::from_utf8(output.stdout).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_ascii_lowercase(), body.to_owned())
}

/// What a program gets.
#[track_caller]
fn ask(edge: &Edge, url: &str) -> Value {
    let output = edge
        .curl()
        .args(["--header", "Accept: application/json", url])
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

/// Waits until what was called is in the ledger.
#[track_caller]
fn seen(edge: &Edge, url: &str, requests: u64) -> Value {
    let mut last = Value::Null;
    eventually(&format!("{requests} requests are on the page"), || {
        last = ask(edge, url);
        // Whoever asks for the page from where the account calls may be counted as probably the account's.
        let programs = last["seen"]["programs"].as_array().into_iter().flatten();
        let surely = programs.filter(|program| program["likely"] == false);
        surely
            .map(|program| program["requests"].as_u64().unwrap())
            .sum::<u64>()
            == requests
    });
    last
}

#[test]
fn an_account_sees_its_own_and_nothing_else() {
    let plan = "[[sunset]]\nname = \"old TLS\"\nfloor = \"tls1.2\"\nwarn = \"2016-01-01\"\nexplain = \"2099-06-01\"\n\
                contact = \"https://help.example/tls\"\n\
                [[exception]]\naccount = \"initech\"\nsunset = \"old TLS\"\nuntil = \"2099-09-01\"\nowner = \"dana-of-ours\"\nreason = \"they-pay-well\"\n\
                [[preview]]\nsni = \"next.example\"\nat = \"2099-06-02\"\n";
    let edge = Edge::start(&format!("{plan}{ACCOUNTS}"), None);
    call(&edge, "acme", "Java/1.7.0_25", true);
    call(&edge, "acme", "curl/8.0", false);
    call(&edge, HOSTILE, HOSTILE_AGENT, true);
    call(&edge, "initech", "initech-old", true);
    call(&edge, "globex", "globex-new", false);

    let acme = link(&edge, "acme");
    let answer = seen(&edge, &acme, 2);
    assert_eq!(answer["account"], "acme");
    assert_eq!(answer["standing"], "not-ready");
    assert_eq!(answer["seen"]["addresses"][0], "127.0.0.1");
    let sunset = &answer["sunsets"][0];
    assert_eq!(sunset["ends"], "2099-06-01T00:00:00Z");
    assert_eq!(sunset["programs"].as_array().unwrap().len(), 1);
    let program = &sunset["programs"][0];
    assert_eq!(program["lacks"][0]["because"], "offers TLSv1 at most");
    assert!(
        program["advice"]["verify"]
            .as_str()
            .unwrap()
            .contains("/ssl/"),
        "{program}"
    );
    let dates = answer["dates"].as_array().unwrap();
    let actions = |date: &Value| {
        date["programs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|meets| meets["action"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let (first, last) = (actions(&dates[0]), actions(dates.last().unwrap()));
    assert!(
        first.contains(&"warn".to_owned()) && first.contains(&"serve".to_owned()),
        "{first:?}"
    );
    assert!(
        last.contains(&"explain".to_owned()) && last.contains(&"serve".to_owned()),
        "{last:?}"
    );

    // For a person: what stops when, the fix, the proof. Nothing of the others, nor what colleagues wrote.
    let (status, head, page) = browse(&edge, &acme, &[]);
    assert_eq!(status, 200);
    for part in [
        "<b>acme</b>",
        "One program of this account will stop working on 1 June 2099.",
        "Java 1.7.0_25",
        "offers TLSv1 at most",
        "To prove it",
        "https://next.example",
        "https://help.example/tls",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    for others in [
        "globex",
        "initech",
        "alert(1)",
        "\u{202e}",
        "dana-of-ours",
        "they-pay-well",
        "2099-09-01",
        "September",
    ] {
        assert!(
            !page.contains(others) && !answer.to_string().contains(others),
            "{others}: {page}"
        );
    }
    for header in [
        "cache-control: no-store",
        "referrer-policy: no-referrer",
        "x-robots-tag: noindex",
        "x-content-type-options: nosniff",
        "content-security-policy: default-src 'none';",
        "; style-src 'sha256-",
    ] {
        assert!(head.contains(header), "{header}: {head}");
    }
    assert!(!head.contains("unsafe"), "{head}");

    // Where all is well there is thanks, and what is excepted is said to the one it is for.
    assert_eq!(seen(&edge, &link(&edge, "globex"), 1)["standing"], "ready");
    assert!(
        browse(&edge, &link(&edge, "globex"), &[])
            .2
            .contains("This account is ready. Thank you.")
    );
    let initech = seen(&edge, &link(&edge, "initech"), 1);
    assert_eq!(initech["standing"], "excepted");
    assert_eq!(
        initech["sunsets"][0]["exceptions"][0],
        "2099-09-01T00:00:00Z"
    );
    let (_, _, page) = browse(&edge, &link(&edge, "initech"), &[]);
    assert!(
        page.contains("An exception keeps this account served until 1 September 2099."),
        "{page}"
    );
    assert!(!page.contains("dana-of-ours") && !page.contains("they-pay-well"));
    let nobody = ask(&edge, &link(&edge, "nobody"));
    assert_eq!(
        (&nobody["standing"], &nobody["seen"]["requests"]),
        (&"unseen".into(), &0.into())
    );

    // Whatever a client calls itself is words.
    let hostile = link(&edge, HOSTILE);
    assert_eq!(seen(&edge, &hostile, 1)["account"], HOSTILE);
    let (_, _, page) = browse(&edge, &hostile, &[]);
    for markup in ["<script", "<img", "<b>`", "\u{202e}", "href=\"javascript"] {
        assert!(!page.contains(markup), "{markup}: {page}");
    }
    assert!(
        page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"),
        "{page}"
    );
    assert!(
        page.contains("&lt;img src=x onerror=alert(1)&gt;"),
        "{page}"
    );

    // The path of an older plan answers too, with and without a slash at its end; so does HEAD.
    let other = acme.replace("/ssl/", "/api/v4/ssl/") + "/?utm_source=mail";
    assert_eq!(browse(&edge, &other, &[]).0, 200);
    assert_eq!(browse(&edge, &acme, &["--head"]).0, 200);
}

#[test]
fn a_link_that_is_not_ours_opens_nothing() {
    let edge = Edge::start(&format!("{WARN}{ACCOUNTS}"), None);
    call(&edge, "acme", "old-program", true);
    let good = link(&edge, "acme");
    seen(&edge, &good, 1);
    let key = LinkKey::read(&data(&edge)).unwrap().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let foreign = LinkKey::open(elsewhere.path()).unwrap();
    let (base, token) = good.rsplit_once('/').unwrap();

    let nothing = browse(&edge, &format!("{base}/"), &[]);
    assert_eq!(nothing.0, 404);
    assert!(
        nothing.2.contains("This link opens nothing."),
        "{}",
        nothing.2
    );
    assert!(
        nothing.2.contains("ask whoever sent it for a new one"),
        "{}",
        nothing.2
    );
    let expired = browse(&edge, &made(&edge, &key, "acme", -1), &[]);
    assert_eq!((expired.0, &expired.2), (410, &nothing.2));
    let others = [
        made(&edge, &foreign, "acme", 1),
        made(&edge, &foreign, "acme", -1),
        base.to_owned(),
        format!("{base}/{token}/{token}"),
        format!("{base}/{}", "A".repeat(6_000)),
        format!("{base}/%00%ff"),
    ];
    for url in &others {
        let answer = browse(&edge, url, &[]);
        assert_eq!((answer.0, &answer.2), (404, &nothing.2), "{url}");
        assert!(answer.1.contains("no-store") && answer.1.contains("no-referrer"));
    }

    // Changed at each place in turn.
    let mut curl = edge.curl();
    curl.args([
        "--write-out",
        "%{http_code}\n",
        "--user-agent",
        "Mozilla/5.0",
    ]);
    for place in 0..token.len() {
        let mut changed = token.as_bytes().to_vec();
        changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        curl.args(["--output", "/dev/null"])
            .arg(format!("{base}/{changed}"));
    }
    let output = curl.output().unwrap();
    let statuses = String::from_utf8(output.stdout).unwrap();
    assert_eq!(statuses, "404\n".repeat(token.len()));

    // For programs the same as data.
    let answer = ask(&edge, &format!("{base}/x"));
    assert_eq!(answer["type"], "urn:sundown:problem:no-link");

    // Whom people mark as no customer has no page; whoever takes the key away ends every link.
    let people = People::open(&data(&edge).join("people.sqlite")).unwrap();
    let note = |visitor| Note {
        account: "acme".to_owned(),
        text: String::new(),
        owner: String::new(),
        contact: String::new(),
        visitor,
        changed: Timestamp::UNIX_EPOCH,
        author: "dana".to_owned(),
    };
    let status = |url: &str| browse(&edge, url, &[]).0;
    people.write(&note(Visitor::HealthCheck)).unwrap();
    eventually("a marked account has no page", || status(&good) == 404);
    people.write(&note(Visitor::Customer)).unwrap();
    eventually("it has one again", || status(&good) == 200);
    fs::remove_file(data(&edge).join("links.key")).unwrap();
    eventually("no link opens any more", || status(&good) == 404);
    let again = link(&edge, "acme");
    eventually("a new one does", || status(&again) == 200);
    assert_eq!(status(&good), 404);
}

#[test]
fn the_link_is_written_nowhere_and_passed_to_nobody() {
    let upstream = Upstream::start();
    let mut program = Command::new(env!("CARGO_BIN_EXE_sundown"));
    program.env("SUNDOWN_LOG", "trace");
    let edge = Edge::launch(program, &format!("{WARN}{ACCOUNTS}"), Some(&upstream.url));
    call(&edge, "acme", "old-program", true);
    let url = link(&edge, "acme");
    seen(&edge, &url, 1);
    let token = url.rsplit_once('/').unwrap().1.to_owned();
    // Over either version of HTTP, by old clients, and in ways that are not for reading.
    for more in [
        &["--http2"][..],
        &["--http1.1"],
        &["--tls-max", "1.0", "--ciphers", "DEFAULT@SECLEVEL=0"],
    ] {
        assert!(edge.curl().args(more).arg(&url).status().unwrap().success());
    }
    for method in ["POST", "DELETE", "OPTIONS"] {
        let (status, head, _) = browse(&edge, &url, &["--request", method, "--data", "x=1"]);
        assert_eq!(
            (status, head.contains("allow: get, head")),
            (405, true),
            "{method}"
        );
    }
    assert_eq!(browse(&edge, &(url.clone() + "x"), &[]).0, 404);
    let paths: Vec<String> = upstream
        .requests()
        .iter()
        .map(|request| request.path.clone())
        .collect();
    assert_eq!(paths, ["/orders"]);

    edge.sightings(8);
    let (directory, ended) = edge.end_telling(Signal::TERM);
    assert!(!ended.log.contains(&token), "{}", ended.log);
    let sightings = format!("{:?}", ended.sightings);
    assert!(sightings.contains("acme") && !sightings.contains(&token));
    let mut files = 0;
    search(directory.path(), &mut |path, bytes| {
        files += 1;
        let found = bytes
            .windows(token.len())
            .any(|window| window == token.as_bytes());
        assert!(!found, "{}", path.display());
    });
    assert!(files > 4);
}

fn search(directory: &Path, each: &mut dyn FnMut(&Path, &[u8])) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            search(&path, each);
        } else if path.is_file() {
            each(&path, &fs::read(&path).unwrap());
        }
    }
}

#[test]
fn who_is_refused_reads_why_from_another_machine() {
    let edge = Edge::start(&format!("{WARN}{ACCOUNTS}"), None);
    call(&edge, "acme", "old-program", true);
    let url = link(&edge, "acme");
    seen(&edge, &url, 1);
    edge.configure(&format!("{REFUSE}{ACCOUNTS}"));
    edge.signal(Signal::HUP);
    eventually("the old client is refused", || {
        !call(&edge, "acme", "old-program", true).status.success()
    });
    let mut last = Value::Null;
    eventually("the refusal is on the page, as probably theirs", || {
        last = ask(&edge, &url);
        let programs = last["sunsets"][0]["programs"].as_array().unwrap();
        programs
            .iter()
            .any(|one| one["likely"] == true && one["refused"].as_u64() > Some(0))
    });
    assert_eq!(last["standing"], "turned-away");
    let (_, _, page) = browse(&edge, &url, &[]);
    assert!(
        page.contains("have not been served since 1 January 2016"),
        "{page}"
    );
    assert!(page.contains("it is probably yours"), "{page}");
}

#[test]
fn who_has_mended_all_is_thanked_and_not_threatened() {
    let plan = "[[sunset]]\nname = \"old TLS\"\nfloor = \"tls1.2\"\nwarn = \"2016-09-01\"\nexplain = \"2017-01-01\"\n";
    let configuration = format!("{plan}{ACCOUNTS}");
    let edge = Edge::start_at(&configuration, "2016-12-01T12:00:00Z", None);
    call(&edge, "acme", "old-program", true);
    seen(&edge, &link(&edge, "acme"), 1);
    let directory = edge.end(Signal::TERM);
    // Twelve days later only something new has called.
    let later = ["--as-of", "2016-12-13T12:00:00Z"];
    let edge = Edge::start_in(directory, &configuration, &later);
    call(&edge, "acme", "new-program", false);
    let url = link(&edge, "acme");
    let answer = seen(&edge, &url, 2);
    assert_eq!(answer["standing"], "ready");
    let fell_short = answer["sunsets"][0]["last_fell_short"].as_str().unwrap();
    assert!(fell_short.starts_with("2016-12-01"), "{fell_short}");
    let (_, _, page) = browse(&edge, &url, &[]);
    assert!(page.contains("Thank you: this account is ready."), "{page}");
    assert!(
        page.contains("The last call that fell short was on 1 December 2016;"),
        "{page}"
    );
    assert!(page.contains("all are served as ever"), "{page}");
    assert!(!page.contains("turned away"), "{page}");
}

#[test]
fn addresses_are_shown_as_far_as_they_may_be_kept_and_no_ledger_is_said() {
    let edge = Edge::start(&format!("{WARN}{ACCOUNTS}"), None);
    call(&edge, "acme", "old-program", true);
    let url = link(&edge, "acme");
    assert_eq!(seen(&edge, &url, 1)["seen"]["addresses"][0], "127.0.0.1");
    for (setting, shown) in [("truncated", Some("127.0.0.0")), ("none", None)] {
        edge.configure(&format!(
            "{WARN}{ACCOUNTS}[privacy]\naddresses = \"{setting}\"\n"
        ));
        edge.signal(Signal::HUP);
        eventually(&format!("addresses are {setting}"), || {
            ask(&edge, &url)["seen"]["addresses"]
                .get(0)
                .and_then(Value::as_str)
                == shown
        });
    }
    let directory = edge.end(Signal::TERM);
    let file = directory.path().join("data/ledger.sqlite");
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    let edge = Edge::start_in(directory, &format!("{WARN}{ACCOUNTS}"), &[]);
    let (status, head, page) = browse(&edge, &link(&edge, "acme"), &[]);
    assert_eq!((status, head.contains("retry-after: 60")), (503, true));
    assert!(page.contains("cannot be read at the moment"), "{page}");
    edge.wait_for_log("the page of an account was asked for and is not there");
}
