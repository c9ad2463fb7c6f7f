//! The overview: how many are not ready, how long there is, and whether that is enough.

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::response::Response;
use maud::{Markup, html};
use report::model::Shares;
use report::words::{count, number, percent, when};

use super::layout::Page;
use super::parts::{action, days_away, safe};
use crate::access::Visitor;
use crate::chart;
use crate::console::Console;
use crate::view::overview::{Countdown, Overview, date};
use crate::view::recent::Row;

pub(crate) async fn overview(
    State(console): State<Arc<Console>>,
    Extension(visitor): Extension<Visitor>,
) -> Response {
    let picture = match console.keeper.picture().await {
        Ok(picture) => picture,
        Err(fault) => return super::shown(&console, &visitor, &fault),
    };
    let now = console.clock.now();
    let view = Overview::new(&picture, console.marked.as_ref(), now);
    let page = Page {
        console: &console,
        visitor: &visitor,
        in_force: &picture.in_force,
        picture: Some(&picture),
        title: "Overview",
        place: "/",
    };
    page.show(&content(&view, now))
}

fn content(view: &Overview, now: jiff::Timestamp) -> Markup {
    html! {
        div class="head" {
            h1 { "Overview" }
            span class="soft" { "Shares are of the last 30 days; an account is ready when nothing of it misses." }
        }
        @if view.sunsets.is_empty() { div class="card" { p class="empty" { "This plan has no sunset. " code { "sundown init" } " writes one to begin with." } } }
        @for sunset in &view.sunsets { (countdown(sunset, now)) }
        (feed(&view.recent))
        (evidence(view))
    }
}

fn countdown(sunset: &Countdown, now: jiff::Timestamp) -> Markup {
    let id = format!("sunset-{}", sunset.index);
    html! {
        section class="card" aria-labelledby=(id) {
            div class="title" {
                h2 id=(id) { (safe(&sunset.name)) }
                @match sunset.phase {
                    Some(phase) => span class={ "mark " (phase.name()) } { "now: " (phase.name()) },
                    None => span class="mark" { "not begun" },
                }
                @if sunset.hold.is_some() { span class="mark bad" { "on hold" } }
                span class="soft small end" { "floor " (safe(&sunset.floor)) ": " (safe(&sunset.title)) }
            }
            div class="lead" {
                div {
                    div class="figures" {
                        div class="figure" {
                            div class="big" { a href={ "/accounts?sunset=" (sunset.index) } { (number(sunset.not_ready)) } }
                            div class="label" { "accounts not ready" }
                        }
                        @if let (Some(days), Some(ends)) = (sunset.days_left, sunset.ends) {
                            div class="figure" {
                                div class="big" { (number(days.max(0).unsigned_abs())) }
                                div class="label" { @if days > 0 { "days until they are turned away" } @else { "days left: they are turned away" } br; (when(ends)) }
                            }
                        }
                    }
                    (forecast(sunset))
                    @if let Some(next) = &sunset.next {
                        p class="soft" { "Next: " b { (next.phase.name()) } " from " (when(next.at)) ", " (days_away(now, next.at)) "." }
                    }
                }
                div class="shares" {
                    (share("Accounts", &sunset.accounts))
                    (share("Requests", &sunset.requests))
                    (share("Connections", &sunset.connections))
                }
            }
            (chart::burn_down(sunset, date(now)))
        }
    }
}

/// When the day of a moment began, UTC.
pub(super) fn midnight(at: jiff::Timestamp) -> jiff::Timestamp {
    jiff::tz::TimeZone::UTC
        .to_timestamp(date(at).at(0, 0, 0, 0))
        .unwrap_or(jiff::Timestamp::MAX)
}

fn forecast(sunset: &Countdown) -> Markup {
    let pace = sunset.pace.map(|pace| pace.a_week);
    let zero = sunset.pace.and_then(|pace| pace.zero_on);
    html! {
        p class="forecast" {
            @if sunset.not_ready == 0 { "Nobody is left who would break." }
            @else if let (Some(zero), Some(pace)) = (zero, pace) {
                "At " (format!("{pace:.1}")) " a week none is left on " b { (zero) }
                @match sunset.in_time {
                    Some(true) => { " " span class="mark good" { "in time" } },
                    Some(false) => { " " span class="mark bad" { "too late" } },
                    None => {},
                }
            }
            @else if pace.is_some_and(|pace| pace > 0.0) { "The number hardly falls: at this pace it takes more than three years." }
            @else if pace.is_some() { "The number does not fall: at this pace it never reaches zero." }
            @else { "Too few days to tell the pace." }
        }
    }
}

fn share(name: &str, shares: &Shares) -> Markup {
    html! {
        div class="share" {
            div class="row" {
                span { (name) " ready" }
                b class="num" { (percent(shares.survive, shares.total)) }
                span class="end" {
                    (number(shares.breaks)) " of " (number(shares.total)) " would break"
                }
            }
            (chart::share(shares))
            @if shares.excepted > 0 { div class="soft small" { "of these " (number(shares.excepted)) " are let past by an exception" } }
        }
    }
}

/// What was seen last; the script goes on from there.
fn feed(rows: &[Row]) -> Markup {
    html! {
        section class="card" aria-labelledby="live" {
            div class="title" { h2 id="live" { "Seen just now" } span class="soft small end" data-feed-state {} }
            div class="wide" data-feed="/live" {
                table class="rows stack" {
                    thead { tr { th { "Time" } th { "Account" } th { "Program, by its hello" } th { "Offers" } th { "Result" } th class="n" { "Requests" } } }
                    tbody aria-live="off" { @for row in rows {
                        tr { td class="num" { (row.time) } td { (row.account) } td { (row.program) } td { (row.version) } td { (action(&row.action)) } td class="n" { (row.count) } }
                    } }
                }
                @if rows.is_empty() { p class="empty" { "Nobody called in the last hour." } }
            }
        }
    }
}

fn evidence(view: &Overview) -> Markup {
    let evidence = &view.evidence;
    let unknown = evidence.no_hello + evidence.other + evidence.lost;
    html! {
        section class="card" aria-labelledby="evidence" {
            h2 id="evidence" { "What this rests on" }
            ul class="plain" {
                li { (count(evidence.connections, "connection")) " of customers in 30 days; " (percent(evidence.connections - unknown.min(evidence.connections), evidence.connections)) " can be judged." }
                @if view.refused.connections > 0 {
                    li { (count(view.refused.connections, "connection")) " refused by the plan: " (number(view.refused.one_candidate)) " of one inferred account each, " (number(view.refused.several_candidates)) " of one of several, " (number(view.refused.nobody)) " of nobody who was seen before." }
                }
                @for gap in &view.gaps {
                    li { "Gap from " (when(gap.from)) ": " (safe(&gap.reason)) "; " @if gap.connections == 0 { "how much is missing is not known." } @else { (count(gap.connections, "connection")) " without details." } }
                }
            }
        }
    }
}
