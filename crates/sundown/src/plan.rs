//! `sundown plan`: the plan as a calendar, its state on a date, or what is doubtful about it.

mod check;
mod data;
mod facts;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use accounts::Secret;
use anyhow::{Context, anyhow};
use audit::Holds;
use edge::Clock;
use floor::{Brownout, Event, Exception, Floor, Hold, Plan, What};

pub(crate) use facts::{exception_in_words, facts, hex};
use jiff::Timestamp;
use serde::Serialize;

use crate::cli::PlanArguments;
use crate::config::{self, Config};
use crate::serve;
use crate::table;
use crate::words::{NO_CHANGE, NOT_BEGUN, change, when};

/// The key that decides shares is not needed to show a plan.
const NO_KEY: [u8; 16] = [0; 16];

pub(crate) fn run(arguments: &PlanArguments) -> anyhow::Result<ExitCode> {
    let Config {
        mut plan,
        source,
        settings,
        gates,
        ..
    } = config::load(arguments.config.as_deref(), NO_KEY)?;
    let now = arguments.as_of.unwrap_or_else(|| Clock::default().now());
    match Holds::of(&arguments.data_dir).read() {
        Ok(holds) => plan.hold(holds),
        Err(error) => config::warn(&format!(
            "what is on hold is not known: {:#}",
            anyhow!(error)
        )),
    }
    if !plan.cohorts.is_empty() {
        plan.take_roster(Arc::new(serve::roster(&arguments.data_dir, now)));
    }
    if arguments.check {
        check::run(&plan, &settings, &gates, source, now, arguments.json)?;
        return Ok(ExitCode::SUCCESS);
    }
    if arguments.ics {
        write!(std::io::stdout().lock(), "{}", edge::icalendar(&plan))?;
        return Ok(ExitCode::SUCCESS);
    }
    let json = arguments.json;
    match (arguments.at, arguments.windows) {
        (Some(at), _) if json => write_json(&data::state(&plan, at))?,
        (None, true) if json => write_json(&data::windows(&plan))?,
        (None, false) if json => write_json(&data::calendar(&plan, now))?,
        (Some(at), _) => state(&plan, at).write()?,
        (None, true) => windows(&plan).write()?,
        (None, false) => calendar(&plan, now).write()?,
    }
    Ok(ExitCode::SUCCESS)
}

fn write_json(value: &impl Serialize) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, value)?;
    writeln!(out)?;
    Ok(())
}

/// A table, and what is said below it.
struct Page {
    table: comfy_table::Table,
    below: Vec<String>,
}

impl Page {
    fn new<const N: usize>(head: [&str; N]) -> Self {
        Self {
            table: table::new(head),
            below: Vec::new(),
        }
    }

    fn write(&self) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", self.table)?;
        if !self.below.is_empty() {
            writeln!(out, "\n{}", self.below.join("\n"))?;
        }
        Ok(())
    }
}

fn calendar(plan: &Plan, now: Timestamp) -> Page {
    let mut page = Page::new(["", "WHEN (UTC)", "SUNSET", "WHAT"]);
    let events = plan.calendar();
    let current = events.iter().rposition(|event| event.at <= now);
    for (index, event) in events.iter().enumerate() {
        let mark = if Some(index) == current { "now >" } else { "" };
        page.table.add_row([
            mark,
            &when(event.at),
            sunset_name(plan, event).unwrap_or_default(),
            &what(event),
        ]);
    }
    for sunset in &plan.sunsets {
        let floor = sunset.floor.name();
        let shown = match Floor::named(floor) {
            Some(_) => format!(" (`sundown floors {floor}` prints it)"),
            None => String::new(),
        };
        page.below
            .push(format!("Floor of {}: {floor}{shown}", sunset.name));
    }
    page.below.extend(cohorts(plan));
    page.below.extend(plan.holds().iter().map(on_hold));
    page
}

fn sunset_name<'a>(plan: &'a Plan, event: &Event<'_>) -> Option<&'a str> {
    let sunset = plan.sunsets.get(event.sunset?)?;
    Some(&sunset.name)
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
    let share = match run.share.get() {
        share if share < 1.0 => format!(" for {:.0} % of accounts", share * 100.0),
        _ => String::new(),
    };
    let plural = if windows == 1 { "" } else { "s" };
    format!(
        "brownouts: {windows} window{plural} of {:#}, {}{share}",
        run.length, run.measure
    )
}

fn whom(exception: &Exception) -> String {
    let places = [
        exception.account.clone(),
        exception.address.as_ref().map(ToString::to_string),
        exception.sni.clone(),
    ];
    places.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn windows(plan: &Plan) -> Page {
    let mut page = Page::new(["OPENS (UTC)", "CLOSES (UTC)", "SUNSET", "AS"]);
    for sunset in &plan.sunsets {
        for run in &sunset.brownouts {
            for window in run.windows() {
                page.table.add_row([
                    &when(window.start),
                    &when(window.end),
                    sunset.name.as_str(),
                    &run.measure.to_string(),
                ]);
            }
        }
    }
    if page.table.is_empty() {
        page.below.push("This plan has no brownouts.".to_owned());
    }
    page
}

fn state(plan: &Plan, at: Timestamp) -> Page {
    let mut page = Page::new(["SUNSET", "FLOOR", "PHASE", "NEXT", "EXCEPTIONS IN FORCE"]);
    for (sunset, state) in plan.sunsets.iter().zip(plan.state(at)) {
        let mut phase = state
            .phase
            .map_or_else(|| NOT_BEGUN.to_owned(), |phase| phase.to_string());
        if state.held {
            phase = match state.planned {
                Some(planned) => format!("on hold ({planned} by plan)"),
                None => format!("{phase}, on hold"),
            };
        }
        let next = state
            .next
            .map_or_else(|| NO_CHANGE.to_owned(), |next| change(next.phase, next.at));
        let exceptions: Vec<String> = state
            .exceptions
            .iter()
            .filter_map(|index| plan.exceptions.get(*index))
            .map(whom)
            .collect();
        page.table.add_row([
            sunset.name.as_str(),
            sunset.floor.name(),
            &phase,
            &next,
            &exceptions.join("; "),
        ]);
        if let Some(until) = state.handshakes_until {
            page.below.push(format!(
                "{}: account exceptions keep handshakes below the floor alive as far as the first request, until {}.",
                sunset.name,
                when(until)
            ));
        }
        if state.handshakes_of_strangers {
            page.below.push(format!(
                "{}: it is for a cohort, so handshakes below the floor of clients not yet known stay alive as far as the first request.",
                sunset.name
            ));
        }
    }
    page.below.extend(cohorts(plan));
    page.below.extend(plan.holds().iter().map(on_hold));
    page
}

/// Whom each sunset for a cohort is for.
fn cohorts(plan: &Plan) -> impl Iterator<Item = String> {
    plan.sunsets.iter().filter_map(|sunset| {
        let cohort = plan.cohort_of(sunset)?;
        let members = match plan.members(cohort).count() {
            0 => "nobody known is in it".to_owned(),
            1 => "1 known account is in it".to_owned(),
            count => format!("{count} known accounts are in it"),
        };
        Some(format!(
            "{} is for the cohort {} only: {members}.",
            sunset.name, cohort.name
        ))
    })
}

/// A hold in words.
pub(crate) fn on_hold(hold: &Hold) -> String {
    format!(
        "On hold since {} by {}: {} ({})",
        when(hold.at),
        hold.by,
        hold.sunset.as_deref().unwrap_or("everything"),
        hold.reason
    )
}

/// The key by which accounts fall into a brownout's share. Where the edge has made none yet, nobody was ever judged by it.
pub(crate) fn share_key(directory: &Path) -> anyhow::Result<[u8; 16]> {
    if !directory.join("secret.key").exists() {
        return Ok([0; 16]);
    }
    let secret = Secret::open(directory).with_context(|| {
        format!(
            "cannot read the key of brownout shares in {}",
            directory.display()
        )
    })?;
    Ok(secret.share)
}
