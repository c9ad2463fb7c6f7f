//! Shows what is wrong with a configuration: file, line, key and remedy.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use floor::{Problem, Severity};

use super::Source;

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
            let title = format!("{}: {}", problem.key, problem.message);
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
    let message = error.message().to_owned();
    let found = text.get(span.clone()).unwrap_or_default();
    // serde's words for an unknown key: unknown field `refse`, expected one of `name`, `floor`
    let (message, help) = match message.split_once(", expected") {
        Some((unknown, expected)) if unknown.starts_with("unknown ") => {
            let expected: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
            let wanted = unknown.split('`').nth(1).unwrap_or(found);
            let near = expected
                .iter()
                .min_by_key(|name| strsim::damerau_levenshtein(name, wanted));
            let near = near.filter(|name| strsim::damerau_levenshtein(name, wanted) <= 3);
            let help = match near {
                Some(near) => format!("did you mean `{near}`? known here: {}", expected.join(", ")),
                None => format!("known here: {}", expected.join(", ")),
            };
            (unknown.replace("field", "key"), help)
        }
        _ => (
            message,
            "`sundown init -` prints a file with every key explained".to_owned(),
        ),
    };
    Problem {
        key: key_at(text, span.start),
        span,
        message,
        help,
        severity: Severity::Error,
    }
}

/// The key that a place in the text belongs to, as far as the lines before it tell: `listener.address`.
fn key_at(text: &str, place: usize) -> String {
    let before = text.get(..place).unwrap_or_default();
    let line = text
        .get(before.rfind('\n').map_or(0, |end| end + 1)..)
        .and_then(|rest| rest.lines().next())
        .unwrap_or_default();
    let table = before
        .lines()
        .rev()
        .map(str::trim)
        .find(|line| line.starts_with('['))
        .unwrap_or_default();
    let table = table
        .split(']')
        .next()
        .unwrap_or_default()
        .trim_start_matches('[');
    let key = line
        .split('=')
        .next()
        .unwrap_or_default()
        .trim()
        .trim_matches(|c| "[]".contains(c));
    if table.is_empty() || key == table {
        key.to_owned()
    } else {
        format!("{table}.{key}")
    }
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
