//! What goes in comes out, by every question.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what goes wrong in a helper of a test fails the test"
)]

mod support;

use jiff::{SignedDuration, Timestamp};
use ledger::{
    Account, Detail, Entry, Group, Judged, LedgerSettings, Query, Range, Reader, Requests, Visitor,
    Who, Writer,
};
use support::{ALWAYS, inferred, offer, open, refused, served, sums, time};

/// A ledger with these entries, closed in order.
fn ledger(entries: impl IntoIterator<Item = Entry>) -> (tempfile::TempDir, Reader) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(ledger::FILE);
    let now = time("2026-03-01T00:00:00Z");
    let (writer, sink, _shown) = Writer::open(&path, &LedgerSettings::default(), now).unwrap();
    for entry in entries {
        sink.record(entry);
    }
    drop(sink);
    writer.close();
    let reader = open(&path);
    (directory, reader)
}

fn range(from: &str, until: &str) -> Range {
    Range {
        from: Some(time(from)),
        until: Some(time(until)),
    }
}

fn known(id: &str) -> Who {
    Who::Known(id.into())
}

#[test]
fn groups_are_whose_and_with_which_offer() {
    let at = time("2026-03-01T10:15:30Z");
    let mut scanner = refused(at);
    scanner.sighting.visitor = Visitor::Scanner;
    let mut shared = refused(at);
    shared.sighting.account = Some(inferred(&[("globex", 5), ("acme", 90)]));
    let mut other_order = refused(time("2026-03-01T10:59:59Z"));
    other_order.sighting.account = Some(inferred(&[("acme", 3), ("globex", 4)]));
    let mut no_hello = refused(at);
    no_hello.sighting.offer = None;
    let (_directory, reader) = ledger([
        served(at, "acme", 3),
        served(at, "acme", 4),
        scanner,
        shared,
        other_order,
        no_hello,
    ]);
    let mut groups = reader.groups(ALWAYS).unwrap();
    groups.sort_by(|a, b| (&a.who, a.visitor, a.offer).cmp(&(&b.who, b.visitor, b.offer)));
    let both = Who::Inferred {
        candidates: vec!["acme".into(), "globex".into()],
        more: false,
    };
    let told: Vec<_> = groups
        .iter()
        .map(|group: &Group| {
            let counts = group.counts;
            (
                group.who.clone(),
                group.visitor,
                group.offer.is_some(),
                counts.connections,
                counts.refused,
                counts.requests.served,
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (Who::Nobody, Visitor::Customer, false, 1, 1, 0),
            (Who::Nobody, Visitor::Scanner, true, 1, 1, 0),
            (known("acme"), Visitor::Customer, true, 2, 0, 7),
            (both.clone(), Visitor::Customer, true, 2, 2, 0),
        ]
    );
    assert_eq!(groups[3].counts.first, at);
    assert_eq!(groups[3].counts.last, time("2026-03-01T10:59:59Z"));
    assert_eq!(
        reader.offers().unwrap(),
        [(offer(0x002f_0035).id(), offer(0x002f_0035))]
    );
    let details = reader.details(ALWAYS, &both).unwrap();
    let ages: Vec<_> = details.iter().map(|detail| detail.age_seconds).collect();
    assert_eq!(ages, [Some(90)], "the oldest that an inference rests on");
}

/// The hours and the days that a range touches are in the answer, and no others, whatever table they are in.
#[test]
fn a_range_is_answered_by_the_hour() {
    let hours =
        (0..240).map(|hour| time("2026-03-01T00:00:00Z") + SignedDuration::from_hours(hour));
    let all: Vec<Timestamp> = hours.collect();
    let (_directory, reader) = ledger(
        all.iter()
            .map(|hour| served(*hour + SignedDuration::from_mins(30), "acme", 1)),
    );
    let count = |range| sums(&reader, range).0;
    let detailed = |range| {
        let details = reader.details(range, &known("acme")).unwrap();
        details
            .iter()
            .map(|detail: &Detail| detail.counts.connections)
            .sum::<u64>()
    };
    assert_eq!(count(ALWAYS), 240);
    for (from, until, hours) in [
        ("2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z", 24),
        ("2026-03-01T00:00:00Z", "2026-03-01T00:00:01Z", 1),
        ("2026-03-01T23:59:59Z", "2026-03-02T00:00:01Z", 2),
        ("2026-03-01T05:30:00Z", "2026-03-04T02:10:00Z", 19 + 48 + 3),
        ("2026-03-10T22:00:00Z", "2027-01-01T00:00:00Z", 2),
        ("2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z", 0),
        ("2026-03-05T00:00:00Z", "2026-03-04T00:00:00Z", 0),
    ] {
        let range = range(from, until);
        assert_eq!(
            (count(range), detailed(range)),
            (hours, hours),
            "{from} {until}"
        );
    }
    let since = Range {
        from: Some(time("2026-03-10T12:00:00Z")),
        until: None,
    };
    assert_eq!((count(since), detailed(since)), (12, 12));
}

#[test]
fn a_connection_handed_over_in_parts_is_counted_once() {
    let at = time("2026-03-01T23:59:58Z");
    let part = |at, connections, served, is_last| {
        let mut entry = support::served(at, "acme", served);
        entry.connections = connections;
        entry.is_last = is_last;
        entry
    };
    let (_directory, reader) = ledger([
        part(at, 1, 2, false),
        part(time("2026-03-02T00:00:01Z"), 0, 5, false),
        part(time("2026-03-02T00:00:03Z"), 0, 0, true),
    ]);
    assert_eq!(sums(&reader, ALWAYS), (1, 0, 7));
    let mut details = reader.details(ALWAYS, &known("acme")).unwrap();
    details.sort_by_key(|detail| detail.counts.first);
    let told: Vec<_> = details
        .iter()
        .map(|detail| (detail.outcome.as_ref(), detail.counts.requests.served))
        .collect();
    assert_eq!(told, [("open", 7)], "what has nothing to add has no row");
}

#[test]
fn windows_name_whom_they_hit() {
    let opened = time("2026-03-01T10:07:00Z");
    let in_window = |account: &str, action| {
        let mut entry = served(time("2026-03-01T10:09:00Z"), account, 0);
        entry.requests = Requests {
            explained: 2,
            ..Requests::default()
        };
        entry.sighting.judged = Some(Judged {
            sunset: Some("old TLS".into()),
            phase: Some(floor::Phase::Brownout),
            action,
            window: Some(opened),
            preview: false,
        });
        entry
    };
    let (_directory, reader) = ledger([
        in_window("acme", "explain"),
        in_window("globex", "explain"),
        in_window("spared", "warn"),
        served(time("2026-03-01T10:30:00Z"), "acme", 9),
    ]);
    let hits = reader.windows(ALWAYS).unwrap();
    let told: Vec<_> = hits
        .iter()
        .map(|hit| (hit.who.clone(), hit.window, hit.counts.requests.explained))
        .collect();
    assert_eq!(
        told,
        [(known("acme"), opened, 2), (known("globex"), opened, 2)]
    );
    let later = range("2026-03-01T11:00:00Z", "2026-03-02T00:00:00Z");
    assert!(reader.windows(later).unwrap().is_empty());
}

#[test]
fn accounts_and_where_they_were_last_seen() {
    let mut elsewhere = served(time("2026-03-01T12:00:05Z"), "acme", 1);
    elsewhere.sighting.address = Some([192, 0, 2, 8].into());
    let mut guessed = refused(time("2026-03-01T13:00:00Z"));
    guessed.sighting.account = Some(inferred(&[("initech", 1)]));
    let (_directory, reader) = ledger([
        served(time("2025-12-01T09:00:00Z"), "acme", 100),
        served(time("2026-01-31T00:00:00Z"), "acme", 30),
        served(time("2026-03-01T10:00:00Z"), "acme", 2),
        served(time("2026-03-01T11:00:07Z"), "acme", 2),
        elsewhere,
        guessed,
        served(time("2026-02-01T00:00:00Z"), "globex", 5),
    ]);
    let mut accounts = reader.accounts().unwrap();
    accounts.sort_by(|a, b| a.id.cmp(&b.id));
    let told: Vec<_> = accounts
        .iter()
        .map(|fact| {
            (
                fact.id.as_ref(),
                fact.first,
                fact.last,
                fact.requests_30_days,
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (
                "acme",
                time("2025-12-01T09:00:00Z"),
                time("2026-03-01T12:00:05Z"),
                35
            ),
            (
                "globex",
                time("2026-02-01T00:00:00Z"),
                time("2026-02-01T00:00:00Z"),
                5
            ),
        ],
        "an inferred account has not shown itself"
    );
    let told = |most| {
        let associations = reader.associations(most).unwrap();
        let told = associations.iter().map(|seen| {
            (
                seen.address.to_string(),
                seen.account.to_string(),
                seen.last,
            )
        });
        told.collect::<Vec<_>>()
    };
    let row =
        |address: &str, account: &str, last| (address.to_owned(), account.to_owned(), time(last));
    let all = [
        row("192.0.2.8", "acme", "2026-03-01T12:00:05Z"),
        row("192.0.2.7", "acme", "2026-03-01T11:00:07Z"),
        row("192.0.2.7", "globex", "2026-02-01T00:00:00Z"),
    ];
    assert_eq!(told(10), all);
    assert_eq!(told(2), all[..2]);
    assert!(told(0).is_empty());
}

#[test]
fn what_is_too_long_is_cut_and_counted() {
    let at = time("2026-03-01T10:00:00Z");
    let long = |letter: &str| {
        let mut entry = served(at, &letter.repeat(5000), 1);
        entry.sighting.sni = Some("ä".repeat(300).into());
        entry.sighting.user_agent = Some("ü".repeat(300).into());
        entry
    };
    let (_directory, reader) = ledger([long("x"), long("x")]);
    let account = known(&"x".repeat(256));
    let details = reader.details(ALWAYS, &account).unwrap();
    assert_eq!(details.len(), 1);
    assert_eq!(details[0].counts.connections, 2);
    assert_eq!(details[0].sni.as_deref(), Some("ä".repeat(127).as_str()));
    assert_eq!(
        details[0].user_agent.as_deref(),
        Some("ü".repeat(128).as_str())
    );
    let Account::Known(_) = long("x").sighting.account.unwrap() else {
        panic!("known");
    };
}

#[test]
fn there_may_be_no_ledger() {
    let directory = tempfile::tempdir().unwrap();
    let error = Reader::open(&directory.path().join("none")).unwrap_err();
    assert!(
        error.to_string().contains("there is no ledger at"),
        "{error}"
    );
}

/// Day by day it is what the same range says of each day.
#[test]
fn days_are_the_groups_of_each_day() {
    let days = ["2026-03-01", "2026-03-02", "2026-03-05"];
    let entries = days.into_iter().flat_map(|day| {
        let at = |hour: &str| time(&format!("{day}T{hour}:10:00Z"));
        [
            served(at("01"), "acme", 3),
            served(at("13"), "acme", 4),
            served(at("23"), "globex", 5),
            refused(at("12")),
        ]
    });
    let (_directory, reader) = ledger(entries);
    for range in [
        ALWAYS,
        range("2026-03-01T12:00:00Z", "2026-03-05T13:00:00Z"),
        range("2026-03-01T02:00:00Z", "2026-03-01T13:30:00Z"),
        range("2026-03-03T00:00:00Z", "2026-03-04T00:00:00Z"),
    ] {
        let mut found: Vec<(String, Group)> = Vec::new();
        reader
            .days(range, &mut |date, group| {
                found.push((date.to_string(), group.clone()));
            })
            .unwrap();
        let mut expected: Vec<(String, Group)> = Vec::new();
        for day in days {
            let start = time(&format!("{day}T00:00:00Z"));
            let end = start + SignedDuration::from_hours(24);
            let of_day = Range {
                from: Some(range.from.map_or(start, |from| from.max(start))),
                until: Some(range.until.map_or(end, |until| until.min(end))),
            };
            let groups = reader.groups(of_day).unwrap().into_iter();
            expected.extend(groups.map(|group| (day.to_owned(), group)));
        }
        let in_order = found.is_sorted_by_key(|(date, _)| date.clone());
        assert!(in_order, "day after day");
        let key = |(date, group): &(String, Group)| (date.clone(), group.who.clone(), group.offer);
        found.sort_by_key(key);
        expected.sort_by_key(key);
        assert_eq!(found, expected, "{range:?}");
    }
}

/// What an engine answers in its own way is what the questions about days and details say.
#[test]
fn presence_programs_and_names_are_as_the_details_say() {
    use std::collections::BTreeSet;

    use ledger::{Client, Presence};

    let days = ["2026-03-01", "2026-03-02", "2026-03-05"];
    let entries = days.into_iter().enumerate().flat_map(|(number, day)| {
        let at = |hour: &str| time(&format!("{day}T{hour}:10:00Z"));
        let mut acme = served(at("01"), "acme", 3);
        acme.sighting.user_agent = Some(format!("program/{number}").into());
        let mut globex = served(at("23"), "globex \"quoted\"", 5);
        globex.sighting.visitor = Visitor::Bot;
        [acme, globex, refused(at("12"))]
    });
    let (_directory, reader) = ledger(entries);
    let mut clients: Vec<Client> = Vec::new();
    let mut found = BTreeSet::new();
    reader
        .presence(ALWAYS, &mut |part| match part {
            Presence::Clients(all) => clients = all.to_vec(),
            Presence::Day(date, there) => {
                for place in there {
                    let client = &clients[*place as usize];
                    found.insert((date, format!("{client:?}")));
                }
            }
        })
        .unwrap();
    let mut expected = BTreeSet::new();
    reader
        .days(ALWAYS, &mut |date, group| {
            let client = Client {
                who: group.who.clone(),
                visitor: group.visitor,
                offer: group.offer,
                is_other: group.is_other,
            };
            expected.insert((date, format!("{client:?}")));
        })
        .unwrap();
    assert_eq!(found, expected);
    assert_eq!(found.len(), 9);

    let mut agents = Vec::new();
    reader
        .programs(&mut |client, agent| {
            if client.who == Who::Known("acme".into()) {
                agents.push(agent);
            }
        })
        .unwrap();
    assert_eq!(agents, [Some("program/2".into())], "the latest");

    for facts in reader.accounts().unwrap() {
        let named = reader.named(&facts.id).unwrap().unwrap();
        assert_eq!(named.whose.first(), Some(&Who::Known(facts.id.clone())));
        assert_eq!(named.is_customer, *facts.id == *"acme");
        assert_eq!(named.facts, Some(facts));
    }
    for nobody in ["nobody", "", "acm", "globex"] {
        assert_eq!(reader.named(nobody).unwrap(), None, "{nobody}");
    }
}
