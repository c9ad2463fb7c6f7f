//! All accounts, worst first.

use std::sync::Arc;

use axum::extract::{Extension, Query, State};
use axum::response::{Html, IntoResponse, Response};
use http::HeaderMap;
use maud::{Markup, html};
use report::words::{a_day, day, number};

use super::layout::Page;
use super::parts::{encoded, lacks, safe, standing, who};
use crate::access::Visitor;
use crate::console::Console;
use crate::fault::Fault;
use crate::picture::Picture;
use crate::view::accounts::{Accounts, Asked, Standing};

pub(crate) async fn accounts(
    State(console): State<Arc<Console>>,
    Extension(visitor): Extension<Visitor>,
    asked: Result<Query<Asked>, axum::extract::rejection::QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let Ok(Query(asked)) = asked else {
        return super::shown(
            &console,
            &visitor,
            &Fault::bad("This list cannot be asked for like this."),
        );
    };
    let found = found(&console, asked).await;
    let (picture, view) = match found {
        Ok(found) => found,
        Err(fault) => return super::shown(&console, &visitor, &fault),
    };
    // What htmx asks for as something is typed.
    if headers.contains_key("hx-request") {
        return Html(list(&view).into_string()).into_response();
    }
    let page = Page {
        console: &console,
        visitor: &visitor,
        in_force: &picture.in_force,
        read: Some(picture.at),
        title: "Accounts",
        place: "/accounts",
    };
    page.show(&content(&view, &picture))
}

/// The list that is asked for, with the programs of its rows.
pub(crate) async fn found(
    console: &Arc<Console>,
    asked: Asked,
) -> Result<(Arc<Picture>, Accounts), Fault> {
    let picture = console.keeper.picture().await?;
    let of = picture.clone();
    let view = console
        .ask(move |reader| {
            let mut view = Accounts::new(&of, &asked);
            view.add_programs(&of, reader)?;
            Ok(view)
        })
        .await?;
    Ok((picture, view))
}

fn content(view: &Accounts, picture: &Picture) -> Markup {
    let sunsets = &picture.in_force.plan.sunsets;
    html! {
        div class="head" {
            h1 { "Accounts" }
            span class="soft" { @if let Some(sunset) = &view.sunset { "By " b { (safe(sunset)) } ", worst first. Figures of the last 30 days." } }
        }
        @if sunsets.len() > 1 {
            nav class="tabs" aria-label="Sunsets" {
                @for (index, sunset) in sunsets.iter().enumerate() {
                    a href={ "/accounts?sunset=" (index) } aria-current=[(index == view.index).then_some("true")] { (safe(&sunset.name)) }
                }
            }
        }
        form class="inline" method="get" action="/accounts" role="search" {
            input type="hidden" name="sunset" value=(view.index);
            input type="hidden" name="show" value=(view.show);
            div class="field" {
                label for="q" { "Search by account" }
                input id="q" type="search" name="q" value=(view.q) maxlength="256" placeholder="acme" autocomplete="off"
                    hx-get="/accounts" hx-trigger="input changed delay:200ms, search" hx-target="#list" hx-include="closest form" hx-sync="this:replace";
            }
            button class="quiet" { "Search" }
        }
        div id="list" aria-live="polite" { (list(view)) }
    }
}

fn address(view: &Accounts, show: &str, page: usize) -> String {
    let mut address = format!("/accounts?sunset={}&show={show}", view.index);
    if !view.q.is_empty() {
        address.push_str(&format!("&q={}", encoded(&view.q)));
    }
    if page > 1 {
        address.push_str(&format!("&page={page}"));
    }
    address
}

fn list(view: &Accounts) -> Markup {
    let of = |standing: Standing| {
        let count = view.counts.iter().find(|count| count.standing == standing);
        count.map_or(0, |count| count.accounts)
    };
    html! {
        nav class="tabs" aria-label="Standing" {
            @for standing in Standing::ALL {
                a href=(address(view, standing.name(), 1)) aria-current=[(view.show == standing.name()).then_some("true")] {
                    (standing.words()) span class="count" { (number(of(standing) as u64)) }
                }
            }
            a href=(address(view, "all", 1)) aria-current=[(view.show == "all").then_some("true")] { "all" }
        }
        @if view.rows.is_empty() {
            div class="card" { p class="empty" { @if view.q.is_empty() { "Nobody. " @if view.show == "not-ready" { "Everybody is ready for this floor." } } @else { "No account here is called like this." } } }
        } @else {
            div class="card" {
                div class="wide" { table class="rows stack" {
                    thead { tr {
                        th { "Account" } th { "Standing" } th { "Program" } th { "Lacks" }
                        th class="n" { "Requests a day" } th class="n" { "Of its own" } th class="n" { "Last seen" }
                    } }
                    tbody { @for row in &view.rows {
                        tr {
                            td class="id" { (who(&row.who)) }
                            td { (standing(row.standing)) }
                            td data-label="Program" { @if let Some(program) = &row.program { (safe(program)) } }
                            td class="soft" { (lacks(&row.lacks)) }
                            td class="n" data-label="Requests a day" { (a_day(row.requests_a_day)) }
                            td class="n" data-label="Of its own" { @if row.last_missed.is_some() { (share(row.share)) } }
                            td class="n" data-label="Last seen" { @if let Some(seen) = row.last_missed.or(row.last_seen) { (day(seen)) } }
                        }
                    } }
                } }
                div class="pager" {
                    span class="num" { (number(view.total as u64)) @if view.total == 1 { " account" } @else { " accounts" } ", page " (view.page) " of " (view.pages) }
                    span class="end" {
                        @if view.page > 1 { a class="button quiet" rel="prev" href=(address(view, &view.show, view.page - 1)) { "Previous" } }
                        @if view.page < view.pages { a class="button quiet" rel="next" href=(address(view, &view.show, view.page + 1)) { "Next" } }
                    }
                }
            }
        }
    }
}

/// Neither a little nor almost all is rounded away.
fn share(share: f64) -> String {
    report::words::percent((share * 1e6).round() as u64, 1_000_000)
}
