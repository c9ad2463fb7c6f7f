//! Who may see the console, and who may operate it.
//!
//! On a loopback address without tokens, everybody on this machine may do both; the `Host` of a request must then be a
//! loopback name, so that a page elsewhere cannot reach it under a name of its own (DNS rebinding). Elsewhere a token or
//! a trusted proxy says who somebody is.

mod attempts;
mod csrf;
mod guard;
mod host;
mod session;
mod token;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use floor::Cidr;
use http::HeaderName;
use jiff::Timestamp;

use crate::settings::ConsoleSettings;
use attempts::Attempts;
pub(crate) use csrf::Form;
pub(crate) use guard::{Visitor, guard};
pub(crate) use session::{COOKIE, Sessions};
use token::Token;

/// What somebody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// See everything.
    Read,
    /// Hold, resume, write down.
    Operate,
}

/// Who may do what.
#[derive(Debug)]
pub struct Access {
    pub(crate) tokens: Vec<Token>,
    pub(crate) proxy: Option<Proxy>,
    pub(crate) sessions: Sessions,
    pub(crate) attempts: Attempts,
}

/// A proxy that is believed.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) user_header: HeaderName,
    pub(crate) trusted: Vec<Cidr>,
    pub(crate) operators: Vec<String>,
}

/// Why there is no access.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// Whoever reaches the address could operate.
    #[error(
        "{0} is not a loopback address, and the console would be open to whoever reaches it; write [console] token_file = \"console.token\", or listen on 127.0.0.1"
    )]
    Open(SocketAddr),
    /// A file of a token cannot be read.
    #[error("cannot read {}: {reason}; it holds the token on its first line", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: io::Error,
    },
    /// A token can be guessed.
    #[error(
        "the token in {} has fewer than {} characters; make one with: openssl rand -hex 32",
        .0.display(), token::LEAST
    )]
    Short(PathBuf),
    /// Others on the machine can read it.
    #[error("{} can be read by others; chmod 600 keeps it to its owner", .0.display())]
    Shared(PathBuf),
    /// The proxy's header is none.
    #[error("[console.proxy] user_header {0:?} is no name of a header")]
    Header(String),
    /// No key for sessions can be made.
    #[error("no random key can be made: {0}")]
    NoKey(String),
}

impl Access {
    /// Who may do what at an address. Files of tokens are relative to `directory`.
    ///
    /// # Errors
    ///
    /// When the address is open to others and nothing says who they are, and when a token cannot be used.
    pub fn new(
        settings: &ConsoleSettings,
        address: SocketAddr,
        directory: &Path,
    ) -> Result<Self, AccessError> {
        let mut tokens = Vec::new();
        for (file, role) in [
            (&settings.token_file, Role::Operate),
            (&settings.read_token_file, Role::Read),
        ] {
            if let Some(file) = file {
                tokens.push(Token::read(&directory.join(file), role)?);
            }
        }
        let proxy = match &settings.proxy {
            None => None,
            Some(proxy) => Some(Proxy {
                user_header: proxy
                    .user_header
                    .parse()
                    .map_err(|_| AccessError::Header(proxy.user_header.clone()))?,
                trusted: proxy.trusted.clone(),
                operators: proxy.operators.clone(),
            }),
        };
        let is_loopback = address.ip().to_canonical().is_loopback();
        if !is_loopback && tokens.is_empty() && proxy.is_none() {
            return Err(AccessError::Open(address));
        }
        Ok(Self {
            sessions: Sessions::new(&tokens)?,
            attempts: Attempts::default(),
            tokens,
            proxy,
        })
    }

    /// Whether everybody who reaches it may do everything.
    pub fn is_open(&self) -> bool {
        self.tokens.is_empty() && self.proxy.is_none()
    }

    /// The role of a token that is shown from an address; `None` for one that is none.
    ///
    /// # Errors
    ///
    /// With the seconds to wait, where too many were shown that are none.
    pub(crate) fn show(
        &self,
        token: &str,
        peer: IpAddr,
        now: Timestamp,
    ) -> Result<Option<Role>, u64> {
        if let Some(seconds) = self.attempts.wait(peer, now) {
            return Err(seconds);
        }
        let role = self.role_of(token);
        match role {
            Some(_) => self.attempts.succeeded(peer, now),
            None => {
                self.attempts.failed(peer, now);
                tracing::warn!("{peer} showed a token to the console that is none");
            }
        }
        Ok(role)
    }

    fn role_of(&self, token: &str) -> Option<Role> {
        // All are compared, whichever fits: how long it takes says nothing.
        let fitting = self
            .tokens
            .iter()
            .map(|known| known.fits(token).then_some(known.role));
        fitting.fold(None, Option::max)
    }

    pub(crate) fn proxy_from(&self, peer: IpAddr) -> Option<&Proxy> {
        let proxy = self.proxy.as_ref()?;
        let peer = peer.to_canonical();
        proxy
            .trusted
            .iter()
            .any(|range| range.contains(peer))
            .then_some(proxy)
    }
}
