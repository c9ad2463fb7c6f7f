//! The keys of the hashes that hide accounts, kept in the data directory.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use sha2::{Digest, Sha256};

/// Two keys, derived from one secret file.
#[derive(Clone, Copy)]
pub struct Secret {
    /// Decides which accounts fall into a brownout's share.
    pub share: [u8; 16],
    /// Hides API keys and tokens that have no name.
    pub account: [u8; 32],
}

impl Secret {
    /// Reads `secret.key` in `directory`; makes the directory and the file where they are missing.
    ///
    /// # Errors
    ///
    /// When the file can be neither read nor made, or is not 32 bytes long.
    pub fn open(directory: &Path) -> io::Result<Self> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)?;
        let path = directory.join("secret.key");
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => make(&path)?,
            Err(error) => return Err(error),
        };
        let secret: [u8; 32] = bytes.try_into().map_err(|_| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!(
                    "{} must be 32 bytes; remove it to have it made anew (accounts get new hashes)",
                    path.display()
                ),
            )
        })?;
        let derive = |purpose: &[u8]| {
            <[u8; 32]>::from(
                Sha256::new()
                    .chain_update(secret)
                    .chain_update(purpose)
                    .finalize(),
            )
        };
        let share = derive(b"share");
        Ok(Self {
            share: share.first_chunk().copied().unwrap_or_default(),
            account: derive(b"account"),
        })
    }
}

fn make(path: &Path) -> io::Result<Vec<u8>> {
    let mut secret = vec![0; 32];
    getrandom::fill(&mut secret).map_err(io::Error::other)?;
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?
        .write_all(&secret)?;
    Ok(secret)
}
