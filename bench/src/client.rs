//! A TLS client held to one version, one suite, one group and one kind of signature.
//!
//! Every server then does the same cryptography, whatever it would prefer. Nothing is resumed.

use std::cell::Cell;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use rustls::client::Resumption;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs::{self, cipher_suite, kx_group};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::certificates::NAME;

/// No answer here is longer.
const LONGEST_ANSWER: usize = 64 * 1024;

/// Addresses a load comes from, 127.0.0.2 upwards: one address runs out of ports within seconds, because each
/// closed connection keeps its port for a minute.
const SOURCES: u8 = 64;

/// What a client is held to. The cipher is always AES-128-GCM.
///
/// In TLS 1.2 the groups a client offers also limit the curve of the server's key (RFC 8422, 5.1), so with the
/// P-256 leaf the one group has to be secp256r1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// TLS 1.3, ECDSA P-256 leaf.
    Tls13,
    /// TLS 1.2, ECDSA P-256 leaf.
    Tls12,
    /// TLS 1.2, RSA-2048 leaf.
    Tls12Rsa,
}

impl Profile {
    fn config(self, roots: Option<&RootCertStore>) -> Result<ClientConfig> {
        let (version, suite, group, scheme) = match self {
            Self::Tls13 => (
                &TLS13,
                cipher_suite::TLS13_AES_128_GCM_SHA256,
                kx_group::X25519,
                SignatureScheme::ECDSA_NISTP256_SHA256,
            ),
            Self::Tls12 => (
                &TLS12,
                cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
                kx_group::SECP256R1,
                SignatureScheme::ECDSA_NISTP256_SHA256,
            ),
            Self::Tls12Rsa => (
                &TLS12,
                cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
                kx_group::SECP256R1,
                SignatureScheme::RSA_PKCS1_SHA256,
            ),
        };
        let mut provider = aws_lc_rs::default_provider();
        provider.cipher_suites = vec![suite];
        provider.kx_groups = vec![group];
        let provider = Arc::new(provider);
        let verifier = roots
            .map(|roots| {
                WebPkiServerVerifier::builder_with_provider(
                    Arc::new(roots.clone()),
                    Arc::clone(&provider),
                )
                .build()
            })
            .transpose()?;
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(OneScheme { verifier, scheme }))
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        Ok(config)
    }
}

/// Opens connections to one server.
pub(crate) struct Client {
    server: SocketAddr,
    connector: TlsConnector,
    sources: Sources,
}

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Head and body, bytes.
    pub(crate) size: usize,
    /// The body.
    pub(crate) body: Vec<u8>,
}

impl Client {
    /// A client of `server` that trusts `roots`; without them it verifies nothing, which under load leaves the CPU
    /// time to more handshakes.
    pub(crate) fn new(
        server: SocketAddr,
        profile: Profile,
        roots: Option<&RootCertStore>,
    ) -> Result<Self> {
        Ok(Self {
            server,
            connector: TlsConnector::from(Arc::new(profile.config(roots)?)),
            sources: Sources::default(),
        })
    }

    /// A full handshake.
    pub(crate) async fn connect(&self) -> Result<TlsStream<TcpStream>> {
        let tcp = self.sources.connect(self.server).await?;
        let name = ServerName::try_from(NAME)?;
        self.connector
            .connect(name, tcp)
            .await
            .context("TLS handshake")
    }

    /// A full handshake, one request for `path`, its answer, and the server's close.
    pub(crate) async fn ask_once(&self, path: &str) -> Result<Answer> {
        let mut stream = self.connect().await?;
        let answer = ask(&mut stream, path, "close").await?;
        match stream.read_u8().await {
            Ok(_) => bail!("bytes after the answer"),
            // With or without close_notify, it is the end; a reset is not.
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(answer),
            Err(error) => Err(error).context("instead of the server's close"),
        }
    }
}

/// Sends one request on `stream` and reads its answer, which has to be a 200 with a length.
pub(crate) async fn ask<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    path: &str,
    connection: &str,
) -> Result<Answer> {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {NAME}\r\nAccept: */*\r\nConnection: {connection}\r\n\r\n"
    );
    stream
        .write_all(request.as_bytes())
        .await
        .context("sending a request")?;
    stream.flush().await?;
    let mut bytes = Vec::with_capacity(4096);
    let (head, length) = loop {
        ensure!(
            stream
                .read_buf(&mut bytes)
                .await
                .context("reading an answer")?
                > 0,
            "closed instead of an answer"
        );
        ensure!(
            bytes.len() <= LONGEST_ANSWER,
            "the answer is longer than {LONGEST_ANSWER} bytes"
        );
        if let Some(head) = bytes.windows(4).position(|end| end == b"\r\n\r\n") {
            break (
                head + 4,
                content_length(bytes.get(..head).unwrap_or_default())?,
            );
        }
    };
    ensure!(
        length <= LONGEST_ANSWER,
        "the answer is longer than {LONGEST_ANSWER} bytes"
    );
    while bytes.len() < head + length {
        ensure!(
            stream
                .read_buf(&mut bytes)
                .await
                .context("reading an answer")?
                > 0,
            "closed within an answer"
        );
    }
    ensure!(bytes.len() == head + length, "bytes after the answer");
    Ok(Answer {
        size: bytes.len(),
        body: bytes.split_off(head),
    })
}

fn content_length(head: &[u8]) -> Result<usize> {
    let head = std::str::from_utf8(head).context("the answer's head is not text")?;
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap_or_default();
    ensure!(status.starts_with("HTTP/1.1 200"), "answered {status:?}");
    lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .context("the answer has no Content-Length")
}

/// The loopback addresses connections come from, in turn.
#[derive(Debug, Default)]
pub(crate) struct Sources(Cell<u8>);

impl Sources {
    /// A TCP connection to `server` from the next address.
    pub(crate) async fn connect(&self, server: SocketAddr) -> Result<TcpStream> {
        let turn = self.0.get();
        self.0.set((turn + 1) % SOURCES);
        let socket = TcpSocket::new_v4()?;
        socket
            .bind(SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2 + turn), 0)))
            .context("binding a source address")?;
        let stream = socket.connect(server).await.context("connecting")?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

/// The usual verifier or none, offering one signature scheme.
#[derive(Debug)]
struct OneScheme {
    verifier: Option<Arc<WebPkiServerVerifier>>,
    scheme: SignatureScheme,
}

impl ServerCertVerifier for OneScheme {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.verifier.as_ref().map_or_else(
            || Ok(ServerCertVerified::assertion()),
            |verifier| verifier.verify_server_cert(leaf, chain, name, ocsp, now),
        )
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.as_ref().map_or_else(
            || Ok(HandshakeSignatureValid::assertion()),
            |verifier| verifier.verify_tls12_signature(message, leaf, signature),
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.as_ref().map_or_else(
            || Ok(HandshakeSignatureValid::assertion()),
            |verifier| verifier.verify_tls13_signature(message, leaf, signature),
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![self.scheme]
    }
}

#[cfg(test)]
mod tests {
    use super::content_length;

    #[test]
    fn only_a_200_with_a_length_counts() {
        assert_eq!(
            content_length(b"HTTP/1.1 200 OK\r\nServer: x\r\ncontent-length: 12").unwrap(),
            12
        );
        assert!(content_length(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked").is_err());
        assert!(content_length(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 12").is_err());
    }
}
