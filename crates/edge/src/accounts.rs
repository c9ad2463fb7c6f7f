//! Which account a request belongs to, and which account was last seen where.
//!
//! Keys and tokens are looked at and forgotten: what leaves here is the name that the configuration maps a
//! key to, or a keyed hash of it.

use std::collections::HashMap;
use std::fmt::Write;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hello::OfferId;
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use lru::LruCache;
use sha2::{Digest, Sha256};

use crate::privacy::kept;
use crate::settings::{AccountSettings, AccountSource, Addresses};

/// Names accounts.
pub(crate) struct Accounts {
    sources: Vec<AccountSource>,
    /// SHA-256 of a key to the account's name.
    names: HashMap<[u8; 32], Arc<str>>,
    /// Makes the hash of an unlisted key useless to whoever has the logs and a list of keys, but not this.
    hash_key: [u8; 32],
    addresses: Addresses,
}

impl Accounts {
    pub(crate) fn new(
        settings: &AccountSettings,
        hash_key: [u8; 32],
        addresses: Addresses,
    ) -> Self {
        let mut names = HashMap::new();
        for (account, hashes) in &settings.names {
            let account: Arc<str> = account.as_str().into();
            names.extend(hashes.iter().map(|hash| (hash.0, account.clone())));
        }
        Self {
            sources: settings.sources.clone(),
            names,
            hash_key,
            addresses,
        }
    }

    /// Whether any source is configured.
    pub(crate) fn is_used(&self) -> bool {
        !self.sources.is_empty()
    }

    /// The account of a request: the first source that answers.
    pub(crate) fn of_request(
        &self,
        headers: &HeaderMap,
        sni: Option<&str>,
        address: IpAddr,
    ) -> Option<Arc<str>> {
        self.sources.iter().find_map(|source| match source {
            AccountSource::Header(name) => headers
                .get(name)
                .filter(|key| !key.is_empty())
                .map(|key| self.of_secret(key.as_bytes())),
            AccountSource::Bearer(claim) => {
                let token = authorization(headers, "bearer")?;
                Some(
                    jwt_claim(token, claim)
                        .map_or_else(|| self.of_secret(token.as_bytes()), |value| plain(&value)),
                )
            }
            AccountSource::Basic => {
                let credentials = STANDARD.decode(authorization(headers, "basic")?).ok()?;
                let user = credentials.split(|&byte| byte == b':').next()?;
                std::str::from_utf8(user)
                    .ok()
                    .filter(|user| !user.is_empty())
                    .map(plain)
            }
            AccountSource::Sni => sni.map(plain),
            AccountSource::Address => {
                kept(address, self.addresses).map(|address| address.to_string().into())
            }
        })
    }

    fn of_secret(&self, secret: &[u8]) -> Arc<str> {
        if let Some(name) = self.names.get(&<[u8; 32]>::from(Sha256::digest(secret))) {
            return name.clone();
        }
        let digest = Sha256::new()
            .chain_update(self.hash_key)
            .chain_update(secret)
            .finalize();
        let mut id = String::from("key:");
        for byte in digest.iter().take(8) {
            // Writing to a String does not fail.
            write!(id, "{byte:02x}").ok();
        }
        id.into()
    }
}

/// The longest account id that is kept; what is longer is cut.
const LONGEST_ID: usize = 128;

fn plain(text: &str) -> Arc<str> {
    text.chars()
        .filter(|c| !c.is_control())
        .take(LONGEST_ID)
        .collect::<String>()
        .into()
}

fn authorization<'a>(headers: &'a HeaderMap, scheme: &str) -> Option<&'a str> {
    let (found, credentials) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    found
        .eq_ignore_ascii_case(scheme)
        .then_some(credentials.trim())
        .filter(|credentials| !credentials.is_empty())
}

/// A claim of a JWT, without looking at its signature (RFC 7519 section 3).
fn jwt_claim(token: &str, claim: &str) -> Option<String> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(&payload).ok()?;
    match claims.get(claim)? {
        serde_json::Value::String(value) if !value.is_empty() => Some(value.clone()),
        serde_json::Value::Number(value) => Some(value.to_string()),
        _ => None,
    }
}

/// Which account was last seen at an address with an offer. A client that is refused sends no request, so
/// this is all there is to go by. Bounded: the pair not seen for longest is forgotten first.
pub(crate) struct Memory {
    seen: Mutex<LruCache<(IpAddr, OfferId), Arc<str>>>,
}

/// About 12 MB when full.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(100_000).unwrap();

impl Default for Memory {
    fn default() -> Self {
        Self {
            seen: Mutex::new(LruCache::new(REMEMBERED)),
        }
    }
}

impl Memory {
    pub(crate) fn remember(&self, address: IpAddr, offer: OfferId, account: &Arc<str>) {
        // A cache: whatever panicked while holding it, an entry is whole or not there.
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.put((address, offer), account.clone());
    }

    pub(crate) fn recall(&self, address: IpAddr, offer: OfferId) -> Option<Arc<str>> {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&(address, offer))
            .cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    fn accounts(sources: &str) -> Accounts {
        let settings: AccountSettings = toml::from_str(&format!(
            "sources = {sources}\nnames.acme = [\"{}\"]",
            Sha256::digest(b"secret-of-acme")
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>()
        ))
        .unwrap();
        Accounts::new(&settings, [7; 32], Addresses::Truncated)
    }

    fn of(accounts: &Accounts, headers: &[(&'static str, &str)]) -> Option<String> {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_str(value).unwrap()))
            .collect();
        accounts
            .of_request(
                &headers,
                Some("api.example.com"),
                "192.0.2.77".parse().unwrap(),
            )
            .map(|id| id.to_string())
    }

    #[test]
    fn a_listed_key_has_a_name_and_another_a_hash_that_hides_it() {
        let accounts = accounts(r#"["header:X-Api-Key"]"#);
        assert_eq!(
            of(&accounts, &[("x-api-key", "secret-of-acme")]).as_deref(),
            Some("acme")
        );
        let other = of(&accounts, &[("x-api-key", "secret-of-another")]).unwrap();
        assert!(
            other.starts_with("key:") && other.len() == 20 && !other.contains("secret"),
            "{other}"
        );
        assert_eq!(of(&accounts, &[]), None);
    }

    #[test]
    fn the_first_source_that_answers_names_the_account() {
        let accounts = accounts(r#"["bearer:client_id", "basic", "address"]"#);
        let payload = URL_SAFE_NO_PAD.encode(br#"{"client_id":"kiosk"}"#);
        assert_eq!(
            of(
                &accounts,
                &[("authorization", &format!("Bearer e30.{payload}.x"))]
            )
            .as_deref(),
            Some("kiosk")
        );
        assert!(
            of(&accounts, &[("authorization", "Bearer opaque")])
                .unwrap()
                .starts_with("key:")
        );
        assert_eq!(
            of(&accounts, &[("authorization", "Basic am86cHc=")]).as_deref(),
            Some("jo")
        );
        assert_eq!(
            of(&accounts, &[]).as_deref(),
            Some("192.0.2.0"),
            "the privacy setting holds for account ids too"
        );
    }
}
