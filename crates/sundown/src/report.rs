//! `sundown report`: who would break, by what the ledger has seen.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, anyhow, bail};
use audit::Holds;
use edge::Clock;
use edge::settings::Settings;
use floor::config::did_you_mean;
use floor::{Cohort, Plan};
use jiff::Timestamp;
use ledger::Query;
use ledger::people::Marked;
use report::{Options, Outcome, Report, format};
use terminal_size::terminal_size_of;

use crate::cli::{ReportArguments, Since};
use crate::config::{self, Config};
use crate::demo;
use crate::floors;
use crate::serve::roster_from;

/// The key that decides shares is not needed to look back.
const NO_KEY: [u8; 16] = [0; 16];
/// What people read is cut to this many accounts for each sunset; what programs read is not.
pub(crate) const MOST: usize = 50;
/// Columns where there is no terminal to fit.
const WIDTH: usize = 100;
/// Somebody would break.
pub(crate) const SOMEBODY: u8 = 1;
/// It could not be said.
pub(crate) const CANNOT_SAY: u8 = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Terminal,
    Json,
    Csv,
    Markdown,
    Html,
}

pub(crate) fn run(arguments: &ReportArguments) -> anyhow::Result<ExitCode> {
    let Config {
        mut plan, settings, ..
    } = config::load(arguments.config.as_deref(), NO_KEY)?;
    let now = arguments.as_of.unwrap_or_else(|| Clock::default().now());
    let format = chosen(arguments);
    let options = options(arguments, &plan, &settings, now, format)?;
    plan.hold(Holds::of(&arguments.data_dir).read()?);
    let ledger = Marked::open(&arguments.data_dir)?;
    if plan.cohorts.iter().any(Cohort::needs_roster) {
        plan.take_roster(Arc::new(roster_from(&ledger, now)?));
    }
    let mut report = report::report(&ledger, &plan, now, &options)?;
    report.demo = demo::words(&arguments.data_dir);
    write(arguments.output.as_deref(), format, &report)?;
    if let Some(id) = arguments
        .account
        .as_deref()
        .filter(|_| report.seen.is_none())
    {
        hint(&ledger, id)?;
    }
    Ok(match report.verdict {
        Outcome::NobodyBreaks => ExitCode::SUCCESS,
        Outcome::SomebodyBreaks => ExitCode::from(SOMEBODY),
        Outcome::CannotSay => ExitCode::from(CANNOT_SAY),
    })
}

/// What was asked for; else what the file's name says; else text.
fn chosen(arguments: &ReportArguments) -> Format {
    let asked = [
        (arguments.json, Format::Json),
        (arguments.csv, Format::Csv),
        (arguments.markdown, Format::Markdown),
        (arguments.html, Format::Html),
    ];
    if let Some((_, format)) = asked.into_iter().find(|(asked, _)| *asked) {
        return format;
    }
    let extension = arguments.output.as_deref().and_then(Path::extension);
    match extension.and_then(|extension| extension.to_str()) {
        Some("json") => Format::Json,
        Some("csv") => Format::Csv,
        Some("md" | "markdown") => Format::Markdown,
        Some("html" | "htm") => Format::Html,
        _ => Format::Terminal,
    }
}

fn options(
    arguments: &ReportArguments,
    plan: &Plan,
    settings: &Settings,
    now: Timestamp,
    format: Format,
) -> anyhow::Result<Options> {
    let since = moment(arguments.since, now);
    let until = arguments.until.and_then(|until| moment(until, now));
    if let (Some(since), end) = (since, until.unwrap_or(now))
        && since >= end
    {
        bail!("the range from {since} to {end} has no time in it; --since comes before --until");
    }
    let for_programs = matches!(format, Format::Json | Format::Csv);
    Ok(Options {
        since,
        until,
        sunset: match &arguments.sunset {
            Some(name) => Some(sunset(plan, name)?),
            None => None,
        },
        floor: match &arguments.floor {
            Some(text) => Some(floors::any(text)?),
            None => None,
        },
        visitors: arguments.visitors,
        account: arguments.account.clone(),
        only_new: arguments.only_new,
        most: arguments.top.or((!for_programs).then_some(MOST)),
        check_url: arguments.check_url.clone(),
        check_path: Some(check_path(settings)),
        days: matches!(format, Format::Html | Format::Json),
    })
}

/// One end of a range; `None` for none.
pub(crate) fn moment(since: Since, now: Timestamp) -> Option<Timestamp> {
    match since {
        Since::Ever => None,
        Since::At(at) => Some(at),
        Since::Ago(length) => Some(now.checked_sub(length).unwrap_or(Timestamp::MIN)),
    }
}

pub(crate) fn sunset(plan: &Plan, name: &str) -> anyhow::Result<usize> {
    let names = || plan.sunsets.iter().map(|sunset| sunset.name.as_str());
    names().position(|found| found == name).ok_or_else(|| {
        let all = names().collect::<Vec<_>>().join("`, `");
        let fallback = format!("there are `{all}`");
        anyhow!(
            "no sunset is called {name:?}; {}",
            did_you_mean(name, names(), &fallback)
        )
    })
}

/// What stands behind the server's name in the address of `/ssl/`, as far as the configuration tells.
pub(crate) fn check_path(settings: &Settings) -> String {
    let port = settings
        .listeners
        .first()
        .map(|listener| listener.address.get_ref().port());
    let port = match port {
        None | Some(443 | 0) => String::new(),
        Some(port) => format!(":{port}"),
    };
    let path = settings
        .answers
        .ssl
        .first()
        .map_or("/ssl/", |path| path.as_str());
    format!("{port}{path}")
}

fn write(file: Option<&Path>, format: Format, report: &Report) -> anyhow::Result<()> {
    let Some(file) = file else {
        let out = anstream::stdout();
        let width = terminal_size_of(std::io::stdout()).map(|(width, _)| usize::from(width.0));
        let mut out = out.lock();
        let shown =
            render(&mut out, format, report, width.unwrap_or(WIDTH)).and_then(|()| out.flush());
        return match shown {
            // A reader that has seen enough (`| head`) does not change the verdict.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            shown => Ok(shown?),
        };
    };
    let mut bytes = Vec::new();
    render(
        &mut anstream::StripStream::new(&mut bytes),
        format,
        report,
        WIDTH,
    )?;
    fs::write(file, bytes).with_context(|| format!("cannot write {}", file.display()))
}

fn render(
    out: &mut impl Write,
    format: Format,
    report: &Report,
    width: usize,
) -> std::io::Result<()> {
    match format {
        Format::Terminal => format::terminal(report, width, out),
        Format::Json => format::json(report, out),
        Format::Csv => format::csv(report, out),
        Format::Markdown => format::markdown(report, out),
        Format::Html => out.write_all(format::html(report).as_bytes()),
    }
}

/// Who an account that nobody ever saw may have been meant to be.
fn hint(ledger: &dyn Query, id: &str) -> anyhow::Result<()> {
    let accounts = ledger.accounts()?;
    if accounts.iter().any(|account| *account.id == *id) {
        return Ok(());
    }
    let ids = accounts.iter().map(|account| &*account.id);
    let fallback = "the accounts that would break are in `sundown report`";
    writeln!(
        anstream::stderr(),
        "No account {id:?} was ever seen; {}",
        report::printable(&did_you_mean(id, ids, fallback))
    )?;
    Ok(())
}
