//! One ECDSA and one RSA leaf, the same files for every server under test.
//!
//! Each leaf is issued by an authority of its own kind of key, so that a client held to ECDSA or RSA signatures
//! accepts the whole chain.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256,
    PKCS_RSA_SHA256, RsaKeySize,
};
use rustls::RootCertStore;

/// The name in both leaves, and the SNI of every handshake.
pub(crate) const NAME: &str = "api.example.com";

/// A leaf as PEM files.
#[derive(Debug, Clone)]
pub(crate) struct Leaf {
    /// The certificate.
    pub(crate) cert: PathBuf,
    /// Its private key, PKCS #8.
    pub(crate) key: PathBuf,
    /// Certificate and key in one file, as HAProxy wants them.
    pub(crate) both: PathBuf,
}

/// Everything a server and a client need to trust each other.
#[derive(Debug, Clone)]
pub(crate) struct Certificates {
    /// P-256.
    pub(crate) ecdsa: Leaf,
    /// RSA, 2048 bits.
    pub(crate) rsa: Leaf,
    /// The two authorities.
    pub(crate) roots: RootCertStore,
}

impl Certificates {
    /// Makes new keys and writes them below `dir`.
    pub(crate) fn make(dir: &Path) -> Result<Self> {
        fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        let mut roots = RootCertStore::empty();
        let ecdsa = leaf(dir, "ecdsa", &mut roots, || {
            KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)
        })?;
        let rsa = leaf(dir, "rsa", &mut roots, || {
            KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)
        })?;
        Ok(Self { ecdsa, rsa, roots })
    }
}

fn leaf(
    dir: &Path,
    kind: &str,
    roots: &mut RootCertStore,
    new_key: impl Fn() -> Result<KeyPair, rcgen::Error>,
) -> Result<Leaf> {
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.distinguished_name.push(
        DnType::CommonName,
        format!("Sundown bench {kind} authority"),
    );
    let authority_key = new_key()?;
    roots.add(authority.self_signed(&authority_key)?.der().clone())?;

    let key = new_key()?;
    let mut params = CertificateParams::new(vec![NAME.to_owned()])?;
    params.distinguished_name.push(DnType::CommonName, NAME);
    let cert = params.signed_by(&key, &Issuer::new(authority, authority_key))?;

    let file = |suffix: &str, text: &str| -> Result<PathBuf> {
        let path = dir.join(format!("{kind}{suffix}"));
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    };
    let (cert, key) = (cert.pem(), key.serialize_pem());
    Ok(Leaf {
        cert: file(".pem", &cert)?,
        key: file(".key", &key)?,
        both: file("-both.pem", &format!("{cert}{key}"))?,
    })
}
