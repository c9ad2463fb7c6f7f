//! Amazon CloudFront's standard logs: the W3C extended format.
//!
//! <https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logs-reference.html>

use jiff::tz::TimeZone;

use crate::logs::columns::{Column, Columns};
use crate::logs::format::{Escape, Format, FormatError, Kind, Sample, Wanted, no_pattern};
use crate::logs::line::{Field, Written};

pub(crate) static KIND: Kind = Kind {
    name: "cloudfront",
    about: "Amazon CloudFront's standard logs",
    recognise,
    usual: Some(usual),
    pattern: no_pattern,
};

const START: &[u8] = b"#Fields:";

fn usual(sample: &Sample<'_>, wanted: &Wanted) -> Result<Box<dyn Format>, FormatError> {
    let heading = sample.lines().find(|line| line.starts_with(START));
    let heading = heading.ok_or_else(|| {
        FormatError::Useless(
            "this log does not begin with CloudFront's #Fields; give all of the log".to_owned(),
        )
    })?;
    let text = String::from_utf8_lossy(heading.get(START.len()..).unwrap_or_default());
    let names: Vec<&str> = text.split_whitespace().collect();
    let columns: Vec<Column> = names
        .iter()
        .map(|name| {
            Column::Field(match *name {
                name if wanted.is_account(name) => Field::Account,
                "date" if names.contains(&"time") => return Column::DateAndTime,
                "c-ip" => Field::Address,
                "cs(User-Agent)" => Field::UserAgent,
                "x-host-header" => Field::ServerName,
                "cs(Host)" if !names.contains(&"x-host-header") => Field::ServerName,
                "cs-uri-stem" => Field::Request,
                "sc-status" => Field::Status,
                "ssl-protocol" => Field::Protocol,
                "ssl-cipher" => Field::Cipher,
                _ => return Column::Ignored,
            })
        })
        .collect();
    let mut made = Columns::new(KIND.name, heading, Written::Iso, columns);
    made.zone = Some(TimeZone::UTC);
    made.escape = Escape::Percent;
    Ok(Box::new(made))
}

fn recognise(sample: &Sample<'_>, wanted: &Wanted) -> Option<Box<dyn Format>> {
    let has_tls = |line: &[u8]| {
        line.starts_with(START) && memchr::memmem::find(line, b"ssl-protocol").is_some()
    };
    sample
        .lines()
        .any(has_tls)
        .then(|| usual(sample, wanted).ok())?
}
