//! A format that is one template, for those that need no more.

use jiff::tz::TimeZone;

use super::format::{Escape, Format, Tells};
use super::line::{Fault, Field, Line, Taken, Written};
use super::template::Template;

/// Lines of one template.
#[derive(Clone, Debug)]
pub(crate) struct Patterned {
    pub(crate) name: &'static str,
    pub(crate) template: Template,
    pub(crate) written: Written,
    pub(crate) escape: Escape,
    pub(crate) tells: Tells,
    pub(crate) zone: Option<TimeZone>,
    pub(crate) hint: Option<&'static str>,
    /// What comes before, to be cut off: a line that went through syslog has its head.
    pub(crate) cut: fn(&[u8]) -> &[u8],
    /// Takes apart lines of another kind that the same program writes.
    pub(crate) aside: Aside,
}

/// Takes a line apart that is of another kind; `None` where it is not.
pub(crate) type Aside = for<'a> fn(&'a [u8], &mut Line<'a>) -> Option<Taken>;

impl Patterned {
    pub(crate) fn new(name: &'static str, template: Template, written: Written) -> Self {
        Self {
            name,
            template,
            written,
            escape: Escape::None,
            tells: Tells::Requests,
            zone: None,
            hint: None,
            cut: |line| line,
            aside: |_, _| None,
        }
    }
}

impl Format for Patterned {
    fn name(&self) -> &'static str {
        self.name
    }

    fn fields(&self) -> &[Field] {
        self.template.fields()
    }

    fn written(&self) -> Written {
        self.written.clone()
    }

    fn zone(&self) -> Option<TimeZone> {
        self.zone.clone()
    }

    fn split<'a>(&self, line: &'a [u8], out: &mut Line<'a>) -> Result<Taken, Fault> {
        let rest = (self.cut)(line);
        let before = line.len() - rest.len();
        match self.template.split(rest, out) {
            Ok(()) => Ok(Taken::Row),
            Err(fault) => {
                (self.aside)(rest, out).ok_or_else(|| Fault::new(before + fault.at, fault.reason))
            }
        }
    }

    fn escape(&self) -> Escape {
        self.escape
    }

    fn tells(&self) -> Tells {
        self.tells
    }

    fn hint(&self) -> Option<String> {
        self.hint.map(str::to_owned)
    }
}
