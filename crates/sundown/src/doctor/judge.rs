//! What was found of one runtime, held against floors: by what it offered where that went over the wire, else by what is
//! known of its release.

use advice::{Advice, Knowledge, Runtime, Support};
use floor::Floor;
use hello::Version;
use hello::names::Named;
use serde::Serialize;

use super::examine::{Finding, Outcome, is_held_to_nothing};
use super::kind::About;

/// How a runtime stands with one floor.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Judged {
    pub(super) name: &'static str,
    pub(super) verdict: Verdict,
    pub(super) by: By,
    /// What it lacks: "offers TLSv1.2 at most".
    pub(super) because: Vec<String>,
    /// What would do instead.
    pub(super) needed: Vec<String>,
    /// What to change; absent where it meets.
    pub(super) fix: Option<Advice>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    Meets,
    Misses,
    /// It depends on what is not known here.
    Unknown,
}

/// What a verdict rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum By {
    /// The hello that it sent.
    Hello,
    /// What is known of its release.
    Release,
}

/// The runtime as the knowledge base knows it.
pub(super) fn known(family: &str, about: &About) -> Option<Runtime> {
    let own = format!("{family} {}", about.version);
    let name = about.known_as.as_ref().unwrap_or(&own);
    let knowledge = Knowledge::embedded();
    // A version that is none of its family's is left out.
    let family = name.split(' ').next().unwrap_or(name);
    let mut runtime = knowledge
        .look_up(name)
        .or_else(|_| knowledge.look_up(family))
        .ok()?;
    runtime.library.clone_from(&about.library);
    Some(runtime)
}

/// How it stands with each of these floors.
pub(super) fn judge(finding: &Finding, floors: &[&'static Floor], check_url: &str) -> Vec<Judged> {
    let about = finding.about.as_ref();
    let runtime = about.and_then(|about| known(finding.program.kind.family, about));
    let silent = about.is_none_or(|about| about.mute.is_some());
    let error = finding.own.error.as_deref();
    let held = error.filter(|error| finding.offer.is_none() && is_held_to_nothing(error));
    floors
        .iter()
        .map(|floor| match (&finding.offer, held) {
            (Some(offer), _) => by_hello(floor, offer, runtime.as_ref(), check_url),
            (None, Some(error)) => Judged {
                verdict: Verdict::Misses,
                by: By::Hello,
                because: vec![format!("offers nothing: {error}")],
                ..unknown(floor)
            },
            (None, None) if silent => unknown(floor),
            (None, None) => by_release(floor, runtime.as_ref(), check_url),
        })
        .collect()
}

fn by_hello(
    floor: &'static Floor,
    offer: &hello::Offer,
    runtime: Option<&Runtime>,
    check_url: &str,
) -> Judged {
    let verdict = floor.judge(offer);
    Judged {
        name: floor.name(),
        verdict: if verdict.meets() {
            Verdict::Meets
        } else {
            Verdict::Misses
        },
        by: By::Hello,
        because: verdict
            .shortfalls()
            .map(|lacks| lacks.because().to_string())
            .collect(),
        needed: verdict
            .shortfalls()
            .map(|lacks| lacks.needed().to_string())
            .collect(),
        fix: Knowledge::embedded().advise_verdict(runtime, &verdict, check_url),
    }
}

/// The first thing that the floor asks and the release is not known to offer decides.
fn by_release(floor: &'static Floor, runtime: Option<&Runtime>, check_url: &str) -> Judged {
    let Some(runtime) = runtime else {
        return unknown(floor);
    };
    let prospects = Knowledge::embedded().prospects(runtime, floor, check_url);
    if prospects.is_empty() {
        return unknown(floor);
    }
    let lacks = prospects
        .into_iter()
        .find(|(_, prospect)| prospect.support != Support::Default);
    let Some((goal, prospect)) = lacks else {
        return Judged {
            verdict: Verdict::Meets,
            ..unknown(floor)
        };
    };
    Judged {
        verdict: match prospect.support {
            Support::OptIn | Support::Never => Verdict::Misses,
            Support::Default | Support::Depends | Support::Unknown => Verdict::Unknown,
        },
        needed: vec![goal.to_string()],
        fix: Some(prospect.advice),
        ..unknown(floor)
    }
}

fn unknown(floor: &'static Floor) -> Judged {
    Judged {
        name: floor.name(),
        verdict: Verdict::Unknown,
        by: By::Release,
        because: Vec::new(),
        needed: Vec::new(),
        fix: None,
    }
}

/// What stands between the runtime and the server, where the two did not see the same: the protocol that the runtime
/// negotiated, and that of the server.
pub(super) fn intermediary(finding: &Finding, check_url: &str) -> Option<Advice> {
    let (Some(Outcome::Agreed(chosen)), Some(answer)) = (&finding.outcome, &finding.answer) else {
        return None;
    };
    // What no table names proves nothing.
    let version = Version::from_name(&answer.protocol)?;
    let suite = answer
        .cipher
        .as_deref()
        .and_then(hello::names::cipher_suite_by_name);
    let knowledge = Knowledge::embedded();
    if version != chosen.version {
        return Some(knowledge.advise_intermediary(chosen.version, version, check_url));
    }
    let suite = suite.filter(|suite| *suite != chosen.suite)?;
    Some(knowledge.advise_intermediary(
        format_args!("{version} with {}", chosen.cipher()),
        format_args!("with {}", Named::Suite(suite)),
        check_url,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(version: &str, library: &str) -> About {
        About {
            version: version.to_owned(),
            library: Some(library.to_owned()),
            ..About::default()
        }
    }

    fn verdict(family: &str, about: &About, floor: &str) -> (Verdict, Option<String>) {
        let judged = by_release(
            Floor::named(floor).unwrap(),
            known(family, about).as_ref(),
            "https://api.example.com/ssl/",
        );
        assert_eq!(judged.by, By::Release);
        let fix = judged
            .fix
            .map(|fix| format!("{} {:?}", fix.summary, fix.snippet));
        (judged.verdict, fix)
    }

    #[test]
    fn a_release_is_judged_with_the_library_under_it() {
        let old = about("2.7.18", "OpenSSL 1.0.0t");
        let (standing, fix) = verdict("python", &old, "tls1.2");
        assert_eq!(standing, Verdict::Misses);
        assert!(fix.unwrap().contains("OpenSSL"));
        let new = about("2.7.18", "OpenSSL 1.1.1w");
        assert_eq!(verdict("python", &new, "tls1.3").0, Verdict::Meets);
        assert_eq!(verdict("python", &new, "pq").0, Verdict::Misses);
        let java = about("1.7.0_25", "Java JSSE");
        let (standing, fix) = verdict("java", &java, "tls1.2");
        assert_eq!(standing, Verdict::Misses);
        assert!(fix.unwrap().contains("https.protocols"));
    }

    #[test]
    fn what_is_not_known_is_unknown() {
        let odd = about("0", "Somebody's TLS");
        assert_eq!(verdict("python", &odd, "tls1.2").0, Verdict::Unknown);
        let nothing = About::default();
        assert!(known("no such family", &nothing).is_none());
        assert_eq!(
            unknown(Floor::named("pq").unwrap()).verdict,
            Verdict::Unknown
        );
    }
}
