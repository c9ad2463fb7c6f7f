//! From a runtime and a shortfall to the change that fixes it.

use std::fmt;

use floor::{Floor, Shortfall, Verdict};
use hello::Version;
use hello::names::Named;
use serde::Serialize;

use crate::{
    case::Case,
    data::{GeneralAnswer, Kind, Support, Trust},
    goal::Goal,
    knowledge::Knowledge,
    recognise::Runtime,
    template,
    version::Range,
};

/// The one change that fixes a client, and the command that proves it. Plain text throughout: escape it
/// for where it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Advice {
    /// What to change: the shortest true sentence first, then how.
    pub summary: String,
    /// The line of code, setting or command that makes the change, where there is one.
    pub snippet: Option<String>,
    /// What the snippet is written in: `python`, `shell`, `java-options`.
    pub language: Option<String>,
    /// How to see the version that matters: a command or a place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub find: Option<String>,
    /// One command in the runtime's own language that calls the check address and shows which protocol
    /// was negotiated; for a browser or an app, what to do instead.
    pub verify: String,
    /// Pages the facts come from.
    pub sources: Vec<String>,
    /// How well they carry what is said.
    pub confidence: Trust,
}

/// What a change comes to, before the verify command.
pub(crate) struct Change {
    pub(crate) summary: String,
    pub(crate) snippet: Option<String>,
    pub(crate) language: Option<String>,
    pub(crate) sources: Vec<String>,
    pub(crate) trust: Trust,
}

/// How a runtime stands with a goal, when nothing was offered yet.
#[derive(Clone, Debug, Serialize)]
pub struct Prospect {
    /// Whether it can.
    pub support: Support,
    /// What to do.
    pub advice: Advice,
    /// What else may be, under which facts: `without the TLS update of 2016`.
    pub otherwise: Vec<Otherwise>,
}

/// What holds instead where a further fact does.
#[derive(Clone, Debug, Serialize)]
pub struct Otherwise {
    /// The fact.
    pub when: String,
    /// Whether it can then.
    pub support: Support,
    /// What to do then.
    pub fix: String,
    /// The line that does it.
    pub snippet: Option<String>,
    /// What that is written in.
    pub language: Option<String>,
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
        if offered >= needed {
            return self.nothing(
                runtime,
                &offered.to_string(),
                &needed.to_string(),
                check_url,
            );
        }
        self.toward(
            runtime,
            Goal::of_version(needed),
            (&offered.to_string(), &needed.to_string()),
            check_url,
        )
    }

    /// What `runtime` must change so that `verdict` becomes one that meets; `None` when it meets.
    ///
    /// Of several shortfalls the first is advised on: a version comes before suites and groups, which often
    /// come with it.
    pub fn advise_verdict(
        &self,
        runtime: Option<&Runtime>,
        verdict: &Verdict,
        check_url: &str,
    ) -> Option<Advice> {
        let shortfall = verdict.shortfalls().next()?;
        let needed = shortfall.needed().to_string();
        let goal = Goal::of_shortfall(shortfall);
        Some(match (shortfall, goal) {
            (Shortfall::Version { offered, .. }, Some(goal)) => {
                self.toward(runtime, goal, (&offered.to_string(), &needed), check_url)
            }
            (Shortfall::Groups { .. }, Some(goal)) => {
                self.toward(runtime, goal, ("no post-quantum group", &needed), check_url)
            }
            (Shortfall::Groups { .. }, None) => {
                general(&self.general.groups, "", &needed, check_url)
            }
            (Shortfall::Suites { needed: code }, _) => self.suites(runtime, code, check_url),
            (Shortfall::Version { .. }, None) => {
                general(&self.general.unrecognised, "", &needed, check_url)
            }
        })
    }

    /// How a release stands with what `floor` asks, goal by goal, when it has offered nothing yet.
    pub fn prospects(
        &self,
        runtime: &Runtime,
        floor: &Floor,
        check_url: &str,
    ) -> Vec<(Goal, Prospect)> {
        Goal::of_floor(floor)
            .into_iter()
            .filter_map(|goal| Some((goal, self.prospect(runtime, goal, check_url)?)))
            .collect()
    }

    /// How a release stands with one goal, when it has offered nothing yet; `None` when its family is not known.
    pub fn prospect(&self, runtime: &Runtime, goal: Goal, check_url: &str) -> Option<Prospect> {
        let case = Case::new(self, runtime, goal, None)?;
        Some(Prospect {
            support: case.support(),
            otherwise: case.otherwise(),
            advice: case.advice(case.change(), check_url),
        })
    }

    /// The advice where `theirs`, what a client says it negotiated, is not `ours`: what stands between speaks to us.
    /// Both are a protocol, or a protocol and a cipher suite.
    pub fn advise_intermediary(
        &self,
        theirs: impl fmt::Display,
        ours: impl fmt::Display,
        check_url: &str,
    ) -> Advice {
        let mut advice = general(&self.general.intermediary, "", "", check_url);
        advice.summary = format!(
            "The client negotiated {theirs}, the server {ours}: something between them re-encrypts. {}",
            advice.summary
        );
        advice
    }

    fn toward(
        &self,
        runtime: Option<&Runtime>,
        goal: Goal,
        (offered, needed): (&str, &str),
        check_url: &str,
    ) -> Advice {
        let case = runtime.and_then(|runtime| Case::new(self, runtime, goal, Some(offered)));
        let Some((runtime, case)) = runtime.zip(case) else {
            let answer = match goal {
                Goal::Pq => &self.general.groups,
                Goal::Tls12 | Goal::Tls13 => &self.general.unrecognised,
            };
            return general(answer, offered, needed, check_url);
        };
        if let Some(contradiction) = &runtime.contradiction {
            let lead = format!("The clues disagree: {contradiction}.");
            if case.family.kind == Kind::Proxy {
                let mut answer = case.advice(case.change(), check_url);
                answer.summary = format!("{lead} {}", answer.summary);
                return answer;
            }
            let mut answer = general(&self.general.intermediary, offered, needed, check_url);
            answer.summary = format!("{lead} {}", answer.summary);
            return answer;
        }
        let mut change = case.change();
        if !runtime.candidates.is_empty() {
            change.summary = format!(
                "{} Seen with this handshake: {}.",
                change.summary,
                runtime.candidates.join(", ")
            );
        }
        case.advice(change, check_url)
    }

    fn suites(&self, runtime: Option<&Runtime>, code: u16, check_url: &str) -> Advice {
        let needed = Named::Suite(code).to_string();
        let mut advice = general(&self.general.suites, "", &needed, check_url);
        let family = runtime.and_then(|runtime| self.family(runtime.family));
        let under = || Some(self.stack(runtime?.library.as_deref()?)?.family);
        let own = family.and_then(|family| family.suites.as_ref());
        if let Some(fix) = own.or_else(|| under()?.suites.as_ref()) {
            advice.summary = format!(
                "None of this client's cipher suites will do; it needs one such as {needed}. {}",
                fix.fix
            );
            advice.snippet.clone_from(&fix.snippet);
            advice.language.clone_from(&fix.language);
            advice.sources.clone_from(&fix.sources);
        }
        if let Some(family) = family {
            advice.verify = template::fill(&family.verify, check_url);
            advice.find = Some(family.find.clone());
        }
        advice
    }

    fn nothing(
        &self,
        runtime: Option<&Runtime>,
        offered: &str,
        needed: &str,
        check_url: &str,
    ) -> Advice {
        let mut advice = general(&self.general.nothing, offered, needed, check_url);
        let family = runtime.and_then(|runtime| self.family(runtime.family).zip(Some(runtime)));
        if let Some((family, runtime)) = family {
            let rule = runtime
                .version
                .as_deref()
                .and_then(|version| family.plain_rule(version));
            let own = rule.and_then(|rule| rule.verify.as_ref());
            advice.verify = template::fill(own.unwrap_or(&family.verify), check_url);
        }
        advice
    }
}

/// Name and version of a runtime, as a reader would say it.
pub(crate) fn name_of(runtime: &Runtime) -> String {
    match (&runtime.version, &runtime.versions) {
        (Some(version), _) => format!("{} {version}", runtime.runtime),
        (None, Some(versions)) => {
            let span = Range::try_from(versions.clone()).map(|range| range.words());
            format!("{} {}", runtime.runtime, span.unwrap_or_default())
        }
        (None, None) => runtime.runtime.clone(),
    }
}

fn general(answer: &GeneralAnswer, offered: &str, needed: &str, check_url: &str) -> Advice {
    let summary = answer
        .summary
        .replace("{offered}", offered)
        .replace("{needed}", needed);
    Advice {
        summary,
        snippet: None,
        language: None,
        find: None,
        verify: template::fill(&answer.verify, check_url),
        sources: answer.sources.clone(),
        confidence: Trust::Sourced,
    }
}
