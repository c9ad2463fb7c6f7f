//! Envoy, by its `text_format` or `json_format`.
//!
//! <https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage>

use serde_json::Value;

use crate::logs::builder::{Builder, Meaning};
use crate::logs::format::{Format, FormatError, Kind, Sample, Tells, Wanted};
use crate::logs::line::{Field, Written};
use crate::logs::object::{self, Objects};
use crate::logs::patterned::Patterned;
use crate::logs::template::{self, Slot};

pub(crate) static KIND: Kind = Kind {
    name: "envoy",
    about: "Envoy, by its text_format or json_format",
    recognise: |_, _| None,
    usual: None,
    pattern,
};

const REMEDY: &str = "write\n\
text_format_source: { inline_string: \"%START_TIME% %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_TLS_VERSION% %DOWNSTREAM_TLS_CIPHER% \
%REQUESTED_SERVER_NAME% %RESPONSE_CODE% \\\"%REQ(USER-AGENT)%\\\"\\n\" }";

/// Commands that are looked at.
fn meaning(command: &str, wanted: &Wanted) -> Meaning {
    let (name, argument) = command.split_once('(').unwrap_or((command, ""));
    let argument = argument.split(')').next().unwrap_or_default();
    // `X?Y`: the header X, or else Y.
    let header = argument.split('?').next().unwrap_or_default();
    if wanted.is_account(command) || (!header.is_empty() && wanted.is_account(header)) {
        return Field::Account.into();
    }
    let field = match name {
        "START_TIME" => {
            return Meaning::Time(match argument {
                "" => Written::Iso,
                "%s" => Written::Seconds,
                "%s.%3f" | "%s.%6f" => Written::Seconds,
                pattern => Written::Pattern(pattern.to_owned()),
            });
        }
        "DOWNSTREAM_DIRECT_REMOTE_ADDRESS" | "DOWNSTREAM_REMOTE_ADDRESS" => {
            return Meaning::Is(Slot::WithPort(Field::Address));
        }
        "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT"
        | "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT" => Field::Address,
        "DOWNSTREAM_LOCAL_ADDRESS" => Field::Server,
        "DOWNSTREAM_TLS_VERSION" => Field::Protocol,
        "DOWNSTREAM_TLS_CIPHER" => Field::Cipher,
        "DOWNSTREAM_PEER_SUBJECT" => Field::Certificate,
        "REQUESTED_SERVER_NAME" => Field::ServerName,
        "RESPONSE_CODE" => Field::Status,
        "REQ" | "REQUEST_HEADER" if header.eq_ignore_ascii_case("user-agent") => Field::UserAgent,
        "REQ" | "REQUEST_HEADER"
            if header.eq_ignore_ascii_case(":path")
                || header.eq_ignore_ascii_case("x-envoy-original-path") =>
        {
            Field::Request
        }
        "REQ" | "REQUEST_HEADER" => match wanted.header(header) {
            Some(field) => field,
            None => return Meaning::Nothing,
        },
        _ => return Meaning::Nothing,
    };
    field.into()
}

/// A command begins with a capital and ends with a per cent sign; parentheses may hold others.
fn pattern(
    text: &str,
    _: &Sample<'_>,
    wanted: &Wanted,
) -> Option<Result<Box<dyn Format>, FormatError>> {
    if !["%START_TIME", "%DOWNSTREAM_", "%REQ("]
        .iter()
        .any(|sign| text.contains(sign))
    {
        return None;
    }
    Some(match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(keys)) => by_keys(&keys, wanted),
        _ => by_text(text, wanted),
    })
}

fn by_text(pattern: &str, wanted: &Wanted) -> Result<Box<dyn Format>, FormatError> {
    // As YAML has it.
    let text = pattern
        .trim_end_matches("\\n")
        .trim_end_matches('\n')
        .replace("\\\"", "\"");
    let mut builder = Builder::default();
    let mut rest = text.as_str();
    while let Some(start) = rest.find('%') {
        let (before, after) = rest.split_at_checked(start).unwrap_or((rest, ""));
        builder.text(before);
        let column = text.chars().count() - after.chars().count() + 1;
        let inside = after.get(1..).unwrap_or_default();
        if let Some(tail) = inside.strip_prefix('%') {
            builder.text("%");
            rest = tail;
            continue;
        }
        let end = end_of_command(inside).ok_or_else(|| {
            FormatError::at(
                &text,
                column,
                "a `%` that begins a command and nothing that ends it; add `%` behind its name",
            )
        })?;
        let command = inside.get(..end).unwrap_or_default();
        check(&text, column, command)?;
        let bare = command.rsplit_once(':').map_or(command, |(bare, length)| {
            if length.bytes().all(|digit| digit.is_ascii_digit()) {
                bare
            } else {
                command
            }
        });
        builder.variable(
            format!("%{command}%"),
            column,
            meaning(bare, wanted),
            template::Kind::Plain,
        );
        rest = inside.get(end + 1..).unwrap_or_default();
    }
    builder.text(rest);
    let (template, written) = builder.finish(&text, REMEDY)?;
    Ok(Box::new(Patterned {
        tells: Tells::Requests,
        ..Patterned::new(KIND.name, template, written)
    }))
}

fn end_of_command(inside: &str) -> Option<usize> {
    let mut depth = 0_u32;
    for (at, character) in inside.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            '%' if depth == 0 => return Some(at),
            _ => {}
        }
    }
    None
}

/// Commands that a mistyped one may have been meant to be.
const KNOWN: [&str; 14] = [
    "START_TIME",
    "DOWNSTREAM_TLS_VERSION",
    "DOWNSTREAM_TLS_CIPHER",
    "DOWNSTREAM_TLS_SESSION_ID",
    "DOWNSTREAM_REMOTE_ADDRESS",
    "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT",
    "DOWNSTREAM_DIRECT_REMOTE_ADDRESS",
    "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT",
    "DOWNSTREAM_LOCAL_ADDRESS",
    "DOWNSTREAM_PEER_SUBJECT",
    "REQUESTED_SERVER_NAME",
    "RESPONSE_CODE",
    "RESPONSE_FLAGS",
    "PROTOCOL",
];

fn check(text: &str, column: usize, command: &str) -> Result<(), FormatError> {
    let name = command.split(['(', ':']).next().unwrap_or_default();
    let is_tls = name.starts_with("DOWNSTREAM_T")
        || name.starts_with("START_")
        || name.starts_with("REQUESTED_");
    if KNOWN.contains(&name) || !is_tls {
        return Ok(());
    }
    let near = floor::config::did_you_mean(name, KNOWN.into_iter(), "");
    if near.is_empty() {
        return Ok(());
    }
    Err(FormatError::at(
        text,
        column + 1,
        format!("Envoy has no command {name}; {near}"),
    ))
}

fn by_keys(
    keys: &serde_json::Map<String, Value>,
    wanted: &Wanted,
) -> Result<Box<dyn Format>, FormatError> {
    let mut objects = Objects::new(KIND.name, Written::Iso, &[]);
    let (mut has_time, mut has_tls) = (false, false);
    for (key, value) in keys {
        let command = value.as_str().unwrap_or_default().trim_matches('%');
        match meaning(command, wanted) {
            Meaning::Nothing => {}
            Meaning::Time(written) => {
                objects.written = written;
                objects.want(key, object::Slot::Time);
                has_time = true;
            }
            Meaning::Is(Slot::WithPort(field)) => objects.want(key, object::Slot::WithPort(field)),
            Meaning::Is(Slot::Field(field)) => {
                has_tls |= field == Field::Protocol;
                objects.want(key, object::Slot::Field(field));
            }
            Meaning::Is(_) => {}
        }
    }
    if !has_time || !has_tls {
        return Err(FormatError::Useless(
            "this json_format needs a key with %START_TIME% and one with %DOWNSTREAM_TLS_VERSION%"
                .to_owned(),
        ));
    }
    Ok(Box::new(objects))
}
