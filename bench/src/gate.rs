//! What passing TLS through costs: Sundown's gate beside HAProxy, nginx and Envoy, in one run.
//!
//! In: programs installed on this machine. Out: CPU time per connection and per byte, memory per connection, and how
//! long others wait, as a table, as JSON, as `GATE.md` and as two pictures. Like its parent it never leaves loopback and
//! judges nobody.

mod bulk;
mod callers;
mod open;
mod picture;
mod recording;
mod report;
mod service;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::Args;

use crate::certificates::Certificates;
use crate::process::{self, Seats, allow_files};
use crate::server::{Lab, Running, Server, passing};
use bulk::download;
use callers::{Purpose, drive};
use recording::Recording;
use report::Table;
use service::Service;

/// `bench/gate` says what this is for.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// How often everything is measured
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=1000))]
    rounds: u16,
    /// Length of one measurement
    #[arg(long, default_value_t = 1.2)]
    seconds: f64,
    /// Only these: pass, refuse, bulk, idle, delay, threads
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Only these servers: haproxy, haproxy-tuned, nginx, envoy, sundown, sundown-lines
    #[arg(long, value_delimiter = ',')]
    servers: Vec<String>,
    /// Connections held open to measure memory, and the most that others wait beside; as many of them as the hard limit on
    /// open files lets a proxy have
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u16).range(1..=30_000))]
    open: u16,
    /// The sundown binary
    #[arg(long)]
    sundown: PathBuf,
    /// The envoy binary; without it the others are measured
    #[arg(long)]
    envoy: Option<PathBuf>,
    /// Where configurations and logs go
    #[arg(long, default_value = "bench/.work")]
    work: PathBuf,
    /// Write the tables to this file, and the pictures beside it
    #[arg(long)]
    results: Option<PathBuf>,
    /// Print JSON instead of tables
    #[arg(long)]
    json: bool,
}

/// Connections at once where nothing else is said.
const USUAL: usize = 64;
/// Connections that are held open, before the most.
const SOME: usize = 2000;
/// Files of a proxy that are no connection's: HAProxy keeps some for its pipes.
const FILES: u64 = 400;

impl Arguments {
    fn wants(&self, what: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == what)
    }

    /// How many connections may be held open: each takes a proxy two files.
    fn most_open(&self) -> usize {
        let files = process::most_files().unwrap_or(u64::MAX);
        let most = usize::try_from(files.saturating_sub(FILES) / 2).unwrap_or(usize::MAX);
        usize::from(self.open).min(most)
    }

    /// So many connections, where the most are not fewer, and the most.
    fn up_to_most<const N: usize>(&self, some: [usize; N]) -> impl Iterator<Item = usize> + use<N> {
        let most = self.most_open();
        some.into_iter()
            .filter(move |some| *some < most)
            .chain([most])
    }
}

/// Whether a server is another one with other options: what it costs is measured, how it grows is not.
fn is_variant(server: &str) -> bool {
    matches!(server, "haproxy-tuned" | "sundown-lines")
}

/// Everything that stays the same over a run.
struct Rig {
    servers: Vec<Box<dyn Server>>,
    labs: Vec<Lab>,
    recording: Arc<Recording>,
    service: Service,
    seats: Seats,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    ensure!(
        (0.05..=600.0).contains(&arguments.seconds),
        "--seconds takes 0.05 to 600"
    );
    // Before any thread: threads and servers inherit both.
    let seats = Seats::take()?;
    allow_files(arguments.most_open() as u64 * 2 + FILES)?;
    let rig = Rig::new(arguments, seats)?;
    let mut table = Table::new(rig.servers.iter().map(|server| server.name()).collect());
    {
        let running = rig.start(&rig.labs)?;
        for (server, running) in rig.servers.iter().zip(&running) {
            bulk::check(running.address, &rig.recording).with_context(|| server.name())?;
        }
        for round in 0..usize::from(arguments.rounds) {
            progress(round + 1, arguments.rounds);
            for index in rig.turns(round) {
                if let Some(running) = running.get(index) {
                    rig.measure(arguments, running, index, &mut table)
                        .with_context(|| table.server(index))?;
                }
            }
        }
    }
    if arguments.wants("idle") {
        rig.idle(arguments, &mut table)?;
    }
    if arguments.wants("threads") {
        rig.threads(arguments, &mut table)?;
    }
    let setting = report::Setting::of(
        seats,
        arguments.rounds.into(),
        arguments.seconds,
        arguments.most_open(),
        rig.servers
            .iter()
            .map(|server| Ok((server.name(), server.version()?)))
            .collect::<Result<_>>()?,
        rig.recording.describe(),
    )?;
    let report = report::Report { setting, table };
    if let Some(path) = &arguments.results {
        let write = |path: PathBuf, text: String| {
            fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
        };
        write(path.clone(), report.markdown())?;
        write(
            path.with_file_name("gate-costs.svg"),
            picture::costs(&report.table),
        )?;
        write(
            path.with_file_name("gate-growth.svg"),
            picture::growth(&report.table),
        )?;
    }
    report.print(arguments.json)
}

impl Rig {
    fn new(arguments: &Arguments, seats: Seats) -> Result<Self> {
        let mut servers = passing(&arguments.sundown, arguments.envoy.as_deref());
        for name in &arguments.servers {
            ensure!(
                servers.iter().any(|server| server.name() == name),
                "--servers {name}: unknown, or it is envoy and --envoy does not say where its binary is"
            );
        }
        if !arguments.servers.is_empty() {
            servers.retain(|server| arguments.servers.iter().any(|name| name == server.name()));
        }
        let dir = arguments.work.join("gate");
        fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        let dir = dir.canonicalize()?;
        let certificates = Certificates::make(&dir.join("certificates"))?;
        let recording = Arc::new(Recording::make(&certificates)?);
        // One more, that is asked without a proxy.
        let service = Service::start(recording.clone(), servers.len() + 1)?;
        let labs = service
            .addresses
            .iter()
            .take(servers.len())
            .map(|upstream| Lab {
                dir: dir.clone(),
                certificates: certificates.clone(),
                upstream: *upstream,
                answer: String::new(),
                cpus: seats.server.to_string(),
                threads: 1,
                connections: arguments.most_open() + 60,
            })
            .collect();
        Ok(Self {
            servers,
            labs,
            recording,
            service,
            seats,
        })
    }

    fn start(&self, labs: &[Lab]) -> Result<Vec<Running>> {
        self.servers
            .iter()
            .zip(labs)
            .map(|(server, lab)| Running::start(server.as_ref(), lab))
            .collect()
    }

    /// Who goes first changes, so that a slow second hits everyone in turn.
    fn turns(&self, round: usize) -> impl Iterator<Item = usize> + use<> {
        let count = self.servers.len();
        (0..count).map(move |turn| (round + turn) % count)
    }

    fn measure(
        &self,
        arguments: &Arguments,
        server: &Running,
        index: usize,
        table: &mut Table,
    ) -> Result<()> {
        let length = Duration::from_secs_f64(arguments.seconds);
        let recording = &self.recording;
        if arguments.wants("pass") {
            for connections in [1, USUAL, 1000] {
                let cost = drive(server, recording, Purpose::Pass, connections, length)?;
                let goal = (connections == USUAL).then_some(0.85);
                let title = format!("pass a connection, {connections} at once");
                table.add(&title, "µs", goal, index, cost.microseconds);
            }
        }
        // There is no rule for versions in Envoy: it would pass them.
        if arguments.wants("refuse") && table.server(index) != "envoy" {
            let cost = drive(server, recording, Purpose::Refused, USUAL, length)?;
            table.add(
                "refuse a TLS 1.0 hello",
                "µs",
                Some(0.7),
                index,
                cost.microseconds,
            );
            table.told(index, cost);
        }
        if arguments.wants("bulk") {
            let moved = download(server, recording, length)?;
            table.add(
                "download, CPU time",
                "s/GB",
                Some(0.7),
                index,
                moved.seconds_per_gigabyte,
            );
            table.add(
                "download, throughput",
                "MB/s",
                None,
                index,
                moved.megabytes_per_second,
            );
        }
        if arguments.wants("delay") && !is_variant(table.server(index)) {
            let direct = self.service.addresses.last().copied();
            let direct = direct.context("the service has an address without a proxy")?;
            for open in arguments.up_to_most([1, 100, SOME]) {
                let through = open::delay(server.address, recording, open, length)?;
                // The way without a proxy at the same moment, beside as many connections.
                let straight = open::delay(direct, recording, open, length / 2)?;
                for (what, through, straight) in [
                    ("opening", through.opening, straight.opening),
                    ("exchange", through.exchange, straight.exchange),
                ] {
                    for (share, through, straight) in [
                        ("p50", through.p50, straight.p50),
                        ("p99", through.p99, straight.p99),
                    ] {
                        let title = format!("added to an {what}, {share}, {open} open");
                        table.add(&title, "µs", Some(1.0), index, through - straight);
                    }
                }
            }
        }
        Ok(())
    }

    /// Memory, on servers that nobody used before: memory once taken is rarely given back.
    fn idle(&self, arguments: &Arguments, table: &mut Table) -> Result<()> {
        for round in 0..usize::from(arguments.rounds).min(2) {
            for (open, index) in arguments
                .up_to_most([SOME])
                .flat_map(|open| self.turns(round).map(move |index| (open, index)))
            {
                let (Some(server), Some(lab)) = (self.servers.get(index), self.labs.get(index))
                else {
                    continue;
                };
                let running = Running::start(server.as_ref(), lab)?;
                let kibibytes =
                    open::memory(&running, &self.recording, open).with_context(|| server.name())?;
                let title = format!("memory of an open connection, {open} open");
                table.add(&title, "KiB", None, index, kibibytes);
            }
        }
        Ok(())
    }

    /// The same load for one thread and for two, on both CPUs, which the load then shares.
    fn threads(&self, arguments: &Arguments, table: &mut Table) -> Result<()> {
        let length = Duration::from_secs_f64(arguments.seconds);
        for round in 0..usize::from(arguments.rounds).min(3) {
            for threads in [1, 2] {
                for index in self.turns(round) {
                    let (Some(server), Some(lab)) = (self.servers.get(index), self.labs.get(index))
                    else {
                        continue;
                    };
                    let lab = Lab {
                        threads,
                        cpus: format!("{},{}", self.seats.server, self.seats.load),
                        ..lab.clone()
                    };
                    let running = Running::start(server.as_ref(), &lab)?;
                    let cost = drive(&running, &self.recording, Purpose::Pass, 256, length)
                        .with_context(|| server.name())?;
                    let plural = if threads == 1 { "" } else { "s" };
                    let title = format!("pass a connection, 256 at once, {threads} thread{plural}");
                    table.add(&title, "µs", None, index, cost.microseconds);
                    let title = format!("connections a second, {threads} thread{plural}");
                    table.add(&title, "1/s", None, index, cost.rate);
                }
            }
        }
        Ok(())
    }
}

#[expect(clippy::print_stderr, reason = "standard output is for the result")]
fn progress(round: usize, rounds: u16) {
    eprintln!("round {round} of {rounds}");
}
