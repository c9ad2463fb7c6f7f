//! Connections to upstreams: name, TCP, TLS and the beginning of HTTP together under one deadline.
//!
//! An upstream that takes the connection and never finishes its handshake would otherwise hold a request, and a
//! descriptor, for as long as it likes.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Uri;
use hyper::client::conn::http2;
use hyper::http::uri::{PathAndQuery, Scheme};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use s2n_tls::config::Config;
use s2n_tls::connection::{Builder, Connection};
use s2n_tls::enums::Mode;
use s2n_tls_tokio::{TlsConnector, TlsStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower_service::Service;

use super::Way;
use super::lane::Lane;
use crate::settings;
use crate::tls::policy::Serving;
use crate::wire::Wire;

/// What a service speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speaks {
    /// HTTP/1.1 alone.
    Http1,
    /// HTTP/2 without asking first (RFC 9113 section 3.3).
    Http2,
    /// What the TLS handshake agrees on (RFC 7301).
    Either,
}

/// Why there is no connection to an upstream.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The file of trusted certificates cannot be read.
    #[error("{}: {source}", path.display())]
    Trusted {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The file of trusted certificates holds none.
    #[error("{}: no certificate in PEM form; it should begin with -----BEGIN CERTIFICATE-----", .0.display())]
    NoCertificate(PathBuf),
    /// The TLS library refused the configuration.
    #[error("TLS towards upstreams: {0}")]
    Configuration(#[source] s2n_tls::error::Error),
    /// No TCP connection.
    #[error("{0}")]
    Tcp(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The TLS handshake failed.
    #[error("TLS with {name}: {}{}", source.message(), remedy(source))]
    Tls {
        /// The name that the certificate has to be for.
        name: String,
        /// The reason.
        source: s2n_tls::error::Error,
    },
    /// HTTP could not begin.
    #[error("{0}")]
    Http(#[from] hyper::Error),
    /// Not in time.
    #[error("no connection, TLS included, within {0:?} (limits.upstream_connect)")]
    Late(Duration),
}

fn remedy(error: &s2n_tls::error::Error) -> &'static str {
    match error.name() {
        "S2N_ERR_CERT_UNTRUSTED" => {
            "; its certificate is signed by nobody trusted here: name its authority in upstream_ca, or trust it on this machine"
        }
        "S2N_ERR_CERT_INVALID_HOSTNAME" => {
            "; its certificate is for another name than the one in `upstream`"
        }
        "S2N_ERR_CERT_EXPIRED" => "; its certificate has expired",
        _ => "",
    }
}

/// Connects to one upstream.
pub(super) struct Connector {
    to: Uri,
    tcp: HttpConnector,
    tls: Option<Tls>,
    speaks: Speaks,
    limit: Duration,
}

#[derive(Clone)]
struct Tls {
    config: Config,
    name: String,
    http2: bool,
}

impl Connector {
    pub(super) fn new(
        to: &settings::Upstream,
        trusted: Option<&Path>,
        limit: Duration,
    ) -> Result<Self, ConnectError> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        // Shared out among a name's addresses, so that one that does not answer leaves time for the next.
        tcp.set_connect_timeout(Some(limit));
        let tls = if to.scheme == Scheme::HTTPS {
            Some(Tls {
                config: config(trusted)?,
                name: host_name(to.authority.host()),
                http2: true,
            })
        } else {
            None
        };
        let speaks = match (&tls, to.http2) {
            (_, true) => Speaks::Http2,
            (Some(_), false) => Speaks::Either,
            (None, false) => Speaks::Http1,
        };
        let uri = Uri::builder()
            .scheme(to.scheme.clone())
            .authority(to.authority.clone())
            .path_and_query(PathAndQuery::from_static("/"))
            .build()
            .map_err(|error| ConnectError::Tcp(error.into()))?;
        Ok(Self {
            to: uri,
            tcp,
            tls,
            speaks,
            limit,
        })
    }

    pub(super) const fn speaks(&self) -> Speaks {
        self.speaks
    }

    /// A new connection that speaks no other than `speaks`.
    pub(super) async fn connect(&self, speaks: Speaks) -> Result<Way, ConnectError> {
        timeout(self.limit, self.open(speaks))
            .await
            .unwrap_or(Err(ConnectError::Late(self.limit)))
    }

    async fn open(&self, speaks: Speaks) -> Result<Way, ConnectError> {
        let mut tcp = self.tcp.clone();
        let socket = tcp
            .call(self.to.clone())
            .await
            .map_err(|error| ConnectError::Tcp(error.into()))?
            .into_inner();
        let (stream, http2) = match &self.tls {
            None => (Stream::Plain(socket), speaks == Speaks::Http2),
            Some(tls) => {
                let tls = Tls {
                    http2: speaks != Speaks::Http1,
                    ..tls.clone()
                };
                let name = tls.name.clone();
                let stream = TlsConnector::new(tls)
                    .connect(&name, Wire::new(socket, Vec::new()))
                    .await
                    .map_err(|source| ConnectError::Tls { name, source })?;
                let http2 = stream.as_ref().application_protocol() == Some(b"h2");
                (Stream::Tls(Box::new(stream)), http2)
            }
        };
        if !http2 {
            return Ok(Way::Alone(Lane::over(stream).await?));
        }
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .handshake(TokioIo::new(stream))
            .await?;
        tokio::spawn(async move {
            // Each request on it is told by itself.
            if let Err(error) = connection.await {
                tracing::debug!(%error, "HTTP/2 connection to an upstream ended");
            }
        });
        Ok(Way::Shared(sender))
    }
}

impl Builder for Tls {
    type Output = Connection;

    fn build_connection(&self, mode: Mode) -> Result<Connection, s2n_tls::error::Error> {
        let mut connection = Connection::new(mode);
        connection.set_config(self.config.clone())?;
        if self.http2 {
            connection.set_application_protocol_preference(["h2", "http/1.1"])?;
        } else {
            connection.set_application_protocol_preference(["http/1.1"])?;
        }
        Ok(connection)
    }
}

/// Without the brackets that a URL puts around an IPv6 address.
fn host_name(host: &str) -> String {
    host.trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned()
}

fn config(trusted: Option<&Path>) -> Result<Config, ConnectError> {
    let mut config = Config::builder();
    let pem = trusted
        .map(|path| {
            std::fs::read(path).map_err(|source| ConnectError::Trusted {
                path: path.to_owned(),
                source,
            })
        })
        .transpose()?;
    let mut build = || {
        config.set_security_policy(Serving::Modern.policy())?;
        // Or a request waits 10 to 30 seconds to hear that its upstream's certificate is not trusted.
        config.set_max_blinding_delay(0)?;
        config.with_system_certs(pem.is_none()).map(|_| ())
    };
    build().map_err(ConnectError::Configuration)?;
    if let (Some(pem), Some(path)) = (pem, trusted) {
        config
            .trust_pem(&pem)
            .map_err(|_| ConnectError::NoCertificate(path.to_owned()))?;
    }
    config.build().map_err(ConnectError::Configuration)
}

/// What HTTP towards an upstream travels on.
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<Wire<TcpStream>, Connection>>),
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
