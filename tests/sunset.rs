//! The whole 2016 sunset with customers: real clients with keys of their own, behind addresses of their own, from
//! observe to refuse, in one data directory. At each step the report names exactly those who would break, and its
//! counts equal what was sent.
//!
//! `cargo test --test sunset -- --nocapture` shows the report of each day.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that meets the unexpected is to fail"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use sha2::{Digest, Sha256};

#[path = "support/clients.rs"]
mod clients;
#[path = "support/edge.rs"]
mod edge;
#[path = "support/relay.rs"]
mod relay;
#[path = "support/upstream.rs"]
mod upstream;

use clients::Case;
use edge::Edge;
use relay::Relay;
use upstream::Upstream;

const PLAN: &str = include_str!("../examples/pokitdok-2016.toml");

/// A customer of the platform.
struct Customer {
    id: &'static str,
    /// The last octet of the loopback address its clients come from.
    address: u8,
    /// Its programs: a client, and the version it is held to.
    programs: &'static [(&'static str, Option<&'static str>)],
}

const OLD: Option<&str> = Some("TLSv1");

/// Of each account what it runs; two share an address and a program.
const CUSTOMERS: &[Customer] = &[
    Customer {
        id: "kiosk",
        address: 11,
        programs: &[("node-0.8", None)],
    },
    Customer {
        id: "billing",
        address: 12,
        programs: &[("curl", OLD), ("curl", Some("TLSv1.3"))],
    },
    Customer {
        id: "claims",
        address: 13,
        programs: &[("python", Some("TLSv1.1"))],
    },
    Customer {
        id: "pharmacy",
        address: 14,
        programs: &[("java", OLD)],
    },
    Customer {
        id: "payer",
        address: 15,
        programs: &[("mono", Some("192"))],
    },
    Customer {
        id: "clinic",
        address: 16,
        programs: &[("ruby", OLD), ("perl", OLD)],
    },
    Customer {
        id: "portal",
        address: 17,
        programs: &[("php-curl", OLD), ("php-streams", None)],
    },
    Customer {
        id: "client-id",
        address: 18,
        programs: &[("pokitdok-python", OLD)],
    },
    // One office, one address, one program on two desks.
    Customer {
        id: "desk-one",
        address: 19,
        programs: &[("openssl", OLD)],
    },
    Customer {
        id: "desk-two",
        address: 19,
        programs: &[("openssl", OLD)],
    },
    // Nobody here needs to do anything.
    Customer {
        id: "modern-web",
        address: 20,
        programs: &[("chromium", None), ("node-fetch", None)],
    },
    Customer {
        id: "modern-app",
        address: 21,
        programs: &[("go", None), ("java", None), ("python", None)],
    },
    Customer {
        id: "modern-mono",
        address: 22,
        programs: &[("mono", Some("3072"))],
    },
];

/// A day on which everybody calls, and how the edge ends that day.
struct Day {
    title: &'static str,
    as_of: &'static str,
    /// What becomes of an API call by a client that misses.
    fate: Fate,
    ends: Ends,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Served,
    Warned,
    Explained,
    Refused,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    /// Told to stop.
    Properly,
    /// `kill -9`, once the last connection is a second old.
    Killed,
}

const DAYS: [Day; 5] = [
    Day {
        title: "observe",
        as_of: "2016-07-01T12:00Z",
        fate: Fate::Served,
        ends: Ends::Properly,
    },
    Day {
        title: "warn",
        as_of: "2016-10-01T12:00Z",
        fate: Fate::Warned,
        ends: Ends::Killed,
    },
    // A window opens at 7 minutes past the hour and lasts 10.
    Day {
        title: "brownout",
        as_of: "2016-11-15T09:08Z",
        fate: Fate::Explained,
        ends: Ends::Properly,
    },
    Day {
        title: "explain",
        as_of: "2016-12-20T12:00Z",
        fate: Fate::Explained,
        ends: Ends::Killed,
    },
    Day {
        title: "refuse",
        as_of: "2017-02-01T12:00Z",
        fate: Fate::Refused,
        ends: Ends::Properly,
    },
];

/// One program of one customer, run once.
struct Call {
    customer: &'static Customer,
    case: &'static Case,
    day: &'static Day,
}

impl Call {
    fn misses(&self) -> bool {
        !matches!(self.case.offers, "TLSv1.2" | "TLSv1.3")
    }

    fn fate(&self) -> Fate {
        if self.misses() {
            self.day.fate
        } else {
            Fate::Served
        }
    }

    /// `pokitdok` asks for a token and then for `/ssl/`; who gets no token asks for nothing more.
    fn requests(&self) -> u64 {
        match self.fate() {
            Fate::Refused => 0,
            Fate::Explained => 1,
            Fate::Served | Fate::Warned => self.case.requests as u64,
        }
    }
}

fn key(customer: &str) -> String {
    format!("key-of-{customer}")
}

fn configuration() -> String {
    let mut text = String::from(PLAN);
    text.push_str(
        "\n[account]\nsources = [\"header:X-Api-Key\", \"basic\", \"bearer:client_id\"]\n",
    );
    for Customer { id, .. } in CUSTOMERS {
        let hash: String = Sha256::digest(key(id))
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        writeln!(text, "names.{id} = [\"{hash}\"]").expect("writing to a String does not fail");
    }
    text
}

/// Every program of every customer, each from its customer's address, several at once.
fn call_all(day: &'static Day, edge: &Edge) -> Vec<Call> {
    thread::scope(|scope| {
        let customers: Vec<_> = CUSTOMERS
            .iter()
            .map(|customer| scope.spawn(move || call(day, edge, customer)))
            .collect();
        customers
            .into_iter()
            .flat_map(|calls| calls.join().expect("no customer panics"))
            .collect()
    })
}

fn call(day: &'static Day, edge: &Edge, customer: &'static Customer) -> Vec<Call> {
    let relay = Relay::start(Ipv4Addr::new(127, 0, 1, customer.address), edge.address);
    let mut calls = Vec::new();
    for (client, held) in customer.programs {
        let case = clients::all()
            .iter()
            .find(|case| case.client == *client && case.held == *held);
        let case = case.unwrap_or_else(|| panic!("{client} {held:?} is no case"));
        let Some(outcome) =
            case.run_with_key(&relay.url("/v1/things"), &edge.ca, &key(customer.id))
        else {
            continue;
        };
        let call = Call {
            customer,
            case,
            day,
        };
        match call.fate() {
            Fate::Refused => case.assert_names_the_protocol(&outcome),
            fate => {
                let status = outcome.served.as_ref().map(|served| served.status);
                let expected = if fate == Fate::Explained { 403 } else { 200 };
                assert_eq!(
                    status,
                    Some(expected),
                    "{case} of {} on {}: {outcome:?}",
                    customer.id,
                    day.title
                );
            }
        }
        calls.push(call);
    }
    calls
}

#[test]
fn from_observe_to_refuse_the_report_names_exactly_those_who_would_break() {
    let mut directory = tempfile::tempdir().expect("a directory of our own");
    let configuration = configuration();
    let mut made = Vec::new();
    for day in &DAYS {
        let upstream = Upstream::start();
        let arguments = ["--as-of", day.as_of, "--upstream", &upstream.url];
        let edge = Edge::start_in(directory, &configuration, &arguments);
        let calls = call_all(day, &edge);
        assert!(
            calls.iter().any(Call::misses),
            "no old client at all: run tests/setup"
        );
        edge.sightings(calls.len());
        directory = match day.ends {
            Ends::Properly => edge.end(Signal::TERM),
            Ends::Killed => {
                // What is a second old is in the ledger, whatever happens next.
                thread::sleep(Duration::from_secs(2));
                edge.end(Signal::KILL)
            }
        };
        made.extend(calls);
        let text = run_report(directory.path(), day, &[]);
        println!("\n{} ({})\n{text}", day.title, day.as_of);
        check(&report(directory.path(), day), &made, day);
    }
}

/// `sundown report` over everything so far, as a program reads it.
fn report(directory: &Path, day: &Day) -> Value {
    let said = run_report(directory, day, &["--json"]);
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
}

fn run_report(directory: &Path, day: &Day, more: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_sundown"))
        .args(["report", "--since", "2016-01-01", "--as-of", &day.evening()])
        .arg("--config")
        .arg(directory.join("sundown.toml"))
        .arg("--data-dir")
        .arg(directory.join("data"))
        .args(more)
        .output()
        .expect("the program can be started");
    assert_eq!(
        output.status.code(),
        Some(1),
        "somebody would break: {output:?}"
    );
    String::from_utf8(output.stdout).expect("text")
}

impl Day {
    /// When the report is asked for.
    fn evening(&self) -> String {
        format!("{}T23:00Z", &self.as_of[..10])
    }
}

/// Whom a row of the report is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Named {
    Known(&'static str),
    Inferred(&'static str),
    OneOf(BTreeSet<&'static str>),
}

/// Connections, of these refused, requests.
type Sum = (u64, u64, u64);

fn sum<'a>(calls: impl IntoIterator<Item = &'a Call>) -> Sum {
    calls
        .into_iter()
        .fold((0, 0, 0), |(connections, refused, requests), call| {
            let is_refused = u64::from(call.fate() == Fate::Refused);
            (
                connections + 1,
                refused + is_refused,
                requests + call.requests(),
            )
        })
}

impl Call {
    /// How the report names this customer for this call: who is refused shows no key.
    fn named(&self) -> Named {
        let there = || {
            CUSTOMERS
                .iter()
                .filter(|other| other.address == self.customer.address)
                .map(|other| other.id)
        };
        match self.fate() {
            Fate::Refused if there().count() > 1 => Named::OneOf(there().collect()),
            Fate::Refused => Named::Inferred(self.customer.id),
            _ => Named::Known(self.customer.id),
        }
    }
}

fn check(report: &Value, made: &[Call], day: &Day) {
    let sunset = &report["sunsets"][0];
    let misses = || made.iter().filter(|call| call.misses());

    // Who would break: exactly those, by as much as was sent.
    let mut expected = BTreeMap::<Named, Vec<&Call>>::new();
    for call in misses() {
        expected.entry(call.named()).or_default().push(call);
    }
    let expected: BTreeMap<Named, Sum> = expected
        .into_iter()
        .map(|(named, calls)| (named, sum(calls)))
        .collect();
    let rows = sunset["breaking"].as_array().expect("a list");
    let said: BTreeMap<Named, Sum> = rows
        .iter()
        .map(|row| (named(&row["who"]), used(&row["misses"])))
        .collect();
    assert_eq!(said.len(), rows.len(), "each is named once: {rows:#?}");
    assert_eq!(said, expected, "{}: who would break", day.title);

    // How much would survive.
    let (all, old) = (sum(made), sum(misses()));
    for (what, all, old) in [("connections", all.0, old.0), ("requests", all.2, old.2)] {
        let shares = &sunset[what];
        assert_eq!(
            [&shares["total"], &shares["break"], &shares["unjudged"]].map(Value::as_u64),
            [Some(all), Some(old), Some(0)],
            "{}: {what}",
            day.title
        );
    }
    let accounts = |calls: &mut dyn Iterator<Item = &Call>| {
        let ids: BTreeSet<&str> = calls
            .filter(|call| call.fate() != Fate::Refused)
            .map(|call| call.customer.id)
            .collect();
        Some(ids.len() as u64)
    };
    assert_eq!(
        sunset["accounts"]["total"].as_u64(),
        accounts(&mut made.iter()),
        "{}",
        day.title
    );
    assert_eq!(
        sunset["accounts"]["break"].as_u64(),
        accounts(&mut misses()),
        "{}",
        day.title
    );

    // Who was refused, and by how much it is known who that was.
    let refused = |of: fn(&Named) -> bool| {
        misses()
            .filter(|call| call.fate() == Fate::Refused && of(&call.named()))
            .count() as u64
    };
    assert_eq!(
        [
            "connections",
            "known",
            "one_candidate",
            "several_candidates",
            "nobody"
        ]
        .map(|kind| report["refused"][kind].as_u64()),
        [
            Some(refused(|_| true)),
            Some(0),
            Some(refused(|named| matches!(named, Named::Inferred(_)))),
            Some(refused(|named| matches!(named, Named::OneOf(_)))),
            Some(0)
        ],
        "{}: who was refused",
        day.title
    );

    // Whom the window of the brownout hit, in all reports from then on.
    if made.iter().any(|call| call.day.title == "brownout") {
        let windows = sunset["brownouts"]["windows"].as_array().expect("a list");
        let [window] = windows.as_slice() else {
            panic!("one window was called in: {windows:#?}");
        };
        assert_eq!(window["start"], "2016-11-15T09:07:00Z");
        let hits = window["hits"].as_array().expect("a list").iter();
        let hits: BTreeMap<Named, u64> = hits
            .map(|hit| {
                (
                    named(&hit["who"]),
                    hit["explained"].as_u64().expect("a number"),
                )
            })
            .collect();
        let mut expected = BTreeMap::<Named, u64>::new();
        for call in misses().filter(|call| call.day.title == "brownout") {
            *expected.entry(call.named()).or_default() += 1;
        }
        assert_eq!(hits, expected, "{}: whom the window hit", day.title);
    }
}

fn named(who: &Value) -> Named {
    let id = |id: &Value| {
        let id = id.as_str().unwrap_or_else(|| panic!("{who}"));
        CUSTOMERS
            .iter()
            .find(|customer| customer.id == id)
            .unwrap_or_else(|| panic!("nobody is called {id}"))
            .id
    };
    match who["attribution"].as_str() {
        Some("known") => Named::Known(id(&who["id"])),
        Some("inferred") => Named::Inferred(id(&who["id"])),
        Some("ambiguous") => Named::OneOf(
            who["candidates"]
                .as_array()
                .expect("a list")
                .iter()
                .map(id)
                .collect(),
        ),
        _ => panic!("nobody is named: {who}"),
    }
}

fn used(usage: &Value) -> Sum {
    let number = |name: &str| {
        usage[name]
            .as_u64()
            .unwrap_or_else(|| panic!("{name} of {usage}"))
    };
    (number("connections"), number("refused"), number("requests"))
}
