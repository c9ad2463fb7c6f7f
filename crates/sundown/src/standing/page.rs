//! The page, for people: without scripts and outside files, light or dark as their browser is. Old browsers get it too.
//!
//! What comes from clients (accounts, User-Agents) is text here, whatever it looks like, and steers nothing.

use advice::Advice;
use jiff::Timestamp;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use report::{count, lacks, number, printable};

use super::model::{How, OfSunset, OnDate, Program, Standing, fell_short};
use crate::notice::content::{capital, join};
use crate::notice::dates::day;
use crate::notice::html::line;

// Contrast of 7 or more in both schemes (WCAG 2.1, 1.4.6). What knows no @media shows the wide, light form.
pub(super) const STYLE: &str = "body{font:16px/1.55 Verdana,Arial,sans-serif;color:#222;background:#fff;max-width:50em;margin:2em auto;padding:0 1em;word-wrap:break-word;overflow-wrap:break-word}\
h1{font-size:26px;line-height:1.3;font-weight:normal;margin-bottom:.5em}h2{font-size:20px;margin:2em 0 .4em;border-bottom:1px solid #ccc;padding-bottom:3px}h3{font-size:17px;margin:1.6em 0 .2em}h4{font-size:16px;margin:1.4em 0 .2em}\
p{margin:.5em 0}a{color:#0645ad}table{border-collapse:collapse;width:100%;margin:.4em 0 1em}\
td,th{border-bottom:1px solid #ccc;padding:6px 12px 6px 0;text-align:left;vertical-align:top}th{font-weight:normal;color:#555}.when{width:12em}td p{margin:0 0 .4em}\
pre{background:#f3f3f3;border:1px solid #ddd;padding:8px;white-space:pre-wrap;word-wrap:break-word;overflow-wrap:anywhere}code{font-size:15px;overflow-wrap:anywhere}\
ul{margin:.2em 0;padding-left:1.2em}.box{border-left:6px solid;background:#f6f6f6;padding:10px 14px}.box span{color:#222}\
.ok{color:#145514}.warn{color:#734400}.bad{color:#9a1010}.small{color:#555;font-size:14px}.demo{border:1px solid #734400;color:#734400;padding:6px 12px}.date{white-space:nowrap}\
@media (prefers-color-scheme:dark){body{color:#e2e2e2;background:#161616}h2,td,th{border-color:#444}th,.small{color:#b4b4b4}a{color:#9ec1ff}pre{background:#222;border-color:#444}.box{background:#222}.box span{color:#e2e2e2}.ok{color:#8fd694}.warn,.demo{color:#f0be6a}.demo{border-color:#f0be6a}.bad{color:#ffa8a0}}\
@media (max-width:560px){body{margin:1em auto}h1{font-size:22px}table,tbody,tr,td{display:block}thead{position:absolute;left:-9999px}td{border:0;padding:2px 0;width:auto}tr{border-bottom:1px solid #888;padding:6px 0;display:block}}\
@media print{body{max-width:none}}";

/// The whole page.
pub(super) fn page(standing: &Standing) -> Markup {
    let account = printable(&standing.account);
    let said = Said::of(standing);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta http-equiv="Content-Type" content="text/html; charset=utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex, nofollow";
                meta name="referrer" content="no-referrer";
                title { (account) ": " (said.sentence) }
                style type="text/css" { (PreEscaped(STYLE)) }
            }
            body {
                @if let Some(demo) = standing.demo { p class="demo" { (demo) } }
                h1 { "Account " b { (account) } }
                p class={ "box " (said.class) } role="status" { b { (said.sentence) } " " span { (said.more) } }
                (changes(standing))
                (dates(standing))
                (seen(standing))
                (testing(standing))
                (later(standing))
                (about(standing))
            }
        }
    }
}

/// The standing in words.
struct Said {
    class: &'static str,
    sentence: String,
    more: String,
}

impl Said {
    fn of(standing: &Standing) -> Self {
        let since = since(standing);
        let worst = |how| {
            let announced = standing.sunsets.iter().filter(|sunset| sunset.announced);
            announced.filter(move |sunset| sunset.standing == how)
        };
        // The day that counts is the first.
        let first = |how| worst(how).min_by_key(|sunset| sunset.ends.unwrap_or(Timestamp::MAX));
        let until = standing
            .sunsets
            .iter()
            .flat_map(|sunset| &sunset.exceptions)
            .min();
        let held = worst(standing.standing).any(|sunset| sunset.on_hold);
        let (class, sentence, more) = match standing.standing {
            How::Unseen => (
                "warn",
                format!("We have seen nothing of this account since {since}."),
                "So we cannot say whether its programs are ready. How to test is below.".to_owned(),
            ),
            How::Unknown => (
                "warn",
                "What we saw does not tell whether its programs are ready.".to_owned(),
                "How to test is below.".to_owned(),
            ),
            How::Ready => {
                let seldom = "There is nothing to do. A program that runs seldom may not have called in that time; how to test one is below.";
                let (sentence, more) = match fell_short(&standing.sunsets) {
                    Some(last) => (
                        "Thank you: this account is ready.",
                        format!(
                            "The last call that fell short was on {}; all that we have seen since has what the changes below require. {seldom}",
                            day_of(last)
                        ),
                    ),
                    None => (
                        "This account is ready. Thank you.",
                        format!(
                            "All that we have seen since {since} has what the changes below require. {seldom}"
                        ),
                    ),
                };
                ("ok", sentence.to_owned(), more)
            }
            How::Excepted => (
                "warn",
                match until {
                    Some(until) => format!(
                        "An exception keeps this account served until {}.",
                        day(*until)
                    ),
                    None => "An exception keeps this account served.".to_owned(),
                },
                "Its programs must be changed by then. What to change is below.".to_owned(),
            ),
            How::NotReady => {
                let sunset = first(How::NotReady);
                let end = sunset
                    .and_then(|sunset| sunset.ends)
                    .filter(|end| *end > standing.at);
                let programs = worst(How::NotReady)
                    .map(|sunset| sunset.programs.len() + sunset.more_programs)
                    .max();
                let (some, they) = match programs {
                    Some(1) => ("One program of this account", "It needs"),
                    _ => ("Some programs of this account", "They need"),
                };
                let quiet = worst(How::NotReady).all(|sunset| sunset.quiet);
                let quiet = if quiet {
                    " They have not called for a week or more: if they are gone, there is nothing to do."
                } else {
                    ""
                };
                (
                    "warn",
                    match end {
                        Some(end) => format!("{some} will stop working on {}.", day(end)),
                        None => format!("{some} will stop working."),
                    },
                    format!(
                        "{they} {}. What to change is below.{}{quiet}",
                        sunset.map_or_else(String::new, |sunset| sunset.needs.clone()),
                        until.map_or_else(String::new, |until| format!(
                            " An exception keeps this account served until {}.",
                            day(*until)
                        )),
                    ),
                )
            }
            How::TurnedAway => {
                let sunset = first(How::TurnedAway);
                (
                    "bad",
                    match sunset.and_then(|sunset| sunset.ends) {
                        Some(end) => format!(
                            "Some programs of this account have not been served since {}.",
                            day(end)
                        ),
                        None => "Some programs of this account are not served any more.".to_owned(),
                    },
                    format!(
                        "They need {}. What to change is below.",
                        sunset.map_or_else(String::new, |sunset| sunset.needs.clone())
                    ),
                )
            }
        };
        let held = if held {
            " The change is on hold for now: until that is lifted, everything is served."
        } else {
            ""
        };
        Self {
            class,
            sentence,
            more: more + held,
        }
    }
}

fn changes(standing: &Standing) -> Markup {
    let open: Vec<&OfSunset> = standing
        .sunsets
        .iter()
        .filter(|sunset| sunset.announced && !sunset.programs.is_empty())
        .collect();
    html! {
        @if !open.is_empty() {
            h2 id="changes" { "What to change" }
            @for sunset in &open {
                @if open.len() > 1 { h3 { (sunset.sunset) } }
                @for one in &sunset.programs { (change(one)) }
                @if sunset.more_programs > 0 {
                    p { (more_programs(sunset.more_programs)) ", used less." }
                }
            }
        }
    }
}

fn change(one: &Program) -> Markup {
    html! {
        h3 { (printable(&one.program)) }
        p {
            "Seen " (span(one)) ": " (much(one)) ". It " (lacks(&one.lacks)) "."
            @if one.likely { " It named no account; it called from where only this account had called with such a program, so it is probably yours." }
        }
        (agents(one))
        @match &one.advice {
            Some(advice) => (fix(advice)),
            None => p { "We do not know this program. What decides is the TLS library that it is linked with, or a proxy in front of it: bring that up to date." },
        }
    }
}

/// What it calls itself, where that is not what it is called here.
fn agents(one: &Program) -> Markup {
    let others = one
        .user_agents
        .iter()
        .filter(|agent| **agent != one.program);
    let others: Vec<_> = others.take(3).map(|agent| printable(agent)).collect();
    html! {
        @if !others.is_empty() {
            p class="small" { "It calls itself " @for (index, agent) in others.iter().enumerate() { @if index > 0 { ", " } code { (agent) } } "." }
        }
    }
}

fn fix(advice: &Advice) -> Markup {
    html! {
        p { (line(&advice.summary)) }
        @if let Some(snippet) = &advice.snippet { pre { (snippet) } }
        @if let Some(find) = &advice.find { p { "To see the version that matters: " (line(find)) "." } }
        // A command has no end of a sentence.
        @if advice.verify.ends_with('.') { p { "To prove it: " (line(&advice.verify)) } }
        @else { p { "To prove it, from the machine it runs on:" } pre { (advice.verify) } }
        @if !advice.sources.is_empty() {
            p class="small" { "More:" @for source in advice.sources.iter().take(3) { " " a href=(source) rel="noreferrer noopener" { (source) } } }
        }
    }
}

fn dates(standing: &Standing) -> Markup {
    // Programs that are served on every date would fill the table and say nothing.
    let served = |name: &str| {
        let meets = standing.dates.iter().flat_map(|date| &date.programs);
        meets
            .filter(|meets| meets.program == name)
            .all(|meets| meets.action == "serve")
    };
    let nothing = standing
        .dates
        .iter()
        .flat_map(|date| &date.programs)
        .all(|meets| meets.action == "serve");
    html! {
        @if standing.sunsets.iter().any(|sunset| sunset.announced) {
            h2 id="dates" { "What happens when" }
            table {
                thead { tr { th scope="col" class="when" { "When" } th scope="col" { "What begins" } th scope="col" { "What your programs meet" } } }
                tbody {
                    @for date in &standing.dates {
                        tr {
                            td { @if date.what == "now" { "now" } @else { span class="date" { (day(date.at)) } } }
                            td { (begins(date, standing)) }
                            td { (meets(date, &served, nothing)) }
                        }
                    }
                }
            }
            p class="small" { "Times are UTC." }
        }
        @for sunset in standing.sunsets.iter().filter(|sunset| sunset.on_hold) {
            p { (capital(&sunset.sunset)) " is on hold: its dates do not hold until that is lifted, and until then nobody is turned away by it." }
        }
    }
}

/// What begins on a date.
fn begins(date: &OnDate, standing: &Standing) -> String {
    let announced = standing.sunsets.iter().filter(|sunset| sunset.announced);
    let of = match &date.sunset {
        Some(sunset) if announced.count() > 1 => format!(" ({sunset})"),
        _ => String::new(),
    };
    let what = match (date.what, &date.phase, &date.windows) {
        ("now", ..) => return String::new(),
        ("brownout", _, Some(run)) => {
            let plural = if run.count == 1 { "" } else { "s" };
            let every = if run.count > 1 {
                format!(
                    ", one every {} minutes, until {}",
                    run.every_minutes,
                    day(run.until)
                )
            } else {
                String::new()
            };
            format!(
                "a rehearsal: {} window{plural} of {} minutes{every}",
                run.count, run.minutes
            )
        }
        ("brownouts-end", ..) => "the rehearsals are over".to_owned(),
        ("exception-ends", ..) => "your exception ends".to_owned(),
        (_, Some(phase), _) => match phase {
            floor::Phase::Observe => "we count who is affected",
            floor::Phase::Warn | floor::Phase::Brownout => "answers carry a warning",
            floor::Phase::Explain => {
                "programs that fall short get an explanation instead of an answer"
            }
            floor::Phase::Refuse => "connections that fall short are refused",
        }
        .to_owned(),
        _ => String::new(),
    };
    what + &of
}

/// What the programs meet, those that meet the same together.
fn meets(date: &OnDate, served: &dyn Fn(&str) -> bool, nothing: bool) -> Markup {
    let mut groups: Vec<((&str, bool), Vec<String>)> = Vec::new();
    for one in date.programs.iter().filter(|one| !served(&one.program)) {
        let key = (one.action, one.excepted);
        let name = printable(&one.program).into_owned();
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, names)) if names.contains(&name) => {}
            Some((_, names)) => names.push(name),
            None => groups.push((key, vec![name])),
        }
    }
    let window = date.what == "brownout";
    html! {
        @if date.programs.is_empty() { "nothing of yours was seen lately" }
        @else if nothing { span class="ok" { "all are served as ever" } }
        @else {
            @for ((action, excepted), names) in &groups {
                @let (class, words) = action_words(action, *excepted, window);
                p { b { (join(names)) } ": " span class=(class) { (words) } }
            }
        }
    }
}

fn action_words(action: &str, excepted: bool, window: bool) -> (&'static str, &'static str) {
    match (action, window) {
        _ if excepted => (
            "ok",
            "served, by your exception, with a warning in every answer",
        ),
        ("serve", _) => ("ok", "served as ever"),
        ("warn", true) => ("ok", "served: your account is not in this rehearsal"),
        ("warn", false) => ("warn", "served, with a warning in every answer"),
        ("explain", true) => (
            "bad",
            "turned away while a window is open: requests get an explanation instead of an answer",
        ),
        ("explain", false) => (
            "bad",
            "turned away: requests get an explanation instead of an answer",
        ),
        (_, true) => (
            "bad",
            "refused while a window is open: the connection fails with a TLS alert",
        ),
        (_, false) => ("bad", "refused: the connection fails with a TLS alert"),
    }
}

fn seen(standing: &Standing) -> Markup {
    let seen = &standing.seen;
    html! {
        h2 id="seen" { "What we saw" }
        @if let (Some(first), Some(last)) = (seen.first, seen.last) {
            p { "First seen on " (day_of(first)) ", last on " b { (day_of(last)) } ". Since " (since(standing)) ": " (count(seen.requests, "request")) " over " (count(seen.connections, "connection")) "." }
        } @else {
            p { "No program has shown itself as this account yet." }
        }
        @if !seen.programs.is_empty() {
            table {
                thead { tr { th scope="col" { "Program" } th scope="col" { "Offers at most" } th scope="col" { "Seen" } th scope="col" { "How much" } } }
                tbody {
                    @for one in &seen.programs {
                        tr {
                            td { (printable(&one.program)) @if one.likely { " (probably yours)" } }
                            td { (one.max_protocol) }
                            td { (span(one)) }
                            td { (much(one)) }
                        }
                    }
                }
            }
            @if seen.more_programs > 0 { p { (more_programs(seen.more_programs)) "." } }
        }
        @if !seen.addresses.is_empty() {
            p {
                "They called from "
                @for (index, address) in seen.addresses.iter().enumerate() { @if index > 0 { ", " } code { (address.to_string()) } }
                @if seen.more_addresses > 0 { " and " (number(seen.more_addresses as u64)) " more" }
                "."
            }
        }
    }
}

fn testing(standing: &Standing) -> Markup {
    let check = &standing.check_url;
    html! {
        h2 id="testing" { "How to test" }
        p { "Let the program itself call " a href=(check) rel="noreferrer" { (check) } ", from the machine it runs on. The answer says what was negotiated, and " code { "verdict" } " is " code { "ok" } " when that will do. A test with another program proves nothing: it can be linked with another TLS library." }
        @for preview in &standing.previews {
            p {
                a href=(preview.url) rel="noreferrer" { (preview.url) } " "
                @if preview.at > standing.at { "already runs as it will on " (day(preview.at)) } @else { "runs as of " (day(preview.at)) }
                ": what works there will work on that day. It answers this check only, no API calls."
            }
        }
        p { "This page is made anew while it is asked for: reload it once your programs have called again." }
        @let contacts = contacts(standing);
        @if !contacts.is_empty() {
            p { "If you are stuck, or cannot be ready in time, tell us now rather than on the day: " @for (index, contact) in contacts.iter().enumerate() { @if index > 0 { ", " } (link(contact)) } "." }
        }
    }
}

/// Sunsets that only observe: nobody has to act yet.
fn later(standing: &Standing) -> Markup {
    let later: Vec<&OfSunset> = standing
        .sunsets
        .iter()
        .filter(|sunset| !sunset.announced)
        .collect();
    html! {
        @if !later.is_empty() {
            h2 id="later" { "What comes later" }
            ul {
                @for sunset in later {
                    li {
                        (capital(&sunset.sunset)) ": programs will need " (sunset.needs)
                        @if let Some(end) = sunset.ends { ", by plan from " (day(end)) }
                        ". "
                        @match sunset.standing {
                            How::Ready => "Yours have it.",
                            How::Unseen | How::Unknown => "",
                            _ => {
                                @let names = names(sunset, fell_short(&standing.sunsets));
                                @if !names.is_empty() { "Not all of yours have it yet: " (join(&names)) ". Nothing is asked of you now." }
                            },
                        }
                    }
                }
            }
        }
    }
}

/// Programs that still call: not those that the account has mended.
fn names(sunset: &OfSunset, mended: Option<Timestamp>) -> Vec<String> {
    const MOST: usize = 6;
    let mut names: Vec<String> = Vec::new();
    let still = sunset
        .programs
        .iter()
        .filter(|one| mended.is_none_or(|mended| one.last > mended));
    for one in still {
        let name = printable(&one.program).into_owned();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let more = sunset.more_programs + names.len().saturating_sub(MOST);
    names.truncate(MOST);
    if more > 0 {
        names.push(format!("{more} more"));
    }
    names
}

fn about(standing: &Standing) -> Markup {
    html! {
        h2 id="about" { "About this page" }
        p class="small" {
            "It shows this account alone, to whoever has its address: pass that on only to those who do this work. The address works until "
            (day_of(standing.link_until)) "; the next letter brings another, and so does whoever sent you this one. Written on " (day(standing.at))
            ". For programs: the same address with " code { "Accept: application/json" } "."
        }
    }
}

fn contacts(standing: &Standing) -> Vec<&str> {
    let mut contacts: Vec<&str> = Vec::new();
    for contact in standing
        .sunsets
        .iter()
        .filter_map(|sunset| sunset.contact.as_deref())
    {
        if !contacts.contains(&contact) {
            contacts.push(contact);
        }
    }
    contacts
}

/// An address to follow, or whatever else the plan gives as a contact.
fn link(contact: &str) -> Markup {
    html! {
        @if contact.starts_with("https://") || contact.starts_with("mailto:") { a href=(contact) rel="noreferrer" { (contact) } }
        @else if contact.contains('@') { a href={ "mailto:" (contact) } { (contact) } }
        @else { (contact) }
    }
}

fn since(standing: &Standing) -> String {
    day_of(standing.seen.since)
}

fn day_of(at: Timestamp) -> String {
    at.strftime("%-d %B %Y").to_string()
}

fn span(one: &Program) -> String {
    let (first, last) = (day_of(one.first), day_of(one.last));
    if first == last {
        format!("on {first}")
    } else {
        format!("{first} to {last}")
    }
}

fn much(one: &Program) -> String {
    let mut much = vec![count(one.connections, "connection")];
    if one.requests > 0 {
        much.insert(0, count(one.requests, "request"));
    }
    if one.refused > 0 {
        much.push(format!("{} refused", number(one.refused)));
    }
    much.join(", ")
}

fn more_programs(more: usize) -> String {
    format!("And {}", count(more as u64, "more program"))
}
