//! Access logs of the TLS listeners of AWS Network Load Balancers.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-access-logs.html>

use jiff::tz::TimeZone;

use super::alb::fields;
use crate::logs::builder::Meaning;
use crate::logs::format::{Format, FormatError, Kind, Sample, Tells, Wanted, no_pattern};
use crate::logs::line::{Field, Written};
use crate::logs::template::Slot;

pub(crate) static KIND: Kind = Kind {
    name: "nlb",
    about: "access logs of TLS listeners of AWS Network Load Balancers",
    recognise,
    usual: Some(usual),
    pattern: no_pattern,
};

const FIELDS: [&str; 19] = [
    "type",
    "version",
    "time",
    "elb",
    "listener",
    "client:port",
    "destination:port",
    "connection_time",
    "tls_handshake_time",
    "received_bytes",
    "sent_bytes",
    "incoming_tls_alert",
    "chosen_cert_arn",
    "chosen_cert_serial",
    "tls_cipher",
    "tls_protocol_version",
    "tls_named_group",
    "domain_name",
    "alpn_fe_protocol",
];

fn meaning(name: &str) -> Meaning {
    match name {
        "time" => Meaning::Time(Written::Iso),
        "client:port" => Meaning::Is(Slot::WithPort(Field::Address)),
        "tls_cipher" => Field::Cipher.into(),
        "tls_protocol_version" => Field::Protocol.into(),
        "tls_named_group" => Field::Group.into(),
        "domain_name" => Field::ServerName.into(),
        "alpn_fe_protocol" => Field::Alpn.into(),
        _ => Meaning::Nothing,
    }
}

fn usual(_: &Sample<'_>, wanted: &Wanted) -> Result<Box<dyn Format>, FormatError> {
    let mut made = fields(KIND.name, &FIELDS, wanted, meaning)?;
    made.tells = Tells::Connections;
    // Its times are in UTC and do not say so.
    made.zone = Some(TimeZone::UTC);
    Ok(Box::new(made))
}

fn recognise(sample: &Sample<'_>, wanted: &Wanted) -> Option<Box<dyn Format>> {
    sample.lines().next()?.starts_with(b"tls ").then_some(())?;
    usual(sample, wanted)
        .ok()
        .filter(|format| sample.is_read_by(&**format))
}
