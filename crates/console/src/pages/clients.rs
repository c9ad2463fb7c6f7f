//! The runtimes that call.

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::response::Response;
use maud::{Markup, html};
use report::words::number;

use super::layout::Page;
use super::parts::safe;
use crate::access::Visitor;
use crate::console::Console;
use crate::fault::Fault;
use crate::picture::Picture;
use crate::view::clients::{Client, Clients};

pub(crate) async fn clients(
    State(console): State<Arc<Console>>,
    Extension(visitor): Extension<Visitor>,
) -> Response {
    let (picture, view) = match found(&console).await {
        Ok(found) => found,
        Err(fault) => return super::shown(&console, &visitor, &fault),
    };
    let page = Page {
        console: &console,
        visitor: &visitor,
        in_force: &picture.in_force,
        picture: Some(&picture),
        title: "Clients",
        place: "/clients",
    };
    page.show(&content(&view))
}

/// The runtimes, as of the picture. They take a walk over two weeks of rows, so that they are kept as long as it is.
pub(crate) async fn found(console: &Arc<Console>) -> Result<(Arc<Picture>, Arc<Clients>), Fault> {
    let picture = console.keeper.picture().await?;
    if let Some(kept) = console.kept_clients(picture.at) {
        return Ok((picture, kept));
    }
    let of = picture.clone();
    let view = console
        .ask(move |reader| Clients::new(&of, reader, of.at))
        .await?;
    let view = Arc::new(view);
    console.keep_clients(view.clone());
    Ok((picture, view))
}

fn content(view: &Clients) -> Markup {
    html! {
        div class="head" { h1 { "Clients" } span class="soft" { "The runtimes of the last 7 days beside the 7 before, those that most accounts run first." } }
        div class="card" {
            @if view.clients.is_empty() { p class="empty" { "Nobody called in the last two weeks." } }
            @else {
                div class="wide" { table class="rows stack" {
                    thead { tr {
                        th { "Runtime" } th { "TLS library" } th { "Offers" }
                        @for sunset in &view.sunsets { th { (safe(sunset)) } }
                        th class="n" { "Accounts" } th class="n" { "Trend" } th class="n" { "Requests" } th class="n" { "Trend" }
                    } }
                    tbody { @for client in &view.clients { (row(client)) } }
                } }
                @if view.more > 0 { p class="soft" { "And " (number(view.more as u64)) " more." } }
            }
        }
    }
}

fn row(client: &Client) -> Markup {
    html! {
        tr {
            td { @match &client.runtime {
                Some(runtime) => { (safe(runtime)) @if let Some(version) = &client.version { " " (safe(version)) } },
                None => span class="soft" { "not recognised" },
            } }
            td class="soft" { @if let Some(library) = &client.library { (safe(library)) } }
            td { (safe(&client.max_protocol)) }
            @for meets in &client.meets { td { @match meets {
                Some(true) => span class="mark good" { "ready" },
                Some(false) => span class="mark bad" { "misses" },
                None => span class="mark" { "cannot tell" },
            } } }
            td class="n" data-label="Accounts" { (number(client.accounts)) }
            td class="n" { (trend(client.accounts, client.accounts_before)) }
            td class="n" data-label="Requests" { (number(client.requests)) }
            td class="n" { (trend(client.requests, client.requests_before)) }
        }
    }
}

/// How much more or less than before.
fn trend(now: u64, before: u64) -> Markup {
    let change = if before == 0 {
        None
    } else {
        Some((now as f64 / before as f64 - 1.0) * 100.0)
    };
    html! {
        @match change {
            None if now > 0 => span class="soft" { "new" },
            None => {},
            Some(change) if change.abs() < 1.0 => span class="soft" { "level" },
            Some(change) => span class="soft" { (format!("{change:+.0} %")) },
        }
    }
}
