//! One handshake, with the policy chosen for its hello.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};

use hello::{Version, names};
use ledger::Negotiated;
use s2n_tls::config::Config;
use s2n_tls::connection::{Builder, Connection};
use s2n_tls::enums::{Mode, Version as S2nVersion};
use s2n_tls::error::{Error, ErrorType};
use s2n_tls_tokio::{TlsAcceptor, TlsStream};
use tokio::io::{AsyncRead, AsyncWrite};

use super::policy::Serving;
use accounts::ClientCertificate;

/// A stream after its handshake.
pub(crate) type Secured<S> = TlsStream<S, Watched>;

/// Why a handshake did not complete.
#[derive(Debug)]
pub(crate) enum HandshakeError {
    /// The client went away.
    Abandoned,
    /// One side refused.
    Failed {
        /// s2n-tls's name for it.
        reason: &'static str,
        /// The alert that the client sent.
        alert: Option<u8>,
    },
}

/// A connection that leaves the peer's alert behind: the TLS stream is gone when its handshake fails, and
/// the alert is how a client says that it does not like our certificate.
pub(crate) struct Watched {
    connection: Connection,
    alert: Arc<AtomicU16>,
}

const NO_ALERT: u16 = u16::MAX;

impl AsRef<Connection> for Watched {
    fn as_ref(&self) -> &Connection {
        &self.connection
    }
}

impl AsMut<Connection> for Watched {
    fn as_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(alert) = self.connection.alert() {
            self.alert.store(alert.into(), Relaxed);
        }
    }
}

#[derive(Clone)]
struct PerConnection {
    config: Config,
    serving: Serving,
    http2: bool,
    alert: Arc<AtomicU16>,
}

impl Builder for PerConnection {
    type Output = Watched;

    fn build_connection(&self, mode: Mode) -> Result<Self::Output, Error> {
        let mut connection = Connection::new(mode);
        connection.set_config(self.config.clone())?;
        connection.set_security_policy(self.serving.policy())?;
        if !self.http2 {
            connection.set_application_protocol_preference([b"http/1.1"])?;
        }
        Ok(Watched {
            connection,
            alert: self.alert.clone(),
        })
    }
}

/// Completes the handshake that the hello in front of `stream` asks for.
pub(crate) async fn accept<S>(
    stream: S,
    config: Config,
    serving: Serving,
    http2: bool,
) -> Result<(Secured<S>, Negotiated), HandshakeError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let alert = Arc::new(AtomicU16::new(NO_ALERT));
    let builder = PerConnection {
        config,
        serving,
        http2,
        alert: alert.clone(),
    };
    let failed = |error: &Error| {
        let alert = u8::try_from(alert.load(Relaxed)).ok();
        match error.kind() {
            ErrorType::ConnectionClosed | ErrorType::IOError if alert.is_none() => {
                HandshakeError::Abandoned
            }
            _ => HandshakeError::Failed {
                reason: error.name(),
                alert,
            },
        }
    };
    let stream = TlsAcceptor::new(builder)
        .accept(stream)
        .await
        .map_err(|error| failed(&error))?;
    let negotiated = negotiated(stream.as_ref()).map_err(|error| failed(&error))?;
    Ok((stream, negotiated))
}

/// The client's certificate, as it was verified; `None` if it sent none.
pub(crate) fn client_certificate(connection: &Connection) -> Option<ClientCertificate> {
    if !connection.client_cert_used() {
        return None;
    }
    let chain = connection.peer_cert_chain().ok()?;
    // The leaf comes first (RFC 5246 section 7.4.2, RFC 8446 section 4.4.2).
    let leaf = chain.iter().next()?.ok()?;
    ClientCertificate::read(leaf.der().ok()?)
}

/// What was agreed, on either side of a connection.
///
/// # Errors
///
/// When the handshake is not complete.
pub fn negotiated(connection: &Connection) -> Result<Negotiated, Error> {
    let cipher = connection.cipher_suite()?;
    let cipher = names::cipher_suite_by_name(cipher)
        .and_then(names::cipher_suite)
        .map_or("unknown", |name| name.openssl.unwrap_or(name.iana));
    // s2n-tls says "NONE" for RSA key exchange.
    let group = connection
        .selected_key_exchange_group()
        .and_then(names::group_by_name)
        .and_then(names::group);
    let alpn = connection.application_protocol().and_then(|name| {
        [&b"h2"[..], b"http/1.1"]
            .into_iter()
            .find(|known| *known == name)
    });
    Ok(Negotiated {
        version: version(connection.actual_protocol_version()?),
        cipher,
        group,
        alpn: alpn.and_then(|name| std::str::from_utf8(name).ok()),
        resumed: connection.resumed(),
    })
}

fn version(version: S2nVersion) -> Version {
    match version {
        S2nVersion::SSLV2 => Version::SSLV2,
        S2nVersion::SSLV3 => Version::SSLV3,
        S2nVersion::TLS10 => Version::TLSV1,
        S2nVersion::TLS11 => Version::TLSV1_1,
        S2nVersion::TLS12 => Version::TLSV1_2,
        S2nVersion::TLS13 => Version::TLSV1_3,
        // The enumeration is non-exhaustive; a version it adds has no name here either.
        _ => Version::default(),
    }
}
