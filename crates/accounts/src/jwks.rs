//! Bearer tokens that are verified (RFC 7519) with a set of public keys (RFC 7517), from a file or a URL.
//!
//! A token that does not verify names no account. Symmetric keys are passed over: whoever can read the set could sign
//! with them.

use std::io::Read;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use http::Uri;
use jiff::Timestamp;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::{
    Algorithm, AlgorithmFamily, DecodingKey, Header, Validation, decode, decode_header,
};
use lru::LruCache;
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::credentials::text_of;
use crate::names::plain;
use crate::settings::{JwksSettings, KeySource};
use crate::stamp::{Stamp, stamp};

/// The longest token that is looked at: a browser's head has room for no longer one.
const LONGEST_TOKEN: usize = 16 << 10;
/// The longest set of keys, and how many of its keys are used; real ones have two or three.
pub const LONGEST_SET: usize = 1 << 20;
const MOST_KEYS: usize = 100;
/// Keys that one token is tried with; a token that names its key fits one.
const MOST_TRIES: usize = 8;
/// Tokens whose outcome is known: verifying takes 20 to 60 µs, a request with a token that came before none of it.
/// About 150 bytes each.
const KNOWN: NonZeroUsize = NonZeroUsize::new(10_000).unwrap();
/// How long one is known that did not verify, or that never expires; and how far clocks may differ.
const KNOWN_FOR: i64 = 60;
const LEEWAY: u64 = 60;

/// How long after a set of keys was asked for it may be asked for again, because a token names a key that is not in it,
/// or because asking failed; the wait doubles from the one to the other as it goes on failing.
const SOONEST: Duration = Duration::from_secs(10);
const LATEST: Duration = Duration::from_secs(300);

/// Verifies tokens.
pub struct Verifier {
    settings: JwksSettings,
    keys: ArcSwap<Vec<Key>>,
    known: Mutex<LruCache<[u8; 32], Known>>,
    /// The state of the file when it was last looked at.
    seen: Mutex<Stamp>,
    /// A token named a key that is not here.
    wanted: AtomicBool,
    asking: Mutex<Asking>,
}

/// How a token came out, and until when that holds.
#[derive(Clone)]
struct Known {
    account: Option<Arc<str>>,
    until: i64,
}

/// When the URL was asked.
struct Asking {
    last: Option<Instant>,
    failures: u32,
}

struct Key {
    id: Option<String>,
    algorithm: Option<Algorithm>,
    key: DecodingKey,
}

/// A set of keys that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JwksError {
    /// The file cannot be read.
    #[error("{}: {source}; `account.jwks.file` names the file", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// It is no set of keys.
    #[error(
        "{place}: no JSON Web Key Set ({fault}); it should look like {{\"keys\": [{{\"kty\": \"RSA\", …}}]}}"
    )]
    Form {
        /// The file or the URL.
        place: String,
        /// What is wrong.
        fault: String,
    },
    /// None of its keys verifies a token.
    #[error("{0}: none of its keys verifies a token; RSA, EC (P-256, P-384) and Ed25519 do")]
    NoKey(String),
}

impl Verifier {
    /// Reads the file; a URL is left to [`Verifier::due`].
    pub(crate) fn open(settings: &JwksSettings) -> Result<Self, JwksError> {
        let (keys, seen) = match &settings.keys {
            // Stamped first: a change while reading is seen as a change next time.
            KeySource::File(path) => {
                let seen = stamp(path);
                (read(path)?, seen)
            }
            KeySource::Url(_) => (Vec::new(), None),
        };
        Ok(Self {
            settings: settings.clone(),
            keys: ArcSwap::from_pointee(keys),
            known: Mutex::new(LruCache::new(KNOWN)),
            seen: Mutex::new(seen),
            wanted: AtomicBool::new(false),
            asking: Mutex::new(Asking {
                last: None,
                failures: 0,
            }),
        })
    }

    /// Takes the keys that another had from the same place: a reload must not lose what was fetched.
    pub(crate) fn go_on_from(&self, before: &Self) {
        if self.settings.keys == before.settings.keys
            && let KeySource::Url(_) = self.settings.keys
        {
            self.keys.store(before.keys.load_full());
        }
    }

    /// The account that a token's claim names, if the token verifies.
    pub(crate) fn account(&self, token: &str, claim: &str) -> Option<Arc<str>> {
        if token.len() > LONGEST_TOKEN {
            return None;
        }
        let hash = Sha256::new()
            .chain_update(claim)
            .chain_update([0])
            .chain_update(token)
            .finalize();
        let hash = <[u8; 32]>::from(hash);
        let now = real_now();
        let known = self.known().get(&hash).cloned();
        if let Some(known) = known.filter(|known| now < known.until) {
            return known.account;
        }
        let keys = self.keys.load_full();
        let claims = self.verify(&keys, token);
        let soon = now.saturating_add(KNOWN_FOR);
        let until = claims
            .as_ref()
            .and_then(|claims| claims.get("exp")?.as_f64())
            // A saturating cast; what is not a number of seconds was refused.
            .map_or(soon, |expires| soon.min(expires as i64));
        let account = claims.and_then(|claims| Some(plain(&text_of(&claims, claim)?, None)));
        let outcome = Known {
            account: account.clone(),
            until,
        };
        let mut known = self.known();
        // New keys may have come meanwhile, and have emptied it.
        if Arc::ptr_eq(&keys, &self.keys.load()) {
            known.put(hash, outcome);
        }
        account
    }

    fn verify(&self, keys: &[Key], token: &str) -> Option<Map<String, Value>> {
        let header = decode_header(token).ok()?;
        let mut fits = keys.iter().filter(|key| key.fits(&header)).peekable();
        if fits.peek().is_none() {
            self.wanted.store(true, Relaxed);
        }
        let mut validation = Validation::new(header.alg);
        let mut required = Vec::new();
        validation.leeway = LEEWAY;
        validation.validate_nbf = true;
        validation.validate_aud = !self.settings.audience.is_empty();
        if validation.validate_aud {
            validation.set_audience(&self.settings.audience);
            required.push("aud");
        }
        if let Some(issuer) = &self.settings.issuer {
            validation.set_issuer(&[issuer]);
            required.push("iss");
        }
        // A token that says when it expires is held to it; not all do.
        validation.set_required_spec_claims(&required);
        fits.take(MOST_TRIES).find_map(|key| {
            decode(token, &key.key, &validation)
                // The error's words may repeat what is in the token.
                .inspect_err(|error| {
                    tracing::debug!(why = why(error.kind()), "a token does not verify")
                })
                .ok()
                .map(|verified| verified.claims)
        })
    }

    /// Reads a file again that has changed; on an error, given once for each change, the keys stay.
    pub(crate) fn reload_if_changed(&self) -> Result<bool, JwksError> {
        let KeySource::File(path) = &self.settings.keys else {
            return Ok(false);
        };
        let now = stamp(path);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen == now {
            return Ok(false);
        }
        *seen = now;
        drop(seen);
        self.store(read(path)?);
        Ok(true)
    }

    /// The URL to be asked now, if one is.
    pub fn due(&self, now: Instant) -> Option<&Uri> {
        let KeySource::Url(url) = &self.settings.keys else {
            return None;
        };
        let asking = self.asking();
        let wait = match asking.failures {
            0 if self.wanted.load(Relaxed) => SOONEST.min(self.settings.refresh),
            0 => self.settings.refresh,
            failures => SOONEST
                .saturating_mul(1 << failures.min(6).saturating_sub(1))
                .min(LATEST)
                .min(self.settings.refresh),
        };
        let is_due = asking
            .last
            .is_none_or(|last| now.duration_since(last) >= wait);
        is_due.then_some(url)
    }

    /// Takes what the URL answered. On an error the keys stay as they were.
    pub fn answered(
        &self,
        now: Instant,
        url: &Uri,
        answer: Result<&[u8], String>,
    ) -> Result<(), JwksError> {
        let place = url.to_string();
        let keys = match answer {
            Ok(set) => parse(set, &place),
            Err(fault) => Err(JwksError::Form { place, fault }),
        };
        let mut asking = self.asking();
        asking.last = Some(now);
        match keys {
            Ok(keys) => {
                asking.failures = 0;
                drop(asking);
                self.wanted.store(false, Relaxed);
                self.store(keys);
                Ok(())
            }
            Err(error) => {
                asking.failures = asking.failures.saturating_add(1);
                Err(error)
            }
        }
    }

    fn store(&self, keys: Vec<Key>) {
        let mut known = self.known();
        self.keys.store(Arc::new(keys));
        known.clear();
    }

    fn known(&self) -> MutexGuard<'_, LruCache<[u8; 32], Known>> {
        // A cache: an entry is whole or not there.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn asking(&self) -> MutexGuard<'_, Asking> {
        self.asking.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Key {
    /// Whether a token with this header may be signed with it.
    fn fits(&self, header: &Header) -> bool {
        let named = match (&header.kid, &self.id) {
            (Some(wanted), Some(id)) => wanted == id,
            _ => true,
        };
        let algorithm = match self.algorithm {
            Some(algorithm) => algorithm == header.alg,
            None => self.key.family().algorithms().contains(&header.alg),
        };
        named && algorithm
    }
}

/// Seconds of the Unix epoch. Who issued a token wrote the real time in it, whatever the plan's clock says.
#[expect(
    clippy::disallowed_methods,
    reason = "an argument would have to come through every request, for tokens alone"
)]
fn real_now() -> i64 {
    Timestamp::now().as_second()
}

fn why(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::InvalidSignature => "its signature is wrong",
        ErrorKind::ExpiredSignature => "it has expired (exp)",
        ErrorKind::ImmatureSignature => "it is for later (nbf)",
        ErrorKind::InvalidAudience => "it is for others (aud)",
        ErrorKind::InvalidIssuer => "it is from others (iss)",
        ErrorKind::MissingRequiredClaim(_) => "it does not say whom it is from or for (iss, aud)",
        _ => "it cannot be read",
    }
}

fn read(path: &Path) -> Result<Vec<Key>, JwksError> {
    let mut set = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(LONGEST_SET as u64).read_to_end(&mut set))
        .map_err(|source| JwksError::Read {
            path: path.to_owned(),
            source,
        })?;
    parse(&set, &path.display().to_string())
}

/// The keys that verify tokens. Others may be in the set too (RFC 7517 section 5) and are passed over.
fn parse(set: &[u8], place: &str) -> Result<Vec<Key>, JwksError> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<Value>,
    }
    let set: Set = serde_json::from_slice(set).map_err(|error| JwksError::Form {
        place: place.to_owned(),
        fault: error.to_string(),
    })?;
    let keys: Vec<Key> = set
        .keys
        .into_iter()
        .filter_map(key)
        .take(MOST_KEYS)
        .collect();
    if keys.is_empty() {
        return Err(JwksError::NoKey(place.to_owned()));
    }
    Ok(keys)
}

fn key(value: Value) -> Option<Key> {
    let jwk: Jwk = serde_json::from_value(value).ok()?;
    let common = &jwk.common;
    if matches!(&common.public_key_use, Some(purpose) if *purpose != PublicKeyUse::Signature) {
        return None;
    }
    let key = DecodingKey::from_jwk(&jwk).ok()?;
    if key.family() == AlgorithmFamily::Hmac {
        return None;
    }
    let algorithm = common
        .key_algorithm
        .map(Algorithm::try_from)
        .transpose()
        .ok()?;
    if algorithm.is_some_and(|named| !key.family().algorithms().contains(&named)) {
        // It contradicts itself.
        return None;
    }
    Some(Key {
        id: common.key_id.clone(),
        algorithm,
        key,
    })
}

#[cfg(test)]
mod tests;
