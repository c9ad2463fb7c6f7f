//! Who is calling, and what of that is kept.
//!
//! In: what a connection shows of itself (address, server name, certificate, request headers, a log's fields), the
//! configuration's `[account]`, `[[visitor]]` and `[privacy]`. Out: the account that it belongs to, whether a customer is
//! behind it, and as much of its address as may be written down. The edge and whatever reads evidence name the same
//! accounts by it.
//!
//! | module | holds |
//! | --- | --- |
//! | `names` | the account of a request: the first source that answers |
//! | `credentials`, `certificate`, `jwks`, `ranges` | the sources: HTTP authentication, certificates, verified tokens, address ranges |
//! | `memory` | who called from here before: for clients that are refused and show nothing |
//! | `visitors` | who is no customer |
//! | `link` | private links to the page of one account |
//! | `privacy`, `secret` | how much of an address is kept; the keys of the hashes that hide keys and tokens |
//! | `settings` | its tables of `sundown.toml` |
//!
//! Keys and tokens are looked at and forgotten. It opens no socket, and writes no file but its secret and the key of its links.

#![forbid(unsafe_code)]

mod certificate;
mod credentials;
mod jwks;
mod link;
mod memory;
mod names;
mod privacy;
mod ranges;
mod secret;
mod settings;
mod stamp;
mod visitors;

pub use certificate::ClientCertificate;
pub use credentials::basic_user;
pub use jwks::{JwksError, LONGEST_SET, Verifier};
pub use link::{LINKS_KEY, Link, LinkError, LinkKey, LinkReader, NoLink};
pub use memory::{MOST_ASSOCIATIONS, Memory, Remembered};
pub use names::{Accounts, AccountsError, AtHello, Place, Shown, plain};
pub use privacy::{Addresses, Privacy, kept};
pub use ranges::RangesError;
pub use secret::Secret;
pub use settings::{
    AccountSettings, AccountSource, JwksSettings, KeyHash, KeySource, TokenPath, duration,
};
pub use stamp::{Stamp, stamp};
pub use visitors::{Asked, Hello, Seen, VisitorTable, Visitors};
