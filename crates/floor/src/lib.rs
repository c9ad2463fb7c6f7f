//! Decides what happens to a TLS client.
//!
//! In: an [`Offer`](hello::Offer), who sent it, and a moment in time. Out: a [`Verdict`] against one
//! [`Floor`], or the [`Decision`] of a whole [`Plan`]: serve, warn, explain or refuse, and why. Also the plan
//! itself, read from the tables of a configuration file with errors that point at the key, and its calendar.
//!
//! It never opens a socket, reads a clock or a file, or stores anything; [`Plan::decide`] does not allocate.
//! Live traffic, `/ssl/`, preview names, replay and simulation all call the same function.
//!
//! ```
//! use floor::{Floor, Shortfall};
//! use hello::{Facts, Offer, Version};
//!
//! let offer = Offer::from(&Facts { legacy_version: Version::TLSV1, suites: vec![0x002f, 0x000a], ..Facts::default() });
//! let verdict = Floor::named("tls1.2").expect("a shipped floor").judge(&offer);
//! assert!(!verdict.meets());
//! let shortfall = verdict.shortfalls().next().expect("what it misses");
//! assert_eq!(shortfall.to_string(), "offers TLSv1 at most; TLSv1.2 needed");
//! ```

#![forbid(unsafe_code)]

mod brownout;
mod calendar;
mod check;
mod codes;
mod cohort;
pub mod config;
mod decision;
mod exception;
mod floor;
mod hold;
mod named;
mod partial;
mod plan;
mod print;
mod problem;
mod suites;
mod sunset;
mod verdict;
mod who;

pub use brownout::{Brownout, Measure, Share, Window};
pub use calendar::{Event, SunsetState, What};
pub use cohort::{AccountRecord, Cohort, Roster};
pub use decision::{Action, Decision, Standing};
pub use exception::{Cidr, Exception, InvalidCidr};
pub use floor::Floor;
pub use hold::Hold;
pub use plan::{Plan, Preview};
pub use problem::{Problem, Severity};
pub use sunset::{Change, Phase, Sunset};
pub use verdict::{Alert, Shortfall, Verdict};
pub use who::{Account, Moment, Who, same_name};
