//! `sundown floors`: the policies as text.

use std::io::Write;
use std::process::ExitCode;

use anyhow::anyhow;
use floor::Floor;
use floor::config::PlanTables;

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

/// A floor by name, or by a table as `sundown.toml` has one.
pub(crate) fn any(text: &str) -> anyhow::Result<Floor> {
    if !text.trim_start().starts_with('{') {
        return named(text).cloned();
    }
    let document = format!("[[sunset]]\nname = \"any\"\nfloor = {text}\n");
    let tables: PlanTables = toml::from_str(&document)
        .map_err(|error| anyhow!("the floor {text} cannot be read: {}", error.message()))?;
    let plan = tables.build([0; 16]).map_err(|problems| {
        let problems: Vec<String> = problems
            .iter()
            .map(|problem| format!("{} ({})", problem.message, problem.help))
            .collect();
        anyhow!("the floor {text} is not in order: {}", problems.join("; "))
    })?;
    let sunset = plan.sunsets.into_iter().next();
    sunset
        .map(|sunset| sunset.floor)
        .ok_or_else(|| anyhow!("the floor {text} cannot be read"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_floor_has_a_name_or_is_a_table() {
        assert_eq!(any("pq").expect("a shipped floor").name(), "pq");
        let table = any("{ min = \"TLSv1.3\", groups = [\"X25519MLKEM768\"] }").expect("a floor");
        assert_eq!(
            (table.min(), table.groups().count()),
            (hello::Version::TLSV1_3, 1)
        );
        for (text, said) in [
            ("tls9", "no floor is called \"tls9\""),
            ("{ min = \"TLSv9\" }", "is not in order"),
            ("{ least = \"TLSv1.2\" }", "unknown field"),
            ("{ min = ", "cannot be read"),
        ] {
            let error = any(text).expect_err(text).to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
