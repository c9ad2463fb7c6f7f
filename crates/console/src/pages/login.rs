//! Where a token is shown once, for a cookie.

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, StatusCode, header};
use maud::html;

use super::layout::bare;
use super::parts::token;
use crate::access::{COOKIE, Form, Visitor};
use crate::console::Console;

pub(crate) async fn login_form(Extension(visitor): Extension<Visitor>) -> Response {
    form(&visitor, None).into_response()
}

fn form(visitor: &Visitor, wrong: Option<&str>) -> Response {
    bare(
        "Sign in",
        &html! {
            div class="card login" {
                h1 { "Sundown" }
                p class="soft" { "Show the token that [console] names in sundown.toml." }
                @if let Some(wrong) = wrong { p class="notice bad" role="alert" { (wrong) } }
                form method="post" action="/login" {
                    (token(visitor))
                    div class="field" { label for="token" { "Token" } input id="token" type="password" name="token" autocomplete="current-password" required autofocus; }
                    button { "Sign in" }
                }
            }
        },
    )
    .into_response()
}

pub(crate) async fn login(
    State(console): State<Arc<Console>>,
    Extension(visitor): Extension<Visitor>,
    fields: Form,
) -> Response {
    let Some(role) = console.access.role_of(fields.text("token")) else {
        tracing::warn!("somebody showed a token to the console that is none");
        return (
            StatusCode::FORBIDDEN,
            form(&visitor, Some("That is not the token.")),
        )
            .into_response();
    };
    let cookie = console
        .access
        .sessions
        .begin(role, console.real_clock.now());
    with_cookie(&format!(
        "{COOKIE}={cookie}; HttpOnly; SameSite=Strict; Path=/"
    ))
}

pub(crate) async fn logout(_: Form) -> Response {
    with_cookie(&format!(
        "{COOKIE}=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0"
    ))
}

fn with_cookie(cookie: &str) -> Response {
    let mut headers = HeaderMap::new();
    if let Ok(value) = cookie.parse() {
        headers.insert(header::SET_COOKIE, value);
    }
    (headers, Redirect::to("/")).into_response()
}
