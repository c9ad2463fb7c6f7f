//! What a format of logs is: one file of `formats/` each, and one line in [`FORMATS`].

use std::fmt::Debug;
use std::path::Path;

use accounts::Addresses;
use hello::Version;
use jiff::tz::TimeZone;

use super::formats;
use super::line::{Fault, Field, Line, MOST_HEADERS, Taken, Written};

/// A format that lines can be read by.
pub trait Format: Debug + Send + Sync {
    /// Its name, as `--format` has it.
    fn name(&self) -> &'static str;

    /// The fields that it can fill.
    fn fields(&self) -> &[Field];

    /// How its times are written.
    fn written(&self) -> Written;

    /// Where times without an offset are, where the format says so.
    fn zone(&self) -> Option<TimeZone> {
        None
    }

    /// Takes a line apart. `line` is without its end.
    ///
    /// # Errors
    ///
    /// When it is not of this format.
    fn split<'a>(&self, line: &'a [u8], out: &mut Line<'a>) -> Result<Taken, Fault>;

    /// How values are escaped.
    fn escape(&self) -> Escape {
        Escape::None
    }

    /// What a line tells of.
    fn tells(&self) -> Tells {
        Tells::Requests
    }

    /// What divides one line from the next.
    fn framing(&self) -> Framing {
        Framing::Lines
    }

    /// The latest version that the server is configured to speak, where the format's own configuration says so.
    fn server_max(&self) -> Option<Version> {
        None
    }

    /// What should be logged too for the evidence to say more, if anything; for people.
    fn hint(&self) -> Option<String> {
        None
    }
}

/// How values are escaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escape {
    /// They are not.
    None,
    /// `\xHH`, `\"`, `\\`, `\n` and so on, as nginx and Apache do.
    Backslash,
    /// As in JSON strings.
    Json,
    /// As in URLs; CloudFront does so twice for some.
    Percent,
    /// `#22` for a quote, as HAProxy does.
    Hash,
}

/// What a line tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tells {
    /// A request. Where no field says which are on one connection, each counts as one.
    Requests,
    /// A connection.
    Connections,
}

/// What divides one line from the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// The end of a line.
    Lines,
    /// Each is an object in the array `Records` of one JSON document.
    Records,
}

/// What is wanted of lines beyond what is always wanted.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Request headers that name accounts, lower case; at most [`MOST_HEADERS`].
    pub headers: Vec<String>,
    /// The field that holds the account's id, in the format's own spelling.
    pub account: Option<String>,
    /// Paths that were requested.
    pub paths: bool,
    /// How much of addresses tells lines apart.
    pub addresses: Addresses,
    /// Where times without an offset are; absent for this machine's zone.
    pub zone: Option<TimeZone>,
}

impl Wanted {
    /// The field of a request header that is wanted, whatever its case; `_` stands for `-`.
    pub(crate) fn header(&self, name: &str) -> Option<Field> {
        let same = |wanted: &String| {
            wanted.len() == name.len()
                && wanted.bytes().zip(name.bytes()).all(|(wanted, byte)| {
                    let byte = byte.to_ascii_lowercase();
                    wanted == byte || (wanted == b'-' && byte == b'_')
                })
        };
        let place = self.headers.iter().take(MOST_HEADERS).position(same)?;
        u8::try_from(place).ok().map(Field::Header)
    }

    /// Whether this variable, in the format's own spelling, holds the account's id.
    pub(crate) fn is_account(&self, name: &str) -> bool {
        self.account.as_deref().is_some_and(|account| {
            account
                .trim_start_matches('$')
                .eq_ignore_ascii_case(name.trim_start_matches('$'))
        })
    }
}

/// The beginning of a log, by which its format is recognised.
#[derive(Clone, Copy, Debug)]
pub struct Sample<'a> {
    /// Where it is; absent for standard input.
    pub path: Option<&'a Path>,
    /// Its first bytes, unpacked; the last line may be cut.
    pub head: &'a [u8],
}

impl<'a> Sample<'a> {
    /// Lines that are looked at; one that is like the others says no more.
    const MOST: usize = 32;

    /// Its first whole lines that are not empty.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let head = self.head;
        let whole = match memchr::memrchr(b'\n', head) {
            Some(end) => head.get(..end).unwrap_or_default(),
            None => head,
        };
        whole
            .split(|byte| *byte == b'\n')
            .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
            .filter(|line| !line.is_empty())
            .take(Self::MOST)
    }

    /// Whether a format reads most of these lines, and some row among them.
    pub(crate) fn is_read_by(&self, format: &dyn Format) -> bool {
        let (mut rows, mut faults) = (0, 0);
        for line in self.lines() {
            match format.split(line, &mut Line::default()) {
                Ok(Taken::Row) => rows += 1,
                Ok(Taken::Skipped) => {}
                Err(_) => faults += 1,
            }
        }
        rows > 0 && faults * 4 <= rows
    }
}

/// A format that was understood, or what is wrong with what was written.
pub(crate) type Understood = Result<Box<dyn Format>, FormatError>;

/// A kind of log.
#[derive(Debug)]
pub struct Kind {
    /// Its name, as `--format` has it.
    pub name: &'static str,
    /// What it is, in a few words.
    pub about: &'static str,
    /// Recognises it by the beginning of a log, where that is safe.
    pub(crate) recognise: fn(&Sample<'_>, &Wanted) -> Option<Box<dyn Format>>,
    /// Makes the format of this name without looking at a log; absent where that takes a pattern.
    pub(crate) usual: Option<fn(&Sample<'_>, &Wanted) -> Understood>,
    /// Makes a format of a pattern, where this is one of this kind's; `None` where it is not.
    pub(crate) pattern: fn(&str, &Sample<'_>, &Wanted) -> Option<Understood>,
}

/// For kinds that have no patterns.
pub(crate) fn no_pattern(
    _: &str,
    _: &Sample<'_>,
    _: &Wanted,
) -> Option<Result<Box<dyn Format>, FormatError>> {
    None
}

/// Every kind, in the order in which they are tried.
pub static FORMATS: &[&Kind] = &[
    &formats::nginx::KIND,
    &formats::envoy::KIND,
    &formats::haproxy::KIND,
    &formats::apache::KIND,
    &formats::caddy::KIND,
    &formats::traefik::KIND,
    &formats::alb::KIND,
    &formats::nlb::KIND,
    &formats::cloudfront::KIND,
    &formats::cloudtrail::KIND,
    &formats::zeek::KIND,
    &formats::suricata::KIND,
    &formats::combined::KIND,
    &formats::json::KIND,
];

/// Why a format cannot be used, or none was found. The text says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// A mistake in a pattern.
    #[error("column {column} of the format: {reason}\n  {line}\n  {marker}")]
    Pattern {
        /// In characters from 1.
        column: usize,
        /// What is wrong and what is near.
        reason: String,
        /// The line of the pattern where it is.
        line: String,
        /// Points at it.
        marker: String,
    },
    /// It shows too little.
    #[error("{0}")]
    Useless(String),
    /// No kind has this name.
    #[error("{0}")]
    Unknown(String),
    /// A configuration cannot be read.
    #[error("{0}")]
    Configuration(String),
}

impl FormatError {
    /// A mistake at a character (from 1) of a pattern.
    pub(crate) fn at(pattern: &str, column: usize, reason: impl Into<String>) -> Self {
        /// Characters shown before and after the place.
        const AROUND: usize = 32;
        let from = column.saturating_sub(AROUND + 1);
        let line: String = pattern.chars().skip(from).take(2 * AROUND).collect();
        Self::Pattern {
            column,
            reason: reason.into(),
            line: line.replace(['\n', '\t'], " "),
            marker: format!("{}^", " ".repeat(column.saturating_sub(from + 1))),
        }
    }
}

/// How the user says which format it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Said {
    /// Not at all.
    #[default]
    Nothing,
    /// By a name, a pattern, or a path to an nginx.conf.
    As(String),
}

/// Finds the format of a log.
///
/// # Errors
///
/// When it is not recognised, or what was said cannot be used.
pub fn choose(
    said: &Said,
    sample: &Sample<'_>,
    wanted: &Wanted,
) -> Result<Box<dyn Format>, FormatError> {
    let text = match said {
        Said::Nothing => return recognise(sample, wanted),
        Said::As(text) => text,
    };
    if let Some(kind) = FORMATS
        .iter()
        .find(|kind| kind.name.eq_ignore_ascii_case(text))
    {
        if let Some(found) = (kind.recognise)(sample, wanted) {
            return Ok(found);
        }
        return match kind.usual {
            Some(usual) => usual(sample, wanted),
            None => Err(FormatError::Useless(format!(
                "these lines are not what {} writes by itself; give --format the format as the configuration has it",
                kind.name
            ))),
        };
    }
    for kind in FORMATS {
        if let Some(made) = (kind.pattern)(text, sample, wanted) {
            return made;
        }
    }
    let names: Vec<&str> = FORMATS.iter().map(|kind| kind.name).collect();
    let near = did_you_mean(text, &names);
    Err(FormatError::Unknown(format!(
        "{text:?} is no format, no file and no format string; {near}"
    )))
}

fn recognise(sample: &Sample<'_>, wanted: &Wanted) -> Result<Box<dyn Format>, FormatError> {
    FORMATS
        .iter()
        .find_map(|kind| (kind.recognise)(sample, wanted))
        .ok_or_else(|| {
            let first = sample.lines().next().unwrap_or_default();
            let shown: String = String::from_utf8_lossy(first)
                .chars()
                .map(|character| if character.is_control() { '?' } else { character })
                .take(160)
                .collect();
            FormatError::Unknown(format!(
                "its format is not recognised; say which with --format: a name, the `log_format` string or the \
                 nginx.conf that holds it. Its first line:\n  {shown}"
            ))
        })
}

/// The nearest of some names, or all of them.
pub(crate) fn did_you_mean(text: &str, names: &[&str]) -> String {
    let all = || format!("there are {}", names.join(", "));
    floor::config::did_you_mean(text, names.iter().copied(), &all())
}
