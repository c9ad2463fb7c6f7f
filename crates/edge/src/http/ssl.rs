//! What `/ssl/` answers: what this connection negotiated, what the client offered, what the plan says of it
//! and what to change. Data fields hold data, never prose.

use advice::{Advice, Clues, Confidence, Knowledge, Protocol};
use floor::{Action, Moment, Phase, Plan, Shortfall, Verdict, Who};
use hello::{Offer, names};
use jiff::Timestamp;
use ledger::Negotiated;
use serde::Serialize;

/// The answer. The field names are the contract with whoever parses it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct SslAnswer {
    pub(crate) protocol: String,
    pub(crate) cipher: &'static str,
    pub(crate) cipher_iana: Option<&'static str>,
    pub(crate) group: Option<&'static str>,
    pub(crate) resumed: bool,
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
pub(crate) struct Offered {
    pub(crate) max_protocol: String,
    pub(crate) protocols: Vec<String>,
    pub(crate) ciphers: Vec<String>,
    pub(crate) groups: Vec<String>,
    pub(crate) key_shares: Vec<String>,
    pub(crate) signature_algorithms: Vec<String>,
    pub(crate) alpn: Vec<String>,
    pub(crate) sni: bool,
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
    pub(crate) library: Option<String>,
    pub(crate) confidence: Confidence,
    pub(crate) from: Vec<&'static str>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct FloorStanding {
    pub(crate) name: String,
    pub(crate) sunset: String,
    pub(crate) phase: Option<Phase>,
    pub(crate) verdict: &'static str,
    pub(crate) because: Vec<String>,
    pub(crate) needed: Vec<String>,
    pub(crate) next: Option<Next>,
    /// The end of the exception that keeps this client served.
    pub(crate) exception_until: Option<Timestamp>,
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
    /// The full URL of `/ssl/` as the client reached it.
    pub(crate) ssl_url: &'a str,
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
                needed: standing.verdict.shortfalls().map(needed).collect(),
                next: standing.next.map(|change| Next {
                    phase: change.phase,
                    at: change.at,
                }),
                exception_until: standing
                    .exception
                    .and_then(|index| plan.exceptions.get(index))
                    .map(|exception| exception.until),
            });
        }

        let (client, advice) = recognise(subject, worst.map(|(_, verdict)| verdict), &ja3, &ja4);
        Self {
            protocol: negotiated.version.to_string(),
            cipher: negotiated.cipher,
            cipher_iana: iana(negotiated.cipher),
            group: negotiated.group,
            resumed: negotiated.resumed,
            offered: Offered::new(offer),
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

impl Offered {
    fn new(offer: &Offer) -> Self {
        let stated: Vec<String> = offer
            .supported_versions()
            .map(|version| version.to_string())
            .collect();
        let max = offer.max_version().to_string();
        let name = |found: Option<&'static str>, code: u16| {
            found.map_or_else(|| format!("{code:#06x}"), str::to_owned)
        };
        let group = |code: u16| name(names::group(code), code);
        Self {
            // Without supported_versions a hello names its highest version only.
            protocols: if stated.is_empty() {
                vec![max.clone()]
            } else {
                stated
            },
            max_protocol: max,
            ciphers: offer
                .suites()
                .map(|code| {
                    name(
                        names::cipher_suite(code).map(|name| name.openssl.unwrap_or(name.iana)),
                        code,
                    )
                })
                .collect(),
            groups: offer.groups().map(group).collect(),
            key_shares: offer.key_shares().map(group).collect(),
            signature_algorithms: offer
                .signature_algorithms()
                .map(|code| name(names::signature_scheme(code), code))
                .collect(),
            alpn: offer
                .alpn()
                .map(|name| String::from_utf8_lossy(name).into_owned())
                .collect(),
            sni: offer.has_sni(),
        }
    }
}

/// The IANA name of a cipher suite whose OpenSSL name is known.
pub(crate) fn iana(openssl: &str) -> Option<&'static str> {
    names::cipher_suite_by_name(openssl)
        .and_then(names::cipher_suite)
        .map(|name| name.iana)
}

/// What would do instead, as one name: a version, a suite or a group.
pub(crate) fn needed(shortfall: Shortfall) -> String {
    let name = |found: Option<&'static str>, code: u16| {
        found.map_or_else(|| format!("{code:#06x}"), str::to_owned)
    };
    match shortfall {
        Shortfall::Version { needed, .. } => needed.to_string(),
        Shortfall::Suites { needed } => name(
            names::cipher_suite(needed).map(|name| name.openssl.unwrap_or(name.iana)),
            needed,
        ),
        Shortfall::Groups { needed } => name(names::group(needed), needed),
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
    let offered = Protocol::from(subject.offer.max_version());
    let clues = Clues {
        user_agent: subject.user_agent,
        ja4: Some(ja4),
        ja3: Some(ja3),
        max_protocol: offered,
    };
    let runtime = knowledge.recognise(&clues);
    // What is known today is which runtime speaks which version; of suites and groups nothing is claimed.
    let needed = missed.and_then(|verdict| {
        verdict.shortfalls().find_map(|shortfall| match shortfall {
            Shortfall::Version { needed, .. } => Some(Protocol::from(needed)),
            Shortfall::Suites { .. } | Shortfall::Groups { .. } => None,
        })
    });
    let advice =
        needed.map(|needed| knowledge.advise(runtime.as_ref(), offered, needed, subject.ssl_url));
    let client = runtime.map(|runtime| Client {
        runtime: runtime.runtime,
        version: runtime.version,
        library: runtime.library,
        confidence: runtime.confidence,
        from: runtime.from,
    });
    (client, advice)
}
