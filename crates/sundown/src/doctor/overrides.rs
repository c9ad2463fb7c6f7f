//! What silently overrules runtimes: variables and files, each with where it is set, what it does, and to whom.

pub(super) mod environment;
mod files;
mod gnutls;
mod java;
mod openssl;
mod policies;
mod tools;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::check::text::printable;

/// The environment, by name; values that are no text are as near to it as can be.
pub(super) type Variables = BTreeMap<String, String>;

/// One setting that overrules runtimes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Override {
    /// What is set: `MaxProtocol`, `NODE_OPTIONS`.
    pub(super) name: String,
    /// To what; without secrets.
    pub(super) value: String,
    /// Where: `environment`, or a file and its line.
    pub(super) place: String,
    /// What it does.
    pub(super) effect: String,
    /// To whom.
    pub(super) affects: &'static str,
    pub(super) weight: Weight,
}

/// What a setting comes to; the gravest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Weight {
    /// Holds runtimes below what they can.
    Lowers,
    /// Takes away protection.
    Exposes,
    /// Leads connections elsewhere.
    Routes,
    /// Takes old versions away, or chooses.
    Sets,
}

/// Longest value that is kept.
const LONGEST: usize = 200;

impl Override {
    pub(super) fn new(
        name: impl Into<String>,
        value: &str,
        place: impl Into<String>,
        (weight, effect): (Weight, impl Into<String>),
        affects: &'static str,
    ) -> Self {
        let shown: String = printable(value).replace(['\n', '\t'], " ");
        let mut value: String = shown.chars().take(LONGEST).collect();
        if shown.chars().count() > LONGEST {
            value.push('…');
        }
        Self {
            name: name.into(),
            value,
            place: place.into(),
            effect: effect.into(),
            affects,
            weight,
        }
    }
}

/// Everything that is found on this machine, the gravest first. `configs` are the openssl.cnf that runtimes say they
/// read, `javas` the directories of Javas.
pub(super) fn all(variables: &Variables, configs: &[PathBuf], javas: &[PathBuf]) -> Vec<Override> {
    let mut found = environment::read(variables);
    found.extend(openssl::read(variables, configs));
    found.extend(policies::read(Path::new("/etc/crypto-policies")));
    found.extend(gnutls::read(variables));
    found.extend(java::read(javas));
    found.extend(tools::read(variables));
    found.sort_by_key(|one| one.weight);
    found
}

/// What a list of protocols takes away from whoever is held to it.
fn list_of_protocols(list: &str) -> (Weight, String) {
    let has = |wanted: &str| {
        let mut names = list.split([',', ' ']);
        names.any(|name| name.trim().eq_ignore_ascii_case(wanted))
    };
    match (has("TLSv1.2"), has("TLSv1.3")) {
        (_, true) => (
            Weight::Sets,
            "names the protocols that are offered".to_owned(),
        ),
        (true, false) => (Weight::Lowers, "holds it to TLSv1.2 at most".to_owned()),
        (false, false) => (Weight::Lowers, "takes TLSv1.2 and TLSv1.3 away".to_owned()),
    }
}
