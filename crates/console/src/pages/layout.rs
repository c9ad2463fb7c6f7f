//! What is around every page.

use axum::response::{Html, IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};
use report::printable;
use report::words::when;

use crate::access::Visitor;
use crate::assets::version;
use crate::console::Console;
use crate::picture::Picture;
use crate::source::InForce;

/// The pages in the order of the navigation: path and name.
const PAGES: [(&str, &str); 5] = [
    ("/", "Overview"),
    ("/accounts", "Accounts"),
    ("/plan", "Plan"),
    ("/clients", "Clients"),
    ("/rehearse", "Rehearse"),
];

/// A page.
pub(super) struct Page<'a> {
    pub(super) console: &'a Console,
    pub(super) visitor: &'a Visitor,
    pub(super) in_force: &'a InForce,
    /// What its figures are from, where it has any.
    pub(super) picture: Option<&'a Picture>,
    pub(super) title: &'a str,
    /// The path in the navigation.
    pub(super) place: &'a str,
}

impl Page<'_> {
    pub(super) fn show(&self, content: &Markup) -> Response {
        // What is on hold now, whatever the figures are as of.
        let now = self.console.source.in_force();
        let holds = now.plan.holds();
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                (head(self.title))
                body {
                    a class="skip" href="#content" { "Skip to the content" }
                    header class="top" { div {
                        a class="brand" href="/" { img src="/assets/icon.svg" alt=""; "Sundown" }
                        nav aria-label="Pages" {
                            @for (path, name) in PAGES {
                                a href=(path) aria-current=[(path == self.place).then_some("page")] { (name) }
                            }
                        }
                        div class="end" {
                            @if let Some(read) = self.picture.map(|picture| picture.at) { span { "as of " time datetime=(read) { (read.strftime("%H:%M:%S")) " UTC" } } }
                            @if !self.visitor.may_operate() { span { "read only" } }
                            @if self.visitor.has_session {
                                form method="post" action="/logout" { (super::parts::token(self.visitor)) button class="quiet" { "Sign out" } }
                            }
                        }
                    } }
                    @if let Some(marked) = &self.console.marked { div class="banner demo" role="note" { (printable(marked)) } }
                    @for hold in holds {
                        div class="banner hold" role="status" {
                            b { "On hold: " (printable(hold.sunset.as_deref().unwrap_or("everything"))) }
                            " since " (when(hold.at)) " by " (printable(&hold.by)) ": " (printable(&hold.reason)) ". "
                            a href="/plan#hold" { "Resume" }
                        }
                    }
                    @if let Some(problem) = &now.problem {
                        div class="banner warn" role="status" { b { "The plan's file cannot be used; the one before stays in force. " } (printable(problem)) }
                    }
                    @if let Some(picture) = self.picture.filter(|picture| picture.is_old(&now)) {
                        div class="banner warn" role="status" { "These figures are as of " (when(picture.at)) " UTC, by the plan as it was then. Newer ones are being made." }
                    }
                    main id="content" { (content) }
                    footer { "Plan: " (printable(&self.in_force.name)) ". All times are UTC." }
                }
            }
        };
        Html(page.into_string()).into_response()
    }
}

/// A page with nothing around it.
pub(super) fn bare(title: &str, content: &Markup) -> Html<String> {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            (head(title))
            body { main id="content" { (content) } }
        }
    };
    Html(page.into_string())
}

fn head(title: &str) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            meta name="htmx-config" content=r#"{"allowEval":false,"includeIndicatorStyles":false,"historyCacheSize":0,"selfRequestsOnly":true,"allowScriptTags":false}"#;
            title { (printable(title)) " · Sundown" }
            link rel="icon" href="/assets/icon.svg" type="image/svg+xml";
            link rel="stylesheet" href={ "/assets/console.css?v=" (version()) };
            script src={ "/assets/htmx.min.js?v=" (version()) } defer {}
            script src={ "/assets/console.js?v=" (version()) } defer {}
        }
    }
}
