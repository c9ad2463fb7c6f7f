//! A page that says why there is none.

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use maud::html;

use super::layout::Page;
use super::parts::safe;
use crate::access::Visitor;
use crate::console::Console;
use crate::fault::Fault;

/// The page of a fault.
pub(crate) fn shown(console: &Console, visitor: &Visitor, fault: &Fault) -> Response {
    let in_force = console.source.in_force();
    let title = match fault.status.as_u16() {
        404 => "Not here",
        503 => "Not now",
        _ => "Not like this",
    };
    let page = Page {
        console,
        visitor,
        in_force: &in_force,
        picture: None,
        title,
        place: "",
    };
    let content = html! {
        div class="head" { h1 { (title) } }
        div class="card" {
            p { (safe(&fault.message)) }
            @if fault.status.as_u16() == 503 {
                p class="soft" { "An edge that runs makes the ledger and mends what it can; `sundown ledger info --verify` says how it is." }
            }
        }
    };
    (fault.status, page.show(&content)).into_response()
}

/// For a path that nobody made.
pub(crate) async fn missing(
    State(console): State<Arc<Console>>,
    visitor: Option<Extension<Visitor>>,
    uri: http::Uri,
) -> Response {
    let fault = Fault::missing("There is no such page.");
    match visitor {
        Some(Extension(visitor)) if !uri.path().starts_with("/api/") => {
            shown(&console, &visitor, &fault)
        }
        _ => fault.into_response(),
    }
}
