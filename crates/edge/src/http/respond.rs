//! Small answers of the edge's own.

use std::error::Error;

use bytes::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, VARY};
use hyper::{Response, StatusCode};

use super::body::{Body, own};

/// The forms an answer can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Json,
    /// RFC 9457.
    Problem,
    Html,
    Text,
}

/// An answer that nobody may cache: it is about the connection it came on.
pub(crate) fn with(status: StatusCode, form: Form, body: impl Into<Bytes>) -> Response<Body> {
    let kind = match form {
        Form::Json => "application/json",
        Form::Problem => "application/problem+json",
        Form::Html => "text/html; charset=utf-8",
        Form::Text => "text/plain; charset=utf-8",
    };
    let mut response = Response::new(own(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(VARY, HeaderValue::from_static("accept, user-agent"));
    response
}

/// Plain text.
pub(crate) fn plain(status: StatusCode, text: &str) -> Response<Body> {
    with(status, Form::Text, Bytes::copy_from_slice(text.as_bytes()))
}

/// A calendar, the same for everybody: it may be kept for a few minutes.
pub(crate) fn calendar(text: Bytes) -> Response<Body> {
    let mut response = Response::new(own(text));
    for (name, value) in [
        (CONTENT_TYPE, "text/calendar; charset=utf-8"),
        (CACHE_CONTROL, "public, max-age=300"),
    ] {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
    response
}

/// Data that serialises; ours always does, and if not the client is told.
pub(crate) fn json(
    status: StatusCode,
    form: Form,
    value: &impl serde::Serialize,
) -> Response<Body> {
    match serde_json::to_vec_pretty(value) {
        Ok(mut bytes) => {
            bytes.push(b'\n');
            with(status, form, bytes)
        }
        Err(error) => plain(
            StatusCode::INTERNAL_SERVER_ERROR,
            &format!("This answer cannot be written: {error}\n"),
        ),
    }
}

/// An error and all its causes on one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
