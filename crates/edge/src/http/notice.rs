//! What a client is told in headers: the warning while it is served, and the message of an explanation.

use floor::{Decision, Shortfall, Sunset, Verdict};
use hyper::HeaderMap;
use hyper::header::{HeaderName, LINK};
use jiff::Timestamp;
use ledger::Negotiated;

use super::headers;

const NOTICE: HeaderName = HeaderName::from_static("sundown-notice");
const DEPRECATION: HeaderName = HeaderName::from_static("deprecation");
const SUNSET: HeaderName = HeaderName::from_static("sunset");

/// One line that cannot be misread: "TLSv1.2 needed; client offers TLSv1 at most".
pub(crate) fn line(verdict: &Verdict) -> String {
    let parts: Vec<String> = verdict
        .shortfalls()
        .map(|shortfall| {
            format!(
                "{} needed; client {}",
                shortfall.needed(),
                shortfall.because()
            )
        })
        .collect();
    parts.join("; ")
}

/// Adds the warning: Deprecation (RFC 9745), Sunset (RFC 8594), Link, and one field of our own that says what
/// was seen, what is needed and from when (a dictionary, RFC 9651 section 3.2).
pub(crate) fn add(
    headers: &mut HeaderMap,
    decision: &Decision,
    sunset: &Sunset,
    negotiated: &Negotiated,
    ssl_url: &str,
) {
    if let Some(at) = sunset.deprecated_at() {
        headers::insert(headers, DEPRECATION, &format!("@{}", at.as_second()));
    }
    if let Some(at) = sunset.ends_at() {
        headers::insert(headers, SUNSET, &http_date(at));
    }
    if let Ok(link) = format!("<{ssl_url}>; rel=\"deprecation\"; type=\"text/html\"").parse() {
        headers.append(LINK, link);
    }
    headers::insert(
        headers,
        NOTICE,
        &dictionary(&decision.verdict, sunset, negotiated),
    );
}

/// The field of our own.
pub(crate) fn dictionary(verdict: &Verdict, sunset: &Sunset, negotiated: &Negotiated) -> String {
    let mut fields = Vec::new();
    for shortfall in verdict.shortfalls() {
        let (key, seen) = match shortfall {
            Shortfall::Version { .. } => ("seen", negotiated.version.to_string()),
            Shortfall::Suites { .. } => ("seen-cipher", negotiated.cipher.to_owned()),
            Shortfall::Groups { .. } => {
                ("seen-group", negotiated.group.unwrap_or("none").to_owned())
            }
        };
        fields.push(format!(
            "{key}=\"{seen}\", {}=\"{}\"",
            key.replace("seen", "needed"),
            shortfall.needed()
        ));
    }
    if let Some(at) = sunset.ends_at() {
        fields.push(format!("from=\"{at}\""));
    }
    fields.join(", ")
}

/// Adds the message of an explanation.
pub(crate) fn add_message(
    headers: &mut HeaderMap,
    verdict: &Verdict,
    sunset: &Sunset,
    negotiated: &Negotiated,
) {
    headers::insert(headers, NOTICE, &dictionary(verdict, sunset, negotiated));
}

/// IMF-fixdate (RFC 9110 section 5.6.7).
fn http_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
