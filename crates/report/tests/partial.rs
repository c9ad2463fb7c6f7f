//! What a report says of logs, which show what was agreed on and not what was offered.
#![cfg(test)]

mod support;

use hello::{Offer, PartialOffer, Version};
use report::{Options, Outcome, report};
use support::story::{at, memory, plan, seen};

const PLAN: &str = r#"
[[sunset]]
name = "old TLS"
floor = "tls1.2"
refuse = "2016-12-15"

[[sunset]]
name = "post-quantum"
floor = "pq"
refuse = "2030-01-01"
"#;

fn line(version: Version, suite: u16) -> Option<Offer> {
    Some(Offer::from(&PartialOffer {
        agreed_version: Some(version),
        agreed_suite: Some(suite),
        server_max: Some(Version::TLSV1_3),
        ..PartialOffer::default()
    }))
}

#[test]
fn a_log_names_who_breaks_and_says_what_it_cannot_judge() {
    let old = || line(Version::TLSV1, 0xc013);
    let new = || line(Version::TLSV1_3, 0x1301);
    let ledger = memory([
        seen("2016-10-02T00:00Z", old())
            .account("acme")
            .agent("Java/1.6.0_45"),
        seen("2016-10-02T01:00Z", new()).account("globex"),
        seen("2016-10-02T02:00Z", new()).account("globex"),
        seen("2016-10-02T03:00Z", new()).account("globex"),
    ]);
    let made = report(
        &ledger,
        &plan(PLAN),
        at("2016-10-31T00:00Z"),
        &Options::default(),
    )
    .expect("memory");
    assert_eq!(made.evidence.partial, 4);
    assert_eq!(made.verdict, Outcome::SomebodyBreaks);

    let old_tls = &made.sunsets[0];
    assert_eq!((old_tls.accounts.breaks, old_tls.accounts.survive), (1, 1));
    let program = &old_tls.breaking[0].programs.items[0];
    assert_eq!(program.max_protocol, "TLSv1");
    assert!(program.ja4.items.is_empty(), "nobody saw a hello");
    let runtime = program.runtime.as_ref().expect("it named itself");
    assert_eq!(runtime.runtime, "Java");
    assert!(program.advice.is_some());

    let pq = &made.sunsets[1];
    assert_eq!(
        pq.connections.breaks, 1,
        "there is no such group before TLS 1.3"
    );
    assert_eq!(pq.connections.unjudged, 3, "the groups are not in the log");
    let mut said = Vec::new();
    report::format::markdown(&made, &mut said).expect("memory");
    let said = String::from_utf8(said).expect("text");
    assert!(said.contains("too little to judge 75.0 % by pq"), "{said}");
}

#[test]
fn what_cannot_be_judged_is_no_proof_that_nobody_breaks() {
    let ledger =
        memory([seen("2016-10-02T00:00Z", line(Version::TLSV1_3, 0x1301)).account("acme")]);
    let options = Options {
        floor: floor::Floor::named("pq").cloned(),
        ..Options::default()
    };
    let made = report(&ledger, &plan(PLAN), at("2016-10-31T00:00Z"), &options).expect("memory");
    assert_eq!(made.verdict, Outcome::CannotSay);
}
