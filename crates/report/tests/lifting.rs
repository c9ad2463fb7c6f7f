//! Who is let past or is not meant: exceptions, brownouts, cohorts.
#![cfg(test)]

mod support;

use floor::{Cohort, Hold};
use report::model::{After, ExceptionState};
use report::{Options, Outcome, report};
use support::made::{NOW, PLAN, made, names, row};
use support::story::{at, memory, plan, seen, tls10, tls12};

const EXCEPTIONS: &str = r#"
[[sunset]]
name = "old TLS"
floor = "tls1.2"
warn = "2016-09-01"
refuse = "2016-12-15"

[[exception]]
account = "lasting"
sunset = "old TLS"
until = "2017-03-01"
owner = "jo"
reason = "kiosk"

[[exception]]
account = "short"
sunset = "old TLS"
until = "2016-11-10"
owner = "jo"
reason = "trial"

[[exception]]
account = "modern"
sunset = "old TLS"
until = "2017-03-01"
owner = "jo"
reason = "was old"

[[exception]]
account = "over"
sunset = "old TLS"
until = "2016-10-10"
owner = "jo"
reason = "forgotten"
"#;

#[test]
fn exceptions_count_on_the_day_and_nag() {
    let ledger = memory([
        seen("2016-10-30T00:00Z", Some(tls10()))
            .account("lasting")
            .requests(5),
        seen("2016-10-30T00:00Z", Some(tls10()))
            .account("short")
            .requests(4),
        seen("2016-10-30T00:00Z", Some(tls12()))
            .account("modern")
            .requests(3),
    ]);
    let made = made(&ledger, EXCEPTIONS, &Options::default());
    let sunset = &made.sunsets[0];
    assert!(
        !row(&made, "lasting").breaks,
        "it is let past on 2016-12-15"
    );
    assert!(
        row(&made, "short").breaks,
        "its exception ends before the day"
    );
    assert_eq!(
        row(&made, "short").exceptions[0].owner,
        "jo",
        "and is in force now"
    );
    assert_eq!((sunset.requests.breaks, sunset.requests.excepted), (9, 5));
    assert_eq!((sunset.accounts.breaks, sunset.accounts.excepted), (2, 1));
    let states: Vec<_> = sunset.exceptions.iter().map(|note| note.state).collect();
    assert_eq!(
        states,
        [
            ExceptionState::InForce,
            ExceptionState::EndsSoon,
            ExceptionState::NotNeeded,
            ExceptionState::Ended
        ]
    );
    assert_eq!(sunset.exceptions[2].account_seen, Some(true));
    assert_eq!(sunset.exceptions[3].account_seen, Some(false));
}

#[test]
fn who_misses_by_exception_alone_breaks_nobody() {
    let ledger = memory([
        seen("2016-10-30T00:00Z", Some(tls10()))
            .account("lasting")
            .requests(5),
        seen("2016-10-30T00:00Z", Some(tls10()))
            .inferred(&[("lasting", 5)], false)
            .refused(),
    ]);
    let made = made(&ledger, EXCEPTIONS, &Options::default());
    assert_eq!(made.verdict, Outcome::NobodyBreaks);
}

#[test]
fn exceptions_for_a_place_are_weighed_connection_by_connection() {
    let text = r#"
[[sunset]]
name = "old TLS"
floor = "tls1.2"
refuse = "2016-12-15"

[[exception]]
address = "192.0.2.0/24"
sunset = "old TLS"
until = "2017-03-01"
owner = "jo"
reason = "the branch office"

[[exception]]
sni = "old.example.com"
sunset = "old TLS"
until = "2017-03-01"
owner = "jo"
reason = "the old name"
"#;
    let ledger = memory([
        seen("2016-10-30T00:00Z", Some(tls10()))
            .account("acme")
            .from("192.0.2.9")
            .requests(5),
        seen("2016-10-30T00:00Z", Some(tls10()))
            .account("acme")
            .from("198.51.100.9")
            .requests(2),
        seen("2016-10-30T00:00Z", Some(tls10()))
            .account("globex")
            .from("192.0.2.9")
            .requests(1),
    ]);
    let options = Options {
        most: Some(0),
        ..Options::default()
    };
    let made = made(&ledger, text, &options);
    let sunset = &made.sunsets[0];
    assert_eq!((sunset.requests.breaks, sunset.requests.excepted), (8, 6));
    assert_eq!((sunset.accounts.breaks, sunset.accounts.excepted), (2, 1));
    assert_eq!(sunset.exceptions[0].needed_by.expect("needed").requests, 6);
    assert_eq!(sunset.exceptions[1].state, ExceptionState::NotNeeded);
    assert_eq!(
        (sunset.breaking.len(), sunset.more.rows),
        (0, 2),
        "none is listed"
    );
}

#[test]
fn brownouts_say_who_came_back_modern() {
    let text = r#"
[[sunset]]
name = "old TLS"
floor = "tls1.2"
warn = "2016-09-01"
refuse = "2016-12-15"
[[sunset.brownout]]
from = "2016-10-10T09:00Z"
to = "2016-10-10T17:00Z"
length = "10m"
every = "1h"
"#;
    let hit = |id: &str| {
        seen("2016-10-10T09:05Z", Some(tls10()))
            .account(id)
            .in_window("old TLS", "2016-10-10T09:00Z", 3)
    };
    let ledger = memory([
        hit("modern"),
        seen("2016-10-12T00:00Z", Some(tls12()))
            .account("modern")
            .requests(1),
        hit("old"),
        seen("2016-10-12T00:00Z", Some(tls10()))
            .account("old")
            .requests(1),
        hit("gone"),
        seen("2016-10-10T09:06Z", Some(tls10()))
            .inferred(&[("modern", 1), ("old", 1)], false)
            .in_window("old TLS", "2016-10-10T09:00Z", 0)
            .refused(),
    ]);
    let made = made(&ledger, text, &Options::default());
    let brownouts = made.sunsets[0].brownouts.as_ref().expect("a window hit");
    assert_eq!(
        (
            brownouts.accounts,
            brownouts.modern_since,
            brownouts.still_old,
            brownouts.not_seen_since
        ),
        (3, 1, 1, 1)
    );
    assert_eq!(brownouts.windows.len(), 1);
    let window = &brownouts.windows[0];
    assert_eq!(window.end, Some(at("2016-10-10T09:10Z")));
    assert_eq!((window.hits.len(), window.hits[0].explained), (4, 3));
    assert_eq!(
        window.hits[3].after,
        After::Unknown,
        "nobody can tell which of two it was"
    );
}

#[test]
fn a_sunset_for_a_cohort_breaks_its_members_alone() {
    let ledger = memory([
        seen("2016-10-01T00:00Z", Some(tls10()))
            .account("acme")
            .requests(3),
        seen("2016-10-01T00:00Z", Some(tls10()))
            .account("globex")
            .requests(4),
        seen("2016-10-01T00:00Z", Some(tls10()))
            .inferred(&[("acme", 3)], false)
            .refused(),
        seen("2016-10-01T00:00Z", Some(tls10())).requests(5),
    ]);
    let mut plan = plan(PLAN).with_cohorts(vec![Cohort {
        name: "first".to_owned(),
        accounts: Some(["acme".to_owned()].into()),
        first_seen_after: None,
        requests_a_month_below: None,
    }]);
    plan.sunsets[0].cohort = Some(0);
    plan.hold(vec![Hold {
        sunset: None,
        by: "jo".to_owned(),
        reason: "checkout fails".to_owned(),
        at: at("2016-10-30"),
    }]);
    let made = report(&ledger, &plan, at(NOW), &Options::default()).expect("memory");
    assert_eq!(names(&made), ["acme known", "acme inferred", "none"]);
    let sunset = &made.sunsets[0];
    assert_eq!((sunset.requests.survive, sunset.requests.breaks), (4, 8));
    assert_eq!(sunset.cohort.as_deref(), Some("first"));
    assert_eq!(
        sunset.hold.as_ref().map(|hold| hold.by.as_str()),
        Some("jo")
    );
    assert_eq!(
        made.verdict,
        Outcome::SomebodyBreaks,
        "a hold is about today"
    );
}
