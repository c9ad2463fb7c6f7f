//! A small document from elsewhere.

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::header::{ACCEPT, HOST, HeaderValue};
use hyper::{Request, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::time::timeout;

use super::connector::connector;
use super::respond;

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
    let client = Client::builder(TokioExecutor::new()).build(connector(limit)?);
    let mut request = Request::new(Empty::<Bytes>::new());
    *request.uri_mut() = url.clone();
    let headers = request.headers_mut();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    if let Some(authority) = url.authority() {
        headers.insert(HOST, HeaderValue::from_str(authority.as_str())?);
    }
    let answer = client.request(request).await?;
    if answer.status() != StatusCode::OK {
        return Err(format!("it answered {}", answer.status()).into());
    }
    Ok(Limited::new(answer.into_body(), most)
        .collect()
        .await?
        .to_bytes())
}
