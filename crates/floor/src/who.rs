//! Who is asking, as far as it is known at this moment.

use std::net::IpAddr;

/// Who is asking.
#[derive(Clone, Copy, Debug, Default)]
pub struct Who<'a> {
    /// The client's address, where it is kept.
    pub address: Option<IpAddr>,
    /// The server name the client asked for.
    pub sni: Option<&'a str>,
    /// The platform's customer.
    pub account: Account<'a>,
}

/// What is known of the account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Account<'a> {
    /// Nothing yet: no request has been read, and nobody was seen before with this address and fingerprint.
    #[default]
    Unknown,
    /// Inferred: the account last seen with this address and fingerprint.
    Remembered(&'a str),
    /// Certain: the request, the client certificate or the listener says so.
    Known(&'a str),
    /// A request was read, and it names no account.
    None,
}

impl<'a> Account<'a> {
    /// The name, certain or inferred.
    pub const fn name(self) -> Option<&'a str> {
        match self {
            Self::Remembered(name) | Self::Known(name) => Some(name),
            Self::Unknown | Self::None => None,
        }
    }
}

/// When the decision is taken: once at the hello, and once more at each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment<'a> {
    /// The hello was read; the handshake has not begun, and the connection can still be refused.
    Hello,
    /// A request was read over a connection that was let through.
    Request {
        /// The path of the request, with or without its query.
        path: &'a str,
    },
}

/// Whether two server names are the same name (RFC 1034 section 3.1: case does not matter; a last dot is
/// only the root).
pub fn same_name(one: &str, other: &str) -> bool {
    fn bare(name: &str) -> &str {
        name.strip_suffix('.').unwrap_or(name)
    }
    bare(one).eq_ignore_ascii_case(bare(other))
}
