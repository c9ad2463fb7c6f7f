//! JSON: the whole of an answer.

use std::io::{self, Write};

use serde::Serialize;

use crate::safe::Json;

/// Writes a report, or another answer, as JSON, and a line end. The structure is that of its type.
///
/// # Errors
///
/// When it cannot be written.
pub fn json<T: Serialize>(answer: &T, out: &mut impl Write) -> io::Result<()> {
    let mut serializer = serde_json::Serializer::with_formatter(&mut *out, Json::default());
    answer.serialize(&mut serializer)?;
    writeln!(out)
}
