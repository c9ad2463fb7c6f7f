//! Lines whose columns are divided by tabs, and named by a heading.

use jiff::tz::TimeZone;
use memchr::memchr;

use super::format::{Escape, Format, Tells};
use super::line::{Fault, Field, Line, Taken, Written};

/// What becomes of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    Ignored,
    Time,
    /// Date here and time in the next column.
    DateAndTime,
    Field(Field),
    Established,
}

/// Lines with columns.
#[derive(Clone, Debug)]
pub(crate) struct Columns {
    name: &'static str,
    columns: Vec<Column>,
    fields: Vec<Field>,
    heading: Box<[u8]>,
    pub(crate) written: Written,
    pub(crate) zone: Option<TimeZone>,
    pub(crate) escape: Escape,
    pub(crate) tells: Tells,
    pub(crate) hint: Option<&'static str>,
}

impl Columns {
    /// By the line that names the columns, and what each name means.
    pub(crate) fn new(
        name: &'static str,
        heading: &[u8],
        written: Written,
        columns: Vec<Column>,
    ) -> Self {
        let mut fields: Vec<Field> = columns
            .iter()
            .filter_map(|column| match column {
                Column::Field(field) => Some(*field),
                Column::Established => Some(Field::Failure),
                _ => None,
            })
            .collect();
        fields.sort_unstable();
        fields.dedup();
        Self {
            name,
            columns,
            fields,
            heading: heading.into(),
            written,
            zone: None,
            escape: Escape::None,
            tells: Tells::Requests,
            hint: None,
        }
    }
}

impl Format for Columns {
    fn name(&self) -> &'static str {
        self.name
    }

    fn fields(&self) -> &[Field] {
        &self.fields
    }

    fn written(&self) -> Written {
        self.written.clone()
    }

    fn zone(&self) -> Option<TimeZone> {
        self.zone.clone()
    }

    fn split<'a>(&self, line: &'a [u8], out: &mut Line<'a>) -> Result<Taken, Fault> {
        if line.first() == Some(&b'#') {
            let names_columns = line
                .get(..7)
                .is_some_and(|start| start.eq_ignore_ascii_case(b"#fields"));
            if names_columns && line != &*self.heading {
                return Err(Fault::new(
                    0,
                    "it names other columns than the beginning of the log; read these logs one by one",
                ));
            }
            return Ok(Taken::Skipped);
        }
        let mut rest = line;
        let mut left = self.columns.len();
        for column in &self.columns {
            let (mut value, after) = match memchr(b'\t', rest) {
                Some(at) => (rest.get(..at).unwrap_or_default(), rest.get(at + 1..)),
                None => (rest, None),
            };
            left -= 1;
            if value == b"(empty)" {
                value = &[];
            }
            match column {
                Column::Ignored => {}
                Column::Time => out.time = value,
                Column::DateAndTime => {
                    let next = after.unwrap_or_default();
                    let end = value.len() + 1 + memchr(b'\t', next).unwrap_or(next.len());
                    out.time = rest.get(..end).unwrap_or(value);
                }
                Column::Field(field) => out.set(*field, value),
                Column::Established => out.set_established(value),
            }
            match after {
                Some(after) => rest = after,
                None if left == 0 => return Ok(Taken::Row),
                None => {
                    let reason = format!(
                        "it has {} of {} columns",
                        self.columns.len() - left,
                        self.columns.len()
                    );
                    return Err(Fault::new(line.len(), reason));
                }
            }
        }
        Err(Fault::new(
            line.len() - rest.len(),
            format!("it has more than {} columns", self.columns.len()),
        ))
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
