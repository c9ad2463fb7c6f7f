//! One HTTP request on a connection that is there: what does the server say it saw?

use std::convert::Infallible;
use std::error::Error;
use std::time::Duration;

use hello::Version;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, CONNECTION, HOST, LOCATION, USER_AGENT};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use super::answer::{Answer, Explanation};
use super::handshake::Secured;
use super::target::Target;
use super::text::printable;

/// How long the whole answer may take.
const HTTP_TIME: Duration = Duration::from_secs(10);
/// The longest answer that is read; an `/ssl/` answer has a few kilobytes.
const LONGEST_ANSWER: usize = 1 << 20;

/// What came of it.
pub(super) enum Asked {
    /// What the server says of this connection.
    Answered(Box<Answer>),
    /// The server turned the request away because of this client's TLS.
    Explained(Box<Explanation>),
    /// Something that is neither.
    Otherwise(String),
    /// No answer; another path of this server would fare no better.
    Silent(String),
}

/// Asks for `path`.
pub(super) async fn ask(
    stream: Secured,
    target: &Target,
    path: &str,
    negotiated: Version,
) -> Asked {
    match timeout(HTTP_TIME, exchange(stream, target, path, negotiated)).await {
        Ok(Ok((status, body))) => read(status, &body),
        Ok(Err(error)) => Asked::Silent(format!("no valid HTTP answer: {}", chain(&*error))),
        Err(_) => Asked::Silent(format!("no HTTP answer within {} s", HTTP_TIME.as_secs())),
    }
}

fn read(status: String, body: &[u8]) -> Asked {
    let Ok(value) = serde_json::from_slice(body) else {
        return Asked::Otherwise(status);
    };
    if let Some(explanation) = Explanation::read(&value) {
        return Asked::Explained(Box::new(explanation));
    }
    match Answer::read(&value) {
        Some(answer) => Asked::Answered(Box::new(answer)),
        None => Asked::Otherwise(status),
    }
}

/// The status in words, and the body.
async fn exchange(
    stream: Secured,
    target: &Target,
    path: &str,
    negotiated: Version,
) -> Result<(String, Bytes), Box<dyn Error + Send + Sync>> {
    let request = Request::get(path)
        .header(HOST, target.authority())
        .header(ACCEPT, "application/json")
        .header(
            USER_AGENT,
            concat!("sundown-check/", env!("CARGO_PKG_VERSION")),
        )
        // So that the server can say whether something in between speaks for us.
        .header("sundown-negotiated", negotiated.to_string())
        .header(CONNECTION, "close")
        .body(Empty::<Bytes>::new())?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let answer = async {
        let response = sender.send_request(request).await?;
        let status = status(&response);
        let body = Limited::new(response.into_body(), LONGEST_ANSWER)
            .collect()
            .await?;
        Ok((status, body.to_bytes()))
    };
    // The connection may end before the answer has been taken from it; only the answer ends the exchange.
    let drive = async {
        connection.await.ok();
        std::future::pending::<Infallible>().await
    };
    tokio::select! {
        answer = answer => answer,
        never = drive => match never {},
    }
}

fn status(response: &Response<Incoming>) -> String {
    let status = response.status();
    match response.headers().get(LOCATION) {
        Some(place) if status.is_redirection() => {
            let place = printable(&String::from_utf8_lossy(place.as_bytes()));
            format!("HTTP {}, which points to {place}", status.as_u16())
        }
        _ => format!("HTTP {} and no answer about TLS", status.as_u16()),
    }
}

/// An error and its causes, none of them twice.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let words = cause.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        source = cause.source();
    }
    printable(&text)
}
