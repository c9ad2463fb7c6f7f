//! A console over a ledger that is made for a test.
#![allow(
    dead_code,
    reason = "each test that includes this uses its own part of it"
)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that meets the unexpected is to fail"
)]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use console::{Access, Console, ConsoleSettings, InForce, Ingredients, Source, router};
use floor::Plan;
use floor::config::PlanTables;
use http::{HeaderMap, Request, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use ledger::{
    Account, Entry, Importer, Judged, LedgerSettings, Negotiated, Outcome, Requests, Sighting,
    Visitor,
};
use tower::ServiceExt;

pub(crate) const PLAN: &str = r#"
    [[sunset]]
    name = "old TLS"
    floor = "tls1.2"
    observe = "2026-01-01"
    warn = "2026-02-01"
    refuse = "2026-06-01"
    [[sunset.brownout]]
    from = "2026-04-01T09:00Z"
    to = "2026-04-01T17:00Z"
    length = "10m"
    every = "1h"
    share = 1.0
    as = "explain"
    [[exception]]
    account = "excepted"
    sunset = "old TLS"
    until = "2026-12-01"
    owner = "jo"
    reason = "kiosks"
    [[preview]]
    sni = "next.example"
    at = "2026-06-02"
"#;

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().expect("a moment")
}

/// The moment that the console's clock shows.
pub(crate) const NOW: &str = "2026-03-20T12:30:00Z";

pub(crate) fn plan(text: &str) -> Plan {
    let tables: PlanTables = toml::from_str(text).expect("TOML");
    tables.build([7; 16]).expect("a plan")
}

pub(crate) struct Fixed(pub(crate) Arc<InForce>);

impl Source for Fixed {
    fn in_force(&self) -> Arc<InForce> {
        self.0.clone()
    }

    fn draft(&self, text: &str, share_key: [u8; 16]) -> Result<Plan, Vec<floor::Problem>> {
        let tables: PlanTables = toml::from_str(text).map_err(|error| {
            vec![floor::Problem {
                span: error.span().unwrap_or(0..0),
                key: String::new(),
                message: error.message().to_owned(),
                help: "correct the TOML there".to_owned(),
                severity: floor::Severity::Error,
            }]
        })?;
        tables.build(share_key)
    }
}

pub(crate) fn fixed(plan: Plan) -> Arc<Fixed> {
    Arc::new(Fixed(Arc::new(InForce {
        plan,
        name: "sundown.toml".to_owned(),
        text: PLAN.to_owned(),
        check_path: "/ssl/".to_owned(),
        problem: None,
        generation: 1,
    })))
}

/// An entry of somebody who offers this version at most.
pub(crate) fn entry(account: Option<&str>, is_old: bool, when: Timestamp, requests: u64) -> Entry {
    let client = if is_old {
        "OpenSSL 0.9.8y"
    } else {
        "OpenSSL 3.0.15 (Debian)"
    };
    let clients = advice::Knowledge::known_clients().iter();
    let offer = clients
        .clone()
        .find(|known| known.name == client)
        .expect("a known client")
        .offer
        .clone();
    let version = offer.max_version();
    let sighting = Sighting {
        at: when,
        duration_ms: 5,
        edge: "0.0.0.0:443".into(),
        address: Some([192, 0, 2, 7].into()),
        sni: Some("api.example.com".into()),
        offered: Some(version),
        offer: Some(offer),
        negotiated: Some(Negotiated {
            version,
            cipher: "ECDHE-RSA-AES128-SHA",
            group: Some("secp256r1"),
            alpn: None,
            resumed: false,
        }),
        account: account.map(|id| Account::Known(id.into())),
        visitor: Visitor::Customer,
        user_agent: Some("python-requests/2.2.1".into()),
        judged: Some(Judged {
            sunset: is_old.then(|| "old TLS".into()),
            phase: None,
            action: "warn",
            window: None,
            preview: false,
        }),
        outcome: Outcome::Terminated,
        requests: Requests::default(),
    };
    Entry {
        at: when,
        connections: 1,
        requests: Requests {
            served: requests,
            ..Requests::default()
        },
        is_last: true,
        sighting,
    }
}

/// Writes a ledger into a directory.
pub(crate) fn fill(directory: &Path, entries: impl IntoIterator<Item = Entry>) {
    let path = directory.join(ledger::FILE);
    let mut importer = Importer::open(
        &path,
        &LedgerSettings::default(),
        at("2026-01-01T00:00:00Z"),
    )
    .expect("a ledger");
    for entry in entries {
        importer.add(&entry).expect("room");
    }
    importer.finish().expect("a disk");
}

/// What most tests look at: two that are not ready, one excepted, one fixed, three that are ready.
pub(crate) fn some() -> Vec<Entry> {
    let mut entries = Vec::new();
    let start = at("2026-02-10T09:00:00Z");
    for day in 0..38 {
        let when = start + SignedDuration::from_hours(24 * day);
        for (id, is_old) in [
            ("acme", true),
            ("globex", true),
            ("excepted", true),
            ("modern", false),
            ("other", false),
        ] {
            entries.push(entry(Some(id), is_old, when, 10 + day as u64));
        }
        entries.push(entry(Some("fixed"), day < 20, when, 3));
        entries.push(entry(None, false, when, 1));
    }
    entries
}

pub(crate) fn console(directory: &Path, settings: &ConsoleSettings, address: &str) -> Router {
    console_with(directory, settings, address, fixed(plan(PLAN)))
}

pub(crate) fn console_with(
    directory: &Path,
    settings: &ConsoleSettings,
    address: &str,
    source: Arc<dyn Source>,
) -> Router {
    let address: SocketAddr = address.parse().expect("an address");
    router(Console::new(Ingredients {
        data_dir: directory.to_owned(),
        source,
        access: Access::new(settings, address, directory).expect("access"),
        clock: Box::new(|| at(NOW)),
        real_clock: Box::new(|| at(NOW)),
        marked: Some("Demo data".to_owned()),
    }))
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The value of a cookie that was set.
    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        let all = self.headers.get_all(header::SET_COOKIE).iter();
        all.filter_map(|value| {
            value
                .to_str()
                .ok()?
                .strip_prefix(&format!("{name}="))?
                .split(';')
                .next()
                .map(str::to_owned)
        })
        .next()
    }
}

pub(crate) fn get(path: &str) -> http::request::Builder {
    Request::builder()
        .uri(path)
        .header(header::HOST, "localhost:8444")
        .header(header::ACCEPT, "text/html")
}

pub(crate) async fn send(router: &Router, request: Request<Body>) -> Answer {
    let mut request = request;
    let peer: SocketAddr = request
        .headers()
        .get("test-peer")
        .map_or("127.0.0.1:50000".parse().unwrap(), |peer| {
            peer.to_str().unwrap().parse().unwrap()
        });
    request.extensions_mut().insert(ConnectInfo(peer));
    let response = router.clone().oneshot(request).await.expect("infallible");
    let (parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, 64 << 20).await.expect("a body");
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: String::from_utf8(bytes.to_vec()).expect("UTF-8"),
    }
}

pub(crate) async fn ask(router: &Router, path: &str) -> Answer {
    send(router, get(path).body(Body::empty()).unwrap()).await
}
