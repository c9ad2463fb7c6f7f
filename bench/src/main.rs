//! What one operation costs a server that terminates TLS: Sundown beside nginx and HAProxy.
//!
//! In: programs installed on this machine. Out: CPU time per operation and memory per idle connection of each, as
//! a table, as JSON and as `RESULTS.md`. It never leaves loopback, never judges (no figure here fails a test), and
//! ends every process it started.

mod certificates;
mod client;
mod gate;
mod h2load;
mod hello10;
mod load;
mod operation;
mod process;
mod refusal;
mod report;
mod server;
mod upstream;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::{Parser, Subcommand, ValueEnum as _};

use certificates::Certificates;
use client::Profile;
use operation::{Effort, Negotiated, Operation, Sample};
use process::{Seats, allow_files};
use report::{Report, Row, Setting};
use server::{Lab, Running, Server};

/// Measures what one operation costs Sundown, nginx and HAProxy.
#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// How often everything is measured
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    rounds: u16,
    /// Length of one measurement under load
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Only these operations
    #[arg(long, value_delimiter = ',')]
    only: Vec<Operation>,
    /// Only these servers: nginx, haproxy, sundown; unrecorded is sundown without a ledger and without output
    #[arg(long, value_delimiter = ',')]
    servers: Vec<String>,
    /// Connections at once under load
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    connections: u16,
    /// Connections held open to measure memory
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    idle: u16,
    /// The sundown binary; without it the others are measured alone
    #[arg(long)]
    sundown: Option<PathBuf>,
    /// Where configurations, keys and logs go
    #[arg(long, default_value = "bench/.work")]
    work: PathBuf,
    /// Write the tables to this file too
    #[arg(long)]
    results: Option<PathBuf>,
    /// Print JSON instead of tables
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measures what passing TLS through costs Sundown, HAProxy, nginx and Envoy
    Gate(gate::Arguments),
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if let Some(Command::Gate(arguments)) = &arguments.command {
        return gate::run(arguments);
    }
    ensure!(
        (0.05..=600.0).contains(&arguments.seconds),
        "--seconds takes 0.05 to 600"
    );
    // Before the runtime: threads and servers inherit both.
    let seats = Seats::take()?;
    allow_files(u64::from(arguments.idle.max(arguments.connections)) * 2 + 512)?;
    let report = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(run(&arguments, seats))?;
    if let Some(path) = &arguments.results {
        fs::write(path, report.markdown())
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        println!("{}", report.text());
    }
    Ok(())
}

async fn run(arguments: &Arguments, seats: Seats) -> Result<Report> {
    let effort = Effort {
        length: Duration::from_secs_f64(arguments.seconds),
        connections: arguments.connections.into(),
        idle: arguments.idle.into(),
    };
    let operations = if arguments.only.is_empty() {
        Operation::value_variants().to_vec()
    } else {
        arguments.only.clone()
    };
    let servers = chosen(arguments)?;
    let versions = servers
        .iter()
        .map(|server| Ok((server.name(), server.version()?)))
        .collect::<Result<Vec<_>>>()?;

    fs::create_dir_all(&arguments.work)
        .with_context(|| format!("cannot make {}", arguments.work.display()))?;
    let dir = arguments.work.canonicalize()?;
    let mut lab = Lab {
        certificates: Certificates::make(&dir.join("certificates"))?,
        dir,
        upstream: upstream::start().await?,
        answer: stand_in(),
        cpus: seats.server.to_string(),
        threads: 1,
        connections: 2 * effort.idle.max(effort.connections) + 256,
    };
    // Sundown's answer is its own; the others give the very same bytes.
    if let Some(sundown) = servers.iter().find(|server| server.name() == "sundown") {
        let running = Running::start(sundown.as_ref(), &lab)?;
        let (_, body) = Negotiated::with(sundown.as_ref(), &running, &lab, Profile::Tls13).await?;
        lab.answer = String::from_utf8(body).context("the /ssl/ answer is not text")?;
    }

    let mut profiles = Vec::new();
    for profile in operations
        .iter()
        .filter_map(|operation| operation.profile())
    {
        if !profiles.contains(&profile) {
            profiles.push(profile);
        }
    }
    let mut running = Vec::new();
    let mut negotiated = Vec::new();
    for server in &servers {
        let started = Running::start(server.as_ref(), &lab)?;
        for profile in &profiles {
            let (facts, _) = Negotiated::with(server.as_ref(), &started, &lab, *profile)
                .await
                .with_context(|| format!("{}, {profile:?}", server.name()))?;
            negotiated.push(facts);
        }
        running.push(started);
    }

    let mut samples: Vec<Vec<(&'static str, Vec<Sample>)>> = vec![
        servers
            .iter()
            .map(|server| (server.name(), Vec::new()))
            .collect();
        operations.len()
    ];
    for round in 0..usize::from(arguments.rounds) {
        progress(round + 1, arguments.rounds);
        for (operation, samples) in operations.iter().zip(&mut samples) {
            for turn in 0..servers.len() {
                // Who goes first changes, so that a slow second hits everyone in turn.
                let index = (round + turn) % servers.len();
                let (Some(server), Some(running), Some((name, samples))) = (
                    servers.get(index),
                    running.get(index),
                    samples.get_mut(index),
                ) else {
                    continue;
                };
                let fresh = operation
                    .wants_fresh_server()
                    .then(|| Running::start(server.as_ref(), &lab))
                    .transpose()?;
                let server = fresh.as_ref().unwrap_or(running);
                let sample = operation
                    .measure(server, effort)
                    .await
                    .with_context(|| format!("{name}, {}", operation.title()))?;
                samples.push(sample);
            }
        }
    }
    Ok(Report {
        setting: Setting::of(seats, effort, arguments.rounds.into(), versions)?,
        negotiated,
        rows: operations
            .iter()
            .zip(&samples)
            .map(|(operation, samples)| Row::new(*operation, samples))
            .collect(),
    })
}

fn chosen(arguments: &Arguments) -> Result<Vec<Box<dyn Server>>> {
    let mut servers = server::all(arguments.sundown.as_deref());
    for name in &arguments.servers {
        ensure!(
            servers.iter().any(|server| server.name() == name),
            "--servers {name}: unknown, or it is sundown and --sundown does not say where its binary is"
        );
    }
    if arguments.servers.is_empty() {
        // It says what sightings cost, and is measured beside sundown on request.
        servers.retain(|server| server.name() != "unrecorded");
    } else {
        servers.retain(|server| arguments.servers.iter().any(|name| name == server.name()));
    }
    Ok(servers)
}

/// As long as the answer of `/ssl/`, for runs without Sundown.
fn stand_in() -> String {
    format!(
        "{{\"protocol\":\"TLSv1.3\",\"filler\":\"{}\"}}\n",
        "x".repeat(1490)
    )
}

#[expect(clippy::print_stderr, reason = "standard output is for the result")]
fn progress(round: usize, rounds: u16) {
    eprintln!("round {round} of {rounds}");
}
