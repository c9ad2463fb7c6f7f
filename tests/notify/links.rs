//! What letters lead to: the account's own page, by a link that is signed, names that account and is recorded nowhere; and
//! a way to ask for no more letters. Python's email package reads them.

use std::collections::BTreeMap;
use std::fs;

use accounts::LinkKey;
use jiff::{SignedDuration, Timestamp};

use serde_json::Value;

use crate::platform::*;

/// Token of the link to a page that a text has.
fn token(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("https://localhost:8443/ssl/account/")?;
    let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric() && !"-_".contains(letter));
    Some(rest.get(..end.unwrap_or(rest.len()))?.to_owned())
}

fn mails(platform: &Platform, more: &[&str]) -> Option<Vec<Value>> {
    fs::remove_dir_all(platform.demo.join("letters")).ok();
    let arguments = [&FROM[..], &["--out", "letters"], more].concat();
    platform.said(&arguments, 0);
    read(&platform.demo.join("letters"))
}

#[test]
fn each_letter_has_a_link_of_its_own_account() {
    let platform = Platform::new();
    let accounts = platform.with_contacts(|_, account| format!("it@{account}.example"));
    let Some(mails) = mails(&platform, &["--send"]) else {
        return;
    };
    let data = platform.demo.join("sundown-data");
    let key = LinkKey::read(&data).unwrap().unwrap();
    #[expect(clippy::disallowed_methods, reason = "a link ends on the real clock")]
    let now = Timestamp::now();
    let mut tokens = BTreeMap::new();
    for mail in &mails {
        let to = headers(mail, "To").remove(0);
        let account = to.split(['@', '.']).nth(1).unwrap();
        let link = token(&text(&mail["text"])).unwrap();
        // As a link in the other part, and nowhere broken in two.
        let href = format!("href=\"https://localhost:8443/ssl/account/{link}\"");
        assert!(text(&mail["html"]).contains(&href), "{account}");
        let said = key.link(&link, now).unwrap();
        assert_eq!(said.account, account);
        let days = said.until.duration_since(now);
        let quarter = SignedDuration::from_hours(90 * 24);
        assert!(
            (days - quarter).abs() < SignedDuration::from_hours(1),
            "{days}"
        );
        assert!(!mail["headers"].to_string().contains(&link));
        tokens.insert(link, account.to_owned());
    }
    assert_eq!(tokens.len(), accounts.len());
    // Recorded as sent, and the links with them not.
    for entry in fs::read_dir(&data).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        for token in tokens.keys() {
            let found = bytes
                .windows(token.len())
                .any(|part| part == token.as_bytes());
            assert!(!found, "{}", path.display());
        }
    }
}

#[test]
fn a_template_can_place_the_link_and_without_an_edge_there_is_none() {
    let platform = Platform::new();
    let accounts = platform.with_contacts(|_, account| format!("it@{account}.example"));
    let template = "{{ account }}\n{{ page_url }}\n[{{ sections.page }}]\n";
    fs::write(platform.demo.join("t.txt"), template).unwrap();
    let preview = ["--template", "t.txt", "--preview", &accounts[0]];
    let shown = platform.said(&preview, 0);
    assert_eq!(
        shown.matches("https://localhost:8443/ssl/account/").count(),
        2
    );
    assert!(shown.contains("[Your own page"), "{shown}");

    let file = platform.demo.join("sundown.toml");
    let plan = fs::read_to_string(&file).unwrap();
    fs::write(&file, plan.replace("url = \"https://localhost:8443\"", "")).unwrap();
    let shown = platform.said(&preview, 0);
    assert!(shown.ends_with("\n\n[]\n"), "{shown:?}");
    assert!(!platform.said(&["--preview"], 0).contains("/account/"));
}

#[test]
fn mail_programs_are_told_how_to_stop_them() {
    let platform = Platform::new();
    platform.with_contacts(|_, account| format!("it@{account}.example"));
    let Some(without) = mails(&platform, &[]) else {
        return;
    };
    for mail in without {
        assert!(headers(&mail, "List-Unsubscribe").is_empty());
    }
    let unsubscribe = [
        "--unsubscribe",
        "mailto:api@example.com?subject=stop%20{account}",
        "--unsubscribe",
        "https://example.com/a/rather/long/way/to/where/it/is/said/stop?who={account}",
        "--one-click",
    ];
    for mail in mails(&platform, &unsubscribe).unwrap() {
        let to = headers(&mail, "To").remove(0);
        let account = to.split(['@', '.']).nth(1).unwrap();
        let account = account.replace('-', "%2D");
        assert_eq!(
            headers(&mail, "List-Unsubscribe"),
            [format!(
                "<mailto:api@example.com?subject=stop%20{account}>, <https://example.com/a/rather/long/way/to/where/it/is/said/stop?who={account}>"
            )]
        );
        assert_eq!(
            headers(&mail, "List-Unsubscribe-Post"),
            ["List-Unsubscribe=One-Click"]
        );
        assert_eq!(mail["defects"], Value::Array(Vec::new()));
    }
    let wrong = ["--unsubscribe", "mailto:api@example.com", "--one-click"];
    let output = platform.notify(&wrong).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("https://"));
}
