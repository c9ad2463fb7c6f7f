//! `sundown.toml`: one file, whose tables belong to the plan or to the edge, read strictly.

mod gates;
mod keys;
mod links;
mod problems;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use ::console::ConsoleSettings;
use accounts::{AccountSettings, KeySource, Privacy, VisitorTable};
use anyhow::Context;
use edge::settings::{Admin, Answers, GuardSettings, Limits, Listener, Settings};
use floor::Plan;
use floor::Problem;
use floor::config::{CohortTable, ExceptionTable, PlanTables, PreviewTable, SunsetTable};
use ledger::LedgerSettings;
use serde::Deserialize;
use toml::Spanned;
use toml::de::DeTable;

pub(crate) use links::{Links, base_url};
pub(crate) use problems::{Problems, report, warn};

/// What is in force when there is no file: old clients are told, nobody is turned away.
const BUILT_IN: &str = include_str!("config/built-in.toml");

/// The file used when none is named.
pub(crate) const DEFAULT_FILE: &str = "sundown.toml";

/// Every table a configuration can have.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    listener: Vec<Listener>,
    #[serde(default)]
    account: AccountSettings,
    #[serde(default)]
    privacy: Privacy,
    #[serde(default)]
    limits: Limits,
    #[serde(default)]
    answers: Answers,
    guard: Option<GuardSettings>,
    #[serde(default)]
    admin: Admin,
    #[serde(default)]
    ledger: LedgerSettings,
    #[serde(default)]
    console: ConsoleSettings,
    #[serde(default)]
    links: Links,
    #[serde(default)]
    visitor: Vec<VisitorTable>,
    #[serde(default)]
    sunset: Vec<Spanned<SunsetTable>>,
    #[serde(default)]
    exception: Vec<Spanned<ExceptionTable>>,
    #[serde(default)]
    preview: Vec<Spanned<PreviewTable>>,
    #[serde(default)]
    cohort: Vec<Spanned<CohortTable>>,
}

/// A configuration that can be used.
pub(crate) struct Config {
    pub(crate) settings: Settings,
    /// The listeners that pass TLS through.
    pub(crate) gates: Vec<gate::settings::Listener>,
    pub(crate) plan: Plan,
    pub(crate) ledger: LedgerSettings,
    pub(crate) console: ConsoleSettings,
    pub(crate) links: Links,
    pub(crate) source: Source,
}

/// The text a configuration was read from, to point into.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// `None` for the built-in one.
    pub(crate) path: Option<PathBuf>,
    text: String,
}

impl Source {
    /// Its name in messages.
    pub(crate) fn name(&self) -> String {
        self.path.as_ref().map_or_else(
            || "built-in plan".to_owned(),
            |path| path.display().to_string(),
        )
    }

    /// The directory that paths in it are relative to.
    pub(crate) fn directory(&self) -> PathBuf {
        let directory = self.path.as_deref().and_then(Path::parent);
        directory.unwrap_or(Path::new("")).to_owned()
    }

    /// What it says.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Reads the named file; else the default one where it exists; else what is built in.
    fn open(path: Option<&Path>) -> anyhow::Result<Self> {
        let path = match path {
            Some(path) => path.to_owned(),
            None if Path::new(DEFAULT_FILE).exists() => PathBuf::from(DEFAULT_FILE),
            None => {
                return Ok(Self {
                    path: None,
                    text: BUILT_IN.to_owned(),
                });
            }
        };
        let text = std::fs::read_to_string(&path).with_context(|| {
            format!(
                "cannot read {}; `sundown init` writes a file to begin with",
                path.display()
            )
        })?;
        Ok(Self {
            path: Some(path),
            text,
        })
    }
}

/// Reads and checks a configuration. `share_key` is the plan's.
pub(crate) fn load(path: Option<&Path>, share_key: [u8; 16]) -> anyhow::Result<Config> {
    let source = Source::open(path)?;
    let (settings, gates, plan, ledger, console, links) =
        parse(&source.text, share_key).map_err(|problems| Problems {
            source: source.clone(),
            problems,
        })?;
    let directory = source
        .path
        .as_deref()
        .and_then(Path::parent)
        .unwrap_or(Path::new(""));
    Ok(Config {
        settings: relative_to(directory, settings),
        gates,
        plan,
        ledger,
        console,
        links,
        source,
    })
}

/// Reads the plan's tables of a text, and nothing of what stands beside them.
pub(crate) fn draft(text: &str, share_key: [u8; 16]) -> Result<Plan, Vec<Problem>> {
    let of_toml = |error| vec![problems::from_toml(&error, text)];
    let mut tables = DeTable::parse(text).map_err(of_toml)?;
    let is_of_plan = |key: &str| matches!(key, "sunset" | "exception" | "preview" | "cohort");
    let all = std::mem::take(tables.get_mut());
    let of_plan = all.into_iter().filter(|(key, _)| is_of_plan(key.get_ref()));
    *tables.get_mut() = of_plan.collect();
    PlanTables::deserialize(toml::Deserializer::from(tables))
        .map_err(of_toml)?
        .build(share_key)
}

type Parsed = (
    Settings,
    Vec<gate::settings::Listener>,
    Plan,
    LedgerSettings,
    ConsoleSettings,
    Links,
);

fn parse(text: &str, share_key: [u8; 16]) -> Result<Parsed, Vec<Problem>> {
    let of_toml = |error| vec![problems::from_toml(&error, text)];
    let mut tables = DeTable::parse(text).map_err(of_toml)?;
    let gates = gates::take(tables.get_mut(), text)?;
    let file = File::deserialize(toml::Deserializer::from(tables)).map_err(of_toml)?;
    let File {
        listener,
        account,
        privacy,
        limits,
        answers,
        ledger,
        console,
        links,
        visitor,
        guard,
        admin,
        sunset,
        exception,
        preview,
        cohort,
    } = file;
    let plan = PlanTables {
        sunset,
        exception,
        preview,
        cohort,
    }
    .build(share_key)?;
    let only_gates = !gates.listeners.is_empty() && !gates.beside_others;
    let listeners = if listener.is_empty() && !only_gates {
        vec![Listener::default()]
    } else {
        listener
    };
    Ok((
        Settings {
            listeners,
            account,
            privacy,
            limits,
            answers,
            visitors: visitor,
            guard,
            admin,
        },
        gates.listeners,
        plan,
        ledger,
        console,
        links,
    ))
}

/// Where `/ssl/` is on the edge.
pub(crate) fn ssl_path(settings: &Settings) -> String {
    let path = settings.answers.ssl.first();
    path.map_or_else(|| "/ssl/".to_owned(), |path| path.as_str().to_owned())
}

/// Paths in a file are relative to the file.
fn relative_to(directory: &Path, mut settings: Settings) -> Settings {
    for pair in settings
        .listeners
        .iter_mut()
        .flat_map(|listener| &mut listener.certificates)
    {
        pair.cert = directory.join(&pair.cert);
        pair.key = directory.join(&pair.key);
    }
    for listener in &mut settings.listeners {
        if let Some(authorities) = &mut listener.upstream_ca {
            *authorities = directory.join(&authorities);
        }
    }
    for client in settings
        .listeners
        .iter_mut()
        .flat_map(|listener| &mut listener.client_certificates)
    {
        client.ca = directory.join(&client.ca);
    }
    if let Some(ranges) = &mut settings.account.ranges {
        *ranges = directory.join(&ranges);
    }
    if let Some(jwks) = &mut settings.account.jwks
        && let KeySource::File(file) = &mut jwks.keys
    {
        *file = directory.join(&file);
    }
    settings
}
