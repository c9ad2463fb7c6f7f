//! Ruby: its openssl, as Net::HTTP uses it.

use crate::doctor::kind::{Asking, Kind};
use crate::doctor::said;

const SCRIPT: &str = include_str!("ask.rb");

pub(in crate::doctor) const KIND: Kind = Kind {
    id: "ruby",
    name: "Ruby",
    family: "ruby",
    programs: &["ruby"],
    about: |program, _| Asking::new(program).args(["-e", SCRIPT]),
    read: |ended| said::about(&ended.stdout),
    call: |call| {
        Ok(vec![
            Asking::new(call.program).args(["-e", SCRIPT]).script(call),
        ])
    },
};
