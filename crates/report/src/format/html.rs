//! One page that needs nothing else: no script, no font, no image from elsewhere. In light and dark, and on paper.

mod chart;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::model::{
    AccountReport, AddressUse, Brownouts, Listed, Named, Outcome, Program, Report, Row, RowWho,
    SunsetReport, Usage,
};
use crate::safe::{line, lines};
use crate::words::{self, a_day, day, number, percent, when};

// Text on its ground has a contrast of 7 or more in both schemes (WCAG 2.1, 1.4.6).
const STYLE: &str = include_str!("html/style.css");

/// Addresses, programs and accounts that are listed in one place; the number of the others is said.
const MOST: usize = 5;

/// The report as a page.
pub fn html(report: &Report) -> String {
    let title = "Who would break";
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) ", " (day(report.at)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { (title) }
                @if let Some(demo) = &report.demo { p class="verdict unsure" { b { (line(demo)) } } }
                p class="small" {
                    @if let Some(from) = report.range.from { (when(from)) } @else { "The beginning" }
                    " to " (when(report.range.until)) " (UTC); made " (when(report.at)) "."
                }
                @if report.seen.is_none() { p class="verdict unsure" { "Nothing was seen in this range." } }
                @else { (verdict(report.verdict)) }
                @if report.seen.is_some() {
                    @for sunset in &report.sunsets { (self::sunset(sunset, report)) }
                    @if let Some(account) = &report.account { (self::account(account)) }
                }
                (evidence(report))
            }
        }
    };
    page.into_string()
}

/// Text from a ledger: escaped by maud, and without what reorders a line.
fn safe(text: &str) -> Markup {
    html! { (line(text)) }
}

fn verdict(verdict: Outcome) -> Markup {
    let (class, words) = match verdict {
        Outcome::NobodyBreaks => ("good", "Nobody would break."),
        Outcome::SomebodyBreaks => ("bad", "Somebody would break."),
        Outcome::CannotSay => (
            "unsure",
            "It cannot be said who would break: too little could be judged.",
        ),
    };
    html! { p class={ "verdict " (class) } { b { (words) } } }
}

fn sunset(sunset: &SunsetReport, report: &Report) -> Markup {
    html! {
        section {
            h2 { (safe(words::name(sunset))) }
            p { (safe(&words::standing(sunset))) "." }
            div class="wide" { table class="shares" {
                thead { tr { th {} th class="n" { "total" } th class="n" { "would survive" } th class="n" { "would break" } th class="n" { "not judged" } th class="bar" {} } }
                tbody {
                    @for (what, shares) in words::shares(sunset) {
                        tr {
                            th scope="row" { (what) }
                            td class="n" { (number(shares.total)) }
                            @for part in [shares.survive, shares.breaks, shares.unjudged] {
                                td class="n" { (number(part)) " " span class="small" { (percent(part, shares.total)) } }
                            }
                            td class="bar" { (chart::bar(&shares)) }
                        }
                    }
                }
            } }
            p class="small" { span class="key survive" {} " would survive " span class="key breaks" {} " would break " span class="key unjudged" {} " not judged" }
            @if sunset.days.len() > 1 { (chart::days(&sunset.days)) }
            p { b { (words::headline(sunset, report.range.only_new_since)) } }
            @if !sunset.breaking.is_empty() { (overview(sunset)) }
            @if let Some(more) = words::more(sunset) { p { (more) } }
            @for row in &sunset.breaking { (self::row(row)) }
            @if let Some(brownouts) = &sunset.brownouts { (self::brownouts(brownouts)) }
            (exceptions(sunset))
        }
    }
}

fn overview(sunset: &SunsetReport) -> Markup {
    html! {
        div class="wide" { table {
            thead { tr { th { "account" } th class="n" { "requests a day" } th class="n" { "of its own" } th { "last seen" } th { "program" } } }
            tbody {
                @for row in &sunset.breaking {
                    tr {
                        td { (who(&row.who)) @if !row.breaks { " " span class="small" { "(exception)" } } }
                        td class="n" { (a_day(row.requests_a_day)) }
                        td class="n" { (words::own_share(row)) }
                        td { (words::state(row)) }
                        td { (listed(&row.programs, 2, |program| safe(&words::program(program)))) }
                    }
                }
            }
        } }
    }
}

/// Account ids stand out from what is said about them.
fn who(who: &RowWho) -> Markup {
    match &who.0 {
        ledger::Who::Nobody => html! { "(no account)" },
        ledger::Who::Known(id) => html! { code { (safe(id)) } },
        ledger::Who::Inferred { candidates, more } => html! {
            @for (index, id) in candidates.iter().enumerate() {
                @if index > 0 { " or " }
                code { (safe(id)) }
            }
            @if *more { " or others" }
            " (inferred)"
        },
    }
}

fn row(row: &Row) -> Markup {
    let (programs, more) = row.programs.first(MOST);
    html! {
        article {
            h3 { (who(&row.who)) }
            dl {
                dt { "Seen" } dd { (words::seen(row)) }
                @if let Some(attribution) = words::attribution(row) { dt { "Whose" } dd { (attribution) } }
                @for exception in &row.exceptions {
                    dt { "Exception" }
                    dd { "until " (when(exception.until)) ": " (safe(&exception.reason)) " (" (safe(&exception.owner)) ")" }
                }
                dt { "From" } dd { (listed(&row.addresses, MOST, address)) }
                @for program in programs { (self::program(program)) }
                @if more > 0 { dt {} dd { "and " (words::count(more as u64, "more program")) } }
            }
        }
    }
}

fn address(one: &AddressUse) -> Markup {
    html! { @match one.address { Some(address) => (address.to_string()), None => "(not kept)" } }
}

fn program(program: &Program) -> Markup {
    let contradiction = program
        .runtime
        .as_ref()
        .and_then(|runtime| runtime.contradiction.as_ref());
    html! {
        dt { "Program" }
        dd {
            b { (safe(&words::program(program))) }
            @if let Some(contradiction) = contradiction { " (doubtful: " (safe(contradiction)) ")" }
            @for user_agent in &program.user_agents.items { br; code class="small" { (safe(user_agent)) } }
        }
        dt { "Lacks" } dd { (words::lacks(&program.shortfalls)) }
        @if let Some(advice) = &program.advice {
            dt { "Fix" }
            dd {
                (safe(&advice.summary))
                @if let Some(snippet) = &advice.snippet { pre { (lines(snippet)) } }
                div { "To prove it:" }
                pre { (lines(&advice.verify)) }
            }
        }
    }
}

fn brownouts(brownouts: &Brownouts) -> Markup {
    html! {
        h3 { "Brownouts" }
        p { (words::brownouts(brownouts)) }
        div class="wide" { table {
            thead { tr { th { "window (UTC)" } th { "hit" } th class="n" { "explained" } th class="n" { "refused" } th { "since" } } }
            tbody {
                @for window in &brownouts.windows {
                    @for hit in &window.hits {
                        tr {
                            td { (words::window(window)) }
                            td { (who(&hit.who)) }
                            td class="n" { (number(hit.explained)) }
                            td class="n" { (number(hit.refused)) }
                            td { (hit.after.words()) }
                        }
                    }
                }
            }
        } }
    }
}

fn exceptions(sunset: &SunsetReport) -> Markup {
    html! {
        @if !sunset.exceptions.is_empty() {
            h3 { "Exceptions" }
            ul {
                @for note in &sunset.exceptions {
                    li class=[note.state.nags().then_some("nag")] { (safe(&words::exception(note))) }
                }
            }
        }
    }
}

fn account(account: &AccountReport) -> Markup {
    html! {
        section {
            h2 { "All of " code { (safe(&account.id)) } }
            @for part in &account.parts {
                h3 { (who(&part.who)) }
                p { (words::usage(&part.usage)) }
                div class="wide" { table {
                    thead { tr { th {} th {} th class="n" { "requests" } th class="n" { "connections" } th class="n" { "refused" } th { "last seen" } } }
                    tbody {
                        @for program in &part.programs.items {
                            (use_row("program", &html! {
                                (safe(&words::program(program))) ", " (program.max_protocol) " at most"
                                @for user_agent in &program.user_agents.items { br; code class="small" { (safe(user_agent)) } }
                            }, &program.usage))
                        }
                        @for one in &part.addresses.items { (use_row("address", &address(one), &one.usage)) }
                        (named("server name", &part.server_names))
                        (named("negotiated", &part.negotiated))
                        (named("decision", &part.decisions))
                        (named("outcome", &part.outcomes))
                    }
                } }
            }
        }
    }
}

fn named(what: &str, list: &Listed<Named>) -> Markup {
    html! { @for named in &list.items { (use_row(what, &safe(&words::named(named)), &named.usage)) } }
}

fn use_row(what: &str, name: &Markup, usage: &Usage) -> Markup {
    html! {
        tr {
            th scope="row" { (what) }
            td { (name) }
            td class="n" { (number(usage.requests)) }
            td class="n" { (number(usage.connections)) }
            td class="n" { (number(usage.refused)) }
            td { (day(usage.last)) }
        }
    }
}

fn evidence(report: &Report) -> Markup {
    let sentences = words::evidence(report);
    html! {
        @if !sentences.is_empty() {
            section {
                h2 { "Evidence" }
                ul { @for sentence in sentences { li { (safe(&sentence)) } } }
            }
        }
    }
}

/// The first few of a list, and how many more there are.
fn listed<T>(list: &Listed<T>, most: usize, show: impl Fn(&T) -> Markup) -> Markup {
    let (shown, more) = list.first(most);
    html! {
        @for (index, one) in shown.iter().enumerate() { @if index > 0 { ", " } (show(one)) }
        @if more > 0 { " and " (more) " more" }
    }
}
