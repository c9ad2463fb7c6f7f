//! The console: a countdown that people can run.
//!
//! In: a data directory with its ledger, and a plan ([`Source`]). Out: an [`axum`] router with pages, a JSON API and
//! metrics. Every figure is [`report`]'s, of the ledger's own questions; pages and API show the same data (`view/`). A
//! [`Picture`](picture) of the ledger is kept in memory and made anew beside the requests, so that a page never waits for
//! a hundred thousand accounts.
//!
//! It never writes to the ledger, never asks SQL, opens no socket of its own and reads no clock but the one it is given.
//! All that a client of the platform sent is hostile text: `maud` escapes it, `report::printable` takes out what steers
//! a line, and the pages carry no script and no style of their own.

#![forbid(unsafe_code)]

mod access;
mod api;
mod assets;
mod chart;
mod console;
mod fault;
mod headers;
mod live;
mod metrics;
mod narrow;
mod pages;
mod picture;
mod router;
mod serving;
mod settings;
mod source;
mod view;

pub use access::{Access, AccessError, Role};
pub use console::{Console, Ingredients};
pub use router::{router, serve};
pub use settings::{ConsoleSettings, ProxySettings};
pub use source::{InForce, Source};
