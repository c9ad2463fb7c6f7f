//! A report of made-up traffic by a plan of one sunset, and its rows by account.

use report::model::Row;
use report::{Options, Report, report};

use super::memory::Memory;
use super::story::{at, plan};

pub(crate) const PLAN: &str = r#"
[[sunset]]
name = "old TLS"
floor = "tls1.2"
warn = "2016-09-01"
refuse = "2016-12-15"
"#;
pub(crate) const NOW: &str = "2016-10-31T12:00Z";

pub(crate) fn made(ledger: &Memory, plan_text: &str, options: &Options) -> Report {
    report(ledger, &plan(plan_text), at(NOW), options).expect("memory")
}

pub(crate) fn names(report: &Report) -> Vec<String> {
    let rows = report.sunsets[0].breaking.iter();
    rows.map(|row| {
        let who = serde_json::to_value(&row.who).expect("data");
        match (&who["id"], &who["candidates"]) {
            (serde_json::Value::String(id), _) => format!("{id} {}", row.who.attribution()),
            (_, serde_json::Value::Array(ids)) => format!("{} ambiguous", ids.len()),
            _ => "none".to_owned(),
        }
    })
    .collect()
}

pub(crate) fn row<'r>(report: &'r Report, id: &str) -> &'r Row {
    let mut rows = report.sunsets[0].breaking.iter();
    rows.find(|row| row.who.id().is_some_and(|found| **found == *id))
        .unwrap_or_else(|| panic!("no row for {id}: {:?}", names(report)))
}
