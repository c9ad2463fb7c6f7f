//! What can be typed.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use edge::settings::Upstream;
use floor::config::{Length, When};
use jiff::{SignedDuration, Timestamp};

use crate::advise::AdviseArguments;
use crate::console::ConsoleArguments;
use crate::demo::DemoArguments;
use crate::doctor::DoctorArguments;
use crate::evidence::EvidenceArguments;
use crate::link::LinkArguments;
use crate::notice::NoticeArguments;
use crate::notify::NotifyArguments;
use crate::replay::ReplayArguments;
use crate::simulate::SimulateArguments;
use crate::watch::WatchArguments;

/// Retires old TLS without breaking the people who use it.
///
/// Sundown sits in front of an API, tells every client what it negotiated and whether that will survive, and
/// raises the TLS floor in dated stages: observe, warn, brownout, explain, refuse.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, after_help = FIRST_STEPS)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const FIRST_STEPS: &str = "\
First steps:
  sundown serve
      an edge on https://127.0.0.1:8443 that warns old clients
  sundown serve --upstream http://127.0.0.1:3000
      the edge in front of an application
  sundown watch /var/log/nginx/access.log && sundown report
      who would break, from the logs that are there today
  sundown init && sundown plan
      a plan with dates, and its calendar
  sundown check https://api.example.com
      what a server negotiates, and which floors that meets";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs the edge: terminates TLS, enforces the plan, answers /ssl/, proxies the rest
    Serve(ServeArguments),
    /// Shows the plan as a calendar, its state on a date, or what is doubtful about it
    Plan(PlanArguments),
    /// Reads access logs, captures and live traffic into the ledger: who would break, from the traffic of today, without
    /// touching it
    Watch(Box<WatchArguments>),
    /// Lists who would break: accounts, programs and fixes, by what the ledger has seen
    Report(Box<ReportArguments>),
    /// Says whom a plan or a floor would have turned away, by what the ledger has seen, and how two plans differ
    Replay(Box<ReplayArguments>),
    /// Tries a floor, or the plan on a date, on known clients: which work, which need a setting, which never will
    Simulate(Box<SimulateArguments>),
    /// Runs the dashboard: a countdown, who would break, the plan, rehearsals
    Console(ConsoleArguments),
    /// Puts the plan on hold: from now on everybody is served as in observe, and nobody is told or refused
    Hold(HoldArguments),
    /// Lifts a hold: the plan acts by its dates again
    Resume(ResumeArguments),
    /// Shows the record of what was done: starts, plans, holds, exceptions, by whom and why
    Audit(AuditArguments),
    /// Shows what a server negotiates with this machine, and which floors that meets
    Check(CheckArguments),
    /// Shows, compacts or exports what an edge has seen
    #[command(subcommand)]
    Ledger(LedgerCommand),
    /// Says what a client must change for a floor: by name and version, or by what it sends
    Advise(AdviseArguments),
    /// Asks every runtime on this machine what it offers, and what it negotiates with a server
    Doctor(DoctorArguments),
    /// Writes the public announcement of the plan: what stops when, who is affected, what to change
    Notice(NoticeArguments),
    /// Writes to the accounts that would break: what was seen, what stops when, what to change; shows it first
    Notify(Box<NotifyArguments>),
    /// Makes a private link with which one account sees its own standing, and what to change
    Link(LinkArguments),
    /// Makes a sealed pack for the auditor: floors, protocols, exceptions and changes of a period, or checks one
    Evidence(EvidenceArguments),
    /// Writes a commented sundown.toml with sensible dates
    Init(InitArguments),
    /// Makes a platform in the middle of a sunset, to look at: accounts, three months of traffic, a plan
    Demo(DemoArguments),
    /// Prints the named floors as text: versions, cipher suites, groups and their sources
    Floors(FloorsArguments),
    /// Prints a completion script for a shell
    #[command(after_help = "\
Examples:
  sundown completions bash > /etc/bash_completion.d/sundown
  sundown completions zsh > /usr/local/share/zsh/site-functions/_sundown
  sundown completions fish > ~/.config/fish/completions/sundown.fish")]
    Completions {
        /// The shell
        shell: Shell,
    },
}

impl Command {
    /// The data directory of what it shows, where it shows any.
    pub(crate) fn data_dir(&self) -> Option<&Path> {
        match self {
            Self::Serve(arguments) => Some(&arguments.data_dir),
            Self::Plan(arguments) => Some(&arguments.data_dir),
            Self::Watch(arguments) => Some(&arguments.data_dir),
            Self::Report(arguments) => Some(&arguments.data_dir),
            Self::Replay(arguments) => Some(&arguments.data_dir),
            Self::Console(arguments) => Some(&arguments.data_dir),
            Self::Notify(arguments) => Some(&arguments.data_dir),
            Self::Link(arguments) => Some(&arguments.data_dir),
            Self::Hold(arguments) => Some(&arguments.lever.data_dir),
            Self::Resume(arguments) => Some(&arguments.lever.data_dir),
            Self::Audit(arguments) => Some(&arguments.data_dir),
            Self::Ledger(LedgerCommand::Info(arguments)) => Some(&arguments.data_dir),
            Self::Ledger(LedgerCommand::Compact(arguments)) => Some(&arguments.data_dir),
            Self::Ledger(LedgerCommand::Export(arguments)) => Some(&arguments.data_dir),
            _ => None,
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = "\
Signals: SIGHUP reads the configuration again (a bad file is refused, the old plan stays); SIGTERM and SIGINT \
stop, letting requests under way finish.

A new version, or new listeners, without a gap: start the new one with --take-over and the same data directory.

Under systemd: a socket that a unit opens is taken by its name (FileDescriptorName=, `name` in a [[listener]]) or by its \
address; Type=notify and WatchdogSec= are understood.

Logs go to standard error; SUNDOWN_LOG=debug shows more.

Example, a day of the 2016 plan:
  sundown serve --config examples/pokitdok-2016.toml --as-of 2016-12-15")]
pub(crate) struct ServeArguments {
    /// The configuration [default: sundown.toml where there is one, else a plan that only warns]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where to listen, instead of what the first [[listener]] says; port 0 takes a free one [default: 127.0.0.1:8443]
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) listen: Option<SocketAddr>,
    /// Where requests go, instead of what the first [[listener]] says
    #[arg(long, value_name = "URL")]
    pub(crate) upstream: Option<Upstream>,
    /// Where the local authority and the secret are kept; made where it is missing
    #[arg(long, value_name = "DIR", default_value = "sundown-data")]
    pub(crate) data_dir: PathBuf,
    /// Starts the plan's clock at this moment instead of now: 2016-12-15, or RFC 3339
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) as_of: Option<Timestamp>,
    /// Threads that serve [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) workers: Option<u16>,
    /// Takes the place of the edge that runs with the same data directory: takes over its listening sockets, so that no
    /// connection is refused or reset; that edge drains and ends. Starts as usual where none runs
    #[arg(long)]
    pub(crate) take_over: bool,
    /// How sightings, one for each connection, are shown on standard output
    #[arg(long, value_enum, default_value_t = Output::Auto)]
    pub(crate) output: Output,
}

/// How sightings are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// As human on a terminal, as json elsewhere
    Auto,
    /// One line of text for each connection
    Human,
    /// One JSON object for each connection, on a line of its own
    Json,
    /// Nothing is shown; connections are counted all the same
    None,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes: 0 the plan can be used, whatever is doubtful about it; 2 it cannot.")]
pub(crate) struct PlanArguments {
    /// The configuration [default: sundown.toml where there is one, else the built-in plan]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Shows where every sunset stands on this date: 2016-12-15, or RFC 3339
    #[arg(long, value_name = "TIME", value_parser = moment, conflicts_with = "check")]
    pub(crate) at: Option<Timestamp>,
    /// Lists what is doubtful about the plan: a phase in the past, no notice period, explain where card data is sent
    #[arg(long)]
    pub(crate) check: bool,
    /// Lists every brownout window by itself
    #[arg(long, conflicts_with_all = ["check", "at"])]
    pub(crate) windows: bool,
    /// Prints the calendar as iCalendar (RFC 5545), for others to subscribe to; the edge serves it at answers.calendar
    #[arg(long, conflicts_with_all = ["check", "at", "windows", "json"])]
    pub(crate) ics: bool,
    /// Takes this for the present moment instead of now
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) as_of: Option<Timestamp>,
    /// The edge's data directory, for what is on hold and who is in a cohort
    #[arg(long, value_name = "DIR", default_value = DATA)]
    pub(crate) data_dir: PathBuf,
    /// JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

/// Where an edge keeps what it has.
const DATA: &str = "sundown-data";

#[derive(Debug, Args)]
#[command(after_help = "\
A running edge takes it up within a second; a stopped one starts with it. It stays until `sundown resume`, through \
reloads and restarts. Clients that miss are counted all the same. Preview names show the plan as it is without holds.

Example:
  sundown hold --reason 'checkout of acme fails'")]
pub(crate) struct HoldArguments {
    #[command(flatten)]
    pub(crate) lever: LeverArguments,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Without --sunset, all that is on hold is lifted. A guard that acted begins to count afresh.

Example:
  sundown resume --reason 'acme has shipped its fix'")]
pub(crate) struct ResumeArguments {
    #[command(flatten)]
    pub(crate) lever: LeverArguments,
}

#[derive(Debug, Args)]
pub(crate) struct LeverArguments {
    /// The name of one sunset [default: all of them]
    #[arg(long, value_name = "NAME")]
    pub(crate) sunset: Option<String>,
    /// Why; it is recorded
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub(crate) reason: String,
    /// Who does it; it is recorded [default: the user, before sudo]
    #[arg(long, value_name = "WHO", value_parser = reason)]
    pub(crate) by: Option<String>,
    /// The edge's data directory
    #[arg(long, value_name = "DIR", default_value = DATA)]
    pub(crate) data_dir: PathBuf,
    /// The configuration that the name is looked up in [default: sundown.toml where there is one]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Each record holds the hash of the one before. --verify finds one that was changed, removed or put in; that the last \
ones are missing shows only where the last hash was noted elsewhere.

Exit codes: 0 all is as it was written; 1 it is not; 2 it could not be read.")]
pub(crate) struct AuditArguments {
    /// Shows what was done from this moment on (on the real clock): 2016-12-15, or RFC 3339
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) since: Option<Timestamp>,
    /// Checks every record instead of showing them
    #[arg(long, conflicts_with = "since")]
    pub(crate) verify: bool,
    /// The edge's data directory
    #[arg(long, value_name = "DIR", default_value = DATA)]
    pub(crate) data_dir: PathBuf,
    /// JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
The handshake is Sundown's own: TLS 1.0 to 1.3, with ML-KEM, old cipher suites included. It shows what the server \
can do with such a client. To test another program, have that program call the server's /ssl/ itself.

The certificate is always verified. Connecting and the handshake take at most 10 seconds, the answer 10 more.

Exit codes: 0 what was negotiated survives; 1 it will not, or is refused already; 2 it could not be told.

Example, a local edge:
  sundown check https://localhost:8443 --ca sundown-data/local-ca/ca.pem")]
pub(crate) struct CheckArguments {
    /// The server: https://host[:port][/path]; without a path, /ssl/ and /api/v4/ssl/ are asked what it saw
    pub(crate) url: String,
    /// Trust the certificates in this PEM file instead of the system's
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// The floor that decides the exit code where the server has no /ssl/ to say so
    #[arg(long, value_name = "NAME", default_value = "tls1.2")]
    pub(crate) floor: String,
    /// JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LedgerCommand {
    /// Says what the ledger holds: its size, rows, clients, offers, first and last day, and gaps
    #[command(after_help = "\
Exit codes: 0 all is well, as far as was looked; 1 --verify found something wrong; 2 it cannot be read.")]
    Info(LedgerInfoArguments),
    /// Makes days of old hours, drops old days and gives their room back, as [ledger] says
    #[command(after_help = "\
A running edge makes days of hours and drops days by itself; the room that this leaves is used again and not given \
back. This may run beside an edge. While the room is given back, as much again is needed, and the edge keeps what it \
sees in memory.")]
    Compact(LedgerCompactArguments),
    /// Writes every row as CSV, JSON lines or Parquet
    #[command(after_help = "\
A row is what was counted together in one hour, or in one day once it was compacted; hours and days that the range \
touches are whole.

Examples:
  sundown ledger export --since 2026-03-01 -o march.csv
  sundown ledger export --format jsonl | jq 'select(.refused > 0) | .account'
  sundown ledger export --format parquet -o all.parquet && duckdb -c \"SELECT account, sum(refused) FROM 'all.parquet' GROUP BY 1\"")]
    Export(LedgerExportArguments),
}

#[derive(Debug, Args)]
pub(crate) struct LedgerInfoArguments {
    /// Where the ledger is
    #[arg(long, value_name = "DIR", default_value = "sundown-data")]
    pub(crate) data_dir: PathBuf,
    /// Reads all of it and checks that it holds what was written
    #[arg(long)]
    pub(crate) verify: bool,
    /// JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct LedgerCompactArguments {
    /// Where the ledger is
    #[arg(long, value_name = "DIR", default_value = "sundown-data")]
    pub(crate) data_dir: PathBuf,
    /// The configuration with the [ledger] table [default: sundown.toml where there is one, else the defaults]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct LedgerExportArguments {
    /// Where the ledger is
    #[arg(long, value_name = "DIR", default_value = "sundown-data")]
    pub(crate) data_dir: PathBuf,
    /// How it is written [default: as the end of the output's name says, else csv]
    #[arg(long, value_enum)]
    pub(crate) format: Option<TableFormat>,
    /// From this moment on: 2026-03-01, or RFC 3339
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) since: Option<Timestamp>,
    /// Until this moment
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) until: Option<Timestamp>,
    /// The file to write [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// How a table is written for other programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TableFormat {
    /// Comma-separated, with a head, safe to open in a spreadsheet
    Csv,
    /// A JSON object on each line
    Jsonl,
    /// Apache Parquet
    Parquet,
}

#[derive(Debug, Args)]
#[command(after_help = "\
An account is listed when any of its traffic misses the floor; what share that is stands beside it. Refused \
connections name no account: they are attributed to the one last seen with that client at that address, in rows of \
their own marked `inferred`, or to all of several, and are in no share of accounts. Exceptions count on the day on \
which the sunset turns clients away.

Exit codes, for all of the range whatever is listed: 0 nobody would break; 1 somebody would; 2 it could not be said: \
nothing was seen, more than 1 % is counted without details, or the ledger cannot be read.

Examples:
  sundown report
      who would break, by what was seen in the last 30 days
  sundown report --floor pq --since 7d
      the same for a floor that no plan names
  sundown report --account acme
      all that one account did
  sundown report --only-new=7d --markdown
      who began to miss this week, to paste into a ticket
  sundown report -o report.html
      a page with everything in it")]
#[command(group = clap::ArgGroup::new("format").multiple(false))]
pub(crate) struct ReportArguments {
    /// The configuration [default: sundown.toml where there is one, else the built-in plan]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The edge's data directory, where the ledger is
    #[arg(long, value_name = "DIR", default_value = "sundown-data")]
    pub(crate) data_dir: PathBuf,
    /// From when on: 2016-12-15, RFC 3339, a length of time before now such as 30d, or `ever`
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = since)]
    pub(crate) since: Since,
    /// Until when, likewise [default: now]
    #[arg(long, value_name = "TIME", value_parser = since)]
    pub(crate) until: Option<Since>,
    /// One sunset of the plan, by its name
    #[arg(long, value_name = "NAME")]
    pub(crate) sunset: Option<String>,
    /// A floor instead of the plan's sunsets: a name from `sundown floors`, or a table such as '{ min = \"TLSv1.3\" }'
    #[arg(long, value_name = "FLOOR", conflicts_with = "sunset")]
    pub(crate) floor: Option<String>,
    /// One account, with every client program, address, server name, protocol and decision
    #[arg(long, value_name = "ID")]
    pub(crate) account: Option<String>,
    /// Lists only those that were first seen to miss within this time [default where it is given alone: 7d]
    #[arg(long, value_name = "TIME", num_args = 0..=1, require_equals = true, default_missing_value = "7d", value_parser = length)]
    pub(crate) only_new: Option<SignedDuration>,
    /// Counts health checks, scanners and bots too
    #[arg(long)]
    pub(crate) visitors: bool,
    /// Lists at most this many for each sunset [default: 50; all with --json and --csv]
    #[arg(long, value_name = "N")]
    pub(crate) top: Option<usize>,
    /// The address of /ssl/ as customers reach it, for the commands that prove a fix [default: by the server name that
    /// most accounts ask for]
    #[arg(long, value_name = "URL")]
    pub(crate) check_url: Option<String>,
    /// Takes this for the present moment instead of now: 2016-12-15, or RFC 3339
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) as_of: Option<Timestamp>,
    /// JSON: the whole report as data
    #[arg(long, group = "format")]
    pub(crate) json: bool,
    /// CSV: a row for each account and sunset
    #[arg(long, group = "format")]
    pub(crate) csv: bool,
    /// Markdown, to paste into a ticket
    #[arg(long, group = "format")]
    pub(crate) markdown: bool,
    /// One HTML page that needs nothing else
    #[arg(long, group = "format")]
    pub(crate) html: bool,
    /// Writes to a file; its name says the format where no option does: .json, .csv, .md, .html
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// One end of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Since {
    /// Without an end on this side.
    Ever,
    /// A moment.
    At(Timestamp),
    /// So long before now.
    Ago(SignedDuration),
}

#[derive(Debug, Args)]
pub(crate) struct InitArguments {
    /// Where to write; - for standard output
    #[arg(default_value = "sundown.toml")]
    pub(crate) path: PathBuf,
    /// Overwrites a file that exists
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct FloorsArguments {
    /// One floor, whole [default: all, a line each]
    pub(crate) name: Option<String>,
}

/// A word or more, not so many that they are a document.
fn reason(text: &str) -> Result<String, String> {
    const LONGEST: usize = 1000;
    match text.trim() {
        "" => Err("say it in words".to_owned()),
        text if text.chars().count() > LONGEST => {
            Err(format!("say it in {LONGEST} characters at most"))
        }
        text => Ok(text.to_owned()),
    }
}

/// A moment as the plan writes one.
pub(crate) fn moment(text: &str) -> Result<Timestamp, String> {
    When(text.to_owned()).moment()
}

/// A moment, a length of time before now, or `ever`.
pub(crate) fn since(text: &str) -> Result<Since, String> {
    if text == "ever" {
        return Ok(Since::Ever);
    }
    if let Ok(length) = length(text) {
        return Ok(Since::Ago(length));
    }
    moment(text).map(Since::At).map_err(|error| {
        format!("{error}; write a date such as 2016-12-15, or a length of time such as 30d")
    })
}

/// A length of time as the plan writes one, above zero.
pub(crate) fn length(text: &str) -> Result<SignedDuration, String> {
    let length = Length(text.to_owned()).duration()?;
    if length.is_positive() {
        Ok(length)
    } else {
        Err(format!("`{text}` is no time; write one such as 7d"))
    }
}
