//! What the evidence is, in words.

use super::{count, number, percent, when};
use crate::model::{Report, Visitors};

/// What the evidence is, and what it leaves open; a sentence each.
pub fn evidence(report: &Report) -> Vec<String> {
    let mut said = Vec::new();
    let evidence = report.evidence;
    let of_all = |part: u64| percent(part, evidence.connections);
    for (part, why) in [
        (
            evidence.other,
            "are counted without details (the ledger had no room or no time for them)",
        ),
        (evidence.no_hello, "showed no hello that could be read"),
        (
            evidence.lost,
            "have an offer that is missing from the ledger",
        ),
    ] {
        if part > 0 {
            said.push(format!(
                "{} of connections ({}) {why}; no floor can judge them.",
                of_all(part),
                number(part)
            ));
        }
    }
    said.extend(partial(report));
    for gap in &report.gaps {
        let until = gap.until.map_or_else(|| "now".to_owned(), when);
        let missing = match gap.connections {
            0 => "how much is missing is not known".to_owned(),
            missing => format!("{} without details", count(missing, "connection")),
        };
        said.push(format!(
            "Gap from {} to {until}: {}; {missing}.",
            when(gap.from),
            gap.reason
        ));
    }
    said.extend(visitors(&report.visitors));
    let refused = report.refused;
    if refused.connections > 0 {
        let parts = [
            (refused.known, "of known accounts"),
            (refused.one_candidate, "of one inferred account each"),
            (refused.several_candidates, "of one of several accounts"),
            (refused.nobody, "of nobody who was seen before"),
        ];
        let parts = parts
            .iter()
            .filter(|(part, _)| *part > 0)
            .map(|(part, whose)| format!("{} {whose}", number(*part)));
        said.push(format!(
            "{} refused: {}.",
            count(refused.connections, "connection"),
            parts.collect::<Vec<_>>().join(", ")
        ));
    }
    said
}

/// What is known from logs, and which floors that leaves open.
fn partial(report: &Report) -> Option<String> {
    let evidence = report.evidence;
    if evidence.partial == 0 {
        return None;
    }
    let without = evidence.no_hello + evidence.other + evidence.lost;
    let open = report.sunsets.iter().filter_map(|sunset| {
        let open = sunset.connections.unjudged.checked_sub(without)?;
        (open > 0).then(|| {
            format!(
                "{} by {}",
                percent(open, evidence.connections),
                sunset.floor
            )
        })
    });
    let open: Vec<String> = open.collect();
    let judged = if open.is_empty() {
        "that is enough to judge all of them".to_owned()
    } else {
        format!("too little to judge {}", open.join(", "))
    };
    Some(format!(
        "{} of connections ({}) are known by what was agreed on, without the client's whole offer: {judged}.",
        percent(evidence.partial, evidence.connections),
        number(evidence.partial)
    ))
}

fn visitors(visitors: &Visitors) -> Option<String> {
    if visitors.seen.is_empty() {
        return None;
    }
    let seen = visitors.seen.iter().map(|seen| {
        let kind = seen.visitor.name().replace('-', " ");
        format!(
            "{} of {kind}s with {}",
            count(seen.connections, "connection"),
            count(seen.requests, "request")
        )
    });
    let seen = seen.collect::<Vec<_>>().join(", ");
    Some(if visitors.included {
        format!("Included: {seen}.")
    } else {
        format!("Left out: {seen} (--visitors includes them).")
    })
}
