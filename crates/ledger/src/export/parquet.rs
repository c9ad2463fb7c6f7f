//! Apache Parquet.

use std::io::{self, BufWriter, Write};
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{Type, TypePtr};

use super::Table;
use super::columns::{COLUMNS, Column, Kind, Line, Value};

/// Rows of one row group: they are held in memory until the group is written, some 20 MB.
const GROUP: usize = 32_768;

pub(super) struct Parquet<W: Write + Send> {
    writer: SerializedFileWriter<BufWriter<W>>,
    columns: Vec<Held>,
    rows: usize,
}

/// The values of one column, and for each line whether it has one.
struct Held {
    values: Values,
    levels: Vec<i16>,
}

enum Values {
    Texts(Vec<ByteArray>),
    Numbers(Vec<i64>),
    Flags(Vec<bool>),
}

impl<W: Write + Send> Parquet<W> {
    pub(super) fn new(out: W) -> io::Result<Self> {
        let fields = COLUMNS.iter().map(field).collect::<Result<_, _>>();
        let schema = fields.and_then(|fields| {
            Type::group_type_builder("sightings")
                .with_fields(fields)
                .build()
        });
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .build();
        let writer = SerializedFileWriter::new(
            BufWriter::new(out),
            Arc::new(schema.map_err(io::Error::other)?),
            Arc::new(properties),
        );
        Ok(Self {
            writer: writer.map_err(into_io)?,
            columns: COLUMNS.iter().map(Held::new).collect(),
            rows: 0,
        })
    }

    fn write_group(&mut self) -> Result<(), ParquetError> {
        if self.rows == 0 {
            return Ok(());
        }
        let mut group = self.writer.next_row_group()?;
        for (column, held) in COLUMNS.iter().zip(&mut self.columns) {
            let Some(mut writer) = group.next_column()? else {
                break;
            };
            let levels = column.is_optional.then_some(held.levels.as_slice());
            match &held.values {
                Values::Texts(values) => writer
                    .typed::<ByteArrayType>()
                    .write_batch(values, levels, None)?,
                Values::Numbers(values) => writer
                    .typed::<Int64Type>()
                    .write_batch(values, levels, None)?,
                Values::Flags(values) => writer
                    .typed::<BoolType>()
                    .write_batch(values, levels, None)?,
            };
            writer.close()?;
            *held = Held::new(column);
        }
        group.close()?;
        self.rows = 0;
        Ok(())
    }
}

impl<W: Write + Send> Table for Parquet<W> {
    fn write(&mut self, line: &Line<'_>) -> io::Result<()> {
        for (column, held) in COLUMNS.iter().zip(&mut self.columns) {
            held.push((column.value)(line));
        }
        self.rows += 1;
        if self.rows >= GROUP {
            self.write_group().map_err(into_io)?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.write_group().map_err(into_io)?;
        let mut out = self.writer.into_inner().map_err(into_io)?;
        out.flush()
    }
}

impl Held {
    fn new(column: &Column) -> Self {
        Self {
            values: match column.kind {
                Kind::Text => Values::Texts(Vec::new()),
                Kind::Time | Kind::Number => Values::Numbers(Vec::new()),
                Kind::Flag => Values::Flags(Vec::new()),
            },
            levels: Vec::new(),
        }
    }

    fn push(&mut self, value: Value<'_>) {
        self.levels.push(i16::from(value != Value::Nothing));
        match (&mut self.values, value) {
            (Values::Texts(values), Value::Text(text)) => values.push(text.into()),
            (Values::Numbers(values), Value::Number(number)) => {
                values.push(i64::try_from(number).unwrap_or(i64::MAX));
            }
            (Values::Numbers(values), Value::Time(second)) => {
                values.push(second.saturating_mul(1000));
            }
            (Values::Flags(values), Value::Flag(flag)) => values.push(flag),
            _ => {}
        }
    }
}

fn field(column: &Column) -> Result<TypePtr, ParquetError> {
    let (physical, logical) = match column.kind {
        Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        Kind::Time => (
            Physical::INT64,
            Some(LogicalType::timestamp(true, TimeUnit::MILLIS)),
        ),
        Kind::Number => (Physical::INT64, None),
        Kind::Flag => (Physical::BOOLEAN, None),
    };
    let repetition = if column.is_optional {
        Repetition::OPTIONAL
    } else {
        Repetition::REQUIRED
    };
    let field = Type::primitive_type_builder(column.name, physical)
        .with_logical_type(logical)
        .with_repetition(repetition)
        .build()?;
    Ok(Arc::new(field))
}

/// A full disk or a closed pipe is told as itself.
fn into_io(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(cause) => match cause.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(cause) => io::Error::other(cause),
        },
        error => io::Error::other(error),
    }
}
