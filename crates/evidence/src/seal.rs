//! Sums over the files of a pack, signed.
//!
//! The sums are in the form of `sha256sum`, the signature in that of minisign (Ed25519, BLAKE2b-512 before it):
//!
//! ```sh
//! minisign -V -p sundown.pub -m SHA256SUMS && sha256sum -c SHA256SUMS
//! ```

use std::fs::{self, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use minisign::{KeyPair, PublicKey, SecretKey, SecretKeyBox};
use sha2::{Digest, Sha256};

use crate::EvidenceError;

/// The sums.
pub(crate) const SUMS: &str = "SHA256SUMS";
/// Their signature.
pub(crate) const SIGNATURE: &str = "SHA256SUMS.minisig";
/// The public key that comes with a pack, for convenience: whoever trusts it must have it from elsewhere.
pub(crate) const PUBLIC: &str = "sundown.pub";

/// The secret key's name in a data directory.
const SECRET: &str = "evidence.key";

/// The key that packs are sealed with.
pub struct Key {
    secret: SecretKey,
    public: PublicKey,
}

impl std::fmt::Debug for Key {
    /// The public half.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Key")
            .field(&self.public.to_base64())
            .finish()
    }
}

impl Key {
    /// The key of a data directory; it is made where there is none yet, readable by its owner alone.
    ///
    /// # Errors
    ///
    /// When it cannot be read or written, or is no key of minisign without a password.
    pub fn of(directory: &Path) -> Result<Self, EvidenceError> {
        let path = directory.join(SECRET);
        match fs::read_to_string(&path) {
            Ok(text) => Self::read(&path, &text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Self::make(&path),
            Err(error) => Err(EvidenceError::file(&path)(error)),
        }
    }

    fn read(path: &Path, text: &str) -> Result<Self, EvidenceError> {
        let wrong = wrong(path);
        let boxed = SecretKeyBox::from_string(text).map_err(&wrong)?;
        let secret = boxed.into_unencrypted_secret_key().map_err(&wrong)?;
        let public = PublicKey::from_secret_key(&secret).map_err(&wrong)?;
        Ok(Self { secret, public })
    }

    fn make(path: &Path) -> Result<Self, EvidenceError> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let wrong = wrong(path);
        let KeyPair {
            pk: public,
            sk: secret,
        } = KeyPair::generate_unencrypted_keypair().map_err(&wrong)?;
        let text = secret
            .to_box(Some("the key that Sundown seals evidence with"))
            .map_err(&wrong)?
            .into_string();
        // Never over one that another program has made meanwhile.
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .and_then(|mut file| {
                file.write_all(text.as_bytes())
                    .and_then(|()| file.sync_all())
            });
        match written {
            Ok(()) => Ok(Self { secret, public }),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                let text = fs::read_to_string(path).map_err(EvidenceError::file(path))?;
                Self::read(path, &text)
            }
            Err(error) => Err(EvidenceError::file(path)(error)),
        }
    }

    /// The public half, as a line of Base64: what an auditor is given, by another way than the pack.
    pub fn public(&self) -> String {
        self.public.to_base64()
    }
}

fn wrong(path: &Path) -> impl Fn(minisign::PError) -> EvidenceError {
    let path = path.to_owned();
    move |error| EvidenceError::Key {
        path: path.clone(),
        reason: error.to_string(),
    }
}

/// Seals the files of a pack: writes their sums, the signature and the public key beside them.
///
/// # Errors
///
/// When a file cannot be read or written.
pub fn seal(
    directory: &Path,
    files: &[&str],
    key: &Key,
    now: Timestamp,
) -> Result<(), EvidenceError> {
    let mut sums = String::new();
    for name in files {
        let path = directory.join(name);
        sums.push_str(&sum(&path)?);
        sums.push_str("  ");
        sums.push_str(name);
        sums.push('\n');
    }
    let comment = format!("sundown evidence, sealed {now}");
    let signature = minisign::sign(
        Some(&key.public),
        &key.secret,
        sums.as_bytes(),
        Some(&comment),
        Some("verify with: minisign -V -p sundown.pub -m SHA256SUMS"),
    )
    .map_err(wrong(&directory.join(SIGNATURE)))?;
    let public = key
        .public
        .to_box()
        .map_err(wrong(&directory.join(PUBLIC)))?;
    write(&directory.join(SUMS), &sums)?;
    write(&directory.join(SIGNATURE), &signature.into_string())?;
    write(&directory.join(PUBLIC), &public.into_string())
}

fn write(path: &PathBuf, text: &str) -> Result<(), EvidenceError> {
    fs::write(path, text).map_err(EvidenceError::file(path))
}

/// The SHA-256 of a file, in hex.
pub(crate) fn sum(path: &Path) -> Result<String, EvidenceError> {
    use std::fmt::Write as _;
    let mut hasher = Sha256::new();
    let mut file = fs::File::open(path).map_err(EvidenceError::file(path))?;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer).map_err(EvidenceError::file(path))? {
            0 => break,
            read => hasher.update(buffer.get(..read).unwrap_or_default()),
        }
    }
    let mut hex = String::with_capacity(64);
    for byte in hasher.finalize() {
        // Writing to a String does not fail.
        write!(hex, "{byte:02x}").ok();
    }
    Ok(hex)
}
