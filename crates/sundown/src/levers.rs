//! `sundown hold` and `sundown resume`: the kill switch, through a file that a running edge watches.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{anyhow, bail};
use audit::{Deed, Holds, Trail, When};
use edge::Clock;
use floor::Hold;
use floor::config::did_you_mean;
use jiff::Timestamp;

use crate::cli::LeverArguments;
use crate::config::{self, Config};

/// The key that decides shares is not needed to know a name.
const NO_KEY: [u8; 16] = [0; 16];

pub(crate) fn hold(arguments: &LeverArguments) -> anyhow::Result<ExitCode> {
    let holds = holds_of(&arguments.data_dir)?;
    if let Some(sunset) = &arguments.sunset {
        check_name(sunset, arguments.config.as_deref())?;
    }
    let (by, at) = (by(arguments), Clock::default().now());
    let hold = Hold {
        sunset: arguments.sunset.clone(),
        by: by.clone(),
        reason: arguments.reason.clone(),
        at,
    };
    holds.change(|all| {
        all.retain(|before| before.sunset != hold.sunset);
        all.push(hold);
    })?;
    let deed = Deed::Hold {
        sunset: arguments.sunset.clone(),
        reason: arguments.reason.clone(),
    };
    record(&arguments.data_dir, at, &by, deed);
    say(&holds, &format!("On hold: {}.", whole(arguments)));
    anstream::println!("`sundown resume` lifts it.");
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn resume(arguments: &LeverArguments) -> anyhow::Result<ExitCode> {
    let holds = holds_of(&arguments.data_dir)?;
    let before = holds.change(|all| {
        let before = all.clone();
        all.retain(|hold| arguments.sunset.is_some() && hold.sunset != arguments.sunset);
        before
    })?;
    let lifted = before
        .iter()
        .any(|hold| arguments.sunset.is_none() || hold.sunset == arguments.sunset);
    match &arguments.sunset {
        Some(sunset) if !lifted => {
            if before.iter().any(|hold| hold.sunset.is_none()) {
                bail!(
                    "{sunset:?} is on hold with all the others; `sundown resume` without --sunset lifts that"
                );
            }
            let held = before.iter().filter_map(|hold| hold.sunset.as_deref());
            let fallback = "nothing was changed; `sundown plan --at` shows what is on hold";
            bail!(
                "{sunset:?} is not on hold; {}",
                did_you_mean(sunset, held, fallback)
            );
        }
        None if !lifted => {
            anstream::println!("Nothing is on hold.");
            return Ok(ExitCode::SUCCESS);
        }
        _ => {}
    }
    let deed = Deed::Resume {
        sunset: arguments.sunset.clone(),
        reason: arguments.reason.clone(),
    };
    let (by, at) = (by(arguments), Clock::default().now());
    record(&arguments.data_dir, at, &by, deed);
    say(
        &holds,
        &format!(
            "Resumed: {}; the plan acts by its dates again.",
            whole(arguments)
        ),
    );
    let still = before.iter().any(|hold| hold.sunset.is_none()) && arguments.sunset.is_some();
    if still {
        anstream::println!(
            "Everything is on hold all the same; `sundown resume` without --sunset lifts that."
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// The holds of an edge that has a data directory. A lever pulled in the wrong place must not look like one that works.
fn holds_of(directory: &Path) -> anyhow::Result<Holds> {
    if !directory.is_dir() {
        bail!(
            "there is no data directory {}; name the edge's with --data-dir",
            directory.display()
        );
    }
    Ok(Holds::of(directory))
}

/// A hold of a name that no sunset has would hold nothing.
fn check_name(sunset: &str, path: Option<&Path>) -> anyhow::Result<()> {
    let plan = match config::load(path, NO_KEY) {
        Ok(Config { plan, .. }) => plan,
        Err(error) => {
            // A lever must work whatever the file looks like now.
            config::report(&error);
            config::warn(&format!(
                "so nobody checked whether there is a sunset {sunset:?}"
            ));
            return Ok(());
        }
    };
    let mut names = plan.sunsets.iter().map(|sunset| sunset.name.as_str());
    if names.any(|name| name == sunset) {
        return Ok(());
    }
    let names = plan.sunsets.iter().map(|sunset| sunset.name.as_str());
    Err(anyhow!(
        "there is no sunset {sunset:?}; {}",
        did_you_mean(
            sunset,
            names,
            "`sundown plan` lists them, --config FILE names another plan"
        )
    ))
}

/// Records what is done already: a trail that cannot be written undoes nothing.
fn record(directory: &Path, at: Timestamp, by: &str, deed: Deed) {
    let when = When {
        real: at,
        plan: None,
    };
    if let Err(error) = Trail::of(directory).append(when, by, &[deed]) {
        config::warn(&format!("done, but not recorded: {:#}", anyhow!(error)));
    }
}

fn say(holds: &Holds, done: &str) {
    let taken_up = match holds.is_watched() {
        Some(true) => "The running edge takes it up within a second.",
        Some(false) => "No edge runs on this data directory; the next one starts with it.",
        None => "A running edge takes it up within a second.",
    };
    anstream::println!("{done} {taken_up}");
}

fn whole(arguments: &LeverArguments) -> &str {
    arguments.sunset.as_deref().unwrap_or("everything")
}

fn by(arguments: &LeverArguments) -> String {
    arguments.by.clone().unwrap_or_else(user)
}

/// Who runs this program: before sudo, where that was used.
pub(crate) fn user() -> String {
    ["SUDO_USER", "USER"]
        .into_iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|user| !user.trim().is_empty())
        .unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()))
}
