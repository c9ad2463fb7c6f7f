//! Pages for people. Plain HTML with a few lines of style: the browsers that need these pages most are old.

use advice::Advice;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::ssl::{Overall, SslAnswer};

const STYLE: &str = "body{font:16px/1.5 Verdana,Arial,sans-serif;color:#222;background:#fff;max-width:46em;margin:2em auto;padding:0 1em}\
h1{font-size:26px;font-weight:normal}h2{font-size:18px;margin-top:1.6em}table{border-collapse:collapse;width:100%}\
td,th{border-bottom:1px solid #ccc;padding:4px 12px 4px 0;text-align:left;vertical-align:top}\
pre{background:#f3f3f3;border:1px solid #ddd;padding:8px;white-space:pre-wrap;word-wrap:break-word}\
.ok{color:#176117}.at-risk{color:#8a5300}.blocked{color:#a11212}.small{color:#555;font-size:13px}";

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
    let (sentence, class) = match answer.verdict {
        Overall::Ok => ("This client is ready.", "ok"),
        Overall::AtRisk => ("This client works today and will stop working.", "at-risk"),
        Overall::Blocked => ("This client is no longer served.", "blocked"),
    };
    page(
        &format!("{}: {sentence}", answer.protocol),
        &html! {
            h1 { "You connected with " b { (answer.protocol) } "." }
            p class=(class) { b { (sentence) } }
            (standings(answer))
            @if let Some(advice) = &answer.advice { (self::advice(advice)) }
            h2 { "This connection" }
            table {
                tr { th { "Protocol" } td { (answer.protocol) } }
                tr { th { "Cipher" } td { (answer.cipher) } }
                tr { th { "Group" } td { (answer.group.unwrap_or("none")) } }
                @if let Some(client) = &answer.client {
                    tr { th { "Client" } td {
                        (client.runtime) @if let Some(version) = &client.version { " " (version) }
                        @if let Some(library) = &client.library { ", " (library) }
                        " (confidence: " (client.confidence) ")"
                    } }
                }
                tr { th { "JA4" } td { (answer.fingerprint.ja4) } }
                tr { th { "JA3" } td { (answer.fingerprint.ja3) } }
            }
            h2 { "What this client offers" }
            table {
                (list("Protocols", &answer.offered.protocols))
                (list("Ciphers", &answer.offered.ciphers))
                (list("Groups", &answer.offered.groups))
                (list("Signature algorithms", &answer.offered.signature_algorithms))
                (list("ALPN", &answer.offered.alpn))
                tr { th { "Server name" } td { @if answer.offered.sni { "sent" } @else { "not sent" } } }
            }
            @if let Some(report) = &answer.report {
                p class="small" { "The same answer, to read from another machine: " a href=(report) { (report) } }
            }
        },
    )
}

fn standings(answer: &SslAnswer) -> Markup {
    html! {
        @if !answer.floors.is_empty() {
            table {
                tr { th { "Floor" } th { "This client" } th { "Now" } th { "Next" } }
                @for floor in &answer.floors {
                    tr {
                        td { (floor.sunset) " (" (floor.name) ")" }
                        td { (floor.verdict) @for because in &floor.because { ": " (because) } }
                        td { @if let Some(phase) = floor.phase { (phase) } @else { "not begun" } }
                        td { @if let Some(next) = &floor.next { (next.phase) " from " (next.at) } @else { "no change planned" } }
                    }
                }
            }
        }
    }
}

fn advice(advice: &Advice) -> Markup {
    html! {
        h2 { "What to change" }
        p { (advice.summary) }
        @if let Some(snippet) = &advice.snippet { pre { (snippet) } }
        p { "To check it:" }
        pre { (advice.verify) }
        @if !advice.sources.is_empty() {
            p class="small" { "Sources: " @for source in &advice.sources { a href=(source) { (source) } " " } }
        }
    }
}

fn list(name: &str, items: &[String]) -> Markup {
    html! { tr { th { (name) } td { @if items.is_empty() { "none" } @else { (items.join(", ")) } } } }
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
            p { (detail) }
            @if let Some(advice) = advice { (self::advice(advice)) }
            p { "What this connection negotiated: " a href=(ssl) { (ssl) } }
            @if let Some(contact) = contact { p { "Help: " a href=(contact) { (contact) } } }
        },
    )
}
