//! The edge: the listener where TLS ends.
//!
//! In: TCP connections, a plan, settings. Out: to each client an alert, an explanation, its own answer at
//! `/ssl/`, or the application behind; and one sighting to the ledger. One way through:
//!
//! ```text
//! door: accept, read the hello, decide ──> farewell: alert, close
//!   └─> tls: the handshake, by the policy for this hello
//!         └─> http: decide again ──> /ssl/, explanation or proxy
//! ```
//!
//! | module | holds |
//! | --- | --- |
//! | `door` | accepting, and judging the hello as soon as it is there |
//! | `farewell` | a close that lets last words arrive, for a connection that is not let in |
//! | `connection` | the life of one that is |
//! | `tls` | policies, certificates, the local authority, the handshake, rest without buffers |
//! | `http` | requests: `/ssl/`, explanations, warnings, previews, health, the proxy |
//! | `wire`, `lingering` | the socket under TLS: few system calls, and a close that lets the last words arrive |
//! | `passed` | listening sockets that the service manager has opened |
//! | `hand_over` | giving the listening sockets to the process that takes this one's place |
//! | `sweep` | what is handed over of a sighting meanwhile |
//! | `levers`, `guard` | holds, what is known of accounts, and the share that is turned away |
//! | `calendar` | the plan as iCalendar |
//! | `standings` | the page of one account, asked of whoever keeps a ledger |
//! | `settings`, `core`, `server` | what all of them share; start, reload, stop |
//!
//! It decides nothing itself: every decision is `floor`'s. Who is calling, `accounts` tells it. It knows nothing of
//! the console, and writes no file but those of its local authority, and the socket it can be taken over by.

#![forbid(unsafe_code)]

mod calendar;
mod connection;
mod core;
mod door;
mod farewell;
mod guard;
mod hand_over;
mod http;
mod levers;
mod lingering;
mod passed;
mod server;
pub mod settings;
mod standings;
mod sweep;
mod tls;
mod wire;

use ::door::{bounds, clock, record};

pub use ::door::Clock;
pub use calendar::icalendar;
pub use guard::Tripped;
pub use hand_over::Taken;
pub use http::offered::{Offered, OfferedNames};
pub use passed::{Passed, Wanted};
pub use server::{Edge, Handle, Ingredients, StartError};
pub use standings::{AccountPage, NoPage, Standing, Standings};
pub use tls::certificates::CertificateError;
pub use tls::negotiated;
