//! Caddy's access log, as its JSON encoder writes it.
//!
//! <https://caddyserver.com/docs/logging>; the encoder of requests is `modules/caddyhttp/marshalers.go`.

use memchr::memmem::find;

use crate::logs::format::{Format, FormatError, Kind, Sample, Wanted, no_pattern};
use crate::logs::line::{Field, Written};
use crate::logs::object::{Objects, Slot};

pub(crate) static KIND: Kind = Kind {
    name: "caddy",
    about: "Caddy's access log in JSON",
    recognise,
    usual: Some(usual),
    pattern: no_pattern,
};

fn usual(sample: &Sample<'_>, wanted: &Wanted) -> Result<Box<dyn Format>, FormatError> {
    let mut objects = Objects::new(
        KIND.name,
        written(sample),
        &[
            ("ts", Slot::Time),
            // The peer of the TLS connection, whomever a proxy says it speaks for.
            ("request/remote_ip", Slot::Field(Field::Address)),
            ("request/uri", Slot::Field(Field::Request)),
            ("request/tls/version", Slot::Field(Field::Protocol)),
            ("request/tls/cipher_suite", Slot::Field(Field::Cipher)),
            ("request/tls/server_name", Slot::Field(Field::ServerName)),
            ("request/tls/proto", Slot::Field(Field::Alpn)),
            ("request/tls/resumed", Slot::Field(Field::Resumed)),
            (
                "request/tls/client_common_name",
                Slot::Field(Field::Certificate),
            ),
            ("request/headers/User-Agent", Slot::Field(Field::UserAgent)),
            ("user_id", Slot::Field(Field::User)),
            ("status", Slot::Field(Field::Status)),
        ],
    );
    for (header, nth) in wanted.headers.iter().zip(0_u8..) {
        objects.want(
            &format!("request/headers/{header}"),
            Slot::Field(Field::Header(nth)),
        );
    }
    if let Some(account) = &wanted.account {
        objects.want(&account.replace('.', "/"), Slot::Field(Field::Account));
    }
    objects.is_one = |line| find(line, b"\"request\":{").is_some();
    Ok(Box::new(objects))
}

/// `time_format`: seconds by itself; text or other units where the configuration says so.
fn written(sample: &Sample<'_>) -> Written {
    let after = sample.lines().find_map(|line| {
        let at = find(line, b"\"ts\":")?;
        line.get(at + 5..)
    });
    match after.unwrap_or_default() {
        [b'"', ..] => Written::Iso,
        number
            if number
                .iter()
                .take_while(|byte| byte.is_ascii_digit())
                .count()
                >= 13 =>
        {
            Written::Milliseconds
        }
        _ => Written::Seconds,
    }
}

fn recognise(sample: &Sample<'_>, wanted: &Wanted) -> Option<Box<dyn Format>> {
    let is_caddy = |line: &[u8]| {
        line.first() == Some(&b'{') && find(line, b"\"logger\":\"http.log.access").is_some()
    };
    sample
        .lines()
        .any(is_caddy)
        .then(|| usual(sample, wanted).ok())?
}
