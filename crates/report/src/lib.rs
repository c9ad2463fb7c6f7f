//! Who would break, and why.
//!
//! In: a [`ledger::Query`], a [`floor::Plan`], a moment and [`Options`]. Out: a [`Report`] as data, and from it a page
//! for a terminal, JSON, CSV, Markdown or HTML. Each distinct offer is judged once for each floor, by
//! [`floor::Floor::judge`]; what an exception does about it is [`floor::Plan::decide`]'s. Offers are kept as they came,
//! so a floor invented today is exact on the traffic of last year.
//!
//! What is inferred is never reported as a fact: it has rows of its own, and is in no share of accounts.
//!
//! It opens no socket and no file, and reads no clock. Everything from a ledger (User-Agents, server names, accounts)
//! is hostile text: each format escapes it where it writes it (`safe.rs`).

#![forbid(unsafe_code)]
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "shares and daily rates, which are shown with three digits"
)]

mod account;
mod ahead;
mod alone;
mod brownouts;
mod build;
mod clients;
mod days;
mod exceptions;
pub mod format;
pub mod model;
mod options;
pub mod page;
mod progress;
pub mod replay;
mod safe;
pub mod simulate;
mod subject;
mod sunset;
mod tally;
pub mod words;

pub use ahead::{Ahead, Meets, ahead};
pub use alone::Alone;
pub use build::{Everybody, ranked, report};
pub use clients::{Recogniser, runtimes};
pub use model::{Outcome, Report};
pub use options::Options;
pub use progress::{Pace, Progress, ReadyDay, pace};
pub use safe::{cell, line as printable};
pub use words::{ago, count, lacks, number, program};
