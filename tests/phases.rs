//! Every client of the table, on every kind of day of the 2016 plan: who is served, what it is told, and that the
//! sightings are exactly what was sent.
//!
//! `cargo test --test phases -- --nocapture` shows a table for each day. `UPDATE=1` in the environment writes
//! `docs/clients-by-phase.md` from the day on which old TLS is refused.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::{Value, json};

#[path = "support/clients.rs"]
mod clients;
#[path = "support/document.rs"]
mod document;
#[path = "support/edge.rs"]
mod edge;
#[path = "support/ja4.rs"]
mod ja4;
#[path = "support/upstream.rs"]
mod upstream;

use clients::{Case, Outcome, Served};
use document::one_line;
use edge::Edge;
use upstream::{Request, Upstream};

const PLAN: &str = include_str!("../examples/pokitdok-2016.toml");

/// What an API call gets on a day of the plan, for a client that misses the floor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Treatment {
    Served,
    Warned,
    Explained,
    Refused,
}

/// A day of the plan.
#[derive(Debug)]
struct Day {
    title: &'static str,
    as_of: &'static str,
    /// The phase that `/ssl/` and the sighting name.
    phase: &'static str,
    /// The action that was taken at the hello of a client that misses.
    action: &'static str,
    treatment: Treatment,
    /// What `/ssl/` says of a client that misses.
    verdict: &'static str,
}

const OBSERVE: Day = Day {
    title: "observe",
    as_of: "2016-07-01T12:00Z",
    phase: "observe",
    action: "serve",
    treatment: Treatment::Served,
    verdict: "at-risk",
};
const WARN: Day = Day {
    title: "warn",
    as_of: "2016-10-01T12:00Z",
    phase: "warn",
    action: "warn",
    treatment: Treatment::Warned,
    verdict: "at-risk",
};
/// A window opens at 7 minutes past the hour and lasts 10.
const IN_A_WINDOW: Day = Day {
    title: "inside a brownout window",
    as_of: "2016-11-15T09:08Z",
    phase: "brownout",
    action: "explain",
    treatment: Treatment::Explained,
    verdict: "blocked",
};
const BETWEEN_WINDOWS: Day = Day {
    title: "between brownout windows",
    as_of: "2016-11-15T09:30Z",
    phase: "warn",
    action: "warn",
    treatment: Treatment::Warned,
    verdict: "at-risk",
};
const EXPLAIN: Day = Day {
    title: "explain",
    as_of: "2016-12-20T12:00Z",
    phase: "explain",
    action: "explain",
    treatment: Treatment::Explained,
    verdict: "blocked",
};
const REFUSE: Day = Day {
    title: "refuse",
    as_of: "2017-02-01T12:00Z",
    phase: "refuse",
    action: "refuse",
    treatment: Treatment::Refused,
    verdict: "blocked",
};

#[test]
fn observe() {
    rehearse(&OBSERVE);
}

#[test]
fn warn() {
    rehearse(&WARN);
}

#[test]
fn inside_a_brownout_window() {
    rehearse(&IN_A_WINDOW);
}

#[test]
fn between_brownout_windows() {
    rehearse(&BETWEEN_WINDOWS);
}

#[test]
fn explain() {
    rehearse(&EXPLAIN);
}

#[test]
fn refuse() {
    let runs = rehearse(&REFUSE);
    if std::env::var_os("UPDATE").is_some() {
        document::write(runs.iter().filter(|run| run.asks == Asks::Ssl).map(|run| {
            let error = run.outcome.error.as_deref();
            (run.case, error.filter(|_| !run.case_meets()))
        }));
    }
}

/// What a run asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asks {
    /// `/api/v4/ssl/`, which the edge answers.
    Ssl,
    /// An API path, which the upstream answers.
    Api,
}

/// One client, run once.
struct Run {
    case: &'static Case,
    asks: Asks,
    outcome: Outcome,
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.case, self.asks.path())
    }
}

impl Asks {
    fn path(self) -> &'static str {
        match self {
            Asks::Ssl => "/api/v4/ssl/",
            Asks::Api => "/v1/things",
        }
    }

    /// The `pokitdok` packages choose their own path.
    fn suits(self, case: &Case) -> bool {
        self == Asks::Ssl || !case.client.starts_with("pokitdok")
    }
}

/// A quarter of a busy machine's clients at once: more of them only wait for each other.
const AT_ONCE: usize = 4;

/// One day at a time, so that clients do not run into their deadlines.
static ALONE: Mutex<()> = Mutex::new(());

/// Runs every client against an edge on that day, and holds what each got, and what the edge and the upstream saw,
/// against what the plan says.
fn rehearse(day: &Day) -> Vec<Run> {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let upstream = Upstream::start();
    let mut edge = Edge::start(PLAN, day.as_of, &["--upstream", &upstream.url]);
    let runs = run_all(&edge.url, &edge.ca);
    assert!(!runs.is_empty(), "no client at all: run tests/setup");
    println!("{}", table(day, &runs));

    let faults: Vec<String> = runs
        .iter()
        .filter_map(|run| {
            let fault = run.check(day).err()?;
            Some(format!("{run}: {fault:#}\n    {:?}", run.outcome))
        })
        .collect();
    assert!(faults.is_empty(), "{}:\n{}", day.title, faults.join("\n"));

    let mut expected: Vec<Seen> = runs.iter().map(|run| Seen::expected(day, run)).collect();
    check_totals(&mut edge, &mut expected);
    let left = edge.stop();
    assert!(left.status.success(), "{:?}: {}", left.status, left.stderr);
    let seen: Vec<Seen> = left.sightings.iter().map(Seen::from).collect();
    assert_eq!(tally(&seen), tally(&expected), "{}: the sightings", day.title);

    let passed: Vec<_> = upstream.requests().iter().map(Passed::from).collect();
    let expected: Vec<_> = runs.iter().flat_map(|run| Passed::expected(day, run)).collect();
    assert_eq!(tally(&passed), tally(&expected), "{}: what reached the upstream", day.title);
    runs
}

fn run_all(url: &str, ca: &Path) -> Vec<Run> {
    let wanted: Vec<(&'static Case, Asks)> = clients::all()
        .iter()
        .flat_map(|case| [(case, Asks::Ssl), (case, Asks::Api)])
        .filter(|(case, asks)| asks.suits(case))
        .collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut runs = Vec::new();
        while let Some((case, asks)) = wanted.get(next.fetch_add(1, Ordering::Relaxed)).copied() {
            if let Some(outcome) = case.run(&format!("{url}{}", asks.path()), ca) {
                runs.push(Run { case, asks, outcome });
            }
        }
        runs
    };
    let mut runs: Vec<Run> = thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("no worker panics")).collect()
    });
    let place = |run: &Run| wanted.iter().position(|(case, asks)| std::ptr::eq(*case, run.case) && *asks == run.asks);
    runs.sort_by_key(place);
    runs
}

// --- What a client was told -------------------------------------------------------------------------------------------

impl Run {
    fn case_meets(&self) -> bool {
        matches!(self.case.offers, "TLSv1.2" | "TLSv1.3")
    }

    /// What the plan has in store for the first API request of this client.
    fn treatment(&self, day: &Day) -> Treatment {
        if self.case_meets() { Treatment::Served } else { day.treatment }
    }

    /// Whether its first request is for the API: `pokitdok` from PyPI asks for a token before anything else.
    fn begins_with_the_api(&self) -> bool {
        self.asks == Asks::Api || self.case.requests > 1
    }

    fn check(&self, day: &Day) -> anyhow::Result<()> {
        let treatment = self.treatment(day);
        if treatment == Treatment::Refused {
            self.case.assert_names_the_protocol(&self.outcome);
            return Ok(());
        }
        let served = self.outcome.served.as_ref().context("got no answer")?;
        if treatment == Treatment::Explained && self.begins_with_the_api() {
            return self.check_explained(served);
        }
        ensure!(self.outcome.error.is_none(), "reports an error");
        ensure!(served.status == 200, "status {}", served.status);
        match self.asks {
            Asks::Ssl => self.check_ssl(served, day),
            Asks::Api => self.check_api(served, treatment),
        }
    }

    fn check_ssl(&self, served: &Served, day: &Day) -> anyhow::Result<()> {
        let offers = self.case.offers;
        ensure!(!says_anything_of_the_sunset(served), "/ssl/ itself carries warning headers");
        if self.case.client == "chromium" {
            ensure!(served.body.contains("<html") && served.body.contains(offers), "not a page that says {offers}");
            return Ok(());
        }
        let answer: Value = serde_json::from_str(&served.body).context("not JSON")?;
        ensure!(answer["protocol"] == offers, "protocol is {}", answer["protocol"]);
        ensure!(answer["offered"]["max_protocol"] == offers, "offered is {}", answer["offered"]);
        let (verdict, standing) = if self.case_meets() { ("ok", "meets") } else { (day.verdict, "misses") };
        ensure!(answer["verdict"] == verdict, "verdict is {}", answer["verdict"]);
        let floor = &answer["floors"][0];
        ensure!(floor["verdict"] == standing && floor["phase"] == day.phase, "floor is {floor}");
        ensure!(answer["advice"].is_null() == self.case_meets(), "advice is {}", answer["advice"]);
        if !self.case_meets() {
            ensure!(floor["because"] == json!([format!("offers {offers} at most")]), "because is {}", floor["because"]);
            ensure!(answer["advice"]["summary"].as_str().is_some_and(|text| !text.is_empty()), "advice is empty");
        }
        let ja4 = &answer["fingerprint"]["ja4"];
        if let Some(recorded) = ja4::recorded(self.case.client, self.case.held, self.case.version()) {
            ensure!(ja4 == recorded, "JA4 is {ja4}, recorded was {recorded}");
        }
        Ok(())
    }

    fn check_api(&self, served: &Served, treatment: Treatment) -> anyhow::Result<()> {
        // The upstream answers with what it was sent; Chromium shows JSON in a page of its own making.
        let echoed: Value = serde_json::from_str(&served.body).context("not the upstream's answer")?;
        ensure!(echoed["path"] == self.asks.path(), "path is {}", echoed["path"]);
        if treatment != Treatment::Warned {
            ensure!(!says_anything_of_the_sunset(served), "is warned");
            return Ok(());
        }
        let header = |name: &str| served.headers.get(name).map_or("", String::as_str);
        // 2016-09-15, the start of the warnings, and 2016-12-15, the first day without service.
        ensure!(header("deprecation") == "@1473897600", "Deprecation: {}", header("deprecation"));
        ensure!(header("sunset") == "Thu, 15 Dec 2016 00:00:00 GMT", "Sunset: {}", header("sunset"));
        ensure!(header("link").contains("/ssl/>; rel=\"deprecation\""), "Link: {}", header("link"));
        ensure!(header("sundown-notice") == self.notice(), "Sundown-Notice: {}", header("sundown-notice"));
        Ok(())
    }

    /// Reason phrase, header and body each name the version; the client that hides two of them shows the third.
    fn check_explained(&self, served: &Served) -> anyhow::Result<()> {
        let offers = self.case.offers;
        let message = format!("TLSv1.2 needed; client offers {offers} at most");
        ensure!(served.status == 403, "status {}", served.status);
        if self.case.sees_reason {
            ensure!(served.reason == message, "reason is {:?}", served.reason);
        }
        let notice = served.headers.get("sundown-notice").context("no Sundown-Notice")?;
        ensure!(*notice == self.notice(), "Sundown-Notice: {notice}");
        let problem: Value = serde_json::from_str(&served.body).context("not JSON")?;
        ensure!(problem["type"] == "urn:sundown:problem:tls-floor", "type is {}", problem["type"]);
        ensure!(problem["title"] == message.as_str(), "title is {}", problem["title"]);
        ensure!(problem["seen"]["protocol"] == offers, "seen is {}", problem["seen"]);
        ensure!(problem["needed"] == json!(["TLSv1.2"]), "needed is {}", problem["needed"]);
        ensure!(problem["advice"]["summary"].is_string(), "no advice");
        Ok(())
    }

    fn notice(&self) -> String {
        format!("seen=\"{}\", needed=\"TLSv1.2\", from=\"2016-12-15T00:00:00Z\"", self.case.offers)
    }
}

fn says_anything_of_the_sunset(served: &Served) -> bool {
    ["deprecation", "sunset", "link", "sundown-notice"].iter().any(|name| served.headers.contains_key(*name))
}

// --- What the edge and the upstream saw -------------------------------------------------------------------------------

/// What a sighting says that does not depend on the machine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Seen {
    offered: String,
    negotiated: Option<String>,
    action: String,
    outcome: String,
    alert: Option<u64>,
    /// Served, warned, explained, answered by the edge itself.
    requests: [u64; 4],
}

impl Seen {
    /// One connection for a run, whatever became of it.
    fn expected(day: &Day, run: &Run) -> Seen {
        let refused = run.treatment(day) == Treatment::Refused;
        let api = u64::from(run.begins_with_the_api());
        // A token that was refused is followed by nothing.
        let explained = run.treatment(day) == Treatment::Explained && api == 1;
        let ssl = u64::from(run.asks == Asks::Ssl && !explained);
        Seen {
            offered: run.case.offers.to_owned(),
            negotiated: (!refused).then(|| run.case.offers.to_owned()),
            action: if run.case_meets() { "serve" } else { day.action }.to_owned(),
            outcome: if refused { "refused" } else { "terminated" }.to_owned(),
            alert: refused.then_some(70),
            requests: match run.treatment(day) {
                Treatment::Served => [api, 0, 0, ssl],
                Treatment::Warned => [0, api, 0, ssl],
                Treatment::Explained => [0, 0, api, ssl],
                Treatment::Refused => [0; 4],
            },
        }
    }

    /// The call of `/healthz` that [`check_totals`] makes.
    fn of_the_totals() -> Seen {
        Seen {
            offered: "TLSv1.3".to_owned(),
            negotiated: Some("TLSv1.3".to_owned()),
            action: "serve".to_owned(),
            outcome: "terminated".to_owned(),
            alert: None,
            requests: [0, 0, 0, 1],
        }
    }
}

impl From<&Value> for Seen {
    fn from(sighting: &Value) -> Seen {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let requests = ["served", "warned", "explained", "answered"];
        Seen {
            offered: text(&sighting["offered"]),
            negotiated: sighting["negotiated"]["version"].as_str().map(str::to_owned),
            action: text(&sighting["judged"]["action"]),
            outcome: text(&sighting["outcome"]),
            alert: sighting["alert"].as_u64(),
            requests: requests.map(|kind| sighting["requests"][kind].as_u64().unwrap_or(u64::MAX)),
        }
    }
}

/// Once every sighting is written, the totals are the sum of them. Asking is one connection more.
fn check_totals(edge: &mut Edge, expected: &mut Vec<Seen>) {
    edge.sightings(expected.len(), Duration::from_secs(10));
    let ca = edge.ca.display().to_string();
    let Some(asked) = clients::run_tool("curl", &["--silent", "--cacert", &ca, &format!("{}/healthz", edge.url)]) else {
        return;
    };
    let health: Value = serde_json::from_str(&asked.stdout).unwrap_or_else(|error| panic!("{error}: {asked:?}"));
    let count = |key: fn(&Seen) -> Option<&str>| -> BTreeMap<&str, usize> { tally(expected.iter().filter_map(key)) };
    let sum = |kind: usize| expected.iter().map(|seen| seen.requests[kind]).sum::<u64>();
    assert_eq!(
        health["totals"],
        json!({
            "connections": expected.len(),
            "outcomes": count(|seen| Some(&seen.outcome)),
            "offered": count(|seen| Some(&seen.offered)),
            "negotiated": count(|seen| seen.negotiated.as_deref()),
            "requests": { "served": sum(0), "warned": sum(1), "explained": sum(2), "answered": sum(3) },
            "dropped": 0,
        })
    );
    expected.push(Seen::of_the_totals());
}

/// A request that reached the upstream, with what the edge told it about the client.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Passed {
    method: String,
    path: String,
    version: String,
    verdict: String,
}

impl Passed {
    /// At most one of a run: `/ssl/` never gets there, nor does what is explained or refused.
    fn expected(day: &Day, run: &Run) -> Option<Passed> {
        let passes = matches!(run.treatment(day), Treatment::Served | Treatment::Warned) && run.begins_with_the_api();
        let (method, path) = if run.asks == Asks::Api { ("GET", run.asks.path()) } else { ("POST", "/oauth2/token") };
        passes.then(|| Passed {
            method: method.to_owned(),
            path: path.to_owned(),
            version: run.case.offers.to_owned(),
            verdict: if run.case_meets() { "meets" } else { "misses" }.to_owned(),
        })
    }
}

impl From<&Request> for Passed {
    fn from(request: &Request) -> Passed {
        let header = |name: &str| request.headers.get(name).cloned().unwrap_or_default();
        Passed {
            method: request.method.clone(),
            path: request.path.clone(),
            version: header("sundown-tls-version"),
            verdict: header("sundown-verdict"),
        }
    }
}

fn tally<T: Ord>(of: impl IntoIterator<Item = T>) -> BTreeMap<T, usize> {
    let mut counts = BTreeMap::new();
    for one in of {
        *counts.entry(one).or_default() += 1;
    }
    counts
}

// --- What a person reads ----------------------------------------------------------------------------------------------

fn table(day: &Day, runs: &[Run]) -> String {
    let mut table = format!("\n{} ({})\n", day.title, day.as_of);
    for run in runs {
        let said = run.outcome.error.as_deref().map(one_line);
        let got = match &run.outcome.served {
            Some(served) => format!("{} {}", served.status, served.reason),
            None => "-".to_owned(),
        };
        let (client, path, offers) = (run.case.to_string(), run.asks.path(), run.case.offers);
        table.push_str(&format!("  {client:<30} {offers:<7} {path:<12} {got:<46} {}\n", said.unwrap_or_default()));
    }
    table
}
