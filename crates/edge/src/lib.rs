//! The edge: the listener where TLS ends.
//!
//! In: TCP connections, a plan, settings. Out: to each client an alert, an explanation, its own answer at
//! `/ssl/`, or the application behind; and one sighting to the ledger. One way through:
//!
//! ```text
//! accept ─> door (read hello, decide) ─> refuse: alert, linger, close
//!                    └─> tls (policy for this hello) ─> http (decide again) ─> /ssl/, explain, or proxy
//! ```
//!
//! It decides nothing itself: every decision is `floor`'s. It knows nothing of the console, and writes no
//! file but those of its local authority and its secret.

#![forbid(unsafe_code)]

mod accounts;
mod bounds;
mod clock;
mod connection;
mod core;
mod door;
mod farewell;
mod http;
mod lingering;
mod privacy;
mod record;
pub mod secret;
mod server;
pub mod settings;
mod tls;
mod wire;

pub use clock::Clock;
pub use server::{Edge, Handle, Ingredients, StartError};
pub use tls::certificates::CertificateError;
