//! Python: its ssl module, as urllib uses it.

use crate::doctor::kind::{Asking, Kind};
use crate::doctor::said;

const SCRIPT: &str = include_str!("ask.py");

pub(in crate::doctor) const KIND: Kind = Kind {
    id: "python",
    name: "Python",
    family: "python",
    programs: &["python"],
    // -B: imports leave no bytecode behind.
    about: |program, _| Asking::new(program).args(["-B", "-c", SCRIPT]),
    read: |ended| said::about(&ended.stdout),
    call: |call| {
        Ok(vec![
            Asking::new(call.program)
                .args(["-B", "-c", SCRIPT])
                .script(call),
        ])
    },
};
