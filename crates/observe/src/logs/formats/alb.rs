//! Access logs of AWS Application Load Balancers.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html>

use crate::logs::builder::{Builder, Meaning};
use crate::logs::format::{Format, FormatError, Kind, Sample, Wanted, no_pattern};
use crate::logs::line::{Field, Written};
use crate::logs::patterned::Patterned;
use crate::logs::template::{self, Slot};

pub(crate) static KIND: Kind = Kind {
    name: "alb",
    about: "access logs of AWS Application Load Balancers",
    recognise,
    usual: Some(usual),
    pattern: no_pattern,
};

/// Its fields as far as they are looked at; those in quotes hold blanks.
const FIELDS: [&str; 19] = [
    "type",
    "time",
    "elb",
    "client:port",
    "target:port",
    "request_processing_time",
    "target_processing_time",
    "response_processing_time",
    "elb_status_code",
    "target_status_code",
    "received_bytes",
    "sent_bytes",
    "\"request\"",
    "\"user_agent\"",
    "ssl_cipher",
    "ssl_protocol",
    "target_group_arn",
    "\"trace_id\"",
    "\"domain_name\"",
];

fn meaning(name: &str) -> Meaning {
    match name {
        "time" => Meaning::Time(Written::Iso),
        "client:port" => Meaning::Is(Slot::WithPort(Field::Address)),
        "elb_status_code" => Field::Status.into(),
        "request" => Field::Request.into(),
        "user_agent" => Field::UserAgent.into(),
        "ssl_cipher" => Field::Cipher.into(),
        "ssl_protocol" => Field::Protocol.into(),
        "domain_name" => Field::ServerName.into(),
        _ => Meaning::Nothing,
    }
}

/// A load balancer's fields, one after the other, and whatever comes behind them: AWS adds to them now and then.
pub(super) fn fields(
    name: &'static str,
    fields: &[&str],
    wanted: &Wanted,
    meaning: fn(&str) -> Meaning,
) -> Result<Patterned, FormatError> {
    let mut builder = Builder::default();
    for (place, field) in fields.iter().enumerate() {
        let bare = field.trim_matches('"');
        let quote = if bare.len() < field.len() { "\"" } else { "" };
        builder.text(&format!("{}{quote}", if place == 0 { "" } else { " " }));
        let meaning = if wanted.is_account(bare) {
            Field::Account.into()
        } else {
            meaning(bare)
        };
        builder.variable(bare.to_owned(), place + 1, meaning, template::Kind::Plain);
        builder.text(quote);
    }
    builder.text(" ");
    builder.variable(
        "what follows".to_owned(),
        fields.len() + 1,
        Meaning::Nothing,
        template::Kind::Plain,
    );
    let (template, written) = builder.finish("", "")?;
    Ok(Patterned::new(name, template, written))
}

fn usual(_: &Sample<'_>, wanted: &Wanted) -> Result<Box<dyn Format>, FormatError> {
    Ok(Box::new(fields(KIND.name, &FIELDS, wanted, meaning)?))
}

fn recognise(sample: &Sample<'_>, wanted: &Wanted) -> Option<Box<dyn Format>> {
    const TYPES: [&[u8]; 6] = [b"http ", b"https ", b"h2 ", b"grpcs ", b"ws ", b"wss "];
    let first = sample.lines().next()?;
    if !TYPES.iter().any(|start| first.starts_with(start)) {
        return None;
    }
    usual(sample, wanted)
        .ok()
        .filter(|format| sample.is_read_by(&**format))
}
