//! From a runtime and a shortfall to the change that fixes it.

use hello::Version;
use serde::Serialize;

use crate::{
    data::{Answer, Family, Library, Release, Support},
    knowledge::Knowledge,
    recognise::Runtime,
    template,
};

/// The one change that fixes a client, and the command that proves it. Plain text throughout: escape it
/// for where it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Advice {
    /// What to change, in a sentence or three.
    pub summary: String,
    /// The line of code, setting or command that makes the change, where there is one.
    pub snippet: Option<String>,
    /// One command in the runtime's own language that calls the check address and shows which protocol
    /// was negotiated; for a browser or an app, what to do instead.
    pub verify: String,
    /// Pages the facts come from.
    pub sources: Vec<String>,
}

/// Summary, snippet and sources; the verify command is chosen apart.
type Change<'k> = (String, Option<&'k String>, &'k [String]);

/// A runtime of which the family is known.
struct Case<'a> {
    runtime: &'a Runtime,
    family: &'a Family<'static>,
    release: Option<&'a Release>,
    library: Option<&'a Library>,
    offered: Version,
    needed: Version,
}

impl Knowledge {
    /// What `runtime`, which offered `offered` at most, must change to offer `needed`.
    ///
    /// `check_url` is the full address of the platform's `/ssl/`; it goes into the verify command with
    /// everything percent-encoded that a shell would act on. A client that already offers enough is told
    /// that nothing needs changing.
    pub fn advise(
        &self,
        runtime: Option<&Runtime>,
        offered: Version,
        needed: Version,
        check_url: &str,
    ) -> Advice {
        let family = runtime.and_then(|runtime| self.family(runtime.family));
        let case = runtime.zip(family).map(|(runtime, family)| Case {
            runtime,
            family,
            release: runtime
                .version
                .as_deref()
                .and_then(|version| family.release(version)),
            library: runtime
                .library
                .as_deref()
                .and_then(|name| self.library(name)),
            offered,
            needed,
        });
        let Some(case) = case else {
            let answer = if offered >= needed {
                &self.general.nothing
            } else {
                &self.general.unrecognised
            };
            return general(answer, offered, needed, check_url);
        };
        let own_verify = case.verify();
        if offered >= needed {
            let answer = general(&self.general.nothing, offered, needed, check_url);
            return Advice {
                verify: template::fill(own_verify, check_url),
                ..answer
            };
        }
        if let Some(contradiction) = &case.runtime.contradiction {
            let mut answer = general(&self.general.intermediary, offered, needed, check_url);
            answer.summary = format!("The clues disagree: {contradiction}. {}", answer.summary);
            return answer;
        }
        let (mut summary, snippet, sources) = case.change();
        let candidates = &case.runtime.candidates;
        if !candidates.is_empty() {
            summary = format!(
                "{summary} Seen with this handshake: {}.",
                candidates.join(", ")
            );
        }
        Advice {
            summary,
            snippet: snippet.cloned(),
            verify: template::fill(own_verify, check_url),
            sources: sources.to_vec(),
        }
    }
}

impl<'a> Case<'a> {
    fn verify(&self) -> &'a str {
        let own = self.release.and_then(|release| release.verify.as_ref());
        own.unwrap_or(&self.family.verify)
    }

    /// TLS 1.3 has facts of its own; whoever needs less than TLS 1.2 gets there with TLS 1.2.
    fn change(&self) -> Change<'a> {
        if self.needed > Version::TLSV1_2 {
            self.reach_tls13()
        } else {
            self.reach_tls12()
        }
    }

    fn reach_tls12(&self) -> Change<'a> {
        let library = self.library.map(|library| library.tls12);
        let Some(release) = self.release else {
            return match library {
                Some(Support::Default) => self.pinned(),
                _ => self.version_unknown(),
            };
        };
        match (release.tls12, library) {
            (Support::Default, _) | (Support::Depends, Some(Support::Default)) => self.pinned(),
            (Support::Depends, None | Some(Support::Depends)) => {
                let (summary, ..) = self.release_says(release);
                let summary = format!(
                    "{summary} If all that is in order, something else limits it. {}",
                    self.family.pinned.summary
                );
                (summary, release.snippet.as_ref(), &release.sources)
            }
            _ => self.release_says(release),
        }
    }

    fn reach_tls13(&self) -> Change<'a> {
        let what = name_of(self.runtime);
        let library = self.library.and_then(|library| library.tls13);
        let Some(release) = self.release else {
            if library == Some(Support::Default) {
                return self.pinned();
            }
            let find = &self.family.find;
            let summary = format!(
                "{what}, version unknown: to see it, {find}. {}",
                self.first_tls13()
            );
            return (summary, None, &self.family.unknown.sources);
        };
        let sources = release.sources.as_slice();
        let summary = match (release.tls13, library) {
            (Some(Support::Default), _) | (Some(Support::Depends), Some(Support::Default)) => {
                return self.pinned();
            }
            (Some(Support::Never), _) => {
                format!("{what} cannot speak TLSv1.3. {}", self.first_tls13())
            }
            (Some(Support::OptIn), _) => {
                let summary = format!(
                    "{what} has TLSv1.3 but leaves it off: switch it on. {}",
                    self.first_tls13()
                );
                return (summary, release.tls13_snippet.as_ref(), sources);
            }
            (Some(Support::Depends), _) => {
                let on_openssl = self.family.libraries.iter().any(|id| id == "openssl");
                let since = if on_openssl {
                    " (OpenSSL from 1.1.1 on)"
                } else {
                    ""
                };
                let find = &self.family.find;
                format!(
                    "{what} offers TLSv1.3 when what it runs on does{since}; to see that, {find}."
                )
            }
            (None, _) => format!(
                "No facts about TLSv1.3 in {what} are recorded here; to see what it runs on, {}. {}",
                self.family.find,
                self.first_tls13()
            ),
        };
        (summary, None, sources)
    }

    /// It could, and did not: something holds it down.
    fn pinned(&self) -> Change<'a> {
        let pinned = &self.family.pinned;
        let summary = format!(
            "{} can offer {} but offered {} at most: a setting, or something between it and this API, limits it. {}",
            name_of(self.runtime),
            self.needed.max(Version::TLSV1_2),
            self.offered,
            pinned.summary
        );
        (summary, pinned.snippet.as_ref(), &pinned.sources)
    }

    fn version_unknown(&self) -> Change<'a> {
        let unknown = &self.family.unknown;
        let summary = format!(
            "{}, version unknown: to see it, {}. {}",
            self.runtime.runtime, self.family.find, unknown.summary
        );
        (summary, unknown.snippet.as_ref(), &unknown.sources)
    }

    fn release_says(&self, release: &'a Release) -> Change<'a> {
        let said = release.summary.as_deref().unwrap_or_default();
        let summary = said.replace("{name}", &name_of(self.runtime));
        (summary, release.snippet.as_ref(), &release.sources)
    }

    /// Where TLS 1.3 begins in this family, by its own rows.
    fn first_tls13(&self) -> String {
        let name = &self.family.name;
        let first = |support| {
            let row = self
                .family
                .release
                .iter()
                .find(|row| row.tls13 == Some(support))?;
            Some(row.versions.first().map_or("every", |first| first))
        };
        match (first(Support::Default), first(Support::Depends)) {
            (Some(first), _) => format!("{name} {first} and later offer TLSv1.3 by default."),
            (None, Some("every")) => format!("{name} offers TLSv1.3 when what it runs on does."),
            (None, Some(first)) => {
                format!("{name} {first} and later offer TLSv1.3 when what they run on does.")
            }
            (None, None) => format!("No release of {name} is recorded here as offering TLSv1.3."),
        }
    }
}

/// Name and version of a runtime, as a reader would say it.
pub(crate) fn name_of(runtime: &Runtime) -> String {
    match &runtime.version {
        Some(version) => format!("{} {version}", runtime.runtime),
        None => runtime.runtime.clone(),
    }
}

fn general(answer: &Answer, offered: Version, needed: Version, check_url: &str) -> Advice {
    let summary = answer
        .summary
        .replace("{offered}", &offered.to_string())
        .replace("{needed}", &needed.to_string());
    Advice {
        summary,
        snippet: None,
        verify: template::fill(&answer.verify, check_url),
        sources: answer.sources.clone(),
    }
}
