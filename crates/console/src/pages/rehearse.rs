//! Another floor, or a draft of the plan, tried on what was seen.

use std::sync::Arc;

use axum::extract::{Extension, Query, State};
use axum::response::Response;
use floor::Floor;
use ledger::people::Marked;
use maud::{Markup, html};
use report::replay::{Estimate, Fates, PlanReplay, Replay};
use report::words::{a_day, number, percent};

use super::layout::Page;
use super::parts::{safe, token, who};
use crate::access::{Form, Visitor};
use crate::console::{Console, blocking};
use crate::fault::Fault;
use crate::picture::Picture;
use crate::source::InForce;
use crate::view::rehearse::{Asked, rehearse};

/// A floor, which is asked for with a link.
pub(crate) async fn floor(
    State(console): State<Arc<Console>>,
    Extension(visitor): Extension<Visitor>,
    asked: Result<Query<Asked>, axum::extract::rejection::QueryRejection>,
) -> Response {
    match asked {
        Ok(Query(asked)) => answer(&console, &visitor, asked).await,
        Err(_) => super::shown(&console, &visitor, &Fault::bad("This cannot be rehearsed.")),
    }
}

/// A draft, which is sent with a form. It changes nothing.
pub(crate) async fn draft(
    State(console): State<Arc<Console>>,
    Extension(visitor): Extension<Visitor>,
    form: Form,
) -> Response {
    let asked = Asked {
        floor: String::new(),
        plan: form.text("plan").to_owned(),
        days: form.text("days").parse().unwrap_or_default(),
        as_if: form.text("as_if").to_owned(),
    };
    answer(&console, &visitor, asked).await
}

async fn answer(console: &Arc<Console>, visitor: &Visitor, asked: Asked) -> Response {
    let picture = match console.keeper.picture().await {
        Ok(picture) => picture,
        Err(fault) => return super::shown(console, visitor, &fault),
    };
    let found = if asked.is_empty() {
        None
    } else {
        Some(found(console, picture.clone(), asked.clone()).await)
    };
    let page = Page {
        console,
        visitor,
        in_force: &picture.in_force,
        picture: Some(&picture),
        title: "Rehearse",
        place: "/rehearse",
    };
    page.show(&content(&asked, found.as_ref(), visitor, &picture.in_force))
}

/// Replays it.
pub(crate) async fn found(
    console: &Arc<Console>,
    picture: Arc<Picture>,
    asked: Asked,
) -> Result<Replay, Fault> {
    let (path, now) = (console.data_dir.clone(), console.clock.now());
    let source = console.source.clone();
    blocking(move || {
        let reader = Marked::open(&path)?;
        rehearse(&*source, &picture, &reader, &asked, now)
    })
    .await
}

fn content(
    asked: &Asked,
    found: Option<&Result<Replay, Fault>>,
    visitor: &Visitor,
    in_force: &InForce,
) -> Markup {
    html! {
        div class="head" { h1 { "Rehearse" } span class="soft" { "Who would have been turned away by what was seen, had another floor or plan been in force. Nothing changes." } }
        div class="grid" {
            section class="card" aria-labelledby="a-floor" {
                h2 id="a-floor" { "A floor" }
                form method="get" action="/rehearse" {
                    div class="field" { label for="floor" { "Floor, by name or as a table" }
                        input id="floor" type="text" name="floor" list="floors" value=(asked.floor) placeholder="pq" required autocomplete="off" maxlength="2000";
                        datalist id="floors" { @for name in Floor::NAMES { option value=(name) {} } }
                    }
                    (days(asked, "days-floor"))
                    button { "Try it" }
                }
                p class="soft small" { "Decided as if it had been refused all the time. Named floors: " (Floor::NAMES.join(", ")) "." }
            }
            section class="card" aria-labelledby="a-draft" {
                h2 id="a-draft" { "A draft of the plan" }
                details open[!asked.plan.is_empty()] {
                    summary { "Edit the plan in force" }
                    form method="post" action="/rehearse" {
                        (token(visitor))
                        (problems(found))
                        div class="field" { label for="plan" { "Its tables, as in sundown.toml" } textarea id="plan" class="code" name="plan" spellcheck="false" required { (if asked.plan.is_empty() { in_force.text.as_str() } else { asked.plan.as_str() }) } }
                        (days(asked, "days-draft"))
                        div class="field" { label for="as_if" { "As though the first of it had been seen on this date" } input id="as_if" type="text" name="as_if" value=(asked.as_if) placeholder="by its own dates" autocomplete="off" maxlength="64"; }
                        button { "Try it" }
                    }
                }
                p class="soft small" { "Decided by its own dates at the time of each sighting; with a date, as though the range had begun then." }
            }
        }
        @match found {
            None => {},
            Some(Err(fault)) if !fault.problems.is_empty() => {},
            Some(Err(fault)) => p class="notice bad" role="alert" { (safe(&fault.message)) },
            Some(Ok(replay)) => (result(replay)),
        }
    }
}

/// What is wrong with a draft, above its text: the line, what it says, and what to do.
fn problems(found: Option<&Result<Replay, Fault>>) -> Markup {
    let fault = found.and_then(|found| found.as_ref().err());
    let problems = fault.map_or(&[][..], |fault| &fault.problems);
    html! {
        @if !problems.is_empty() {
            div class="notice bad problems" role="alert" {
                p { b { "This draft cannot be tried." } " Nothing was changed." }
                ul class="plain" { @for one in problems {
                    li {
                        b class="num" { "Line " (one.line) } @if !one.key.is_empty() { ", " span class="code" { (safe(&one.key)) } } ": " (safe(&one.message))
                        @if !one.text.trim().is_empty() { pre { (safe(one.text.trim())) } }
                        p class="soft small" { (safe(&one.help)) }
                    }
                } }
            }
        }
    }
}

fn days(asked: &Asked, id: &str) -> Markup {
    html! {
        div class="field" { label for=(id) { "Over" }
            select id=(id) name="days" { @for days in [7, 14, 30, 60, 90] { option value=(days) selected[asked.days() == days] { "the last " (days) " days" } } }
        }
    }
}

fn result(replay: &Replay) -> Markup {
    html! {
        section class="card" aria-labelledby="result" {
            div class="title" { h2 id="result" { "Side by side" } @if let Some(seen) = &replay.seen { span class="soft small end num" { (report::words::day(seen.first)) " to " (report::words::day(seen.last)) } } }
            div class="wide" { table {
                thead { tr { th {} th class="n" { (safe(&replay.plan.name)) } @if let Some(against) = &replay.against { th class="n" { (safe(&against.name)) } } } }
                tbody {
                    (compared("accounts turned away", replay, |plan| format!("{} of {}", number(plan.accounts.turned_away), number(plan.accounts.total))))
                    (compared("requests not served", replay, |plan| turned_away(&plan.requests)))
                    (compared("connections explained to or refused", replay, |plan| turned_away(&plan.connections)))
                    (compared("requests warned", replay, |plan| estimate(&plan.requests.warned)))
                    (compared("cannot be judged, connections", replay, |plan| number(plan.connections.unjudged)))
                }
            } }
            @if let Some(changes) = &replay.changes {
                p { b { (number(changes.newly_turned_away.len() as u64)) } " newly turned away, " b { (number(changes.no_longer_turned_away.len() as u64)) } " no longer, " (number(changes.both)) " by both." }
            }
        }
        section class="card" aria-labelledby="who" {
            h2 id="who" { "Who is turned away by " (safe(&replay.plan.name)) }
            @if replay.plan.turned_away.is_empty() { p class="empty" { "Nobody." } }
            @else {
                div class="wide" { table class="rows stack" {
                    thead { tr { th { "Account" } th { "Program" } th { "Lacks" } th class="n" { "Requests a day" } th class="n" { "Of its own" } th { "Against the plan in force" } } }
                    tbody { @for row in &replay.plan.turned_away {
                        tr {
                            td class="id" { (who(&row.who)) }
                            td { @for program in row.programs.items.iter().take(2) { div { (safe(&report::words::program(program))) } } }
                            td class="soft" { @for program in row.programs.items.iter().take(1) { (super::parts::lacks(&program.shortfalls)) } }
                            td class="n" data-label="Requests a day" { (a_day(row.requests_a_day)) }
                            td class="n" data-label="Of its own" { (percent(row.requests.about.round() as u64, row.all.requests)) }
                            td { @if replay.changes.as_ref().is_some_and(|changes| changes.newly_turned_away.contains(&row.who)) { span class="mark bad" { "newly" } } @else { span class="mark" { "both" } } }
                        }
                    } }
                } }
                @if replay.plan.more > 0 { p class="soft" { "And " (number(replay.plan.more)) " more; " span class="code" { "sundown replay --json" } " lists all." } }
            }
        }
        @if !replay.plan.runtimes.items.is_empty() {
            section class="card" aria-labelledby="with" {
                h2 id="with" { "With which programs" }
                ul class="plain" { @for by in &replay.plan.runtimes.items { li { (safe(&by.name)) " " span class="soft" { (report::words::count(by.accounts, "account")) } } } }
            }
        }
    }
}

fn compared(what: &str, replay: &Replay, show: impl Fn(&PlanReplay) -> String) -> Markup {
    html! {
        tr { th scope="row" { (what) } td class="n" { (show(&replay.plan)) } @if let Some(against) = &replay.against { td class="n" { (show(against)) } } }
    }
}

fn turned_away(fates: &Fates) -> String {
    let away = fates.turned_away();
    format!(
        "{} ({})",
        estimate(&away),
        percent(away.about.round() as u64, fates.total)
    )
}

/// What the grain of the ledger leaves open stands behind it.
fn estimate(estimate: &Estimate) -> String {
    if estimate.is_exact() {
        number(estimate.at_least)
    } else {
        format!(
            "about {}, {} to {}",
            number(estimate.about.round() as u64),
            number(estimate.at_least),
            number(estimate.at_most)
        )
    }
}
