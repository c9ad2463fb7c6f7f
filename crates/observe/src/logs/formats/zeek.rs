//! Zeek's `ssl.log`, as TSV or JSON, with or without `policy/protocols/ssl/ssl-log-ext.zeek`.
//!
//! <https://docs.zeek.org/en/master/logs/ssl.html>

use memchr::memmem::find;

use crate::logs::columns::{Column, Columns};
use crate::logs::format::{Format, FormatError, Kind, Sample, Tells, Wanted, no_pattern};
use crate::logs::line::{Field, Written};
use crate::logs::object::{Objects, Slot};

pub(crate) static KIND: Kind = Kind {
    name: "zeek",
    about: "Zeek's ssl.log, TSV or JSON",
    recognise,
    usual: Some(usual),
    pattern: no_pattern,
};

const HINT: &str = "Zeek writes what clients offered with `@load policy/protocols/ssl/ssl-log-ext`; without it floors on \
                    suites and post-quantum groups cannot be judged";

/// Its columns; lists are last.
const FIELDS: [(&str, Field); 15] = [
    ("id.orig_h", Field::Address),
    ("id.resp_h", Field::Server),
    ("id.resp_p", Field::ServerPort),
    ("version", Field::Protocol),
    ("cipher", Field::Cipher),
    ("curve", Field::Group),
    ("server_name", Field::ServerName),
    ("resumed", Field::Resumed),
    ("next_protocol", Field::Alpn),
    ("client_subject", Field::Certificate),
    ("client_version", Field::OfferedVersion),
    ("client_supported_versions", Field::OfferedVersions),
    ("client_ciphers", Field::Suites),
    ("client_curves", Field::Groups),
    ("ja3_string", Field::Ja3),
];

fn usual(sample: &Sample<'_>, wanted: &Wanted) -> Result<Box<dyn Format>, FormatError> {
    let nothing = || {
        FormatError::Useless("this log does not begin with Zeek's #fields, nor with a JSON object; give all of the log".to_owned())
    };
    let first = sample.lines().find(|line| line.first() == Some(&b'{'));
    match (
        sample.lines().find(|line| line.starts_with(b"#fields\t")),
        first,
    ) {
        (Some(heading), _) => Ok(by_columns(heading, wanted)),
        (None, Some(line)) => Ok(by_keys(line, wanted)),
        (None, None) => Err(nothing()),
    }
}

fn by_columns(heading: &[u8], wanted: &Wanted) -> Box<dyn Format> {
    let text = String::from_utf8_lossy(heading);
    let columns: Vec<Column> = text
        .split('\t')
        .skip(1)
        .map(
            |name| match FIELDS.iter().find(|(known, _)| *known == name) {
                _ if wanted.is_account(name) => Column::Field(Field::Account),
                Some((_, field)) => Column::Field(*field),
                None if name == "ts" => Column::Time,
                None if name == "established" => Column::Established,
                None => Column::Ignored,
            },
        )
        .collect();
    let has_offers = columns.contains(&Column::Field(Field::Suites));
    let mut made = Columns::new(KIND.name, heading, Written::Seconds, columns);
    made.tells = Tells::Connections;
    made.hint = (!has_offers).then_some(HINT);
    Box::new(made)
}

fn by_keys(line: &[u8], wanted: &Wanted) -> Box<dyn Format> {
    let is_text = find(line, b"\"ts\":\"").is_some();
    let written = if is_text {
        Written::Iso
    } else {
        Written::Seconds
    };
    let mut made = Objects::new(
        KIND.name,
        written,
        &[("ts", Slot::Time), ("established", Slot::Established)],
    );
    for (name, field) in FIELDS {
        let is_list = matches!(
            field,
            Field::Suites | Field::Groups | Field::OfferedVersions
        );
        made.want(
            name,
            if is_list {
                Slot::List(field)
            } else {
                Slot::Field(field)
            },
        );
    }
    if let Some(account) = &wanted.account {
        made.want(account, Slot::Field(Field::Account));
    }
    made.tells = Tells::Connections;
    made.hint = find(line, b"\"client_ciphers\"").is_none().then_some(HINT);
    Box::new(made)
}

fn recognise(sample: &Sample<'_>, wanted: &Wanted) -> Option<Box<dyn Format>> {
    let by_path = sample.lines().any(|line| line == b"#path\tssl");
    let by_keys = |line: &[u8]| {
        line.first() == Some(&b'{')
            && find(line, b"\"id.orig_h\"").is_some()
            && (find(line, b"\"established\"").is_some() && find(line, b"\"uid\"").is_some())
    };
    (by_path || sample.lines().any(by_keys)).then(|| usual(sample, wanted).ok())?
}
