//! Certificates from PEM files, several by SNI, ECDSA and RSA side by side, read again when they change.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use s2n_tls::cert_chain::{self, CertificateChain};
use s2n_tls::config::Config;
use s2n_tls::error::Error as S2nError;
use x509_parser::pem::Pem;

use super::policy::Serving;
use crate::settings::CertificateFiles;

/// The certificates of one listener, as a TLS configuration that is swapped when a file changes.
pub(crate) struct Certificates {
    files: Vec<CertificateFiles>,
    current: ArcSwap<Loaded>,
    /// The files that could not be used when they were last looked at: once is enough to say so.
    unusable: Mutex<Option<Vec<Stamp>>>,
}

/// Tells one state of a file from another: when it was changed, its length and its inode. The time alone does not
/// show a file put in place of another by a tool that keeps times (`cp -p`).
type Stamp = Option<(SystemTime, u64, u64)>;

struct Loaded {
    config: Config,
    stamps: Vec<Stamp>,
    names: Vec<String>,
}

/// Certificates that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// A file holds no certificate.
    #[error("{}: no certificate in PEM form; it should begin with -----BEGIN CERTIFICATE-----", .0.display())]
    NoCertificate(PathBuf),
    /// The certificate and key do not make a usable pair.
    #[error("{} with key {}: {reason} ({name})", cert.display(), key.display())]
    Unusable {
        /// The certificate file.
        cert: PathBuf,
        /// The key file.
        key: PathBuf,
        /// s2n-tls's name for the fault.
        name: &'static str,
        /// s2n-tls's words for it.
        reason: &'static str,
    },
    /// The TLS library refused the configuration as a whole.
    #[error("TLS configuration: {0}")]
    Configuration(#[from] S2nError),
    /// The local certificates could not be made.
    #[error("making local certificates in {}: {source}", directory.display())]
    Local {
        /// Where they were to be kept.
        directory: PathBuf,
        /// What went wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Certificates {
    /// Reads all files.
    pub(crate) fn load(files: Vec<CertificateFiles>) -> Result<Self, CertificateError> {
        let loaded = Loaded::read(&files)?;
        Ok(Self {
            files,
            current: ArcSwap::from_pointee(loaded),
            unusable: Mutex::default(),
        })
    }

    /// The configuration to use for the next handshake.
    pub(crate) fn config(&self) -> Config {
        self.current.load().config.clone()
    }

    /// The host names that the certificates are for.
    pub(crate) fn names(&self) -> Vec<String> {
        self.current.load().names.clone()
    }

    /// Reads the files again if one has changed; on an error, given once for each change, the old ones stay in use.
    pub(crate) fn reload_if_changed(&self) -> Result<bool, CertificateError> {
        let stamps = stamps(&self.files);
        // A whole value is put in its place each time, whatever panicked before.
        let mut unusable = self.unusable.lock().unwrap_or_else(PoisonError::into_inner);
        if self.current.load().stamps == stamps || unusable.as_ref() == Some(&stamps) {
            return Ok(false);
        }
        match Loaded::read(&self.files) {
            Ok(loaded) => {
                self.current.store(Arc::new(loaded));
                *unusable = None;
                Ok(true)
            }
            Err(error) => {
                *unusable = Some(stamps);
                Err(error)
            }
        }
    }
}

impl Loaded {
    fn read(files: &[CertificateFiles]) -> Result<Self, CertificateError> {
        // Taken first: a change while reading is seen as a change next time.
        let stamps = stamps(files);
        let mut config = Config::builder();
        config.set_security_policy(Serving::Modern.policy())?;
        config.set_application_protocol_preference(["h2", "http/1.1"])?;
        // The edge asks no client for a certificate, so it needs no trust store, which s2n-tls would otherwise copy.
        config.with_system_certs(false)?;
        // Blinding guards one peer against another's timing at the price of holding every failed handshake for
        // 10 to 30 seconds; with the AEAD and constant-time CBC code in use that is a worse bargain.
        config.set_max_blinding_delay(0)?;

        let mut defaults: Vec<(KeyKind, CertificateChain<'static>)> = Vec::new();
        let mut names = Vec::new();
        for pair in files {
            let (chain, kind) = chain(pair, &mut names)?;
            config.load_chain(chain.clone())?;
            if !defaults.iter().any(|(other, _)| *other == kind) {
                defaults.push((kind, chain));
            }
        }
        // For clients without SNI, and for names no certificate has: the first of each kind of key.
        config.set_default_chains(defaults.into_iter().map(|(_, chain)| chain))?;
        names.dedup();
        Ok(Self {
            config: config.build()?,
            stamps,
            names,
        })
    }
}

/// The kinds of key of which a TLS configuration can have one default each.
#[derive(PartialEq, Eq)]
enum KeyKind {
    Rsa,
    RsaPss,
    Ecdsa,
    Other,
}

fn chain(
    pair: &CertificateFiles,
    names: &mut Vec<String>,
) -> Result<(CertificateChain<'static>, KeyKind), CertificateError> {
    let pem = read(&pair.cert)?;
    let key = read(&pair.key)?;
    let unusable = |error: &S2nError| CertificateError::Unusable {
        cert: pair.cert.clone(),
        key: pair.key.clone(),
        name: error.name(),
        reason: error.message(),
    };
    let mut builder = cert_chain::Builder::new()?;
    builder
        .load_pem(&pem, &key)
        .map_err(|error| unusable(&error))?;
    let chain = builder.build().map_err(|error| unusable(&error))?;

    let no_certificate = || CertificateError::NoCertificate(pair.cert.clone());
    let first = Pem::iter_from_buffer(&pem)
        .next()
        .ok_or_else(no_certificate)?
        .map_err(|_| no_certificate())?;
    let leaf = first.parse_x509().map_err(|_| no_certificate())?;
    if let Ok(Some(extension)) = leaf.subject_alternative_name() {
        names.extend(
            extension
                .value
                .general_names
                .iter()
                .filter_map(|name| match name {
                    x509_parser::extensions::GeneralName::DNSName(name) => Some((*name).to_owned()),
                    _ => None,
                }),
        );
    }
    // RFC 8017 appendix A (RSA and RSASSA-PSS), RFC 5480 section 2.1 (EC).
    let kind = match leaf
        .public_key()
        .algorithm
        .algorithm
        .to_id_string()
        .as_str()
    {
        "1.2.840.113549.1.1.1" => KeyKind::Rsa,
        "1.2.840.113549.1.1.10" => KeyKind::RsaPss,
        "1.2.840.10045.2.1" => KeyKind::Ecdsa,
        _ => KeyKind::Other,
    };
    Ok((chain, kind))
}

fn read(path: &Path) -> Result<Vec<u8>, CertificateError> {
    std::fs::read(path).map_err(|source| CertificateError::Read {
        path: path.to_owned(),
        source,
    })
}

fn stamps(files: &[CertificateFiles]) -> Vec<Stamp> {
    let stamp = |path: &PathBuf| {
        let metadata = std::fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len(), metadata.ino()))
    };
    files
        .iter()
        .flat_map(|pair| [stamp(&pair.cert), stamp(&pair.key)])
        .collect()
}
