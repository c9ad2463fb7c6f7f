//! Who is this client, and what fixes it.
//!
//! **In:** what a connection showed of its client ([`Clues`]: User-Agent, JA4, JA3, the highest protocol
//! it offered), and later how much it missed by. **Out:** a [`Runtime`] with a stated confidence, and an
//! [`Advice`]: the one change that fixes that release of that runtime, the command that proves it, and
//! the pages the facts come from.
//!
//! **Never:** opens a socket, reads a file, asks the clock, or stores anything. What it knows is data,
//! embedded at build time and read once by [`Knowledge::embedded`]. It never raises a claim to a fact: a
//! User-Agent that the fingerprint or the offer belies is reported as a contradiction.
//!
//! # The data
//!
//! Adding a row is adding data, never code; `data/README.md` describes the form:
//!
//! | folder | holds |
//! | --- | --- |
//! | `data/families/` | one file for each runtime, library, product, browser and proxy: what its releases can do, how to change that |
//! | `data/fingerprints/` | which JA4 and JA3 belong to which library, and who was seen sending them |
//! | `data/general.toml` | the answers that name no runtime |
//!
//! Unknown keys are errors, and so is what does not hold together. `snapshots/` holds all that the data says.
//!
//! # Confidence
//!
//! | | when |
//! | --- | --- |
//! | high | User-Agent and fingerprint agree, or the User-Agent names the version |
//! | medium | one of the two names the runtime |
//! | low | only the TLS library is known, by its hello or by its cipher suites alone; or the clues contradict each other |
//!
//! # Example
//!
//! ```
//! use advice::{Clues, Knowledge};
//! use hello::Version;
//!
//! let knowledge = Knowledge::embedded();
//! let runtime = knowledge.recognise(&Clues {
//!     user_agent: Some("Java/1.7.0_25"),
//!     ja4: None,
//!     ja3: None,
//!     max_protocol: Version::TLSV1,
//! });
//! let advice = knowledge.advise(
//!     runtime.as_ref(),
//!     Version::TLSV1,
//!     Version::TLSV1_2,
//!     "https://api.example.com/ssl/",
//! );
//! assert!(advice.snippet.is_some_and(|line| line.contains("https.protocols")));
//! ```

#![forbid(unsafe_code)]

mod advise;
mod case;
mod catalogue;
mod clients;
mod data;
mod error;
mod goal;
mod knowledge;
mod look_up;
mod recognise;
mod template;
#[cfg(test)]
mod tests;
mod valid;
mod version;

pub use advise::{Advice, Otherwise, Prospect};
pub use catalogue::{Entry, Row};
pub use clients::KnownClient;
pub use data::{Kind, Support, Trust};
pub use error::DataError;
pub use goal::Goal;
pub use knowledge::Knowledge;
pub use look_up::Miss;
pub use recognise::{Clues, Confidence, Runtime, USER_AGENT_LIMIT};
