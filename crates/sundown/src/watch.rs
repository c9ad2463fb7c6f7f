//! `sundown watch`: evidence from what is already there, into the ledger.

mod arguments;
mod captures;
mod crew;
mod follow;
mod live;
mod logs;
mod piped;
mod places;
mod sources;
mod stopping;
mod summary;
mod tally;
mod told;

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

use accounts::{AccountSettings, AccountSource, Addresses, Secret};
use anyhow::Context;
use edge::Clock;
use edge::settings::Settings;
use indicatif::{ProgressBar, ProgressStyle};
use ledger::Importer;
use observe::logs::{FORMATS, MOST_HEADERS, Progress, Said, Wanted};
use observe::programs::Programs;
use observe::{Recorder, Rules};

pub(crate) use arguments::WatchArguments;
use crew::All;
use places::Places;
use sources::Source;
use stopping::Stopping;
use summary::Summary;
use tally::Tally;

use crate::config::{self, Config};
use crate::table;

/// Some of it could not be counted.
const PARTLY: u8 = 1;
/// Nothing could.
const NOTHING: u8 = 2;
/// The key that decides shares is not needed to count.
const NO_KEY: [u8; 16] = [0; 16];
/// Where the ledger is by itself.
const DATA: &str = "sundown-data";

pub(crate) fn run(arguments: &WatchArguments) -> anyhow::Result<ExitCode> {
    if arguments.formats {
        return list_formats();
    }
    // Of the whole process: pages of 2 MiB take a third more memory here, and as much time. Where the system does not know
    // of them there are none.
    rustix::thread::disable_transparent_huge_pages(true).ok();
    let Config {
        settings,
        plan,
        ledger,
        ..
    } = config::load(arguments.config.as_deref(), NO_KEY)?;
    let sources = sources::named(&arguments.files)?;
    let clock = Clock::default();
    let stopping = Stopping::on_signals();
    // Before anything is made: it may not be allowed.
    let live = arguments
        .live
        .as_ref()
        .map(|interfaces| Ok::<_, anyhow::Error>((interfaces, live::open(interfaces, arguments)?)))
        .transpose()?;
    let programs = arguments.processes.then(Programs::new).transpose()?;
    let scratch = arguments.dry_run.then(tempfile::tempdir).transpose()?;
    let data = scratch
        .as_ref()
        .map_or(arguments.data_dir.as_path(), |scratch| scratch.path());
    let secret = secret(&arguments.data_dir, data)?;
    let mut importer = Importer::open(&data.join(ledger::FILE), &ledger, clock.now())?;
    if live.is_none() {
        // What is read and how far that was are committed together.
        importer.gather();
    }
    let places = Places::new(importer.places()?);
    let account = account_settings(&settings, arguments.account_field.is_some());
    let rules = Rules {
        account: &account,
        privacy: settings.privacy,
        visitors: &settings.visitors,
    };
    let mut recorder = Recorder::new(importer, rules, &secret)?;
    let mut tally = Tally::new(&plan);
    let mut outgoing = None;
    let all = if let Some((interfaces, packets)) = live {
        let watching = live::Watching {
            interfaces,
            recorder: &mut recorder,
            tally: &mut tally,
            stopping: &stopping,
            clock,
            end: arguments.time.map(|time| time.unsigned_abs()),
        };
        let (read, of_programs) = watching.run(packets, programs)?;
        outgoing = of_programs;
        All {
            reads: vec![read],
            interrupted: false,
        }
    } else {
        let progress = Progress::default();
        let bar = show_progress(&sources, &progress, arguments.follow);
        let mut reading = logs::Reading {
            wanted: wanted(arguments, &settings, &account),
            server_max: arguments.server_protocols.iter().max().copied(),
            said: arguments.format.clone().map_or(Said::Nothing, Said::As),
            recorder: &mut recorder,
            tally: &mut tally,
            stopping: &stopping,
            places,
            clock,
            progress,
        };
        let all = if arguments.follow {
            // It goes on until somebody stops it: that is no interruption.
            All {
                reads: reading.follow(&sources)?,
                interrupted: false,
            }
        } else {
            crew::read(&mut reading, &sources, arguments.jobs())?
        };
        bar.finish_and_clear();
        all
    };
    let importer = recorder.into_importer();
    let without_details = importer.without_details();
    importer.finish()?;
    let mut summary = Summary::new(
        all,
        outgoing,
        tally,
        arguments.dry_run,
        without_details,
        clock.now(),
        &where_it_is(&arguments.data_dir),
    );
    summary.next.insert_str(0, as_whom());
    let mut out = anstream::stdout().lock();
    if arguments.json {
        serde_json::to_writer_pretty(&mut out, &summary)?;
        writeln!(out)?;
    } else {
        summary.write(&mut out)?;
    }
    Ok(if summary.is_failure() {
        ExitCode::from(NOTHING)
    } else if summary.is_partial() {
        ExitCode::from(PARTLY)
    } else {
        ExitCode::SUCCESS
    })
}

fn list_formats() -> anyhow::Result<ExitCode> {
    let mut shown = table::new(["FORMAT", ""]);
    for kind in FORMATS {
        shown.add_row([kind.name, kind.about]);
    }
    writeln!(io::stdout().lock(), "{shown}")?;
    Ok(ExitCode::SUCCESS)
}

/// The secret of the data directory, by which a key has the same hash here as at the edge. A run that keeps nothing makes
/// none where there is none.
fn secret(data: &Path, scratch: &Path) -> anyhow::Result<Secret> {
    let directory = if data.is_dir() { data } else { scratch };
    Secret::open(directory).or_else(|error| {
        if directory == scratch {
            return Err(error)
                .with_context(|| format!("cannot use the data directory {}", data.display()));
        }
        Ok(Secret::open(scratch)?)
    })
}

/// `[account]`; where it has no sources, whatever a log may have: without any, a report could name nobody.
fn account_settings(settings: &Settings, has_field: bool) -> AccountSettings {
    let mut account = settings.account.clone();
    if account.sources.is_empty() && !has_field {
        account.sources = vec![
            AccountSource::Basic,
            AccountSource::Certificate,
            AccountSource::Address,
        ];
    }
    account
}

fn wanted(arguments: &WatchArguments, settings: &Settings, account: &AccountSettings) -> Wanted {
    let mut headers: Vec<String> = Vec::new();
    for source in &account.sources {
        let header = match source {
            AccountSource::Header(name) => name.as_str(),
            AccountSource::Bearer(_) => "authorization",
            _ => continue,
        };
        if headers.len() < MOST_HEADERS && !headers.iter().any(|known| known == header) {
            headers.push(header.to_owned());
        }
    }
    let by_range = account.sources.contains(&AccountSource::Range);
    let by_address = settings
        .visitors
        .iter()
        .any(|rule| !rule.address.is_empty());
    Wanted {
        headers,
        account: arguments.account_field.clone(),
        paths: settings.visitors.iter().any(|rule| rule.path.is_some()),
        addresses: if by_range || by_address {
            Addresses::Whole
        } else {
            settings.privacy.addresses
        },
        zone: arguments.time_zone.clone(),
    }
}

/// What root has written, only root reads.
fn as_whom() -> &'static str {
    match std::env::var_os("SUDO_USER") {
        Some(_) => "sudo ",
        None => "",
    }
}

fn where_it_is(data: &Path) -> String {
    if data == Path::new(DATA) {
        String::new()
    } else {
        format!(" --data-dir {}", data.display())
    }
}

/// How long the bar shows the same.
const TICK: Duration = Duration::from_millis(100);

/// A bar on standard error, where that is a terminal: of the files' bytes, or without an end where that is not known.
fn show_progress(sources: &[Source], progress: &Progress, follow: bool) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let all: Option<u64> = sources.iter().map(Source::bytes).sum();
    let (bar, template) = match all.filter(|_| !follow) {
        Some(all) => (
            ProgressBar::new(all),
            "{wide_bar} {percent:>3} %  {bytes_per_sec}  {eta} left",
        ),
        None => (
            ProgressBar::no_length(),
            "{spinner} {bytes} read  {bytes_per_sec}  (Ctrl-C ends it)",
        ),
    };
    let style = ProgressStyle::with_template(template);
    let bar = bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let (shown, progress) = (bar.clone(), progress.clone());
    // Without it the bar stands still, and nothing else.
    thread::Builder::new()
        .name("progress".to_owned())
        .spawn(move || {
            while !shown.is_finished() {
                shown.set_position(progress.load(Relaxed));
                thread::sleep(TICK);
            }
        })
        .ok();
    bar
}
