//! From a group of lines to [`Evidence`].

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use foldhash::quality::RandomState;
use hello::{NotTls, Offer, PartialOffer, Version, names as code_points};
use jiff::Timestamp;
use ledger::{Negotiated, Outcome};

use super::format::{Escape, Tells};
use super::groups::{Seen, Sort, path};
use super::line::Field;
use super::names;
use super::servers::Servers;
use crate::{Evidence, Shown};

/// What stands for a suite or a reason that has no name.
const UNKNOWN: &str = "unknown";

/// What is the same for all groups of a log.
#[derive(Clone, Debug)]
pub(crate) struct Shower {
    pub(crate) source: Arc<str>,
    pub(crate) escape: Escape,
    pub(crate) tells: Tells,
    pub(crate) headers: Vec<String>,
    /// What these bytes of a line mean: a few dozen programs say the same over and over.
    pub(crate) known: HashMap<Vec<u8>, Meant, RandomState>,
    /// The bytes that are looked up, to spare an allocation for each group.
    pub(crate) scratch: Vec<u8>,
}

/// What was agreed and offered.
type Meant = (Option<Negotiated>, Option<Offer>);

/// Meanings that are remembered; when they are full they are forgotten. Real clients have a few hundred, and 64 KiB of
/// offer need 64 KiB of log.
const MOST_KNOWN: usize = 4096;

/// What an offer and what was agreed are made of.
const MEANING: [Field; 10] = [
    Field::Protocol,
    Field::Cipher,
    Field::Group,
    Field::Alpn,
    Field::Resumed,
    Field::Suites,
    Field::Groups,
    Field::OfferedVersion,
    Field::OfferedVersions,
    Field::Ja3,
];

impl Shower {
    /// Hands a group on as evidence.
    pub(crate) fn show<T>(
        &mut self,
        seen: &Seen<'_>,
        servers: &Servers,
        hand_on: impl FnOnce(&Evidence<'_>) -> T,
    ) -> T {
        let (negotiated, offer) = self.meant(seen, servers);
        let text = |field: Field| self.text(seen.line.get(field));
        let sni = text(Field::ServerName);
        let (user_agent, user) = (text(Field::UserAgent), text(Field::User));
        let (certificate, account) = (text(Field::Certificate), text(Field::Account));
        let path = self.text(path(seen.line.get(Field::Request)));
        let values: Vec<(&str, Cow<'_, str>)> = self
            .headers
            .iter()
            .zip(0_u8..)
            .filter_map(|(name, nth)| {
                Some((name.as_str(), self.text(seen.line.get(Field::Header(nth)))?))
            })
            .collect();
        let headers: Vec<(&str, &str)> = values
            .iter()
            .map(|(name, value)| (*name, &**value))
            .collect();
        let (outcome, requests) = match seen.sort {
            Sort::Served if self.tells == Tells::Requests => (Outcome::Terminated, seen.lines),
            Sort::Served | Sort::Silent => (Outcome::Terminated, 0),
            Sort::PlainHttp => (
                Outcome::NotTls {
                    protocol: NotTls::Http,
                },
                0,
            ),
            Sort::Failed => (
                Outcome::HandshakeFailed {
                    reason: UNKNOWN,
                    alert: None,
                },
                0,
            ),
        };
        hand_on(&Evidence {
            first: moment(seen.first),
            last: moment(seen.last),
            source: &self.source,
            address: address(seen.line.get(Field::Address)),
            port: None,
            server: server(seen),
            sni: sni.as_deref().filter(|name| is_name(name)),
            offer,
            negotiated,
            shown: Shown {
                headers: &headers,
                basic_user: user.as_deref(),
                certificate: certificate.as_deref(),
                account: account.as_deref(),
                path: path.as_deref(),
            },
            user_agent: user_agent.as_deref(),
            outcome,
            connections: seen.connections,
            requests,
        })
    }

    fn meant(&mut self, seen: &Seen<'_>, servers: &Servers) -> Meant {
        let server = servers.latest_of(seen.line.get(Field::ServerName));
        self.scratch.clear();
        self.scratch
            .extend(server.map_or(0, |version| version.0).to_be_bytes());
        for field in MEANING {
            let value = seen.line.get(field);
            self.scratch.extend((value.len() as u64).to_be_bytes());
            self.scratch.extend_from_slice(value);
        }
        if let Some(known) = self.known.get(&self.scratch) {
            return known.clone();
        }
        let meant = (negotiated(seen), offer(seen, server));
        if self.known.len() >= MOST_KNOWN {
            self.known.clear();
        }
        self.known.insert(self.scratch.clone(), meant.clone());
        meant
    }

    fn text<'a>(&self, value: &'a [u8]) -> Option<Cow<'a, str>> {
        if value.is_empty() {
            return None;
        }
        let bytes = match self.escape {
            Escape::None => Cow::Borrowed(value),
            Escape::Backslash => backslashes(value),
            Escape::Json => json(value),
            Escape::Percent => percents(value),
            Escape::Hash => Cow::Owned(marked(value, b'#')),
        };
        Some(match bytes {
            Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        })
    }
}

/// The version that a group's lines say was agreed.
pub(crate) fn agreed(seen: &Seen<'_>) -> Option<Version> {
    names::version(seen.line.get(Field::Protocol))
}

fn negotiated(seen: &Seen<'_>) -> Option<Negotiated> {
    let version = agreed(seen)?;
    let cipher = names::suite(seen.line.get(Field::Cipher)).and_then(names::suite_name);
    Some(Negotiated {
        version,
        cipher: cipher.unwrap_or(UNKNOWN),
        group: names::group(seen.line.get(Field::Group)).and_then(code_points::group),
        alpn: ["h2", "http/1.1", "http/1.0"]
            .into_iter()
            .find(|name| name.as_bytes() == seen.line.get(Field::Alpn)),
        // `r` nginx, `Resumed` Apache, `1` HAProxy, `T` Zeek.
        resumed: matches!(
            seen.line.get(Field::Resumed),
            b"r" | b"Resumed" | b"1" | b"T" | b"true"
        ),
    })
}

fn offer(seen: &Seen<'_>, server: Option<Version>) -> Option<Offer> {
    let line = &seen.line;
    let mut partial = PartialOffer {
        agreed_version: agreed(seen),
        agreed_suite: names::suite(line.get(Field::Cipher)),
        agreed_group: names::group(line.get(Field::Group)),
        server_max: None,
        max_version: None,
        suites: names::list(line.get(Field::Suites), names::suite),
        groups: names::list(line.get(Field::Groups), names::group),
    };
    if let Some(ja3) = Ja3::read(line.get(Field::Ja3)) {
        partial.max_version = ja3.max_version();
        partial.suites.get_or_insert(ja3.suites);
        partial.groups.get_or_insert(ja3.groups);
    }
    let listed = latest_listed(line.get(Field::OfferedVersions));
    let legacy = names::version(line.get(Field::OfferedVersion));
    // Without supported_versions the client speaks what its hello says (RFC 8446 appendix D.1). Where a list could be
    // there and is not, only what is older than TLS 1.2 is certain: nothing that speaks TLS 1.3 says less.
    let by_legacy = legacy.filter(|version| *version < Version::TLSV1_2);
    partial.max_version = partial.max_version.or(listed).or(by_legacy);
    if partial.is_empty() {
        return None;
    }
    partial.server_max = server;
    Some(Offer::from(&partial))
}

/// The latest of the versions in a list.
fn latest_listed(text: &[u8]) -> Option<Version> {
    text.split(|byte| matches!(byte, b',' | b':' | b'-' | b'[' | b']' | b'"'))
        .filter_map(names::version)
        .max()
}

/// The text that a JA3 fingerprint is the hash of: version, suites, extensions, groups, point formats, in decimal.
struct Ja3 {
    version: Version,
    suites: Vec<u16>,
    groups: Vec<u16>,
    has_versions: bool,
}

/// The extension supported_versions.
const SUPPORTED_VERSIONS: u16 = 43;

impl Ja3 {
    fn read(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let mut parts = text.split(',');
        let version = Version(parts.next()?.parse().ok()?);
        let mut codes = || -> Option<Vec<u16>> {
            let part = parts.next()?;
            let numbers = part.split('-').filter(|number| !number.is_empty());
            numbers.map(|number| number.parse().ok()).collect()
        };
        let (suites, extensions, groups) = (codes()?, codes()?, codes()?);
        let without_grease = |codes: Vec<u16>| {
            codes
                .into_iter()
                .filter(|code| !hello::is_grease(*code))
                .collect()
        };
        (!suites.is_empty()).then(|| Self {
            version,
            has_versions: extensions.contains(&SUPPORTED_VERSIONS),
            suites: without_grease(suites),
            groups: without_grease(groups),
        })
    }

    /// Without supported_versions the version of the hello is the latest that the client speaks. With it the suites
    /// tell.
    fn max_version(&self) -> Option<Version> {
        (!self.has_versions)
            .then_some(self.version.min(Version::TLSV1_2))
            .filter(|version| version.is_known())
    }
}

fn moment(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or_default()
}

/// An address, as it is written or what is left of it.
fn address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    // A network ends with what divides its groups.
    match text.as_bytes().last()? {
        b'.' => format!("{text}0").parse().ok(),
        b':' if !text.ends_with("::") => format!("{text}:").parse().ok(),
        // A zone says which interface of the server it was.
        _ => text.split('%').next()?.parse().ok(),
    }
}

fn server(seen: &Seen<'_>) -> Option<SocketAddr> {
    let server = std::str::from_utf8(seen.line.get(Field::Server)).ok()?;
    if let Ok(whole) = server.parse() {
        return Some(whole);
    }
    let port = std::str::from_utf8(seen.line.get(Field::ServerPort)).ok()?;
    Some(SocketAddr::new(server.parse().ok()?, port.parse().ok()?))
}

/// Whether it can be the name of a host; `_` is what nginx calls a server without one.
fn is_name(name: &str) -> bool {
    name != "_" && !name.is_empty()
}

/// As nginx and Apache write what is not plain: `\x22`, `\"`, `\\`, `\n`.
fn backslashes(value: &[u8]) -> Cow<'_, [u8]> {
    let Some(first) = memchr::memchr(b'\\', value) else {
        return Cow::Borrowed(value);
    };
    let (plain, mut rest) = value.split_at(first);
    let mut out = plain.to_vec();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'\\' {
            out.push(*byte);
            continue;
        }
        match after {
            [b'x', high, low, tail @ ..] if hex(*high).is_some() && hex(*low).is_some() => {
                out.push(hex(*high).unwrap_or_default() << 4 | hex(*low).unwrap_or_default());
                rest = tail;
            }
            [other, tail @ ..] => {
                out.push(match other {
                    b'n' => b'\n',
                    b't' => b'\t',
                    b'r' => b'\r',
                    b'b' => 8,
                    b'v' => 11,
                    other => *other,
                });
                rest = tail;
            }
            [] => out.push(b'\\'),
        }
    }
    Cow::Owned(out)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

/// The inside of a JSON string.
fn json(value: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'\\', value).is_none() {
        return Cow::Borrowed(value);
    }
    let quoted = [b"\"", value, b"\""].concat();
    match serde_json::from_slice::<String>(&quoted) {
        Ok(text) => Cow::Owned(text.into_bytes()),
        Err(_) => Cow::Borrowed(value),
    }
}

/// Bytes whose two hexadecimal digits stand behind a mark.
fn marked(value: &[u8], mark: u8) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match (byte, after) {
            (byte, [high, low, tail @ ..])
                if *byte == mark && hex(*high).is_some() && hex(*low).is_some() =>
            {
                out.push(hex(*high).unwrap_or_default() << 4 | hex(*low).unwrap_or_default());
                rest = tail;
            }
            (byte, _) => out.push(*byte),
        }
    }
    out
}

/// As in URLs, once or twice.
fn percents(value: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'%', value).is_none() {
        return Cow::Borrowed(value);
    }
    Cow::Owned(marked(&marked(value, b'%'), b'%'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_escaped_is_as_it_was() {
        assert_eq!(&*backslashes(br#"a\x22b\\c\"d\xZZ\"#), br#"a"b\c"dxZZ\"#);
        assert_eq!(&*json(br"caf\u00e9 \/"), "café /".as_bytes());
        assert_eq!(&*percents(b"curl%2520a%20b%2"), b"curl a b%2");
        assert!(matches!(backslashes(b"plain"), Cow::Borrowed(_)));
    }

    #[test]
    fn addresses_whole_and_cut() {
        for (text, expected) in [
            ("192.0.2.1", "192.0.2.1"),
            ("192.0.2.", "192.0.2.0"),
            ("2001:db8:1:", "2001:db8:1::"),
            ("2001:db8::1", "2001:db8::1"),
            ("fe80::1%eth0", "fe80::1"),
        ] {
            let found = address(text.as_bytes()).map(|address| address.to_string());
            assert_eq!(found.as_deref(), Some(expected), "{text}");
        }
        assert_eq!(address(b"unix:"), None);
    }

    #[test]
    fn a_ja3_text_shows_the_lists_and_where_it_can_the_version() {
        let old = Ja3::read(b"769,47-10,0-10-11,23-24,0").expect("a text");
        assert_eq!(old.max_version(), Some(Version::TLSV1));
        assert_eq!((old.suites, old.groups), (vec![47, 10], vec![23, 24]));
        let new = Ja3::read(b"771,2570-4865-49195,0-43-10,2570-29,0").expect("a text");
        assert_eq!(new.max_version(), None, "the suites tell");
        assert_eq!((new.suites, new.groups), (vec![4865, 49195], vec![29]));
        assert!(
            Ja3::read(b"771,,,,").is_none()
                && Ja3::read(b"d41d8cd98f00b204e9800998ecf8427e").is_none()
        );
    }
}
