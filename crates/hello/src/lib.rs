//! Reads what a TLS client says it can do.
//!
//! In: the first bytes of a connection, in pieces of any size. Out: a [`ClientHello`] that borrows those
//! bytes, and from it an [`Offer`]: canonical, versioned and hashable, so that an offer stored today can be
//! judged by a floor invented in five years. Also the way back: an offer can be built into bytes again.
//!
//! It never touches a socket or a clock, knows no policy, does not allocate while it parses, and does not
//! panic on any input.
//!
//! ```
//! use hello::{Facts, HelloReader, Offer, Progress, Scratch, Version};
//!
//! // The bytes would come from a socket; here they are built from facts.
//! let offer = Offer::from(&Facts { legacy_version: Version::TLSV1, suites: vec![0x002f, 0x000a], ..Facts::default() });
//! let bytes = hello::build::client_hello(&offer, &hello::build::Fill::default());
//!
//! let mut scratch = Scratch::default();
//! match HelloReader::default().read(&bytes, &mut scratch) {
//!     Progress::Hello { hello, consumed } => {
//!         assert_eq!(consumed, bytes.len());
//!         assert_eq!(Offer::from(&hello).max_version(), Version::TLSV1);
//!     }
//!     other => panic!("{other:?}"),
//! }
//! ```

#![forbid(unsafe_code)]

pub mod build;
mod client_hello;
mod facts;
mod fault;
mod fingerprint;
mod grease;
mod group;
pub mod names;
mod offer;
mod read;
mod reader;
pub mod records;
pub mod server_hello;
mod suite;
mod version;

pub use client_hello::{ClientHello, Extension, Format};
pub use facts::Facts;
pub use fault::{Field, Malformed, Reason};
pub use fingerprint::{ja3, ja3_text, ja4, ja4_raw};
pub use grease::is_grease;
pub use offer::{Codes, InvalidOffer, Offer, OfferId, PartialOffer};
pub use read::{HelloReader, MAX_HELLO, MAX_WIRE, NotTls, Progress, Scratch};
pub use version::Version;
