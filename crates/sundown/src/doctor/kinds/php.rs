//! PHP: its streams; the curl extension has the TLS of the curl that it is linked with.

use crate::doctor::kind::{Asking, Kind};
use crate::doctor::said;

const SCRIPT: &str = include_str!("ask.php");

pub(in crate::doctor) const KIND: Kind = Kind {
    id: "php",
    name: "PHP",
    family: "php",
    programs: &["php"],
    about: |program, _| Asking::new(program).args(["-r", SCRIPT]),
    read: |ended| said::about(&ended.stdout),
    call: |call| {
        Ok(vec![
            Asking::new(call.program).args(["-r", SCRIPT]).script(call),
        ])
    },
};
