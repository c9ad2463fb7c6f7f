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
    assert_eq!(first["total"], 130);
    assert_eq!(first["rows"][0]["who"]["id"], "account-000");
    assert!(first["previous"].is_null());
    let turned = |side: &str, page: &serde_json::Value| {
        let (name, place) = match side {
            "next" => ("after", &page["next"]),
            _ => ("before", &page["previous"]),
        };
        format!("/api/v1/accounts?{name}={place}")
    };
    let second = ask(&router, &turned("next", &first)).await.json();
    let last = ask(&router, &turned("next", &second)).await.json();
    assert_eq!(last["rows"].as_array().unwrap().len(), 30);
    assert_eq!(last["skipped"], 100);
    assert!(last["next"].is_null());
    let back = ask(&router, &turned("previous", &last)).await.json();
    assert_eq!(back["rows"], second["rows"]);
    let page = ask(&router, "/accounts?sort=account&q=count").await;
    assert!(page.body.contains("1–50 of 130 accounts"), "{}", page.body);
    assert!(
        page.body
            .contains("&amp;q=count&amp;sort=account&amp;after="),
        "the order and what is searched for are in the links: {}",
        page.body
    );
    let part = |more: &'static str| {
        support::get("/accounts?q=count")
            .header("hx-request", "true")
            .header(more, "true")
            .body(axum::body::Body::empty())
            .unwrap()
    };
    let typed = support::send(&router, part("hx-current-url")).await;
    assert!(!typed.body.contains("<html") && typed.body.contains("account-000"));
    let back = support::send(&router, part("hx-history-restore-request")).await;
    assert!(back.body.contains("<html"));
    let by_id = ask(&router, "/api/v1/accounts?sort=account&q=99").await;
    assert_eq!(by_id.json()["rows"][0]["who"]["id"], "account-099");
    let beyond = ask(&router, "/accounts?after=18446744073709551615").await;
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
        "/accounts?after=-1",
        "/accounts?before=x",
        "/accounts?lacks=x&sort=x",
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

#[tokio::test]
async fn a_list_is_filtered_by_people_programs_and_lacks() {
    use ledger::people::{Note, PEOPLE, People};

    let directory = tempfile::tempdir().unwrap();
    fill(directory.path(), some());
    let router = console(
        directory.path(),
        &ConsoleSettings::default(),
        "127.0.0.1:8444",
    );
    let ids = |page: serde_json::Value| -> Vec<String> {
        let rows = page["rows"].as_array().unwrap().iter();
        rows.map(|row| row["who"]["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let nobody = ask(&router, "/api/v1/accounts?owner=dana").await.json();
    assert_eq!(nobody["total"], 0);
    let people = People::open(&directory.path().join(PEOPLE)).unwrap();
    people
        .write(&Note {
            account: "globex".to_owned(),
            text: String::new(),
            owner: "dana".to_owned(),
            contact: "it@globex.example".to_owned(),
            visitor: ledger::Visitor::Customer,
            changed: at(NOW),
            author: "dana".to_owned(),
        })
        .unwrap();
    // What is written down is there at once, whatever the figures are as of.
    let owned = ask(&router, "/api/v1/accounts?show=all&owner=dana")
        .await
        .json();
    assert_eq!(owned["owners"], serde_json::json!(["dana"]));
    assert_eq!(owned["rows"][0]["contact"], "it@globex.example");
    assert_eq!(ids(owned), ["globex"]);
    for (asked, found) in [
        ("lacks=version", 2),
        ("lacks=groups", 0),
        ("program=PYTHON", 2),
        ("program=java", 0),
        ("program=python&owner=dana", 1),
    ] {
        let page = ask(&router, &format!("/api/v1/accounts?{asked}")).await;
        assert_eq!(page.json()["total"], found, "{asked}");
    }
    let page = ask(&router, "/accounts?owner=dana&program=python")
        .await
        .body;
    assert!(page.contains("it@globex.example") && page.contains("owner=dana"));
    let csv = ask(&router, "/accounts.csv?show=all&sort=account").await;
    assert_eq!(csv.headers["content-type"], "text/csv; charset=utf-8");
    let lines: Vec<&str> = csv.body.lines().collect();
    assert_eq!(lines.len(), 7, "{}", csv.body);
    assert!(lines[0].starts_with("sunset,account,attribution,standing,program,"));
    assert!(
        lines[1].starts_with("old TLS,acme,known,not-ready,"),
        "{}",
        lines[1]
    );
    assert!(csv.body.contains(",dana,it@globex.example\r\n"));
}

/// A picture outlives its console, and another plan's figures are said to be that.
#[tokio::test]
async fn a_picture_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    fill(directory.path(), some());
    let first = console(
        directory.path(),
        &ConsoleSettings::default(),
        "127.0.0.1:8444",
    );
    let told = ask(&first, "/api/v1/accounts?show=all").await.json();
    // A second console beside it keeps its own, by a plan of its own.
    let other = support::console_with(
        directory.path(),
        &ConsoleSettings::default(),
        "127.0.0.1:8444",
        support::fixed(plan(
            &PLAN
                .replace("tls1.2", "ssl3")
                .replace("\"ssl3\"", "\"tls1.1\""),
        )),
    );
    assert_eq!(ask(&other, "/").await.status, StatusCode::OK);
    assert_eq!(ask(&first, "/api/v1/accounts?show=all").await.json(), told);
    drop((first, other));
    assert!(directory.path().join("standings.sqlite").exists());
    let again = console(
        directory.path(),
        &ConsoleSettings::default(),
        "127.0.0.1:8444",
    );
    assert_eq!(ask(&again, "/api/v1/accounts?show=all").await.json(), told);
}
