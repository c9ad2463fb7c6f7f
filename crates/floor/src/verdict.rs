//! A floor and an offer give a verdict: it meets, or it misses and each shortfall is named.

use std::fmt;

use hello::Version;
use hello::names::Named;

/// Whether an offer meets a floor, and what it lacks. Small and without heap, so that it can travel with
/// every connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    pub(crate) version: Option<Shortfall>,
    pub(crate) suites: Option<Shortfall>,
    pub(crate) groups: Option<Shortfall>,
    pub(crate) needs_retry: bool,
    /// Too little of the offer is known.
    pub(crate) unknown: bool,
    /// The best the client speaks is SSLv3 or older, which has fewer alerts.
    pub(crate) before_tls: bool,
}

impl Verdict {
    /// Whether the offer has all that the floor asks.
    pub const fn meets(&self) -> bool {
        !self.unknown && !self.misses()
    }

    /// Whether something is lacking for certain.
    pub const fn misses(&self) -> bool {
        self.version.is_some() || self.suites.is_some() || self.groups.is_some()
    }

    /// Whether it cannot be told, because only a part of the offer is known and the rest decides. A whole offer always
    /// meets or misses.
    pub const fn cannot_tell(&self) -> bool {
        self.unknown
    }

    /// What is lacking, the version first.
    pub fn shortfalls(&self) -> impl Iterator<Item = Shortfall> + use<> {
        [self.version, self.suites, self.groups]
            .into_iter()
            .flatten()
    }

    /// The offer meets the floor, with a group for which the client sent no key share: the server must ask
    /// for it with a HelloRetryRequest (RFC 8446 section 4.1.4). One round trip more, and no reason to refuse.
    pub const fn needs_retry(&self) -> bool {
        self.needs_retry
    }

    /// The alert that tells a client of this verdict, when it misses.
    ///
    /// A version gets `protocol_version` (RFC 8446 section 6.2). Suites and groups get
    /// `insufficient_security`, which section 6.2 gives for a server that asks for more than the client has;
    /// a client that knows nothing later than SSLv3 gets `handshake_failure`, the nearest it has
    /// (RFC 6101 section 5.4.2).
    pub const fn alert(&self) -> Option<Alert> {
        if !self.misses() {
            None
        } else if self.version.is_some() {
            Some(Alert::ProtocolVersion)
        } else if self.before_tls {
            Some(Alert::HandshakeFailure)
        } else {
            Some(Alert::InsufficientSecurity)
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.meets() {
            return f.write_str("meets");
        }
        if self.unknown {
            return f.write_str("cannot tell");
        }
        f.write_str("misses: ")?;
        self.shortfalls()
            .enumerate()
            .try_for_each(|(index, shortfall)| {
                f.write_str(if index == 0 { "" } else { "; " })?;
                shortfall.fmt(f)
            })
    }
}

/// One thing an offer lacks. `Display` says what is offered and what is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shortfall {
    /// Every version the client speaks is too old.
    Version {
        /// The latest it speaks.
        offered: Version,
        /// The earliest that will do.
        needed: Version,
    },
    /// No cipher suite on the client's list will do.
    Suites {
        /// One that would do, as an example.
        needed: u16,
    },
    /// No group on the client's list will do.
    Groups {
        /// One that would do, as an example.
        needed: u16,
    },
}

impl Shortfall {
    /// A stable word for it: `version`, `suites` or `groups`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Version { .. } => "version",
            Self::Suites { .. } => "suites",
            Self::Groups { .. } => "groups",
        }
    }

    /// What the client offers, without what is needed: "offers TLSv1 at most".
    pub const fn because(self) -> impl fmt::Display + Copy {
        Because(self)
    }

    /// What would do instead, as one name: a version, a cipher suite or a group.
    pub const fn needed(self) -> impl fmt::Display + Copy {
        Needed(self)
    }
}

#[derive(Clone, Copy)]
struct Needed(Shortfall);

impl fmt::Display for Needed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Shortfall::Version { needed, .. } => needed.fmt(f),
            Shortfall::Suites { needed } => Named::Suite(needed).fmt(f),
            Shortfall::Groups { needed } => Named::Group(needed).fmt(f),
        }
    }
}

#[derive(Clone, Copy)]
struct Because(Shortfall);

impl fmt::Display for Because {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Shortfall::Version { offered, .. } => write!(f, "offers {offered} at most"),
            Shortfall::Suites { .. } => f.write_str("offers no cipher suite of the floor"),
            Shortfall::Groups { .. } => f.write_str("offers no group of the floor"),
        }
    }
}

impl fmt::Display for Shortfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (because, needed) = (self.because(), self.needed());
        match self {
            Self::Version { .. } => write!(f, "{because}; {needed} needed"),
            Self::Suites { .. } | Self::Groups { .. } => {
                write!(f, "{because}; one such as {needed} needed")
            }
        }
    }
}

/// The TLS alert that refuses a client (RFC 8446 section 6.2). Ordered by how plainly it says what is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Alert {
    /// 40.
    HandshakeFailure,
    /// 71.
    InsufficientSecurity,
    /// 70.
    ProtocolVersion,
}

impl Alert {
    /// The number on the wire.
    pub const fn code(self) -> u8 {
        match self {
            Self::HandshakeFailure => 40,
            Self::ProtocolVersion => 70,
            Self::InsufficientSecurity => 71,
        }
    }

    /// The name IANA gives it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HandshakeFailure => "handshake_failure",
            Self::ProtocolVersion => "protocol_version",
            Self::InsufficientSecurity => "insufficient_security",
        }
    }
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
