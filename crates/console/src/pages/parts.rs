//! What more than one page shows.

use jiff::Timestamp;
use ledger::Who;
use maud::{Markup, html};
use report::model::{Lack, RowWho};
use report::printable;

use crate::access::Visitor;
use crate::view::accounts::Standing;
use crate::view::overview::date;

/// A form's token.
pub(super) fn token(visitor: &Visitor) -> Markup {
    html! { input type="hidden" name="csrf" value=(visitor.form_token); }
}

/// Text from a ledger: escaped by maud, and without what reorders a line.
pub(super) fn safe(text: &str) -> Markup {
    html! { (printable(text)) }
}

/// The page of an account.
pub(super) fn account_path(id: &str) -> String {
    format!("/account?id={}", encoded(id))
}

/// As a part of a query (RFC 3986 section 2.3).
pub(super) fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// Who a row is about, each account with a way to its page.
pub(super) fn who(who: &RowWho) -> Markup {
    let link = |id: &str| html! { a href=(account_path(id)) { (printable(id)) } };
    html! {
        @match &who.0 {
            Who::Nobody => span class="soft" { "no account" },
            Who::Known(id) => (link(id)),
            Who::Inferred { candidates, more } => {
                @for (index, id) in candidates.iter().enumerate() { @if index > 0 { " or " } (link(id)) }
                @if *more { " or others" }
                " " span class="mark" title="Refused clients name no account; this one was seen there before" { "inferred" }
            }
        }
    }
}

pub(super) fn standing(standing: Standing) -> Markup {
    html! { span class={ "mark " (standing.name()) } { (standing.words()) } }
}

/// What is done to a client, as a mark.
pub(super) fn action(action: &str) -> Markup {
    let words = match action {
        "serve" => "served",
        "warn" => "warned",
        "explain" => "explained",
        "refuse" => "refused",
        other => other,
    };
    html! { span class={ "mark " (action) } { (words) } }
}

pub(super) fn lacks(lacks: &[Lack]) -> Markup {
    safe(&report::words::lacks(lacks))
}

/// "in 12 days", "3 days ago", "today": by the calendar, UTC.
pub(super) fn days_away(now: Timestamp, at: Timestamp) -> String {
    let (from, to) = (date(now), date(at));
    match to.duration_since(from).as_hours() / 24 {
        0 => "today".to_owned(),
        1 => "tomorrow".to_owned(),
        days if days > 0 => format!("in {} days", report::words::number(days.unsigned_abs())),
        days => report::words::ago(-days),
    }
}
