//! How every format says the same things. Nothing here is escaped: each format does that for what it writes.

mod evidence;

use advice::Runtime;
use jiff::{SignedDuration, Timestamp};
use ledger::Who;

use crate::model::{
    Brownouts, ExceptionNote, ExceptionState, Lack, Named, Program, Row, RowWho, Shares, State,
    SunsetReport, Usage, WindowReport,
};

pub use evidence::evidence;

/// A date where the time is midnight UTC, else date and time.
pub fn when(at: Timestamp) -> String {
    let text = at.strftime("%Y-%m-%d %H:%M").to_string();
    match text.strip_suffix(" 00:00") {
        Some(date) => date.to_owned(),
        None => text,
    }
}

/// A day, UTC.
pub fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

/// With a comma at every thousand.
pub fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// So much a day: whole from ten on, with one digit behind the point below.
pub fn a_day(rate: f64) -> String {
    if rate >= 9.95 {
        number(rate.round() as u64)
    } else if rate >= 0.05 {
        format!("{rate:.1}")
    } else if rate > 0.0 {
        "<0.1".to_owned()
    } else {
        "0".to_owned()
    }
}

/// The share, 0 where there is nothing to share.
pub fn share(part: u64, of: u64) -> f64 {
    if of == 0 {
        0.0
    } else {
        part as f64 / of as f64
    }
}

/// A share in per cent. Neither a little nor almost all of something is rounded away.
pub fn percent(part: u64, of: u64) -> String {
    let percent = share(part, of) * 100.0;
    if part == 0 {
        "0 %".to_owned()
    } else if part >= of {
        "100 %".to_owned()
    } else if percent < 0.1 {
        "<0.1 %".to_owned()
    } else if percent > 99.9 {
        ">99.9 %".to_owned()
    } else {
        format!("{percent:.1} %")
    }
}

/// "1 account", "2 accounts".
pub fn count(of: u64, one: &str) -> String {
    let plural = if of == 1 { "" } else { "s" };
    format!("{} {one}{plural}", number(of))
}

/// "today", "1 day ago", "9 days ago".
pub fn ago(days: i64) -> String {
    match days {
        ..=0 => "today".to_owned(),
        1 => "1 day ago".to_owned(),
        days => format!("{days} days ago"),
    }
}

/// A length of time by its greatest unit.
pub fn length(seconds: u64) -> String {
    match seconds {
        0..60 => count(seconds, "second"),
        60..3_600 => count(seconds / 60, "minute"),
        3_600..86_400 => count(seconds / 3_600, "hour"),
        _ => count(seconds / 86_400, "day"),
    }
}

/// Who a row is about. What is not certain says so.
pub fn who(who: &RowWho) -> String {
    match &who.0 {
        Who::Nobody => "(no account)".to_owned(),
        Who::Known(id) => id.to_string(),
        Who::Inferred { candidates, more } => {
            let others = more.then_some("others");
            let names: Vec<&str> = candidates.iter().map(AsRef::as_ref).chain(others).collect();
            format!("{} (inferred)", names.join(" or "))
        }
    }
}

/// What a client program is, with the version and the library where they are known.
pub fn program(program: &Program) -> String {
    let user_agent = program.user_agents.items.first();
    let ja4 = program.ja4.items.first();
    client(
        program.runtime.as_ref(),
        user_agent.map(AsRef::as_ref),
        ja4.map(String::as_str),
    )
}

/// The same of what is known of it.
pub(crate) fn client(
    runtime: Option<&Runtime>,
    user_agent: Option<&str>,
    ja4: Option<&str>,
) -> String {
    match runtime {
        Some(runtime) => {
            let version = runtime.version.iter().map(|version| format!(" {version}"));
            // The library's own name, where nothing above it is known.
            let library = runtime
                .library
                .iter()
                .filter(|library| !library.starts_with(&runtime.runtime))
                .map(|library| format!(", {library}"));
            let name = std::iter::once(runtime.runtime.clone());
            name.chain(version).chain(library).collect()
        }
        None => match user_agent {
            Some(user_agent) => format!("unknown program \"{user_agent}\""),
            None => match ja4 {
                Some(ja4) => format!("unknown program, JA4 {ja4}"),
                None => "unknown program".to_owned(),
            },
        },
    }
}

/// What is lacking, in words.
pub fn lacks(lacks: &[Lack]) -> String {
    let lacks = lacks
        .iter()
        .map(|one| lack(one.code, &one.because, &one.needed));
    lacks.collect::<Vec<_>>().join("; ")
}

/// One thing that is lacking, in words: see [`Lack`].
pub fn lack(code: &str, because: &str, needed: &str) -> String {
    match code {
        "version" => format!("{because}; {needed} needed"),
        _ => format!("{because}; one such as {needed} needed"),
    }
}

/// Whether what misses still comes.
pub fn state(row: &Row) -> String {
    let ago = ago(row.days_since);
    match row.state {
        State::Active => ago,
        State::GoneQuiet => format!("{ago}, gone quiet"),
        State::SeemsFixed => format!("{ago}, modern since"),
        State::PerhapsRefused => format!("{ago}, perhaps refused since"),
    }
}

/// How the account is known.
pub fn attribution(row: &Row) -> Option<String> {
    let age = row
        .age_seconds
        .map(|age| format!(", at most {} before", length(age)))
        .unwrap_or_default();
    match row.who.attribution() {
        "inferred" => Some(format!(
            "inferred: this account was last seen with this client at this address{age}"
        )),
        "ambiguous" => Some(format!(
            "inferred: these accounts were last seen with this client at this address{age}; which of them it is cannot be told"
        )),
        "none" => Some("no account showed itself, and none was seen there before".to_owned()),
        _ => None,
    }
}

/// An exception and what somebody should do about it.
pub fn exception(note: &ExceptionNote) -> String {
    let whom = whom(note);
    let need = match (&note.needed_by, note.account_seen) {
        (Some(usage), _) => format!(
            "still needed by {} and {}, last on {}",
            count(usage.requests, "request"),
            count(usage.connections, "connection"),
            day(usage.last)
        ),
        (None, Some(false)) => "its account was not seen in this range".to_owned(),
        (None, _) => "nothing in this range needed it".to_owned(),
    };
    let end = when(note.until);
    let what = match note.state {
        ExceptionState::Ended => format!("ended on {end}; {need}"),
        ExceptionState::NotNeeded => format!("no longer needed: {need}; it ends on {end}"),
        ExceptionState::EndsSoon => {
            format!("ends on {end}, {}; {need}", in_days(note.days_left))
        }
        ExceptionState::InForce => format!("in force until {end}; {need}"),
    };
    format!("{whom}: {what} ({}: {})", note.owner, note.reason)
}

/// Whom an exception is for.
pub fn whom(note: &ExceptionNote) -> String {
    let places = [&note.account, &note.address, &note.sni];
    places
        .into_iter()
        .filter_map(Option::as_deref)
        .collect::<Vec<_>>()
        .join(", ")
}

fn in_days(days: i64) -> String {
    match days {
        ..=0 => "today".to_owned(),
        1 => "in 1 day".to_owned(),
        days => format!("in {days} days"),
    }
}

/// What a sunset is called; a floor that no plan names, by its name or, where it is a table, by what it asks.
pub fn name(sunset: &SunsetReport) -> &str {
    match &sunset.sunset {
        Some(name) => name,
        None if sunset.floor == "inline" => &sunset.title,
        None => &sunset.floor,
    }
}

/// Floor, phase and dates, in a line.
pub fn standing(sunset: &SunsetReport) -> String {
    let mut said = format!("Floor {}: {}", sunset.floor, sunset.title);
    if sunset.sunset.is_none() {
        return said;
    }
    if let Some(cohort) = &sunset.cohort {
        said.push_str(&format!("; for the cohort {cohort}"));
    }
    match sunset.phase {
        Some(phase) => said.push_str(&format!("; now {phase}")),
        None => said.push_str("; not begun"),
    }
    if let Some(next) = &sunset.next {
        said.push_str(&format!(", {} from {}", next.phase, when(next.at)));
    }
    if let Some(hold) = &sunset.hold {
        said.push_str(&format!(
            "; on hold since {} by {} ({})",
            when(hold.at),
            hold.by,
            hold.reason
        ));
    }
    if let Some(ends) = sunset
        .ends
        .filter(|ends| sunset.next.is_none_or(|next| next.at != *ends))
    {
        said.push_str(&format!("; turned away for good from {}", when(ends)));
    }
    said
}

/// The sums of a sunset, each with its name.
pub fn shares(sunset: &SunsetReport) -> [(&'static str, Shares); 3] {
    [
        ("connections", sunset.connections),
        ("requests", sunset.requests),
        ("accounts", sunset.accounts),
    ]
}

/// Who would break, in a sentence.
pub fn headline(sunset: &SunsetReport, since: Option<Timestamp>) -> String {
    let Shares {
        total,
        breaks,
        excepted,
        ..
    } = sunset.accounts;
    let misses = sunset.connections.breaks + sunset.requests.breaks;
    let broken = breaks - excepted;
    let mut said = if misses == 0 {
        "Nobody would break: nothing that could be judged misses the floor.".to_owned()
    } else if total == 0 {
        "Some would break, and no account is known for certain.".to_owned()
    } else if broken == 0 && breaks == 0 {
        "No account that is known for certain would break; what misses is below.".to_owned()
    } else {
        let of = count(total, "account");
        format!("{} of {of} would break, worst first.", number(broken))
    };
    if let Some(since) = since {
        said.push_str(&format!(
            " Listed are those that were first seen to miss since {}.",
            when(since)
        ));
    }
    if excepted > 0 {
        said.push_str(&format!(
            " {} more would, but for an exception that holds on the day.",
            number(excepted)
        ));
    }
    said
}

/// What a list leaves out.
pub fn more(sunset: &SunsetReport) -> Option<String> {
    let more = sunset.more;
    (more.rows > 0).then(|| {
        format!(
            "And {} more, with {} and {} (--top shows more).",
            number(more.rows),
            count(more.requests, "request"),
            count(more.connections, "connection")
        )
    })
}

/// What misses of what they did, by requests where they made any.
pub fn own_share(row: &Row) -> String {
    if row.all.requests > 0 {
        percent(row.misses.requests, row.all.requests)
    } else {
        percent(row.misses.connections, row.all.connections)
    }
}

/// When and how much, in a sentence.
pub fn seen(row: &Row) -> String {
    let (first, last) = (day(row.misses.first), day(row.misses.last));
    let when = if first == last {
        first
    } else {
        format!("{first} to {last}")
    };
    let of_connections = percent(row.misses.connections, row.all.connections);
    let mut said = if row.all.requests > 0 {
        format!(
            "{when} ({}): {} requests a day, {} of its own requests and {of_connections} of its connections",
            state(row),
            a_day(row.requests_a_day),
            percent(row.misses.requests, row.all.requests),
        )
    } else {
        // Where a connection was not refused, it is only that nobody saw its requests: in a capture they are encrypted.
        let requests = if row.all.connections > row.misses.refused {
            "no request was seen"
        } else {
            "no request got through"
        };
        format!(
            "{when} ({}): {requests}, {of_connections} of its connections",
            state(row)
        )
    };
    if row.misses.refused > 0 {
        said.push_str(&format!(
            "; {} refused",
            count(row.misses.refused, "connection")
        ));
    }
    said
}

/// How much and when.
pub fn usage(usage: &Usage) -> String {
    format!(
        "{}, {} ({} refused), {} to {}",
        count(usage.requests, "request"),
        count(usage.connections, "connection"),
        number(usage.refused),
        day(usage.first),
        day(usage.last)
    )
}

/// A few names in one.
pub fn named(named: &Named) -> String {
    let names: Vec<&str> = named
        .names
        .iter()
        .map(String::as_str)
        .filter(|name| !name.is_empty())
        .collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

/// What the brownouts did, in a sentence.
pub fn brownouts(brownouts: &Brownouts) -> String {
    format!(
        "Brownouts hit {} in {}: {} modern since, {} still old, {} not seen since.",
        count(brownouts.accounts, "account"),
        count(brownouts.windows.len() as u64, "window"),
        number(brownouts.modern_since),
        number(brownouts.still_old),
        number(brownouts.not_seen_since)
    )
}

/// A window: its start, and its end without the day.
pub fn window(window: &WindowReport) -> String {
    let start = window.start.strftime("%Y-%m-%d %H:%M");
    match window.end {
        Some(end) if day(end) == day(window.start) => {
            format!("{start} to {}", end.strftime("%H:%M"))
        }
        Some(end) => format!("{start} to {}", end.strftime("%Y-%m-%d %H:%M")),
        None => start.to_string(),
    }
}

/// Whole days from one moment to a later one, rounded down.
pub fn days_between(from: Timestamp, to: Timestamp) -> i64 {
    let day = SignedDuration::from_hours(24).as_secs();
    to.duration_since(from).as_secs().div_euclid(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_a_little_nor_almost_all_is_rounded_away() {
        for (part, of, said) in [
            (0, 0, "0 %"),
            (0, 7, "0 %"),
            (1, 1_000_000, "<0.1 %"),
            (1, 3, "33.3 %"),
            (999_999, 1_000_000, ">99.9 %"),
            (7, 7, "100 %"),
        ] {
            assert_eq!(percent(part, of), said);
        }
    }

    #[test]
    fn numbers_can_be_read() {
        for (of, said) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(number(of), said);
        }
        for (rate, said) in [
            (0.0, "0"),
            (0.01, "<0.1"),
            (1.25, "1.2"),
            (9.99, "10"),
            (1_234.5, "1,235"),
        ] {
            assert_eq!(a_day(rate), said);
        }
    }
}
