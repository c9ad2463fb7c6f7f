//! JSON with keys that say what they hold: `ssl_protocol`, `tls_version`, `downstream_tls_version` and so on, as people
//! have nginx, HAProxy and Envoy write it.

use serde_json::Value;

use crate::logs::format::{Format, FormatError, Kind, Sample, Wanted, no_pattern};
use crate::logs::line::{Field, Written};
use crate::logs::object::{Objects, Slot};

pub(crate) static KIND: Kind = Kind {
    name: "json",
    about: "JSON lines whose keys are named after what they hold: ssl_protocol, tls_version, remote_addr, …",
    recognise: |sample, wanted| made(sample, wanted).ok(),
    usual: Some(made),
    pattern: no_pattern,
};

/// Keys without case and dividers, and what they hold. Of several the first counts.
const KEYS: [(&str, Field); 35] = [
    ("sslprotocol", Field::Protocol),
    ("tlsversion", Field::Protocol),
    ("tlsprotocol", Field::Protocol),
    ("sslversion", Field::Protocol),
    ("downstreamtlsversion", Field::Protocol),
    ("sslcipher", Field::Cipher),
    ("tlscipher", Field::Cipher),
    ("ciphersuite", Field::Cipher),
    ("downstreamtlscipher", Field::Cipher),
    ("sslciphers", Field::Suites),
    ("sslcurve", Field::Group),
    ("sslcurves", Field::Groups),
    ("remoteaddr", Field::Address),
    ("clientip", Field::Address),
    ("remoteip", Field::Address),
    ("clientaddress", Field::Address),
    ("downstreamremoteaddress", Field::Address),
    ("sslservername", Field::ServerName),
    ("requestedservername", Field::ServerName),
    ("sni", Field::ServerName),
    ("httphost", Field::ServerName),
    ("host", Field::ServerName),
    ("httpuseragent", Field::UserAgent),
    ("useragent", Field::UserAgent),
    ("remoteuser", Field::User),
    ("sslclientsdn", Field::Certificate),
    ("downstreampeersubject", Field::Certificate),
    ("sslsessionreused", Field::Resumed),
    ("connectionrequests", Field::Nth),
    ("status", Field::Status),
    ("responsecode", Field::Status),
    ("request", Field::Request),
    ("requesturi", Field::Request),
    ("path", Field::Request),
    ("uri", Field::Request),
];

const TIMES: [&str; 8] = [
    "timeiso8601",
    "timelocal",
    "msec",
    "time",
    "timestamp",
    "starttime",
    "ts",
    "datetime",
];

fn plain(key: &str) -> String {
    key.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|character| character.to_ascii_lowercase())
        .collect()
}

fn made(sample: &Sample<'_>, wanted: &Wanted) -> Result<Box<dyn Format>, FormatError> {
    let useless = |what: &str| {
        FormatError::Useless(format!(
            "these JSON lines have {what}; a key such as ssl_protocol says it"
        ))
    };
    let object = sample
        .lines()
        .find_map(|line| serde_json::from_slice::<Value>(line).ok());
    let Some(Value::Object(keys)) = object else {
        return Err(useless("no object in their first lines"));
    };
    let found = |name: &str| keys.iter().find(|(key, _)| plain(key) == name);
    let time = TIMES
        .into_iter()
        .find_map(found)
        .ok_or_else(|| useless("no time"))?;
    let mut objects = Objects::new(KIND.name, written(time.1), &[(time.0, Slot::Time)]);
    let mut taken: Vec<Field> = Vec::new();
    for (name, field) in KEYS {
        if let Some((key, _)) = found(name)
            && !taken.contains(&field)
        {
            taken.push(field);
            objects.want(
                key,
                match field {
                    Field::Suites | Field::Groups => Slot::List(field),
                    Field::Address if name.starts_with("downstream") => Slot::WithPort(field),
                    _ => Slot::Field(field),
                },
            );
        }
    }
    if !taken.contains(&Field::Protocol) {
        return Err(useless("nothing of TLS"));
    }
    for key in keys.keys() {
        if wanted.is_account(key) {
            objects.want(key, Slot::Field(Field::Account));
        } else if let Some(header) = wanted.header(key.trim_start_matches("http_")) {
            objects.want(key, Slot::Field(header));
        }
    }
    Ok(Box::new(objects))
}

fn written(value: &Value) -> Written {
    match value {
        Value::Number(number) => {
            // Seconds have ten digits until the year 2286.
            match number.as_f64().unwrap_or_default() {
                large if large > 1e17 => Written::Nanoseconds,
                large if large > 1e14 => Written::Microseconds,
                large if large > 1e11 => Written::Milliseconds,
                _ => Written::Seconds,
            }
        }
        Value::String(text)
            if text
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'.') =>
        {
            Written::Seconds
        }
        Value::String(text) if text.get(2..3) == Some("/") => Written::Common,
        _ => Written::Iso,
    }
}
