//! JSON: the whole [`Report`].

use std::io::{self, Write};

use serde::Serialize;

use crate::model::Report;
use crate::safe::Json;

/// Writes the report as JSON, and a line end. The structure is that of [`Report`].
///
/// # Errors
///
/// When it cannot be written.
pub fn json(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let mut serializer = serde_json::Serializer::with_formatter(&mut *out, Json::default());
    report.serialize(&mut serializer)?;
    writeln!(out)
}
