//! What every test of a report needs.
#![allow(
    dead_code,
    reason = "each test that includes this uses its own part of it"
)]

pub(crate) mod made;
pub(crate) mod memory;
pub(crate) mod story;
