//! What a report says of made-up traffic: sums, ranking, attribution, programs, one account, days.
#![cfg(test)]

mod support;

use floor::Floor;
use jiff::SignedDuration;
use ledger::{Gap, Visitor};
use report::model::{Shares, State};
use report::{Options, Outcome, report};
use support::made::{NOW, PLAN, made, names, row};
use support::memory::Memory;
use support::story::{at, memory, plan, seen, tls10, tls12, tls13};

#[test]
fn sums_are_split_by_the_floor_and_nothing_is_lost() {
    let mut ledger = memory([
        seen("2016-10-01T00:00Z", Some(tls10()))
            .account("acme")
            .requests(10),
        seen("2016-10-02T00:00Z", Some(tls12()))
            .account("globex")
            .requests(80),
        seen("2016-10-03T00:00Z", Some(tls12()))
            .account("acme")
            .requests(5),
        seen("2016-10-04T00:00Z", None),
        seen("2016-10-05T00:00Z", Some(tls10())).visitor(Visitor::Scanner),
        seen("2016-10-05T01:00Z", Some(tls12()))
            .visitor(Visitor::HealthCheck)
            .requests(3),
    ]);
    ledger.other.push((2, 4, at("2016-10-06")));
    let made = made(&ledger, PLAN, &Options::default());
    let sunset = &made.sunsets[0];
    assert_eq!(
        sunset.connections,
        Shares {
            total: 6,
            survive: 2,
            breaks: 1,
            unjudged: 3,
            excepted: 0
        }
    );
    assert_eq!(
        sunset.requests,
        Shares {
            total: 99,
            survive: 85,
            breaks: 10,
            unjudged: 4,
            excepted: 0
        }
    );
    assert_eq!(
        sunset.accounts,
        Shares {
            total: 2,
            survive: 1,
            breaks: 1,
            unjudged: 0,
            excepted: 0
        }
    );
    assert_eq!((made.evidence.no_hello, made.evidence.other), (1, 2));
    assert_eq!(made.visitors.seen.len(), 2, "what was left out is said");
    assert_eq!(made.verdict, Outcome::SomebodyBreaks);
    let acme = row(&made, "acme");
    assert_eq!((acme.misses.requests, acme.all.requests), (10, 15));

    let all = report(
        &ledger,
        &plan(PLAN),
        at(NOW),
        &Options {
            visitors: true,
            ..Options::default()
        },
    )
    .expect("memory");
    assert_eq!(all.sunsets[0].connections.total, 8);
    assert_eq!(all.sunsets[0].connections.breaks, 2);
}

#[test]
fn the_worst_comes_first_and_inferred_stands_behind_its_account() {
    let ledger = memory([
        seen("2016-10-01T00:00Z", Some(tls10()))
            .account("small")
            .requests(1),
        seen("2016-10-01T00:00Z", Some(tls10()))
            .account("big")
            .requests(100),
        seen("2016-10-01T00:00Z", Some(tls10()))
            .account("early")
            .requests(7),
        seen("2016-10-09T00:00Z", Some(tls10()))
            .account("late")
            .requests(7),
        seen("2016-10-01T00:00Z", Some(tls10()))
            .inferred(&[("small", 60)], false)
            .refused(),
        seen("2016-10-01T00:00Z", Some(tls10()))
            .inferred(&[("big", 9), ("late", 5)], false)
            .refused(),
        seen("2016-10-01T00:00Z", Some(tls10())).requests(5_000),
    ]);
    let made = made(&ledger, PLAN, &Options::default());
    assert_eq!(
        names(&made),
        [
            "big known",
            "late known",
            "early known",
            "small known",
            "small inferred",
            "2 ambiguous",
            "none"
        ]
    );
    assert_eq!(
        (
            made.sunsets[0].accounts.total,
            made.sunsets[0].accounts.breaks
        ),
        (4, 4),
        "what is inferred is in no share of accounts"
    );
    assert_eq!(
        (made.refused.one_candidate, made.refused.several_candidates),
        (1, 1)
    );
    let inferred = &made.sunsets[0].breaking[4];
    assert_eq!(
        (inferred.age_seconds, inferred.misses.refused),
        (Some(60), 1)
    );
    let small = row(&made, "small");
    assert_eq!(
        small.misses.connections, 1,
        "a refusal is not added to what is certain"
    );
}

#[test]
fn one_candidate_of_more_is_never_the_one() {
    let ledger = memory([seen("2016-10-01T00:00Z", Some(tls10()))
        .inferred(&[("acme", 60)], true)
        .refused()]);
    let made = made(&ledger, PLAN, &Options::default());
    assert_eq!(names(&made), ["1 ambiguous"]);
    assert!(made.sunsets[0].breaking[0].who.id().is_none());
    let mut text = Vec::new();
    report::format::terminal(&made, 80, &mut text).expect("memory");
    assert!(String::from_utf8_lossy(&text).contains("acme or others (inferred)"));
}

#[test]
fn any_floor_can_be_asked_about() {
    let ledger = memory([
        seen("2016-10-01T00:00Z", Some(tls12()))
            .account("acme")
            .requests(1),
        seen("2016-10-02T00:00Z", Some(tls13(0x001d)))
            .account("globex")
            .requests(1),
        seen("2016-10-02T00:00Z", Some(tls13(0x11ec)))
            .account("initech")
            .requests(1),
    ]);
    for (floor, breaks) in [("tls1.2", 0), ("tls1.3", 1), ("pq", 2)] {
        let options = Options {
            floor: Floor::named(floor).cloned(),
            ..Options::default()
        };
        let made = made(&ledger, PLAN, &options);
        assert_eq!(made.sunsets.len(), 1, "the plan's sunsets are left aside");
        assert_eq!(made.sunsets[0].accounts.breaks, breaks, "{floor}");
        let expected = if breaks == 0 {
            Outcome::NobodyBreaks
        } else {
            Outcome::SomebodyBreaks
        };
        assert_eq!(made.verdict, expected);
    }
}

#[test]
fn programs_are_told_apart_with_what_fixes_each() {
    let java = "Java/1.7.0_25";
    let ledger = memory([
        seen("2016-10-01T00:00Z", Some(tls10()))
            .account("acme")
            .agent(java)
            .requests(9)
            .from("192.0.2.7"),
        seen("2016-10-02T00:00Z", Some(tls10()))
            .account("acme")
            .agent(java)
            .requests(2)
            .from("192.0.2.8"),
        seen("2016-10-03T00:00Z", Some(tls10()))
            .account("acme")
            .agent("kiosk 7")
            .requests(3),
        seen("2016-10-03T00:00Z", Some(tls12()))
            .account("acme")
            .agent("curl/8.0")
            .requests(1_000),
    ]);
    let made = made(&ledger, PLAN, &Options::default());
    let acme = row(&made, "acme");
    let programs = &acme.programs.items;
    assert_eq!(
        programs.len(),
        2,
        "what meets the floor is not listed: {programs:#?}"
    );
    let runtime = programs[0].runtime.as_ref().expect("Java is known");
    assert_eq!(
        (runtime.runtime.as_str(), runtime.version.as_deref()),
        ("Java", Some("1.7.0_25"))
    );
    assert_eq!(programs[0].usage.requests, 11);
    let advice = programs[0].advice.as_ref().expect("a fix");
    assert!(
        advice
            .snippet
            .as_ref()
            .is_some_and(|line| line.contains("https.protocols"))
    );
    assert!(
        advice.verify.contains("https://api.example.com/ssl/"),
        "{}",
        advice.verify
    );
    assert_eq!(programs[0].shortfalls[0].needed, "TLSv1.2");
    assert!(programs[1].runtime.is_none());
    assert_eq!(&*programs[1].user_agents.items[0], "kiosk 7");
    let addresses: Vec<String> = acme
        .addresses
        .items
        .iter()
        .map(|one| one.address.expect("kept").to_string())
        .collect();
    assert_eq!(
        addresses,
        ["192.0.2.7", "192.0.2.1", "192.0.2.8"],
        "the most used first"
    );
    assert_eq!((acme.misses.requests, acme.all.requests), (14, 1_014));
}

#[test]
fn the_command_that_proves_a_fix_names_the_server_that_most_accounts_ask_for() {
    let ledger = memory([
        seen("2016-10-01T00:00Z", Some(tls10()))
            .account("acme")
            .agent("Java/1.7.0_25")
            .sni("evil.example")
            .requests(90_000),
        seen("2016-10-01T00:00Z", Some(tls10()))
            .account("globex")
            .sni("api.example.com")
            .requests(1),
        seen("2016-10-01T00:00Z", Some(tls10()))
            .account("initech")
            .sni("api.example.com")
            .requests(1),
        seen("2016-10-01T00:00Z", Some(tls10()))
            .account("hooli")
            .sni("$(reboot)")
            .requests(1),
    ]);
    let options = Options {
        check_path: Some(":8443/ssl/".to_owned()),
        ..Options::default()
    };
    let made = made(&ledger, PLAN, &options);
    let advice = row(&made, "acme").programs.items[0]
        .advice
        .clone()
        .expect("a fix");
    assert!(
        advice.verify.contains("https://api.example.com:8443/ssl/"),
        "{}",
        advice.verify
    );
}

#[test]
fn what_no_longer_comes_is_said() {
    let ledger = memory([
        seen("2016-10-30T00:00Z", Some(tls10()))
            .account("active")
            .requests(1),
        seen("2016-10-05T00:00Z", Some(tls10()))
            .account("quiet")
            .requests(1),
        seen("2016-10-05T00:00Z", Some(tls10()))
            .account("fixed")
            .requests(1),
        seen("2016-10-30T00:00Z", Some(tls12()))
            .account("fixed")
            .requests(1),
    ]);
    let made = made(&ledger, PLAN, &Options::default());
    assert_eq!(row(&made, "active").state, State::Active);
    assert_eq!(
        (row(&made, "quiet").state, row(&made, "quiet").days_since),
        (State::GoneQuiet, 26)
    );
    assert_eq!(row(&made, "fixed").state, State::SeemsFixed);
}

#[test]
fn only_new_lists_who_did_not_miss_before() {
    let ledger = memory([
        seen("2016-01-05T00:00Z", Some(tls10()))
            .account("old")
            .requests(1),
        seen("2016-10-29T00:00Z", Some(tls10()))
            .account("old")
            .requests(1),
        seen("2016-01-05T00:00Z", Some(tls12()))
            .account("new")
            .requests(1),
        seen("2016-10-29T00:00Z", Some(tls10()))
            .account("new")
            .requests(1),
    ]);
    let options = Options {
        since: Some(at("2016-10-20")),
        only_new: Some(SignedDuration::from_hours(7 * 24)),
        ..Options::default()
    };
    let made = made(&ledger, PLAN, &options);
    assert_eq!(names(&made), ["new known"]);
    assert_eq!(made.sunsets[0].accounts.breaks, 2, "the sums are of all");
}

#[test]
fn one_account_in_full() {
    let ledger = memory([
        seen("2016-10-01T00:00Z", Some(tls10()))
            .account("acme")
            .agent("Java/1.7.0_25")
            .requests(9)
            .judged("old TLS", floor::Phase::Warn, "warn"),
        seen("2016-10-02T00:00Z", Some(tls12()))
            .account("acme")
            .agent("curl/8.0")
            .requests(90),
        seen("2016-10-02T00:00Z", Some(tls10()))
            .inferred(&[("acme", 7), ("globex", 8)], false)
            .refused(),
        seen("2016-10-02T00:00Z", Some(tls10()))
            .account("globex")
            .requests(500),
    ]);
    let options = Options {
        account: Some("acme".to_owned()),
        ..Options::default()
    };
    let made = made(&ledger, PLAN, &options);
    let account = made.account.as_ref().expect("it was asked for");
    assert_eq!(account.parts.len(), 2);
    assert_eq!(
        account.parts[0].programs.items.len(),
        2,
        "what meets the floor too"
    );
    assert_eq!(account.parts[0].negotiated.items.len(), 2);
    assert!(
        account.parts[0]
            .decisions
            .items
            .iter()
            .any(|one| one.names == ["old TLS", "warn", "warn"])
    );
    assert_eq!(account.parts[1].who.attribution(), "ambiguous");
    assert_eq!(made.sunsets[0].requests.total, 99, "of this account");
}

#[test]
fn where_nothing_can_be_said_nothing_is() {
    let empty = made(&Memory::default(), PLAN, &Options::default());
    assert_eq!(empty.verdict, Outcome::CannotSay);
    assert!(empty.seen.is_none());

    let mut ledger = memory((0..50).map(|_| seen("2016-10-02T00:00Z", Some(tls12()))));
    assert_eq!(
        made(&ledger, PLAN, &Options::default()).verdict,
        Outcome::NobodyBreaks
    );
    assert_eq!(
        made(&ledger, "", &Options::default()).verdict,
        Outcome::CannotSay,
        "no floor"
    );
    ledger.other.push((10, 10, at("2016-10-03")));
    ledger.gaps.push(Gap {
        from: at("2016-10-03"),
        until: None,
        reason: "disk full".into(),
        connections: 10,
    });
    let unknown = made(&ledger, PLAN, &Options::default());
    assert_eq!(
        unknown.verdict,
        Outcome::CannotSay,
        "a sixth is counted without details"
    );
}

#[test]
fn days_add_up_to_the_whole() {
    let ledger = memory((1..=9).flat_map(|day| {
        let when = format!("2016-10-{day:02}T23:30Z");
        [
            seen(&when, Some(tls10())).account("acme"),
            seen(&when, Some(tls12())),
        ]
    }));
    let options = Options {
        since: Some(at("2016-10-03T12:00Z")),
        days: true,
        ..Options::default()
    };
    let made = made(&ledger, PLAN, &options);
    let sunset = &made.sunsets[0];
    assert_eq!(sunset.days.len(), 7);
    let total: u64 = sunset.days.iter().map(|day| day.connections.total).sum();
    let breaks: u64 = sunset.days.iter().map(|day| day.connections.breaks).sum();
    assert_eq!((total, breaks), (14, 7));
    assert_eq!(sunset.connections.total, total);
}
