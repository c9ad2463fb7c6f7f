//! `sundown floors`: the policies as text.

use std::io::Write;
use std::process::ExitCode;

use anyhow::anyhow;
use floor::Floor;

use crate::cli::FloorsArguments;
use crate::table;

pub(crate) fn run(arguments: &FloorsArguments) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    if let Some(name) = &arguments.name {
        let floor = named(name)?;
        write!(out, "{floor}")?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = table::new(["FLOOR", "LEAST VERSION", "CIPHER SUITES", "GROUPS"]);
    for floor in Floor::NAMES.iter().filter_map(|name| Floor::named(name)) {
        let count = |limits: bool, count: usize| {
            if limits {
                format!("{count} allowed")
            } else {
                "any".to_owned()
            }
        };
        table.add_row([
            floor.name().to_owned(),
            floor.min().to_string(),
            count(floor.limits_suites(), floor.suites().count()),
            count(floor.limits_groups(), floor.groups().count()),
        ]);
    }
    writeln!(
        out,
        "{table}\n\n`sundown floors NAME` prints one whole, with its sources."
    )?;
    Ok(ExitCode::SUCCESS)
}

/// A floor by name, or an error that lists them.
pub(crate) fn named(name: &str) -> anyhow::Result<&'static Floor> {
    Floor::named(name).ok_or_else(|| {
        anyhow!(
            "no floor is called {name:?}; there are: {}",
            Floor::NAMES.join(", ")
        )
    })
}
