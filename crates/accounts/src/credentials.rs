//! What a request's credentials say of who made it. They are looked at and forgotten.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use serde_json::{Map, Value};

/// The credentials of an authentication scheme (RFC 9110 section 11.6.2).
pub(crate) fn authorization<'a>(headers: &'a HeaderMap, scheme: &str) -> Option<&'a str> {
    let (found, credentials) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    found
        .eq_ignore_ascii_case(scheme)
        .then_some(credentials.trim())
        .filter(|credentials| !credentials.is_empty())
}

/// The user of HTTP Basic (RFC 7617 section 2).
pub fn basic_user(headers: &HeaderMap) -> Option<String> {
    let credentials = STANDARD.decode(authorization(headers, "basic")?).ok()?;
    let user = credentials.split(|&byte| byte == b':').next()?;
    let user = std::str::from_utf8(user).ok()?;
    (!user.is_empty()).then(|| user.to_owned())
}

/// A claim of a JWT, without looking at its signature (RFC 7519 section 3).
pub(crate) fn unverified_claim(token: &str, claim: &str) -> Option<String> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    text_of(&serde_json::from_slice(&payload).ok()?, claim)
}

/// A claim that can name an account.
pub(crate) fn text_of(claims: &Map<String, Value>, claim: &str) -> Option<String> {
    match claims.get(claim)? {
        Value::String(value) if !value.is_empty() => Some(value.clone()),
        Value::Number(value) => Some(value.to_string()),
        _ => None,
    }
}
