//! AWS CloudTrail: `tlsDetails` of events, in files of `Records` or an event a line.
//!
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html>

use memchr::memmem::find;

use crate::logs::format::{Format, FormatError, Framing, Kind, Sample, Wanted, no_pattern};
use crate::logs::line::{Field, Written};
use crate::logs::object::{Objects, Slot};

pub(crate) static KIND: Kind = Kind {
    name: "cloudtrail",
    about: "AWS CloudTrail, by tlsDetails; accounts are the ARNs of callers",
    recognise,
    usual: Some(usual),
    pattern: no_pattern,
};

fn usual(sample: &Sample<'_>, wanted: &Wanted) -> Result<Box<dyn Format>, FormatError> {
    let account = wanted
        .account
        .as_deref()
        .unwrap_or("userIdentity.arn")
        .replace('.', "/");
    let mut objects = Objects::new(
        KIND.name,
        Written::Iso,
        &[
            ("eventTime", Slot::Time),
            ("sourceIPAddress", Slot::Field(Field::Address)),
            ("userAgent", Slot::Field(Field::UserAgent)),
            ("tlsDetails/tlsVersion", Slot::Field(Field::Protocol)),
            ("tlsDetails/cipherSuite", Slot::Field(Field::Cipher)),
            ("tlsDetails/keyExchange", Slot::Field(Field::Group)),
            (
                "tlsDetails/clientProvidedHostHeader",
                Slot::Field(Field::ServerName),
            ),
            (&account, Slot::Field(Field::Account)),
        ],
    );
    let is_line = sample
        .head
        .trim_ascii_start()
        .starts_with(b"{\"eventVersion\"");
    objects.framing = if is_line {
        Framing::Lines
    } else {
        Framing::Records
    };
    Ok(Box::new(objects))
}

fn recognise(sample: &Sample<'_>, wanted: &Wanted) -> Option<Box<dyn Format>> {
    let head = sample.head.trim_ascii_start();
    let is_event =
        find(head, b"\"eventSource\"").is_some() && find(head, b"\"eventTime\"").is_some();
    let has_start = head.starts_with(b"{\"eventVersion\"")
        || find(head.get(..64).unwrap_or(head), b"\"Records\"").is_some();
    (head.first() == Some(&b'{') && is_event && has_start).then(|| usual(sample, wanted).ok())?
}
