//! What every listener does with a connection before it is let in.
//!
//! In: the first bytes of a connection, the rules in force. Out: what the bytes are, what the plan says of them, the
//! last words for whoever is not let in, and the sighting under way. The edge and the gate do the rest, each in its
//! own way; nothing here waits.
//!
//! | module | holds |
//! | --- | --- |
//! | `bounds` | how many connections may be open, in all and from one address |
//! | `opening` | what the first bytes turn out to be |
//! | `proxy_protocol` | whom a connection is for, where somebody in front knows it |
//! | `judge` | what the plan says of a hello, and who it shows |
//! | `last_words` | alerts, the answer to plain HTTP, and how long to wait until they have been read |
//! | `record`, `kinds` | the sighting while the connection lasts; what many of them have in common |
//! | `rules`, `limits`, `clock` | what all listeners share |
//! | `diversion` | a connection that one listener hands to another |
//!
//! It decides nothing itself: every decision is `floor`'s. It knows nothing of TLS beyond hellos and alerts, and of no
//! event loop.

#![forbid(unsafe_code)]

pub mod bounds;
pub mod clock;
mod diversion;
mod judge;
mod kinds;
pub mod last_words;
mod limits;
mod opening;
pub mod proxy_protocol;
pub mod record;
mod rules;

pub use bounds::{Bounds, Permit};
pub use clock::Clock;
pub use diversion::{Divert, Diverted};
pub use judge::{Judgement, judge};
pub use kinds::Kinds;
pub use limits::Limits;
pub use opening::{Greeting, Opening, look, refuse_to_read};
pub use record::{Beginning, Record};
pub use rules::{Rules, Shared};
