//! `sundown advise`: what a client must change, without a connection: by name, or by what it sends.

mod arguments;
mod list;
mod show;

use std::io::Write;
use std::process::ExitCode;

use advice::{Clues, Goal, Knowledge, Prospect, Runtime, Support};
use anyhow::bail;
use floor::Floor;
use hello::Version;
use serde::Serialize;

pub(crate) use arguments::AdviseArguments;

use crate::floors;

/// What is known of the client, and what it needs for one floor.
#[derive(Serialize)]
struct Report<'a> {
    client: Option<Runtime>,
    floor: &'a str,
    /// What the floor asks beside what runtimes are known by.
    also: Vec<&'static str>,
    needs: Vec<Need>,
}

/// One thing that the floor asks.
#[derive(Serialize)]
struct Need {
    what: String,
    #[serde(flatten)]
    prospect: Prospect,
}

pub(crate) fn run(arguments: &AdviseArguments) -> anyhow::Result<ExitCode> {
    let floor = floors::named(&arguments.floor)?;
    let typed = arguments.client.join(" ");
    if arguments.list {
        return list::run(&typed, floor, arguments.json);
    }
    let knowledge = Knowledge::embedded();
    let client = if typed.is_empty() {
        recognised(arguments)
    } else {
        Some(knowledge.look_up(&typed)?)
    };
    let needs = match &client {
        Some(client) => knowledge
            .prospects(client, floor, &arguments.url)
            .into_iter()
            .map(|(goal, prospect)| need(arguments, client, goal, prospect))
            .collect(),
        None => Vec::new(),
    };
    let report = Report {
        client,
        floor: floor.name(),
        also: also(floor),
        needs,
    };
    let mut out = anstream::stdout().lock();
    if arguments.json {
        serde_json::to_writer_pretty(&mut out, &report)?;
        writeln!(out)?;
    } else {
        show::show(&mut out, &report)?;
    }
    if report.client.is_none() {
        bail!(
            "none of this is known here; `sundown advise --list` shows what is, and a name will do: sundown advise java 7u25"
        );
    }
    let changes = report
        .needs
        .iter()
        .any(|need| need.prospect.support != Support::Default);
    Ok(ExitCode::from(u8::from(changes)))
}

/// Where it was seen what the client offers, a release that could and did not is held down by something.
fn need(arguments: &AdviseArguments, client: &Runtime, goal: Goal, mut prospect: Prospect) -> Need {
    let wanted = match goal {
        Goal::Tls12 => Some(Version::TLSV1_2),
        Goal::Tls13 => Some(Version::TLSV1_3),
        Goal::Pq => None,
    };
    if let Some((offered, wanted)) = arguments.offered().zip(wanted) {
        prospect.advice =
            Knowledge::embedded().advise(Some(client), offered, wanted, &arguments.url);
        // What was seen settles what else might have been.
        prospect.otherwise.clear();
        if offered >= wanted {
            prospect.support = Support::Default;
        } else if prospect.support == Support::Default {
            prospect.support = Support::OptIn;
        }
    }
    Need {
        what: goal.to_string(),
        prospect,
    }
}

fn recognised(arguments: &AdviseArguments) -> Option<Runtime> {
    Knowledge::embedded().recognise(&Clues {
        user_agent: arguments.user_agent.as_deref(),
        ja4: arguments.ja4.as_deref(),
        ja3: arguments.ja3.as_deref(),
        // Where nothing says what was offered, nothing shall be read out of it.
        max_protocol: arguments.offered().unwrap_or(Version::TLSV1_2),
    })
}

/// What a floor asks that no release is known by.
fn also(floor: &Floor) -> Vec<&'static str> {
    let groups = floor.limits_groups() && !Goal::of_floor(floor).contains(&Goal::Pq);
    [(floor.limits_suites(), "cipher suites"), (groups, "groups")]
        .into_iter()
        .filter_map(|(limits, what)| limits.then_some(what))
        .collect()
}
