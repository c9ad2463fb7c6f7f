//! Suricata's `eve.json`: its events of type `tls`.
//!
//! <https://docs.suricata.io/en/latest/output/eve/eve-json-format.html#event-type-tls>

use memchr::memmem::find;

use crate::logs::format::{Format, FormatError, Kind, Sample, Tells, Wanted, no_pattern};
use crate::logs::line::{Field, Written};
use crate::logs::object::{Objects, Slot};

pub(crate) static KIND: Kind = Kind {
    name: "suricata",
    about: "Suricata's eve.json, its tls events",
    recognise,
    usual: Some(usual),
    pattern: no_pattern,
};

fn is_tls(line: &[u8]) -> bool {
    find(line, b"\"event_type\":\"tls\"").is_some()
        || find(line, b"\"event_type\": \"tls\"").is_some()
}

fn usual(sample: &Sample<'_>, wanted: &Wanted) -> Result<Box<dyn Format>, FormatError> {
    let mut objects = Objects::new(
        KIND.name,
        Written::Iso,
        &[
            ("timestamp", Slot::Time),
            ("src_ip", Slot::Field(Field::Address)),
            ("dest_ip", Slot::Field(Field::Server)),
            ("dest_port", Slot::Field(Field::ServerPort)),
            ("tls/version", Slot::Field(Field::Protocol)),
            ("tls/sni", Slot::Field(Field::ServerName)),
            ("tls/ja3/string", Slot::Field(Field::Ja3)),
            ("tls/session_resumed", Slot::Field(Field::Resumed)),
            ("tls/client/subject", Slot::Field(Field::Certificate)),
        ],
    );
    if let Some(account) = &wanted.account {
        objects.want(&account.replace('.', "/"), Slot::Field(Field::Account));
    }
    objects.tells = Tells::Connections;
    objects.is_one = is_tls;
    if !sample.lines().any(|line| find(line, b"\"ja3\"").is_some()) {
        objects.hint = Some(
            "Suricata writes what clients offered where `app-layer.protocols.tls.ja3-fingerprints` is on and the tls log \
             has `extended: yes` or `custom: [ja3]`",
        );
    }
    Ok(Box::new(objects))
}

fn recognise(sample: &Sample<'_>, wanted: &Wanted) -> Option<Box<dyn Format>> {
    let is_eve = |line: &[u8]| {
        line.first() == Some(&b'{')
            && find(line, b"\"event_type\"").is_some()
            && find(line, b"\"src_ip\"").is_some()
    };
    sample
        .lines()
        .any(is_eve)
        .then(|| usual(sample, wanted).ok())?
}
