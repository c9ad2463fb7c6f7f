//! One real handshake and one real exchange, written down: what every connection of the load says again.
//!
//! A service that answers with what it said once costs next to nothing, so that the proxy is what is measured; and a
//! proxy that does not end TLS cannot tell the difference.

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection};

use crate::certificates::{Certificates, NAME};

/// What the application answers.
const ANSWER: usize = 1024;
const REQUEST: &[u8] =
    b"GET /orders HTTP/1.1\r\nHost: api.example.com\r\nAccept: */*\r\nUser-Agent: bench\r\n\r\n";

/// The four flights of a TLS 1.3 connection with one request.
pub(crate) struct Recording {
    /// ClientHello.
    pub(crate) hello: Vec<u8>,
    /// ServerHello to Finished, with an ECDSA certificate.
    pub(crate) flight: Vec<u8>,
    /// The client's Finished and its request.
    pub(crate) second: Vec<u8>,
    /// 1 KiB of answer.
    pub(crate) answer: Vec<u8>,
}

impl Recording {
    /// Shakes hands in memory.
    pub(crate) fn make(certificates: &Certificates) -> Result<Self> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let client = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()?
            .with_root_certificates(certificates.roots.clone())
            .with_no_client_auth();
        let leaf = CertificateDer::from_pem_file(&certificates.ecdsa.cert)?;
        let key = PrivateKeyDer::from_pem_file(&certificates.ecdsa.key)?;
        let mut server = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![leaf], key)?;
        server.send_tls13_tickets = 0;
        let mut client = ClientConnection::new(Arc::new(client), ServerName::try_from(NAME)?)?;
        let mut server = ServerConnection::new(Arc::new(server))?;

        let hello = said(&mut client)?;
        hear(&mut server, &hello)?;
        let flight = said(&mut server)?;
        hear(&mut client, &flight)?;
        client.writer().write_all(REQUEST)?;
        let second = said(&mut client)?;
        hear(&mut server, &second)?;
        let mut request = vec![0; REQUEST.len()];
        server
            .reader()
            .read_exact(&mut request)
            .context("the request did not arrive")?;
        ensure!(
            !server.is_handshaking() && !client.is_handshaking(),
            "the handshake was not complete"
        );
        server.writer().write_all(&[b'x'; ANSWER])?;
        let answer = said(&mut server)?;
        Ok(Self {
            hello,
            flight,
            second,
            answer,
        })
    }

    /// In words, for the result.
    pub(crate) fn describe(&self) -> String {
        format!(
            "{} bytes of hello, {} of the service's flight, {} of Finished and request, {} of answer",
            self.hello.len(),
            self.flight.len(),
            self.second.len(),
            self.answer.len()
        )
    }
}

fn said<Data>(connection: &mut rustls::ConnectionCommon<Data>) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while connection.wants_write() {
        connection.write_tls(&mut bytes)?;
    }
    Ok(bytes)
}

fn hear<Data>(connection: &mut rustls::ConnectionCommon<Data>, mut bytes: &[u8]) -> Result<()> {
    while !bytes.is_empty() {
        connection.read_tls(&mut bytes)?;
        connection.process_new_packets()?;
    }
    Ok(())
}
