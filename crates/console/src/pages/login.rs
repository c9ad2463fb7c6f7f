//! Where a token is shown once, for a cookie.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Extension, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, StatusCode, header};
use maud::html;

use super::layout::bare;
use super::parts::token;
use crate::access::{COOKIE, Form, Visitor};
use crate::console::Console;
use crate::fault::Fault;

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
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    fields: Form,
) -> Response {
    let now = console.real_clock.now();
    let role = match console.access.show(fields.text("token"), peer.ip(), now) {
        Ok(Some(role)) => role,
        Ok(None) => {
            let page = form(&visitor, Some("That is not the token."));
            return (StatusCode::FORBIDDEN, page).into_response();
        }
        Err(seconds) => {
            let fault = Fault::too_often(seconds);
            let wait = [(header::RETRY_AFTER, seconds.to_string())];
            return (fault.status, wait, form(&visitor, Some(&fault.message))).into_response();
        }
    };
    let cookie = console.access.sessions.begin(role, now);
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
