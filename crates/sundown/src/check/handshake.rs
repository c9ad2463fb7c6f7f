//! Sundown's own handshake: as broad an offer as s2n-tls can make, the certificate always verified.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use floor::Alert;
use hello::names::Named;
use jiff::Timestamp;
use s2n_tls::callbacks::VerifyHostNameCallback;
use s2n_tls::config::Config;
use s2n_tls::connection::{Builder, Connection};
use s2n_tls::enums::{AlertBehavior, Mode};
use s2n_tls::error::{Error, ErrorType};
use s2n_tls::security::Policy;
use s2n_tls_tokio::{TlsConnector, TlsStream};
use serde::Serialize;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::tap::{Record, Tap};
use super::target::Target;
use super::text::printable;

/// Made for clients that must reach old servers: TLS 1.0 to 1.3, hybrids with ML-KEM, AEAD suites before CBC.
const POLICY: &str = "CloudFront-Upstream-TLS-1-0-2025-PQ";

/// A stream after its handshake.
pub(super) type Secured = TlsStream<Tap<TcpStream>, Client>;

/// Why there was no handshake.
pub(super) enum Failure {
    /// The server will not have this client: a verdict.
    Refused(Alert),
    /// Nothing can be said about the server's floor.
    Unable(anyhow::Error),
}

/// Whom to believe.
pub(super) struct Trust {
    config: Config,
    /// The PEM file that takes the place of the system's authorities.
    file: Option<PathBuf>,
}

impl Trust {
    pub(super) fn new(file: Option<&Path>) -> anyhow::Result<Self> {
        let mut config = Config::builder();
        config.set_security_policy(&Policy::from_version(POLICY)?)?;
        config.set_application_protocol_preference(["http/1.1"])?;
        // It protects a server's keys from someone who measures many handshakes; here it would only delay the report.
        config.set_max_blinding_delay(0)?;
        // Some servers warn of a name they do not know, and go on (RFC 6066 section 3).
        config.set_alert_behavior(AlertBehavior::IgnoreWarnings)?;
        if let Some(file) = file {
            let pem = certificates(file)?;
            config.with_system_certs(false)?;
            config.trust_pem(pem.as_bytes()).map_err(|error| {
                anyhow!(
                    "{} holds a certificate that cannot be read ({error}); --ca takes X.509 certificates in PEM form",
                    file.display()
                )
            })?;
        }
        let config = config.build().context(
            "the system's trusted authorities cannot be loaded; install ca-certificates, or name a PEM file with --ca",
        )?;
        Ok(Self {
            config,
            file: file.map(Path::to_owned),
        })
    }
}

impl fmt::Display for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(file) => write!(f, "{}", file.display()),
            None => f.write_str("the system's authorities"),
        }
    }
}

/// The text of a PEM file as far as its last certificate: s2n-tls takes anything after that for another one.
fn certificates(file: &Path) -> anyhow::Result<String> {
    const END: &str = "-----END CERTIFICATE-----";
    let mut text = std::fs::read_to_string(file)
        .with_context(|| format!("cannot read {}; --ca takes a PEM file", file.display()))?;
    let Some(last) = text.rfind(END) else {
        bail!(
            "{} holds no certificate; --ca takes a PEM file, which has lines with BEGIN CERTIFICATE",
            file.display()
        );
    };
    text.truncate(last + END.len());
    text.push('\n');
    Ok(text)
}

/// A connection that leaves the server's alert behind when it goes; a mere goodbye (`close_notify`) is none.
pub(super) struct Client {
    connection: Connection,
    record: Record,
}

impl AsRef<Connection> for Client {
    fn as_ref(&self) -> &Connection {
        &self.connection
    }
}

impl AsMut<Connection> for Client {
    fn as_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let close_notify = |alert: &u8| *alert == 0;
        if let Some(alert) = self.connection.alert().filter(|alert| !close_notify(alert)) {
            self.record.wire().alert = Some(alert);
        }
    }
}

#[derive(Clone)]
struct Opener {
    config: Config,
    address: Option<IpAddr>,
    record: Record,
}

impl Builder for Opener {
    type Output = Client;

    fn build_connection(&self, mode: Mode) -> Result<Client, Error> {
        let mut connection = Connection::new(mode);
        connection.set_config(self.config.clone())?;
        if let Some(address) = self.address {
            connection.set_verify_host_callback(IsAddress(address))?;
        }
        Ok(Client {
            connection,
            record: self.record.clone(),
        })
    }
}

/// A certificate for an address names it as an address (RFC 9525 section 6.5).
struct IsAddress(IpAddr);

impl VerifyHostNameCallback for IsAddress {
    fn verify_host_name(&self, name: &str) -> bool {
        name.parse() == Ok(self.0)
    }
}

/// Completes a handshake with the server at the other end of `stream`.
pub(super) async fn shake(
    stream: TcpStream,
    target: &Target,
    trust: &Trust,
    record: &Record,
    deadline: Instant,
) -> Result<Secured, Failure> {
    let address = target.address();
    let opener = Opener {
        config: trust.config.clone(),
        address,
        record: record.clone(),
    };
    // An address is no server name (RFC 6066 section 3); s2n-tls sends none when it is empty.
    let name = if address.is_some() { "" } else { &target.host };
    let connector = TlsConnector::new(opener);
    let shaking = connector.connect(name, Tap::new(stream, record.clone()));
    match timeout_at(deadline, shaking).await {
        Ok(Ok(secured)) => Ok(secured),
        Ok(Err(error)) => Err(failure(&error, target, trust, record)),
        Err(_) => Err(Failure::Unable(anyhow!(
            "{} takes connections and did not finish a TLS handshake in time; is that the port of a TLS server?",
            target.place()
        ))),
    }
}

fn failure(error: &Error, target: &Target, trust: &Trust, record: &Record) -> Failure {
    let wire = record.wire();
    let server = target.place();
    let opening = wire.opening();
    if let Some(code) = wire.alert {
        return match verdict(code, opening) {
            Some(alert) => Failure::Refused(alert),
            None => Failure::Unable(alerted(&server, code)),
        };
    }
    Failure::Unable(match (opening.first(), error.kind()) {
        (Some(first), _) if !matches!(first, 0x14..=0x18) => not_tls(&server, opening),
        _ if error.name().starts_with("S2N_ERR_CERT_") => untrusted(error, target, trust),
        (None, ErrorType::ConnectionClosed | ErrorType::IOError) => anyhow!(
            "{server} closed the connection without an answer to the hello; a middlebox may do so, and so may a server that should send an alert"
        ),
        (Some(_), ErrorType::ConnectionClosed | ErrorType::IOError) => {
            anyhow!(
                "{server} closed the connection in the middle of the handshake; its log may say why"
            )
        }
        _ => anyhow!(
            "the handshake with {server} failed: {} ({}); `openssl s_client -connect {server}` gives a second opinion",
            error.message(),
            error.name()
        ),
    })
}

/// The first byte of a record that carries an alert (RFC 8446 section 5.1).
const ALERT_RECORD: u8 = 0x15;

/// The alerts that say that this client is not good enough. `handshake_failure` says so as the answer to the
/// hello; later it can mean anything, a missing client certificate most of all.
fn verdict(code: u8, opening: &[u8]) -> Option<Alert> {
    let known = [
        Alert::ProtocolVersion,
        Alert::InsufficientSecurity,
        Alert::HandshakeFailure,
    ];
    let alert = known.into_iter().find(|alert| alert.code() == code)?;
    let answers_hello = opening.first() == Some(&ALERT_RECORD);
    (alert != Alert::HandshakeFailure || answers_hello).then_some(alert)
}

/// RFC 6066 section 3.
const UNRECOGNIZED_NAME: u8 = 112;

fn alerted(server: &str, code: u8) -> anyhow::Error {
    let remedy = match code {
        UNRECOGNIZED_NAME => "it does not serve that name; check the URL",
        _ => {
            "its log may say why; where it wants a client certificate, this check has none to give"
        }
    };
    anyhow!(
        "{server} ended the connection with alert {code} {}; {remedy}",
        Named::Alert(code)
    )
}

fn not_tls(server: &str, opening: &[u8]) -> anyhow::Error {
    const OPENINGS: &[(&[u8], &str)] = &[(b"HTTP/", "plain HTTP"), (b"SSH-", "SSH")];
    match OPENINGS
        .iter()
        .find(|(known, _)| opening.starts_with(known))
    {
        Some((_, protocol)) => {
            anyhow!("{server} speaks {protocol}, not TLS; give the port where it speaks TLS")
        }
        None => anyhow!(
            "{server} does not speak TLS, it begins with \"{}\"; give the port where it speaks TLS",
            opening
                .iter()
                .take(24)
                .copied()
                .collect::<Vec<u8>>()
                .escape_ascii()
        ),
    }
}

fn untrusted(error: &Error, target: &Target, trust: &Trust) -> anyhow::Error {
    let server = target.place();
    match error.name() {
        "S2N_ERR_CERT_UNTRUSTED" => anyhow!(
            "the certificate of {server} leads to no authority that is trusted here ({trust}); --ca FILE trusts the authorities in a PEM file"
        ),
        "S2N_ERR_CERT_INVALID_HOSTNAME" => anyhow!(
            "the certificate of {server} is not for {}; use a name that it carries, or give the server a certificate for this one",
            target.host
        ),
        "S2N_ERR_CERT_EXPIRED" => {
            anyhow!("the certificate of {server} has expired; the server needs a new one")
        }
        "S2N_ERR_CERT_NOT_YET_VALID" => {
            anyhow!("the certificate of {server} is not valid yet; check this machine's clock")
        }
        name => anyhow!(
            "the certificate of {server} is not accepted: {} ({name}); the server needs another one",
            error.message()
        ),
    }
}

/// The server's own certificate. One that nobody vouches for ends the check.
#[derive(Debug, Serialize)]
pub(super) struct Certificate {
    pub(super) subject: String,
    pub(super) issuer: String,
    pub(super) expires: Timestamp,
    /// Whose word was taken for it: the PEM file, or the system's authorities.
    pub(super) verified_by: String,
}

/// Who the server is.
pub(super) fn certificate(connection: &Connection, trust: &Trust) -> anyhow::Result<Certificate> {
    let chain = connection.peer_cert_chain()?;
    let leaf = chain
        .iter()
        .next()
        .context("the server has no certificate")??;
    let (_, leaf) = X509Certificate::from_der(leaf.der()?)
        .context("the server's certificate was verified and cannot be shown; please report this")?;
    Ok(Certificate {
        subject: printable(&leaf.subject().to_string()),
        issuer: printable(&leaf.issuer().to_string()),
        expires: Timestamp::from_second(leaf.validity().not_after.timestamp())?,
        verified_by: trust.to_string(),
    })
}
