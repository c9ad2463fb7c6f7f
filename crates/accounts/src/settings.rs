//! `[account]`: who is calling.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use http::Uri;
use http::header::HeaderName;
use jiff::SignedDuration;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// `[account]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, remote = "Self")]
pub struct AccountSettings {
    /// Where to look, in this order; the first that answers names the account. Default: nowhere.
    #[serde(default)]
    pub sources: Vec<AccountSource>,
    /// Names for accounts: to each the SHA-256 (hex) of its keys or tokens. A key that is not listed is known by
    /// a keyed hash of it. Keys themselves are written nowhere.
    #[serde(default)]
    pub names: BTreeMap<String, Vec<KeyHash>>,
    /// For the source `range`: a CSV file of address ranges and the accounts they belong to, one `CIDR,account` a
    /// line; of ranges that contain each other the smallest counts. Relative to the configuration file; read again
    /// when it changes. Default: none.
    pub ranges: Option<PathBuf>,
    /// For the source `bearer:CLAIM`: the keys that tokens are verified with. Without it claims are believed as they
    /// come: whoever can reach the edge can then call itself any account. Default: none.
    pub jwks: Option<JwksSettings>,
    /// Paths of OAuth 2 token endpoints behind the edge. A token request there (a POST) belongs to the client that it
    /// names: the user of HTTP Basic, or `client_id` in the form (RFC 6749 section 2.3.1), as it says and not
    /// verified; only where it names none the sources are asked. Default: none.
    #[serde(default)]
    pub token_paths: Vec<TokenPath>,
}

impl<'de> Deserialize<'de> for AccountSettings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Not this one: `remote` makes one of the same name that reads the keys and compares nothing.
        let settings = Self::deserialize(deserializer)?;
        let reads = |wanted: fn(&AccountSource) -> bool| settings.sources.iter().any(wanted);
        let by_range = reads(|source| matches!(source, AccountSource::Range));
        let by_token = reads(|source| matches!(source, AccountSource::Bearer(_)));
        let fault = match (by_range, &settings.ranges, by_token, &settings.jwks) {
            (true, None, ..) => {
                "the source \"range\" has no ranges; add `ranges = \"ranges.csv\"`, a file with one CIDR,account a line"
            }
            (false, Some(_), ..) => {
                "`ranges` is there and no source reads it; add \"range\" to `sources`"
            }
            (.., false, Some(_)) => {
                "`jwks` is there and no source reads it; add \"bearer:CLAIM\" to `sources`"
            }
            _ => return Ok(settings),
        };
        Err(D::Error::custom(fault))
    }
}

/// `[account.jwks]`: keys that bearer tokens are verified with (RFC 7517). A token that does not verify names no
/// account.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, try_from = "JwksTable")]
pub struct JwksSettings {
    /// Where the keys are.
    pub keys: KeySource,
    /// Who must have issued a token (`iss`). Default: anybody who has a key.
    pub issuer: Option<String>,
    /// Whom a token must be for (`aud`), one of these. Default: anybody.
    pub audience: Vec<String>,
    /// How often a URL is asked again. Default `"1h"`; a token with a key that is not known has it asked sooner.
    pub refresh: Duration,
}

/// Where the keys are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// A file, relative to the configuration file; read again when it changes.
    File(PathBuf),
    /// A URL, fetched when the edge starts and then again and again. Until it has answered no token verifies; when it
    /// fails, the keys that it gave last stay.
    Url(Uri),
}

/// As it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JwksTable {
    file: Option<PathBuf>,
    url: Option<String>,
    issuer: Option<String>,
    #[serde(default)]
    audience: OneOrMore,
    #[serde(default = "an_hour", deserialize_with = "duration")]
    refresh: Duration,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl Default for OneOrMore {
    fn default() -> Self {
        Self::More(Vec::new())
    }
}

const fn an_hour() -> Duration {
    Duration::from_secs(60 * 60)
}

impl TryFrom<JwksTable> for JwksSettings {
    type Error = String;

    fn try_from(table: JwksTable) -> Result<Self, String> {
        let keys = match (table.file, table.url) {
            (Some(file), None) => KeySource::File(file),
            (None, Some(url)) => KeySource::Url(trustworthy(&url)?),
            (None, None) => {
                return Err("the keys are nowhere; add `file = \"jwks.json\"` or `url = \"https://login.example.com/.well-known/jwks.json\"`".to_owned());
            }
            (Some(_), Some(_)) => {
                return Err("`file` and `url` are two places; keep one of them".to_owned());
            }
        };
        Ok(Self {
            keys,
            issuer: table.issuer,
            audience: match table.audience {
                OneOrMore::One(audience) => vec![audience],
                OneOrMore::More(audience) => audience,
            },
            refresh: table.refresh,
        })
    }
}

/// Whoever can change the keys on their way can call itself any account.
fn trustworthy(text: &str) -> Result<Uri, String> {
    let url: Uri = text
        .parse()
        .map_err(|error| format!("url {text:?} is no URL ({error}); write it as https://login.example.com/.well-known/jwks.json"))?;
    if url
        .authority()
        .is_some_and(|authority| authority.as_str().contains('@'))
    {
        return Err("url has a user or a password, which would be logged; leave it out: public keys need none".to_owned());
    }
    let host = url.host().unwrap_or_default();
    let here = host == "localhost"
        || host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    match url.scheme_str() {
        Some("https") if !host.is_empty() => Ok(url),
        Some("http") if here => Ok(url),
        _ => Err(format!(
            "url {text:?} can be changed on its way here; use https:// (http:// is for this machine alone)"
        )),
    }
}

/// The SHA-256 of a key or token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyHash(pub(crate) [u8; 32]);

impl<'de> Deserialize<'de> for KeyHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        hex_32(&text).map(Self).ok_or_else(|| {
            D::Error::custom(format!(
                "{text:?} is no SHA-256 in hex (64 digits); make one with: printf %s \"$KEY\" | sha256sum"
            ))
        })
    }
}

fn hex_32(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    // A sign would pass for a digit.
    let all_digits = text.bytes().all(|digit| digit.is_ascii_hexdigit());
    if pairs.len() != bytes.len() || !rest.is_empty() || !all_digits {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

/// A path that begins with a slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenPath(pub(crate) String);

impl<'de> Deserialize<'de> for TokenPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let path = String::deserialize(deserializer)?;
        if path.starts_with('/') && !path.contains(['?', '#']) {
            Ok(Self(path))
        } else {
            Err(D::Error::custom(format!(
                "{path:?} is no path; write it like \"/oauth/token\""
            )))
        }
    }
}

/// Where an account shows itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountSource {
    /// `header:NAME`: an API key in this header.
    Header(HeaderName),
    /// `bearer:CLAIM`: this claim of a JWT in `Authorization: Bearer`. With `[account.jwks]` it is verified; without,
    /// it is believed as it comes, and a token that is no JWT is a key.
    Bearer(String),
    /// `basic`: the user of HTTP Basic.
    Basic,
    /// `certificate`: the subject of the client certificate, verified: its common name, or the whole subject where
    /// it has no common name or several.
    Certificate,
    /// `sni`: the host name in the hello.
    Sni,
    /// `range`: the account whose range in `ranges` has the client's address.
    Range,
    /// `address`: the client's address, as far as `[privacy]` keeps it.
    Address,
}

impl<'de> Deserialize<'de> for AccountSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let fault = || {
            D::Error::custom(format!(
                "account source {text:?} is not known; the sources are \"header:NAME\", \"bearer:CLAIM\", \"basic\", \"certificate\", \"sni\", \"range\" and \"address\""
            ))
        };
        match text.split_once(':') {
            Some(("header", name)) => name.parse().map(Self::Header).map_err(|_| fault()),
            Some(("bearer", claim)) if !claim.is_empty() => Ok(Self::Bearer(claim.to_owned())),
            None if text == "basic" => Ok(Self::Basic),
            None if text == "certificate" => Ok(Self::Certificate),
            None if text == "sni" => Ok(Self::Sni),
            None if text == "range" => Ok(Self::Range),
            None if text == "address" => Ok(Self::Address),
            _ => Err(fault()),
        }
    }
}

/// Reads a length of time above zero, written like "10s" or "2m 30s".
///
/// # Errors
///
/// When it is anything else.
pub fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    let duration: SignedDuration = text.parse().map_err(|error| {
        D::Error::custom(format!(
            "{text:?} is no length of time ({error}); write one like \"10s\" or \"2m 30s\""
        ))
    })?;
    Duration::try_from(duration)
        .ok()
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| {
            D::Error::custom(format!(
                "{text:?} is no time at all; write a length of time above zero, like \"10s\""
            ))
        })
}
