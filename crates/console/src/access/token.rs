//! Tokens: kept as their hash, compared in constant time, written nowhere.

use std::fmt;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{AccessError, Role};

/// Characters that a token has at least. What is compared over a network a million times a second is not guessed then.
pub(super) const LEAST: usize = 16;
/// Bytes of a file that holds one line.
const MOST: u64 = 4096;

/// A token that is accepted.
pub(crate) struct Token {
    digest: [u8; 32],
    pub(crate) role: Role,
}

impl fmt::Debug for Token {
    /// Without its digest: a short token could be found from it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

impl Token {
    pub(super) fn read(path: &Path, role: Role) -> Result<Self, AccessError> {
        let unreadable = |reason| AccessError::Unreadable {
            path: path.to_owned(),
            reason,
        };
        let file = fs::metadata(path).map_err(unreadable)?;
        if file.permissions().mode() & 0o077 != 0 {
            return Err(AccessError::Shared(path.to_owned()));
        }
        if file.len() > MOST {
            return Err(unreadable(std::io::Error::other(
                "it is too long for a token",
            )));
        }
        let text = fs::read_to_string(path).map_err(unreadable)?;
        let token = text.lines().next().unwrap_or_default().trim();
        if token.chars().count() < LEAST {
            return Err(AccessError::Short(path.to_owned()));
        }
        Ok(Self {
            digest: Sha256::digest(token).into(),
            role,
        })
    }

    pub(super) fn fits(&self, token: &str) -> bool {
        let digest: [u8; 32] = Sha256::digest(token).into();
        digest.ct_eq(&self.digest).into()
    }

    /// What sessions are bound to: another token ends them.
    pub(super) const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }
}
