//! Pages answer, and hold the figures of a report on the same ledger.
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
use jiff::SignedDuration;
use ledger::Reader;
use report::Options;
use support::{NOW, PLAN, ask, at, console, fill, plan, some};

const PAGES: [&str; 8] = [
    "/",
    "/accounts",
    "/accounts?show=all",
    "/account?id=acme",
    "/plan",
    "/clients",
    "/rehearse",
    "/rehearse?floor=pq&days=60",
];

#[tokio::test]
async fn every_page_answers_and_is_marked() {
    let directory = tempfile::tempdir().unwrap();
    fill(directory.path(), some());
    let router = console(
        directory.path(),
        &ConsoleSettings::default(),
        "127.0.0.1:8444",
    );
    for path in PAGES {
        let answer = ask(&router, path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
        assert!(answer.body.contains("Demo data"), "{path}");
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(
            policy.contains("script-src 'self'") && !policy.contains("unsafe"),
            "{path}: {policy}"
        );
        assert_eq!(answer.headers["cache-control"], "no-store", "{path}");
        // What the policy would forbid is not there either.
        assert!(
            !answer.body.contains("style=\"") && !answer.body.contains("onclick"),
            "{path}"
        );
    }
    assert_eq!(ask(&router, "/nowhere").await.status, StatusCode::NOT_FOUND);
    assert_eq!(
        ask(&router, "/account?id=nobody").await.status,
        StatusCode::NOT_FOUND
    );
    for asset in ["console.css", "console.js", "htmx.min.js", "icon.svg"] {
        assert_eq!(
            ask(&router, &format!("/assets/{asset}")).await.status,
            StatusCode::OK
        );
    }
}

#[tokio::test]
async fn the_overview_says_what_a_report_says() {
    let directory = tempfile::tempdir().unwrap();
    fill(directory.path(), some());
    let reader = Reader::open(&directory.path().join(ledger::FILE)).unwrap();
    let options = Options {
        since: Some(at(NOW) - SignedDuration::from_hours(30 * 24)),
        ..Options::default()
    };
    let report = report::report(&reader, &plan(PLAN), at(NOW), &options).unwrap();
    let report = serde_json::to_value(&report).unwrap();
    let router = console(
        directory.path(),
        &ConsoleSettings::default(),
        "127.0.0.1:8444",
    );
    let overview = ask(&router, "/api/v1/overview").await.json();
    for of in ["connections", "requests", "accounts"] {
        assert_eq!(overview["sunsets"][0][of], report["sunsets"][0][of], "{of}");
    }
    assert_eq!(overview["verdict"], report["verdict"]);
    assert_eq!(overview["sunsets"][0]["not_ready"], 2);
    let days = overview["sunsets"][0]["days"].as_array().unwrap();
    assert_eq!(days.last().unwrap()["date"], "2026-03-20");
    // Before it was fixed there were three; who is excepted is in neither.
    assert_eq!(days[10]["not_ready"], 3);

    let accounts = ask(&router, "/api/v1/accounts?show=all").await.json();
    let rows = accounts["rows"].as_array().unwrap();
    let standing = |id: &str| {
        rows.iter()
            .find(|row| row["who"]["id"] == id)
            .map(|row| row["standing"].as_str().unwrap())
    };
    assert_eq!(standing("acme"), Some("not-ready"));
    assert_eq!(standing("excepted"), Some("excepted"));
    assert_eq!(standing("fixed"), Some("fixed"));
    assert_eq!(standing("modern"), Some("ready"));
    let breaking = report["sunsets"][0]["breaking"].as_array().unwrap();
    for row in breaking
        .iter()
        .filter(|row| row["who"]["attribution"] == "known")
    {
        let own = rows.iter().find(|own| own["who"] == row["who"]).unwrap();
        assert_eq!(own["requests_a_day"], row["requests_a_day"]);
    }

    let only = Options {
        account: Some("acme".to_owned()),
        check_path: Some("/ssl/".to_owned()),
        ..options
    };
    let whole = report::report(&reader, &plan(PLAN), at(NOW), &only).unwrap();
    let account = ask(&router, "/api/v1/account?id=acme").await.json();
    assert_eq!(
        account["report"],
        serde_json::to_value(&whole).unwrap(),
        "one account alone is the same as among all"
    );
}

#[tokio::test]
async fn a_list_is_searched_and_paged() {
    let directory = tempfile::tempdir().unwrap();
    let entries = (0..130).map(|number| {
        support::entry(
            Some(&format!("account-{number:03}")),
            true,
            at("2026-03-20T09:00:00Z"),
            1000 - number,
        )
    });
    fill(directory.path(), entries);
    let router = console(
        directory.path(),
        &ConsoleSettings::default(),
        "127.0.0.1:8444",
    );
    let first = ask(&router, "/api/v1/accounts").await.json();
    assert_eq!(
        (first["total"].as_u64(), first["pages"].as_u64()),
        (Some(130), Some(3))
    );
    assert_eq!(first["rows"][0]["who"]["id"], "account-000");
    let last = ask(&router, "/api/v1/accounts?page=3").await.json();
    assert_eq!(last["rows"].as_array().unwrap().len(), 30);
    let beyond = ask(&router, "/accounts?page=18446744073709551615").await;
    assert_eq!(beyond.status, StatusCode::OK);
    let found = ask(&router, "/api/v1/accounts?q=COUNT-11").await.json();
    assert_eq!(found["total"], 10);
    assert!(
        found["rows"][0]["program"]
            .as_str()
            .is_some_and(|program| program.contains("Python")),
        "{found}"
    );
    let long = ask(&router, &format!("/accounts?q={}", "x".repeat(60_000))).await;
    assert_eq!(long.status, StatusCode::OK);
    assert!(long.body.len() < 20_000, "what is searched for is cut");
    for wrong in [
        "/accounts?sunset=x",
        "/accounts?page=-1",
        "/accounts?sunset=99",
        "/rehearse?floor=none",
        "/rehearse?floor=%7B+min+%3D",
    ] {
        let answer = ask(&router, wrong).await;
        assert!(
            answer.status == StatusCode::OK || answer.status == StatusCode::BAD_REQUEST,
            "{wrong}: {answer:?}"
        );
    }
}

#[tokio::test]
async fn a_ledger_that_is_missing_or_damaged_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let router = console(
        directory.path(),
        &ConsoleSettings::default(),
        "127.0.0.1:8444",
    );
    for path in [
        "/",
        "/accounts",
        "/account?id=acme",
        "/plan",
        "/clients",
        "/rehearse?floor=pq",
    ] {
        let answer = ask(&router, path).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert!(
            answer.body.contains("there is no ledger"),
            "{path}: {}",
            answer.body
        );
    }
    assert!(
        ask(&router, "/metrics")
            .await
            .body
            .contains("sundown_ledger_readable 0")
    );
    let damaged = tempfile::tempdir().unwrap();
    std::fs::write(damaged.path().join(ledger::FILE), vec![7; 40_000]).unwrap();
    let router = console(
        damaged.path(),
        &ConsoleSettings::default(),
        "127.0.0.1:8444",
    );
    let answer = ask(&router, "/").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn metrics_say_how_every_sunset_stands() {
    let directory = tempfile::tempdir().unwrap();
    fill(directory.path(), some());
    let router = console(
        directory.path(),
        &ConsoleSettings::default(),
        "127.0.0.1:8444",
    );
    let text = ask(&router, "/metrics").await.body;
    for line in [
        "sundown_sunset_accounts_not_ready{sunset=\"old TLS\"} 2",
        "sundown_sunset_days_left{sunset=\"old TLS\"} 73",
        "sundown_sunset_phase{sunset=\"old TLS\",phase=\"warn\"} 1",
        "sundown_sunset_on_hold{sunset=\"old TLS\"} 0",
        "sundown_ledger_readable 1",
        "version=\"TLSv1\",action=\"warn\"",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}
