//! Comma-separated values.

use std::io::{self, Write};

use super::Table;
use super::columns::{COLUMNS, Line, Value};
use crate::amounts::moment;

pub(super) struct Csv<W: Write>(csv::Writer<W>);

impl<W: Write> Csv<W> {
    pub(super) fn new(out: W) -> io::Result<Self> {
        let mut writer = csv::Writer::from_writer(out);
        writer
            .write_record(COLUMNS.iter().map(|column| column.name))
            .map_err(into_io)?;
        Ok(Self(writer))
    }
}

impl<W: Write> Table for Csv<W> {
    fn write(&mut self, line: &Line<'_>) -> io::Result<()> {
        for column in &COLUMNS {
            let out = &mut self.0;
            match (column.value)(line) {
                Value::Nothing => out.write_field(""),
                Value::Text(text) if is_formula(text) => out.write_field(format!("'{text}")),
                Value::Text(text) => out.write_field(text),
                Value::Time(second) => out.write_field(moment(second).to_string()),
                Value::Number(number) => out.write_field(number.to_string()),
                Value::Flag(flag) => out.write_field(if flag { "true" } else { "false" }),
            }
            .map_err(into_io)?;
        }
        self.0.write_record(None::<&[u8]>).map_err(into_io)
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.0.flush()
    }
}

/// A full disk or a closed pipe is told as itself.
fn into_io(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        kind => io::Error::other(format!("{kind:?}")),
    }
}

/// Whether a spreadsheet would run it (OWASP "CSV Injection"). Clients choose their User-Agents.
fn is_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_like_a_formula_is_one() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"] {
            assert!(is_formula(text), "{text:?}");
        }
        for text in ["", "curl/7.1", "a=1", "'=1"] {
            assert!(!is_formula(text), "{text:?}");
        }
    }
}
