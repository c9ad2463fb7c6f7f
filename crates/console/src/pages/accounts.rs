//! All accounts, worst first.

use std::sync::Arc;

use axum::extract::{Extension, Query, State};
use axum::response::{Html, IntoResponse, Response};
use http::{HeaderMap, header};
use ledger::standings::Standings;
use maud::{Markup, html};
use report::printable;
use report::words::{a_day, day, number};

use super::layout::Page;
use super::parts::{account_path, encoded, safe, standing, who};
use crate::access::Visitor;
use crate::console::{Console, blocking};
use crate::fault::Fault;
use crate::picture::Picture;
use crate::view::accounts::{Accounts, Asked, COLUMNS, Lacking, Sort, Standing, Understood, cells};

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
    // What htmx asks for as something is typed; on the way back it wants the page.
    if headers.contains_key("hx-request") && !headers.contains_key("hx-history-restore-request") {
        return Html(list(&view).into_string()).into_response();
    }
    let page = Page {
        console: &console,
        visitor: &visitor,
        in_force: &picture.in_force,
        picture: Some(&picture),
        title: "Accounts",
        place: "/accounts",
    };
    page.show(&content(&view, &picture))
}

/// The list that is asked for.
pub(crate) async fn found(
    console: &Arc<Console>,
    asked: Asked,
) -> Result<(Arc<Picture>, Accounts), Fault> {
    let picture = console.keeper.picture().await?;
    let (of, own) = (picture.clone(), console.clone());
    let view = blocking(move || Ok(Accounts::new(&of, &own.standings()?, &asked)?)).await?;
    Ok((picture, view))
}

/// The list that is asked for, all of it, for a spreadsheet.
pub(crate) async fn csv(
    State(console): State<Arc<Console>>,
    asked: Result<Query<Asked>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let Ok(Query(asked)) = asked else {
        return Fault::bad("This list cannot be asked for like this.").into_response();
    };
    let picture = match console.keeper.picture().await {
        Ok(picture) => picture,
        Err(fault) => return fault.into_response(),
    };
    match blocking(move || written(&picture, &console.standings()?, &asked)).await {
        Ok(bytes) => (
            [
                (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
                (
                    header::CONTENT_DISPOSITION,
                    "attachment; filename=\"accounts.csv\"",
                ),
            ],
            bytes,
        )
            .into_response(),
        Err(fault) => fault.into_response(),
    }
}

fn written(picture: &Picture, kept: &Standings, asked: &Asked) -> Result<Vec<u8>, Fault> {
    let sunset = picture.in_force.plan.sunsets.get(asked.sunset);
    let sunset = sunset.map_or("", |sunset| sunset.name.as_str());
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    let mut fault = writer.write_record(COLUMNS).err();
    if let Some(understood) = Understood::new(picture, asked) {
        understood.each(kept, |row| {
            if fault.is_none() {
                fault = writer.write_record(cells(sunset, &row)).err();
            }
        })?;
    }
    let failed = |error: &dyn std::fmt::Display| {
        tracing::error!("a list could not be written: {error}");
        Fault::broken("This list could not be written; the log says why.")
    };
    match fault {
        Some(error) => Err(failed(&error)),
        None => writer.into_inner().map_err(|error| failed(&error)),
    }
}

fn content(view: &Accounts, picture: &Picture) -> Markup {
    let sunsets = &picture.in_force.plan.sunsets;
    html! {
        div class="head" {
            h1 { "Accounts" }
            span class="soft" { @if let Some(sunset) = &view.sunset { "By " b { (safe(sunset)) } ", " (view.sort.words()) ". Figures of the last 30 days." } }
        }
        @if sunsets.len() > 1 {
            nav class="tabs" aria-label="Sunsets" {
                @for (index, sunset) in sunsets.iter().enumerate() {
                    a href={ "/accounts?sunset=" (index) } aria-current=[(index == view.index).then_some("true")] { (safe(&sunset.name)) }
                }
            }
        }
        form class="inline filters" method="get" action="/accounts" role="search"
            hx-get="/accounts" hx-trigger="input changed delay:200ms, change, submit" hx-target="#list" hx-sync="this:replace" hx-push-url="true" {
            input type="hidden" name="sunset" value=(view.index);
            input type="hidden" name="show" value=(view.show);
            @if view.sort != Sort::Worst { input type="hidden" name="sort" value=(view.sort.name()); }
            div class="field" {
                label for="q" { "Search by account" }
                input id="q" type="search" name="q" value=(view.q) maxlength="256" placeholder="acme" autocomplete="off" aria-keyshortcuts="/";
            }
            div class="field" {
                label for="program" { "Program" }
                input id="program" type="search" name="program" value=(view.program) list="programs" maxlength="256" placeholder="any" autocomplete="off";
                datalist id="programs" { @for one in &view.programs { option value=(printable(&one.program)) { (number(one.accounts)) } } }
            }
            div class="field" {
                label for="lacks" { "Lacks" }
                select id="lacks" name="lacks" {
                    @for (value, words) in [("", "anything"), ("version", "a version"), ("suites", "a cipher suite"), ("groups", "a group")] {
                        option value=(value) selected[view.lacks == value] { (words) }
                    }
                }
            }
            div class="field" {
                label for="owner" { "Owner" }
                select id="owner" name="owner" {
                    option value="" { "anybody" }
                    @if !view.owner.is_empty() && !view.owners.contains(&view.owner) { option value=(view.owner) selected { (safe(&view.owner)) } }
                    @for owner in &view.owners { option value=(owner) selected[*owner == view.owner] { (safe(owner)) } }
                }
            }
            button class="quiet" { "Search" }
        }
        div id="list" aria-live="polite" { (list(view)) }
    }
}

/// The address of this list with another standing, order or page.
fn address(view: &Accounts, show: &str, sort: Sort, turn: Option<(&str, u64)>) -> String {
    let mut address = format!("/accounts?{}", asked(view, show, sort));
    if let Some((name, place)) = turn {
        address.push_str(&format!("&{name}={place}"));
    }
    address
}

fn asked(view: &Accounts, show: &str, sort: Sort) -> String {
    let mut asked = format!("sunset={}&show={show}", view.index);
    for (name, value) in [
        ("q", &view.q),
        ("program", &view.program),
        ("lacks", &view.lacks),
        ("owner", &view.owner),
    ] {
        if !value.is_empty() {
            asked.push_str(&format!("&{name}={}", encoded(value)));
        }
    }
    if sort != Sort::Worst {
        asked.push_str(&format!("&sort={}", sort.name()));
    }
    asked
}

/// The head of a column by which the list can be ordered; once more, and the worst are first again.
fn sorted(view: &Accounts, by: Sort, name: &str, class: Option<&str>) -> Markup {
    let is = view.sort == by;
    let direction = match by {
        Sort::Account | Sort::Worst => "ascending",
        Sort::Requests | Sort::Seen => "descending",
    };
    let other = if is { Sort::Worst } else { by };
    html! {
        th class=[class] aria-sort=[is.then_some(direction)] { a class="sort" href=(address(view, &view.show, other, None)) { (name) } }
    }
}

fn list(view: &Accounts) -> Markup {
    let of = |standing: Standing| {
        let count = view.counts.iter().find(|count| count.standing == standing);
        count.map_or(0, |count| count.accounts)
    };
    let is_filtered = [&view.q, &view.program, &view.lacks, &view.owner]
        .iter()
        .any(|value| !value.is_empty());
    let shown = view.rows.len() as u64;
    html! {
        nav class="tabs" aria-label="Standing" {
            @for standing in Standing::ALL {
                a href=(address(view, standing.name(), view.sort, None)) aria-current=[(view.show == standing.name()).then_some("true")] {
                    (standing.words()) span class="count" { (number(of(standing))) }
                }
            }
            a href=(address(view, "all", view.sort, None)) aria-current=[(view.show == "all").then_some("true")] { "all" }
        }
        @if view.rows.is_empty() {
            div class="card" { p class="empty" { @if is_filtered { "No account here fits that. " a href={ "/accounts?sunset=" (view.index) "&show=" (view.show) } { "Show all of these" } } @else { "Nobody. " @if view.show == "not-ready" { "Everybody is ready for this floor." } } } }
        } @else {
            div class="card" {
                div class="wide" { table class="rows stack accounts" {
                    thead { tr {
                        (sorted(view, Sort::Account, "Account", None))
                        th { "Standing" } th { "Program, and what it lacks" }
                        (sorted(view, Sort::Requests, "Requests a day", Some("n")))
                        th class="n" { "Of its own" }
                        (sorted(view, Sort::Seen, "Last seen", Some("n")))
                        th { "Owner and contact" }
                    } }
                    tbody { @for row in &view.rows {
                        tr {
                            td class="id" { (who(&row.who)) }
                            td { (standing(row.standing)) }
                            td { @if let Some(program) = &row.program { (safe(program)) } @if !row.lacks.is_empty() { br; span class="soft small" { (safe(&Lacking::words(&row.lacks))) } } }
                            td class="n" data-label="Requests a day" { (a_day(row.requests_a_day)) }
                            td class="n" data-label="Of its own" { @if row.last_missed.is_some() { (share(row.share)) } }
                            td class="n" data-label="Last seen" { @if let Some(seen) = row.last_missed.or(row.last_seen) { (day(seen)) } }
                            td class="people" data-label="Owner" { @if !row.owner.is_empty() { (safe(&row.owner)) } @if !row.contact.is_empty() { @if !row.owner.is_empty() { br; } span class="soft small" { (safe(&row.contact)) } } @if let (true, Some(id)) = (row.owner.is_empty() && row.contact.is_empty(), row.who.id()) { a class="soft small" href={ (account_path(id)) "#notes" } aria-label={ "Write down who looks after " (printable(id)) } { "add" } } }
                        }
                    } }
                } }
                div class="pager" {
                    span class="num" { (number(view.skipped + 1)) "–" (number(view.skipped + shown)) " of " (number(view.total)) @if view.total == 1 { " account" } @else { " accounts" } }
                    span class="end" {
                        a class="button quiet" href={ "/accounts.csv?" (asked(view, &view.show, view.sort)) } { "CSV" }
                        @if let Some(place) = view.previous { a class="button quiet" rel="prev" href=(address(view, &view.show, view.sort, Some(("before", place)))) { "Previous" } }
                        @if let Some(place) = view.next { a class="button quiet" rel="next" href=(address(view, &view.show, view.sort, Some(("after", place)))) { "Next" } }
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
