//! From clues to a runtime.

use std::fmt;

use hello::Version;
use serde::Serialize;

use crate::{
    data::{Family, Fingerprint, Library, Release, Support},
    knowledge::Knowledge,
};

/// Bytes of a User-Agent that are looked at; what names a runtime stands at the front.
pub const USER_AGENT_LIMIT: usize = 512;

/// Longest version believed, in bytes. Nothing real comes near it.
const VERSION_LIMIT: usize = 32;

/// What one connection showed of its client.
#[derive(Clone, Copy, Debug)]
pub struct Clues<'a> {
    /// The User-Agent header, when a request was read and it had one. Hostile input.
    pub user_agent: Option<&'a str>,
    /// JA4 of its ClientHello, as FoxIO defines it.
    pub ja4: Option<&'a str>,
    /// JA3 of its ClientHello: 32 hex digits.
    pub ja3: Option<&'a str>,
    /// The highest protocol version it offered.
    pub max_protocol: Version,
}

/// How far to trust a [`Runtime`]. The crate's first page says which clues earn which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// Only the TLS library is known, or the clues contradict each other.
    Low,
    /// One clue names the runtime.
    Medium,
    /// Two clues agree, or one names the version.
    High,
}

impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        })
    }
}

/// The client software: `Node.js 0.8.28, OpenSSL 1.0.0`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Runtime {
    /// Its name; the TLS library's when nothing more is known.
    pub runtime: String,
    /// Its version, as it writes it: ASCII letters, digits, `.`, `_`, `+` and `-`, at most 32 bytes.
    pub version: Option<String>,
    /// The TLS library under it, with the span of releases that is known: `OpenSSL 1.0.0`.
    pub library: Option<String>,
    /// How far to trust the above.
    pub confidence: Confidence,
    /// The clues it rests on: `user-agent`, `ja4`, `ja3`.
    pub from: Vec<&'static str>,
    /// The id of its rows in the knowledge base; [`Knowledge::advise`] looks there.
    pub family: &'static str,
    /// Runtimes seen with this fingerprint, when it does not settle on one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<String>,
    /// Why the clues cannot all be true, for instance a User-Agent that the offer belies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contradiction: Option<String>,
}

/// What the User-Agent says.
struct Claim<'k> {
    family: &'k Family<'static>,
    version: Option<String>,
}

/// What the fingerprints say.
struct Print<'k> {
    library: &'k Library,
    row: &'k Fingerprint,
    from: Vec<&'static str>,
}

impl Knowledge {
    /// Who the client is; `None` when no clue is known here.
    ///
    /// Takes a few microseconds: at most [`USER_AGENT_LIMIT`] bytes of the User-Agent are matched, in
    /// time linear in them, against all patterns at once.
    pub fn recognise(&self, clues: &Clues<'_>) -> Option<Runtime> {
        let claim = clues
            .user_agent
            .and_then(|user_agent| self.claim(user_agent));
        let print = self.print(clues);
        let mut runtime = match (&claim, &print) {
            (None, None) => return None,
            (Some(claim), None) => claimed(claim),
            (None, Some(print)) => self.fingerprinted(print)?,
            (Some(claim), Some(print)) => both(claim, print),
        };
        let release = self.family(runtime.family).zip(runtime.version.as_deref());
        let release = release.and_then(|(family, version)| family.release(version));
        if let Some(release) = release {
            if runtime.library.is_none() {
                runtime.library.clone_from(&release.library);
            }
            if claim.is_some() && runtime.contradiction.is_none() {
                runtime.contradiction = belied(&runtime, release, clues.max_protocol);
            }
        }
        if runtime.contradiction.is_some() {
            runtime.confidence = Confidence::Low;
        }
        Some(runtime)
    }

    fn claim(&self, user_agent: &str) -> Option<Claim<'_>> {
        let bytes = user_agent.as_bytes();
        let front = bytes.get(..USER_AGENT_LIMIT).unwrap_or(bytes);
        let (family, pattern, version) = self.by_user_agent(front)?;
        let version = version.filter(|version| printable(version)).map(|version| {
            if pattern.underscores {
                version.replace('_', ".")
            } else {
                version.to_owned()
            }
        });
        Some(Claim { family, version })
    }

    /// Of two fingerprints that name different rows of one library, the row with fewer candidates says
    /// more, and JA3 breaks a tie: it keeps the order that JA4 sorts away. Where they name different
    /// libraries JA4 wins: it covers more of the hello.
    fn print(&self, clues: &Clues<'_>) -> Option<Print<'_>> {
        let ja4 = clues.ja4.and_then(|ja4| self.by_ja4(ja4));
        let ja3 = clues.ja3.and_then(|ja3| self.by_ja3(ja3));
        let ((library, row), from) = match (ja4, ja3) {
            (Some(ja4), Some(ja3)) if ja4.0.family == ja3.0.family => {
                let narrower = breadth(ja3.1) <= breadth(ja4.1);
                (if narrower { ja3 } else { ja4 }, vec!["ja4", "ja3"])
            }
            (Some(ja4), _) => (ja4, vec!["ja4"]),
            (None, Some(ja3)) => (ja3, vec!["ja3"]),
            (None, None) => return None,
        };
        Some(Print { library, row, from })
    }

    fn fingerprinted(&self, print: &Print<'_>) -> Option<Runtime> {
        let (id, version, confidence) = match print.row.runtimes.as_slice() {
            [sole] => (&sole.family, &sole.version, Confidence::Medium),
            _ => (
                &print.library.family,
                &print.library.version,
                Confidence::Low,
            ),
        };
        let family = self.family(id)?;
        let others = print
            .row
            .runtimes
            .iter()
            .filter_map(|seen| self.family(&seen.family));
        let names = others
            .filter(|seen| seen.id != family.id)
            .map(|seen| seen.name.clone());
        Some(Runtime {
            runtime: family.name.clone(),
            version: version.clone(),
            library: Some(print.library.name.clone()),
            confidence,
            from: print.from.clone(),
            family: family.id,
            candidates: names.collect(),
            contradiction: None,
        })
    }
}

/// How many runtimes share a fingerprint; nobody knows how many where none is recorded.
fn breadth(row: &Fingerprint) -> usize {
    match row.runtimes.len() {
        0 => usize::MAX,
        known => known,
    }
}

fn claimed(claim: &Claim<'_>) -> Runtime {
    let confidence = if claim.version.is_some() {
        Confidence::High
    } else {
        Confidence::Medium
    };
    Runtime {
        runtime: claim.family.name.clone(),
        version: claim.version.clone(),
        library: None,
        confidence,
        from: vec!["user-agent"],
        family: claim.family.id,
        candidates: Vec::new(),
        contradiction: None,
    }
}

/// The User-Agent names the runtime; the fingerprint confirms it, adds the library, or speaks against it.
fn both(claim: &Claim<'_>, print: &Print<'_>) -> Runtime {
    let mut runtime = claimed(claim);
    let candidate = print
        .row
        .runtimes
        .iter()
        .find(|seen| seen.family == claim.family.id);
    let may_use = print.library.family == claim.family.id
        || claim.family.libraries.contains(&print.library.family);
    runtime.from.extend(&print.from);
    runtime.library = Some(print.library.name.clone());
    if candidate.is_none() && !may_use {
        runtime.contradiction = Some(format!(
            "the User-Agent names {}, the handshake is that of {}",
            runtime.runtime, print.library.name
        ));
        return runtime;
    }
    runtime.confidence = Confidence::High;
    if runtime.version.is_none() {
        runtime.version = candidate.and_then(|seen| seen.version.clone());
    }
    runtime
}

/// Why a release cannot have sent an offer that ends at `offered`, when it cannot.
fn belied(runtime: &Runtime, release: &Release, offered: Version) -> Option<String> {
    let never = |support: Option<Support>| support == Some(Support::Never);
    let too_much = offered >= Version::TLSV1_2 && never(Some(release.tls12))
        || offered >= Version::TLSV1_3 && never(release.tls13);
    let verb = if too_much {
        "cannot offer"
    } else if release.least.is_some_and(|least| offered < least) {
        "always offers more than"
    } else {
        return None;
    };
    Some(format!(
        "the User-Agent names {}, which {verb} {offered}",
        crate::advise::name_of(runtime)
    ))
}

/// Versions go into answers and commands: only what a version is made of passes.
fn printable(version: &str) -> bool {
    version.len() <= VERSION_LIMIT
        && version
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte))
}
