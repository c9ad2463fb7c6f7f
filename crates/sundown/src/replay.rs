//! `sundown replay`: what a plan would have done to what was seen.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use clap::Args;
use edge::Clock;
use floor::{Cohort, Floor, Plan};
use jiff::{SignedDuration, Timestamp};
use ledger::people::Marked;
use ledger::{Query, Range};
use report::replay::{self, Draft, Replay, Replaying};
use report::{Options, Outcome};

use crate::cli::{Since, moment, since};
use crate::config;
use crate::demo;
use crate::floors;
use crate::plan::share_key;
use crate::report::{CANNOT_SAY, MOST, SOMEBODY, check_path, moment as end_of_range};
use crate::serve::roster_from;
use crate::show::{self, Format, FormatArguments};

#[derive(Debug, Args)]
#[command(after_help = "\
A plan is decided by its own dates, at the time at which each thing was seen; with --as-if, as though the first of it had \
been seen on that date. A floor is decided as if it had been refused all the time. Holds are not looked at. The same \
function decides that decides on a running edge; without --plan and --floor the plan in force is replayed, and the answer \
says whether the ledger recorded the same.

The ledger keeps hours, and days once they are compacted. Where a plan changes inside of one, as a brownout window of ten \
minutes does, what was seen on both sides of the change is split by time: `about` so much, and behind it what is certain \
and at most, which is everybody who was active in that hour.

Who is refused names no account: it is attributed to the one last seen with that client at that address, and marked \
`inferred`. An account counts as remembered at the hello: its first connection from somewhere may be explained where \
the replay says refused.

Exit codes: 0 nobody would have been turned away; 1 somebody would; 2 it could not be said: nothing was seen, no sunset has \
begun in the range, more than 1 % could not be judged, or the ledger cannot be read.

Examples:
  sundown replay --floor pq
      whom a floor would have turned away in the last 30 days, had it been live
  sundown replay --plan draft.toml --as-if 2027-03-01
      a draft, as though the last 30 days had begun on 1 March 2027
  sundown replay --plan draft.toml --against sundown.toml --last 7d --markdown
      who is newly turned away by the draft, and who no longer
  sundown replay --json | jq .recorded
      whether what the ledger recorded is what the plan in force decides")]
pub(crate) struct ReplayArguments {
    /// A draft plan to replay instead of the plan in force
    #[arg(long, value_name = "FILE", conflicts_with = "floor")]
    pub(crate) plan: Option<PathBuf>,
    /// A floor to replay instead of a plan: a name from `sundown floors`, or a table such as '{ min = \"TLSv1.3\" }'
    #[arg(long, value_name = "FLOOR")]
    pub(crate) floor: Option<String>,
    /// A plan to compare with [default: the plan in force, where --plan or --floor is given]
    #[arg(long, value_name = "FILE")]
    pub(crate) against: Option<PathBuf>,
    /// Sets the plans' clock to this date for the first sighting of the range: 2027-03-01, or RFC 3339
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) as_if: Option<Timestamp>,
    /// The plan in force [default: sundown.toml where there is one, else the built-in plan]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The edge's data directory, where the ledger is
    #[arg(long, value_name = "DIR", default_value = "sundown-data")]
    pub(crate) data_dir: PathBuf,
    /// From when on: 2016-12-15, RFC 3339, a length of time before now such as 30d, or `ever`
    #[arg(long, visible_alias = "last", value_name = "TIME", default_value = "30d", value_parser = since)]
    pub(crate) since: Since,
    /// Until when, likewise [default: now]
    #[arg(long, value_name = "TIME", value_parser = since)]
    pub(crate) until: Option<Since>,
    /// Counts health checks, scanners and bots too
    #[arg(long)]
    pub(crate) visitors: bool,
    /// Lists at most this many accounts [default: 50; all with --json and --csv]
    #[arg(long, value_name = "N")]
    pub(crate) top: Option<usize>,
    /// The address of /ssl/ as customers reach it, for the commands that prove a fix [default: by the server name that
    /// most accounts ask for]
    #[arg(long, value_name = "URL")]
    pub(crate) check_url: Option<String>,
    /// Takes this for the present moment instead of now: 2016-12-15, or RFC 3339
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) as_of: Option<Timestamp>,
    #[command(flatten)]
    pub(crate) format: FormatArguments,
    /// Writes to a file; its name says the format where no option does: .json, .csv, .md, .html
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// A plan and what it is called.
struct Named {
    name: String,
    plan: Plan,
}

impl Named {
    fn draft(&self) -> Draft<'_> {
        Draft {
            name: &self.name,
            plan: &self.plan,
        }
    }
}

pub(crate) fn run(arguments: &ReplayArguments) -> anyhow::Result<ExitCode> {
    let key = share_key(&arguments.data_dir)?;
    let in_force = config::load(arguments.config.as_deref(), key)?;
    let now = arguments.as_of.unwrap_or_else(|| Clock::default().now());
    let ledger = Marked::open(&arguments.data_dir)?;
    let format = arguments.format.chosen(arguments.output.as_deref());
    let options = options(arguments, check_path(&in_force.settings), now, format)?;

    let mut in_force = Named {
        name: format!("the plan in force ({})", in_force.source.name()),
        plan: in_force.plan,
    };
    let mut other = match (&arguments.plan, &arguments.floor) {
        (Some(path), _) => Some(read(path, key)?),
        (None, Some(text)) => Some(of_floor(floors::any(text)?)),
        (None, None) => None,
    };
    let mut against = match &arguments.against {
        Some(path) => Some(read(path, key)?),
        None => None,
    };
    let all = [Some(&mut in_force), other.as_mut(), against.as_mut()];
    for named in all.into_iter().flatten() {
        take_roster(&mut named.plan, &ledger, now)?;
    }
    let is_in_force = other.is_none();
    let against = against.as_ref().or((!is_in_force).then_some(&in_force));
    let replaying = Replaying {
        draft: other.as_ref().unwrap_or(&in_force).draft(),
        against: against.map(Named::draft),
        recorded: is_in_force.then_some(&in_force.plan),
        shift: match arguments.as_if {
            Some(at) => shift(&ledger, &options, at)?,
            None => SignedDuration::ZERO,
        },
    };
    let mut replay = replay::replay(&ledger, &replaying, now, &options)?;
    replay.demo = demo::words(&arguments.data_dir);
    show(&replay, format, arguments.output.as_ref())?;
    Ok(match replay.verdict {
        Outcome::NobodyBreaks => ExitCode::SUCCESS,
        Outcome::SomebodyBreaks => ExitCode::from(SOMEBODY),
        Outcome::CannotSay => ExitCode::from(CANNOT_SAY),
    })
}

fn read(path: &Path, key: [u8; 16]) -> anyhow::Result<Named> {
    Ok(Named {
        name: path.display().to_string(),
        plan: config::load(Some(path), key)?.plan,
    })
}

/// A plan that refuses whoever misses this floor, and always did.
fn of_floor(floor: Floor) -> Named {
    let name = if floor.name().is_empty() {
        floor.title()
    } else {
        floor.name()
    };
    let name = format!("floor {name}");
    Named {
        plan: Plan::of_floor(name.clone(), floor),
        name,
    }
}

fn take_roster(plan: &mut Plan, ledger: &dyn Query, now: Timestamp) -> anyhow::Result<()> {
    if plan.cohorts.iter().any(Cohort::needs_roster) {
        plan.take_roster(Arc::new(roster_from(ledger, now)?));
    }
    Ok(())
}

fn options(
    arguments: &ReplayArguments,
    check_path: String,
    now: Timestamp,
    format: Format,
) -> anyhow::Result<Options> {
    let since = end_of_range(arguments.since, now);
    let until = arguments.until.and_then(|until| end_of_range(until, now));
    if let (Some(since), end) = (since, until.unwrap_or(now))
        && since >= end
    {
        bail!("the range from {since} to {end} has no time in it; --since comes before --until");
    }
    let for_programs = matches!(format, Format::Json | Format::Csv);
    Ok(Options {
        since,
        until,
        visitors: arguments.visitors,
        most: arguments.top.or((!for_programs).then_some(MOST)),
        check_url: arguments.check_url.clone(),
        check_path: Some(check_path),
        ..Options::default()
    })
}

/// How far the plans' clock is ahead, so that it shows `at` for the first sighting.
fn shift(ledger: &dyn Query, options: &Options, at: Timestamp) -> anyhow::Result<SignedDuration> {
    let groups = ledger.groups(Range {
        from: options.since,
        until: options.until,
    })?;
    let first = groups.iter().map(|group| group.counts.first).min();
    Ok(first.map_or(SignedDuration::ZERO, |first| at.duration_since(first)))
}

fn show(replay: &Replay, format: Format, file: Option<&PathBuf>) -> anyhow::Result<()> {
    show::write(file, |mut out, width| match format {
        Format::Json => report::format::json(replay, &mut out),
        Format::Csv => replay::csv(replay, &mut out),
        format => show::page(&replay::page(replay), format, width, out),
    })
}
