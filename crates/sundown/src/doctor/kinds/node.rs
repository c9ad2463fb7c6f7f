//! Node.js: its tls, which https uses with the same defaults.

use crate::doctor::kind::{Asking, Kind};
use crate::doctor::said;

const SCRIPT: &str = include_str!("ask.js");

pub(in crate::doctor) const KIND: Kind = Kind {
    id: "node",
    name: "Node.js",
    family: "node",
    programs: &["node", "nodejs"],
    about: |program, _| Asking::new(program).args(["-e", SCRIPT]),
    read: |ended| said::about(&ended.stdout),
    call: |call| {
        Ok(vec![
            Asking::new(call.program).args(["-e", SCRIPT]).script(call),
        ])
    },
};
