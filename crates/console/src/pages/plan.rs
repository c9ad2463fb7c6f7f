//! The plan: the calendar, the levers, who is let past, and who did what.

use std::sync::Arc;
use std::time::Duration;

use audit::{Deed, Holds, Trail, When};
use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Redirect, Response};
use floor::Hold;
use maud::{Markup, html};
use report::words::{number, when};

use super::layout::Page;
use super::overview::midnight;
use super::parts::{account_path, days_away, safe, token};
use crate::access::{Form, Visitor};
use crate::console::{Console, blocking};
use crate::fault::Fault;
use crate::picture::Picture;
use crate::view::plan::{OfSunset, PlanView};

/// The longest reason, as on the command line.
const LONGEST: usize = 1000;
/// How long it takes until the page shows what was done.
const TAKEN_UP: Duration = Duration::from_millis(600);

pub(crate) async fn plan(
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
        title: "Plan",
        place: "/plan",
    };
    page.show(&content(&view, &visitor))
}

pub(crate) async fn found(console: &Arc<Console>) -> Result<(Arc<Picture>, PlanView), Fault> {
    let picture = console.keeper.picture().await?;
    let (of, own, now) = (picture.clone(), console.clone(), console.clock.now());
    let mut view = blocking(move || PlanView::new(&own, &of, now)).await?;
    // A hold is in the plan before it is in the picture.
    view.holds = console.source.in_force().plan.holds().to_vec();
    Ok((picture, view))
}

fn content(view: &PlanView, visitor: &Visitor) -> Markup {
    html! {
        div class="head" { h1 { "Plan" } span class="soft" { "from " span class="code" { (safe(&view.plan)) } } }
        section class="card" aria-labelledby="calendar" {
            h2 id="calendar" { "Calendar" }
            div class="wide" { table class="timeline" {
                thead { tr { th { "When" } th {} th { "Sunset" } th { "What" } } }
                tbody {
                    @for (index, entry) in view.calendar.iter().enumerate() {
                        @if !entry.past && (index == 0 || view.calendar.get(index - 1).is_some_and(|before| before.past)) {
                            tr class="now" { td class="num" { b { (when(midnight(view.at))) } } td class="soft small" { "today" } td {} td {} }
                        }
                        tr class=[entry.past.then_some("past")] {
                            td class="num" { (when(entry.at)) }
                            td class="soft num small" { (days_away(view.at, entry.at)) }
                            td { @if let Some(sunset) = &entry.sunset { (safe(sunset)) } }
                            td { (safe(&entry.what)) }
                        }
                    }
                }
            } }
            @if view.calendar.is_empty() { p class="empty" { "Nothing is planned." } }
        }
        (levers(view, visitor))
        section class="card" aria-labelledby="exceptions" {
            h2 id="exceptions" { "Exceptions" }
            (exceptions(&view.exceptions, view.at))
        }
        @if !view.previews.is_empty() {
            section class="card" aria-labelledby="previews" {
                h2 id="previews" { "Previews" }
                p class="soft" { "On these names the plan's clock is set ahead: a client that works there works on that day." }
                ul class="plain" { @for preview in &view.previews { li { span class="code" { (safe(&preview.sni)) } " shows " (when(preview.at)) } } }
            }
        }
        section class="card" aria-labelledby="trail" {
            div class="title" { h2 id="trail" { "Who did what" } span class="soft small end" { "each record holds the hash of the one before; " span class="code" { "sundown audit --verify" } } }
            @if let Some(fault) = &view.trail_fault { p class="notice bad" role="alert" { "The trail is not as it was written: " (safe(fault)) ". What stands from there on cannot be relied on." } }
            (trail(view))
        }
    }
}

fn levers(view: &PlanView, visitor: &Visitor) -> Markup {
    let taken_up = match view.edge_runs {
        Some(true) => "A running edge takes it up within a second.",
        Some(false) => "No edge runs on this data directory; the next one starts with it.",
        None => "A running edge takes it up within a second.",
    };
    html! {
        section class="card" id="hold" aria-labelledby="levers" {
            h2 id="levers" { "Hold" }
            p { "A hold serves everybody as in observe: nobody is told, explained to or refused. " (taken_up) }
            @if !view.holds.is_empty() {
                ul class="plain" { @for hold in &view.holds {
                    li { span class="mark bad" { "on hold" } " " b { (safe(hold.sunset.as_deref().unwrap_or("everything"))) } " since " (when(hold.at)) " by " (safe(&hold.by)) ": " (safe(&hold.reason)) }
                } }
            }
            @if !visitor.may_operate() { p class="soft" { "You may read; holding and resuming takes the operators' token." } }
            @else {
                form method="post" action=(if view.holds.is_empty() { "/plan/hold" } else { "/plan/resume" }) {
                    (token(visitor))
                    div class="grid" {
                        div class="field" {
                            label for="sunset" { "What" }
                            select id="sunset" name="sunset" {
                                option value="" { "everything" }
                                @for sunset in &view.sunsets { option value=(sunset.name) { (safe(&sunset.name)) } }
                            }
                        }
                        div class="field" { label for="reason" { "Why; it is recorded" } input id="reason" type="text" name="reason" required maxlength="1000" autocomplete="off"; }
                    }
                    div class="field check" { input id="sure" type="checkbox" name="sure" value="yes" required; label for="sure" { @if view.holds.is_empty() { "Yes: stop telling and refusing clients" } @else { "Yes: the plan acts by its dates again" } } }
                    @if view.holds.is_empty() { button class="danger" { "Hold" } } @else { button { "Resume" } }
                }
                @if !view.holds.is_empty() {
                    details { summary { "Hold something else as well" }
                        form method="post" action="/plan/hold" {
                            (token(visitor))
                            div class="grid" {
                                div class="field" { label for="sunset-too" { "What" } select id="sunset-too" name="sunset" { option value="" { "everything" } @for sunset in &view.sunsets { option value=(sunset.name) { (safe(&sunset.name)) } } } }
                                div class="field" { label for="reason-too" { "Why" } input id="reason-too" type="text" name="reason" required maxlength="1000" autocomplete="off"; }
                            }
                            div class="field check" { input id="sure-too" type="checkbox" name="sure" value="yes" required; label for="sure-too" { "Yes" } }
                            button class="danger" { "Hold" }
                        }
                    }
                }
            }
        }
    }
}

fn exceptions(exceptions: &[OfSunset], at: jiff::Timestamp) -> Markup {
    html! {
        @if exceptions.is_empty() { p class="empty" { "There are none." } }
        @else {
            div class="wide" { table class="rows stack" {
                thead { tr { th { "For" } th { "Standing" } th { "Until" } th { "Why" } th { "Owner" } th class="n" { "Needed by" } } }
                tbody { @for of in exceptions {
                    @let note = &of.note;
                    tr {
                        td class="id" {
                            @if let Some(account) = &note.account { a href=(account_path(account)) { (safe(account)) } }
                            @else { span class="code" { (safe(&report::words::whom(note))) } }
                            br; span class="soft small" { (safe(&of.sunset)) }
                        }
                        td { span class={ "mark " (if note.state.nags() { "unsure" } else { "good" }) } { (note.state.words()) } }
                        td class="num" { (when(note.until)) br; span class="soft small" { (days_away(at, note.until)) } }
                        td { (safe(&note.reason)) }
                        td { (safe(&note.owner)) }
                        td class="n" { @if let Some(usage) = &note.needed_by { (number(usage.requests)) " requests" } @else { "nothing" } }
                    }
                } }
            } }
        }
    }
}

fn trail(view: &PlanView) -> Markup {
    html! {
        @if view.trail.is_empty() { p class="empty" { "Nothing is recorded yet; an edge that runs begins it." } }
        @else {
            div class="wide" { table class="rows stack" {
                thead { tr { th { "When" } th { "Who" } th { "What" } th { "More" } } }
                tbody { @for deed in &view.trail {
                    tr {
                        td class="num" { (deed.at.strftime("%Y-%m-%d %H:%M")) }
                        td { (safe(&deed.by)) }
                        td { (safe(&deed.kind.replace('-', " "))) }
                        td {
                            @for line in deed.lines.iter().take(3) { div { (safe(line)) } }
                            @if deed.lines.len() > 3 { details { summary { "and " (deed.lines.len() - 3) " more" } @for line in deed.lines.iter().skip(3) { div { (safe(line)) } } } }
                        }
                    }
                } }
            } }
        }
    }
}

/// Puts on hold.
pub(crate) async fn hold(
    State(console): State<Arc<Console>>,
    Extension(visitor): Extension<Visitor>,
    form: Form,
) -> Response {
    pull(console, visitor, form, true).await
}

/// Lifts a hold.
pub(crate) async fn resume(
    State(console): State<Arc<Console>>,
    Extension(visitor): Extension<Visitor>,
    form: Form,
) -> Response {
    pull(console, visitor, form, false).await
}

async fn pull(console: Arc<Console>, visitor: Visitor, form: Form, holds: bool) -> Response {
    let reason = form.text("reason").to_owned();
    let sunset = Some(form.text("sunset").to_owned()).filter(|sunset| !sunset.is_empty());
    let known = |name: &String| {
        let in_force = console.source.in_force();
        in_force
            .plan
            .sunsets
            .iter()
            .any(|sunset| sunset.name == *name)
    };
    let wrong = if form.text("sure") != "yes" {
        Some("It was not confirmed; nothing was changed.")
    } else if reason.is_empty() || reason.chars().count() > LONGEST {
        Some("Say why, in 1000 characters at most; nothing was changed.")
    } else if sunset.as_ref().is_some_and(|name| !known(name)) {
        Some("This plan has no such sunset; nothing was changed.")
    } else {
        None
    };
    if let Some(wrong) = wrong {
        return super::shown(&console, &visitor, &Fault::bad(wrong));
    }
    let (directory, by, at) = (
        console.data_dir.clone(),
        visitor.name.clone(),
        console.real_clock.now(),
    );
    let done = blocking(move || {
        let lever = Holds::of(&directory);
        let deed = if holds {
            let hold = Hold {
                sunset: sunset.clone(),
                by: by.clone(),
                reason: reason.clone(),
                at,
            };
            lever.change(|all| {
                all.retain(|before| before.sunset != hold.sunset);
                all.push(hold);
            })?;
            Deed::Hold { sunset, reason }
        } else {
            let lifted = lever.change(|all| {
                let before = all.len();
                all.retain(|hold| sunset.is_some() && hold.sunset != sunset);
                before > all.len()
            })?;
            if !lifted {
                return Err(Fault::bad(
                    "That is not on hold by itself; nothing was changed.",
                ));
            }
            Deed::Resume { sunset, reason }
        };
        // What is done is done: a trail that cannot be written undoes nothing.
        if let Err(error) = Trail::of(&directory).append(
            When {
                real: at,
                plan: None,
            },
            &by,
            &[deed],
        ) {
            tracing::error!(%error, "a lever was pulled in the console, and that is not recorded");
        }
        Ok(())
    })
    .await;
    match done {
        Ok(()) => {
            // Whoever knows the plan looks at the holds four times a second.
            tokio::time::sleep(TAKEN_UP).await;
            Redirect::to("/plan#hold").into_response()
        }
        Err(fault) => super::shown(&console, &visitor, &fault),
    }
}
