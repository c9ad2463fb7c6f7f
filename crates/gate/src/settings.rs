//! A `[[listener]]` of `mode = "gate"`. Every key has a default but the services behind.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use accounts::duration;
use door::proxy_protocol::Introducers;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use toml::Spanned;

/// One `[[listener]]` that passes TLS through untouched. It needs no certificate: clients shake hands with the service
/// behind it.
///
/// A client that the plan serves or warns is passed through (nothing can be added to what is encrypted, so a warning is
/// only counted); one that it refuses gets its alert here; one that it would explain to is diverted.
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
    /// `"gate"`.
    pub mode: Mode,
    /// The services behind, for every server name that no route is for: `"10.0.0.1:443"`, `"[2001:db8::1]:443"` or
    /// `"unix:/run/api.sock"`. Of several, `balance` says which; the next where one cannot be reached.
    /// Default: none, and a client that no route is for gets the alert `unrecognized_name`.
    #[serde(default)]
    pub upstream: Vec<Target>,
    /// Which of several services takes a connection. Default `"least-connections"`.
    #[serde(default)]
    pub balance: Balance,
    /// Whether services are told, in the PROXY protocol, whom a connection is for. Default `"off"`.
    #[serde(default)]
    pub send_proxy_protocol: SendProxyProtocol,
    /// Other services for some server names. Default: none.
    #[serde(default)]
    pub route: Vec<Spanned<Route>>,
    /// The address of the edge listener, in the same file, that takes the clients that the plan would explain to, and
    /// the preview names: it ends their TLS with its own certificate. Default: the first edge listener of the file;
    /// where there is none, these clients are passed through like the others.
    #[serde(default)]
    pub divert: Option<Spanned<SocketAddr>>,
    /// Who says at the start of a connection, in the PROXY protocol (version 1 or 2), whom it is for: ranges such as
    /// `["10.0.0.0/8"]`. Bounds, exceptions, accounts and sightings go by that address then. From there a connection that
    /// says nothing of it is closed (`unintroduced`); from elsewhere one that does is no TLS, and closed as that. Default:
    /// nobody.
    #[serde(default)]
    pub accept_proxy_protocol: Introducers,
    /// Whether services see connections come from their clients' own addresses, the port aside (`IP_TRANSPARENT`, tcp(7)).
    /// That takes CAP_NET_ADMIN, and routes that bring the answers back through this machine. A client of IPv6 comes to a
    /// service of IPv4, and either to a Unix socket, from the gate's own. Default false.
    #[serde(default)]
    pub transparent: bool,
    /// How long a connection that is passed through may stand still. Default `"10m"`.
    #[serde(default = "ten_minutes", deserialize_with = "duration")]
    pub idle: Duration,
    /// When a service counts as down. Default: see [`Health`].
    #[serde(default)]
    pub health: Health,
}

/// The only mode of this kind of listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Pass TLS through untouched.
    Gate,
}

/// `[[listener.route]]`: services for a server name.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The server name, or `*.` and a name for every name below it. The longest that fits is taken.
    pub sni: Spanned<Pattern>,
    /// The services, as in the listener's own `upstream`.
    pub upstream: Vec<Target>,
    /// Which of them takes a connection. Default: as the listener says.
    #[serde(default)]
    pub balance: Option<Balance>,
    /// Whether they are told whom a connection is for. Default: as the listener says.
    #[serde(default)]
    pub send_proxy_protocol: Option<SendProxyProtocol>,
}

/// `balance`: which of several services takes a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Balance {
    /// The one with the fewest connections.
    #[default]
    LeastConnections,
    /// For a client's address (the /64 of IPv6) always the same. One that is down, or gone from the list, has its clients
    /// spread over the others; all other clients stay where they are. Every gate with the same list chooses alike.
    HashAddress,
    /// The same for the server name that is asked for.
    HashName,
}

/// `send_proxy_protocol`: whether services are told whom a connection is for, and in which version of the PROXY protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SendProxyProtocol {
    /// They are not told.
    #[default]
    Off,
    /// A line of text: addresses and ports.
    V1,
    /// Binary: also the server name (type 0x02), the application protocols that are offered (0x01), what the plan decided
    /// (0xE0: `serve`, `warn` or `explain`) and, for a client that misses a floor, by which sunset (0xE1: its name).
    V2,
}

/// `health`: a service is down after so many failed connections in a row, of clients and of checks alike, and up again
/// after so many checks that reached it. A check connects and closes. While all are down they are tried all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Health {
    /// How often each is checked. Default `"5s"`.
    #[serde(deserialize_with = "duration")]
    pub every: Duration,
    /// Failures in a row until it counts as down. Default 3.
    pub fall: u32,
    /// Checks in a row that reached it until it counts as up again. Default 2.
    pub rise: u32,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(5),
            fall: 3,
            rise: 2,
        }
    }
}

/// Where a service is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// At an address and a port.
    Tcp(SocketAddr),
    /// At a Unix socket.
    Unix(PathBuf),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl std::str::FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            // `sun_path` of unix(7) has 108 bytes, the last of them zero.
            return if path.starts_with('/') && path.len() < 108 {
                Ok(Self::Unix(path.into()))
            } else {
                Err(format!(
                    "upstream {text:?} is no whole path of less than 108 bytes; write it as unix:/run/api.sock"
                ))
            };
        }
        text.parse().map(Self::Tcp).map_err(|_| {
            let why = if text.contains("://") {
                "is a URL, and a gate passes TLS through without looking at what is inside"
            } else {
                "is no address with a port (names are not looked up)"
            };
            format!("upstream {text:?} {why}; write it as 10.0.0.1:443, [2001:db8::1]:443 or unix:/run/api.sock")
        })
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

/// A server name, or all below one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Pattern {
    /// This name, in lower case.
    Exact(Box<str>),
    /// Every name that ends in a dot and this, in lower case.
    Below(Box<str>),
}

impl std::str::FromStr for Pattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let lower = text.trim_end_matches('.').to_ascii_lowercase();
        let (name, below) = match lower.strip_prefix("*.") {
            Some(name) => (name, true),
            None => (lower.as_str(), false),
        };
        let fine = |label: &str| {
            !label.is_empty()
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        if !name.split('.').all(fine) {
            return Err(format!(
                "{text:?} is no server name; write it as api.example.com, or *.example.com for all below"
            ));
        }
        Ok(if below {
            Self::Below(name.into())
        } else {
            Self::Exact(name.into())
        })
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

/// What is wrong with a listener as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The key, below the listener's own.
    pub key: String,
    /// Where in the file; `None` for the listener as a whole.
    pub span: Option<std::ops::Range<usize>>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
}

impl Listener {
    /// What is wrong with it as a whole.
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if self.upstream.is_empty() && self.route.is_empty() {
            faults.push(Fault {
                key: "upstream".to_owned(),
                span: None,
                message: "a gate has nothing behind it to pass connections to".to_owned(),
                help: "add `upstream = [\"10.0.0.1:443\"]`, the service that ends TLS".to_owned(),
            });
        }
        for (index, route) in self.route.iter().enumerate() {
            let (span, route) = (route.span(), route.get_ref());
            if route.upstream.is_empty() {
                faults.push(Fault {
                    key: format!("route[{index}].upstream"),
                    span: Some(span),
                    message: "a route leads nowhere".to_owned(),
                    help: "name at least one service, `upstream = [\"10.0.0.1:443\"]`".to_owned(),
                });
            }
            let before = self.route.iter().take(index);
            if before
                .map(|route| route.get_ref().sni.get_ref())
                .any(|sni| sni == route.sni.get_ref())
            {
                faults.push(Fault {
                    key: format!("route[{index}].sni"),
                    span: Some(route.sni.span()),
                    message: "another route is for this name already".to_owned(),
                    help: "put both lists of services into one route".to_owned(),
                });
            }
        }
        let too_many = |targets: &[Target]| targets.len() > crate::pool::MOST;
        let lists = std::iter::once(&self.upstream)
            .chain(self.route.iter().map(|route| &route.get_ref().upstream));
        if lists.into_iter().any(|targets| too_many(targets)) {
            faults.push(Fault {
                key: "upstream".to_owned(),
                span: None,
                message: format!("more than {} services in one list", crate::pool::MOST),
                help: "put a load balancer of its own before so many".to_owned(),
            });
        }
        faults
    }
}

fn default_address() -> Spanned<SocketAddr> {
    Spanned::new(0..0, SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8443))
}

const fn ten_minutes() -> Duration {
    Duration::from_secs(600)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_addresses_or_sockets() {
        for good in ["10.0.0.1:443", "[2001:db8::1]:443", "unix:/run/api.sock"] {
            assert_eq!(good.parse::<Target>().unwrap().to_string(), good);
        }
        for (bad, why) in [
            ("https://10.0.0.1", "is a URL"),
            ("10.0.0.1", "no address with a port"),
            ("api.internal:443", "names are not looked up"),
            ("unix:run/api.sock", "no whole path"),
        ] {
            let fault = bad.parse::<Target>().unwrap_err();
            assert!(fault.contains(why), "{fault}");
        }
    }

    #[test]
    fn names_are_exact_or_below() {
        let parse = |text: &str| text.parse::<Pattern>();
        assert_eq!(
            parse("API.example.com."),
            Ok(Pattern::Exact("api.example.com".into()))
        );
        assert_eq!(
            parse("*.example.com"),
            Ok(Pattern::Below("example.com".into()))
        );
        for bad in ["", "*", "a.*.b", "a b", "a..b"] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
