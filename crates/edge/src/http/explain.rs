//! The answer to a client that the plan turns away after its handshake. Many clients hide two of reason
//! phrase, header and body; all three carry the message.

use advice::Advice;
use floor::{Decision, Phase, Shortfall, Sunset};
use hyper::ext::ReasonPhrase;
use hyper::{Response, StatusCode, Version};
use jiff::Timestamp;
use serde::Serialize;

use super::body::Body;
use super::page::when;
use super::respond::{self, Form};
use super::ssl::{self, Subject};
use super::{notice, page};

/// RFC 9457. `kind` never changes: programs may match on it.
#[derive(Serialize)]
struct Problem<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    title: String,
    status: u16,
    detail: String,
    seen: Seen,
    needed: Vec<String>,
    since: Option<Timestamp>,
    sunset: &'a str,
    contact: Option<&'a str>,
    advice: Option<Advice>,
    ssl: &'a str,
}

#[derive(Serialize)]
struct Seen {
    protocol: String,
    cipher: &'static str,
    group: Option<&'static str>,
    max_protocol: String,
}

const KIND: &str = "urn:sundown:problem:tls-floor";

pub(crate) fn answer(
    status: u16,
    decision: &Decision,
    sunset: &Sunset,
    subject: &Subject<'_>,
    form: Form,
    http: Version,
) -> Response<Body> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::FORBIDDEN);
    let line = notice::line(&decision.verdict);
    let (ja3, ja4) = (hello::ja3(subject.offer), hello::ja4(subject.offer));
    let (client, advice) = ssl::recognise(subject, Some(decision.verdict), &ja3, &ja4);
    let problem = Problem {
        kind: KIND,
        title: line.clone(),
        status: status.as_u16(),
        detail: detail(sunset, decision, client.as_ref()),
        seen: Seen {
            protocol: subject.negotiated.version.to_string(),
            cipher: subject.negotiated.cipher,
            group: subject.negotiated.group,
            max_protocol: subject.offer.max_version().to_string(),
        },
        needed: decision
            .verdict
            .shortfalls()
            .map(|shortfall| shortfall.needed().to_string())
            .collect(),
        since: since(sunset, decision),
        sunset: &sunset.name,
        contact: sunset.contact.as_deref(),
        advice,
        ssl: &subject.ssl_url,
    };
    let mut response = match form {
        Form::Json | Form::Problem => respond::json(status, Form::Problem, &problem),
        Form::Html => respond::with(
            status,
            Form::Html,
            page::explanation(
                &problem.title,
                &problem.detail,
                problem.advice.as_ref(),
                problem.contact,
                problem.ssl,
            )
            .into_string(),
        ),
        Form::Text => respond::with(status, Form::Text, text(&problem)),
    };
    notice::add_message(
        response.headers_mut(),
        &decision.verdict,
        sunset,
        subject.negotiated,
    );
    if http < Version::HTTP_2 {
        // HTTP/2 has no reason phrase.
        if let Ok(reason) = ReasonPhrase::try_from(line.into_bytes()) {
            response.extensions_mut().insert(reason);
        }
    }
    response
}

/// When the phase began that turns the client away.
fn since(sunset: &Sunset, decision: &Decision) -> Option<Timestamp> {
    match decision.phase? {
        Phase::Explain | Phase::Refuse => sunset.ends_at(),
        Phase::Observe | Phase::Warn | Phase::Brownout => None,
    }
}

fn detail(sunset: &Sunset, decision: &Decision, client: Option<&ssl::Client>) -> String {
    let who = client.map_or_else(
        || "This client".to_owned(),
        |client| match &client.version {
            Some(version) => format!("This client ({} {version})", client.runtime),
            None => format!("This client ({})", client.runtime),
        },
    );
    let (offers, needs): (Vec<String>, Vec<String>) = decision
        .verdict
        .shortfalls()
        .map(|shortfall| {
            let needed = shortfall.needed();
            match shortfall {
                Shortfall::Version { offered, .. } => {
                    (format!("{offered} at most"), format!("{needed} or later"))
                }
                Shortfall::Suites { .. } => (
                    "no cipher suite that will do".to_owned(),
                    format!("a cipher suite such as {needed}"),
                ),
                Shortfall::Groups { .. } => (
                    "no key exchange group that will do".to_owned(),
                    format!("a key exchange group such as {needed}"),
                ),
            }
        })
        .unzip();
    let (offers, needs) = (offers.join(" and "), needs.join(" and "));
    let since = match (decision.window.map(|window| window.end), sunset.ends_at()) {
        (Some(end), Some(from)) => format!(
            "from {from} on this API needs {needs}. As a rehearsal of that day it is turned away until {end}",
            from = when(from),
            end = when(end)
        ),
        (Some(end), None) => format!(
            "this API will need {needs}. As a rehearsal it is turned away until {end}",
            end = when(end)
        ),
        (None, Some(from)) => format!("since {} this API needs {needs}", when(from)),
        (None, None) => format!("this API needs {needs}"),
    };
    format!(
        "{who} offers {offers}; {since}. This request was not processed. Being retired: {}.",
        sunset.name
    )
}

fn text(problem: &Problem<'_>) -> String {
    let mut text = format!("{}\n\n{}\n", problem.title, problem.detail);
    if let Some(advice) = &problem.advice {
        text.push_str(&format!("\nTo fix it: {}\n", advice.summary));
        if let Some(snippet) = &advice.snippet {
            text.push_str(&format!("\n{snippet}\n"));
        }
        text.push_str(&format!(
            "\nTo check it from the same machine:\n{}\n",
            advice.verify
        ));
    }
    text.push_str(&format!("\nCheck of this client: {}\n", problem.ssl));
    if let Some(contact) = problem.contact {
        text.push_str(&format!("Contact: {contact}\n"));
    }
    text
}
