//! All that was found. The field names are the contract with whoever parses `--json`.

use advice::Advice;
use edge::Offered;
use floor::Floor;
use hello::names::Named;
use serde::Serialize;

use super::examine::{Finding, Outcome};
use super::judge::{self, Judged, Verdict};
use super::overrides::Override;
use crate::check::answer::{Answer, Explanation, ServerVerdict};

/// What is said of one machine.
#[derive(Serialize)]
pub(super) struct Report {
    /// What each runtime asked for; absent where they shook hands with nobody.
    pub(super) url: Option<String>,
    /// The floors whose verdicts decide the exit code.
    pub(super) decided_by: Vec<&'static str>,
    pub(super) runtimes: Vec<Entry>,
    /// What silently overrules them, the gravest first.
    pub(super) overrides: Vec<Override>,
    /// What else has to be known to read this.
    pub(super) notes: Vec<String>,
    pub(super) verdict: Overall,
}

/// How the machine stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Overall {
    Meets,
    /// A runtime misses a floor that decides, or is refused.
    Misses,
    /// Nothing could be told.
    Unknown,
}

/// One runtime.
#[derive(Serialize)]
pub(super) struct Entry {
    pub(super) kind: &'static str,
    pub(super) name: &'static str,
    pub(super) version: Option<String>,
    /// Where it was found, and what that leads to.
    pub(super) path: String,
    pub(super) real_path: String,
    pub(super) library: Option<String>,
    /// Why it was not asked, where it was not.
    pub(super) not_asked: Option<String>,
    pub(super) offered: Option<Offered>,
    /// Absent without a URL, and where it did not come to that.
    pub(super) handshake: Option<Handshake>,
    /// What its own library says.
    pub(super) own: Words,
    /// What the server saw, where it says so.
    pub(super) server: Option<Answer>,
    pub(super) explanation: Option<Explanation>,
    /// What stands between the two re-encrypts: what to do about that.
    pub(super) intermediary: Option<Advice>,
    pub(super) floors: Vec<Judged>,
}

/// What became of a handshake.
#[derive(Serialize)]
pub(super) struct Handshake {
    pub(super) outcome: Ended,
    pub(super) protocol: Option<String>,
    pub(super) cipher: Option<String>,
    pub(super) group: Option<String>,
    /// The alert that refused it.
    pub(super) alert: Option<String>,
    /// Why it came to nothing.
    pub(super) why: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Ended {
    Agreed,
    /// The runtime ended it after the server had chosen: most often it does not trust the certificate.
    Broken,
    Refused,
    Failed,
}

/// What a runtime's own library says.
#[derive(Serialize)]
pub(super) struct Words {
    pub(super) protocol: Option<String>,
    pub(super) cipher: Option<String>,
    pub(super) error: Option<String>,
}

impl Entry {
    pub(super) fn new(finding: Finding, floors: &[&'static Floor], check_url: &str) -> Self {
        let judged = judge::judge(&finding, floors, check_url);
        let intermediary = judge::intermediary(&finding, check_url);
        let (version, library) = match finding.about {
            Some(about) => (Some(about.version), about.library),
            None => (None, None),
        };
        let library = library.filter(|_| {
            finding.program.kind.id != "openssl" && finding.program.kind.id != "gnutls"
        });
        Self {
            kind: finding.program.kind.id,
            name: finding.program.kind.name,
            version,
            path: finding.program.path.display().to_string(),
            real_path: finding.program.real.display().to_string(),
            library,
            not_asked: finding.not_asked,
            offered: finding.offer.map(Offered::new),
            handshake: finding.outcome.map(Handshake::from),
            own: Words {
                protocol: finding.own.protocol,
                cipher: finding.own.cipher,
                error: finding.own.error,
            },
            server: finding.answer,
            explanation: finding.explanation,
            intermediary,
            floors: judged,
        }
    }

    /// Name and version.
    pub(super) fn title(&self) -> String {
        match &self.version {
            Some(version) => format!("{} {version}", self.name),
            None => self.name.to_owned(),
        }
    }

    /// Whether the server refused it.
    pub(super) fn is_refused(&self) -> bool {
        let refused = |handshake: &Handshake| handshake.outcome == Ended::Refused;
        self.handshake.as_ref().is_some_and(refused) || self.explanation.is_some()
    }

    /// Whether the server serves it today, and says that it misses a floor.
    pub(super) fn is_at_risk(&self) -> bool {
        let verdict = self.server.as_ref().and_then(|answer| answer.verdict);
        matches!(
            verdict,
            Some(ServerVerdict::AtRisk | ServerVerdict::Blocked)
        ) && !self.is_refused()
    }
}

impl From<Outcome> for Handshake {
    fn from(outcome: Outcome) -> Self {
        let (outcome, chosen, alert, why) = match outcome {
            Outcome::Agreed(chosen) => (Ended::Agreed, Some(chosen), None, None),
            Outcome::Broken(chosen) => (Ended::Broken, Some(chosen), None, None),
            Outcome::Refused(code) => (
                Ended::Refused,
                None,
                Some(Named::Alert(code).to_string()),
                None,
            ),
            Outcome::Failed(why) => (Ended::Failed, None, None, Some(why)),
        };
        Self {
            outcome,
            protocol: chosen.map(|chosen| chosen.version.to_string()),
            cipher: chosen.map(|chosen| chosen.cipher()),
            group: chosen.and_then(|chosen| chosen.group_name()),
            alert,
            why,
        }
    }
}

/// How the machine stands with the floors that decide.
pub(super) fn overall(runtimes: &[Entry], decided_by: &[&str]) -> Overall {
    let deciding = |entry: &Entry| -> Vec<Verdict> {
        let floors = entry
            .floors
            .iter()
            .filter(|judged| decided_by.contains(&judged.name));
        floors.map(|judged| judged.verdict).collect()
    };
    let all: Vec<Verdict> = runtimes.iter().flat_map(deciding).collect();
    if all.contains(&Verdict::Misses)
        || runtimes
            .iter()
            .any(|entry| entry.is_refused() || entry.is_at_risk())
    {
        Overall::Misses
    } else if all.contains(&Verdict::Meets) {
        Overall::Meets
    } else {
        Overall::Unknown
    }
}
