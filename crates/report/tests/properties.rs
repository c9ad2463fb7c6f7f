//! What holds for any traffic and any floor.
#![cfg(test)]

mod support;

use std::collections::HashSet;

use floor::Floor;
use hello::Offer;
use ledger::Visitor;
use proptest::prelude::*;
use report::model::Shares;
use report::{Options, Outcome, format, report};
use support::memory::Memory;
use support::story::{Seen, at, memory, plan, seen, tls10, tls12, tls13};

const PLAN: &str = r#"
[[sunset]]
name = "old TLS"
floor = "tls1.2"
refuse = "2016-12-15"
[[sunset]]
name = "TLS 1.2"
floor = "tls1.3"
[[exception]]
account = "account-1"
sunset = "old TLS"
until = "2017-12-15"
owner = "jo"
reason = "late"
[[exception]]
address = "192.0.2.64/26"
sunset = "TLS 1.2"
until = "2016-11-15"
owner = "jo"
reason = "office"
"#;

fn offer(which: u8) -> Option<Offer> {
    match which {
        0 => None,
        1 | 2 => Some(tls10()),
        3 => Some(tls12()),
        4 => Some(tls13(0x001d)),
        _ => Some(tls13(0x11ec)),
    }
}

prop_compose! {
    fn connection()(
        day in 1..28_u8, hour in 0..24_u8, which in 0..6_u8, account in 0..6_u8, visitor in 0..8_usize,
        requests in 0..50_u64, refused in any::<bool>(), address in 0..255_u8, agent in 0..3_u8,
    ) -> Seen {
        let mut one = seen(&format!("2016-10-{day:02}T{hour:02}:30Z"), offer(which))
            .from(&format!("192.0.2.{address}"))
            .agent(["Java/1.7.0_25", "sdk node/0.8.28", "thing"][usize::from(agent)])
            .visitor(*Visitor::ALL.get(visitor).unwrap_or(&Visitor::Customer));
        let id = format!("account-{account}");
        one = match account {
            0 => one,
            1 | 2 => one.account(&id),
            3 => one.inferred(&[("account-1", 9)], false),
            4 => one.inferred(&[("account-1", 9), ("account-2", 5)], false),
            _ => one.inferred(&[("account-2", 9)], true),
        };
        if refused && which != 0 { one.refused() } else { one.requests(requests) }
    }
}

fn ledger() -> impl Strategy<Value = Memory> {
    (
        prop::collection::vec(connection(), 0..60),
        prop::collection::vec((0..5_u64, 0..9_u64), 0..3),
    )
        .prop_map(|(all, other)| {
            let mut ledger = memory(all);
            ledger.other = other
                .into_iter()
                .map(|(connections, requests)| (connections, requests, at("2016-10-09")))
                .collect();
            ledger
        })
}

fn whole(shares: &Shares) {
    assert_eq!(
        shares.survive + shares.breaks + shares.unjudged,
        shares.total
    );
    assert!(shares.excepted <= shares.breaks);
}

proptest! {
    #[test]
    fn sums_are_whole(ledger in ledger(), visitors in any::<bool>(), most in prop::option::of(0..4_usize)) {
        let options = Options { visitors, most, days: true, ..Options::default() };
        let made = report(&ledger, &plan(PLAN), at("2016-10-31"), &options).expect("memory");
        let counts = |visitor: Visitor| visitors || visitor == Visitor::Customer;
        let entries: Vec<_> = ledger.entries.iter().filter(|entry| counts(entry.sighting.visitor)).collect();
        let connections: u64 = entries.iter().map(|entry| entry.connections).sum();
        let requests: u64 = entries.iter().map(|entry| entry.requests.total()).sum();
        let other: u64 = ledger.other.iter().map(|other| other.0).sum();
        let other_requests: u64 = ledger.other.iter().map(|other| other.1).sum();
        for sunset in &made.sunsets {
            whole(&sunset.connections);
            whole(&sunset.requests);
            whole(&sunset.accounts);
            prop_assert_eq!(sunset.connections.total, connections + other);
            prop_assert_eq!(sunset.requests.total, requests + other_requests);
            // What is listed and what is left out are all that misses.
            let listed: u64 = sunset.breaking.iter().map(|row| row.misses.connections).sum();
            prop_assert_eq!(listed + sunset.more.connections, sunset.connections.breaks);
            let listed: u64 = sunset.breaking.iter().map(|row| row.misses.requests).sum();
            prop_assert_eq!(listed + sunset.more.requests, sunset.requests.breaks);
            prop_assert!(sunset.breaking.len() <= most.unwrap_or(usize::MAX));
            // The parts of a row are the row.
            for row in &sunset.breaking {
                let programs: u64 = row.programs.items.iter().map(|program| program.usage.connections).sum();
                prop_assert_eq!(programs, row.misses.connections);
                let addresses: u64 = row.addresses.items.iter().map(|one| one.usage.connections).sum();
                prop_assert_eq!(addresses, row.misses.connections);
            }
            let days: u64 = sunset.days.iter().map(|day| day.connections.total).sum();
            prop_assert_eq!(days, sunset.connections.total);
        }
    }

    /// The judgement is the floor's own, connection by connection.
    #[test]
    fn what_breaks_is_what_the_floor_says(ledger in ledger(), floor in prop::sample::select(&Floor::NAMES[..])) {
        let floor = Floor::named(floor).expect("a shipped floor");
        let options = Options { floor: Some(floor.clone()), ..Options::default() };
        let made = report(&ledger, &plan(""), at("2016-10-31"), &options).expect("memory");
        let customers = || ledger.entries.iter().filter(|entry| entry.sighting.visitor == Visitor::Customer);
        let misses = |offer: &Option<Offer>| offer.as_ref().is_some_and(|offer| !floor.judge(offer).meets());
        let breaks: u64 = customers().filter(|entry| misses(&entry.sighting.offer)).map(|entry| entry.connections).sum();
        prop_assert_eq!(made.sunsets[0].connections.breaks, breaks);
        prop_assert_eq!(made.verdict == Outcome::SomebodyBreaks, breaks > 0);
        let whose: HashSet<_> = customers().filter(|entry| misses(&entry.sighting.offer)).map(|entry| support::memory::who(entry.sighting.account.as_ref())).collect();
        let listed: HashSet<_> = made.sunsets[0].breaking.iter().map(|row| row.who.0.clone()).collect();
        prop_assert_eq!(listed, whose, "an inferred account is never merged into a known one");
    }

    /// No text makes a format fail, and no width does.
    #[test]
    fn every_format_takes_any_text(text in any::<String>(), width in 0..300_usize) {
        let ledger = memory([seen("2016-10-09T00:00Z", Some(tls10())).account(&text).agent(&text).sni(&text).requests(1)]);
        let made = report(&ledger, &plan(PLAN), at("2016-10-31"), &Options { account: Some(text), ..Options::default() }).expect("memory");
        let mut out = Vec::new();
        format::terminal(&made, width, &mut out).expect("memory");
        format::markdown(&made, &mut out).expect("memory");
        format::csv(&made, &mut out).expect("memory");
        let mut json = Vec::new();
        format::json(&made, &mut json).expect("memory");
        prop_assert!(serde_json::from_slice::<serde_json::Value>(&json).is_ok());
        prop_assert!(!format::html(&made).contains("<script"));
    }
}
