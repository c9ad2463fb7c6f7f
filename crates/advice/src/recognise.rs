//! From clues to a runtime.

use std::fmt::{self, Write as _};

use hello::names::{Named, group_facts};
use hello::{Offer, Version};
use serde::Serialize;

use crate::{
    data::{Family, Fingerprint, Kind, Library, Rule, Support},
    knowledge::Knowledge,
    version::Range,
};

/// Bytes of a User-Agent that are looked at; what names a runtime stands at the front.
pub const USER_AGENT_LIMIT: usize = 512;

/// Longest version believed, in bytes. Nothing real comes near it.
pub(crate) const VERSION_LIMIT: usize = 32;

/// Most signature algorithms looked at; no library sends more than 30.
const SCHEMES_LIMIT: usize = 64;

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
    /// The releases that were seen with this fingerprint, where that is all that is known of the version:
    /// `>=30, <35`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub versions: Option<String>,
    /// The TLS library under it, with the span of releases that is known: `OpenSSL 1.0.0`.
    pub library: Option<String>,
    /// The library whose signature algorithms or cipher suites it offers, where its hello as a whole is not
    /// known here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub like: Option<String>,
    /// How far to trust the above.
    pub confidence: Confidence,
    /// The clues it rests on: `user-agent`, `ja4`, `ja3`; `signatures` or `suites` where only those
    /// lists of the hello are known.
    pub from: Vec<&'static str>,
    /// The id of its file in the knowledge base; [`Knowledge::advise`] looks there.
    pub family: &'static str,
    /// Runtimes seen with this fingerprint, when it does not settle on one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<String>,
    /// Why the clues cannot all be true, for instance a User-Agent that the offer belies. What is named above
    /// is then what the handshake shows, where it shows something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contradiction: Option<String>,
}

/// What the User-Agent says.
struct Claim<'k> {
    family: &'k Family<'static>,
    version: Option<String>,
    /// The TLS library that it names beside.
    library: Option<String>,
}

/// What the fingerprints say.
struct Print<'k> {
    library: &'k Library,
    row: &'k Fingerprint,
    from: Vec<&'static str>,
}

/// What a part of the hello says.
struct Like<'k> {
    library: &'k Library,
    /// The clue, by its short name and in words.
    from: &'static str,
    of: &'static str,
}

impl Knowledge {
    /// Who the client is; `None` when no clue is known here.
    ///
    /// Takes a few microseconds: at most [`USER_AGENT_LIMIT`] bytes of the User-Agent are matched, in
    /// time linear in them, against all patterns at once.
    pub fn recognise(&self, clues: &Clues<'_>) -> Option<Runtime> {
        self.recognise_with(clues, None)
    }

    /// As [`Self::recognise`], with the whole offer: what it cannot be counts too.
    pub fn recognise_offer(&self, clues: &Clues<'_>, offer: &Offer) -> Option<Runtime> {
        self.recognise_with(clues, Some(offer))
    }

    fn recognise_with(&self, clues: &Clues<'_>, offer: Option<&Offer>) -> Option<Runtime> {
        let claim = clues
            .user_agent
            .and_then(|user_agent| self.claim(user_agent));
        let print = self.print(clues);
        let like = match print {
            None => self.like(clues, offer),
            Some(_) => None,
        };
        let mut runtime = match (&claim, &print, like) {
            (None, None, None) => return None,
            (None, None, Some(like)) => self.suggested(&like)?,
            (Some(claim), None, like) => self.claimed_over(claim, like.as_ref()),
            (None, Some(print), _) => self.fingerprinted(print)?,
            (Some(claim), Some(print), _) => self.both(claim, print)?,
        };
        if let Some(claim) = claim
            && runtime.contradiction.is_none()
            && let Some(why) = self.belied(&claim, &runtime, clues.max_protocol, offer)
        {
            runtime = match &print {
                Some(print) => self.fingerprinted(print)?,
                None => runtime,
            };
            runtime.contradiction = Some(why);
        }
        if runtime.contradiction.is_some() {
            runtime.confidence = Confidence::Low;
        }
        Some(runtime)
    }

    fn claim<'c>(&'c self, user_agent: &str) -> Option<Claim<'c>> {
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
        let library = library_named(front).and_then(|(name, version)| {
            let library = self
                .families
                .iter()
                .find(|known| known.name.eq_ignore_ascii_case(name))?;
            let fits = family.libraries.iter().any(|id| id == library.id);
            (fits && printable(version)).then(|| format!("{} {version}", library.name))
        });
        Some(Claim {
            family,
            version,
            library,
        })
    }

    /// Of two fingerprints that name different rows of one library, the row with fewer candidates says
    /// more, and JA4 breaks a tie: it has the signature algorithms. Where they name different
    /// libraries JA4 wins: it covers more of the hello.
    fn print(&self, clues: &Clues<'_>) -> Option<Print<'_>> {
        let ja4 = clues.ja4.and_then(|ja4| self.by_ja4(ja4));
        let ja3 = clues.ja3.and_then(|ja3| self.by_ja3(ja3));
        let ((library, row), from) = match (ja4, ja3) {
            (Some(ja4), Some(ja3)) if ja4.0.family == ja3.0.family => {
                let narrower = breadth(ja3.1) < breadth(ja4.1);
                (if narrower { ja3 } else { ja4 }, vec!["ja4", "ja3"])
            }
            (Some(ja4), _) => (ja4, vec!["ja4"]),
            (None, Some(ja3)) => (ja3, vec!["ja3"]),
            (None, None) => return None,
        };
        Some(Print { library, row, from })
    }

    fn fingerprinted(&self, print: &Print<'_>) -> Option<Runtime> {
        let text = |range: &Option<Range>| range.as_ref().map(|range| range.text.clone());
        let shared = !print.row.peculiar
            && self
                .family(&print.library.family)
                .is_some_and(|library| library.general_purpose);
        let (id, version, versions, confidence) = match print.row.runtimes.as_slice() {
            [sole] if !shared => (
                &sole.family,
                sole.version.clone(),
                text(&sole.versions),
                Confidence::Medium,
            ),
            _ => (
                &print.library.family,
                None,
                text(&print.library.versions),
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
            version,
            versions,
            library: Some(print.library.name.clone()),
            like: None,
            confidence,
            from: print.from.clone(),
            family: family.id,
            candidates: names.collect(),
            contradiction: None,
        })
    }

    /// Who else sends such lists, where the hello as a whole is not known.
    fn like(&self, clues: &Clues<'_>, offer: Option<&Offer>) -> Option<Like<'_>> {
        let by_schemes = offer.and_then(|offer| self.by_schemes(&schemes_of(offer)?));
        match by_schemes {
            Some(library) => Some(Like {
                library,
                from: "signatures",
                of: "signature algorithms",
            }),
            None => {
                let ja4 = clues.ja4?;
                let library = self.by_suites(ja4)?;
                let kind = self.family(&library.family)?.kind;
                // From TLSv1.3 on libraries have come to the same suites, and browsers share theirs.
                let tells = !ja4.starts_with("t13") && kind == Kind::Library;
                tells.then_some(Like {
                    library,
                    from: "suites",
                    of: "cipher suites",
                })
            }
        }
    }

    /// The hello is not known, its lists are.
    fn suggested(&self, like: &Like<'_>) -> Option<Runtime> {
        let family = self.family(&like.library.family)?;
        Some(Runtime {
            runtime: family.name.clone(),
            version: None,
            versions: None,
            library: Some(family.name.clone()),
            like: Some(like.library.name.clone()),
            confidence: Confidence::Low,
            from: vec![like.from],
            family: family.id,
            candidates: Vec::new(),
            contradiction: None,
        })
    }

    /// The User-Agent names the runtime; of the hello at most lists are known. Those say which library it is
    /// where the runtime may use it, and speak against a browser that may not: nobody sets those of a browser.
    fn claimed_over(&self, claim: &Claim<'_>, like: Option<&Like<'_>>) -> Runtime {
        let mut runtime = claimed(claim);
        if runtime.library.is_none()
            && let Some(rule) = claim
                .version
                .as_deref()
                .and_then(|version| claim.family.plain_rule(version))
        {
            runtime.library.clone_from(&rule.library);
        }
        let Some(like) = like else {
            return runtime;
        };
        if may_use(claim.family, &like.library.family) {
            if runtime.library.is_none() {
                runtime.library = self.family(&like.library.family).map(|family| {
                    match family.id == claim.family.id {
                        true => like.library.name.clone(),
                        false => family.name.clone(),
                    }
                });
                runtime.like = Some(like.library.name.clone());
                runtime.from.push(like.from);
            }
        } else if claim.family.kind == Kind::Browser {
            runtime.contradiction = Some(format!(
                "the User-Agent names {}, the {} are those of {}",
                runtime.runtime, like.of, like.library.name
            ));
        }
        runtime
    }

    /// The User-Agent names the runtime; the fingerprint confirms it, adds the library, or speaks against it.
    fn both(&self, claim: &Claim<'_>, print: &Print<'_>) -> Option<Runtime> {
        let candidate = print
            .row
            .runtimes
            .iter()
            .find(|seen| seen.family == claim.family.id);
        let possible = may_use(claim.family, &print.library.family) && !print.row.peculiar;
        if candidate.is_none() && !possible {
            let mut runtime = self.fingerprinted(print)?;
            let shown = match self.family(runtime.family) {
                Some(family) if print.row.peculiar => &family.name,
                _ => &print.library.name,
            };
            runtime.contradiction = Some(format!(
                "the User-Agent names {}, the handshake is that of {shown}",
                claim.family.name
            ));
            return Some(runtime);
        }
        let mut runtime = claimed(claim);
        runtime.from.extend(&print.from);
        runtime.library = Some(print.library.name.clone());
        runtime.confidence = Confidence::High;
        if runtime.version.is_none()
            && let Some(seen) = candidate
        {
            runtime.version.clone_from(&seen.version);
            if seen.version.is_none() {
                runtime.versions = seen.versions.as_ref().map(|range| range.text.clone());
            }
        }
        Some(runtime)
    }

    /// Why what the User-Agent names cannot have sent this offer, when it cannot.
    fn belied(
        &self,
        claim: &Claim<'_>,
        runtime: &Runtime,
        offered: Version,
        offer: Option<&Offer>,
    ) -> Option<String> {
        let name = crate::advise::name_of(runtime);
        let says = |what: String| Some(format!("the User-Agent names {name}, which {what}"));
        if let Some(offer) = offer
            && offer.has_grease()
            && self.sends_no_grease(claim.family)
        {
            return says("never sends GREASE".to_owned());
        }
        let rule = runtime
            .version
            .as_deref()
            .and_then(|version| claim.family.plain_rule(version))?;
        let pq = |group: u16| group_facts(group).is_some_and(|facts| facts.post_quantum);
        if never(rule, offered) {
            says(format!("cannot offer {offered}"))
        } else if rule.least.is_some_and(|least| offered < least) {
            says(format!("always offers more than {offered}"))
        } else if rule.pq.support == Support::Never
            && claim.family.libraries.is_empty()
            && let Some(group) = offer.and_then(|offer| offer.groups().find(|group| pq(*group)))
        {
            says(format!("cannot offer {}", Named::Group(group)))
        } else {
            None
        }
    }

    /// Whether neither a family nor any library it may be built on sends GREASE.
    fn sends_no_grease(&self, family: &Family<'_>) -> bool {
        let libraries = || family.libraries.iter().filter_map(|id| self.family(id));
        family.no_grease
            || (!family.libraries.is_empty() && libraries().all(|library| library.no_grease))
    }
}

/// How many runtimes share a fingerprint; nobody knows how many where none is recorded.
fn breadth(row: &Fingerprint) -> usize {
    match row.runtimes.len() {
        0 => usize::MAX,
        known => known,
    }
}

fn may_use(family: &Family<'_>, library: &str) -> bool {
    family.id == library || family.libraries.iter().any(|id| id == library)
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
        versions: None,
        library: claim
            .library
            .clone()
            .or_else(|| claim.family.library.clone()),
        like: None,
        confidence,
        from: vec!["user-agent"],
        family: claim.family.id,
        candidates: Vec::new(),
        contradiction: None,
    }
}

/// Whether a release cannot have sent an offer that ends at `offered`.
fn never(rule: &Rule, offered: Version) -> bool {
    offered >= Version::TLSV1_2 && rule.tls12.support == Support::Never
        || offered >= Version::TLSV1_3 && rule.tls13.support == Support::Never
}

/// The signature algorithms of an offer, as the data writes them; `None` where there are none.
fn schemes_of(offer: &Offer) -> Option<String> {
    let mut text = String::with_capacity(160);
    for code in offer.signature_algorithms().take(SCHEMES_LIMIT) {
        if !text.is_empty() {
            text.push('-');
        }
        // Writing to a string cannot fail.
        let _ = write!(text, "{code:04x}");
    }
    (!text.is_empty()).then_some(text)
}

/// A TLS library and its version, as curl and its relatives name theirs: `NSS/3.13.1.0`.
fn library_named(user_agent: &[u8]) -> Option<(&str, &str)> {
    let text = std::str::from_utf8(user_agent).ok()?;
    text.split(' ').find_map(|word| {
        let (name, version) = word.split_once('/')?;
        let known = [
            "openssl",
            "libressl",
            "gnutls",
            "nss",
            "boringssl",
            "wolfssl",
        ];
        known
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known))
            .then_some((name, version))
    })
}

/// Versions go into answers and commands: only what a version is made of passes.
fn printable(version: &str) -> bool {
    version.len() <= VERSION_LIMIT
        && version
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte))
}
