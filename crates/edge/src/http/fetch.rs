//! A small document from elsewhere.

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Either, Empty, Limited};
use hyper::header::{ACCEPT, HOST, HeaderValue};
use hyper::{Request, StatusCode, Uri};
use tokio::time::timeout;

use super::respond;
use super::upstream::{Failure, Upstream};
use crate::settings;

/// What a URL answers, `most` bytes at most and within `limit`, or why not. No redirect is followed: where keys come
/// from is for the operator to say.
pub(crate) async fn fetch(url: &Uri, most: usize, limit: Duration) -> Result<Bytes, String> {
    match timeout(limit, answer(url, most, limit)).await {
        Ok(answer) => answer.map_err(|error| respond::chain(&*error)),
        Err(_) => Err(format!("no answer within {limit:?}")),
    }
}

async fn answer(
    url: &Uri,
    most: usize,
    limit: Duration,
) -> Result<Bytes, Box<dyn Error + Send + Sync>> {
    let mut parts = url.clone().into_parts();
    let (Some(scheme), Some(authority)) = (parts.scheme.take(), parts.authority.take()) else {
        return Err("it names no host".into());
    };
    let host = HeaderValue::from_str(authority.as_str())?;
    let to = settings::Upstream {
        scheme,
        authority,
        http2: false,
    };
    let mut request = Request::new(Either::Left(Empty::new()));
    *request.uri_mut() = Uri::from_parts(parts)?;
    let headers = request.headers_mut();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(HOST, host);
    let answer = match Upstream::new(&to, None, limit)?.send(request, false).await {
        Ok(answer) => answer,
        Err(Failure::NotConnected(_, error)) => return Err(error.into()),
        Err(Failure::NotSent(_, error) | Failure::Broken(error)) => return Err(error.into()),
    };
    if answer.status() != StatusCode::OK {
        return Err(format!("it answered {}", answer.status()).into());
    }
    Ok(Limited::new(answer.into_body(), most)
        .collect()
        .await?
        .to_bytes())
}
