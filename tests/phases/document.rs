//! `docs/clients-by-phase.md`: what each old client says when it is refused.
//!
//! Comes in: the clients that were run, each with its own words. Goes out: the file. It holds nothing that changes from
//! one run to the next on the same machine.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use crate::clients::Case;

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

Ports are written PORT and thread numbers THREAD. Programs on `pokitdok-nodejs` end with the TypeError alone: the package
reads an answer that is not there, and what its HTTP library was told is seen here by a wrapper around that library.

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
    writeln!(
        text,
        "\nServed on every day, and told nothing but its verdict on `/ssl/`: {}.",
        served.join(", ")
    )
    .expect("memory");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/clients-by-phase.md");
    let folder = file.parent().expect("a file is in a folder");
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(&file, text))
        .expect("docs/ can be written");
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
