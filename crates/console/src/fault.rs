//! What is answered when there is no answer. What is wrong inside goes to the log; what a visitor can do is said.

use axum::Json;
use axum::response::{IntoResponse, Response};
use floor::{Problem, Severity};
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
    /// What is wrong with a draft, each with its line.
    pub(crate) problems: Vec<AtLine>,
}

/// What is wrong at a line of a text.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct AtLine {
    /// From 1.
    pub(crate) line: usize,
    /// What the line says.
    pub(crate) text: String,
    /// The key it is about; empty where that is not known.
    pub(crate) key: String,
    /// What is wrong.
    pub(crate) message: String,
    /// What to do.
    pub(crate) help: String,
}

/// The longest part of a line that is shown.
const LONGEST_LINE: usize = 200;

impl AtLine {
    fn new(text: &str, problem: &Problem) -> Self {
        let before = text.get(..problem.span.start).unwrap_or(text);
        let line = before.matches('\n').count();
        let said = text.lines().nth(line).unwrap_or_default();
        Self {
            line: line + 1,
            text: said.chars().take(LONGEST_LINE).collect(),
            key: problem.key.clone(),
            message: problem.message.clone(),
            help: problem.help.clone(),
        }
    }
}

/// The same as data, in the API.
#[derive(Serialize)]
struct Told<'a> {
    error: &'a str,
}

impl Fault {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            retry_after: None,
            problems: Vec::new(),
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

    /// A draft that cannot be used.
    pub(crate) fn draft(text: &str, problems: &[Problem]) -> Self {
        let problems: Vec<AtLine> = problems
            .iter()
            .filter(|problem| problem.severity == Severity::Error)
            .map(|problem| AtLine::new(text, problem))
            .collect();
        let said = problems.iter().map(|one| {
            let key = if one.key.is_empty() { "" } else { ": " };
            format!("line {}: {}{key}{}", one.line, one.key, one.message)
        });
        let said: Vec<String> = said.collect();
        Self {
            problems,
            ..Self::bad(said.join("; "))
        }
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
        let told = Told {
            error: &self.message,
        };
        let mut response = (self.status, Json(told)).into_response();
        if let Some(seconds) = self.retry_after {
            let headers = response.headers_mut();
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}
