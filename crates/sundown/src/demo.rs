//! `sundown demo`: a believable platform in the middle of a sunset, to look at before there is one of one's own.
//!
//! Its plan is decided by the function that decides on an edge, its clients offer what known clients offer, and the same
//! seed on the same day makes the same.

mod calendar;
mod marker;
mod notes;
mod people;
mod programs;
mod traffic;
mod trail;

use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use accounts::Secret;
use anyhow::{Context, bail};
use clap::Args;
use edge::Clock;
use fastrand::Rng;
use floor::{Floor, Hold, Plan};
use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use ledger::{Importer, LedgerSettings};
use sha2::{Digest, Sha256};

use crate::cli::moment;
use crate::config;
use calendar::{DAYS, Excepted};
pub(crate) use marker::{SAID, is_demo, say, words};
use people::Person;
use traffic::Recorder;

/// The demo's data directory within its own: where every command looks by itself.
const DATA: &str = "sundown-data";

#[derive(Debug, Args)]
#[command(after_help = "\
Three months of hourly rows, with the real hellos of known clients, brownouts, exceptions, a hold and an audit trail. \
Everything that shows it says that it is a demo.

Example:
  sundown demo && cd sundown-demo && sundown report")]
pub(crate) struct DemoArguments {
    /// Where it is made: sundown.toml and sundown-data in this directory
    #[arg(long, value_name = "DIR", default_value = "sundown-demo")]
    pub(crate) directory: PathBuf,
    /// How many accounts there are
    #[arg(long, value_name = "N", default_value_t = 420, value_parser = clap::value_parser!(u16).range(20..=people::MOST as i64))]
    pub(crate) accounts: u16,
    /// The same seed makes the same platform
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Takes this for the present moment instead of now: 2016-12-15, or RFC 3339
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) as_of: Option<Timestamp>,
    /// Makes a demo in this directory anew
    #[arg(long)]
    pub(crate) force: bool,
}

pub(crate) fn run(arguments: &DemoArguments) -> anyhow::Result<ExitCode> {
    let now = arguments.as_of.unwrap_or_else(|| Clock::default().now());
    let data = arguments.directory.join(DATA);
    clear(&data, arguments)?;
    fs::create_dir_all(&data).with_context(|| format!("cannot make {}", data.display()))?;
    marker::mark(&data)?;
    // Whom a brownout hits depends on it, and the same seed is to make the same. It guards nothing: nobody was seen.
    let key = Sha256::digest(format!("sundown demo {}", arguments.seed));
    fs::write(data.join("secret.key"), key)?;

    let mut random = Rng::with_seed(arguments.seed);
    let Some(floor) = Floor::named("tls1.2") else {
        bail!("there is no floor tls1.2");
    };
    let programs = programs::programs(floor)?;
    let people = people::people(arguments.accounts.into(), &programs, &mut random);
    let today = TimeZone::UTC.to_datetime(now).date();
    let file = arguments.directory.join("sundown.toml");
    fs::write(&file, calendar::configuration(today, &excepted(&people)))?;
    let plan = config::load(Some(&file), Secret::open(&data)?.share)?.plan;

    let start = TimeZone::UTC.to_timestamp(
        today
            .saturating_sub(jiff::Span::new().days(DAYS))
            .at(0, 0, 0, 0),
    )?;
    let hold = hold(&plan).unwrap_or((now, now));
    let held = on_hold(&plan);
    let mut recorder = Recorder {
        plan: &plan,
        held: &held,
        hold,
        programs: &programs,
        importer: Importer::open(&data.join(ledger::FILE), &LedgerSettings::default(), start)?,
        random,
        // Every row says so itself, wherever it is exported to.
        edge: "demo".into(),
    };
    let bar = progress();
    bar.set_length(DAYS.unsigned_abs() + 1);
    let mut at = start;
    // Whole hours: what is under way is not over.
    while at + SignedDuration::from_hours(1) <= now {
        let hours = at.duration_since(start).as_hours();
        let date = TimeZone::UTC.to_datetime(at).date();
        recorder.hour(&people, (hours / 24, hours % 24, is_weekend(date)), at)?;
        at += SignedDuration::from_hours(1);
        bar.set_position(hours.unsigned_abs() / 24);
    }
    recorder.finish()?;
    bar.finish_and_clear();
    trail::write(&data, &plan, start, hold, now)?;
    notes::write(&data, &people, now)?;
    tell(&arguments.directory, people.len());
    Ok(ExitCode::SUCCESS)
}

/// Makes room. What is no demo is never touched.
fn clear(data: &Path, arguments: &DemoArguments) -> anyhow::Result<()> {
    let directory = arguments.directory.display();
    let file = arguments.directory.join("sundown.toml");
    match (is_demo(data), arguments.force) {
        (true, true) => {
            fs::remove_dir_all(data).with_context(|| format!("cannot remove {}", data.display()))
        }
        (true, false) => {
            bail!("there is a demo in {directory}; --force makes it anew, --directory another one")
        }
        (false, _) if data.exists() || file.exists() => {
            bail!("{directory} is in use and no demo; name another with --directory")
        }
        (false, _) => Ok(()),
    }
}

/// Who the exceptions of the plan are for.
fn excepted(people: &[Person]) -> Excepted<'_> {
    let find = |fits: &dyn Fn(&Person) -> bool| {
        people
            .iter()
            .find(|person| fits(person))
            .map_or("nobody", |person| &*person.id)
    };
    Excepted {
        needed: find(&|person| person.was_old && person.fixed.is_none()),
        fixed: find(&|person| person.fixed.is_some_and(|day| (50..80).contains(&day))),
        ended: find(&|person| person.fixed.is_some_and(|day| (30..50).contains(&day))),
    }
}

/// When everything was on hold: two hours of the latest day of brownouts.
fn hold(plan: &Plan) -> Option<(Timestamp, Timestamp)> {
    let run = plan.sunsets.first()?.brownouts.get(1)?;
    let minutes = SignedDuration::from_mins;
    Some((run.from + minutes(150), run.from + minutes(245)))
}

fn on_hold(plan: &Plan) -> Plan {
    let mut held = plan.clone();
    held.hold(vec![Hold {
        sunset: None,
        by: "dana".to_owned(),
        reason: String::new(),
        at: Timestamp::UNIX_EPOCH,
    }]);
    held
}

fn is_weekend(date: Date) -> bool {
    matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday)
}

fn tell(directory: &Path, accounts: usize) {
    let shown = directory.display();
    anstream::println!(
        "Made {} accounts and three months of what they did in {shown}.\n\n\
         Next:\n  cd {shown}\n  sundown console          the dashboard, on http://127.0.0.1:8444\n  sundown report           who would break\n  \
         sundown plan             the calendar\n  sundown replay --floor pq another floor, tried on the same traffic",
        HumanCount(accounts as u64)
    );
}

fn progress() -> ProgressBar {
    let bar = ProgressBar::new(0).with_message("making three months");
    if !std::io::stderr().is_terminal() {
        bar.set_draw_target(indicatif::ProgressDrawTarget::hidden());
    }
    let style = ProgressStyle::with_template("{msg} {wide_bar} {percent:>3} %  {eta}");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
