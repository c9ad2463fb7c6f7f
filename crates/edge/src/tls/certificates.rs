//! Certificates from PEM files, several by SNI, ECDSA and RSA side by side, read again when they change.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use s2n_tls::callbacks::VerifyHostNameCallback;
use s2n_tls::cert_chain::{self, CertificateChain};
use s2n_tls::config::{self, Config};
use s2n_tls::enums::ClientAuthType;
use s2n_tls::error::Error as S2nError;
use x509_parser::pem::Pem;

use super::policy::Serving;
use super::tickets::Tickets;
use crate::settings::{CertificateFiles, ClientCertificates};
use accounts::{Stamp, stamp};

/// The certificates of one listener, as a TLS configuration that is swapped when a file changes.
pub(crate) struct Certificates {
    files: Vec<CertificateFiles>,
    clients: Vec<ClientCertificates>,
    /// `None` where clients may not resume.
    tickets: Option<Arc<Tickets>>,
    current: ArcSwap<Loaded>,
    /// The files that could not be used when they were last looked at: once is enough to say so.
    unusable: Mutex<Option<Vec<Stamp>>>,
}

struct Loaded {
    /// For the modern policy, with tickets.
    modern: Config,
    /// For the legacy policy, without: what the plan lets in for now is to come through the whole handshake each time.
    legacy: Config,
    /// Where clients are asked for a certificate: by server name, as the settings list them. Without tickets: a session
    /// that is resumed shows no certificate.
    asking: Vec<(Option<String>, Config)>,
    chains: Vec<(KeyKind, CertificateChain<'static>)>,
    stamps: Vec<Stamp>,
    names: Vec<String>,
    /// The newest ticket key it was made with.
    ticket_key: Option<[u8; 16]>,
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
    /// The authorities for client certificates cannot be used.
    #[error("{}: these cannot be authorities for client certificates: {reason} ({name})", ca.display())]
    Authorities {
        /// The file.
        ca: PathBuf,
        /// s2n-tls's name for the fault.
        name: &'static str,
        /// s2n-tls's words for it.
        reason: &'static str,
    },
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
    pub(crate) fn load(
        files: Vec<CertificateFiles>,
        clients: Vec<ClientCertificates>,
        tickets: Option<Arc<Tickets>>,
    ) -> Result<Self, CertificateError> {
        let loaded = Loaded::read(&files, &clients, tickets.as_deref())?;
        Ok(Self {
            files,
            clients,
            tickets,
            current: ArcSwap::from_pointee(loaded),
            unusable: Mutex::default(),
        })
    }

    /// The configuration to use for the next handshake under this policy, for the server name in its hello.
    pub(crate) fn config(&self, serving: Serving, sni: Option<&str>) -> Config {
        let current = self.current.load();
        let named = |wanted: &Option<String>| match (wanted, sni) {
            (Some(wanted), Some(sni)) => floor::same_name(wanted, sni),
            _ => false,
        };
        let asking = &current.asking;
        let usual = match serving {
            Serving::Modern => &current.modern,
            Serving::Legacy => &current.legacy,
        };
        // One for this name goes before one for every name.
        asking
            .iter()
            .find(|(wanted, _)| named(wanted))
            .or_else(|| asking.iter().find(|(wanted, _)| wanted.is_none()))
            .map_or(usual, |(_, config)| config)
            .clone()
    }

    /// Takes up a ticket key that was made since. Needs no file, so that nothing that is wrong with one keeps an old
    /// key in use.
    pub(crate) fn use_newest_ticket_key(&self) -> Result<(), CertificateError> {
        let newest = self.tickets.as_ref().and_then(|tickets| tickets.newest());
        let current = self.current.load();
        if current.ticket_key != newest {
            let loaded = Loaded::build(
                current.chains.clone(),
                current.asking.clone(),
                current.stamps.clone(),
                current.names.clone(),
                self.tickets.as_deref(),
            )?;
            self.current.store(Arc::new(loaded));
        }
        Ok(())
    }

    /// The host names that the certificates are for.
    pub(crate) fn names(&self) -> Vec<String> {
        self.current.load().names.clone()
    }

    /// Reads the files again if one has changed; on an error, given once for each change, the old ones stay in use.
    pub(crate) fn reload_if_changed(&self) -> Result<bool, CertificateError> {
        let stamps = stamps(&self.files, &self.clients);
        // A whole value is put in its place each time, whatever panicked before.
        let mut unusable = self.unusable.lock().unwrap_or_else(PoisonError::into_inner);
        if self.current.load().stamps == stamps || unusable.as_ref() == Some(&stamps) {
            return Ok(false);
        }
        match Loaded::read(&self.files, &self.clients, self.tickets.as_deref()) {
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
    fn read(
        files: &[CertificateFiles],
        clients: &[ClientCertificates],
        tickets: Option<&Tickets>,
    ) -> Result<Self, CertificateError> {
        // Taken first: a change while reading is seen as a change next time.
        let stamps = stamps(files, clients);
        let mut names = Vec::new();
        let chains = files
            .iter()
            .map(|pair| chain(pair, &mut names).map(|(chain, kind)| (kind, chain)))
            .collect::<Result<Vec<_>, _>>()?;
        names.dedup();
        let asking = clients
            .iter()
            .map(|client| {
                let mut config = config(&chains)?;
                ask_clients(&mut config, &client.ca)?;
                Ok((client.sni.clone(), config.build()?))
            })
            .collect::<Result<_, CertificateError>>()?;
        Self::build(chains, asking, stamps, names, tickets)
    }

    fn build(
        chains: Vec<(KeyKind, CertificateChain<'static>)>,
        asking: Vec<(Option<String>, Config)>,
        stamps: Vec<Stamp>,
        names: Vec<String>,
        tickets: Option<&Tickets>,
    ) -> Result<Self, CertificateError> {
        let mut modern = config(&chains)?;
        // Taken first: a key made meanwhile is taken up next time.
        let ticket_key = tickets.and_then(Tickets::newest);
        if let Some(tickets) = tickets {
            tickets.apply(&mut modern)?;
        }
        Ok(Self {
            modern: modern.build()?,
            legacy: config(&chains)?.build()?,
            asking,
            chains,
            stamps,
            names,
            ticket_key,
        })
    }
}

/// What every configuration of a listener has.
fn config(
    chains: &[(KeyKind, CertificateChain<'static>)],
) -> Result<config::Builder, CertificateError> {
    let mut config = Config::builder();
    config.set_security_policy(Serving::Modern.policy())?;
    config.set_application_protocol_preference(["h2", "http/1.1"])?;
    // Nobody whom the system trusts is trusted to vouch for clients; s2n-tls would otherwise copy that trust store.
    config.with_system_certs(false)?;
    // Blinding guards one peer against another's timing at the price of holding every failed handshake for
    // 10 to 30 seconds; with the AEAD and constant-time CBC code in use that is a worse bargain.
    config.set_max_blinding_delay(0)?;
    let mut defaults: Vec<&(KeyKind, CertificateChain<'static>)> = Vec::new();
    for pair in chains {
        config.load_chain(pair.1.clone())?;
        if !defaults.iter().any(|other| other.0 == pair.0) {
            defaults.push(pair);
        }
    }
    // For clients without SNI, and for names no certificate has: the first of each kind of key.
    config.set_default_chains(defaults.into_iter().map(|(_, chain)| chain.clone()))?;
    Ok(config)
}

/// Has clients asked for a certificate that one of these authorities signed. Who sends none is let in: such a
/// configuration must give out no session tickets, for a session that is resumed shows no certificate.
fn ask_clients(config: &mut config::Builder, ca: &Path) -> Result<(), CertificateError> {
    let pem = read(ca)?;
    if Pem::iter_from_buffer(&pem).next().is_none() {
        return Err(CertificateError::NoCertificate(ca.to_owned()));
    }
    let unusable = |error: S2nError| CertificateError::Authorities {
        ca: ca.to_owned(),
        name: error.name(),
        reason: error.message(),
    };
    config.trust_pem(&pem).map_err(unusable)?;
    config.set_client_auth_type(ClientAuthType::Optional)?;
    config.set_verify_host_callback(AnyHolder)?;
    Ok(())
}

/// A client certificate is for a holder, not for a host.
struct AnyHolder;

impl VerifyHostNameCallback for AnyHolder {
    fn verify_host_name(&self, _: &str) -> bool {
        true
    }
}

/// The kinds of key of which a TLS configuration can have one default each.
#[derive(Clone, Copy, PartialEq, Eq)]
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

fn stamps(files: &[CertificateFiles], clients: &[ClientCertificates]) -> Vec<Stamp> {
    files
        .iter()
        .flat_map(|pair| [&pair.cert, &pair.key])
        .chain(clients.iter().map(|client| &client.ca))
        .map(|path| stamp(path))
        .collect()
}
