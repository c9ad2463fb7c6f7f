//! Cookies: that somebody showed a token, and which visitor a form belongs to. Both are signed with a key that lives as
//! long as this process.

use std::fmt::Write;

use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use sha2::Sha256;

use super::token::Token;
use super::{AccessError, Role};

/// The cookie that says who somebody is.
pub(crate) const COOKIE: &str = "sundown_console";
/// The cookie that forms belong to.
pub(crate) const VISIT: &str = "sundown_visit";
/// How long a token need not be shown again: a working day.
const LIFE: SignedDuration = SignedDuration::from_hours(12);

/// Makes and reads them.
pub(crate) struct Sessions {
    key: [u8; 32],
}

impl std::fmt::Debug for Sessions {
    /// Without the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sessions").finish_non_exhaustive()
    }
}

impl Sessions {
    pub(super) fn new(tokens: &[Token]) -> Result<Self, AccessError> {
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(|error| AccessError::NoKey(error.to_string()))?;
        let mut mac = keyed(&random);
        for token in tokens {
            mac.update(token.digest());
        }
        Ok(Self {
            key: mac.finalize().into_bytes().into(),
        })
    }

    /// The cookie of somebody with a role, from now on.
    pub(crate) fn begin(&self, role: Role, now: Timestamp) -> String {
        let until = now.saturating_add(LIFE).unwrap_or(now).as_second();
        let role = match role {
            Role::Read => "read",
            Role::Operate => "operate",
        };
        let said = format!("{role}.{until}");
        format!("{said}.{}", self.sign("session", &said))
    }

    /// The role that a cookie stands for.
    pub(crate) fn role(&self, cookie: &str, now: Timestamp) -> Option<Role> {
        let (said, signature) = cookie.rsplit_once('.')?;
        if !self.is_signed("session", said, signature) {
            return None;
        }
        let (role, until) = said.split_once('.')?;
        if until.parse::<i64>().ok()? <= now.as_second() {
            return None;
        }
        match role {
            "read" => Some(Role::Read),
            "operate" => Some(Role::Operate),
            _ => None,
        }
    }

    /// What a form of this visitor carries.
    pub(crate) fn form_token(&self, visit: &str) -> String {
        self.sign("form", visit)
    }

    fn sign(&self, purpose: &str, text: &str) -> String {
        let mut hex = String::with_capacity(64);
        for byte in self.mac(purpose, text).finalize().into_bytes() {
            // Writing to a String does not fail.
            write!(hex, "{byte:02x}").ok();
        }
        hex
    }

    fn is_signed(&self, purpose: &str, text: &str, signature: &str) -> bool {
        use subtle::ConstantTimeEq;
        self.sign(purpose, text)
            .as_bytes()
            .ct_eq(signature.as_bytes())
            .into()
    }

    fn mac(&self, purpose: &str, text: &str) -> Hmac<Sha256> {
        let mut mac = keyed(&self.key);
        mac.update(purpose.as_bytes());
        mac.update(&[0]);
        mac.update(text.as_bytes());
        mac
    }
}

fn keyed(key: &[u8; 32]) -> Hmac<Sha256> {
    #[expect(
        clippy::expect_used,
        reason = "HMAC takes a key of any length (RFC 2104)"
    )]
    let mac = Hmac::<Sha256>::new_from_slice(key).expect("a key");
    mac
}

/// Something that nobody can guess, as a visitor's name.
pub(super) fn visit() -> Option<String> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).ok()?;
    let mut hex = String::with_capacity(32);
    for byte in random {
        write!(hex, "{byte:02x}").ok();
    }
    Some(hex)
}
