//! What `/ssl/` answers: what this connection negotiated, what the client offered, what the plan says of it
//! and what to change. Data fields hold data, never prose.

use advice::{Advice, Clues, Confidence, Knowledge};
use floor::{Action, Moment, Phase, Plan, Verdict, Who};
use hello::{Offer, Version};
use jiff::Timestamp;
use ledger::Negotiated;
use serde::Serialize;

use super::offered::Offered;

/// The answer. The field names are the contract with whoever parses it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct SslAnswer {
    pub(crate) protocol: String,
    pub(crate) cipher: &'static str,
    pub(crate) cipher_iana: Option<&'static str>,
    pub(crate) group: Option<&'static str>,
    pub(crate) resumed: bool,
    /// Whether the client says that it negotiated another version: then something in between re-encrypts. Absent where
    /// it says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) differs: Option<bool>,
    pub(crate) offered: Offered,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) client: Option<Client>,
    pub(crate) floors: Vec<FloorStanding>,
    pub(crate) verdict: Overall,
    pub(crate) advice: Option<Advice>,
    pub(crate) report: Option<String>,
    /// The moment of the answer, on the plan's clock.
    pub(crate) at: Timestamp,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Fingerprint {
    pub(crate) ja3: String,
    pub(crate) ja4: String,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Client {
    pub(crate) runtime: String,
    pub(crate) version: Option<String>,
    /// The releases seen with this hello, where no more is known of the version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) versions: Option<String>,
    pub(crate) library: Option<String>,
    /// The library whose cipher suites it offers, where no more is known of the hello.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) like: Option<String>,
    pub(crate) confidence: Confidence,
    pub(crate) from: Vec<&'static str>,
    /// Runtimes seen with this hello, where it does not settle on one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) candidates: Vec<String>,
    /// Why the clues cannot all be true; what is named above is then what the handshake shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) contradiction: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct FloorStanding {
    pub(crate) name: String,
    pub(crate) sunset: String,
    pub(crate) phase: Option<Phase>,
    /// The sunset is on hold: whatever its dates say, it acts as in observe.
    pub(crate) held: bool,
    pub(crate) verdict: &'static str,
    pub(crate) because: Vec<String>,
    pub(crate) needed: Vec<String>,
    pub(crate) next: Option<Next>,
    /// The end of the exception that keeps this client served.
    pub(crate) exception_until: Option<Timestamp>,
    /// What the floor asks, in words.
    pub(crate) title: String,
    /// When clients that miss are turned away for good.
    pub(crate) ends: Option<Timestamp>,
    /// Where a client's owner can ask for help.
    pub(crate) contact: Option<String>,
}

impl FloorStanding {
    pub(crate) fn meets(&self) -> bool {
        self.because.is_empty()
    }

    /// Whether what turns this client away now is a date, and no brownout.
    pub(crate) fn turns_away_for_good(&self) -> bool {
        let ended = matches!(self.phase, Some(Phase::Explain | Phase::Refuse));
        ended && !self.meets() && self.exception_until.is_none()
    }
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Next {
    pub(crate) phase: Phase,
    pub(crate) at: Timestamp,
}

/// How the client stands with the whole plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Overall {
    /// Meets every floor.
    Ok,
    /// Misses a floor, and is still served.
    AtRisk,
    /// API requests of this client are turned away now.
    Blocked,
}

/// What is known of the connection that asks.
pub(crate) struct Subject<'a> {
    pub(crate) offer: &'a Offer,
    pub(crate) negotiated: &'a Negotiated,
    pub(crate) who: Who<'a>,
    pub(crate) user_agent: Option<&'a str>,
    /// What the client says it negotiated.
    pub(crate) claimed: Option<Version>,
    /// The full URL of `/ssl/` as the client reached it.
    pub(crate) ssl_url: String,
}

impl SslAnswer {
    pub(crate) fn new(
        plan: &Plan,
        subject: &Subject<'_>,
        now: Timestamp,
        report: Option<String>,
    ) -> Self {
        let Subject {
            offer, negotiated, ..
        } = *subject;
        let ja3 = hello::ja3(offer);
        let ja4 = hello::ja4(offer);

        let mut overall = Overall::Ok;
        let mut worst: Option<(Action, Verdict)> = None;
        let mut floors = Vec::new();
        for (sunset, standing) in plan.sunsets.iter().zip(plan.standings(
            offer,
            &subject.who,
            Moment::Request { path: "/" },
            now,
        )) {
            // A sunset for a cohort is not there for whoever is not in it.
            if !standing.applies {
                continue;
            }
            if !standing.verdict.meets() {
                overall = if matches!(standing.action, Action::Explain | Action::Refuse(_))
                    || overall == Overall::Blocked
                {
                    Overall::Blocked
                } else {
                    Overall::AtRisk
                };
                if worst.is_none_or(|(action, _)| standing.action > action) {
                    worst = Some((standing.action, standing.verdict));
                }
            }
            floors.push(FloorStanding {
                name: sunset.floor.name().to_owned(),
                sunset: sunset.name.clone(),
                phase: standing.phase,
                held: standing.held,
                verdict: if standing.verdict.meets() {
                    "meets"
                } else {
                    "misses"
                },
                because: standing
                    .verdict
                    .shortfalls()
                    .map(|shortfall| shortfall.because().to_string())
                    .collect(),
                needed: standing
                    .verdict
                    .shortfalls()
                    .map(|shortfall| shortfall.needed().to_string())
                    .collect(),
                next: standing.next.map(|change| Next {
                    phase: change.phase,
                    at: change.at,
                }),
                exception_until: standing
                    .exception
                    .and_then(|index| plan.exceptions.get(index))
                    .map(|exception| exception.until),
                title: sunset.floor.title().to_owned(),
                ends: sunset.ends_at(),
                contact: sunset.contact.clone(),
            });
        }

        let (client, advice) = recognise(subject, worst.map(|(_, verdict)| verdict), &ja3, &ja4);
        Self {
            protocol: negotiated.version.to_string(),
            cipher: negotiated.cipher,
            cipher_iana: negotiated.cipher_iana(),
            group: negotiated.group,
            resumed: negotiated.resumed,
            differs: subject.claimed.map(|claimed| claimed != negotiated.version),
            offered: Offered::new(offer.clone()),
            fingerprint: Fingerprint { ja3, ja4 },
            client,
            floors,
            verdict: overall,
            advice,
            report,
            at: now,
        }
    }
}

/// Who the client is, and what fixes the worst thing it misses.
pub(crate) fn recognise(
    subject: &Subject<'_>,
    missed: Option<Verdict>,
    ja3: &str,
    ja4: &str,
) -> (Option<Client>, Option<Advice>) {
    let knowledge = Knowledge::embedded();
    let offered = subject.offer.max_version();
    let clues = Clues {
        user_agent: subject.user_agent,
        ja4: Some(ja4),
        ja3: Some(ja3),
        max_protocol: offered,
    };
    let runtime = knowledge.recognise_offer(&clues, subject.offer);
    let ours = subject.negotiated.version;
    let advice = match subject.claimed.filter(|claimed| *claimed != ours) {
        // What it runs on is not what spoke to us.
        Some(claimed) => Some(knowledge.advise_intermediary(claimed, ours, &subject.ssl_url)),
        None => missed.and_then(|verdict| {
            knowledge.advise_verdict(runtime.as_ref(), &verdict, &subject.ssl_url)
        }),
    };
    let client = runtime.map(|runtime| Client {
        runtime: runtime.runtime,
        version: runtime.version,
        versions: runtime.versions,
        library: runtime.library,
        like: runtime.like,
        confidence: runtime.confidence,
        from: runtime.from,
        candidates: runtime.candidates,
        contradiction: runtime.contradiction,
    });
    (client, advice)
}
