//! The edge's part of `sundown.toml`. Every key has a default; a default is what suits an edge on the public
//! internet.

mod levers;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use hyper::Uri;
use hyper::http::uri::{Authority, Scheme};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use ::door::proxy_protocol::Introducers;
use accounts::{AccountSettings, Privacy, VisitorTable, duration};

pub use ::door::Limits;
pub use levers::{Admin, GuardSettings};

/// One `[[listener]]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listener {
    /// Where to listen. Port 0 takes any free port. Default `127.0.0.1:8443`.
    #[serde(default = "default_address")]
    pub address: Spanned<SocketAddr>,
    /// The name of the socket that the service manager opens for it (`FileDescriptorName=` in systemd.socket(5)); it
    /// listens on that one then, wherever that is. One at `address` is taken whatever its name. Default: none.
    #[serde(default)]
    pub name: Option<String>,
    /// What the listener does with a connection it lets in. Default `"edge"`.
    #[serde(default)]
    pub mode: Mode,
    /// Where requests go: `http://`, `https://` or `h2c://` (HTTP/2 without TLS, as gRPC servers speak it), host and
    /// port. Over `https://` it is HTTP/2 where the service agrees to that, and the service's certificate has to be
    /// for that host and to be trusted. With several, each in turn. With none, `/` shows the visitor what `/ssl/` says.
    #[serde(default)]
    pub upstream: Vec<Upstream>,
    /// The authorities that are trusted for the certificates of `https://` upstreams, in PEM, instead of those that
    /// this machine trusts. The path is relative to the configuration file. Default: those of this machine.
    #[serde(default)]
    pub upstream_ca: Option<PathBuf>,
    /// Certificates, chosen by SNI and by what the client can verify; the first of each kind of key serves
    /// clients without SNI. Paths are relative to the configuration file. With none, a local authority and
    /// its leaves are made in the data directory.
    #[serde(default)]
    pub certificates: Vec<CertificateFiles>,
    /// Client certificates that are asked for, by server name. A client that sends none is served all the same; one
    /// that none of these authorities signed cannot complete its handshake. Default: none are asked for.
    #[serde(default)]
    pub client_certificates: Vec<ClientCertificates>,
    /// Whether a client that comes again may resume its session with a ticket, which spares both sides the costly half
    /// of the handshake. Only clients that need no old TLS, and not where
    /// client certificates are asked for, which a session that is resumed does not show; the keys change every 4 hours and are written nowhere.
    /// Default true.
    #[serde(default = "yes")]
    pub tickets: bool,
    /// Who says at the start of a connection, in the PROXY protocol (version 1 or 2), whom it is for: ranges such as
    /// `["10.0.0.0/8"]`. Bounds, exceptions, accounts, sightings and `X-Forwarded-For` go by that address then. From there
    /// a connection that says nothing of it is closed (`unintroduced`); from elsewhere one that does is no TLS, and closed
    /// as that. Default: nobody.
    #[serde(default)]
    pub accept_proxy_protocol: Introducers,
}

const fn yes() -> bool {
    true
}

/// `[[listener.client_certificates]]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientCertificates {
    /// The server name they are asked for on. Default: every name, and no name.
    pub sni: Option<String>,
    /// The authorities that may have signed them, in PEM. Relative to the configuration file.
    pub ca: PathBuf,
}

/// What a listener does with a connection that it lets in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Terminate TLS, answer or proxy HTTP.
    #[default]
    Edge,
}

/// A certificate chain and its key, in PEM.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateFiles {
    /// The leaf first, then its intermediates.
    pub cert: PathBuf,
    /// The private key of the leaf.
    pub key: PathBuf,
}

/// Where requests go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    pub(crate) scheme: Scheme,
    pub(crate) authority: Authority,
    /// HTTP/2 without asking first.
    pub(crate) http2: bool,
}

impl std::str::FromStr for Upstream {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fault = |what: &str| {
            format!(
                "upstream {text:?} {what}; write it as http://127.0.0.1:3000, https://api.internal or h2c://127.0.0.1:50051"
            )
        };
        let parts = text
            .parse::<Uri>()
            .map_err(|error| fault(&format!("is no URL ({error})")))?
            .into_parts();
        let (scheme, http2) = match parts.scheme.as_ref().map(|scheme| scheme.as_str()) {
            Some("http") => (Scheme::HTTP, false),
            Some("https") => (Scheme::HTTPS, false),
            Some("h2c") => (Scheme::HTTP, true),
            _ => return Err(fault("has no http://, https:// or h2c://")),
        };
        let authority = parts
            .authority
            .filter(|authority| !authority.host().is_empty())
            .ok_or_else(|| fault("names no host"))?;
        if parts.path_and_query.is_some_and(|path| path != "/") {
            return Err(fault("has a path, which would be ignored"));
        }
        Ok(Self {
            scheme,
            authority,
            http2,
        })
    }
}

impl<'de> Deserialize<'de> for Upstream {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

/// `[answers]`: what the edge itself says, and where.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Answers {
    /// Where a client learns what it negotiated; each ends in `/`. Default `["/ssl/", "/api/v4/ssl/"]`.
    pub ssl: Vec<SslPath>,
    /// Where the running totals are, for callers on loopback alone; `""` for nowhere. Behind a load balancer on
    /// the same machine every caller is one of those. Default `"/healthz"`.
    pub health: String,
    /// Where the plan's calendar is, for every client to subscribe to (iCalendar, RFC 5545); `""` for nowhere. Default
    /// `"/ssl/calendar.ics"`.
    #[serde(deserialize_with = "levers::path_or_nowhere")]
    pub calendar: String,
    /// The status of an explanation: 403, or another 4xx or 5xx but not 401, 407, 426 or 429, which clients misread.
    /// Default 403.
    #[serde(deserialize_with = "explain_status")]
    pub explain_status: u16,
    /// How long a report link works. Default `"24h"`.
    #[serde(deserialize_with = "duration")]
    pub report_life: Duration,
    /// How many reports are kept; the oldest goes first. Default 10000.
    pub reports: usize,
}

impl Default for Answers {
    fn default() -> Self {
        Self {
            ssl: vec![
                SslPath("/ssl/".to_owned()),
                SslPath("/api/v4/ssl/".to_owned()),
            ],
            health: "/healthz".to_owned(),
            calendar: "/ssl/calendar.ics".to_owned(),
            explain_status: 403,
            report_life: Duration::from_secs(24 * 60 * 60),
            reports: 10_000,
        }
    }
}

/// A path that begins and ends with a slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SslPath(String);

impl SslPath {
    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for SslPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let path = String::deserialize(deserializer)?;
        if path.len() > 1 && path.starts_with('/') && path.ends_with('/') {
            Ok(Self(path))
        } else {
            Err(D::Error::custom(format!(
                "path {path:?} does not begin and end with a slash; write it like \"/ssl/\""
            )))
        }
    }
}

/// Everything the edge is told, whatever file or flag it came from.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The listeners.
    pub listeners: Vec<Listener>,
    /// Who is calling.
    pub account: AccountSettings,
    /// What is kept of an address.
    pub privacy: Privacy,
    /// Bounds.
    pub limits: Limits,
    /// The edge's own answers.
    pub answers: Answers,
    /// Who is no customer.
    pub visitors: Vec<VisitorTable>,
    /// When it puts everything on hold by itself; `None` for never.
    pub guard: Option<GuardSettings>,
    /// The listener for those who run it.
    pub admin: Admin,
}

/// The address of a listener that names none.
pub const DEFAULT_ADDRESS: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8443);

fn default_address() -> Spanned<SocketAddr> {
    Spanned::new(0..0, DEFAULT_ADDRESS)
}

impl Default for Listener {
    fn default() -> Self {
        Self {
            address: default_address(),
            name: None,
            mode: Mode::default(),
            upstream: Vec::new(),
            upstream_ca: None,
            certificates: Vec::new(),
            client_certificates: Vec::new(),
            tickets: true,
            accept_proxy_protocol: Introducers::default(),
        }
    }
}

fn explain_status<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    match u16::deserialize(deserializer)? {
        status @ (401 | 407 | 426 | 429) => Err(D::Error::custom(format!(
            "clients misread {status} (they retry, ask for credentials or upgrade); 403 is understood by all"
        ))),
        status @ 400..600 => Ok(status),
        status => Err(D::Error::custom(format!(
            "{status} is no error status; 403 is understood by all"
        ))),
    }
}
