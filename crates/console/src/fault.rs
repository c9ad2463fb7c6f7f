//! What is answered when there is no answer. What is wrong inside goes to the log; what a visitor can do is said.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use ledger::LedgerError;
use serde::Serialize;

/// Why there is no answer.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) status: StatusCode,
    /// For whoever asked.
    pub(crate) message: String,
    /// Seconds after which it may be asked again, where that is known.
    pub(crate) retry_after: Option<u64>,
}

/// The same as data, in the API.
#[derive(Serialize)]
struct Problem<'a> {
    error: &'a str,
}

impl Fault {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            retry_after: None,
        }
    }

    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(crate) fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, message)
    }

    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, message)
    }

    pub(crate) fn missing(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    pub(crate) fn too_often(seconds: u64) -> Self {
        let message =
            format!("Too many tokens were shown that are none. Wait for {seconds} seconds.");
        Self {
            retry_after: Some(seconds),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, message)
        }
    }

    pub(crate) fn too_slow() -> Self {
        Self::new(
            StatusCode::REQUEST_TIMEOUT,
            "This form took too long to arrive.",
        )
    }

    pub(crate) fn too_large() -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "This is more than a form holds.",
        )
    }

    /// Something here does not work.
    pub(crate) fn broken(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, message)
    }
}

impl From<LedgerError> for Fault {
    fn from(error: LedgerError) -> Self {
        Self::broken(error.to_string())
    }
}

impl From<audit::AuditError> for Fault {
    fn from(error: audit::AuditError) -> Self {
        let reason = std::error::Error::source(&error).map(|reason| format!(": {reason}"));
        Self::broken(format!("{error}{}", reason.unwrap_or_default()))
    }
}

impl IntoResponse for Fault {
    /// As data. Pages show theirs themselves.
    fn into_response(self) -> Response {
        let problem = Problem {
            error: &self.message,
        };
        let mut response = (self.status, Json(problem)).into_response();
        if let Some(seconds) = self.retry_after {
            let headers = response.headers_mut();
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}
