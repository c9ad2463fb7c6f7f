//! `docs/clients-by-phase.md`: what each old client says when it is refused.
//!
//! Comes in: the clients that were run, each with its own words. Goes out: the file, or what in it is no longer so. What
//! depends on the machine (releases, lines of source files) is written and dated, but not held against another machine.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use crate::clients::{self, Case};

const HEAD: &str = "\
# What clients say, by phase

Written by `UPDATE=1 cargo test --test phases`, which runs these programs against the edge with the plan of
`examples/pokitdok-2016.toml` and fails where one of them is told anything else.

| phase | `/ssl/` says of a client that offers less than TLSv1.2 | its API calls get |
| --- | --- | --- |
| observe | at-risk | what they always got |
| warn, and between brownout windows | at-risk | what they always got, with `Deprecation`, `Sunset`, `Link` and `Sundown-Notice` |
| brownout window | blocked | 403 `TLSv1.2 needed; client offers TLSv1 at most`; nothing reaches the application |
| explain | blocked | the same |
| refuse | nothing: it gets no handshake | the alert protocol_version (70), which each client puts in its own words: |

Each test run holds this page's list of clients, and the words that name the protocol, against its own; the text around
those words depends on the release. Ports are written PORT and thread numbers THREAD. Programs on `pokitdok-nodejs` end
with the TypeError alone: the package reads an answer that is not there, and what its HTTP library was told is seen here
by a wrapper around that library.

";

/// The longest text that a table shows.
const LONGEST: usize = 400;

/// Writes the file, from clients and what each says when refused; those that say nothing were served.
///
/// # Panics
/// When it cannot be written.
pub(crate) fn write<'a>(clients: impl Iterator<Item = (&'static Case, Option<&'a str>)>) {
    let mut text = HEAD.to_owned();
    let mut served = Vec::new();
    let today = today();
    writeln!(text, "These are the texts of {today} on {}.\n", system()).expect("memory");
    text.push_str("| client | offers | when refused, it says |\n| --- | --- | --- |\n");
    for (case, refusal) in clients {
        let Some(refusal) = refusal else {
            served.push(format!("{case} ({})", case.offers));
            continue;
        };
        let said = one_line(refusal).replace('|', "\\|");
        writeln!(
            text,
            "| {case} ({}) | {} | `{said}` |",
            release(case),
            case.offers
        )
        .expect("memory");
    }
    writeln!(text, "\n{SERVED}{}.", served.join(", ")).expect("memory");
    fs::write(file(), text).expect("docs/ can be written");
}

/// Holds the file against the table of clients, without running any.
///
/// # Panics
/// Where the file tells of a client that is not there, leaves one out, or has it say something else.
pub(crate) fn check() {
    const REMEDY: &str =
        "write it anew: UPDATE=1 cargo test --test phases, where every client is installed";
    let text = fs::read_to_string(file()).expect("docs/clients-by-phase.md is there");
    assert!(text.starts_with(HEAD), "its beginning is old; {REMEDY}");
    let rest = text.get(HEAD.len()..).unwrap_or_default();
    let mut rows: Vec<&str> = rest.lines().filter(|line| line.ends_with("` |")).collect();
    let served = rest
        .lines()
        .find_map(|line| line.strip_prefix(SERVED)?.strip_suffix('.'))
        .unwrap_or_default();
    let mut served: Vec<&str> = served.split(", ").collect();
    for case in clients::all() {
        let own = format!("{case} ({})", case.offers);
        if let Some(place) = served.iter().position(|name| *name == own) {
            served.remove(place);
            continue;
        }
        let begins = format!("| {case} (");
        let place = rows.iter().position(|row| row.starts_with(&begins));
        let place = place.unwrap_or_else(|| panic!("{case} is not in it; {REMEDY}"));
        let row = rows.remove(place);
        assert!(
            row.contains(&format!(") | {} | `", case.offers)) && row.contains(case.refusal),
            "{case} says {:?}, and not: {row}; {REMEDY}",
            case.refusal
        );
    }
    assert!(
        rows.is_empty() && served.is_empty(),
        "no longer tested: {rows:?} {served:?}; {REMEDY}"
    );
}

/// Begins the list of those that are served.
const SERVED: &str = "Served on every day, and told nothing but its verdict on `/ssl/`: ";

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/clients-by-phase.md")
}

/// The date, as RFC 3339 writes it.
#[expect(
    clippy::disallowed_methods,
    reason = "the day on which the programs were run, and no day of the plan"
)]
fn today() -> String {
    let now = jiff::Timestamp::now().to_string();
    now.split('T').next().unwrap_or(&now).to_owned()
}

/// What this machine calls itself (os-release(5)).
fn system() -> String {
    let told = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = told
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="));
    name.unwrap_or("a system without a name")
        .trim_matches('"')
        .to_owned()
}

/// What the program says of its version, up to the first bracket.
fn release(case: &Case) -> &'static str {
    let version = case.version();
    version
        .split(['(', '['])
        .next()
        .unwrap_or(version)
        .trim_end()
}

/// A client's words on one line, without what differs from run to run: ports and thread numbers.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::new();
    let mut word = String::new();
    for character in text.chars().chain([' ']) {
        if character.is_ascii_alphanumeric() {
            word.push(character);
            continue;
        }
        line.push_str(match word.len() {
            5 if word.bytes().all(|byte| byte.is_ascii_digit()) => "PORT",
            12.. if word.bytes().all(|byte| byte.is_ascii_hexdigit()) => "THREAD",
            _ => &word,
        });
        word.clear();
        let blank = character.is_whitespace();
        if !(blank && line.ends_with(' ')) {
            line.push(if blank { ' ' } else { character });
        }
    }
    line.trim().chars().take(LONGEST).collect()
}
