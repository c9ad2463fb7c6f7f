//! One account.

use std::sync::Arc;

use axum::extract::{Extension, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use ledger::people::People;
use maud::{Markup, html};
use report::model::{
    AddressUse, ExceptionNote, Listed, Named, Part, Program, Row, SunsetReport, Usage,
};
use report::words::{self, count, day, number, when};
use serde::Deserialize;

use super::layout::Page;
use super::parts::{action, safe, standing, who};
use crate::access::{Form, Visitor};
use crate::chart;
use crate::console::{Console, blocking};
use crate::fault::Fault;
use crate::picture::Picture;
use crate::view::account::{Account, Note, OnDate};

/// Whose page it is.
#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    pub(crate) id: String,
}

pub(crate) async fn account(
    State(console): State<Arc<Console>>,
    Extension(visitor): Extension<Visitor>,
    asked: Result<Query<Asked>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let Ok(Query(asked)) = asked else {
        return super::shown(
            &console,
            &visitor,
            &Fault::bad("Whose page? /account?id=ACCOUNT shows one."),
        );
    };
    let (picture, view) = match found(&console, asked.id).await {
        Ok(found) => found,
        Err(fault) => return super::shown(&console, &visitor, &fault),
    };
    let page = Page {
        console: &console,
        visitor: &visitor,
        in_force: &picture.in_force,
        picture: Some(&picture),
        title: &view.id,
        place: "/accounts",
    };
    page.show(&content(&view, &visitor))
}

/// One account, as the ledger has it now.
pub(crate) async fn found(
    console: &Arc<Console>,
    id: String,
) -> Result<(Arc<Picture>, Account), Fault> {
    let picture = console.keeper.picture().await?;
    let (of, now, path) = (picture.clone(), console.clock.now(), console.people());
    let kept = console.standings()?;
    let view = console
        .ask(move |reader| Account::new(&of, reader, &kept, &People::read(&path)?, &id, now))
        .await?;
    let view = view.ok_or_else(|| Fault::missing("No account of that name was ever seen."))?;
    Ok((picture, view))
}

fn content(view: &Account, visitor: &Visitor) -> Markup {
    let report = &view.report;
    let account = report.account.as_ref();
    let seen = account.and_then(|account| account.first.zip(account.last));
    let rows = || {
        report
            .sunsets
            .iter()
            .flat_map(|sunset| sunset.breaking.iter().map(move |row| (sunset, row)))
    };
    html! {
        div class="head" {
            h1 { (safe(&view.id)) }
            span class="soft" {
                @if let Some((first, last)) = seen { "seen " (day(first)) " to " (day(last)) ", " (count(view.requests_30_days, "request")) " in 30 days" }
                @else { "never showed itself; it is inferred of clients that were refused" }
            }
        }
        div class="grid" {
            section class="card" aria-labelledby="standing" {
                h2 id="standing" { "How it stands" }
                ul class="plain" {
                    @for of in &view.standings { li { (standing(of.standing)) " " (safe(&of.sunset)) } }
                }
                @for sunset in &report.sunsets { @for note in &sunset.exceptions { (exception(sunset, note)) } }
            }
            section class="card" aria-labelledby="where" {
                h2 id="where" { "Where it comes from" }
                @for part in account.into_iter().flat_map(|account| &account.parts).take(1) { (place(part)) }
            }
        }
        section class="card" aria-labelledby="fix" {
            h2 id="fix" { "What to change" }
            @if rows().next().is_none() { p class="soft" { "Nothing: all that was seen in the last 30 days meets every floor of the plan." } }
            @for (sunset, row) in rows().filter(|(_, row)| row.who.attribution() == "known") { (self::row(sunset, row)) }
            @for (sunset, row) in rows().filter(|(_, row)| row.who.attribution() != "known") {
                details class="fix" {
                    summary { (safe(words::name(sunset))) ": " (safe(&words::who(&row.who))) ", " (words::seen(row)) }
                    (self::row(sunset, row))
                }
            }
        }
        section class="card" aria-labelledby="dates" {
            h2 id="dates" { "What it will meet" }
            (dates(&view.dates))
        }
        @if view.history.len() > 1 {
            section class="card" aria-labelledby="history" {
                h2 id="history" { "What it did" }
                p class="soft" { "Requests by day; of clients that were refused, connections. Floors of sunsets that are only observed do not count." }
                (chart::history(&view.history))
            }
        }
        (written(view, visitor))
        @for sunset in &report.sunsets { @if let Some(brownouts) = &sunset.brownouts {
            section class="card" {
                h2 { "Brownouts" }
                p { (words::brownouts(brownouts)) }
                div class="wide" { table class="rows" {
                    thead { tr { th { "Window" } th { "Who" } th class="n" { "Explained" } th class="n" { "Refused" } th { "Since" } } }
                    tbody { @for window in brownouts.windows.iter().rev().take(12) { @for hit in &window.hits {
                        tr { td class="num" { (words::window(window)) } td { (who(&hit.who)) } td class="n" { (number(hit.explained)) } td class="n" { (number(hit.refused)) } td { (hit.after.words()) } }
                    } } }
                } }
            }
        } }
        section class="card" {
            h2 { "All of it" }
            @for part in account.into_iter().flat_map(|account| &account.parts) { (all(part)) }
        }
    }
}

/// What people wrote about it, and the letters it was sent.
fn written(view: &Account, visitor: &Visitor) -> Markup {
    let note = view.note.as_ref();
    let text = |of: fn(&Note) -> &String| note.map_or("", |note| of(note).as_str());
    let is = note.map_or(ledger::Visitor::Customer, |note| note.visitor);
    html! {
        div class="grid" {
            section class="card" aria-labelledby="notes" {
                div class="title" { h2 id="notes" { "Notes" } @if let Some(note) = note { span class="soft small end" { (safe(&note.author)) ", " (when(note.changed)) } } }
                @if visitor.may_operate() {
                    form method="post" action="/account/note" {
                        (super::parts::token(visitor))
                        input type="hidden" name="id" value=(view.id);
                        div class="field" { label for="note" { "Note" } textarea id="note" name="note" maxlength="8000" { (text(|note| &note.text)) } }
                        div class="grid" {
                            div class="field" { label for="owner" { "Who looks after it" } input id="owner" type="text" name="owner" value=(text(|note| &note.owner)) maxlength="200" autocomplete="off"; }
                            div class="field" { label for="contact" { "Where to write" } input id="contact" type="text" name="contact" value=(text(|note| &note.contact)) maxlength="200" autocomplete="off"; }
                        }
                        div class="field" { label for="visitor" { "It is" }
                            select id="visitor" name="visitor" { @for kind in ledger::Visitor::ALL { option value=(kind.name()) selected[kind == is] { (kinds(kind)) } } }
                        }
                        button class="quiet" { "Write down" }
                    }
                } @else {
                    dl { dt { "Note" } dd { (safe(text(|note| &note.text))) } dt { "Owner" } dd { (safe(text(|note| &note.owner))) } dt { "Contact" } dd { (safe(text(|note| &note.contact))) } dt { "It is" } dd { (kinds(is)) } }
                }
            }
            section class="card" aria-labelledby="letters" {
                h2 id="letters" { "Letters" }
                @if view.letters.is_empty() { p class="soft" { "None was sent. " span class="code" { "sundown notify" } " writes them." } }
                ul class="plain" { @for letter in &view.letters {
                    li { span class={ "mark " (if letter.state == "sent" { "good" } else { "unsure" }) } { (letter.state) } " " (safe(&letter.occasion)) ", " (safe(&letter.sunset)) br; span class="soft small" { (when(letter.at)) " to " (safe(&letter.recipient)) @if let Some(reason) = &letter.reason { ": " (safe(reason)) } } }
                } }
            }
        }
    }
}

const fn kinds(visitor: ledger::Visitor) -> &'static str {
    match visitor {
        ledger::Visitor::Customer => "a customer",
        ledger::Visitor::HealthCheck => "not a real customer: a health check or a test account",
        ledger::Visitor::Scanner => "not a real customer: a scanner",
        ledger::Visitor::Bot => "not a real customer: a bot",
    }
}

/// Writes it down.
pub(crate) async fn note(
    State(console): State<Arc<Console>>,
    Extension(visitor): Extension<Visitor>,
    form: Form,
) -> Response {
    let kind = ledger::Visitor::ALL
        .into_iter()
        .find(|kind| kind.name() == form.text("visitor"));
    let id = form.text("id").to_owned();
    let asked = id.clone();
    let known = match console.ask(move |reader| reader.named(&asked)).await {
        Ok(named) => named.is_some(),
        Err(fault) => return super::shown(&console, &visitor, &fault),
    };
    let (Some(kind), true) = (kind, known) else {
        return super::shown(
            &console,
            &visitor,
            &Fault::bad("No account of that name was ever seen; nothing was written."),
        );
    };
    let note = ledger::people::Note {
        account: id.clone(),
        text: form.text("note").to_owned(),
        owner: form.text("owner").to_owned(),
        contact: form.text("contact").to_owned(),
        visitor: kind,
        changed: console.real_clock.now(),
        author: visitor.name.clone(),
    };
    let path = console.people();
    let written = blocking(move || Ok(People::open(&path)?.write(&note)?)).await;
    match written {
        Ok(()) => {
            Redirect::to(&format!("{}#notes", super::parts::account_path(&id))).into_response()
        }
        Err(fault) => super::shown(&console, &visitor, &fault),
    }
}

fn exception(sunset: &SunsetReport, note: &ExceptionNote) -> Markup {
    html! {
        p { span class={ "mark " (if note.state.nags() { "unsure" } else { "good" }) } { "exception " (note.state.words()) } " "
            (safe(words::name(sunset))) " until " (when(note.until)) ": " (safe(&note.reason)) span class="soft" { " (" (safe(&note.owner)) ")" } }
    }
}

fn place(part: &Part) -> Markup {
    html! {
        dl {
            dt { "Addresses" } dd { (listed(&part.addresses, 6, address)) }
            dt { "Server names" } dd { (listed(&part.server_names, 4, |named| safe(&words::named(named)))) }
            dt { "Agreed on" } dd { (listed(&part.negotiated, 3, |named| safe(&words::named(named)))) }
            dt { "How much" } dd { (count(part.usage.requests, "request")) ", " (count(part.usage.connections, "connection")) @if part.usage.refused > 0 { ", " (number(part.usage.refused)) " refused" } }
        }
    }
}

fn address(one: &AddressUse) -> Markup {
    html! { span class="code" { @match one.address { Some(address) => (address.to_string()), None => "not kept" } } }
}

fn row(sunset: &SunsetReport, row: &Row) -> Markup {
    html! {
        div class="fix" {
            p { b { (safe(words::name(sunset))) } ", " (who(&row.who)) ": " (words::seen(row)) "." }
            @for program in &row.programs.items { (self::program(program)) }
            @if row.programs.more > 0 { p class="soft" { "and " (count(row.programs.more as u64, "more program")) } }
        }
    }
}

fn program(program: &Program) -> Markup {
    html! {
        dl {
            dt { "Program" } dd { b { (safe(&words::program(program))) } @for agent in &program.user_agents.items { br; span class="code small soft" { (safe(agent)) } } }
            dt { "Lacks" } dd { (super::parts::lacks(&program.shortfalls)) }
            @if let Some(advice) = &program.advice {
                dt { "Fix" } dd { (safe(&advice.summary)) @if let Some(snippet) = &advice.snippet { pre { (snippet) } } }
                dt { "To prove it" } dd { pre { (advice.verify) } }
            }
        }
    }
}

fn dates(dates: &[OnDate]) -> Markup {
    html! {
        div class="wide" { table class="timeline" {
            thead { tr { th { "From" } th { "What begins" } th { "What its programs meet" } } }
            tbody { @for (index, on) in dates.iter().enumerate() {
                tr class=[(index == 0).then_some("now")] {
                    td class="num" { @if index == 0 { "now" } @else { (when(on.at)) } }
                    td { @if index > 0 { (on.what) @if let Some(sunset) = &on.sunset { br; span class="soft small" { (safe(sunset)) } } } }
                    td { @for meets in &on.programs {
                        div { (action(meets.action)) " " (safe(&meets.program)) @if meets.excepted { span class="soft" { ", by an exception" } } }
                    } @if on.programs.is_empty() { span class="soft" { "nothing was seen of it in 30 days" } } }
                }
            } }
        } }
    }
}

fn all(part: &Part) -> Markup {
    html! {
        details open[part.who.attribution() == "known"] {
            summary { (safe(&words::who(&part.who))) ": " (words::usage(&part.usage)) }
            div class="wide" { table class="rows" {
                thead { tr { th {} th {} th class="n" { "Requests" } th class="n" { "Connections" } th class="n" { "Refused" } th class="n" { "Last seen" } } }
                tbody {
                    @for program in &part.programs.items {
                        (used("program", &html! { (safe(&words::program(program))) ", " (safe(&program.max_protocol)) " at most" @for ja4 in &program.ja4.items { br; span class="code small soft" { (ja4) } } }, &program.usage))
                    }
                    @for one in &part.addresses.items { (used("address", &address(one), &one.usage)) }
                    (named("server name", &part.server_names))
                    (named("agreed on", &part.negotiated))
                    (named("decision", &part.decisions))
                    (named("outcome", &part.outcomes))
                }
            } }
        }
    }
}

fn named(what: &str, list: &Listed<Named>) -> Markup {
    html! { @for named in &list.items { (used(what, &safe(&words::named(named)), &named.usage)) } }
}

fn used(what: &str, name: &Markup, usage: &Usage) -> Markup {
    html! {
        tr { th scope="row" { (what) } td { (name) } td class="n" { (number(usage.requests)) } td class="n" { (number(usage.connections)) } td class="n" { (number(usage.refused)) } td class="n" { (day(usage.last)) } }
    }
}

/// The first few of a list, and how many more there are.
fn listed<T>(list: &Listed<T>, most: usize, show: impl Fn(&T) -> Markup) -> Markup {
    let (shown, more) = list.first(most);
    html! {
        @for (index, one) in shown.iter().enumerate() { @if index > 0 { br; } (show(one)) }
        @if more > 0 { br; span class="soft" { "and " (more) " more" } }
    }
}
