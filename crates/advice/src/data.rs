//! The form of the data files; `data/README.md` says what each key means. Every table refuses keys it does
//! not know.

use std::collections::BTreeMap;
use std::fmt;

use hello::Version;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::goal::Goal;
use crate::version::{self, Range};

/// Whether a release can do what a floor asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Support {
    /// Offers it untouched.
    Default,
    /// Can, when told to.
    OptIn,
    /// As the TLS library under it does.
    Depends,
    /// Cannot.
    Never,
    /// Nobody has recorded it.
    Unknown,
}

impl fmt::Display for Support {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Default => "yes",
            Self::OptIn => "when switched on",
            Self::Depends => "depends",
            Self::Never => "no",
            Self::Unknown => "unknown",
        })
    }
}

/// How well the pages named under a rule carry it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Trust {
    /// They state it.
    Sourced,
    /// They support it, and a boundary or a default is general knowledge.
    Partial,
    /// There are none.
    Unsourced,
}

/// What kind of thing a family is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A programming language and its interpreter.
    Language,
    /// What programs are built on or run in.
    Platform,
    /// A program that makes requests.
    Client,
    /// Something that programs are linked with.
    Library,
    /// A product that calls APIs by configuration.
    Product,
    /// A browser.
    Browser,
    /// What speaks TLS on behalf of others.
    Proxy,
}

/// A change that fixes something.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fix {
    pub(crate) fix: String,
    pub(crate) snippet: Option<String>,
    pub(crate) language: Option<String>,
    pub(crate) sources: Vec<String>,
}

/// One family with all its releases: one file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Family<'text> {
    /// Borrowed from the file's text: answers carry it for as long as the program runs.
    #[serde(borrow)]
    pub(crate) id: &'text str,
    pub(crate) name: String,
    pub(crate) kind: Kind,
    #[serde(default = "middle")]
    pub(crate) rank: u16,
    pub(crate) notice: Option<u16>,
    #[serde(default)]
    pub(crate) aliases: Vec<String>,
    pub(crate) numbering: Option<Numbering>,
    #[serde(default)]
    pub(crate) builds: Vec<Build>,
    #[serde(default)]
    pub(crate) names: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) libraries: Vec<String>,
    /// The TLS library that every release carries, where that is certain.
    pub(crate) library: Option<String>,
    /// Whether all kinds of programs are linked with it, so that a hello that one of them was seen to send may
    /// be another's too.
    #[serde(default)]
    pub(crate) general_purpose: bool,
    /// Whether it is certain that it never sends GREASE (RFC 8701).
    #[serde(default)]
    pub(crate) no_grease: bool,
    pub(crate) find: String,
    pub(crate) verify: String,
    pub(crate) unknown: Option<Fix>,
    pub(crate) pinned: Option<Fix>,
    pub(crate) suites: Option<Fix>,
    #[serde(default)]
    pub(crate) pattern: Vec<Pattern>,
    pub(crate) rule: Vec<Rule>,
}

/// Rank of a family that does not say: between those that go first and the browsers.
const fn middle() -> u16 {
    50
}

/// How a family numbers its releases, where that is not plainly ascending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Numbering {
    /// 1.7.0_25, 7u25 and 7 are of one series; from 9 on the 1 is gone.
    Java,
}

/// A build number that stands for a release.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Build {
    pub(crate) build: String,
    pub(crate) release: String,
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
pub(crate) struct Rule {
    pub(crate) versions: Range,
    /// Facts beside the version that this rule needs.
    #[serde(default)]
    pub(crate) when: BTreeMap<String, String>,
    pub(crate) library: Option<String>,
    #[serde(default, deserialize_with = "openssl_name")]
    pub(crate) least: Option<Version>,
    pub(crate) verify: Option<String>,
    #[serde(rename = "tls1.2")]
    pub(crate) tls12: Answer,
    #[serde(rename = "tls1.3")]
    pub(crate) tls13: Answer,
    pub(crate) pq: Answer,
    #[cfg_attr(not(test), expect(dead_code, reason = "for those who keep the data"))]
    pub(crate) note: Option<String>,
    pub(crate) confidence: Trust,
    pub(crate) sources: Vec<String>,
}

impl Rule {
    pub(crate) fn answer(&self, goal: Goal) -> &Answer {
        match goal {
            Goal::Tls12 => &self.tls12,
            Goal::Tls13 => &self.tls13,
            Goal::Pq => &self.pq,
        }
    }

    /// The facts that this rule needs, as a reader would say them.
    pub(crate) fn condition(&self) -> Option<String> {
        let facts: Vec<String> = self
            .when
            .iter()
            .map(|(fact, value)| match fact.as_str() {
                "target" => format!("built for {value}"),
                "os" => format!("on {value}"),
                "library" => format!("with {value}"),
                "api" => format!("through {value}"),
                "transport" => format!("over {value}"),
                "installed" => format!("with {value} installed"),
                "patch" if !value.starts_with("without") => format!("with {value}"),
                _ => value.clone(),
            })
            .collect();
        (!facts.is_empty()).then(|| facts.join(", "))
    }
}

/// What a rule says of one floor: a word, or a table with the way there.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) support: Support,
    /// The libraries it depends on, by id, and from which release on each will do.
    pub(crate) on: BTreeMap<String, Range>,
    pub(crate) fix: Option<String>,
    pub(crate) snippet: Option<String>,
    pub(crate) language: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnswerTable {
    support: Support,
    #[serde(default)]
    on: BTreeMap<String, Range>,
    fix: Option<String>,
    snippet: Option<String>,
    language: Option<String>,
}

impl<'de> Deserialize<'de> for Answer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = Answer;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"default\", \"opt-in\", \"depends\", \"never\" or \"unknown\", or a table with `support`")
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<Answer, E> {
                let support = Support::deserialize(serde::de::value::StrDeserializer::new(word))?;
                Ok(Answer {
                    support,
                    on: BTreeMap::new(),
                    fix: None,
                    snippet: None,
                    language: None,
                })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Answer, A::Error> {
                let table = AnswerTable::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Answer {
                    support: table.support,
                    on: table.on,
                    fix: table.fix,
                    snippet: table.snippet,
                    language: table.language,
                })
            }
        }
        deserializer.deserialize_any(Form)
    }
}

/// A file of fingerprints.
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
    pub(crate) versions: Option<Range>,
    /// Lists of signature algorithms that it sends by itself: code points in hex, joined by `-`.
    #[serde(default)]
    pub(crate) schemes: Vec<String>,
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
    /// Whether it is the runtime's own choice of cipher suites, which nothing else sends.
    #[serde(default)]
    pub(crate) peculiar: bool,
    #[serde(default)]
    pub(crate) runtimes: Vec<Candidate>,
}

/// A runtime that was seen sending a fingerprint.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Candidate {
    pub(crate) family: String,
    /// The series, where the fingerprint fixes it.
    pub(crate) version: Option<String>,
    /// The releases it was seen from, where it does not.
    pub(crate) versions: Option<Range>,
}

/// The answers that name no runtime.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct General {
    pub(crate) nothing: GeneralAnswer,
    pub(crate) unrecognised: GeneralAnswer,
    pub(crate) intermediary: GeneralAnswer,
    pub(crate) suites: GeneralAnswer,
    pub(crate) groups: GeneralAnswer,
    pub(crate) pinned: GeneralAnswer,
}

/// One such answer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GeneralAnswer {
    pub(crate) summary: String,
    pub(crate) verify: String,
    pub(crate) sources: Vec<String>,
}

impl Family<'_> {
    /// A release number of this family, whichever way it is written.
    pub(crate) fn version(&self, text: &str) -> Option<version::Version> {
        let text = self
            .names
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(text.trim()))
            .map_or(text, |(_, version)| version);
        let version = version::Version::parse(text)?;
        if self.numbering == Some(Numbering::Java) {
            return Some(version.as_java());
        }
        let of_build = self.builds.iter().rev().find_map(|row| {
            let build = version::Version::parse(&row.build)?;
            let same = version.starts_like(&build) && version >= build;
            same.then(|| version::Version::parse(&row.release))?
        });
        Some(of_build.unwrap_or(version))
    }

    /// A range of this family's releases.
    pub(crate) fn range(&self, text: &str) -> Option<Range> {
        let mut range = Range::try_from(text.to_owned()).ok()?;
        if self.numbering == Some(Numbering::Java) {
            range.as_java();
        }
        Some(range)
    }

    /// The rules that cover `version`: the one that needs no other fact first.
    pub(crate) fn rules(&self, version: &str) -> (Option<&Rule>, Vec<&Rule>) {
        let Some(version) = self.version(version) else {
            return (None, Vec::new());
        };
        let covering = || {
            self.rule
                .iter()
                .filter(move |rule| rule.versions.contains(&version))
        };
        let plain = covering().find(|rule| rule.when.is_empty());
        (
            plain,
            covering().filter(|rule| !rule.when.is_empty()).collect(),
        )
    }

    /// The rule that covers `version` and needs no other fact.
    pub(crate) fn plain_rule(&self, version: &str) -> Option<&Rule> {
        let version = self.version(version)?;
        self.rule
            .iter()
            .find(|rule| rule.when.is_empty() && rule.versions.contains(&version))
    }
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
