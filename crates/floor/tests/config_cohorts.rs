//! The tables of cohorts: what is read, what is refused, what is doubtful.
#![cfg(test)]

mod common;

use common::tables::{WHOLE, problems};
use common::{at, plan};

const COHORTS: &str = r#"
[[cohort]]
name = "new"
accounts = ["acme", "beta"]
first_seen_after = "2026-06-01"
requests_a_month_below = 1000

[[sunset]]
name = "old versions, new accounts"
cohort = "new"
floor = "tls1.2"
warn = "2026-07-01"
refuse = "2026-09-01"
"#;

#[test]
fn a_sunset_can_be_for_a_cohort() {
    let plan = plan(COHORTS);
    let cohort = plan.cohort_of(&plan.sunsets[0]).expect("it is for one");
    assert_eq!(cohort.name, "new");
    assert_eq!(
        cohort.accounts.as_ref().map(|accounts| accounts.len()),
        Some(2)
    );
    assert_eq!(cohort.first_seen_after, Some(at("2026-06-01")));
    assert_eq!(cohort.requests_a_month_below, Some(1000));
    assert_eq!(
        plan.state(at("2026-09-02"))[0].handshakes_until,
        None,
        "no exception keeps handshakes alive"
    );
    assert!(plan.state(at("2026-09-02"))[0].handshakes_of_strangers);
}

#[test]
fn a_cohort_that_makes_no_sense_is_refused_with_its_place() {
    for (wrong, key, help) in [
        (
            COHORTS.replace("cohort = \"new\"", "cohort = \"nwe\""),
            "sunset[0].cohort",
            "did you mean `new`?",
        ),
        (
            COHORTS.replace("[\"acme\", \"beta\"]", "[]"),
            "cohort[0].accounts",
            "name the accounts",
        ),
        (
            COHORTS.replace("\"beta\"", "\"\""),
            "cohort[0].accounts[1]",
            "name the account",
        ),
        (
            COHORTS.replace("= 1000", "= 0"),
            "cohort[0].requests_a_month_below",
            "above 0",
        ),
        (
            format!("{COHORTS}[[cohort]]\nname = \"empty\"\n"),
            "cohort[1]",
            "add `accounts`",
        ),
        (
            format!("{COHORTS}[[cohort]]\nname = \"new\"\naccounts = [\"x\"]\n"),
            "cohort[1].name",
            "of its own",
        ),
    ] {
        let found = problems(&wrong);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].key, key);
        assert!(found[0].help.contains(help), "{found:?}");
    }
}

#[test]
fn an_exception_about_to_end_and_a_cohort_of_nobody_are_doubtful() {
    let found = |toml: &str, now: &str| -> Vec<(String, String)> {
        let found = plan(toml).check(at(now));
        found
            .into_iter()
            .map(|problem| (problem.key, problem.message))
            .collect()
    };
    let calm = WHOLE.replace("account = \"acme\"\n", "");
    let ends = |now: &str| {
        let mut found = found(&calm, now);
        found.retain(|(key, _)| key == "exception[0].until");
        found
    };
    assert_eq!(ends("2017-02-14"), []);
    assert_eq!(
        ends("2017-02-15")[0].1,
        "this exception ends on 2017-03-01T00:00:00Z, in 14 days: kiosk firmware ships in February"
    );
    let nobody = |toml: &str| {
        let mut found = found(toml, "2026-01-01");
        found.retain(|(key, _)| key.starts_with("cohort"));
        found
    };
    // Without a roster nobody is new; a list by itself needs none.
    assert_eq!(
        nobody(COHORTS)[0].1,
        "nobody is known to be in the cohort `new`"
    );
    let listed = COHORTS
        .replace("first_seen_after = \"2026-06-01\"\n", "")
        .replace("requests_a_month_below = 1000\n", "");
    assert_eq!(nobody(&listed), []);
    assert_eq!(
        nobody(&listed.replace("cohort = \"new\"\n", ""))[0].1,
        "no sunset is for the cohort `new`"
    );
}
