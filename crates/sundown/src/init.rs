//! `sundown init`: a file to begin with.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use anyhow::{Context, bail};
use edge::Clock;
use jiff::tz::TimeZone;

use crate::cli::InitArguments;

pub(crate) fn run(arguments: &InitArguments) -> anyhow::Result<ExitCode> {
    let today = TimeZone::UTC.to_datetime(Clock::default().now()).date();
    let text = floor::config::template(today);
    let path = &arguments.path;
    if path.as_os_str() == "-" {
        std::io::stdout().write_all(text.as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut options = OpenOptions::new();
    options
        .write(true)
        .truncate(arguments.force)
        .create(arguments.force)
        .create_new(!arguments.force);
    match options
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
    {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            bail!(
                "{} exists; --force overwrites it, and `sundown init -` prints instead",
                path.display()
            )
        }
        Err(error) => {
            return Err(error).with_context(|| format!("cannot write {}", path.display()));
        }
    }
    anstream::println!(
        "Wrote {}. See its calendar with: sundown plan --config {}",
        path.display(),
        path.display()
    );
    Ok(ExitCode::SUCCESS)
}
