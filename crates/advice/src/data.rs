//! The form of the data files. Every table refuses keys it does not know.

use hello::Version;
use serde::{Deserialize, Deserializer, de::Error};

use crate::version::Range;

/// Whether a release offers a protocol version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Support {
    /// Offers it untouched.
    Default,
    /// Can, when told to.
    OptIn,
    /// Cannot.
    Never,
    /// As the TLS library under it does.
    Depends,
}

/// A change that fixes something.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fix {
    pub(crate) summary: String,
    pub(crate) snippet: Option<String>,
    pub(crate) sources: Vec<String>,
}

/// A file of runtimes, browsers or libraries.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FamilyFile<'text> {
    #[serde(borrow)]
    pub(crate) runtime: Vec<Family<'text>>,
}

/// One runtime with all its releases. The keys are described in `data/runtimes.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Family<'text> {
    /// Borrowed from the file's text: answers carry it for as long as the program runs.
    pub(crate) id: &'text str,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) libraries: Vec<String>,
    pub(crate) find: String,
    pub(crate) verify: String,
    pub(crate) unknown: Fix,
    pub(crate) pinned: Fix,
    #[serde(default)]
    pub(crate) pattern: Vec<Pattern>,
    pub(crate) release: Vec<Release>,
}

/// One shape of User-Agent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pattern {
    pub(crate) regex: String,
    /// Whether the User-Agent writes the dots of the version as underscores.
    #[serde(default)]
    pub(crate) underscores: bool,
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "the tests hold each pattern to its examples")
    )]
    pub(crate) examples: Vec<Example>,
}

/// A User-Agent that a pattern must match, and the version that must come out.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the tests hold each pattern to its examples")
)]
pub(crate) struct Example {
    pub(crate) ua: String,
    pub(crate) version: Option<String>,
}

/// A range of releases with the same facts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Release {
    pub(crate) versions: Range,
    pub(crate) library: Option<String>,
    pub(crate) tls12: Support,
    pub(crate) tls13: Option<Support>,
    #[serde(default, deserialize_with = "openssl_name")]
    pub(crate) least: Option<Version>,
    pub(crate) summary: Option<String>,
    pub(crate) snippet: Option<String>,
    pub(crate) tls13_snippet: Option<String>,
    pub(crate) verify: Option<String>,
    pub(crate) sources: Vec<String>,
}

/// The file of fingerprints.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LibraryFile {
    pub(crate) library: Vec<Library>,
}

/// A TLS library, or a span of its releases, as fingerprints tell it apart.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Library {
    pub(crate) name: String,
    pub(crate) family: String,
    pub(crate) version: Option<String>,
    pub(crate) tls12: Support,
    pub(crate) tls13: Option<Support>,
    pub(crate) fingerprint: Vec<Fingerprint>,
}

/// Fingerprints that one stack sends in one state.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fingerprint {
    #[serde(default)]
    pub(crate) ja4: Vec<String>,
    #[serde(default)]
    pub(crate) ja3: Vec<String>,
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "says on whose word the row stands")
    )]
    pub(crate) seen: String,
    #[serde(default)]
    pub(crate) runtimes: Vec<Candidate>,
}

/// A runtime that was seen sending a fingerprint.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Candidate {
    pub(crate) family: String,
    pub(crate) version: Option<String>,
}

/// The answers that name no runtime.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct General {
    pub(crate) nothing: Answer,
    pub(crate) unrecognised: Answer,
    pub(crate) intermediary: Answer,
}

/// One such answer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Answer {
    pub(crate) summary: String,
    pub(crate) verify: String,
    pub(crate) sources: Vec<String>,
}

/// A protocol version by its OpenSSL name.
fn openssl_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Version>, D::Error> {
    let name = String::deserialize(deserializer)?;
    let version = Version::from_name(&name).ok_or_else(|| {
        let known = Version::KNOWN.map(|known| known.to_string()).join(", ");
        D::Error::custom(format!(
            "no protocol version is called {name:?}; there are {known}"
        ))
    })?;
    Ok(Some(version))
}
