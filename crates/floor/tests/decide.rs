//! Decisions, phase by phase, as the plan of 2016 takes them.
#![cfg(test)]

mod common;

use common::{at, hybrid, plan, tls10, tls12, who};
use floor::{Account, Action, Alert, Change, Decision, Moment, Phase, Plan, Who};

const REFUSE: Action = Action::Refuse(Alert::ProtocolVersion);
const REQUEST: Moment<'static> = Moment::Request { path: "/api/v4/x" };

fn plan_2016(more: &str) -> Plan {
    plan(&format!(
        r#"
        [[sunset]]
        name = "TLS 1.0 and 1.1"
        floor = "tls1.2"
        observe = "2016-06-01"
        warn = "2016-09-15"
        explain = "2016-12-15"
        refuse = "2017-01-15"
        [[sunset.brownout]]
        from = "2016-11-15T09:00Z"
        to = "2016-11-15T17:00Z"
        length = "10m"
        every = "1h"
        offset = "7m"
        exempt = ["/ssl"]
        {more}"#
    ))
}

fn decide(plan: &Plan, account: Account<'_>, moment: Moment<'_>, now: &str) -> Decision {
    plan.decide(&tls10(), &who(account), moment, at(now))
}

#[test]
fn every_phase_does_what_the_calendar_says() {
    let plan = plan_2016("");
    for (now, phase, hello, request) in [
        ("2016-05-31T23:59:59Z", None, Action::Serve, Action::Serve),
        (
            "2016-06-01",
            Some(Phase::Observe),
            Action::Serve,
            Action::Serve,
        ),
        (
            "2016-09-14T23:59:59Z",
            Some(Phase::Observe),
            Action::Serve,
            Action::Serve,
        ),
        ("2016-09-15", Some(Phase::Warn), Action::Warn, Action::Warn),
        (
            "2016-11-15T09:06:59Z",
            Some(Phase::Warn),
            Action::Warn,
            Action::Warn,
        ),
        (
            "2016-11-15T09:07Z",
            Some(Phase::Brownout),
            Action::Explain,
            Action::Explain,
        ),
        (
            "2016-11-15T09:17Z",
            Some(Phase::Warn),
            Action::Warn,
            Action::Warn,
        ),
        (
            "2016-11-15T16:10Z",
            Some(Phase::Brownout),
            Action::Explain,
            Action::Explain,
        ),
        (
            "2016-11-15T17:07Z",
            Some(Phase::Warn),
            Action::Warn,
            Action::Warn,
        ),
        (
            "2016-12-15",
            Some(Phase::Explain),
            Action::Explain,
            Action::Explain,
        ),
        ("2017-01-15", Some(Phase::Refuse), REFUSE, Action::Explain),
    ] {
        let at_hello = decide(&plan, Account::Unknown, Moment::Hello, now);
        assert_eq!((at_hello.phase, at_hello.action), (phase, hello), "{now}");
        assert_eq!(
            decide(&plan, Account::Known("acme"), REQUEST, now).action,
            request,
            "{now}"
        );
        assert_eq!(at_hello.sunset, phase.map(|_| 0), "{now}");
        assert_eq!(
            plan.decide(&tls12(), &who(Account::Unknown), Moment::Hello, at(now)),
            Decision::default(),
            "{now}"
        );
    }
    let window = decide(&plan, Account::Unknown, Moment::Hello, "2016-11-15T09:08Z");
    assert_eq!(
        window.window.map(|window| window.end),
        Some(at("2016-11-15T09:17Z"))
    );
}

#[test]
fn exempt_paths_are_spared_by_whole_segments() {
    let plan = plan_2016("");
    for (path, action) in [
        ("/ssl", Action::Warn),
        ("/ssl/", Action::Warn),
        ("/ssl/r/1?x=/..", Action::Warn),
        ("/ssl?x", Action::Warn),
        ("/ssls", Action::Explain),
        ("/ssl/../v1/pay", Action::Explain),
        ("/ssl/.%2E/v1/pay", Action::Explain),
        ("/SSL", Action::Explain),
        ("", Action::Explain),
        ("*", Action::Explain),
    ] {
        let decision = decide(
            &plan,
            Account::None,
            Moment::Request { path },
            "2016-11-15T09:08Z",
        );
        assert_eq!(decision.action, action, "{path}");
    }
}

#[test]
fn an_account_exception_is_decided_when_the_account_is_certain() {
    let plan = plan_2016(
        r#"
        [[exception]]
        account = "acme"
        sunset = "TLS 1.0 and 1.1"
        until = "2017-03-01"
        owner = "jo@example.com"
        reason = "kiosk firmware ships in February""#,
    );
    let refusing = "2017-02-01";
    for (account, action, deferred) in [
        (Account::Unknown, Action::Explain, true),
        (Account::None, Action::Explain, true),
        (Account::Remembered("acme"), Action::Explain, true),
        (Account::Remembered("other"), REFUSE, false),
        (Account::Known("other"), REFUSE, false),
        (Account::Known("acme"), Action::Warn, false),
    ] {
        let decision = decide(&plan, account, Moment::Hello, refusing);
        assert_eq!(
            (decision.action, decision.deferred),
            (action, deferred),
            "{account:?}"
        );
    }
    for (account, action, exception) in [
        (Account::Known("acme"), Action::Warn, Some(0)),
        (Account::Known("other"), Action::Explain, None),
        (Account::Remembered("acme"), Action::Explain, None),
        (Account::None, Action::Explain, None),
    ] {
        let decision = decide(&plan, account, REQUEST, refusing);
        assert_eq!(
            (decision.action, decision.exception, decision.deferred),
            (action, exception, false),
            "{account:?}"
        );
    }
    // It ends by itself, and with it the deferral.
    assert_eq!(
        decide(&plan, Account::Unknown, Moment::Hello, "2017-03-01").action,
        REFUSE
    );
    assert_eq!(
        plan.state(at("2017-02-01"))[0].handshakes_until,
        Some(at("2017-03-01"))
    );
    assert_eq!(plan.state(at("2016-12-20"))[0].handshakes_until, None);
    assert_eq!(plan.state(at("2017-03-01"))[0].exceptions, []);
}

#[test]
fn exceptions_by_place_are_certain_at_the_hello_and_can_ask_for_a_floor() {
    let plan = |keys: &str| {
        plan_2016(&format!(
            "[[exception]]\n{keys}\nsunset = \"TLS 1.0 and 1.1\"\nuntil = \"2017-03-01\"\nowner = \"jo\"\nreason = \"x\""
        ))
    };
    for (keys, action) in [
        ("address = \"203.0.113.0/24\"", Action::Warn),
        ("address = \"198.51.100.0/24\"", REFUSE),
        ("sni = \"API.example.com.\"", Action::Warn),
        ("sni = \"example.com\"", REFUSE),
        (
            "address = \"203.0.113.0/24\"\nsni = \"example.com\"",
            REFUSE,
        ),
        ("address = \"203.0.113.0/24\"\nfloor = \"tls1.1\"", REFUSE),
        (
            "address = \"203.0.113.0/24\"\nfloor = { min = \"TLSv1\" }",
            Action::Warn,
        ),
        ("address = \"198.51.100.0/24\"\naccount = \"acme\"", REFUSE),
        (
            "address = \"203.0.113.0/24\"\naccount = \"acme\"",
            Action::Explain,
        ),
    ] {
        assert_eq!(
            decide(&plan(keys), Account::Unknown, Moment::Hello, "2017-02-01").action,
            action,
            "{keys}"
        );
    }
}

#[test]
fn the_strictest_sunset_decides_and_each_has_its_standing() {
    let plan = plan_2016(
        "[[sunset]]\nname = \"classical key exchange\"\nfloor = \"pq\"\nwarn = \"2016-10-01\"\nrefuse = \"2018-01-01\"",
    );
    let decision = decide(&plan, Account::None, REQUEST, "2016-12-15");
    assert_eq!(
        (decision.action, decision.sunset),
        (Action::Explain, Some(0))
    );
    let decision = plan.decide(&tls12(), &who(Account::None), REQUEST, at("2016-12-15"));
    assert_eq!((decision.action, decision.sunset), (Action::Warn, Some(1)));
    assert_eq!(
        plan.decide(&hybrid(), &who(Account::None), REQUEST, at("2016-12-15")),
        Decision::default()
    );

    let offer = tls12();
    let standings: Vec<_> = plan
        .standings(&offer, &who(Account::None), REQUEST, at("2016-12-15"))
        .collect();
    assert_eq!(
        standings
            .iter()
            .map(|standing| (standing.verdict.meets(), standing.action))
            .collect::<Vec<_>>(),
        [(true, Action::Serve), (false, Action::Warn)]
    );
    assert_eq!(
        standings[0].next,
        Some(Change {
            phase: Phase::Refuse,
            at: at("2017-01-15")
        })
    );
    assert_eq!(
        standings[1].next,
        Some(Change {
            phase: Phase::Refuse,
            at: at("2018-01-01")
        })
    );
}

#[test]
fn the_next_change_follows_windows_in_and_out() {
    let plan = plan_2016("");
    let next = |now: &str| plan.sunsets[0].next_change(at(now));
    for (now, phase, then) in [
        ("2016-01-01", Phase::Observe, "2016-06-01"),
        ("2016-06-01", Phase::Warn, "2016-09-15"),
        ("2016-10-01", Phase::Brownout, "2016-11-15T09:07Z"),
        ("2016-11-15T09:08Z", Phase::Warn, "2016-11-15T09:17Z"),
        ("2016-11-15T09:17Z", Phase::Brownout, "2016-11-15T10:07Z"),
        ("2016-11-15T16:20Z", Phase::Explain, "2016-12-15"),
        ("2016-12-15", Phase::Refuse, "2017-01-15"),
    ] {
        assert_eq!(
            next(now),
            Some(Change {
                phase,
                at: at(then)
            }),
            "{now}"
        );
    }
    assert_eq!(next("2017-01-15"), None);
}

#[test]
fn a_preview_name_shows_the_day() {
    let plan = plan_2016("[[preview]]\nsni = \"next.api.example.com\"\nat = \"2017-01-16\"");
    let now = at("2016-07-01");
    let preview = Who {
        sni: Some("NEXT.api.example.com"),
        ..who(Account::Unknown)
    };
    let decision = plan.decide(&tls10(), &preview, Moment::Hello, now);
    assert_eq!((decision.action, decision.preview), (REFUSE, true));
    let decision = plan.decide(&tls12(), &preview, Moment::Hello, now);
    assert_eq!((decision.action, decision.preview), (Action::Serve, true));
    assert_eq!(plan.clock(Some("api.example.com"), now), (now, None));
    assert_eq!(
        plan.clock(Some("next.api.example.com"), now),
        (at("2017-01-16"), plan.previews.first())
    );
}

#[test]
fn a_brownout_can_refuse_and_needs_no_warn_date() {
    let plan = plan(
        "[[sunset]]\nname = \"x\"\nfloor = \"tls1.2\"\n[[sunset.brownout]]\nfrom = \"2026-01-01\"\nto = \"2026-01-02\"\n\
         length = \"10m\"\nevery = \"1h\"\noffset = \"30m\"\nas = \"refuse\"",
    );
    for (now, hello, request) in [
        ("2025-12-31", Action::Serve, Action::Serve),
        ("2026-01-01", Action::Warn, Action::Warn),
        ("2026-01-01T00:35Z", REFUSE, Action::Explain),
        ("2026-01-01T00:40Z", Action::Warn, Action::Warn),
        ("2026-01-05", Action::Warn, Action::Warn),
    ] {
        assert_eq!(
            decide(&plan, Account::Unknown, Moment::Hello, now).action,
            hello,
            "{now}"
        );
        assert_eq!(
            decide(&plan, Account::None, REQUEST, now).action,
            request,
            "{now}"
        );
    }
}
