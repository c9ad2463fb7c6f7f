//! `[console]`: where the console listens, and who may see it.

use std::net::SocketAddr;
use std::path::PathBuf;

use floor::Cidr;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// `[console]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConsoleSettings {
    /// Where it listens beside the edge, plain HTTP. Default: nowhere; `sundown console` runs it by itself. An address
    /// that is not loopback needs `token_file`, `read_token_file` or `proxy`.
    pub listen: Option<SocketAddr>,
    /// A file whose first line is the token of those who may operate: hold, resume, write notes. At least 16 characters.
    /// Relative to the configuration file. Default: none.
    pub token_file: Option<PathBuf>,
    /// The same for those who may only read. Default: none.
    pub read_token_file: Option<PathBuf>,
    /// A proxy in front that knows who is there (OpenID Connect). Default: none.
    pub proxy: Option<ProxySettings>,
}

/// `[console.proxy]`: a proxy that authenticates people and says who they are.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProxySettings {
    /// The header in which it names the person, such as `X-Forwarded-Email`. It is believed from `trusted` alone.
    pub user_header: String,
    /// The addresses of the proxy, as CIDR ranges.
    #[serde(deserialize_with = "ranges")]
    pub trusted: Vec<Cidr>,
    /// The persons who may operate; all others read. Default: nobody.
    #[serde(default)]
    pub operators: Vec<String>,
}

fn ranges<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Cidr>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    if texts.is_empty() {
        return Err(D::Error::custom(
            "names no proxy; write its address, such as [\"10.0.0.5\"]",
        ));
    }
    texts
        .iter()
        .map(|text| text.parse().map_err(D::Error::custom))
        .collect()
}
