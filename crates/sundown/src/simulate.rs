//! `sundown simulate`: a floor, or the plan on a date, tried on known clients.

use std::path::PathBuf;
use std::process::ExitCode;

use advice::{Knowledge, KnownClient};
use anyhow::bail;
use clap::Args;
use edge::Clock;
use jiff::Timestamp;
use report::simulate::{self, Simulation, Trial};

use crate::cli::moment;
use crate::config;
use crate::floors;
use crate::show::{self, Format, FormatArguments};

/// The address in fixes that prove themselves, where none is named.
const URL: &str = "https://YOUR-API/ssl/";

#[derive(Debug, Args)]
#[command(after_help = "\
The clients are recorded hellos of browsers, libraries, runtimes and search engines with no setting turned. Each is judged \
by the function that judges on a running edge. Of those that miss, the knowledge base behind `sundown advise` says which \
can, but not by default, and which never will; where it has no rule, that is not known. What works is shown with what it \
would negotiate, by the order of its own lists.

A client works that the floor, or on its date the plan, does not turn away: one that is only warned works. The plan is asked \
for somebody without a name: exceptions and cohorts are for accounts. Holds are not looked at.

Exit codes: 0 all of them work; 1 some do not; 2 no client has such a name, or the plan cannot be read.

Examples:
  sundown simulate --floor pq
      which known clients offer a post-quantum group
  sundown simulate --floor tls1.2 java android
      those whose name has one of these words
  sundown simulate --at 2027-03-01 -o clients.svg
      the plan on a date, as a picture
  sundown simulate --list firefox
      what the known clients offer")]
pub(crate) struct SimulateArguments {
    /// Only clients whose name has one of these words
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// A floor to try: a name from `sundown floors`, or a table such as '{ min = \"TLSv1.3\" }' [default: the plan]
    #[arg(long, value_name = "FLOOR", conflicts_with = "at")]
    pub(crate) floor: Option<String>,
    /// Tries the plan as it is on this date instead of now: 2027-03-01, or RFC 3339
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) at: Option<Timestamp>,
    /// The plan [default: sundown.toml where there is one, else the built-in plan]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Lists the known clients and the best that each offers, and tries nothing
    #[arg(long, conflicts_with_all = ["floor", "at", "csv", "svg"])]
    pub(crate) list: bool,
    /// Only clients that were still in common use when they were recorded
    #[arg(long)]
    pub(crate) common: bool,
    /// The address of /ssl/ as customers reach it, for fixes
    #[arg(long, value_name = "URL", default_value = URL)]
    pub(crate) check_url: String,
    #[command(flatten)]
    pub(crate) format: FormatArguments,
    /// SVG: a picture in light and dark
    #[arg(long, group = "format")]
    pub(crate) svg: bool,
    /// Writes to a file; its name says the format where no option does: .json, .csv, .md, .html, .svg
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

pub(crate) fn run(arguments: &SimulateArguments) -> anyhow::Result<ExitCode> {
    if arguments.names.iter().any(|name| name.trim().is_empty()) {
        bail!("a name is empty; leave it out for all clients, or give a word of one, such as java");
    }
    let clients = chosen(arguments);
    if clients.is_empty() {
        bail!(
            "no known client has a name with {}; `sundown simulate --list` shows all",
            shortened(&arguments.names.join(" or "))
        );
    }
    let format = if arguments.svg {
        Format::Svg
    } else {
        arguments.format.chosen(arguments.output.as_deref())
    };
    if arguments.list {
        // Only a name of a file can still ask for these: the options are refused with --list.
        if matches!(format, Format::Csv | Format::Svg) {
            bail!(
                "--list has no CSV and no picture: name a file .json, .md or .html, or leave out --list"
            );
        }
        list(arguments, &clients, format)?;
        return Ok(ExitCode::SUCCESS);
    }
    let simulation = simulation(arguments, &clients)?;
    show(arguments, &simulation, format)?;
    let sums = simulation.sums;
    Ok(ExitCode::from(u8::from(sums.works < sums.clients)))
}

/// The beginning of what was typed: enough to see which it was.
fn shortened(text: &str) -> String {
    const MOST: usize = 80;
    let start: String = text.chars().take(MOST).collect();
    if start.len() < text.len() {
        format!("{start}…")
    } else {
        start
    }
}

fn chosen(arguments: &SimulateArguments) -> Vec<&'static KnownClient> {
    let words: Vec<String> = arguments
        .names
        .iter()
        .map(|name| name.to_lowercase())
        .collect();
    let is_named = |client: &KnownClient| {
        let name = client.name.to_lowercase();
        words.is_empty() || words.iter().any(|word| name.contains(word.as_str()))
    };
    Knowledge::known_clients()
        .iter()
        .filter(|client| is_named(client) && (client.common || !arguments.common))
        .collect()
}

fn simulation(
    arguments: &SimulateArguments,
    clients: &[&KnownClient],
) -> anyhow::Result<Simulation> {
    let url = &arguments.check_url;
    if let Some(text) = &arguments.floor {
        let floor = floors::any(text)?;
        let name = if floor.name().is_empty() {
            "This floor".to_owned()
        } else {
            format!("Floor {}", floor.name())
        };
        return Ok(simulate::simulate(
            Trial::Floor(&floor),
            &name,
            clients,
            url,
        ));
    }
    // The key that decides shares is of no use where nobody has a name.
    let config = config::load(arguments.config.as_deref(), [0; 16])?;
    let at = arguments.at.unwrap_or_else(|| Clock::default().now());
    let name = format!("The plan ({})", config.source.name());
    let trial = Trial::Plan(&config.plan, at);
    Ok(simulate::simulate(trial, &name, clients, url))
}

fn list(
    arguments: &SimulateArguments,
    clients: &[&KnownClient],
    format: Format,
) -> anyhow::Result<()> {
    let listing = simulate::listing(clients);
    show::write(arguments.output.as_ref(), |mut out, width| match format {
        Format::Json => report::format::json(&listing, &mut out),
        format => show::page(&simulate::list(&listing), format, width, out),
    })
}

fn show(
    arguments: &SimulateArguments,
    simulation: &Simulation,
    format: Format,
) -> anyhow::Result<()> {
    show::write(arguments.output.as_ref(), |mut out, width| match format {
        Format::Json => report::format::json(simulation, &mut out),
        Format::Csv => simulate::csv(simulation, &mut out),
        Format::Svg => out.write_all(simulate::svg(simulation).as_bytes()),
        Format::Html => out.write_all(simulate::html(simulation).as_bytes()),
        format => show::page(&simulate::page(simulation), format, width, out),
    })
}
