//! Every client of the table, on every kind of day of the 2016 plan: who is served, what it is told, and that the
//! sightings are exactly what was sent.
//!
//! `cargo test --test phases -- --nocapture` shows a table for each day. `UPDATE=1` in the environment writes
//! `docs/clients-by-phase.md` from the day on which old TLS is refused.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that meets the unexpected is to fail"
)]

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

#[path = "support/clients.rs"]
mod clients;
#[path = "phases/document.rs"]
mod document;
#[path = "support/edge.rs"]
mod edge;
#[path = "phases/ja4.rs"]
mod ja4;
#[path = "phases/seen.rs"]
mod seen;
#[path = "phases/told.rs"]
mod told;
#[path = "support/upstream.rs"]
mod upstream;

use clients::{Case, Outcome};
use document::one_line;
use edge::Edge;
use seen::{Passed, Seen, check_totals, tally};
use upstream::Upstream;

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

#[test]
fn the_page_of_what_clients_say_is_true_of_the_table() {
    // Where it is being written anew it may be read half written.
    if std::env::var_os("UPDATE").is_none() {
        document::check();
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

/// Clients that run at once: with more of them on two processors each only waits for the others.
const AT_ONCE: usize = 4;

/// One day at a time, so that clients do not run into their deadlines.
static ALONE: Mutex<()> = Mutex::new(());

/// Runs every client against an edge on that day, and holds what each got, and what the edge and the upstream saw,
/// against what the plan says.
fn rehearse(day: &Day) -> Vec<Run> {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let upstream = Upstream::start();
    let edge = Edge::start_at(PLAN, day.as_of, Some(&upstream.url));
    let runs = run_all(&edge);
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
    check_totals(&edge, &mut expected);
    let left = edge.stop();
    assert_eq!(left.code, Some(0), "{}", left.log);
    assert!(
        !left.log.contains("cut off"),
        "every client was gone before the stop: {}",
        left.log
    );
    let seen: Vec<Seen> = left.sightings.iter().map(Seen::from).collect();
    assert_eq!(
        tally(&seen),
        tally(&expected),
        "{}: the sightings",
        day.title
    );

    let passed: Vec<_> = upstream.requests().iter().map(Passed::from).collect();
    let expected: Vec<_> = runs
        .iter()
        .flat_map(|run| Passed::expected(day, run))
        .collect();
    assert_eq!(
        tally(&passed),
        tally(&expected),
        "{}: what reached the upstream",
        day.title
    );
    runs
}

fn run_all(edge: &Edge) -> Vec<Run> {
    let wanted: Vec<(&'static Case, Asks)> = clients::all()
        .iter()
        .flat_map(|case| [(case, Asks::Ssl), (case, Asks::Api)])
        .filter(|(case, asks)| asks.suits(case))
        .collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut runs = Vec::new();
        while let Some((case, asks)) = wanted.get(next.fetch_add(1, Ordering::Relaxed)).copied() {
            if let Some(outcome) = case.run(&edge.url(asks.path()), &edge.ca) {
                runs.push(Run {
                    case,
                    asks,
                    outcome,
                });
            }
        }
        runs
    };
    let mut runs: Vec<Run> = thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().expect("no worker panics"))
            .collect()
    });
    let place = |run: &Run| {
        wanted
            .iter()
            .position(|(case, asks)| std::ptr::eq(*case, run.case) && *asks == run.asks)
    };
    runs.sort_by_key(place);
    runs
}

impl Run {
    fn case_meets(&self) -> bool {
        matches!(self.case.offers, "TLSv1.2" | "TLSv1.3")
    }

    /// What the plan has in store for the first API request of this client.
    fn treatment(&self, day: &Day) -> Treatment {
        if self.case_meets() {
            Treatment::Served
        } else {
            day.treatment
        }
    }

    /// Whether its first request is for the API: `pokitdok` from PyPI asks for a token before anything else.
    fn begins_with_the_api(&self) -> bool {
        self.asks == Asks::Api || self.case.requests > 1
    }
}

fn table(day: &Day, runs: &[Run]) -> String {
    let mut table = format!("\n{} ({})\n", day.title, day.as_of);
    for run in runs {
        let said = run.outcome.error.as_deref().map(one_line);
        let got = match &run.outcome.served {
            Some(served) => format!("{} {}", served.status, served.reason),
            None => "-".to_owned(),
        };
        let (client, path, offers) = (run.case.to_string(), run.asks.path(), run.case.offers);
        table.push_str(&format!(
            "  {client:<30} {offers:<7} {path:<12} {got:<46} {}\n",
            said.unwrap_or_default()
        ));
    }
    table
}
