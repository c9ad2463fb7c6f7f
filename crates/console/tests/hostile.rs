//! What clients send is inert wherever it is shown.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected is to fail"
)]

mod support;

use console::ConsoleSettings;
use http::StatusCode;
use support::{ask, at, console, entry, fill};

const HOSTILE: [&str; 8] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "</textarea><svg onload=alert(1)>",
    "=HYPERLINK(\"http://evil.example\")",
    "a\u{202e}b\u{1b}[31m\u{2028}c",
    "%3Cscript%3Ealert(1)%3C/script%3E",
];

#[tokio::test]
async fn hostile_names_are_inert_on_every_page() {
    let directory = tempfile::tempdir().unwrap();
    let when = at("2026-03-20T09:00:00Z");
    let entries = HOSTILE.iter().map(|text| {
        let mut entry = entry(Some(text), true, when, 5);
        entry.sighting.sni = Some((*text).into());
        entry.sighting.user_agent = Some((*text).into());
        entry
    });
    fill(directory.path(), entries);
    let people =
        ledger::people::People::open(&directory.path().join(ledger::people::PEOPLE)).unwrap();
    for text in HOSTILE {
        people
            .write(&ledger::people::Note {
                account: text.into(),
                text: text.into(),
                owner: text.into(),
                contact: text.into(),
                visitor: ledger::Visitor::Customer,
                changed: when,
                author: text.into(),
            })
            .unwrap();
    }
    let router = console(
        directory.path(),
        &ConsoleSettings::default(),
        "127.0.0.1:8444",
    );
    let mut paths: Vec<String> = ["/", "/accounts", "/plan", "/clients", "/rehearse?floor=pq"]
        .map(str::to_owned)
        .to_vec();
    for text in HOSTILE {
        let encoded: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
        paths.push(format!("/account?id={encoded}"));
        paths.push(format!("/accounts?q={encoded}"));
        paths.push(format!("/accounts?show={encoded}"));
        paths.push(format!("/accounts?owner={encoded}&sort={encoded}"));
        paths.push(format!("/accounts?program={encoded}&lacks={encoded}"));
        paths.push(format!("/rehearse?floor={encoded}"));
    }
    for path in paths {
        let answer = ask(&router, &path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
        let body = &answer.body;
        // Two scripts, both files of the console.
        assert_eq!(body.matches("<script").count(), 2, "{path}");
        // Attributes are in double quotes, which a name cannot end.
        for tag in [
            "<img src=x",
            "<svg onload",
            "<script>",
            "onerror=alert(1)>",
            "href=\"javascript:",
        ] {
            assert!(!body.contains(tag), "{path}: {tag}");
        }
        for character in ['\u{202e}', '\u{1b}', '\u{2028}'] {
            let told = path.starts_with("/account?") || ["q=", "floor=", "owner=", "program="]
                    .iter()
                    .any(|field| path.contains(field))
                    // The owners to choose from are values of a form.
                    || path.starts_with("/accounts");
            // In the field of a form stands what was sent, as it was: it is shown in that field alone.
            assert!(told || !body.contains(character), "{path}: {character:?}");
        }
    }
    for path in ["/api/v1/overview", "/api/v1/accounts", "/api/v1/clients"] {
        let answer = ask(&router, path).await;
        assert_eq!(answer.headers["content-type"], "application/json", "{path}");
        assert_eq!(
            answer.headers["x-content-type-options"], "nosniff",
            "{path}"
        );
        answer.json();
    }
    let csv = ask(&router, "/accounts.csv?show=all").await.body;
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let mut count = 0;
    for record in reader.records() {
        for cell in &record.unwrap() {
            assert!(!cell.starts_with(['=', '+', '-', '@']), "{cell}");
            assert!(!cell.contains(['\u{202e}', '\u{1b}', '\u{2028}']), "{cell}");
        }
        count += 1;
    }
    assert_eq!(count, HOSTILE.len());
    let accounts = ask(&router, "/api/v1/accounts").await.json();
    assert_eq!(accounts["total"], HOSTILE.len());
}

/// Hostile names in a label are one label all the same.
#[tokio::test]
async fn a_sunset_can_be_called_anything() {
    let directory = tempfile::tempdir().unwrap();
    fill(directory.path(), support::some());
    let text = support::PLAN.replace("\"old TLS\"", r#""a\"b\\c <i>""#);
    let router = support::console_with(
        directory.path(),
        &ConsoleSettings::default(),
        "127.0.0.1:8444",
        support::fixed(support::plan(&text)),
    );
    let metrics = ask(&router, "/metrics").await.body;
    assert!(
        metrics.contains(r#"sundown_sunset_accounts_not_ready{sunset="a\"b\\c <i>"} 2"#),
        "{metrics}"
    );
    let page = ask(&router, "/").await.body;
    assert!(page.contains("c &lt;i&gt;") && !page.contains("<i>"));
}
