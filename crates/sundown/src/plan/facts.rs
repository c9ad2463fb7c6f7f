//! All that a plan says, a fact a line: what the audit trail records, and compares with the plan before.

use std::fmt::Write;

use floor::{Brownout, Cohort, Exception, Floor, Plan, Sunset};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

/// The facts in the order of the plan. Two plans with the same facts decide alike; the key of the shares is not in it.
pub(crate) fn facts(plan: &Plan) -> Vec<String> {
    let mut facts = Vec::new();
    for sunset in &plan.sunsets {
        of_sunset(plan, sunset, &mut facts);
    }
    facts.extend(plan.cohorts.iter().map(of_cohort));
    let exceptions = plan.exceptions.iter();
    facts.extend(
        exceptions.map(|exception| format!("exception: {}", exception_in_words(plan, exception))),
    );
    let previews = plan.previews.iter();
    facts.extend(previews.map(|preview| format!("preview: {} shows {}", preview.sni, preview.at)));
    facts
}

fn of_sunset(plan: &Plan, sunset: &Sunset, facts: &mut Vec<String>) {
    let name = &sunset.name;
    let mut add = |fact: String| facts.push(format!("{name}: {fact}"));
    add(format!("floor {}", floor(&sunset.floor)));
    if let Some(cohort) = plan.cohort_of(sunset) {
        add(format!("for the cohort {}", cohort.name));
    }
    for change in sunset.dates() {
        add(format!("{} from {}", change.phase, change.at));
    }
    for run in &sunset.brownouts {
        add(brownout(run));
    }
    if let Some(contact) = &sunset.contact {
        add(format!("contact {contact}"));
    }
    for path in &sunset.card_data_paths {
        add(format!("card data at {path}"));
    }
}

fn brownout(run: &Brownout) -> String {
    let mut fact = format!(
        "brownouts from {} to {}: {:#} every {:#} after {:#}, {}, a share of {}",
        run.from,
        run.to,
        run.length,
        run.every,
        run.offset,
        run.measure,
        run.share.get()
    );
    for path in &run.exempt {
        // Writing to a String does not fail.
        write!(fact, ", not {path}").ok();
    }
    fact
}

fn of_cohort(cohort: &Cohort) -> String {
    let Cohort {
        name,
        accounts,
        first_seen_after,
        requests_a_month_below,
    } = cohort;
    let listed = accounts.as_ref().map(|accounts| {
        let mut accounts: Vec<_> = accounts.iter().map(String::as_str).collect();
        accounts.sort_unstable();
        format!("one of {}", accounts.join(", "))
    });
    let new = first_seen_after.map(|date| format!("first seen after {date}"));
    let small = requests_a_month_below.map(|bound| format!("fewer than {bound} requests a month"));
    let all: Vec<String> = [listed, new, small].into_iter().flatten().collect();
    format!("cohort {name}: {}", all.join("; "))
}

/// A floor by its name; an inline one by a hash of all it says too.
fn floor(floor: &Floor) -> String {
    if Floor::named(floor.name()).is_some() {
        return floor.name().to_owned();
    }
    let hash = hex(floor.to_string().as_bytes());
    let short = hash.get(..16).unwrap_or_default();
    format!("{short} ({})", floor.title())
}

/// Who, past what, until when, by whose word and why.
pub(crate) fn exception_in_words(plan: &Plan, exception: &Exception) -> String {
    let until: Timestamp = exception.until;
    let sunset = plan.sunsets.get(exception.sunset);
    let all_the_same = exception
        .floor
        .as_ref()
        .map_or_else(String::new, |must| format!(" with {}", floor(must)));
    format!(
        "{}{all_the_same} past {} until {until} ({}: {})",
        super::whom(exception),
        sunset.map_or("a sunset", |sunset| sunset.name.as_str()),
        exception.owner,
        exception.reason
    )
}

/// The SHA-256, in hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut hex = String::new();
    for byte in Sha256::digest(bytes) {
        // Writing to a String does not fail.
        write!(hex, "{byte:02x}").ok();
    }
    hex
}

#[cfg(test)]
mod tests {
    use floor::config::PlanTables;

    use super::*;

    #[test]
    fn every_key_of_a_plan_is_a_fact() {
        let text = r#"
            [[sunset]]
            name = "old"
            floor = { min = "TLSv1.2" }
            cohort = "new"
            observe = "2026-01-01"
            warn = "2026-02-01"
            explain = "2026-05-01"
            refuse = "2026-06-01"
            contact = "help@example.com"
            card_data_paths = ["/pay"]
            [[sunset.brownout]]
            from = "2026-04-01"
            to = "2026-04-02"
            length = "10m"
            every = "1h"
            offset = "7m"
            share = 0.25
            exempt = ["/ssl"]
            [[cohort]]
            name = "new"
            accounts = ["b", "a"]
            first_seen_after = "2026-01-01"
            requests_a_month_below = 10
            [[exception]]
            account = "acme"
            sunset = "old"
            floor = "tls1.1"
            until = "2026-07-01"
            owner = "jo"
            reason = "kiosks"
            [[preview]]
            sni = "next.example"
            at = "2026-06-02"
        "#;
        let tables: PlanTables = toml::from_str(text).unwrap();
        let plan = tables.build([0; 16]).unwrap();
        let facts = facts(&plan);
        // A pack for auditors reads the floors and the calendar back from them.
        let stated = evidence::stated(facts.iter().map(String::as_str));
        let [stated] = stated.as_slice() else {
            panic!("one sunset: {stated:?}")
        };
        let dates = plan.sunsets[0].dates();
        assert!(
            dates
                .map(|change| (change.phase, change.at))
                .eq(stated.phases.iter().copied())
        );
        assert_eq!(stated.floor, floor(&plan.sunsets[0].floor));
        assert!(facts[0].starts_with("old: floor ") && facts[0].ends_with(" (TLSv1.2 or later)"));
        assert_eq!(
            facts[1..],
            [
                "old: for the cohort new",
                "old: observe from 2026-01-01T00:00:00Z",
                "old: warn from 2026-02-01T00:00:00Z",
                "old: explain from 2026-05-01T00:00:00Z",
                "old: refuse from 2026-06-01T00:00:00Z",
                "old: brownouts from 2026-04-01T00:00:00Z to 2026-04-02T00:00:00Z: 10m every 1h after 7m, explain, a share of 0.25, not /ssl",
                "old: contact help@example.com",
                "old: card data at /pay",
                "cohort new: one of a, b; first seen after 2026-01-01T00:00:00Z; fewer than 10 requests a month",
                "exception: acme with tls1.1 past old until 2026-07-01T00:00:00Z (jo: kiosks)",
                "preview: next.example shows 2026-06-02T00:00:00Z",
            ]
        );
    }
}
