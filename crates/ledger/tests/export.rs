//! The roll-up as a table, in every format.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what goes wrong in a helper of a test fails the test"
)]

mod support;

use std::fs::File;
use std::path::Path;

use jiff::SignedDuration;
use ledger::{Format, Importer, LedgerSettings, Range, Reader};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use serde_json::Value;
use support::{ALWAYS, inferred, open, refused, served, time};

/// More rows than a row group holds, and one of each kind first.
const ROWS: usize = 40_000;

fn ledger(directory: &Path) -> Reader {
    let path = directory.join(ledger::FILE);
    let start = time("2026-03-01T00:00:00Z");
    let mut importer = Importer::open(&path, &LedgerSettings::default(), start).unwrap();
    let mut formula = served(start, "=1+1", 3);
    formula.sighting.user_agent = Some("two\nlines, \"quoted\"".into());
    importer.add(&formula).unwrap();
    let mut shared = refused(start);
    shared.sighting.account = Some(inferred(&[("b,c", 7), ("a", 9)]));
    importer.add(&shared).unwrap();
    for turn in 2..ROWS {
        let at = start + SignedDuration::from_hours(i64::try_from(turn / 100).unwrap());
        importer
            .add(&served(at, &format!("account {}", turn % 100), 1))
            .unwrap();
    }
    importer.finish().unwrap();
    open(&path)
}

fn export(reader: &Reader, format: Format, range: Range, to: &Path) -> u64 {
    let mut last = (0, 0);
    let rows = reader
        .export(range, format, File::create(to).unwrap(), |done, all| {
            last = (done, all);
        })
        .unwrap();
    assert_eq!(last, (rows, rows), "the progress that was announced");
    rows
}

#[test]
fn every_format_holds_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let reader = ledger(directory.path());
    let to = directory.path().join("table");

    let rows = export(&reader, Format::JsonLines, ALWAYS, &to);
    let text = std::fs::read_to_string(&to).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len() as u64, rows);
    let formula = lines.iter().find(|line| line["account"] == "=1+1").unwrap();
    assert_eq!(formula["user_agent"], "two\nlines, \"quoted\"");
    assert_eq!(formula["start"], "2026-03-01T00:00:00Z");
    let shared = lines.iter().find(|line| line["account_is"] == "inferred");
    let shared = shared.unwrap();
    assert_eq!(shared["candidates"], "[\"a\",\"b,c\"]");
    assert_eq!(
        (&shared["account"], &shared["age_seconds"]),
        (&Value::Null, &9.into())
    );
    assert_eq!(
        (&shared["refused"], &shared["phase"]),
        (&1.into(), &"refuse".into())
    );

    assert_eq!(export(&reader, Format::Csv, ALWAYS, &to), rows);
    let mut table = csv::Reader::from_path(&to).unwrap();
    let head = table.headers().unwrap().clone();
    let records: Vec<csv::StringRecord> = table.records().map(Result::unwrap).collect();
    assert_eq!(records.len() as u64, rows);
    for (record, line) in records.iter().zip(&lines) {
        for (name, field) in head.iter().zip(record) {
            let told = match &line[name] {
                Value::Null => String::new(),
                Value::String(text) if text.starts_with('=') => format!("'{text}"),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            assert_eq!(field, told, "{name}");
        }
    }

    assert_eq!(export(&reader, Format::Parquet, ALWAYS, &to), rows);
    let table = SerializedFileReader::new(File::open(&to).unwrap()).unwrap();
    assert_eq!(table.metadata().num_row_groups(), 2);
    let mut read = 0;
    for (row, line) in table.get_row_iter(None).unwrap().zip(&lines) {
        for (name, field) in row.unwrap().get_column_iter() {
            let told = &line[name.as_str()];
            match field {
                Field::Null => assert!(told.is_null(), "{name}"),
                Field::Str(text) => assert_eq!(told, text.as_str(), "{name}"),
                Field::Bool(flag) => assert_eq!(told, flag, "{name}"),
                Field::Long(number) => assert_eq!(told, number, "{name}"),
                Field::TimestampMillis(at) => {
                    let at = jiff::Timestamp::from_millisecond(*at).unwrap();
                    assert_eq!(told, &at.to_string(), "{name}");
                }
                other => panic!("{name}: {other:?}"),
            }
        }
        read += 1;
    }
    assert_eq!(read, rows);

    let hour = Range {
        from: Some(time("2026-03-01T01:00:00Z")),
        until: Some(time("2026-03-01T02:00:00Z")),
    };
    assert_eq!(export(&reader, Format::Csv, hour, &to), 100);
}

#[test]
fn a_table_that_cannot_be_written_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let reader = ledger(directory.path());
    let full = File::options().write(true).open("/dev/full").unwrap();
    let error = reader
        .export(ALWAYS, Format::Csv, full, |_, _| {})
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("cannot be written: No space left"),
        "{error}"
    );
}
