//! Perl: IO::Socket::SSL, which LWP and HTTP::Tiny use.

use crate::doctor::kind::{About, Asking, Kind};
use crate::doctor::said;

const SCRIPT: &str = include_str!("ask.pl");

pub(in crate::doctor) const KIND: Kind = Kind {
    id: "perl",
    name: "Perl",
    family: "perl",
    programs: &["perl"],
    about: |program, _| Asking::new(program).args(["-e", SCRIPT]),
    read: |ended| {
        Some(About {
            // The knowledge base counts by LWP's releases, and none of them decides.
            known_as: Some("perl".to_owned()),
            ..said::about(&ended.stdout)?
        })
    },
    call: |call| {
        Ok(vec![
            Asking::new(call.program).args(["-e", SCRIPT]).script(call),
        ])
    },
};
