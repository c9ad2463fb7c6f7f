//! Why old TLS goes: facts, each from the day it was one, so that a notice of 2016 does not cite a document
//! of 2021.

use floor::Floor;
use hello::Version;
use jiff::Timestamp;
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;

/// A fact.
struct Reason {
    /// The day it became known or was published.
    since: Date,
    /// The day a later fact replaced it.
    until: Option<Date>,
    /// The least versions of floors it speaks for.
    floors: &'static [Version],
    text: &'static str,
}

const ABOVE_1_1: &[Version] = &[Version::TLSV1_2, Version::TLSV1_3];
const ABOVE_1_2: &[Version] = &[Version::TLSV1_3];
const ALL: &[Version] = &[Version::TLSV1_1, Version::TLSV1_2, Version::TLSV1_3];

const REASONS: &[Reason] = &[
    Reason {
        since: date(2008, 8, 1),
        until: Some(date(2018, 8, 10)),
        floors: ABOVE_1_1,
        text: "TLSv1 is of 1999, TLSv1.1 of 2006. TLSv1.2 has been there since 2008 and is the current version; TLSv1.3 is still a draft.",
    },
    Reason {
        since: date(2018, 8, 10),
        until: None,
        floors: ABOVE_1_1,
        text: "TLSv1 is of 1999, TLSv1.1 of 2006. TLSv1.2 has been there since 2008, TLSv1.3 since 2018 (https://www.rfc-editor.org/rfc/rfc8446).",
    },
    Reason {
        since: date(2013, 2, 4),
        until: None,
        floors: ABOVE_1_1,
        text: "Their ciphers are those of their time: CBC, which BEAST (2011) and Lucky Thirteen (2013) attack, and RC4; what signs a handshake is MD5 and SHA-1. The authenticated ciphers of today need TLSv1.2.",
    },
    Reason {
        since: date(2015, 5, 1),
        until: Some(date(2021, 3, 23)),
        floors: ABOVE_1_1,
        text: "The recommendations of the IETF ask for TLSv1.2 and advise against TLSv1 and TLSv1.1 (https://www.rfc-editor.org/rfc/rfc7525).",
    },
    Reason {
        since: date(2021, 3, 23),
        until: None,
        floors: ABOVE_1_1,
        text: "The IETF has deprecated TLSv1 and TLSv1.1: they must not be used (https://www.rfc-editor.org/rfc/rfc8996).",
    },
    Reason {
        since: date(2015, 12, 18),
        until: Some(date(2018, 6, 30)),
        floors: ABOVE_1_1,
        text: "Whoever handles card data must do the same: PCI DSS no longer counts early TLS as strong cryptography. The PCI Security Standards Council has moved the last day to 30 June 2018; waiting for it leaves the weakness open until then.",
    },
    Reason {
        since: date(2018, 6, 30),
        until: None,
        floors: ABOVE_1_1,
        text: "PCI DSS has not counted early TLS as strong cryptography since 30 June 2018.",
    },
    Reason {
        since: date(2018, 8, 10),
        until: None,
        floors: ABOVE_1_2,
        text: "TLSv1.3 takes out what attacks on TLSv1.2 used: RSA key exchange without forward secrecy, CBC, renegotiation. It needs one round trip less (https://www.rfc-editor.org/rfc/rfc8446).",
    },
    Reason {
        since: date(2008, 8, 1),
        until: None,
        floors: ALL,
        text: "A connection is as strong as the weakest version both ends still take: as long as an old one is accepted, an attacker in between can try for it.",
    },
];

const POST_QUANTUM: &str = "Traffic recorded today can be read once a large quantum computer exists. Key exchange with ML-KEM (FIPS 203, August 2024) does not have that weakness; X25519MLKEM768 joins it with what is used today, so nothing is lost.";

/// What speaks for a floor on a day.
pub(super) fn of(floor: &Floor, now: Timestamp) -> Vec<String> {
    let today = TimeZone::UTC.to_datetime(now).date();
    let mut reasons: Vec<String> = REASONS
        .iter()
        .filter(|reason| reason.since <= today && reason.until.is_none_or(|until| today < until))
        .filter(|reason| reason.floors.contains(&floor.min()))
        .map(|reason| reason.text.to_owned())
        .collect();
    if advice::Goal::of_floor(floor).contains(&advice::Goal::Pq) {
        reasons.insert(0, POST_QUANTUM.to_owned());
    }
    reasons
}
