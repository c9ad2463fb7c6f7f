//! Pages for people. Plain HTML with a few lines of style: the browsers that need these pages most are old.

use advice::Advice;
use floor::Phase;
use jiff::Timestamp;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::ssl::{FloorStanding, Overall, SslAnswer};

// Colours on white have a contrast of 7 or more (WCAG 2.1, 1.4.6). What does not know @media shows the wide form.
pub(crate) const STYLE: &str = "body{font:16px/1.5 Verdana,Arial,sans-serif;color:#222;background:#fff;max-width:46em;margin:2em auto;padding:0 1em;word-wrap:break-word}\
h1{font-size:26px;line-height:1.3;font-weight:normal}h2{font-size:18px;margin:1.8em 0 .4em}\
table{border-collapse:collapse;width:100%;margin-bottom:1.2em}\
td,th{border-bottom:1px solid #ccc;padding:5px 12px 5px 0;text-align:left;vertical-align:top}th{width:12em;font-weight:normal;color:#555}\
pre{background:#f3f3f3;border:1px solid #ddd;padding:8px;white-space:pre-wrap;word-wrap:break-word}\
.verdict{border-left:6px solid;background:#f6f6f6;padding:10px 14px}.verdict span{color:#222}.ok{color:#145514}.at-risk{color:#734400}.blocked{color:#9a1010}\
.small{color:#555;font-size:13px}.names td{font-size:13px}.date,.names span{white-space:nowrap}\
@media (max-width:480px){body{margin:1em auto}h1{font-size:22px}td,th{display:block;width:auto;padding-right:0}th{border:0;padding-bottom:0}td{padding-top:0}.names span{white-space:normal}}";

fn page(title: &str, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta http-equiv="Content-Type" content="text/html; charset=utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style type="text/css" { (PreEscaped(STYLE)) }
            }
            body { (content) }
        }
    }
}

/// What `/ssl/` says, for a person.
pub(crate) fn ssl(answer: &SslAnswer) -> Markup {
    let offered = answer.offered.names();
    let Summary {
        class,
        sentence,
        more,
    } = Summary::new(answer);
    page(
        &format!("{}: {sentence}", answer.protocol),
        &html! {
            h1 { "You connected with " b { (answer.protocol) } "." }
            p class={ "verdict " (class) } { b { (sentence) } " " span { (more) } }
            @if let Some(advice) = &answer.advice { (self::advice(advice)) }
            (standings(answer))
            h2 { "This connection" }
            table {
                (row("Protocol", &html! { (answer.protocol) }))
                (row("Cipher", &html! { (answer.cipher) }))
                (row("Key exchange group", &html! { (answer.group.unwrap_or("none")) }))
                @if let Some(client) = &answer.client {
                    (row("Client", &html! {
                        (client.runtime) @if let Some(version) = &client.version { " " (version) }
                        @if let Some(library) = &client.library { ", " (library) }
                        " (known by " (client.from.join(" and ")) "; confidence: " (client.confidence) ")"
                    }))
                }
                (row("JA4 fingerprint", &html! { (answer.fingerprint.ja4) }))
                (row("JA3 fingerprint", &html! { (answer.fingerprint.ja3) }))
                (row("Seen", &html! { (answer.at.strftime("%Y-%m-%d %H:%M:%S UTC")) }))
            }
            h2 { "What this client offers" }
            table class="names" {
                (row("Protocols", &names(&offered.protocols)))
                (row("Ciphers", &names(&offered.ciphers)))
                (row("Key exchange groups", &names(&offered.groups)))
                (row("Signature algorithms", &names(&offered.signature_algorithms)))
                (row("ALPN", &names(&offered.alpn)))
                (row("Server name (SNI)", &html! { @if offered.sni { "sent" } @else { "not sent" } }))
            }
            @if let Some(report) = &answer.report {
                p class="small" { "This answer can be read from another machine, or shown to whoever helps you, at " a href=(report) { (report) } }
            }
        },
    )
}

/// The verdict in words.
struct Summary {
    class: &'static str,
    sentence: &'static str,
    more: Markup,
}

impl Summary {
    fn new(answer: &SslAnswer) -> Self {
        let missed = || answer.floors.iter().filter(|floor| !floor.meets());
        // The day that counts is the first on which this client is turned away for good.
        let ends = missed()
            .filter_map(|floor| floor.exception_until.or(floor.ends))
            .min();
        let rehearsal = !missed().any(FloorStanding::turns_away_for_good);
        let (class, sentence, more) = match (answer.verdict, ends) {
            (Overall::Ok, _) if answer.floors.is_empty() => (
                "ok",
                "This client is ready.",
                html! { "This API has announced nothing that would stop it." },
            ),
            (Overall::Ok, _) => (
                "ok",
                "This client is ready.",
                html! { "It has all that this API requires, now and after the change below." },
            ),
            (Overall::AtRisk, Some(ends)) if ends > answer.at => (
                "at-risk",
                "This client works today and will stop working.",
                html! { "This API will turn its requests away from " (date(ends)) "." },
            ),
            (Overall::AtRisk, _) => (
                "at-risk",
                "This client works today and will stop working.",
                html! { "It lacks what this API requires." },
            ),
            (Overall::Blocked, Some(ends)) if rehearsal => (
                "blocked",
                "This client is turned away at the moment.",
                html! { "This is a short rehearsal. This API will turn its requests away for good from " (date(ends)) "." },
            ),
            (Overall::Blocked, Some(ends)) => (
                "blocked",
                "This client is no longer served.",
                html! { "This API has turned its requests away since " (date(ends)) "." },
            ),
            (Overall::Blocked, None) => (
                "blocked",
                "This client is turned away at the moment.",
                html! { "It lacks what this API requires." },
            ),
        };
        Self {
            class,
            sentence,
            more,
        }
    }
}

fn standings(answer: &SslAnswer) -> Markup {
    html! {
        @if !answer.floors.is_empty() {
            h2 { "What this API is retiring" }
            @for floor in &answer.floors {
                table {
                    (row("Retired", &html! { b { (floor.sunset) } }))
                    (row("Floor", &html! { (floor.title) " (" (floor.name) ")" }))
                    (row("This client", &html! {
                        @if floor.meets() { b class="ok" { "meets it" } ": nothing to do." }
                        @else { b class="blocked" { "misses it" } ": " (shortfalls(floor)) "." }
                    }))
                    @if !floor.meets() { (dates(floor)) }
                    @if let Some(contact) = &floor.contact { (row("Contact", &link(contact))) }
                }
            }
            p class="small" { "A floor is the least a client must be able to do to be served. It becomes binding in steps, each on its own date." }
        }
    }
}

/// What the client lacks, and for each an example of what it would take.
fn shortfalls(floor: &FloorStanding) -> String {
    let shortfalls = floor.because.iter().zip(&floor.needed);
    shortfalls
        .map(|(because, needed)| format!("{because} ({needed} would do)"))
        .collect::<Vec<_>>()
        .join("; ")
}

/// What happens when to a client that misses.
fn dates(floor: &FloorStanding) -> Markup {
    html! {
        (row("Now", &html! {
            @if floor.held { "served: the change is on hold" }
            @else if let Some(until) = floor.exception_until { "served until " (date(until)) ", as an exception" }
            @else if let Some(phase) = floor.phase { (step(phase)) " (" (phase) ")" }
            @else { "served; the change has not begun" }
        }))
        (row("Next", &html! {
            @if let Some(until) = floor.exception_until { "from " (date(until)) ": treated like every client that misses it" }
            @else if let Some(next) = &floor.next { "from " (date(next.at)) ": " (step(next.phase)) " (" (next.phase) ")" }
            @else { "no further step is planned" }
        }))
    }
}

/// What a phase means to a client that misses.
const fn step(phase: Phase) -> &'static str {
    match phase {
        Phase::Observe => "served, and counted",
        Phase::Warn => "served, with a warning in the response headers",
        Phase::Brownout => "turned away for short periods, as a rehearsal",
        Phase::Explain => "turned away, with an answer that says why",
        Phase::Refuse => "refused: the TLS handshake fails with an alert",
    }
}

fn advice(advice: &Advice) -> Markup {
    html! {
        h2 { "What to change" }
        p { (advice.summary) }
        @if let Some(snippet) = &advice.snippet { pre { (snippet) } }
        @if let Some(find) = &advice.find { p { "To see the version that matters: " (find) "." } }
        p { "To check it from the same machine:" }
        pre { (advice.verify) }
        @if !advice.sources.is_empty() {
            p class="small" { "Sources:" @for source in &advice.sources { br; a href=(source) { (source) } } }
        }
    }
}

fn row(name: &str, value: &Markup) -> Markup {
    html! { tr { th scope="row" { (name) } td { (value) } } }
}

/// Names of which none is broken in two.
fn names(items: &[String]) -> Markup {
    html! {
        @if items.is_empty() { "none" }
        @for (index, item) in items.iter().enumerate() { @if index > 0 { ", " } span { (item) } }
    }
}

/// An address to follow, or whatever else the plan gives as a contact.
fn link(contact: &str) -> Markup {
    html! {
        @if contact.contains(':') { a href=(contact) { (contact) } }
        @else if contact.contains('@') { a href={ "mailto:" (contact) } { (contact) } }
        @else { (contact) }
    }
}

/// A date where the time is midnight, else date and time, UTC.
pub(crate) fn when(at: Timestamp) -> String {
    let text = at.strftime("%Y-%m-%d %H:%M UTC").to_string();
    text.strip_suffix(" 00:00 UTC")
        .map(str::to_owned)
        .unwrap_or(text)
}

/// A date that is not broken in two.
fn date(at: Timestamp) -> Markup {
    html! { span class="date" { (when(at)) } }
}

/// The explanation, for a person.
pub(crate) fn explanation(
    title: &str,
    detail: &str,
    advice: Option<&Advice>,
    contact: Option<&str>,
    ssl: &str,
) -> Markup {
    page(
        title,
        &html! {
            h1 class="blocked" { (title) }
            p class="verdict blocked" { span { (detail) } }
            @if let Some(advice) = advice { (self::advice(advice)) }
            h2 { "Help" }
            table {
                (row("Check of this client", &html! { a href=(ssl) { (ssl) } }))
                @if let Some(contact) = contact { (row("Contact", &link(contact))) }
            }
        },
    )
}

/// Says why there is no page of an account.
pub(crate) fn no_page(title: &str, detail: &str, contacts: &[&str]) -> Markup {
    page(
        title,
        &html! {
            h1 { (title) }
            p { (detail) }
            @for contact in contacts { p { "Contact: " (link(contact)) } }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_has_a_time_only_where_it_is_not_midnight() {
        for (at, said) in [
            ("2016-12-15T00:00:00Z", "2016-12-15"),
            ("2016-11-15T09:07:00Z", "2016-11-15 09:07 UTC"),
            ("2017-01-15T00:00:00-05:00", "2017-01-15 05:00 UTC"),
        ] {
            assert_eq!(when(at.parse().unwrap()), said);
        }
    }

    #[test]
    fn a_contact_is_followed_where_it_can_be_and_never_markup() {
        for (contact, markup) in [
            (
                "https://example.com/help?a&b",
                "<a href=\"https://example.com/help?a&amp;b\">https://example.com/help?a&amp;b</a>",
            ),
            (
                "help@example.com",
                "<a href=\"mailto:help@example.com\">help@example.com</a>",
            ),
            ("the <b>desk</b>", "the &lt;b&gt;desk&lt;/b&gt;"),
        ] {
            assert_eq!(link(contact).into_string(), markup);
        }
    }
}
