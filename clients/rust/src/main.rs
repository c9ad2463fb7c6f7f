//! The command line. Exit code: 0 survives, 1 will not, 2 could not tell.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use sundown_check::{check, render, Options};

const USAGE: &str = "usage: sundown-check [--json] [--ca FILE] [--timeout SECONDS] URL\n";
const HELP: &str = "
Asks a server's /ssl/ whether this Rust program survives its next change of TLS.

  URL                https://host[:port][/path]; the path is /ssl/ unless given
  --json             print the answer as JSON
  --ca FILE          trust the authorities in this PEM file instead of the system's
  --timeout SECONDS  for all of it; default 10

Exit code: 0 survives, 1 will not, 2 could not tell.
";

struct Typed {
    url: String,
    json: bool,
    options: Options,
}

fn main() -> ExitCode {
    let mut out = io::stdout().lock();
    let written = match typed(std::env::args().skip(1)) {
        Ok(Some(Typed { url, json, options })) => {
            let answer = check(&url, &options);
            let text = if json {
                serde_json::to_string_pretty(&answer).unwrap_or_default()
            } else {
                render(&answer)
            };
            writeln!(out, "{text}").map(|()| answer.verdict.exit())
        }
        Ok(None) => write!(out, "{USAGE}{HELP}").map(|()| 0),
        Err(why) => writeln!(io::stderr(), "{USAGE}sundown-check: {why}").map(|()| 2),
    };
    ExitCode::from(written.unwrap_or(2))
}

/// What was typed; `None` where help was asked for.
fn typed(words: impl Iterator<Item = String>) -> Result<Option<Typed>, String> {
    let (mut url, mut json, mut options) = (None, false, Options::default());
    let mut words = words;
    while let Some(word) = words.next() {
        let (name, given) = match word.split_once('=') {
            Some((name, value)) if name.starts_with("--") => {
                (name.to_owned(), Some(value.to_owned()))
            }
            _ => (word, None),
        };
        match (name.as_str(), given) {
            ("--help" | "-h", None) => return Ok(None),
            ("--json", None) => json = true,
            ("--ca" | "--timeout", given) => {
                let value = given
                    .or_else(|| words.next())
                    .ok_or_else(|| format!("{name} takes a value"))?;
                if name == "--ca" {
                    options.ca = Some(value.into());
                } else {
                    let seconds = value
                        .parse()
                        .ok()
                        .filter(|seconds| *seconds > 0.0 && *seconds <= 3600.0);
                    options.timeout = Duration::from_secs_f64(
                        seconds.ok_or("--timeout takes seconds, up to 3600")?,
                    );
                }
            }
            (option, _) if option.starts_with('-') => {
                return Err(format!("there is no option {option}"))
            }
            _ if url.is_some() => return Err("one URL at a time".to_owned()),
            (_, None) => url = Some(name),
            (_, Some(rest)) => url = Some(format!("{name}={rest}")),
        }
    }
    Ok(Some(Typed {
        url: url.ok_or("which URL?")?,
        json,
        options,
    }))
}
