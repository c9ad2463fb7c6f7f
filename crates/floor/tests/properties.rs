//! What holds for every plan, client and moment.
#![cfg(test)]

mod common;

use std::net::IpAddr;

use common::{at, hybrid, tls10, tls12, tls13};
use floor::{
    Account, Action, Brownout, Cohort, Exception, Floor, Hold, Measure, Moment, Phase, Plan,
    Preview, Share, Sunset, Who,
};
use hello::{Facts, Offer, Version};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

/// Dates fall on these days, so that they often meet.
const DAYS: i64 = 40;

fn day(day: i64) -> Timestamp {
    at("2026-01-01")
        .checked_add(SignedDuration::from_hours(24 * day))
        .unwrap()
}

/// Seconds from the first day on.
fn second(second: i64) -> Timestamp {
    day(0)
        .checked_add(SignedDuration::from_secs(second))
        .unwrap()
}

fn brownouts() -> impl Strategy<Value = Brownout> {
    (
        0..DAYS,
        1..10_i64,
        1..7200_i64,
        0..7200_i64,
        0.0..1.0_f64,
        0.01..=1.0_f64,
        any::<bool>(),
    )
        .prop_map(
            |(from, days, length, gap, offset, share, refuse)| Brownout {
                from: day(from),
                to: day(from + days),
                length: SignedDuration::from_secs(length),
                every: SignedDuration::from_secs(length + gap),
                #[expect(clippy::cast_possible_truncation, reason = "a few thousand seconds")]
                offset: SignedDuration::from_secs((offset * (length + gap) as f64) as i64),
                share: Share::new(share).unwrap(),
                exempt: if refuse {
                    vec![]
                } else {
                    vec!["/ssl".to_owned()]
                },
                measure: if refuse {
                    Measure::Refuse
                } else {
                    Measure::Explain
                },
            },
        )
}

fn sunsets(with_brownouts: bool) -> impl Strategy<Value = Sunset> {
    let runs = if with_brownouts { 0..3_usize } else { 0..1 };
    let dates = proptest::collection::vec(0..DAYS, 4).prop_map(|mut days| {
        days.sort_unstable();
        days
    });
    let floors = proptest::sample::select(Floor::NAMES.to_vec());
    (
        dates,
        any::<[bool; 4]>(),
        floors,
        proptest::collection::vec(brownouts(), runs),
    )
        .prop_map(|(days, given, floor, brownouts)| {
            let date = |index: usize| given[index].then(|| day(days[index]));
            Sunset {
                name: floor.to_owned(),
                floor: Floor::named(floor).unwrap().clone(),
                cohort: None,
                observe: date(0),
                warn: date(1),
                brownouts,
                explain: date(2),
                refuse: date(3),
                contact: None,
                card_data_paths: vec![],
            }
        })
}

const ACCOUNTS: [Option<&str>; 3] = [Some("acme"), Some("other"), None];

fn exceptions(sunsets: usize) -> impl Strategy<Value = Exception> {
    (
        0..sunsets,
        proptest::sample::select(ACCOUNTS.to_vec()),
        any::<bool>(),
        proptest::option::of(Just("tls1.1")),
        0..DAYS,
    )
        .prop_map(|(sunset, account, near, floor, until)| Exception {
            sunset,
            account: account.map(str::to_owned),
            address: Some(
                if near {
                    "203.0.113.0/24"
                } else {
                    "198.51.100.0/24"
                }
                .parse()
                .unwrap(),
            ),
            sni: None,
            floor: floor.and_then(Floor::named).cloned(),
            until: day(until),
            owner: "jo".to_owned(),
            reason: "a test".to_owned(),
        })
}

fn plans() -> impl Strategy<Value = Plan> {
    proptest::collection::vec(sunsets(true), 1..4).prop_flat_map(|sunsets| {
        let exceptions = proptest::collection::vec(exceptions(sunsets.len()), 0..4);
        (Just(sunsets), exceptions, any::<[u8; 16]>()).prop_map(
            |(sunsets, exceptions, share_key)| Plan::new(sunsets, exceptions, vec![], share_key),
        )
    })
}

fn offers() -> impl Strategy<Value = Offer> {
    let codes = |codes: &'static [u16]| proptest::sample::subsequence(codes, 0..=codes.len());
    let made_up = (
        proptest::sample::select(Version::KNOWN.to_vec()),
        proptest::sample::subsequence(Version::KNOWN.to_vec(), 0..=3),
        codes(&[
            0x0005, 0x000a, 0x002f, 0x0033, 0x009c, 0x009e, 0x00ff, 0x1301, 0x1302, 0xc013, 0xc02f,
            0xfafa,
        ]),
        codes(&[
            0x0001, 0x0017, 0x001d, 0x0100, 0x0202, 0x11ec, 0x6399, 0x7777,
        ]),
        codes(&[0x0017, 0x001d, 0x11ec]),
    );
    let made_up = made_up.prop_map(
        |(legacy_version, supported_versions, suites, groups, key_shares)| {
            Offer::from(&Facts {
                legacy_version,
                supported_versions,
                suites,
                groups,
                key_shares,
                ..Facts::default()
            })
        },
    );
    prop_oneof![
        made_up,
        proptest::sample::select(vec![tls10(), tls12(), tls13(), hybrid()])
    ]
}

fn accounts() -> impl Strategy<Value = Account<'static>> {
    proptest::sample::select(vec![
        Account::Unknown,
        Account::None,
        Account::Known("acme"),
        Account::Known("other"),
        Account::Remembered("acme"),
        Account::Remembered("third"),
    ])
}

fn moments() -> impl Strategy<Value = Moment<'static>> {
    proptest::sample::select(vec![
        Moment::Hello,
        Moment::Request { path: "/v1/x" },
        Moment::Request { path: "/ssl/" },
    ])
}

fn who(account: Account<'_>) -> Who<'_> {
    Who {
        account,
        ..common::who(account)
    }
}

/// How hard an action is, whichever alert it is told with.
fn severity(action: Action) -> u8 {
    match action {
        Action::Serve => 0,
        Action::Warn => 1,
        Action::Explain => 2,
        Action::Refuse(_) => 3,
    }
}

/// A plan some of whose sunsets are for a cohort, and whose windows hit everybody: at the hello a share goes by the
/// address of who is not known yet, and that is another draw.
fn plans_with_cohorts() -> impl Strategy<Value = Plan> {
    let cohort = |accounts: Vec<&'static str>| Cohort {
        name: accounts.concat(),
        accounts: Some(accounts.into_iter().map(str::to_owned).collect()),
        first_seen_after: None,
        requests_a_month_below: None,
    };
    (
        plans(),
        proptest::collection::vec(proptest::option::of(0..2_usize), 4),
    )
        .prop_map(move |(mut plan, chosen)| {
            for (sunset, chosen) in plan.sunsets.iter_mut().zip(chosen) {
                sunset.cohort = chosen;
                for run in &mut sunset.brownouts {
                    run.share = Share::ALL;
                }
            }
            plan.with_cohorts(vec![cohort(vec!["acme"]), cohort(vec!["acme", "other"])])
        })
}

fn hold(sunset: Option<&str>) -> Hold {
    Hold {
        sunset: sunset.map(str::to_owned),
        by: "jo".to_owned(),
        reason: "a test".to_owned(),
        at: day(0),
    }
}

proptest! {
    #[test]
    fn nobody_is_refused_at_the_hello_whose_request_would_be_served(plan in plans_with_cohorts(), offer in offers(), remembered in proptest::sample::select(vec![None, Some("acme"), Some("other"), Some("third")]), now in 0..DAYS * 86400) {
        let at_hello = remembered.map_or(Account::Unknown, Account::Remembered);
        let hello = plan.decide(&offer, &who(at_hello), Moment::Hello, second(now));
        if severity(hello.action) == 3 {
            let all = [Account::None, Account::Known("acme"), Account::Known("other"), Account::Known("third")];
            let possible = remembered.map_or(all.to_vec(), |account| vec![Account::Known(account)]);
            for account in possible {
                let request = plan.decide(&offer, &who(account), Moment::Request { path: "/v1/x" }, second(now));
                prop_assert!(severity(request.action) >= 2, "{:?}: {:?} after {:?}", account, request, hello);
            }
        }
    }

    #[test]
    fn a_cohort_hardens_its_members_and_nobody_else(plan in plans_with_cohorts(), offer in offers(), account in accounts(), moment in moments(), now in 0..DAYS * 86400) {
        let decide = |plan: &Plan| plan.decide(&offer, &who(account), moment, second(now));
        let mut general = plan.clone();
        general.exceptions.clear();
        let mut all = general.clone();
        general.sunsets.retain(|sunset| sunset.cohort.is_none());
        let is_member = |sunset: &&Sunset| {
            let cohort = all.cohort_of(sunset);
            let account = account.name();
            cohort.is_none_or(|cohort| account.is_some_and(|account| cohort.contains(account, all.roster())))
        };
        let for_them = all.sunsets.iter().filter(is_member).count();
        prop_assert!(severity(decide(&all).action) >= severity(decide(&general).action));
        if for_them == general.sunsets.len() && account != Account::Unknown {
            prop_assert_eq!(decide(&all).action, decide(&general).action);
        }
        // A cohort that no sunset is for is as if it were not there.
        for sunset in &mut all.sunsets {
            sunset.cohort = None;
        }
        prop_assert_eq!(decide(&all), decide(&all.clone().with_cohorts(vec![])));
    }

    #[test]
    fn a_hold_leaves_what_the_other_sunsets_do(plan in plans_with_cohorts(), offer in offers(), account in accounts(), moment in moments(), held in 0..3_usize, now in 0..DAYS * 86400) {
        let mut plan = plan;
        plan.exceptions.clear();
        for (index, sunset) in plan.sunsets.iter_mut().enumerate() {
            sunset.name = index.to_string();
        }
        let decide = |plan: &Plan| plan.decide(&offer, &who(account), moment, second(now));
        let mut one = plan.clone();
        one.hold(vec![hold(Some(&held.to_string()))]);
        let mut without = plan.clone();
        without.sunsets.retain(|sunset| sunset.name != held.to_string());
        // Each sunset's share is drawn by its name, so the others draw as before.
        prop_assert_eq!(severity(decide(&one).action), severity(decide(&without).action));

        let mut all = plan.clone();
        all.hold(vec![hold(None)]);
        let decision = decide(&all);
        prop_assert_eq!(decision.action, Action::Serve);
        prop_assert!(decision.phase <= Some(Phase::Observe));
        prop_assert_eq!(decision.held, decision.sunset.is_some());
        // It is counted: who missed a sunset that has begun still does.
        prop_assert_eq!(decision.sunset.is_some(), decide(&plan).sunset.is_some());
        all.hold(vec![]);
        prop_assert_eq!(decide(&all), decide(&plan));
    }

    #[test]
    fn deciding_twice_gives_the_same(plan in plans(), offer in offers(), account in accounts(), moment in moments(), now in 0..DAYS * 86400) {
        let decide = |plan: &Plan| plan.decide(&offer, &who(account), moment, second(now));
        prop_assert_eq!(decide(&plan), decide(&plan.clone()));
    }

    #[test]
    fn a_decision_is_the_strictest_standing(plan in plans(), offer in offers(), account in accounts(), moment in moments(), now in 0..DAYS * 86400) {
        let decision = plan.decide(&offer, &who(account), moment, second(now));
        let standings: Vec<_> = plan.standings(&offer, &who(account), moment, second(now)).collect();
        prop_assert_eq!(Some(decision.action), standings.iter().map(|standing| standing.action).max());
        if let Some(index) = decision.sunset {
            let standing = standings[index];
            prop_assert_eq!((standing.action, standing.phase, standing.verdict), (decision.action, decision.phase, decision.verdict));
            prop_assert_eq!((standing.exception, standing.window, standing.deferred), (decision.exception, decision.window, decision.deferred));
            prop_assert!(!decision.verdict.meets());
        }
    }

    #[test]
    fn who_meets_every_floor_is_served_whatever_the_date(plan in plans(), offer in offers(), account in accounts(), moment in moments(), now in 0..DAYS * 86400) {
        let meets = plan.sunsets.iter().all(|sunset| sunset.floor.judge(&offer).meets());
        let decision = plan.decide(&offer, &who(account), moment, second(now));
        if meets {
            prop_assert_eq!(decision, floor::Decision::default());
        }
    }

    #[test]
    fn a_request_is_never_refused(plan in plans(), offer in offers(), account in accounts(), now in 0..DAYS * 86400) {
        let decision = plan.decide(&offer, &who(account), Moment::Request { path: "/v1/x" }, second(now));
        prop_assert!(!matches!(decision.action, Action::Refuse(_)));
        prop_assert!(!decision.deferred);
    }

    #[test]
    fn without_brownouts_and_exceptions_it_only_gets_harder(sunset in sunsets(false), offer in offers(), account in accounts(), moment in moments(), days in (0..DAYS, 0..DAYS)) {
        let plan = Plan::new(vec![sunset], vec![], vec![], [7; 16]);
        let action = |now: i64| plan.decide(&offer, &who(account), moment, day(now)).action;
        prop_assert!(action(days.0.min(days.1)) <= action(days.0.max(days.1)));
    }

    #[test]
    fn an_exception_never_makes_it_harder(plan in plans(), offer in offers(), account in accounts(), moment in moments(), now in 0..DAYS * 86400) {
        let without = Plan::new(plan.sunsets.clone(), vec![], vec![], plan.share_key);
        let action = |plan: &Plan| severity(plan.decide(&offer, &who(account), moment, second(now)).action);
        prop_assert!(action(&plan) <= action(&without));
    }

    #[test]
    fn a_preview_is_the_plan_on_that_day(plan in plans(), offer in offers(), account in accounts(), moment in moments(), now in 0..DAYS * 86400, shown in 0..DAYS * 86400) {
        let preview = Preview { sni: "next.example.com".to_owned(), at: second(shown) };
        let plan = Plan::new(plan.sunsets, plan.exceptions, vec![preview], plan.share_key);
        let on_preview = plan.decide(&offer, &Who { sni: Some("next.example.com"), ..who(account) }, moment, second(now));
        let on_the_day = plan.decide(&offer, &Who { sni: Some("www.example.com"), ..who(account) }, moment, second(shown));
        prop_assert!(on_preview.preview && !on_the_day.preview);
        prop_assert_eq!(floor::Decision { preview: false, ..on_preview }, on_the_day);
    }

    #[test]
    fn windows_partition_their_run(run in brownouts(), seconds in proptest::collection::vec(-86400..(DAYS + 12) * 86400, 1..20)) {
        let windows: Vec<_> = run.windows().collect();
        prop_assert_eq!(windows.len() as u64, run.count());
        for window in &windows {
            prop_assert!(run.from <= window.start && window.start < window.end && window.end <= run.to);
        }
        for pair in windows.windows(2) {
            prop_assert!(pair[0].end <= pair[1].start);
        }
        let edges = windows.iter().take(5).flat_map(|window| [window.start, window.end, window.end.checked_sub(SignedDuration::from_nanos(1)).unwrap()]);
        for now in seconds.into_iter().map(second).chain(edges) {
            let listed = windows.iter().find(|window| window.start <= now && now < window.end).copied();
            prop_assert_eq!(run.window_at(now), listed);
            prop_assert_eq!(run.next_window(now), windows.iter().find(|window| window.start > now).copied());
            let later = now.checked_add(SignedDuration::from_hours(30)).unwrap();
            let between: Vec<_> = windows.iter().filter(|window| window.end > now && window.start < later).copied().collect();
            prop_assert_eq!(run.windows_between(now, later).collect::<Vec<_>>(), between);
        }
    }

    #[test]
    fn the_phase_does_not_change_before_the_next_change(sunset in sunsets(true), now in 0..DAYS * 86400, step in 1..DAYS * 86400) {
        let (now, later) = (second(now), second(now + step));
        match sunset.next_change(now) {
            Some(change) => {
                prop_assert!(change.at > now);
                prop_assert_eq!(sunset.phase(change.at), Some(change.phase));
                prop_assert_ne!(sunset.phase(now), Some(change.phase));
                if later < change.at {
                    prop_assert_eq!(sunset.phase(later), sunset.phase(now));
                }
            }
            None => prop_assert_eq!(sunset.phase(later), sunset.phase(now)),
        }
    }

    #[test]
    fn a_larger_share_includes_a_smaller_one(key in any::<[u8; 16]>(), account in "[a-z]{1,12}", shares in (0.01..=1.0_f64, 0.01..=1.0_f64)) {
        let hit = |share: f64| hit(share, key, Account::Known(&account), None);
        prop_assert!(!hit(shares.0.min(shares.1)) || hit(shares.0.max(shares.1)));
    }
}

/// Whether a client is hit by a brownout with this share.
fn hit(share: f64, key: [u8; 16], account: Account<'_>, address: Option<IpAddr>) -> bool {
    let run = Brownout {
        from: day(0),
        to: day(1),
        length: SignedDuration::from_hours(1),
        every: SignedDuration::from_hours(2),
        offset: SignedDuration::ZERO,
        share: Share::new(share).unwrap(),
        exempt: vec![],
        measure: Measure::Explain,
    };
    let sunset = Sunset {
        name: "x".to_owned(),
        floor: Floor::named("tls1.2").unwrap().clone(),
        cohort: None,
        observe: None,
        warn: None,
        brownouts: vec![run],
        explain: None,
        refuse: None,
        contact: None,
        card_data_paths: vec![],
    };
    let plan = Plan::new(vec![sunset], vec![], vec![], key);
    plan.decide(
        &tls10(),
        &Who {
            account,
            address,
            sni: None,
        },
        Moment::Hello,
        day(0),
    )
    .action
        == Action::Explain
}

#[test]
fn a_share_is_about_that_share_of_accounts_and_of_addresses() {
    const MANY: u32 = 10_000;
    for share in [0.1, 0.25, 0.9] {
        let accounts = (0..MANY)
            .filter(|n| {
                hit(
                    share,
                    [1; 16],
                    Account::Known(&format!("account-{n}")),
                    None,
                )
            })
            .count();
        let addresses = (0..MANY)
            .filter(|n| {
                hit(
                    share,
                    [1; 16],
                    Account::Unknown,
                    Some(IpAddr::from(n.to_be_bytes())),
                )
            })
            .count();
        for hits in [accounts, addresses] {
            // Four standard deviations of a fair draw are under 0.02.
            let drawn = hits as f64 / f64::from(MANY);
            assert!((drawn - share).abs() < 0.02, "{drawn} of {share}");
        }
    }
    // Another key, other accounts; an IPv4 address is itself in IPv6 clothes.
    let by_key = |key: u8| {
        (0..64)
            .map(|n| hit(0.5, [key; 16], Account::Known(&n.to_string()), None))
            .collect::<Vec<_>>()
    };
    assert_ne!(by_key(1), by_key(2));
    let by_address =
        |address: &str| hit(0.5, [1; 16], Account::None, Some(address.parse().unwrap()));
    for n in 0..32 {
        assert_eq!(
            by_address(&format!("203.0.113.{n}")),
            by_address(&format!("::ffff:203.0.113.{n}"))
        );
    }
}
