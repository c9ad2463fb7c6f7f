//! `sundown plan`: the plan as a calendar, its state on a date, or what is doubtful about it.

use std::io::Write;
use std::process::ExitCode;

use annotate_snippets::Renderer;
use edge::Clock;
use floor::{Brownout, Event, Measure, Plan, Severity, What};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use crate::cli::PlanArguments;
use crate::config::{self, Config, Problems};
use crate::table;

/// The plan can be used, but something about it is doubtful.
const DOUBTFUL: u8 = 1;

/// The key that decides shares is not needed to show a plan.
const NO_KEY: [u8; 16] = [0; 16];

pub(crate) fn run(arguments: &PlanArguments) -> anyhow::Result<ExitCode> {
    let Config { plan, source, .. } = config::load(arguments.config.as_deref(), NO_KEY)?;
    let now = arguments.as_of.unwrap_or_else(|| Clock::default().now());
    if arguments.check {
        return check(&plan, source, now, arguments.json);
    }
    let rows = match (arguments.at, arguments.windows) {
        (Some(at), _) => state(&plan, at),
        (None, true) => windows(&plan),
        (None, false) => calendar(&plan, now),
    };
    let mut out = std::io::stdout().lock();
    if arguments.json {
        serde_json::to_writer_pretty(&mut out, &rows.json)?;
        writeln!(out)?;
    } else {
        writeln!(out, "{}\n{}", rows.table, rows.below.join("\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The same rows, for people and for programs.
struct Rows {
    table: comfy_table::Table,
    below: Vec<String>,
    json: Vec<Value>,
}

fn calendar(plan: &Plan, now: Timestamp) -> Rows {
    let mut rows = Rows {
        table: table::new(["", "WHEN (UTC)", "SUNSET", "WHAT"]),
        below: Vec::new(),
        json: Vec::new(),
    };
    let events = plan.calendar();
    let current = events.iter().rposition(|event| event.at <= now);
    for (index, event) in events.iter().enumerate() {
        let what = what(event);
        let mark = if Some(index) == current { "now >" } else { "" };
        rows.table.add_row([
            mark,
            &when(event.at),
            sunset_name(plan, event.sunset),
            &what,
        ]);
        rows.json.push(json!({ "at": event.at, "sunset": event.sunset.map(|_| sunset_name(plan, event.sunset)), "what": what, "past": event.at <= now }));
    }
    for sunset in &plan.sunsets {
        rows.below
            .push(format!("{} needs {}.", sunset.name, sunset.floor.name()));
    }
    rows
}

fn what(event: &Event<'_>) -> String {
    match event.what {
        What::Phase(phase) => phase.to_string(),
        What::Brownout { run, windows } => brownout(run, windows),
        What::BrownoutEnds => "brownouts end".to_owned(),
        What::ExceptionEnds(exception) => format!(
            "exception for {} ends ({}: {})",
            whom(exception),
            exception.owner,
            exception.reason
        ),
        What::Preview(preview) => format!("the day that {} shows", preview.sni),
    }
}

fn brownout(run: &Brownout, windows: u64) -> String {
    let measure = match run.measure {
        Measure::Explain => "explain",
        Measure::Refuse => "refuse",
    };
    let share = match run.share.get() {
        share if share < 1.0 => format!(" for {:.0} % of accounts", share * 100.0),
        _ => String::new(),
    };
    let plural = if windows == 1 { "" } else { "s" };
    format!(
        "brownouts: {windows} window{plural} of {:#}, {measure}{share}",
        run.length
    )
}

fn whom(exception: &floor::Exception) -> String {
    let places = [
        exception.account.clone(),
        exception.address.as_ref().map(ToString::to_string),
        exception.sni.clone(),
    ];
    places.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn windows(plan: &Plan) -> Rows {
    let mut rows = Rows {
        table: table::new(["OPENS (UTC)", "CLOSES (UTC)", "SUNSET", "AS"]),
        below: Vec::new(),
        json: Vec::new(),
    };
    for sunset in &plan.sunsets {
        for run in &sunset.brownouts {
            for window in run.windows() {
                let measure = if run.measure == Measure::Refuse {
                    "refuse"
                } else {
                    "explain"
                };
                rows.table.add_row([
                    &when(window.start),
                    &when(window.end),
                    sunset.name.as_str(),
                    measure,
                ]);
                rows.json.push(json!({ "start": window.start, "end": window.end, "sunset": sunset.name, "as": measure, "share": run.share.get() }));
            }
        }
    }
    if rows.json.is_empty() {
        rows.below.push("This plan has no brownouts.".to_owned());
    }
    rows
}

fn state(plan: &Plan, at: Timestamp) -> Rows {
    let mut rows = Rows {
        table: table::new(["SUNSET", "FLOOR", "PHASE", "NEXT", "EXCEPTIONS IN FORCE"]),
        below: Vec::new(),
        json: Vec::new(),
    };
    for state in plan.state(at) {
        let Some(sunset) = plan.sunsets.get(state.sunset) else {
            continue;
        };
        let phase = state
            .phase
            .map_or_else(|| "not begun".to_owned(), |phase| phase.to_string());
        let next = state.next.map_or_else(
            || "no change planned".to_owned(),
            |change| format!("{} from {}", change.phase, when(change.at)),
        );
        let exceptions: Vec<String> = state
            .exceptions
            .iter()
            .filter_map(|index| plan.exceptions.get(*index))
            .map(whom)
            .collect();
        rows.table.add_row([
            sunset.name.as_str(),
            sunset.floor.name(),
            &phase,
            &next,
            &exceptions.join("; "),
        ]);
        if let Some(until) = state.handshakes_until {
            rows.below.push(format!(
                "{}: account exceptions keep handshakes below the floor alive as far as the first request, until {}.",
                sunset.name,
                when(until)
            ));
        }
        rows.json.push(json!({
            "at": at, "sunset": sunset.name, "floor": sunset.floor.name(), "phase": state.phase,
            "window": state.window.map(|window| json!({ "start": window.start, "end": window.end })),
            "next": state.next.map(|change| json!({ "phase": change.phase, "at": change.at })),
            "exceptions": exceptions, "handshakes_until": state.handshakes_until,
        }));
    }
    rows
}

#[derive(Serialize)]
struct Doubt<'a> {
    key: &'a str,
    message: &'a str,
    help: &'a str,
    severity: &'static str,
}

fn check(
    plan: &Plan,
    source: config::Source,
    now: Timestamp,
    as_json: bool,
) -> anyhow::Result<ExitCode> {
    let problems = plan.check(now);
    let verdict = if problems.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(DOUBTFUL)
    };
    if as_json {
        let doubts = problems.iter().map(|problem| Doubt {
            key: &problem.key,
            message: &problem.message,
            help: &problem.help,
            severity: if problem.severity == Severity::Error {
                "error"
            } else {
                "warning"
            },
        });
        let mut out = std::io::stdout().lock();
        serde_json::to_writer_pretty(&mut out, &doubts.collect::<Vec<_>>())?;
        writeln!(out)?;
        return Ok(verdict);
    }
    let mut out = anstream::stdout().lock();
    let name = source.name();
    match problems.len() {
        0 => writeln!(out, "{name}: nothing is doubtful.")?,
        count => writeln!(
            out,
            "{}\n\n{name}: the plan can be used; {count} doubtful.",
            Problems { source, problems }.render(&Renderer::styled())
        )?,
    }
    Ok(verdict)
}

fn sunset_name(plan: &Plan, sunset: Option<usize>) -> &str {
    sunset
        .and_then(|index| plan.sunsets.get(index))
        .map_or("", |sunset| &sunset.name)
}

/// A date where the time is midnight, else date and time.
fn when(at: Timestamp) -> String {
    let text = at.strftime("%Y-%m-%d %H:%M").to_string();
    text.strip_suffix(" 00:00")
        .map(str::to_owned)
        .unwrap_or(text)
}
