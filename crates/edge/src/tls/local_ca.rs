//! A certificate authority of this machine's own, for when no certificates are configured.
//!
//! RSA throughout the chain, and an ECDSA leaf beside the RSA one: clients from before about 2012 verify
//! nothing else. Kept in the data directory, so that a client that trusts it once trusts it after a restart.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, RsaKeySize,
};
use time::{Duration, OffsetDateTime};

use super::certificates::CertificateError;
use crate::clock::real_now;
use crate::settings::CertificateFiles;

/// How long the authority lasts.
const CA_LIFE: Duration = Duration::days(3650);
/// How long a leaf lasts: what browsers accept at most (CA/Browser Forum ballot SC-31 set 398 days).
const LEAF_LIFE: Duration = Duration::days(397);
/// A leaf is made anew at a start when it has less than this left.
const LEAF_RENEWAL: Duration = Duration::days(30);

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// The local authority and the leaves it signed.
pub(crate) struct LocalCa {
    /// The authority's certificate: what a client has to trust.
    pub(crate) ca: PathBuf,
    /// An ECDSA and an RSA pair.
    pub(crate) files: Vec<CertificateFiles>,
}

/// Opens the local authority in `directory`, or makes it, with leaves for `names`.
pub(crate) fn open(
    directory: &Path,
    names: &[String],
) -> std::result::Result<LocalCa, CertificateError> {
    open_or_make(directory, names).map_err(|source| CertificateError::Local {
        directory: directory.to_owned(),
        source,
    })
}

fn open_or_make(directory: &Path, names: &[String]) -> Result<LocalCa> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)?;
    let path = |name: &str| directory.join(name);
    let (ca_cert, ca_key) = (path("ca.pem"), path("ca.key"));
    let leaves = [
        ("ecdsa", &PKCS_ECDSA_P256_SHA256),
        ("rsa", &PKCS_RSA_SHA256),
    ];
    let files: Vec<CertificateFiles> = leaves
        .iter()
        .map(|(kind, _)| CertificateFiles {
            cert: path(&format!("{kind}.pem")),
            key: path(&format!("{kind}.key")),
        })
        .collect();
    let now = OffsetDateTime::from_unix_timestamp(real_now().as_second())?;

    let issuer_key = if ca_cert.exists() && ca_key.exists() {
        KeyPair::from_pem(&fs::read_to_string(&ca_key)?)?
    } else {
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?;
        let certificate = ca_params(now).self_signed(&key)?;
        write_private(&ca_key, &key.serialize_pem())?;
        write_replacing(&ca_cert, &certificate.pem())?;
        // Leaves of an authority that is gone are of no use.
        fs::remove_file(path("names")).or_else(ignore_missing)?;
        key
    };
    let issuer = Issuer::from_ca_cert_pem(&fs::read_to_string(&ca_cert)?, &issuer_key)?;

    let wanted = names.join("\n");
    let current = fs::read_to_string(path("names")).is_ok_and(|names| names == wanted);
    let lasting = files
        .iter()
        .all(|pair| pair.key.exists() && lasts(&pair.cert, now + LEAF_RENEWAL));
    if !(current && lasting) {
        for ((_, algorithm), pair) in leaves.iter().zip(&files) {
            let key = if *algorithm == &PKCS_RSA_SHA256 {
                KeyPair::generate_rsa_for(algorithm, RsaKeySize::_2048)?
            } else {
                KeyPair::generate_for(algorithm)?
            };
            let certificate = leaf_params(names, now)?.signed_by(&key, &issuer)?;
            write_private(&pair.key, &key.serialize_pem())?;
            write_replacing(
                &pair.cert,
                &format!("{}{}", certificate.pem(), fs::read_to_string(&ca_cert)?),
            )?;
        }
        write_replacing(&path("names"), &wanted)?;
    }
    Ok(LocalCa { ca: ca_cert, files })
}

fn ca_params(now: OffsetDateTime) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = name("Sundown local CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = now - Duration::days(1);
    params.not_after = now + CA_LIFE;
    params
}

fn leaf_params(names: &[String], now: OffsetDateTime) -> Result<CertificateParams> {
    let mut params = CertificateParams::new(names.to_vec())?;
    params.distinguished_name = name(names.first().map_or("localhost", String::as_str));
    params.key_usages = vec![
        KeyUsagePurpose::DigitalSignature,
        KeyUsagePurpose::KeyEncipherment,
    ];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    params.not_before = now - Duration::days(1);
    params.not_after = now + LEAF_LIFE;
    Ok(params)
}

fn name(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

/// Whether the first certificate in the file is valid past `moment`.
fn lasts(cert: &Path, moment: OffsetDateTime) -> bool {
    let Ok(bytes) = fs::read(cert) else {
        return false;
    };
    let Some(Ok(pem)) = x509_parser::pem::Pem::iter_from_buffer(&bytes).next() else {
        return false;
    };
    pem.parse_x509()
        .is_ok_and(|leaf| leaf.validity().not_after.timestamp() > moment.unix_timestamp())
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    fs::remove_file(path).or_else(ignore_missing)?;
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?
        .write_all(text.as_bytes())
}

/// A reader sees the old file or the new one, never half of either.
fn write_replacing(path: &Path, text: &str) -> io::Result<()> {
    let new = path.with_extension("new");
    fs::write(&new, text)?;
    fs::rename(new, path)
}

fn ignore_missing(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound {
        Ok(())
    } else {
        Err(error)
    }
}
