//! What pages and API show, as data: every figure is made once, here or below.

pub(crate) mod account;
pub(crate) mod accounts;
pub(crate) mod clients;
pub(crate) mod overview;
pub(crate) mod plan;
pub(crate) mod recent;
pub(crate) mod rehearse;
