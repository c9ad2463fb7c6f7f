//! Who may see the console, and who may pull its levers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected is to fail"
)]

mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use audit::{Holds, Trail};
use axum::Router;
use axum::body::Body;
use console::{Access, AccessError, ConsoleSettings, ProxySettings};
use http::{Method, StatusCode, header};
use support::{Answer, ask, console, fill, get, send, some};

const OPERATE: &str = "0123456789abcdef-operate";
const READ: &str = "0123456789abcdef-read";

fn token(directory: &Path, name: &str, text: &str, mode: u32) -> PathBuf {
    let path = directory.join(name);
    std::fs::write(&path, format!("{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    PathBuf::from(name)
}

fn with_tokens(directory: &Path) -> ConsoleSettings {
    ConsoleSettings {
        token_file: Some(token(directory, "operate", OPERATE, 0o600)),
        read_token_file: Some(token(directory, "read", READ, 0o600)),
        ..ConsoleSettings::default()
    }
}

fn form(text: &Answer) -> String {
    let at = text.body.find("name=\"csrf\" value=\"").expect("a form") + 19;
    text.body[at..at + 64].to_owned()
}

async fn post(router: &Router, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut request = get(path)
        .method(Method::POST)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(router, request.body(Body::from(body.to_owned())).unwrap()).await
}

#[test]
fn an_open_address_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let open = |settings: &ConsoleSettings, address: &str| {
        Access::new(settings, address.parse().unwrap(), directory.path())
    };
    let none = ConsoleSettings::default();
    for address in ["0.0.0.0:8444", "10.0.0.1:1", "[::]:8444"] {
        let error = open(&none, address).unwrap_err();
        assert!(
            matches!(error, AccessError::Open(_)) && error.to_string().contains("token_file"),
            "{error}"
        );
    }
    assert!(open(&none, "127.0.0.1:0").is_ok() && open(&none, "[::1]:0").is_ok());
    let file = |name: PathBuf| ConsoleSettings {
        token_file: Some(name),
        ..ConsoleSettings::default()
    };
    let short = file(token(directory.path(), "short", "hunter2", 0o600));
    assert!(matches!(
        open(&short, "0.0.0.0:1").unwrap_err(),
        AccessError::Short(_)
    ));
    let shared = file(token(directory.path(), "shared", OPERATE, 0o644));
    assert!(matches!(
        open(&shared, "0.0.0.0:1").unwrap_err(),
        AccessError::Shared(_)
    ));
    assert!(matches!(
        open(&file("none".into()), "0.0.0.0:1").unwrap_err(),
        AccessError::Unreadable { .. }
    ));
    let access = open(&with_tokens(directory.path()), "0.0.0.0:1").unwrap();
    assert!(
        !format!("{access:?}").contains("0123456789abcdef"),
        "no token in a log"
    );
}

#[tokio::test]
async fn another_name_is_not_answered_on_loopback() {
    let directory = tempfile::tempdir().unwrap();
    fill(directory.path(), some());
    let router = console(
        directory.path(),
        &ConsoleSettings::default(),
        "127.0.0.1:8444",
    );
    let named = |host: &'static str| {
        http::Request::builder()
            .uri("/")
            .header(header::HOST, host)
            .body(Body::empty())
            .unwrap()
    };
    assert_eq!(
        send(&router, named("evil.example")).await.status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        send(&router, named("127.0.0.1:8444")).await.status,
        StatusCode::OK
    );
    let without = http::Request::builder()
        .uri("/")
        .body(Body::empty())
        .unwrap();
    assert_eq!(send(&router, without).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_token_opens_and_another_does_not() {
    let directory = tempfile::tempdir().unwrap();
    fill(directory.path(), some());
    let router = console(
        directory.path(),
        &with_tokens(directory.path()),
        "0.0.0.0:8444",
    );
    let bearer = |token: &str, path: &str| {
        get(path)
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .body(Body::empty())
            .unwrap()
    };
    for path in ["/api/v1/overview", "/metrics", "/api/v1/plan"] {
        assert_eq!(
            ask(&router, path).await.status,
            StatusCode::UNAUTHORIZED,
            "{path}"
        );
        assert_eq!(
            send(&router, bearer("wrong", path)).await.status,
            StatusCode::UNAUTHORIZED,
            "{path}"
        );
        assert_eq!(
            send(&router, bearer(READ, path)).await.status,
            StatusCode::OK,
            "{path}"
        );
    }
    let away = ask(&router, "/").await;
    assert_eq!(
        (away.status, &away.headers["location"]),
        (StatusCode::SEE_OTHER, &"/login".parse().unwrap())
    );

    let login = ask(&router, "/login").await;
    let visit = login.cookie("sundown_visit").expect("a visit");
    let cookie = format!("sundown_visit={visit}");
    let csrf = form(&login);
    let wrong = post(
        &router,
        "/login",
        &[("cookie", &cookie)],
        &format!("csrf={csrf}&token=nope"),
    )
    .await;
    assert_eq!(wrong.status, StatusCode::FORBIDDEN);
    let without = post(
        &router,
        "/login",
        &[("cookie", &cookie)],
        &format!("token={OPERATE}"),
    )
    .await;
    assert_eq!(without.status, StatusCode::FORBIDDEN);
    let right = post(
        &router,
        "/login",
        &[("cookie", &cookie)],
        &format!("csrf={csrf}&token={OPERATE}"),
    )
    .await;
    assert_eq!(right.status, StatusCode::SEE_OTHER);
    let set = right.headers[header::SET_COOKIE].to_str().unwrap();
    assert!(
        set.contains("HttpOnly") && set.contains("SameSite=Strict") && !set.contains(OPERATE),
        "{set}"
    );
    let session = right.cookie("sundown_console").unwrap();
    let with = |session: &str| {
        get("/")
            .header(
                header::COOKIE,
                format!("{cookie}; sundown_console={session}"),
            )
            .body(Body::empty())
            .unwrap()
    };
    assert_eq!(send(&router, with(&session)).await.status, StatusCode::OK);
    let forged = session.replace("operate.", "operate.9");
    assert_eq!(
        send(&router, with(&forged)).await.status,
        StatusCode::SEE_OTHER
    );
}

#[tokio::test]
async fn a_reader_pulls_no_lever() {
    let directory = tempfile::tempdir().unwrap();
    fill(directory.path(), some());
    let router = console(
        directory.path(),
        &with_tokens(directory.path()),
        "0.0.0.0:8444",
    );
    let bearer = format!("Bearer {READ}");
    let page = send(
        &router,
        get("/plan")
            .header(header::AUTHORIZATION, &bearer)
            .body(Body::empty())
            .unwrap(),
    )
    .await;
    assert!(page.body.contains("You may read") && !page.body.contains("action=\"/plan/hold\""));
    let pulled = post(
        &router,
        "/plan/hold",
        &[("authorization", &bearer)],
        "sure=yes&reason=x",
    )
    .await;
    assert_eq!(pulled.status, StatusCode::FORBIDDEN);
    assert!(Holds::of(directory.path()).read().unwrap().is_empty());
}

#[tokio::test]
async fn a_lever_takes_a_form_of_this_visitor_and_a_confirmation() {
    let directory = tempfile::tempdir().unwrap();
    fill(directory.path(), some());
    let router = console(
        directory.path(),
        &ConsoleSettings::default(),
        "127.0.0.1:8444",
    );
    let page = ask(&router, "/plan").await;
    let cookie = format!("sundown_visit={}", page.cookie("sundown_visit").unwrap());
    let csrf = form(&page);
    let body = format!("csrf={csrf}&sunset=old+TLS&reason=kiosks+fail&sure=yes");
    let holds = || Holds::of(directory.path()).read().unwrap();
    let cookies = [("cookie", cookie.as_str())];
    for (headers, body, what) in [
        (&[][..], body.as_str(), "no cookie"),
        (
            &[("cookie", "sundown_visit=00000000000000000000000000000000")][..],
            body.as_str(),
            "another visitor",
        ),
        (&cookies[..], "sunset=&reason=x&sure=yes", "no token"),
        (
            &[cookies[0], ("origin", "http://evil.example")][..],
            body.as_str(),
            "another origin",
        ),
        (
            &[cookies[0], ("sec-fetch-site", "cross-site")][..],
            body.as_str(),
            "another site",
        ),
    ] {
        let answer = post(&router, "/plan/hold", headers, body).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{what}");
        assert!(holds().is_empty(), "{what}");
    }
    for wrong in [
        format!("csrf={csrf}&sunset=&reason=x"),
        format!("csrf={csrf}&sunset=&reason=&sure=yes"),
        format!("csrf={csrf}&sunset=no+such&reason=x&sure=yes"),
    ] {
        assert_eq!(
            post(&router, "/plan/hold", &cookies, &wrong).await.status,
            StatusCode::BAD_REQUEST
        );
    }
    assert!(holds().is_empty());
    let held = post(
        &router,
        "/plan/hold",
        &[
            cookies[0],
            ("origin", "http://localhost:8444"),
            ("sec-fetch-site", "same-origin"),
        ],
        &body,
    )
    .await;
    assert_eq!(held.status, StatusCode::SEE_OTHER, "{}", held.body);
    assert_eq!(holds()[0].sunset.as_deref(), Some("old TLS"));
    let trail = Trail::of(directory.path()).read().unwrap();
    assert_eq!(
        (
            trail.records[0].kind.as_str(),
            trail.records[0].text("reason")
        ),
        ("hold", Some("kiosks fail"))
    );
    assert!(trail.fault.is_none());
    let resumed = post(&router, "/plan/resume", &cookies, &body).await;
    assert_eq!(resumed.status, StatusCode::SEE_OTHER);
    assert!(holds().is_empty());
    let huge = format!("csrf={csrf}&reason={}", "x".repeat(2 << 20));
    assert_eq!(
        post(&router, "/plan/hold", &cookies, &huge).await.status,
        StatusCode::PAYLOAD_TOO_LARGE
    );
}

#[tokio::test]
async fn what_somebody_writes_about_an_account_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    fill(directory.path(), some());
    let router = console(
        directory.path(),
        &ConsoleSettings::default(),
        "127.0.0.1:8444",
    );
    let page = ask(&router, "/account?id=acme").await;
    let cookie = format!("sundown_visit={}", page.cookie("sundown_visit").unwrap());
    let body = format!(
        "csrf={}&id=acme&note=calls+back&owner=dana&contact=it%40acme.example&visitor=customer",
        form(&page)
    );
    let written = post(&router, "/account/note", &[("cookie", &cookie)], &body).await;
    assert_eq!(written.status, StatusCode::SEE_OTHER, "{}", written.body);
    let account = ask(&router, "/api/v1/account?id=acme").await.json();
    assert_eq!(account["note"]["text"], "calls back");
    assert_eq!(account["note"]["contact"], "it@acme.example");
    let nobody = body.replace("id=acme", "id=nobody");
    assert_eq!(
        post(&router, "/account/note", &[("cookie", &cookie)], &nobody)
            .await
            .status,
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn a_proxy_is_believed_from_its_own_address_alone() {
    let directory = tempfile::tempdir().unwrap();
    fill(directory.path(), some());
    let settings = ConsoleSettings {
        proxy: Some(ProxySettings {
            user_header: "X-Forwarded-Email".to_owned(),
            trusted: vec!["10.0.0.5".parse().unwrap()],
            operators: vec!["dana@example.com".to_owned()],
        }),
        ..ConsoleSettings::default()
    };
    let router = console(directory.path(), &settings, "0.0.0.0:8444");
    let from = |peer: &str, user: &str| {
        get("/plan")
            .header("test-peer", peer)
            .header("x-forwarded-email", user)
            .body(Body::empty())
            .unwrap()
    };
    let operator = send(&router, from("10.0.0.5:4000", "dana@example.com")).await;
    assert!(operator.status == StatusCode::OK && operator.body.contains("action=\"/plan/hold\""));
    let reader = send(&router, from("10.0.0.5:4000", "eve@example.com")).await;
    assert!(reader.status == StatusCode::OK && !reader.body.contains("action=\"/plan/hold\""));
    let stranger = send(&router, from("10.0.0.6:4000", "dana@example.com")).await;
    assert_eq!(stranger.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn too_many_wrong_tokens_are_not_looked_at() {
    let directory = tempfile::tempdir().unwrap();
    fill(directory.path(), some());
    let router = console(
        directory.path(),
        &with_tokens(directory.path()),
        "0.0.0.0:8444",
    );
    let bearer = |token: &str, peer: &str| {
        get("/api/v1/plan")
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header("test-peer", peer)
            .body(Body::empty())
            .unwrap()
    };
    let mut last = StatusCode::OK;
    for _ in 0..11 {
        last = send(&router, bearer("wrong", "192.0.2.1:1")).await.status;
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
    let right = send(&router, bearer(READ, "192.0.2.1:2")).await;
    assert_eq!(right.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(right.headers["retry-after"], "60");
    assert!(right.json()["error"].as_str().is_some());
    let elsewhere = send(&router, bearer(READ, "192.0.2.2:1")).await;
    assert_eq!(elsewhere.status, StatusCode::OK);

    // The page where a token is shown counts with them.
    let login = ask(&router, "/login").await;
    let cookie = format!("sundown_visit={}", login.cookie("sundown_visit").unwrap());
    let headers = [("cookie", cookie.as_str()), ("test-peer", "192.0.2.1:3")];
    let body = format!("csrf={}&token={OPERATE}", form(&login));
    let shown = post(&router, "/login", &headers, &body).await;
    assert_eq!(shown.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(shown.headers["retry-after"], "60");
    assert!(shown.body.contains("Wait for 60 seconds"), "{}", shown.body);
    let headers = [("cookie", cookie.as_str()), ("test-peer", "192.0.2.3:1")];
    let shown = post(&router, "/login", &headers, &body).await;
    assert_eq!(shown.status, StatusCode::SEE_OTHER);
}

/// A draft is said to be wrong where it is wrong, and its text stays.
#[tokio::test]
async fn a_draft_that_cannot_be_read_is_shown_with_its_lines() {
    let directory = tempfile::tempdir().unwrap();
    fill(directory.path(), some());
    let router = console(
        directory.path(),
        &ConsoleSettings::default(),
        "127.0.0.1:8444",
    );
    let page = ask(&router, "/rehearse").await;
    let cookie = format!("sundown_visit={}", page.cookie("sundown_visit").unwrap());
    let csrf = form(&page);
    let encoded =
        |text: &str| -> String { text.bytes().map(|byte| format!("%{byte:02X}")).collect() };
    for (draft, line, said) in [
        (
            "[[sunset]]\nname = \"a\"\nfloor = \"tls9\"\nwarn = \"2026-01-01\"\n",
            3,
            "tls9",
        ),
        (
            "# <script>\n[[sunset]]\nname = <script>alert(1)\n",
            3,
            "&lt;script&gt;alert(1)",
        ),
        (
            "[[sunset]]\n\nname = \"a\"\nfloor = \"pq\"\nrefuse = \"soon\"\n",
            5,
            "soon",
        ),
    ] {
        let body = format!("csrf={csrf}&days=30&plan={}", encoded(draft));
        let shown = post(&router, "/rehearse", &[("cookie", &cookie)], &body).await;
        assert_eq!(shown.status, StatusCode::OK);
        assert!(
            shown.body.contains(&format!("Line {line}<")) && shown.body.contains(said),
            "{line}: {}",
            shown.body
        );
        assert!(!shown.body.contains("<script>"), "{}", shown.body);
        assert!(shown.body.contains("name = "), "the text stays");
    }
}
