//! A form that this console gave to this visitor, and nobody else made.

use std::collections::HashMap;
use std::time::Duration;

use axum::extract::FromRequest;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use super::guard::Visitor;
use crate::fault::Fault;

/// The field that carries the token.
pub(crate) const FIELD: &str = "csrf";
/// Bytes of a form: a note, or a plan to rehearse.
const MOST: usize = 256 * 1024;
/// How long a form may take to arrive: 256 KiB over a poor line.
const ARRIVAL: Duration = Duration::from_secs(30);

/// The fields of a form whose token fits its visitor.
#[derive(Debug)]
pub(crate) struct Form(HashMap<String, String>);

impl Form {
    /// A field, without what surrounds it.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", |value| value.trim())
    }
}

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Response;

    async fn from_request(request: Request, _: &S) -> Result<Self, Response> {
        let Some(visitor) = request.extensions().get::<Visitor>().cloned() else {
            return Err(StatusCode::INTERNAL_SERVER_ERROR.into_response());
        };
        let body = axum::body::to_bytes(request.into_body(), MOST);
        let bytes = tokio::time::timeout(ARRIVAL, body)
            .await
            .map_err(|_| Fault::too_slow().into_response())?
            .map_err(|_| Fault::too_large().into_response())?;
        let axum::Form(fields) = axum::Form::<HashMap<String, String>>::from_request(
            http::Request::builder()
                .method(http::Method::POST)
                .header(
                    http::header::CONTENT_TYPE,
                    "application/x-www-form-urlencoded",
                )
                .body(axum::body::Body::from(bytes))
                .map_err(|_| StatusCode::BAD_REQUEST.into_response())?,
            &(),
        )
        .await
        .map_err(|_| Fault::bad("This is no form.").into_response())?;
        let token = fields.get(FIELD).map(String::as_str).unwrap_or_default();
        if !visitor.owns(token) {
            return Err(Fault::forbidden("This form was not made for you, or is from before a restart. Go back, load the page again and send it once more.").into_response());
        }
        Ok(Self(fields))
    }
}
