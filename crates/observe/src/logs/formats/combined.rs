//! The combined format with TLS behind it, as people extend it in nginx and Apache, recognised by what it looks like.
//!
//! Names of versions and of suites are like nothing else, so that a column of them is what it seems to be.

use crate::logs::builder::{Builder, Meaning};
use crate::logs::format::{Escape, Format, FormatError, Kind, Sample, Wanted, no_pattern};
use crate::logs::line::{Field, Written};
use crate::logs::names;
use crate::logs::patterned::Patterned;
use crate::logs::template;

pub(crate) static KIND: Kind = Kind {
    name: "combined",
    about: "the combined format of nginx and Apache with the version, and perhaps the suite, behind it",
    recognise,
    usual: Some(|_, _| Err(FormatError::Useless(USELESS.to_owned()))),
    pattern: no_pattern,
};

const USELESS: &str = "these lines are not the combined format with a TLS version behind it; give --format the format as the \
                       server's configuration has it";

const PATTERN: [(&str, &str); 9] = [
    ("", "$remote_addr"),
    (" ", "$identity"),
    (" ", "$remote_user"),
    (" [", "$time_local"),
    ("] \"", "$request"),
    ("\" ", "$status"),
    (" ", "$body_bytes_sent"),
    (" \"", "$http_referer"),
    ("\" \"", "$http_user_agent"),
];

fn meaning(name: &str) -> Meaning {
    match name {
        "$remote_addr" => Field::Address.into(),
        "$remote_user" => Field::User.into(),
        "$time_local" => Meaning::Time(Written::Common),
        "$request" => Field::Request.into(),
        "$status" => Field::Status.into(),
        "$http_user_agent" => Field::UserAgent.into(),
        _ => Meaning::Nothing,
    }
}

/// The combined format, then these columns, then whatever comes.
fn made(columns: &[(bool, Meaning)]) -> Result<Patterned, FormatError> {
    let mut builder = Builder::default();
    for (before, name) in PATTERN {
        builder.text(before);
        builder.variable(name.to_owned(), 1, meaning(name), template::Kind::Plain);
    }
    let mut close = "\"";
    for (is_quoted, meaning) in columns {
        builder.text(close);
        let open = if *is_quoted { " \"" } else { " " };
        builder.text(open);
        builder.variable(
            "a column behind the combined format".to_owned(),
            1,
            meaning.clone(),
            template::Kind::Plain,
        );
        close = if *is_quoted { "\"" } else { "" };
    }
    builder.text(close);
    let (template, written) = builder.finish("", USELESS)?;
    Ok(Patterned {
        escape: Escape::Backslash,
        ..Patterned::new(KIND.name, template, written)
    })
}

/// The columns of a line behind the combined format: whether each is in quotes, and what it holds.
fn columns(line: &[u8]) -> Option<Vec<(bool, &[u8])>> {
    // Date, request, referer and User-Agent hold the quotes before it.
    let mut at = 0;
    for _ in 0..6 {
        at += memchr::memchr(b'"', line.get(at..)?)? + 1;
    }
    let mut rest = line.get(at..)?;
    let mut columns = Vec::new();
    while let Some(after) = rest.strip_prefix(b" ") {
        let is_quoted = after.first() == Some(&b'"');
        let start = usize::from(is_quoted);
        let value = after.get(start..)?;
        let end = match memchr::memchr(if is_quoted { b'"' } else { b' ' }, value) {
            Some(end) => end,
            None if is_quoted => return None,
            None => value.len(),
        };
        columns.push((is_quoted, value.get(..end)?));
        rest = value.get(end + start..)?;
    }
    rest.is_empty().then_some(columns)
}

fn recognise(sample: &Sample<'_>, _: &Wanted) -> Option<Box<dyn Format>> {
    let lines: Vec<Vec<(bool, &[u8])>> = sample.lines().map(columns).collect::<Option<_>>()?;
    let first = lines.first()?;
    let shape = |line: &Vec<(bool, &[u8])>| line.len() == first.len();
    lines.iter().all(shape).then_some(())?;
    let all = |place: usize, is: &dyn Fn(&[u8]) -> bool| {
        let values = || {
            lines
                .iter()
                .filter_map(|line| line.get(place))
                .map(|(_, value)| *value)
        };
        values().all(|value| value == b"-" || is(value)) && values().any(|value| value != b"-")
    };
    let place = |is: &dyn Fn(&[u8]) -> bool| (0..first.len()).find(|place| all(*place, is));
    let is_version = |value: &[u8]| {
        (value.starts_with(b"TLSv") || value.starts_with(b"SSLv"))
            && names::version(value).is_some()
    };
    let version = place(&is_version)?;
    let is_suite =
        |value: &[u8]| value.len() > 6 && !value.starts_with(b"0") && names::suite(value).is_some();
    let suite = place(&is_suite);
    let meanings: Vec<(bool, Meaning)> = first
        .iter()
        .enumerate()
        .map(|(place, (is_quoted, _))| {
            let meaning = match place {
                place if place == version => Field::Protocol.into(),
                place if Some(place) == suite => Field::Cipher.into(),
                _ => Meaning::Nothing,
            };
            (*is_quoted, meaning)
        })
        .collect();
    let made = made(&meanings).ok()?;
    sample
        .is_read_by(&made)
        .then(|| -> Box<dyn Format> { Box::new(made) })
}
