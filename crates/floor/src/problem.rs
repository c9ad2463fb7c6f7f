//! What is wrong with a plan, and where in its file.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

/// Something wrong with a plan, or doubtful about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The bytes of the configuration file that it is about.
    pub span: Range<usize>,
    /// The key: `sunset[0].warn`.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: String,
    /// Whether the plan can be used all the same.
    pub severity: Severity,
}

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The plan can be used; somebody should look.
    Warning,
    /// The plan is refused.
    Error,
}

impl Problem {
    /// The line and column of the problem in the text it was found in, both from 1; columns count characters.
    pub fn position(&self, text: &str) -> (usize, usize) {
        let before = text.get(..self.span.start).unwrap_or(text);
        let line = before.rsplit('\n').next().unwrap_or_default();
        (before.matches('\n').count() + 1, line.chars().count() + 1)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            key, message, help, ..
        } = self;
        write!(f, "{key}: {message} ({help})")
    }
}

/// Where in its file each key of a plan stands.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places(BTreeMap<String, Range<usize>>);

impl Places {
    pub(crate) fn set(&mut self, key: &str, span: Range<usize>) {
        self.0.insert(key.to_owned(), span);
    }

    /// The place of a key; of the table it would be in, when the key is not in the file.
    pub(crate) fn get(&self, key: &str) -> Range<usize> {
        let mut key = key;
        loop {
            if let Some(span) = self.0.get(key) {
                return span.clone();
            }
            match key.rsplit_once('.') {
                Some((table, _)) => key = table,
                None => return 0..0,
            }
        }
    }

    pub(crate) fn problem(
        &self,
        severity: Severity,
        key: impl Into<String>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Problem {
        let key = key.into();
        Problem {
            span: self.get(&key),
            key,
            message: message.into(),
            help: help.into(),
            severity,
        }
    }

    pub(crate) fn error(
        &self,
        key: impl Into<String>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Problem {
        self.problem(Severity::Error, key, message, help)
    }

    pub(crate) fn warning(
        &self,
        key: impl Into<String>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Problem {
        self.problem(Severity::Warning, key, message, help)
    }
}
