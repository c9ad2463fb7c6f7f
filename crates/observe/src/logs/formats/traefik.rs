//! Traefik's access log in JSON.
//!
//! <https://doc.traefik.io/traefik/observability/access-logs/>

use memchr::memmem::find;

use crate::logs::format::{Format, FormatError, Kind, Sample, Wanted, no_pattern};
use crate::logs::line::{Field, Written};
use crate::logs::object::{Objects, Slot};

pub(crate) static KIND: Kind = Kind {
    name: "traefik",
    about: "Traefik's access log in JSON",
    recognise,
    usual: Some(usual),
    pattern: no_pattern,
};

fn usual(sample: &Sample<'_>, wanted: &Wanted) -> Result<Box<dyn Format>, FormatError> {
    let has = |key: &[u8]| sample.lines().any(|line| find(line, key).is_some());
    let mut objects = Objects::new(
        KIND.name,
        Written::Iso,
        &[
            (
                if has(b"\"StartUTC\"") {
                    "StartUTC"
                } else {
                    "time"
                },
                Slot::Time,
            ),
            ("ClientHost", Slot::Field(Field::Address)),
            ("ClientUsername", Slot::Field(Field::User)),
            ("TLSVersion", Slot::Field(Field::Protocol)),
            ("TLSCipher", Slot::Field(Field::Cipher)),
            ("TLSClientSubject", Slot::Field(Field::Certificate)),
            ("RequestHost", Slot::Field(Field::ServerName)),
            ("RequestPath", Slot::Field(Field::Request)),
            ("DownstreamStatus", Slot::Field(Field::Status)),
            ("request_User-Agent", Slot::Field(Field::UserAgent)),
        ],
    );
    for (header, nth) in wanted.headers.iter().zip(0_u8..) {
        objects.want(
            &format!("request_{header}"),
            Slot::Field(Field::Header(nth)),
        );
    }
    if let Some(account) = &wanted.account {
        objects.want(account, Slot::Field(Field::Account));
    }
    if !has(b"\"request_User-Agent\"") {
        objects.hint = Some(
            "Traefik writes User-Agents where accessLog.fields.headers.names has `User-Agent: keep`; without them programs \
             are not named",
        );
    }
    Ok(Box::new(objects))
}

fn recognise(sample: &Sample<'_>, wanted: &Wanted) -> Option<Box<dyn Format>> {
    let is_traefik = |line: &[u8]| {
        line.first() == Some(&b'{')
            && find(line, b"\"ClientHost\":").is_some()
            && find(line, b"\"DownstreamStatus\":").is_some()
    };
    sample
        .lines()
        .any(is_traefik)
        .then(|| usual(sample, wanted).ok())?
}
