//! `sundown doctor`: every runtime on this machine, what it offers, and what it negotiates with a server.
//!
//! In: this machine, and perhaps a URL. Out: a table and an exit code. Nothing on the machine is changed; whatever a
//! program does (hangs, prints without end, crashes) costs its own row and no more.

mod arguments;
mod examine;
mod find;
mod judge;
mod kind;
mod kinds;
mod overrides;
mod places;
mod proxy;
mod relay;
mod report;
mod route;
mod run;
mod said;
mod show;
mod wire;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use std::io::Write;

use anyhow::{Context, bail};
use floor::Floor;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio::time::Instant;

pub(crate) use arguments::DoctorArguments;

use crate::check::target::Target;
use crate::floors;
use examine::{Finding, Questions, Server, examine};
use find::{Found, MOST_PROGRAMS, Program};
use kind::KINDS;
use overrides::Variables;
use report::{Entry, Overall, Report};
use route::{REACH, Route};

/// A runtime misses a floor, or is refused.
const BAD: u8 = 1;
/// Nothing could be told.
const UNKNOWN: u8 = 2;
/// The floors that are shown where none is named; the first of them decides.
const FLOORS: [&str; 3] = ["tls1.2", "tls1.3", "pq"];
/// The path that is asked for where the URL has none.
const SSL: &str = "/ssl/";
/// The address in the commands that prove a fix, where no server was named.
const EXAMPLE: &str = "https://api.example.com/ssl/";
/// Runtimes that are asked at once, however many processors there are: a machine is to stay usable.
const MOST_AT_ONCE: usize = 8;

pub(crate) fn run(arguments: &DoctorArguments) -> anyhow::Result<ExitCode> {
    let names: Vec<&str> = match arguments.floor.is_empty() {
        true => FLOORS.to_vec(),
        false => arguments.floor.iter().map(String::as_str).collect(),
    };
    let floors = names
        .into_iter()
        .map(floors::named)
        .collect::<anyhow::Result<Vec<_>>>()?;
    let decided_by: Vec<&'static str> = match arguments.floor.is_empty() {
        true => floors.iter().take(1).map(|floor| floor.name()).collect(),
        false => floors.iter().map(|floor| floor.name()).collect(),
    };
    let variables: Variables = std::env::vars_os()
        .map(|(name, value)| {
            (
                name.to_string_lossy().into_owned(),
                value.to_string_lossy().into_owned(),
            )
        })
        .collect();
    let mut notes = Vec::new();
    let questions = questions(arguments, &variables, &mut notes)?;
    let found = find(arguments)?;
    if found.more {
        notes.push(format!(
            "There are more than {MOST_PROGRAMS} runtimes; --in and --only name the others."
        ));
    }
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let asked = runtime.block_on(interruptible(ask(found.programs, questions.clone())));
    // A name that is still being looked up must not keep the report waiting.
    runtime.shutdown_background();
    let report = report(asked?, &questions, &floors, decided_by, &variables, notes);
    if arguments.json {
        let mut out = std::io::stdout().lock();
        serde_json::to_writer_pretty(&mut out, &report)?;
        writeln!(out)?;
    } else {
        show::show(&mut anstream::stdout().lock(), &report)?;
    }
    Ok(match report.verdict {
        Overall::Meets => ExitCode::SUCCESS,
        Overall::Misses => ExitCode::from(BAD),
        Overall::Unknown => ExitCode::from(UNKNOWN),
    })
}

/// What is asked of each, out of what was typed.
fn questions(
    arguments: &DoctorArguments,
    variables: &Variables,
    notes: &mut Vec<String>,
) -> anyhow::Result<Questions> {
    let ca =
        match &arguments.ca {
            // Each runs in a directory of its own.
            Some(file) => Some(file.canonicalize().with_context(|| {
                format!("cannot read {}; --ca takes a PEM file", file.display())
            })?),
            None => None,
        };
    let server = match &arguments.url {
        None => None,
        Some(url) => {
            let target = Target::parse(url)?;
            let path = target.path.clone().unwrap_or_else(|| SSL.to_owned());
            let proxy = proxy::for_server(|name| variables.get(name).cloned(), &target)
                .unwrap_or_else(|why| {
                    notes.push(why);
                    None
                });
            if let Some(proxy) = &proxy {
                notes.push(format!(
                    "All of them went through the proxy {proxy}, as {} says.",
                    proxy.variable
                ));
            }
            Some(Server {
                url: target.url(&path),
                path,
                route: Arc::new(Route { target, proxy }),
            })
        }
    };
    Ok(Questions {
        server,
        ca,
        limit: Duration::from_secs(arguments.timeout.into()),
    })
}

fn find(arguments: &DoctorArguments) -> anyhow::Result<Found> {
    let wanted = match arguments.only.is_empty() {
        true => &KINDS[..],
        false => &arguments.only,
    };
    for place in &arguments.places {
        if !place.exists() {
            bail!(
                "{} is not there; --in takes a program or a directory",
                place.display()
            );
        }
    }
    let places = match arguments.places.is_empty() {
        true => find::usual(|name| std::env::var_os(name).map(PathBuf::from)),
        false => absolute(&arguments.places)?,
    };
    let found = find::programs(&places, wanted);
    if found.programs.is_empty() {
        let kinds: Vec<&str> = wanted.iter().map(|kind| kind.name).collect();
        bail!(
            "none of these is in {} places: {}; --in names a program or a directory to look at",
            places.len(),
            kinds.join(", ")
        );
    }
    Ok(found)
}

/// Each is run in a directory of its own.
fn absolute(places: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    places
        .iter()
        .map(|place| {
            std::path::absolute(place).with_context(|| format!("{} is no path", place.display()))
        })
        .collect()
}

/// Ends everything that was started when the user has had enough: what is dropped is ended and removed.
async fn interruptible<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        done = work => done,
        _ = interrupt.recv() => bail!("interrupted"),
        _ = terminate.recv() => bail!("ended by SIGTERM"),
    }
}

/// Asks all of them, several at once, in the order in which they were found.
async fn ask(programs: Vec<Program>, questions: Questions) -> anyhow::Result<Vec<Finding>> {
    if let Some(server) = &questions.server {
        // Once, instead of as many times as there are runtimes.
        server.route.connect(Instant::now() + REACH).await?;
    }
    let at_once = std::thread::available_parallelism().map_or(2, usize::from);
    let at_once = at_once.clamp(2, MOST_AT_ONCE);
    let bar = ProgressBar::new(u64::try_from(programs.len()).unwrap_or(u64::MAX));
    bar.set_style(ProgressStyle::with_template(
        "{spinner} asked {pos} of {len}  {wide_msg}",
    )?);
    bar.enable_steady_tick(Duration::from_millis(100));
    let mut waiting = programs.into_iter().enumerate();
    let mut working = JoinSet::new();
    let mut findings = Vec::new();
    loop {
        while working.len() < at_once
            && let Some((index, program)) = waiting.next()
        {
            bar.set_message(program.path.display().to_string());
            let questions = questions.clone();
            working.spawn(async move { (index, examine(program, &questions).await) });
        }
        let Some(done) = working.join_next().await else {
            break;
        };
        bar.inc(1);
        findings.push(done?);
    }
    bar.finish_and_clear();
    findings.sort_by_key(|(index, _)| *index);
    Ok(findings.into_iter().map(|(_, finding)| finding).collect())
}

fn report(
    findings: Vec<Finding>,
    questions: &Questions,
    floors: &[&'static Floor],
    decided_by: Vec<&'static str>,
    variables: &Variables,
    notes: Vec<String>,
) -> Report {
    let url = questions.server.as_ref().map(|server| server.url.clone());
    let configs: Vec<PathBuf> = findings
        .iter()
        .filter_map(|finding| finding.about.as_ref()?.config.clone())
        .collect();
    let javas: Vec<PathBuf> = findings
        .iter()
        .filter(|finding| finding.program.kind.id == "java")
        .filter_map(|finding| kinds::java::home(&finding.program.path))
        .collect();
    let overrides = overrides::all(variables, &configs, &javas);
    let check_url = url.as_deref().unwrap_or(EXAMPLE);
    let runtimes: Vec<Entry> = findings
        .into_iter()
        .map(|finding| Entry::new(finding, floors, check_url))
        .collect();
    Report {
        verdict: report::overall(&runtimes, &decided_by),
        url,
        decided_by,
        runtimes,
        overrides,
        notes,
    }
}
