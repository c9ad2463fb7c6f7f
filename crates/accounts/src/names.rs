//! Which account a connection or a request belongs to.
//!
//! Keys and tokens are looked at and forgotten: what leaves here is the name that the configuration maps a
//! key to, or a keyed hash of it.

use std::collections::HashMap;
use std::io::Write;
use std::net::IpAddr;
use std::sync::Arc;

use http::HeaderMap;
use sha2::{Digest, Sha256};

use crate::certificate::common_name;
use crate::credentials::{authorization, basic_user, unverified_claim};
use crate::jwks::{JwksError, Verifier};
use crate::privacy::{Addresses, kept};
use crate::ranges::{Ranges, RangesError};
use crate::settings::{AccountSettings, AccountSource};

/// Names accounts.
pub struct Accounts {
    sources: Vec<AccountSource>,
    /// SHA-256 of a key to the account's name.
    names: HashMap<[u8; 32], Arc<str>>,
    /// Makes the hash of an unlisted key useless to whoever has the logs and a list of keys, but not this.
    hash_key: [u8; 32],
    addresses: Addresses,
    ranges: Option<Ranges>,
    verifier: Option<Verifier>,
    token_paths: Vec<String>,
}

/// Tables that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AccountsError {
    /// The table of address ranges.
    #[error(transparent)]
    Ranges(#[from] RangesError),
    /// The keys that tokens are verified with.
    #[error(transparent)]
    Jwks(#[from] JwksError),
    /// The rules for visitors.
    #[error("[[visitor]]: {0}; write fewer or shorter `user_agent_contains`")]
    Visitors(aho_corasick::BuildError),
}

/// What a connection shows of itself, whatever is asked on it.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// Its address.
    pub address: IpAddr,
    /// The server name in its hello.
    pub sni: Option<&'a str>,
    /// The account that the client's certificate names.
    pub certificate: Option<&'a Arc<str>>,
}

/// What a record of a connection shows of who made it: a log's fields, for instance. Keys among them are looked at and
/// forgotten.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shown<'a> {
    /// Request headers, those that the record has.
    pub headers: &'a [(&'a str, &'a str)],
    /// The user of HTTP Basic.
    pub basic_user: Option<&'a str>,
    /// The subject of the client's certificate.
    pub certificate: Option<&'a str>,
    /// The account's id itself, where the record has a field for it.
    pub account: Option<&'a str>,
    /// The path that was requested, without the query.
    pub path: Option<&'a str>,
}

/// What is known of the account when the hello was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AtHello {
    /// This one: no request can name another.
    Certain(Arc<str>),
    /// This one, by the network or the name it came to, unless a request names another.
    Unless(Arc<str>),
    /// Nothing.
    Nothing,
}

impl Accounts {
    /// Reads the tables. `hash_key` is the secret's, `addresses` what of an address may be an account's id.
    ///
    /// # Errors
    ///
    /// When a table of ranges or a set of keys cannot be used; the error names the file, the line and the remedy.
    pub fn new(
        settings: &AccountSettings,
        hash_key: [u8; 32],
        addresses: Addresses,
    ) -> Result<Self, AccountsError> {
        let mut names = HashMap::new();
        for (account, hashes) in &settings.names {
            let account: Arc<str> = account.as_str().into();
            names.extend(hashes.iter().map(|hash| (hash.0, account.clone())));
        }
        Ok(Self {
            sources: settings.sources.clone(),
            names,
            hash_key,
            addresses,
            ranges: settings.ranges.as_deref().map(Ranges::open).transpose()?,
            verifier: settings.jwks.as_ref().map(Verifier::open).transpose()?,
            token_paths: settings
                .token_paths
                .iter()
                .map(|path| path.0.clone())
                .collect(),
        })
    }

    /// Whether any source is configured.
    pub fn is_used(&self) -> bool {
        !self.sources.is_empty() || !self.token_paths.is_empty()
    }

    /// Whether OAuth 2 token requests are answered at this path.
    pub fn issues_tokens(&self, path: &str) -> bool {
        self.token_paths.iter().any(|issuing| issuing == path)
    }

    /// Takes over what the settings before had and these cannot have at once.
    pub fn go_on_from(&self, before: &Self) {
        if let (Some(verifier), Some(before)) = (&self.verifier, &before.verifier) {
            verifier.go_on_from(before);
        }
    }

    /// What verifies tokens, where they are verified.
    pub fn verifier(&self) -> Option<&Verifier> {
        self.verifier.as_ref()
    }

    /// Reads the files that have changed again; on an error, given once for each change, what was read before stays in
    /// use. Says what was read.
    pub fn reload_if_changed(&self) -> Result<Option<&'static str>, AccountsError> {
        if let Some(ranges) = &self.ranges
            && ranges.reload_if_changed()?
        {
            return Ok(Some("account ranges"));
        }
        if let Some(verifier) = &self.verifier
            && verifier.reload_if_changed()?
        {
            return Ok(Some("token keys"));
        }
        Ok(None)
    }

    /// What is known before any request. A source that looks at requests may answer at the first, so what comes after
    /// it is not certain yet; so may a certificate, and a token request where there are token endpoints.
    pub fn at_hello(&self, address: IpAddr, sni: Option<&str>) -> AtHello {
        let mut certain = self.token_paths.is_empty();
        for source in &self.sources {
            let found = match source {
                AccountSource::Header(_)
                | AccountSource::Bearer(_)
                | AccountSource::Basic
                | AccountSource::Certificate => {
                    certain = false;
                    continue;
                }
                AccountSource::Sni | AccountSource::Range | AccountSource::Address => {
                    self.of_place(source, Some(address), sni, None)
                }
            };
            match found {
                Some(account) if certain => return AtHello::Certain(account),
                // An address as the last resort names nobody whom it would help to infer.
                Some(account) if *source != AccountSource::Address => {
                    return AtHello::Unless(account);
                }
                Some(_) => return AtHello::Nothing,
                None => {}
            }
        }
        AtHello::Nothing
    }

    /// The account of a request: the first source that answers. `before` is what the connection showed last; most
    /// requests show the same, and cost no room then.
    pub fn of_request(
        &self,
        headers: &HeaderMap,
        place: Place<'_>,
        before: Option<&Arc<str>>,
    ) -> Option<Arc<str>> {
        self.sources.iter().find_map(|source| match source {
            AccountSource::Header(name) => headers
                .get(name)
                .filter(|key| !key.is_empty())
                .map(|key| self.of_secret(key.as_bytes(), before)),
            AccountSource::Bearer(claim) => {
                self.of_token(authorization(headers, "bearer")?, claim, before)
            }
            AccountSource::Basic => basic_user(headers).map(|user| plain(&user, before)),
            AccountSource::Certificate => place.certificate.cloned(),
            AccountSource::Sni | AccountSource::Range | AccountSource::Address => {
                self.of_place(source, Some(place.address), place.sni, before)
            }
        })
    }

    /// The account of what was recorded elsewhere: the same sources, as far as the record has them.
    pub fn of_record(
        &self,
        shown: &Shown<'_>,
        address: Option<IpAddr>,
        sni: Option<&str>,
    ) -> Option<Arc<str>> {
        let header = |name: &str| {
            let mut all = shown.headers.iter();
            all.find(|(shown, value)| shown.eq_ignore_ascii_case(name) && !value.is_empty())
                .map(|(_, value)| *value)
        };
        if let Some(account) = shown.account {
            return Some(plain(account, None));
        }
        self.sources.iter().find_map(|source| match source {
            AccountSource::Header(name) => {
                header(name.as_str()).map(|key| self.of_secret(key.as_bytes(), None))
            }
            AccountSource::Bearer(claim) => {
                let (scheme, token) = header("authorization")?.split_once(' ')?;
                let is_bearer = scheme.eq_ignore_ascii_case("bearer");
                is_bearer.then(|| self.of_token(token.trim(), claim, None))?
            }
            AccountSource::Basic => shown.basic_user.map(|user| plain(user, None)),
            AccountSource::Certificate => shown
                .certificate
                .map(|subject| plain(common_name(subject), None)),
            AccountSource::Sni | AccountSource::Range | AccountSource::Address => {
                self.of_place(source, address, sni, None)
            }
        })
    }

    fn of_place(
        &self,
        source: &AccountSource,
        address: Option<IpAddr>,
        sni: Option<&str>,
        before: Option<&Arc<str>>,
    ) -> Option<Arc<str>> {
        match source {
            AccountSource::Sni => sni.map(|sni| plain(sni, before)),
            AccountSource::Range => self.ranges.as_ref()?.find(address?),
            AccountSource::Address => {
                kept(address?, self.addresses).map(|address| plain(&address.to_string(), before))
            }
            _ => None,
        }
    }

    fn of_token(&self, token: &str, claim: &str, before: Option<&Arc<str>>) -> Option<Arc<str>> {
        let Some(verifier) = &self.verifier else {
            return Some(unverified_claim(token, claim).map_or_else(
                || self.of_secret(token.as_bytes(), before),
                |value| plain(&value, before),
            ));
        };
        // A token in the configured table is as good as a verified one.
        self.listed(token.as_bytes())
            .or_else(|| verifier.account(token, claim))
    }

    fn listed(&self, secret: &[u8]) -> Option<Arc<str>> {
        if self.names.is_empty() {
            return None;
        }
        self.names
            .get(&<[u8; 32]>::from(Sha256::digest(secret)))
            .cloned()
    }

    fn of_secret(&self, secret: &[u8], before: Option<&Arc<str>>) -> Arc<str> {
        if let Some(name) = self.listed(secret) {
            return name;
        }
        let digest = Sha256::new()
            .chain_update(self.hash_key)
            .chain_update(secret)
            .finalize();
        let eight = digest.first_chunk().copied().unwrap_or_default();
        let mut id = [0; "key:".len() + 16];
        // As long as what is written to it.
        write!(&mut id[..], "key:{:016x}", u64::from_be_bytes(eight)).ok();
        same(std::str::from_utf8(&id).unwrap_or_default(), before)
    }
}

/// The longest account id that is kept; what is longer is cut.
pub(crate) const LONGEST_ID: usize = 128;

/// An id from what somebody else wrote.
pub fn plain(text: &str, before: Option<&Arc<str>>) -> Arc<str> {
    if text.len() <= LONGEST_ID && !text.contains(char::is_control) {
        return same(text, before);
    }
    text.chars()
        .filter(|c| !c.is_control())
        .take(LONGEST_ID)
        .collect::<String>()
        .into()
}

/// The id, in the room of the last where it is the same.
fn same(id: &str, before: Option<&Arc<str>>) -> Arc<str> {
    before
        .filter(|before| &***before == id)
        .cloned()
        .unwrap_or_else(|| id.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use http::header::HeaderValue;

    const ADDRESS: &str = "192.0.2.77";

    fn accounts(text: &str) -> Accounts {
        let settings: AccountSettings = toml::from_str(&format!(
            "{text}\nnames.acme = [\"{}\"]",
            Sha256::digest(b"secret-of-acme")
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>()
        ))
        .unwrap();
        Accounts::new(&settings, [7; 32], Addresses::Truncated).unwrap()
    }

    fn of(accounts: &Accounts, headers: &[(&'static str, &str)]) -> Option<String> {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_str(value).unwrap()))
            .collect();
        let place = Place {
            address: ADDRESS.parse().unwrap(),
            sni: Some("api.example.com"),
            certificate: None,
        };
        accounts
            .of_request(&headers, place, None)
            .map(|id| id.to_string())
    }

    #[test]
    fn a_listed_key_has_a_name_and_another_a_hash_that_hides_it() {
        let accounts = accounts(r#"sources = ["header:X-Api-Key"]"#);
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
        let accounts = accounts(r#"sources = ["bearer:client_id", "basic", "address"]"#);
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

    #[test]
    fn a_record_names_the_account_that_the_request_named() {
        let accounts =
            accounts(r#"sources = ["header:X-Api-Key", "basic", "certificate", "address"]"#);
        let key = "secret-of-another";
        let headers = [("x-api-key", key)];
        let record = |shown: Shown<'_>| {
            let address = Some(ADDRESS.parse().unwrap());
            accounts
                .of_record(&shown, address, None)
                .map(|id| id.to_string())
        };
        let by_header = record(Shown {
            headers: &headers,
            ..Shown::default()
        });
        assert_eq!(by_header, of(&accounts, &[("x-api-key", key)]));
        for (subject, id) in [
            ("CN=kiosk,O=Acme", "kiosk"),
            ("/O=Acme/CN=kiosk", "kiosk"),
            ("O=Acme", "O=Acme"),
            (r"CN=a\,CN=b", r"CN=a\,CN=b"),
        ] {
            let by_certificate = record(Shown {
                certificate: Some(subject),
                ..Shown::default()
            });
            assert_eq!(by_certificate.as_deref(), Some(id));
        }
        let named = record(Shown {
            account: Some("acme"),
            headers: &headers,
            ..Shown::default()
        });
        assert_eq!(
            named.as_deref(),
            Some("acme"),
            "the record says it outright"
        );
        assert_eq!(record(Shown::default()).as_deref(), Some("192.0.2.0"));
    }

    #[test]
    fn the_same_account_again_takes_no_room() {
        let accounts = accounts(r#"sources = ["header:X-Api-Key"]"#);
        let mut headers = HeaderMap::new();
        headers.insert("x-api-key", HeaderValue::from_static("unlisted"));
        let place = Place {
            address: ADDRESS.parse().unwrap(),
            sni: None,
            certificate: None,
        };
        let first = accounts.of_request(&headers, place, None).unwrap();
        let again = accounts.of_request(&headers, place, Some(&first)).unwrap();
        assert!(Arc::ptr_eq(&first, &again));
    }

    #[test]
    fn at_the_hello_only_what_no_request_can_change_is_certain() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "192.0.2.0/24,globex\n").unwrap();
        let ranges = format!("ranges = {:?}\n", file.path());
        let at_hello = |text: &str, sni| accounts(text).at_hello(ADDRESS.parse().unwrap(), sni);
        let globex = || Arc::from("globex");
        let sources = |list: &str| format!("{ranges}sources = [{list}]");
        for (list, expected) in [
            (r#""range""#, AtHello::Certain(globex())),
            (r#""sni", "range", "basic""#, AtHello::Certain(globex())),
            (r#""header:X-Api-Key", "range""#, AtHello::Unless(globex())),
            (r#""certificate", "range""#, AtHello::Unless(globex())),
        ] {
            assert_eq!(at_hello(&sources(list), None), expected, "{list}");
        }
        let named = AtHello::Certain("a.example".into());
        assert_eq!(at_hello(r#"sources = ["sni"]"#, Some("a.example")), named);
        let with_tokens = "sources = [\"sni\"]\ntoken_paths = [\"/token\"]";
        let unless = AtHello::Unless("a.example".into());
        assert_eq!(at_hello(with_tokens, Some("a.example")), unless);
        let address = AtHello::Certain("192.0.2.0".into());
        assert_eq!(at_hello(r#"sources = ["address"]"#, None), address);
        let last_resort = r#"sources = ["basic", "address"]"#;
        assert_eq!(at_hello(last_resort, None), AtHello::Nothing);
    }

    #[test]
    fn a_source_without_its_table_is_a_mistake() {
        for (text, word) in [
            ("sources = [\"range\"]", "add `ranges ="),
            ("ranges = \"a.csv\"", "add \"range\""),
            ("jwks.file = \"a\"", "add \"bearer:CLAIM\""),
            ("sources = [\"bearer:sub\"]\njwks = {}", "add `file ="),
            (
                "sources = [\"bearer:sub\"]\njwks.url = \"http://a.example/\"",
                "use https://",
            ),
            ("token_paths = [\"token\"]", "write it like"),
        ] {
            let error = toml::from_str::<AccountSettings>(text).unwrap_err();
            assert!(error.to_string().contains(word), "{text}: {error}");
        }
    }
}
