//! CSV (RFC 4180): a row for each account and sunset that it misses.

use std::io::{self, Write};

use crate::model::{Program, Report, Row, SunsetReport};
use crate::safe::cell;
use crate::words;

const HEAD: [&str; 29] = [
    "sunset",
    "floor",
    "account",
    "attribution",
    "attribution_age_seconds",
    "would_break",
    "state",
    "first_seen",
    "last_seen",
    "days_since_last_seen",
    "requests_a_day",
    "requests",
    "connections",
    "refused_connections",
    "share_of_own_requests",
    "share_of_own_connections",
    "addresses",
    "more_addresses",
    "programs",
    "more_programs",
    "user_agent",
    "ja4",
    "lacks",
    "fix",
    "change",
    "verify",
    "exception_until",
    "exception_owner",
    "exception_reason",
];

/// Addresses and programs in one cell; the number of the others stands beside it.
const MOST_IN_A_CELL: usize = 10;

/// Writes the rows. Moments are RFC 3339; several values in one cell are separated by ` | `; candidates by ` or `.
///
/// # Errors
///
/// When it cannot be written.
pub fn csv(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(out);
    // Made-up rows say so in a column of their own, the last: a line before the head would be read as the head.
    let demo = report.demo.as_deref();
    writer.write_record(HEAD.into_iter().chain(demo.map(|_| "demo")))?;
    for sunset in &report.sunsets {
        for row in &sunset.breaking {
            let record = record(sunset, row);
            let fields = record.iter().map(String::as_str).chain(demo);
            writer.write_record(fields.map(cell))?;
        }
    }
    writer.flush()
}

fn record(sunset: &SunsetReport, row: &Row) -> [String; HEAD.len()] {
    let (addresses, more_addresses) = row.addresses.first(MOST_IN_A_CELL);
    let (programs, more_programs) = row.programs.first(MOST_IN_A_CELL);
    let main = programs.first();
    let of_main = |part: fn(&Program) -> Option<String>| main.and_then(part).unwrap_or_default();
    let of_exceptions = |part: fn(&crate::model::InForce) -> String| {
        row.exceptions
            .iter()
            .map(part)
            .collect::<Vec<_>>()
            .join(" | ")
    };
    let addresses = addresses
        .iter()
        .filter_map(|one| Some(one.address?.to_string()));
    let who = words::who(&row.who);
    [
        sunset.sunset.clone().unwrap_or_default(),
        sunset.floor.clone(),
        match row.who.id() {
            Some(id) => id.to_string(),
            None if row.who.attribution() == "none" => String::new(),
            None => who.trim_end_matches(" (inferred)").to_owned(),
        },
        row.who.attribution().to_owned(),
        row.age_seconds
            .map(|age| age.to_string())
            .unwrap_or_default(),
        row.breaks.to_string(),
        row.state.name().to_owned(),
        row.misses.first.to_string(),
        row.misses.last.to_string(),
        row.days_since.to_string(),
        format!("{:.2}", row.requests_a_day),
        row.misses.requests.to_string(),
        row.misses.connections.to_string(),
        row.misses.refused.to_string(),
        format!("{:.4}", words::share(row.misses.requests, row.all.requests)),
        format!(
            "{:.4}",
            words::share(row.misses.connections, row.all.connections)
        ),
        addresses.collect::<Vec<_>>().join(" | "),
        more_addresses.to_string(),
        programs
            .iter()
            .map(words::program)
            .collect::<Vec<_>>()
            .join(" | "),
        more_programs.to_string(),
        of_main(|program| Some(program.user_agents.items.first()?.to_string())),
        of_main(|program| program.ja4.items.first().cloned()),
        of_main(|program| Some(words::lacks(&program.shortfalls))),
        of_main(|program| Some(program.advice.as_ref()?.summary.clone())),
        of_main(|program| program.advice.as_ref()?.snippet.clone()),
        of_main(|program| Some(program.advice.as_ref()?.verify.clone())),
        of_exceptions(|exception| exception.until.to_string()),
        of_exceptions(|exception| exception.owner.clone()),
        of_exceptions(|exception| exception.reason.clone()),
    ]
}
