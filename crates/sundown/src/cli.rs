//! What can be typed.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use edge::settings::Upstream;
use floor::config::When;
use jiff::Timestamp;

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
    /// Shows what a server negotiates with this machine, and which floors that meets
    Check(CheckArguments),
    /// Writes a commented sundown.toml with sensible dates
    Init(InitArguments),
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

#[derive(Debug, Args)]
#[command(after_help = "\
Signals: SIGHUP reads the configuration again (a bad file is refused, the old plan stays); SIGTERM and SIGINT \
stop, letting requests under way finish.

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
    /// Takes this for the present moment instead of now
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) as_of: Option<Timestamp>,
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

/// A moment as the plan writes one.
fn moment(text: &str) -> Result<Timestamp, String> {
    When(text.to_owned()).moment()
}
