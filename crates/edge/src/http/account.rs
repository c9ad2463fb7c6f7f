//! The page of one account, for whoever holds a link to it.
//!
//! The token in the path is a secret: it is in no log, no sighting and no header that is passed on, and what is answered
//! here is kept by nobody on the way. Every link that opens nothing is answered alike, but for the status.

use std::fmt::Write as _;
use std::sync::Arc;

use accounts::NoLink;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use hyper::header::{
    ALLOW, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY, RETRY_AFTER,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use hyper::{Method, Response, StatusCode};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::body::Body;
use super::page;
use super::respond::{self, Form};
use crate::clock::Clock;
use crate::connection::Session;
use crate::core::Live;
use crate::standings::NoPage;

/// What stands between `/ssl/` and the token.
pub(crate) const PLACE: &str = "account";

/// The token of a path below `/ssl/`, where there is the place for one.
pub(crate) fn token(rest: &str) -> Option<&str> {
    let behind = rest.strip_prefix(PLACE)?;
    match behind.strip_prefix('/') {
        // A mail program may take a slash for a part of the address, or leave one out.
        Some(token) => Some(token.strip_suffix('/').unwrap_or(token)),
        None => behind.is_empty().then_some(""),
    }
}

/// What is asked by whom.
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a Method,
    pub(crate) token: &'a str,
    pub(crate) form: Form,
    /// The full URL of `/ssl/` as the client reached it.
    pub(crate) ssl_url: String,
}

pub(crate) async fn answer(
    session: &Session,
    live: &Arc<Live>,
    asked: Asked<'_>,
) -> Response<Body> {
    if !matches!(*asked.method, Method::GET | Method::HEAD) {
        let mut answer = said(asked.form, StatusCode::METHOD_NOT_ALLOWED, &METHOD, live);
        let allowed = HeaderValue::from_static("GET, HEAD");
        answer.headers_mut().insert(ALLOW, allowed);
        return answer;
    }
    // A link's end is a moment in the life of people, whatever day the plan rehearses.
    let link = match session.core.links.link(asked.token, Clock::default().now()) {
        Ok(link) => link,
        Err(NoLink::Expired) => return said(asked.form, StatusCode::GONE, &NOTHING, live),
        Err(NoLink::Wrong) => return said(asked.form, StatusCode::NOT_FOUND, &NOTHING, live),
    };
    let now = session.core.clock.now();
    let found = session.core.desk.page(live, link, asked.ssl_url, now);
    match found.await {
        Ok(found) => {
            let (form, body) = match asked.form {
                Form::Html => (Form::Html, found.html),
                _ => (Form::Json, found.json),
            };
            private(StatusCode::OK, form, body, found.style)
        }
        Err(NoPage::Withdrawn) => said(asked.form, StatusCode::NOT_FOUND, &NOTHING, live),
        Err(NoPage::Unavailable(reason)) => {
            tracing::warn!(
                reason,
                "the page of an account was asked for and is not there"
            );
            let mut answer = said(
                asked.form,
                StatusCode::SERVICE_UNAVAILABLE,
                &UNAVAILABLE,
                live,
            );
            let later = HeaderValue::from_static("60");
            answer.headers_mut().insert(RETRY_AFTER, later);
            answer
        }
    }
}

/// An answer without a page.
#[derive(Serialize)]
struct Words {
    /// Never changes: programs may match on it.
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    detail: &'static str,
}

const NOTHING: Words = Words {
    kind: "urn:sundown:problem:no-link",
    title: "This link opens nothing.",
    detail: "It has expired, was withdrawn, or was not copied whole: it is long, and mail programs break long lines. \
             The latest letter about this change has the latest link. If that one does not open either, ask whoever \
             sent it for a new one.",
};

const UNAVAILABLE: Words = Words {
    kind: "urn:sundown:problem:no-standing",
    title: "What was seen of this account cannot be read at the moment.",
    detail: "The link is good. Try again in a minute; if it stays like this, tell whoever sent it.",
};

const METHOD: Words = Words {
    kind: "urn:sundown:problem:method",
    title: "This page is to be read.",
    detail: "Only GET and HEAD are known here.",
};

fn said(form: Form, status: StatusCode, words: &Words, live: &Live) -> Response<Body> {
    let contacts: Vec<&str> = contacts(live);
    match form {
        Form::Html => {
            let html = page::no_page(words.title, words.detail, &contacts).into_string();
            private(status, Form::Html, html.into(), page::STYLE)
        }
        _ => {
            #[derive(Serialize)]
            struct Problem<'a> {
                #[serde(flatten)]
                words: &'a Words,
                status: u16,
                contacts: Vec<&'a str>,
            }
            let problem = Problem {
                words,
                status: status.as_u16(),
                contacts,
            };
            let mut answer = respond::json(status, Form::Problem, &problem);
            add_headers(&mut answer, None);
            answer
        }
    }
}

/// Where to ask, each once.
fn contacts(live: &Live) -> Vec<&str> {
    let mut contacts: Vec<&str> = Vec::new();
    for sunset in &live.plan.sunsets {
        if let Some(contact) = sunset.contact.as_deref()
            && !contacts.contains(&contact)
        {
            contacts.push(contact);
        }
    }
    contacts
}

fn private(status: StatusCode, form: Form, body: Bytes, style: &str) -> Response<Body> {
    let mut answer = respond::with(status, form, body);
    add_headers(&mut answer, Some(style));
    answer
}

/// What keeps a page with a secret in its address to itself.
fn add_headers(answer: &mut Response<Body>, style: Option<&str>) {
    let mut policy =
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
            .to_owned();
    if let Some(style) = style {
        let hash = BASE64_STANDARD.encode(Sha256::digest(style));
        // Writing to a String does not fail.
        write!(policy, "; style-src 'sha256-{hash}'").ok();
    }
    let headers = answer.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    for (name, value) in [
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (
            HeaderName::from_static("x-robots-tag"),
            "noindex, nofollow, noarchive",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_what_stands_behind_its_place() {
        for (rest, found) in [
            ("account/abc", Some("abc")),
            ("account/abc/", Some("abc")),
            ("account/", Some("")),
            ("account", Some("")),
            // Whatever else begins like it could be a mistyped token, and is kept here too.
            ("account/a/b", Some("a/b")),
            ("accounts", None),
            ("accountabc", None),
            ("r/abc", None),
            ("", None),
        ] {
            assert_eq!(token(rest), found, "{rest}");
        }
    }
}
