//! JSON, an object on each line.

use std::io::{self, BufWriter, Write};

use serde::Serializer;
use serde::ser::SerializeMap;

use super::Table;
use super::columns::{COLUMNS, Line, Value};
use crate::amounts::moment;

pub(super) struct JsonLines<W: Write>(BufWriter<W>);

impl<W: Write> JsonLines<W> {
    pub(super) fn new(out: W) -> Self {
        Self(BufWriter::new(out))
    }
}

impl<W: Write> Table for JsonLines<W> {
    fn write(&mut self, line: &Line<'_>) -> io::Result<()> {
        let mut serializer = serde_json::Serializer::new(&mut self.0);
        let mut map = serializer.serialize_map(Some(COLUMNS.len()))?;
        for column in &COLUMNS {
            let name = column.name;
            match (column.value)(line) {
                Value::Nothing => map.serialize_entry(name, &())?,
                Value::Text(text) => map.serialize_entry(name, text)?,
                Value::Time(second) => map.serialize_entry(name, &moment(second))?,
                Value::Number(number) => map.serialize_entry(name, &number)?,
                Value::Flag(flag) => map.serialize_entry(name, &flag)?,
            }
        }
        map.end()?;
        writeln!(self.0)
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.0.flush()
    }
}
