//! What stands before every page: who is there, and what may be done.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, HeaderValue, Method, header};

use super::session::{self, VISIT};
use super::{Access, COOKIE, Role, host};
use crate::console::Console;
use crate::fault::Fault;

/// Who is there.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    pub(crate) role: Role,
    /// What is recorded of who does something.
    pub(crate) name: String,
    /// What forms of this visitor carry.
    pub(crate) form_token: String,
    /// Whether there is something to sign out of.
    pub(crate) has_session: bool,
}

impl Visitor {
    pub(crate) fn owns(&self, token: &str) -> bool {
        use subtle::ConstantTimeEq;
        self.form_token.as_bytes().ct_eq(token.as_bytes()).into()
    }

    pub(crate) fn may_operate(&self) -> bool {
        self.role >= Role::Operate
    }
}

/// Paths that show nothing: open to all who reach the console.
fn is_public(path: &str) -> bool {
    path.starts_with("/assets/") || path == "/login"
}

/// Lets a request through with its [`Visitor`], or answers it.
pub(crate) async fn guard(
    State(console): State<Arc<Console>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    let access = &console.access;
    let headers = request.headers();
    if access.is_open() && !host::is_loopback(headers) {
        return Fault::forbidden("This console answers to localhost and 127.0.0.1 only.")
            .into_response();
    }
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD);
    if changes && !host::is_same_origin(headers) {
        return Fault::forbidden("This was sent by a page of another site.").into_response();
    }
    let path = request.uri().path();
    let who = match who(access, headers, peer, console.real_clock.now()) {
        Ok(who) => who,
        Err(seconds) => return Fault::too_often(seconds).into_response(),
    };
    let (visit, is_new) = match cookie(headers, VISIT).filter(|visit| visit.len() == 32) {
        Some(visit) => (visit.to_owned(), false),
        None => match session::visit() {
            Some(visit) => (visit, true),
            None => return Fault::broken("no random number can be had").into_response(),
        },
    };
    let Some((role, name, has_session)) = who else {
        if !is_public(path) {
            return turn_away(path, headers);
        }
        let form_token = access.sessions.form_token(&visit);
        request.extensions_mut().insert(Visitor {
            role: Role::Read,
            name: String::new(),
            form_token,
            has_session: false,
        });
        return with_visit(next.run(request).await, &visit, is_new);
    };
    if changes
        && role < Role::Operate
        && path != "/login"
        && path != "/logout"
        && path != "/rehearse"
    {
        return Fault::forbidden("You may read, and this changes something.").into_response();
    }
    let form_token = access.sessions.form_token(&visit);
    request.extensions_mut().insert(Visitor {
        role,
        name,
        form_token,
        has_session,
    });
    with_visit(next.run(request).await, &visit, is_new)
}

fn turn_away(path: &str, headers: &HeaderMap) -> Response {
    let wants_page = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"));
    if wants_page && !path.starts_with("/api/") && path != "/metrics" {
        return Redirect::to("/login").into_response();
    }
    let mut response =
        Fault::unauthorized("A token is needed: Authorization: Bearer TOKEN.").into_response();
    response
        .headers_mut()
        .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

/// The role, the name and whether there is a session; the seconds to wait where too many tokens were shown that are none.
fn who(
    access: &Access,
    headers: &HeaderMap,
    peer: SocketAddr,
    now: jiff::Timestamp,
) -> Result<Option<(Role, String, bool)>, u64> {
    if access.is_open() {
        return Ok(Some((Role::Operate, "console".to_owned(), false)));
    }
    if let Some(proxy) = access.proxy_from(peer.ip()) {
        let mut named = headers.get_all(&proxy.user_header).iter();
        if let (Some(user), None) = (named.next(), named.next())
            && let Ok(user) = user.to_str()
            && !user.trim().is_empty()
            && user.len() <= 256
        {
            let user = user.trim().to_owned();
            let operates = proxy.operators.contains(&user);
            let role = if operates { Role::Operate } else { Role::Read };
            return Ok(Some((role, user, false)));
        }
    }
    let bearer = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "));
    if let Some(token) = bearer {
        let role = access.show(token.trim(), peer.ip(), now)?;
        return Ok(role.map(|role| (role, "console".to_owned(), false)));
    }
    let role = cookie(headers, COOKIE).and_then(|cookie| access.sessions.role(cookie, now));
    Ok(role.map(|role| (role, "console".to_owned(), true)))
}

/// A cookie by its name (RFC 6265 section 5.4).
pub(super) fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let all = headers.get_all(header::COOKIE).iter();
    all.filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(found, _)| *found == name)
        .map(|(_, value)| value)
}

fn with_visit(mut response: Response, visit: &str, is_new: bool) -> Response {
    if is_new
        && let Ok(value) = format!("{VISIT}={visit}; HttpOnly; SameSite=Strict; Path=/").parse()
    {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    response
}
