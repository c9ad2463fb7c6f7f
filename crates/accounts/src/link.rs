//! Private links: a token that names one account until a moment, signed by a key of the data directory.
//!
//! Whoever holds a token may read that account's own page and nothing else. It is kept nowhere: what it names is in it,
//! and the signature (HMAC-SHA-256, RFC 2104) says that this platform wrote it.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;

/// The key's name in a data directory. Whoever replaces it ends every link.
pub const LINKS_KEY: &str = "links.key";

/// The form of a token; a later one has another number.
const VERSION: u8 = 1;
/// What else is signed, so that no other use of the key could sign a token.
const PURPOSE: &[u8] = b"sundown account link";
/// The version and the moment before an account's id.
const HEAD: usize = 1 + 8;
/// The signature behind it.
const TAG: usize = 32;
/// The longest id that is linked to, in bytes: a link must fit into a mail and into a request's head.
const LONGEST_ID: usize = 1024;
/// The longest token, in letters.
const LONGEST: usize = (HEAD + LONGEST_ID + TAG).div_ceil(3) * 4;

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Link {
    /// The account.
    pub account: String,
    /// The first moment at which it says nothing any more, on the real clock.
    pub until: Timestamp,
}

/// Why a token says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoLink {
    /// It was good once.
    Expired,
    /// Nobody here wrote it, or it was changed on its way.
    Wrong,
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The key cannot be used.
    #[error("{}: {reason}", path.display())]
    Key {
        /// The key's file.
        path: PathBuf,
        /// The reason.
        reason: io::Error,
    },
    /// The id is not one that a link can name.
    #[error("an id of {0} bytes is too long for a link; {LONGEST_ID} are the most")]
    TooLong(usize),
    /// There is no account of that id.
    #[error("an account has an id of a letter or more")]
    Empty,
}

/// The key that tokens are signed with.
#[derive(Clone)]
pub struct LinkKey([u8; 32]);

impl LinkKey {
    /// Reads the key of a data directory; `None` where nobody has made a link yet.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or is not 32 bytes long.
    pub fn read(directory: &Path) -> Result<Option<Self>, LinkError> {
        let path = directory.join(LINKS_KEY);
        let fault = |reason| LinkError::Key {
            path: path.clone(),
            reason,
        };
        let mut bytes = Vec::new();
        match fs::File::open(&path) {
            // One byte more than a key tells a file that is none.
            Ok(file) => file.take(33).read_to_end(&mut bytes).map_err(fault)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(fault(error)),
        };
        let key = bytes.try_into().map_err(|_| {
            fault(io::Error::new(
                io::ErrorKind::InvalidData,
                "must be 32 bytes; remove it to have it made anew (links that were made end with it)",
            ))
        })?;
        Ok(Some(Self(key)))
    }

    /// Reads the key of a data directory; makes the directory and the key, readable by its owner alone, where they are
    /// missing.
    ///
    /// # Errors
    ///
    /// When the file can be neither read nor made.
    pub fn open(directory: &Path) -> Result<Self, LinkError> {
        if let Some(key) = Self::read(directory)? {
            return Ok(key);
        }
        make(directory).map_err(|reason| LinkError::Key {
            path: directory.join(LINKS_KEY),
            reason,
        })?;
        // Another program may have been quicker: whichever key is there is the key.
        Self::read(directory)?.ok_or_else(|| LinkError::Key {
            path: directory.join(LINKS_KEY),
            reason: io::ErrorKind::NotFound.into(),
        })
    }

    /// A token for an account, good until a moment; fractions of a second are cut off.
    ///
    /// # Errors
    ///
    /// When the id is empty or longer than a link can be.
    pub fn token(&self, account: &str, until: Timestamp) -> Result<String, LinkError> {
        match account.len() {
            0 => return Err(LinkError::Empty),
            length if length > LONGEST_ID => return Err(LinkError::TooLong(length)),
            _ => {}
        }
        let mut token = vec![VERSION];
        token.extend_from_slice(&until.as_second().to_be_bytes());
        token.extend_from_slice(account.as_bytes());
        let tag = self.over(&token).finalize().into_bytes();
        token.extend_from_slice(&tag);
        Ok(BASE64_URL_SAFE_NO_PAD.encode(token))
    }

    /// What a token says at `now` on the real clock.
    ///
    /// # Errors
    ///
    /// When it says nothing. Only of one that was signed here is told that it has expired.
    pub fn link(&self, token: &str, now: Timestamp) -> Result<Link, NoLink> {
        if token.len() > LONGEST {
            return Err(NoLink::Wrong);
        }
        let bytes = BASE64_URL_SAFE_NO_PAD
            .decode(token)
            .map_err(|_| NoLink::Wrong)?;
        let (signed, tag) = bytes.split_last_chunk::<TAG>().ok_or(NoLink::Wrong)?;
        // In constant time.
        self.over(signed)
            .verify_slice(tag)
            .map_err(|_| NoLink::Wrong)?;
        let (version, rest) = signed.split_first().ok_or(NoLink::Wrong)?;
        let (until, account) = rest.split_first_chunk::<8>().ok_or(NoLink::Wrong)?;
        let until = Timestamp::from_second(i64::from_be_bytes(*until));
        let account = std::str::from_utf8(account);
        match (*version, until, account) {
            (VERSION, Ok(until), Ok(account)) if until > now => Ok(Link {
                account: account.to_owned(),
                until,
            }),
            (VERSION, Ok(_), Ok(_)) => Err(NoLink::Expired),
            _ => Err(NoLink::Wrong),
        }
    }

    fn over(&self, signed: &[u8]) -> Hmac<Sha256> {
        // A key that is shorter than a block is followed by zeros (RFC 2104 section 2).
        let mut block = [0; 64];
        let (key, _) = block.split_at_mut(self.0.len());
        key.copy_from_slice(&self.0);
        Hmac::<Sha256>::new(&block.into())
            .chain_update(PURPOSE)
            .chain_update(signed)
    }
}

fn make(directory: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)?;
    let mut bytes = [0; 40];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    let (key, name) = bytes.split_at(32);
    let name: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
    // Nobody is to read half a key: it gets its name when it is whole.
    let draft = directory.join(format!("{LINKS_KEY}.{name}"));
    let written = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)
        .and_then(|mut file| {
            file.write_all(key)?;
            file.sync_all()?;
            match fs::hard_link(&draft, directory.join(LINKS_KEY)) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
                _ => Ok(()),
            }
        });
    let removed = fs::remove_file(&draft);
    written.and(removed)
}

/// How long a key that was read is used: one that was replaced stops to count within that time.
const KEPT: Duration = Duration::from_secs(1);

/// The key of a data directory as it is now, for whoever is shown tokens all day.
pub struct LinkReader {
    directory: PathBuf,
    known: Mutex<Option<(Instant, Option<LinkKey>)>>,
}

impl LinkReader {
    /// Of the key in a data directory, which need not be there yet.
    pub const fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            known: Mutex::new(None),
        }
    }

    /// As [`LinkKey::link`]; without a key nobody here wrote it.
    ///
    /// # Errors
    ///
    /// When it says nothing.
    pub fn link(&self, token: &str, now: Timestamp) -> Result<Link, NoLink> {
        self.key().ok_or(NoLink::Wrong)?.link(token, now)
    }

    fn key(&self) -> Option<LinkKey> {
        // What is kept is replaced whole.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((read, key)) = &*known
            && read.elapsed() < KEPT
        {
            return key.clone();
        }
        let key = LinkKey::read(&self.directory).unwrap_or_else(|error| {
            tracing::error!("the private pages of accounts cannot be opened: {error}");
            None
        });
        *known = Some((Instant::now(), key.clone()));
        key
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_token_names_its_account_until_its_moment() {
        let directory = tempfile::tempdir().unwrap();
        let key = LinkKey::open(directory.path()).unwrap();
        let token = key.token("acme ü", at(1_000)).unwrap();
        assert!(
            token
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        );
        let link = key.link(&token, at(999)).unwrap();
        assert_eq!((link.account.as_str(), link.until), ("acme ü", at(1_000)));
        assert_eq!(key.link(&token, at(1_000)), Err(NoLink::Expired));
        // Read anew it is the same key; another data directory has another.
        let again = LinkKey::read(directory.path()).unwrap().unwrap();
        assert_eq!(again.link(&token, at(999)), Ok(link));
        let elsewhere = tempfile::tempdir().unwrap();
        let other = LinkKey::open(elsewhere.path()).unwrap();
        assert_eq!(other.link(&token, at(999)), Err(NoLink::Wrong));
        let file = fs::metadata(directory.path().join(LINKS_KEY)).unwrap();
        assert_eq!(file.permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn whatever_is_changed_in_a_token_makes_it_nobodys() {
        let key = LinkKey([7; 32]);
        let token = key.token("acme", at(1_000)).unwrap();
        let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/ \xc3";
        for place in 0..token.len() {
            for &letter in letters {
                let mut changed = token.clone().into_bytes();
                if changed[place] == letter {
                    continue;
                }
                changed[place] = letter;
                let changed = String::from_utf8_lossy(&changed).into_owned();
                assert_eq!(key.link(&changed, at(0)), Err(NoLink::Wrong), "{changed}");
            }
            assert_eq!(key.link(&token[..place], at(0)), Err(NoLink::Wrong));
        }
        for more in [format!("{token}A"), "A".repeat(LONGEST + 4), String::new()] {
            assert_eq!(key.link(&more, at(0)), Err(NoLink::Wrong));
        }
        // Of one that was changed nobody says that it has expired.
        assert_eq!(
            key.link(&format!("B{}", &token[1..]), at(2_000)),
            Err(NoLink::Wrong)
        );
    }

    #[test]
    fn an_id_is_as_long_as_a_link_can_be() {
        let key = LinkKey([7; 32]);
        let longest = "x".repeat(LONGEST_ID);
        let token = key.token(&longest, at(1_000)).unwrap();
        assert!(token.len() <= LONGEST);
        assert_eq!(key.link(&token, at(0)).unwrap().account, longest);
        assert!(matches!(
            key.token(&(longest + "x"), at(1_000)),
            Err(LinkError::TooLong(1025))
        ));
        assert!(matches!(key.token("", at(1_000)), Err(LinkError::Empty)));
    }

    #[test]
    fn a_key_that_is_none_is_said_to_be_none() {
        let directory = tempfile::tempdir().unwrap();
        assert!(LinkKey::read(directory.path()).unwrap().is_none());
        for wrong in [&[0_u8; 31][..], &[0; 33]] {
            fs::write(directory.path().join(LINKS_KEY), wrong).unwrap();
            let error = LinkKey::read(directory.path()).err().unwrap().to_string();
            assert!(error.contains("links.key: must be 32 bytes"), "{error}");
        }
    }
}
