//! Shows what is wrong with a configuration: file, line, key and remedy.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use floor::config::did_you_mean;
use floor::{Problem, Severity};

use super::Source;
use super::keys::key_at;

/// Problems, and the text they are in.
#[derive(Debug)]
pub(crate) struct Problems {
    pub(crate) source: Source,
    pub(crate) problems: Vec<Problem>,
}

impl std::error::Error for Problems {}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(&Renderer::plain()))
    }
}

impl Problems {
    /// All problems, each with the line it is about.
    pub(crate) fn render(&self, renderer: &Renderer) -> String {
        let name = self.source.name();
        let rendered = self.problems.iter().map(|problem| {
            let level = match problem.severity {
                Severity::Error => Level::ERROR,
                Severity::Warning => Level::WARNING,
            };
            let title = if problem.key.is_empty() {
                problem.message.clone()
            } else {
                format!("{}: {}", problem.key, problem.message)
            };
            let span = printable(&self.source.text, &problem.span);
            let snippet = Snippet::source(&self.source.text)
                .path(&name)
                .annotation(AnnotationKind::Primary.span(span));
            renderer.render(&[level
                .primary_title(&title)
                .element(snippet)
                .element(Level::HELP.message(&problem.help))])
        });
        rendered.collect::<Vec<_>>().join("\n\n")
    }
}

/// The first line of a span, within the text: a table that spans many lines is best shown by its head.
fn printable(text: &str, span: &Range<usize>) -> Range<usize> {
    let start = span.start.min(text.len());
    let end = span.end.clamp(start, text.len());
    let line = text
        .get(start..end)
        .and_then(|spanned| spanned.find('\n'))
        .map_or(end, |length| start + length);
    start..line
}

/// What the TOML reader has to say, with the key it is about and what to do.
pub(super) fn from_toml(error: &toml::de::Error, text: &str) -> Problem {
    let span = error.span().unwrap_or(0..0);
    let mut key = key_at(text, span.start);
    // Some of its messages come in lines.
    let said = error.message().replace('\n', ", ");
    let (message, help) = if let Some(field) = missing(&said) {
        if !key.is_empty() {
            key.push('.');
        }
        key.push_str(field);
        ("is missing".to_owned(), add(field))
    } else if let Some(both) = unknown(&said) {
        both
    } else if let Some((message, help)) = said.rsplit_once("; ") {
        // Words of our own: what is wrong; what to do.
        (message.to_owned(), help.to_owned())
    } else {
        let help = remedy(&said);
        (said, help)
    };
    Problem {
        span,
        key,
        message,
        help,
        severity: Severity::Error,
    }
}

/// serde's words for a key that is required: missing field `floor`
fn missing(said: &str) -> Option<&str> {
    said.strip_prefix("missing field `")?.strip_suffix('`')
}

/// How to add a key that is required.
fn add(field: &str) -> String {
    let (example, meaning) = match field {
        "name" => ("\"TLS 1.0 and 1.1\"", "what is retired, in words"),
        "floor" => ("\"tls1.2\"", "what a client must be able to do"),
        "min" => ("\"TLSv1.2\"", "the earliest version that will do"),
        "from" => ("\"2026-12-01T09:00Z\"", "when its windows begin"),
        "to" => ("\"2026-12-01T17:00Z\"", "when they end"),
        "sunset" => ("\"TLS 1.0 and 1.1\"", "the name of the sunset it is for"),
        "until" => ("\"2027-03-01\"", "when it ends, by itself"),
        "sni" => ("\"next.api.example.com\"", "the server name"),
        "at" => ("\"2026-12-15\"", "the day it shows"),
        "cert" => ("\"api.pem\"", "a PEM file, the leaf first"),
        "ca" => ("\"clients-ca.pem\"", "the authorities, a PEM file"),
        "as" => ("\"health-check\"", "who it is"),
        "key" => ("\"api.key\"", "the leaf's private key, a PEM file"),
        _ => return format!("add `{field}`; {EXPLAINED}"),
    };
    format!("add `{field} = {example}`: {meaning}")
}

/// serde's words for a key or a value that is none of those it knows:
/// unknown field `refse`, expected one of `name`, `floor`
fn unknown(said: &str) -> Option<(String, String)> {
    let (unknown, expected) = said.split_once(", expected")?;
    let what = unknown.strip_prefix("unknown ")?;
    let wanted = what.split('`').nth(1)?;
    let known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
    let list = format!("known here: {}", known.join(", "));
    let help = match did_you_mean(wanted, known.into_iter(), "") {
        near if near.is_empty() => list,
        near => format!("{near} {list}"),
    };
    let message = match what.split_once(' ') {
        Some(("field", _)) => format!("there is no key `{wanted}` here"),
        _ => format!("`{wanted}` is not known here"),
    };
    Some((message, help))
}

const EXPLAINED: &str = "`sundown init -` prints a file with every key explained";

/// What to do about the rest of what the TOML reader says.
fn remedy(said: &str) -> String {
    if said.contains("socket address") {
        return "write an address and a port: \"0.0.0.0:443\", or \"[::]:443\" for IPv6".to_owned();
    }
    if said.contains("duplicate key") {
        return "keep one of the two; tables that may come more than once have double brackets, [[sunset]]".to_owned();
    }
    if said.contains("must be quoted") {
        return "put text and times in quotes".to_owned();
    }
    let wanted = match said.rsplit_once(", expected ") {
        Some((_, "a string")) => "a text, in quotes",
        Some((_, "a sequence")) => "a list, in brackets",
        Some((_, "a map")) => "a table, `name = value`",
        Some((_, "usize" | "u16")) => "a whole number",
        // bytesize's words.
        Some((_, "parsable string")) => "a size such as \"64 KiB\"",
        Some((what, wanted)) if what.starts_with("invalid ") && !wanted.starts_with('`') => wanted,
        _ => return format!("correct the TOML there; {EXPLAINED}"),
    };
    format!("write {wanted}; {EXPLAINED}")
}

/// Says something that ends no command.
pub(crate) fn warn(text: &str) {
    use std::io::Write;
    // Standard error is gone: nobody is left to tell.
    writeln!(anstream::stderr(), "warning: {text}").ok();
}

/// Shows an error that ends a command.
pub(crate) fn report(error: &anyhow::Error) {
    use std::io::Write;
    let text = match error.downcast_ref::<Problems>() {
        Some(problems) => problems.render(&Renderer::styled()),
        None => format!("error: {error:#}"),
    };
    // Standard error is gone: nobody is left to tell.
    writeln!(anstream::stderr(), "{text}").ok();
}
